"""The main job without YAML: a multipass render becomes a flat-tone GIF. Run from the repository's folder."""

from rotonodes import Graph
from rotonodes.nodes import CleanPlate, Composite, LoadFrames, MultipassDecode, PaintTones, UNetSegment, WriteGIF

PALETTE = {"cast_shadow": "#3d2645", "form_shadow": "#7a3b4b", "midtone": "#e0a458", "highlight": "#fff4d6"}

if __name__ == "__main__":
    graph = Graph(frames="1-24")
    render = graph.add(LoadFrames(path="examples/shots/torus/render.####.exr"))
    passes = graph.add(MultipassDecode(passes=["Combined"], mattes={"shape": "shape*"}), layers=render.layers)
    roto = graph.add(UNetSegment(weights="weights/tones.safetensors"), image=passes.Combined, shape=passes.shape)
    paint = graph.add(PaintTones(palette=PALETTE, sharpness=6), probabilities=roto.probabilities)
    plate = graph.add(CleanPlate(), image=passes.Combined, matte=passes.shape)  # no fringe of the shape's own colour
    comp = graph.add(Composite(), fg=paint, bg=plate, mask=passes.shape)
    graph.add(WriteGIF(path="out/main_job.gif", fps=24), image=comp)
    result = graph.run(progress="auto")
    raise SystemExit(result.exit_code)
