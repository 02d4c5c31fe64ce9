"""Three nodes on one picture, without a graph: the same code that the engine runs. Run from the repository's folder."""

from rotonodes.nodes import Crop, LoadFrames, Reformat, WriteFrames

if __name__ == "__main__":
    picture = LoadFrames(path="examples/shots/torus/render.####.exr")(frame=12).image
    detail = Crop(left=28, top=28, right=-28, bottom=-28)(picture)
    WriteFrames(path="out/detail.png")(Reformat(width=400, height=400)(detail))
