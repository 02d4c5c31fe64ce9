"""Everyday jobs without writing YAML: each builds a graph, which --print-graph shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from rotonodes.cli.options import device_option, options, verbose_option
from rotonodes.cli.session import Session, say
from rotonodes.errors import EXIT_OK, UsageError

print_option = click.option("--print-graph", is_flag=True, help="Only show the graph that this runs.")
picture_options = options(
    click.option(
        "-i", "--input", "images", metavar="IMAGES...", multiple=True, help="Pictures: files, folders, 'imgs/*.jpg', 'shot.####.exr'."
    ),
    click.argument("more", metavar="[IMAGES]...", nargs=-1),
    click.option("-o", "--output", metavar="OUT", default="out", show_default=True, help="A folder, or a name with * for each picture's."),
)


@click.command()
@picture_options
@click.option(
    "-m",
    "--model",
    "weights",
    metavar="WEIGHTS",
    required=True,
    help="Network: shipped (tones, cutout), or a file (.safetensors .pth .pt .onnx).",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="How much of a pixel must be no background, for hard masks.")
@click.option("--scale", type=click.FloatRange(0, 16, min_open=True), help="Let the network see the pictures at another size.")
@click.option(
    "--write",
    "form",
    type=click.Choice(["auto", "labels", "values", "matte"]),
    default="auto",
    help="A palette PNG of labels, a grey one of the values in the network's masks, or a matte.  [default: by the network]",
)
@click.option("--values", metavar="N,N,N", help="Write labels as grey, with this value for each class.")
@click.option("--viz", is_flag=True, help="Also write each picture beside its result, and show the first where there is a screen.")
@click.option("--no-save", is_flag=True, help="Write no results.")
@device_option
@print_option
@verbose_option
@click.pass_context
def segment(
    context: click.Context,
    /,
    images: Sequence[str],
    more: Sequence[str],
    output: str,
    weights: str,
    device: str,
    no_save: bool,
    viz: bool,
    print_graph: bool,
    **given: Any,
) -> int:
    """Segment pictures with a network: a class for every pixel, or a matte."""
    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import closing_line, read_model
    from rotonodes.cli.jobs.segmentation import VIZ, segmentation

    pictures, model = named_pictures(images, more), read_model(weights)
    text = segmentation(pictures, output, weights, model, viz=viz, save=not no_save, **given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "segment", context.ensure_object(Session), device)
    if result is not None and code == EXIT_OK:
        say(closing_line(result, model, "network", pictures.count))
        if viz:
            show(pictures.written(output, VIZ))
    return code


@click.command()
@picture_options
@click.option(
    "-m",
    "--model",
    "weights",
    metavar="WEIGHTS",
    required=True,
    help="Network: shipped (tones, cutout), or a file (.safetensors .pth .pt .onnx).",
)
@click.option("--background", metavar="PATH|COLOR", help="Put the cut-outs on a picture, or on a colour (#rrggbb, white).")
@click.option("--no-matte", is_flag=True, help="Write no mattes beside the cut-outs.")
@device_option
@print_option
@verbose_option
@click.pass_context
def cutout(
    context: click.Context,
    /,
    images: Sequence[str],
    more: Sequence[str],
    output: str,
    weights: str,
    background: str | None,
    no_matte: bool,
    device: str,
    print_graph: bool,
) -> int:
    """Cut out what stands out in pictures: each with a soft alpha, or on a new background."""
    from rotonodes.cli.jobs.cutting import cutting
    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import closing_line, read_model

    pictures, model = named_pictures(images, more), read_model(weights)
    text = cutting(pictures, output, weights, background=background, matte=not no_matte)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "cutout", context.ensure_object(Session), device)
    if result is not None and code == EXIT_OK:
        say(closing_line(result, model, "cut", pictures.count))
    return code


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--images", metavar="NAME", default="imgs", show_default=True, help="The folder of pictures in DIR.")
@click.option("--masks", metavar="NAME", default="masks", show_default=True, help="The folder of masks in DIR.")
@click.option("--suffix", metavar="TEXT", default="", help="What masks have behind the picture's name: _mask.  [default: nothing]")
@click.option("-o", "--output", metavar="FILE", default="out/trained.safetensors", show_default=True, help="The weights to write.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), default=20, show_default=True, help="Passes over the pictures.")
@click.option("--batch-size", "batch", type=click.IntRange(1), metavar="N", default=8, show_default=True, help="Pictures a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True, help="The highest one.")
@click.option("--load", metavar="WEIGHTS", help="Go on from these weights, with their architecture.")
@click.option("--scale", type=click.FloatRange(0, 16, min_open=True), help="Let the network see pictures at another size.")
@click.option("--validation", type=click.FloatRange(0, 100), default=10, show_default=True, help="Percent of them to score with, or one.")
@click.option("--amp", is_flag=True, help="Mixed precision, by bfloat16.")
@click.option("--bilinear", is_flag=True, help="Grow maps bilinearly, not by transposed convolutions.")
@click.option("--classes", metavar="N|A,B,C", help="How many classes, or their names, by rising mask value.  [default: those found]")
@click.option("--alpha", is_flag=True, help="Masks are soft mattes of one shape.")
@click.option("--width", type=click.IntRange(1, 256), metavar="N", help="Features of the network's first level.  [default: 32]")
@click.option("--crop", type=click.IntRange(16), metavar="PX", help="Side of the squares to learn from.  [default: 192]")
@click.option("--optimizer", type=click.Choice(["adamw", "adam", "sgd", "rmsprop"]), help="How weights follow the gradient.")
@click.option("--schedule", type=click.Choice(["cosine", "onecycle", "constant", "plateau"]), help="How the learning rate falls.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Where all randomness starts.")
@click.option("--snapshots", is_flag=True, help="Keep the weights of every validation, too.")
@device_option
@print_option
@verbose_option
@click.pass_context
def train(context: click.Context, /, folder: str, output: str, device: str, print_graph: bool, **given: Any) -> int:
    """Train a network on pictures and their masks: DIR/imgs/NAME.jpg with DIR/masks/NAME.png (or .npy, .pt)."""
    import os

    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import network_line, read_model
    from rotonodes.cli.jobs.training import best_line, checkpoints_of, training

    text = training(folder, output, **given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "train", context.ensure_object(Session), device)
    if result is not None and code == EXIT_OK:
        table = os.path.join(checkpoints_of(output), "scores.txt")
        if given["validation"] and os.path.exists(table):
            with open(table, encoding="utf-8") as file:
                click.echo(file.read(), nl=False)
        model = read_model(output)
        say(f"{output}: {'; '.join(filter(None, (network_line(model), best_line(model))))}")
    return code


@click.command("convert-weights")
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option("--licence", metavar="TEXT", default="", help="The licence of the weights, which a checkpoint does not say.")
@click.option("--classes", metavar="A,B,C", help="Names of the classes in index order, instead of those guessed.")
@click.option("--colors", metavar="#RRGGBB,...", help="Their colours, in the same order.")
@verbose_option
def convert_weights(source: str, target: str, licence: str, classes: str | None, colors: str | None) -> int:
    """Write a checkpoint of another project as safetensors that say all about themselves, with a model card."""
    from rotonodes.cli.jobs.job_graph import words
    from rotonodes.cli.jobs.network_facts import network_line
    from rotonodes.nets import convert
    from rotonodes.nets.model_card import card_path

    named = {"classes": words(classes, "--classes") if classes else (), "colors": words(colors, "--colors") if colors else ()}
    model, carded = convert.convert_weights(source, target, licence, **named)
    card = str(card_path(target))
    say(f"{target}: {network_line(model)}; {card if carded else f'{card} was written by hand, and stays'}")
    return EXIT_OK


def named_pictures(images: Sequence[str], more: Sequence[str]) -> Any:
    """The pictures behind -i: a shell that fills in `imgs/*` leaves all but the first of them to stand by themselves."""
    from rotonodes.cli.jobs.named_pictures import Pictures

    if not (images or more):
        raise UsageError("which pictures? name files or a folder: -i IMAGES")
    return Pictures([*images, *more])


def show(path: str) -> None:
    """Open a picture in the viewer of the desktop, where there is one."""
    import os
    import sys

    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        click.launch(path)


@click.command()
@click.option("--prediction", metavar="'p/####.png'", required=True, help="Predicted labels: palette PNGs, grey pictures or .npy.")
@click.option("--truth", metavar="'t/####.png'", required=True, help="True labels, of the same frames.")
@click.option("-F", "--frames", metavar="RANGE", help="Score only these frames.  [default: all on disk]")
@click.option("--classes", metavar="N|A,B,C", help="How many classes, or their names in index order.  [default: the five tones]")
@click.option("--values", metavar="N,N,N", help="Value of each class in the files.  [default: its index]")
@click.option("--truth-values", metavar="N,N,N", help="The same for the truth, where it differs.")
@click.option("--ignore", metavar="NAME", help="Class in the truth whose pixels do not count.")
@click.option("--clip-length", type=click.IntRange(min=0), default=0, metavar="N", help="Frames of each clip: no flicker across cuts.")
@click.option("--worst", metavar="FILE.png", help="Write the worst frames, prediction beside truth, as a sheet.")
@click.option("-o", "--output", metavar="FILE.json", help="Write the scores to a file, too.")
@click.option("--json", "as_json", is_flag=True, help="The scores as JSON.")
@print_option
@verbose_option
@click.pass_context
def evaluate(context: click.Context, /, as_json: bool, print_graph: bool, **given: Any) -> int:
    """Score predicted labels against the truth: IoU, Dice, accuracy, shape, boundaries, flicker."""
    import json

    from rotonodes.cli.jobs.evaluation import evaluation
    from rotonodes.cli.jobs.job_graph import run_job

    text = evaluation(**given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "evaluate", context.ensure_object(Session))
    if result is not None and code == EXIT_OK:
        scores = result.values["scores"]["scores"]
        click.echo(json.dumps(scores.as_json()) if as_json else scores.table())
    return code
