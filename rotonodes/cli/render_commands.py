"""Commands about a render on disk: flatten, passes."""

from __future__ import annotations

from typing import Any

import click

from rotonodes.cli.options import clip_options, device_option, frame_range, progress_option, verbose_option
from rotonodes.cli.session import Session, say
from rotonodes.errors import EXIT_OK, UsageError


@click.command()
@click.argument("render", metavar="FILE", type=click.Path())
@click.option("-F", "--frames", metavar="N", help="The frame to look at.  [default: the first on disk]")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@verbose_option
def passes(render: str, frames: str | None, as_json: bool) -> int:
    """Show what is in a render: view layers, passes, views, objects with their share of the frame, frames on disk.

    FILE is a frame, a pattern (render.####.exr), a folder or a wildcard.
    """
    import json

    from rotonodes.cli.jobs.render_contents import contents_data, contents_lines

    if as_json:
        click.echo(json.dumps(contents_data(render, frames), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(contents_lines(render, frames)))
    return EXIT_OK


@click.command()
@click.argument("render", metavar="RENDER", type=click.Path())
@click.option(
    "--shape",
    metavar="NAMES",
    multiple=True,
    help="Objects to flatten: names, wildcards (mug*), several with commas; repeatable.  [default: all but floors, walls, sky]",
)
@click.option("--leave-out", metavar="NAMES", multiple=True, help="Objects that are no shapes; repeatable.")
@click.option(
    "--tones",
    type=click.Choice(["label", "passes", "key", "cinema4d", "picture"]),
    help="What finds the tones.  [default: the best that the files allow]",
)
@click.option("-m", "--model", "weights", metavar="WEIGHTS", default="", help="Your own network, trained with tones, to find them.")
@click.option(
    "--palette",
    "palettes",
    metavar="[NAMES=]PALETTE",
    multiple=True,
    help="A palette that ships (rotonodes palettes), a file, a painting, or #hex,#hex,...; for some objects 'mug*=sunset'; repeatable.  "
    "[default: each object's own colours]",
)
@click.option(
    "--lines",
    metavar="WIDTH",
    type=click.FloatRange(0, 100),
    help="Width of the ink lines in pixels; 0: none.  [default: 0.4 % of the height]",
)
@click.option("--ground/--no-ground", default=True, help="Paint the shadow on the ground.  [default: --ground]")
@click.option(
    "--background",
    metavar="COLOR|FILE|render|none",
    default="",
    help="What is behind the shapes.  [default: the render's own colours, flat]",
)
@click.option("--mp4", is_flag=True, help="Also write a video (extra video).")
@click.option("--psd", is_flag=True, help="Also write layers: a group for each object, a layer for each tone.")
@click.option("--svg", is_flag=True, help="Also write paths: a group for each object, a path for each tone.")
@click.option("--lottie", is_flag=True, help="Also write the paths of all frames as one Lottie animation.")
@click.option("--on-twos", is_flag=True, help="Hold every other frame for two.")
@click.option("-F", "--frames", metavar="RANGE", callback=frame_range, help="Frames to make, or edit.otio.  [default: all on disk]")
@clip_options
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=24, show_default=True, help="Frames per second.")
@click.option(
    "-o",
    "--output",
    metavar="DIR|FILE",
    default="out",
    show_default=True,
    help="Folder of the results, or one file (art.gif).",
)
@device_option
@progress_option
@click.option("--print-graph", is_flag=True, help="Print the graph instead of running it.")
@verbose_option
@click.pass_context
def flatten(context: click.Context, /, render: str, device: str, progress: str, print_graph: bool, **given: Any) -> int:
    """Turn a render into flat art: a GIF and PNGs.

    RENDER is a frame, a pattern (render.####.exr), a folder or a wildcard.
    """
    from rotonodes.cli.jobs.flattening import LOTTIE, Wishes, flatten_graph, made_line
    from rotonodes.cli.jobs.job_graph import run_job
    from rotonodes.cli.jobs.palette_wishes import wished_palettes

    asked = {option: given.pop(option) for option in ("mp4", "psd", "svg", "lottie")}
    kinds = ("gif", "png", *(LOTTIE if option == "lottie" else option for option, wished in asked.items() if wished))
    given |= {"palettes": wished_palettes(given["palettes"]), "kinds": kinds}
    text, told = flatten_graph(render, Wishes(**given))
    for line in told:
        say(line)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = run_job(text, "flatten", context.ensure_object(Session), device, resume=True, progress=progress)
    if result is not None and code == EXIT_OK:
        say(made_line(result))
    return code


@click.command()
@click.argument("output", metavar="FILE.otio", type=click.Path())
@click.argument("sequences", metavar="SEQUENCE...", nargs=-1, required=True)
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=24, show_default=True, help="Frames per second.")
@verbose_option
def timeline(output: str, sequences: tuple[str, ...], fps: float) -> int:
    """Write a timeline of finished shots (extra otio): a clip for each sequence, in their order.

    SEQUENCE is a pattern (out/hero/hero.####.png), a folder or a wildcard.
    """
    from rotonodes.cli.jobs.flattening import shot_name
    from rotonodes.cli.jobs.render_files import find_render
    from rotonodes.io.timeline import Sequenced, write_timeline

    shots = []
    for given in sequences:
        render = find_render(given)
        if not render.frames or render.movie:
            raise UsageError(f"{given}: a timeline holds sequences with frame numbers: {given} is one file")
        shots.append(Sequenced(shot_name(render), render.file(min(render.frames)), render.frames))
    if not output.lower().endswith(".otio"):
        raise UsageError(f"{output}: name a file that ends in .otio")
    write_timeline(output, shots, fps)
    say(f"{output}: {len(shots)} clip{'s' * (len(shots) != 1)}")
    return EXIT_OK
