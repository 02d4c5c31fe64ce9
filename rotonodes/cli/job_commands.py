"""Everyday jobs without writing YAML: each builds a graph, which --print-graph prints, and runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.options import device_option, frame_range, options, precision_option, verbose_option
from rotonodes.cli.session import Session, say
from rotonodes.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from rotonodes.cli.jobs.named_pictures import InputPictures

print_option = click.option("--print-graph", is_flag=True, help="Print the graph instead of running it.")
picture_options = options(
    click.option(
        "-i", "--input", "images", metavar="IMAGES...", multiple=True, help="Pictures: files, folders, 'imgs/*.jpg', 'shot.####.exr'."
    ),
    click.argument("more", metavar="[IMAGES]...", nargs=-1),
    click.option(
        "-o",
        "--output",
        metavar="OUT",
        default="out",
        show_default=True,
        help="A folder, or a file name with * for each picture's name (segment: .psd for layers).",
    ),
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
@click.option("--threshold", type=click.FloatRange(0, 1), help="Foreground share from which a pixel is foreground, for hard masks.")
@click.option("--scale", type=click.FloatRange(0, 16, min_open=True), help="Resize the pictures for the network by this factor.")
@click.option(
    "--write",
    "write",
    type=click.Choice(["auto", "labels", "values", "matte"]),
    default="auto",
    help="Write labels as a palette PNG or by their grey values, or a matte.  [default: by the network]",
)
@click.option("--values", metavar="N,N,N", help="Write labels as grey pictures with these values, one for each class.")
@click.option("--viz", is_flag=True, help="Also write each picture beside its result, and open the first on a desktop.")
@click.option("--no-save", is_flag=True, help="Do not write results.")
@device_option
@precision_option
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
    precision: str | None,
    no_save: bool,
    viz: bool,
    print_graph: bool,
    **given: Any,
) -> int:
    """Segment pictures with a network: a class for every pixel, or a matte."""
    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import closing_line, read_model
    from rotonodes.cli.jobs.segmentation import segmentation_graph

    pictures, model = input_pictures(images, more), read_model(weights)
    text = segmentation_graph(pictures, output, weights, model, viz=viz, save=not no_save, **given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "segment", context.ensure_object(Session), device, precision=precision)
    if result is not None and code == EXIT_OK:
        say(closing_line(result, model, "network"))
        if viz:
            show(result.plan.nodes["viz"].writes(result.plan.delivered[0])[0])
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
@click.option("--background", metavar="PATH|COLOR", help="Composite the cut-outs on a picture or a colour (#rrggbb, white).")
@click.option("--no-matte", is_flag=True, help="Do not write mattes beside the cut-outs.")
@device_option
@precision_option
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
    precision: str | None,
    print_graph: bool,
) -> int:
    """Cut the foreground out of pictures, with a soft alpha or on a new background."""
    from rotonodes.cli.jobs.cutting import cutout_graph
    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import closing_line, read_model

    pictures, model = input_pictures(images, more), read_model(weights)
    text = cutout_graph(pictures, output, weights, background=background, matte=not no_matte)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "cutout", context.ensure_object(Session), device, precision=precision)
    if result is not None and code == EXIT_OK:
        say(closing_line(result, model, "cut"))
    return code


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--images", metavar="NAME", default="imgs", show_default=True, help="Folder of pictures in DIR.")
@click.option("--masks", metavar="NAME", default="masks", show_default=True, help="Folder of masks in DIR.")
@click.option("--suffix", metavar="TEXT", default="", help="Text behind the picture's name in a mask's name: _mask.  [default: none]")
@click.option("-o", "--output", metavar="FILE", default="out/trained.safetensors", show_default=True, help="Weights file to write.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), default=20, show_default=True, help="Times that every picture is seen.")
@click.option("--batch-size", "batch", type=click.IntRange(1), metavar="N", default=8, show_default=True, help="Pictures per step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True, help="Peak learning rate.")
@click.option("--load", metavar="WEIGHTS", help="Fine-tune these weights: shipped (tones, cutout), or a file.")
@click.option("--scale", type=click.FloatRange(0, 16, min_open=True), help="Resize pictures for the network by this factor.")
@click.option(
    "--validation", type=click.FloatRange(0, 100), default=10, show_default=True, help="Validation share in percent (at least one picture)."
)
@click.option("--amp", is_flag=True, help="Mixed precision (bfloat16).")
@click.option("--bilinear", is_flag=True, help="Upsample bilinearly instead of by transposed convolutions.")
@click.option("--classes", metavar="N|A,B,C", help="Number of classes, or their names in the order of mask values.  [default: those found]")
@click.option("--alpha", is_flag=True, help="Train a soft matte: masks are grey or alpha, 0 to 1.")
@click.option("--width", type=click.IntRange(1, 256), metavar="N", help="Channels of the network's first level.  [default: 32]")
@click.option("--crop", type=click.IntRange(16), metavar="PX", help="Side of the square training crops.  [default: 192]")
@click.option("--optimizer", type=click.Choice(["adamw", "adam", "sgd", "rmsprop"]), help="Optimizer.")
@click.option("--schedule", type=click.Choice(["cosine", "onecycle", "constant", "plateau"]), help="Learning rate schedule.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed.")
@click.option("--snapshots", is_flag=True, help="Also keep the weights of every validation.")
@device_option
@print_option
@verbose_option
@click.pass_context
def train(context: click.Context, /, folder: str, output: str, device: str, print_graph: bool, **given: Any) -> int:
    """Train a network on pictures and their masks: DIR/imgs/NAME.jpg with DIR/masks/NAME.png (or .npy, .pt)."""
    import os

    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.network_facts import network_line, read_model
    from rotonodes.cli.jobs.training import best_line, checkpoint_folder, training_graph

    text = training_graph(folder, output, **given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "train", context.ensure_object(Session), device)
    if result is not None and code == EXIT_OK:
        table = os.path.join(checkpoint_folder(output), "scores.txt")
        if given["validation"] and os.path.exists(table):
            with open(table, encoding="utf-8") as file:
                click.echo(file.read(), nl=False)
        model = read_model(output)
        say(f"{output}: {'; '.join(filter(None, (network_line(model), best_line(model))))}")
    return code


@click.command("convert-weights")
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option("--licence", metavar="TEXT", default="", help="Licence of the weights; a checkpoint does not hold it.")
@click.option("--classes", metavar="A,B,C", help="Names of the classes in index order, instead of guessed ones.")
@click.option("--colors", metavar="#RRGGBB,...", help="Colours of the classes, in the same order.")
@verbose_option
def convert_weights(source: str, target: str, licence: str, classes: str | None, colors: str | None) -> int:
    """Convert a checkpoint of another project to safetensors with metadata and a model card."""
    from rotonodes.cli.jobs.job_graph import split_list
    from rotonodes.cli.jobs.network_facts import network_line
    from rotonodes.nets import convert
    from rotonodes.nets.model_card import card_path

    named = {"classes": split_list(classes, "--classes") if classes else (), "colors": split_list(colors, "--colors") if colors else ()}
    model, carded = convert.convert_weights(source, target, licence, **named)
    card = str(card_path(target))
    say(f"{target}: {network_line(model)}; {card if carded else f'{card} was written by hand and stays as it is'}")
    return EXIT_OK


def input_pictures(images: Sequence[str], more: Sequence[str]) -> InputPictures:
    """The pictures of -i and those behind the options: a shell expands `-i imgs/*` to one value of -i and further arguments."""
    from rotonodes.cli.jobs.named_pictures import InputPictures

    if not (images or more):
        raise UsageError("which pictures? name files or a folder: -i IMAGES")
    return InputPictures([*images, *more])


def show(path: str) -> None:
    """Open a picture in the desktop's viewer, if there is a desktop."""
    import os
    import sys

    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        click.launch(path)


@click.command()
@click.argument("paths", metavar="[PREDICTION TRUTH]", nargs=-1)
@click.option("--prediction", metavar="PATH", help="Predicted labels: a folder, 'p/####.png', 'p/*_mask.png' or a file (PNG, .npy).")
@click.option("--truth", metavar="PATH", help="True labels, likewise. Folders are paired by frame numbers or names.")
@click.option("-F", "--frames", metavar="RANGE", callback=frame_range, help="Score only these frames.  [default: all on disk]")
@click.option("--alpha", is_flag=True, help="Score soft mattes instead of labels: SAD, MSE, gradient, connectivity, MAE, max F.")
@click.option("--classes", metavar="N|A,B,C", help="Number of classes, or their names in index order.  [default: the five tones]")
@click.option("--values", metavar="N,N,N", help="Grey value of each class in the files.  [default: its index]")
@click.option("--truth-values", metavar="N,N,N", help="The same for the truth, if different.")
@click.option("--ignore", metavar="NAME", help="Class in the truth whose pixels are ignored.")
@click.option("--clip-length", type=click.IntRange(min=0), default=0, metavar="N", help="Frames per clip: no flicker across cuts.")
@click.option("--worst", metavar="FILE.png", help="Write a sheet of the worst frames, prediction beside truth.")
@click.option("-o", "--output", metavar="FILE.json", help="Also write the scores to a file.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@print_option
@verbose_option
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    paths: Sequence[str],
    prediction: str | None,
    truth: str | None,
    as_json: bool,
    print_graph: bool,
    **given: Any,
) -> int:
    """Score predicted labels (or with --alpha mattes) against the true ones: IoU, Dice, accuracy, shape, boundaries, flicker."""
    import json

    from rotonodes.cli.jobs.evaluation import evaluation_graph
    from rotonodes.cli.jobs.job_graph import run_job

    if paths and (len(paths) != 2 or prediction or truth):
        raise UsageError(f"{' '.join(paths)}: give two paths, PREDICTION TRUTH, or the options --prediction and --truth")
    prediction, truth = paths or (prediction, truth)
    if not prediction or not truth:
        raise UsageError(f"Missing option '{'--truth' if prediction else '--prediction'}': give PREDICTION and TRUTH")
    text = evaluation_graph(prediction, truth, **given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "evaluate", context.ensure_object(Session))
    if result is not None and code == EXIT_OK:
        scores = next(iter(result.values["scores"].values()))
        click.echo(json.dumps(scores.as_json()) if as_json else scores.table())
    return code
