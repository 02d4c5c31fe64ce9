"""A run decides once what its inputs are: outputs that land beside them change nothing, in this run and in the next one."""

import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call, picture_contents
from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.io.folder import list_pictures, natural_order, own_results
from rotonodes.io.pictures import read_image, write_image
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import (
    Crop,
    LoadFrames,
    LoadLabels,
    LoadMattes,
    LoadParts,
    LoadPictures,
    WriteFrames,
    WriteGIF,
    WriteParts,
    WritePictures,
)
from rotonodes.values.pixels import Image
from tiny_networks import tiny_model

COUNT = 5


@pytest.fixture
def folder(call: Call, tmp_path: Path) -> Path:
    """Five pictures as JPEG in `jpg` and as PNG in `png`, each of a grey of its own, and a network of one matte."""
    for kind in ("jpg", "png"):
        (tmp_path / kind).mkdir()
        for number in range(COUNT):
            grey(tmp_path / f"{kind}/p{number}.{kind}", 40 * number + 20)
    save_weights(tiny_model(classes=("background", "shape"), activation="sigmoid"), "net.safetensors")
    return tmp_path


def grey(path: Path | str, value: int, size: tuple[int, int] = (16, 16)) -> None:
    PIL.Image.new("RGB", size, (value, value, value)).save(path)


def names(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize("pattern", ["*_mask.png", "0_*.png", "zz_*.jpg", "*.out.png"])
@pytest.mark.parametrize("command", ["segment", "cutout"])
def test_results_beside_the_pictures(folder: Path, call: Call, kind: str, pattern: str, command: str) -> None:
    """Each picture has its own result, there are no results of results, and a second run finds the same pictures."""
    arguments = [command, "-i", kind, "-m", "net.safetensors", "-o"]
    assert call(*arguments, f"apart/{pattern}").code == 0
    results = picture_contents(folder / "apart")
    assert len(results) == (COUNT if command == "segment" else 2 * COUNT)
    for _ in range(2):
        ended = call(*arguments, f"{kind}/{pattern}")
        assert (ended.code, f"{COUNT} pictures in" in ended.err) == (0, True), ended.err
        assert names(kind) == sorted([*results, *(f"p{number}.{kind}" for number in range(COUNT))])
        made = picture_contents(folder / kind)
        assert {name: made[name] for name in results} == results


def test_the_folder_of_the_pictures_as_output(folder: Path, call: Call) -> None:
    """JPEGs go beside their results; PNGs would be overwritten, which is refused before anything is written."""
    for _ in range(2):
        assert call("cutout", "-i", "jpg", "-o", "jpg", "-m", "net.safetensors").code == 0
        assert len(names("jpg")) == 3 * COUNT
    before = picture_contents(folder / "png")
    ended = call("cutout", "-i", "png", "-o", "png", "-m", "net.safetensors")
    assert ended.code == 2
    assert "png/p0.png is an input picture: write somewhere else" in ended.err
    assert picture_contents(folder / "png") == before


def test_a_single_picture_and_its_result(folder: Path, call: Call) -> None:
    """What the first run wrote is not a second picture for the next one."""
    (folder / "one").mkdir()
    shutil.copy("jpg/p0.jpg", "one")
    for _ in range(2):
        ended = call("segment", "-i", "one", "-o", "one/result.png", "--viz", "-m", "net.safetensors")
        assert (ended.code, "1 picture in" in ended.err) == (0, True), ended.err
    assert names("one") == ["p0.jpg", "result.png", "result_viz.png"]


def test_files_that_a_shell_listed(folder: Path, call: Call) -> None:
    for _ in range(2):
        files = sorted(f"jpg/{name}" for name in names("jpg"))
        assert call("segment", "-i", *files, "-o", "jpg/*_mask.png", "-m", "net.safetensors").code == 0
    assert len(names("jpg")) == 2 * COUNT


def test_a_file_of_the_users_is_an_input_whatever_its_name(folder: Path, call: Call) -> None:
    """Only a file with our key is taken for a result; another one is read, and never overwritten."""
    grey("jpg/p0_mask.png", 7)
    assert own_results(["jpg/p0.jpg", "jpg/p0_mask.png"], ["jpg/p0.jpg"], ["jpg/*_mask.png"]) == set()
    ended = call("segment", "-i", "jpg", "-o", "jpg/*_mask.png", "-m", "net.safetensors")
    assert (ended.code, "jpg/p0_mask.png is an input picture" in ended.err) == (2, True)
    assert read_image("jpg/p0_mask.png", "raw").data.max() == pytest.approx(7 / 255)


@pytest.mark.parametrize("folder_of", ["res", "res_####", "res_{part}", "res_*"])
def test_results_are_known_in_folders_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_of: str) -> None:
    """Also where the folder's name has a frame, a part, or the picture's name in it."""
    monkeypatch.chdir(tmp_path)
    result = f"{folder_of}/p_mask.png".replace("####", "0007").replace("{part}", "arm").replace("*", "p")
    os.makedirs(os.path.dirname(result))
    write_image(result, Image(torch.rand(3, 4, 5)), key="k1")
    write_image("p.png", Image(torch.rand(3, 4, 5)))
    write_image(f"{os.path.dirname(result)}/q.png", Image(torch.rand(3, 4, 5)), key="k1")
    files = ["p.png", result, f"{os.path.dirname(result)}/q.png"]
    assert own_results(files, ["p.png"], [f"{folder_of}/*_mask.png"]) == {result}
    assert own_results(files, ["p.png"], [f"other/{folder_of}/*_mask.png", "elsewhere/*_mask.png"]) == set()


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_results_of_another_command_are_left_out(folder: Path, call: Call, kind: str) -> None:
    """Masks that `segment` wrote beside the pictures are no pictures for `cutout`, unless they are named one by one."""
    assert call("segment", "-i", kind, "-o", f"{kind}/*_mask.png", "--viz", "-m", "net.safetensors").code == 0
    for path in (kind, f"{kind}/*"):
        ended = call("cutout", "-i", path, "-o", "cut", "-m", "net.safetensors")
        assert (ended.code, f"{COUNT} pictures in" in ended.err) == (0, True), ended.err
        assert f"10 results of earlier commands left out, as {kind}/p0_mask.png; name a file to take it" in ended.err
        assert len(names("cut")) == 2 * COUNT
    ended = call("cutout", "-i", f"{kind}/p0_mask.png", "-o", "one", "-m", "net.safetensors")
    assert (names("one"), "left out" in ended.err) == (["p0_mask.png", "p0_mask_matte.png"], False)
    assert call("segment", "-i", "cut", "-o", "again", "-m", "net.safetensors").err.startswith(f"{2 * COUNT} pictures in")


def chain(path: str, output: str, **options: object) -> Graph:
    graph = Graph()
    crop = graph.add(Crop(left=1), image=graph.add(LoadPictures(path=path)))
    graph.add(WritePictures(path=output, pictures=path, **options), image=crop)
    return graph


def test_a_picture_that_arrives_during_a_run_is_for_the_next_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Crop.process

    def arrives(self: Crop, image: object) -> object:
        grey("png/a.png", 255)
        return process(self, image)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Crop, "process", arrives)
        assert chain("png", "out/*.png").run(cache="none", threads=1).exit_code == 0
    assert names("out") == [f"p{number}.png" for number in range(COUNT)]
    for number in range(COUNT):
        assert read_image(f"out/p{number}.png", "raw").data.max() == pytest.approx((40 * number + 20) / 255)
    assert chain("png", "out/*.png").run(cache="none").exit_code == 0
    assert "a.png" in names("out")


def test_a_gif_and_a_sequence_in_the_folder_of_the_pictures(folder: Path) -> None:
    """Every writer's results are known, also those that carry no picture's name."""
    for _ in range(2):
        graph = Graph()
        pictures = graph.add(LoadPictures(path="png"))
        graph.add(WriteGIF(path="png/all.gif"), image=pictures)
        graph.add(WriteFrames(path="png/a####.png"), image=pictures)
        result = graph.run(cache="none", force=True)
        assert (result.exit_code, len(result.plan.delivered)) == (0, COUNT)
    assert len(names("png")) == 2 * COUNT + 1


def test_a_sequence_whose_results_look_like_its_frames(folder: Path) -> None:
    """a10001.png is the result of frame 1, not frame 10001."""
    for number in (1, 2):
        grey(f"a{number:04d}.png", 50 * number)
    for _ in range(2):
        graph = Graph()
        graph.add(WriteFrames(path="a1####.png"), image=graph.add(Crop(left=1), image=graph.add(LoadFrames(path="a####.png"))))
        assert graph.run(cache="none", force=True).plan.delivered == (1, 2)
    assert not Path("a110001.png").exists()


def test_a_sequence_that_another_output_made(folder: Path, call: Call) -> None:
    """First `-X png`, then `-X gif` of these PNGs: they are its frames, whatever the output that made them is called."""
    text = """rotonodes: 1
frames: auto
nodes:
  read: {type: LoadFrames, path: "png/p#.png"}
  crop: {type: Crop, in: read, left: 1}
  png:  {type: WriteFrames, in: crop, path: "made/####.png"}
  back: {type: LoadFrames, path: "made/%04d.png"}
  gif:  {type: WriteGIF, in: back, path: o.gif}
"""
    Path("two.yaml").write_text(text)
    assert call("run", "two.yaml", "-X", "png").code == 0
    for _ in range(2):
        ended = call("run", "two.yaml", "-X", "gif", "--force")
        assert (ended.code, names("made")) == (0, [f"000{number}.png" for number in range(COUNT)]), ended.err
    with PIL.Image.open("o.gif") as gif:
        assert (gif.n_frames, gif.size) == (COUNT, (15, 16))


@pytest.mark.parametrize("pattern", ["png/{part}.####.png", "png/####_{part}.png", "pn[g]/*_{part}_####.png", "{part}/*.####.png"])
def test_numbered_masks_of_parts_are_no_pictures(folder: Path, pattern: str) -> None:
    """The masks of the first run are not pictures of the second one, in whatever order name, part and number stand."""
    if pattern.startswith("pn["):
        shutil.move("png", "pn[g]")
    pictures = "pn[g]" if pattern.startswith("pn[") else "png"
    for _ in range(2):
        graph = Graph()
        named = {"pictures": pictures} if "*" in pattern else {}
        writer = WriteParts(path=pattern, parts={"R": "png", "G": "x y"}, **named)
        graph.add(writer, mattes=graph.add(LoadPictures(path=pictures)))
        result = graph.run(cache="none", force=True)
        assert (result.exit_code, len(result.plan.delivered)) == (0, COUNT)
    assert len(names(pictures)) == (2 if pattern.startswith("{") else 3) * COUNT


@pytest.mark.parametrize("node", [LoadMattes, LoadLabels])
def test_masks_beside_results(folder: Path, node: type[LoadMattes | LoadLabels]) -> None:
    """The mask of a picture with any extension stays the same file when a result lands beside it."""
    (folder / "masks").mkdir()
    for number in range(COUNT):
        np.save(f"masks/p{number}.npy", np.full((16, 16), number % 2, np.uint8))
    for _ in range(2):
        graph = Graph()
        options = {"classes": ["a", "b"]} if node is LoadLabels else {}
        masks = graph.add(node(path="masks/*.*", pictures="png", **options))
        graph.add(WritePictures(path="masks/*.png", pictures="png"), image=masks)
        assert graph.run(cache="none", force=True, threads=1).exit_code == 0
    assert len(names("masks")) == 2 * COUNT


def test_parts_beside_results(folder: Path) -> None:
    """A part that was hidden when the run began stays hidden, whatever the run writes; masks in the pictures' folder are no pictures."""
    for number in range(COUNT):
        PIL.Image.new("L", (16, 16), 255).save(f"jpg/p{number}-body.png")
    pictures = [f"jpg/p{number}.jpg" for number in range(COUNT)]
    graph = Graph()
    parts = graph.add(LoadParts(path="jpg/*-{part}.png", pictures=pictures, parts={"body": "body", "arm": "hand"}, hidden=True))
    graph.add(WriteParts(path="jpg/*-hand.png", pictures=pictures, parts=["body"]), mattes=parts.parts)
    graph.add(WriteParts(path="out/*_{part}.png", pictures=pictures, parts=["arm"]), mattes=parts.parts)
    assert graph.run(cache="none", threads=1).exit_code == 0
    assert all(read_image(f"out/p{number}_arm.png", "raw").data.max() == 0 for number in range(COUNT))
    shutil.rmtree("png")
    shutil.copytree("jpg", "png", ignore=shutil.ignore_patterns("*-*"))
    for _ in range(2):
        graph = Graph()
        graph.add(WriteParts(path="png/*_{part}.png", pictures="png", parts=["R"]), mattes=graph.add(LoadPictures(path="png")))
        assert graph.run(cache="none", force=True).exit_code == 0
        assert len(names("png")) == 2 * COUNT


def test_a_held_frame_stays_held_when_the_missing_one_arrives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey("s.0001.png", 10)
    grey("s.0003.png", 30)
    process = Crop.process

    def arrives(self: Crop, image: object) -> object:
        grey("s.0002.png", 200)
        return process(self, image)  # type: ignore[arg-type]

    graph = Graph(frames="1-3")
    crop = graph.add(Crop(left=1), image=graph.add(LoadFrames(path="s.####.png", missing="hold")))
    graph.add(WriteFrames(path="out/####.png"), image=crop)
    with monkeypatch.context() as patch:
        patch.setattr(Crop, "process", arrives)
        assert graph.run(cache="none", threads=1).exit_code == 0
    assert read_image("out/0002.png", "raw").data.max() == pytest.approx(10 / 255)  # as its key says
    assert graph.run(cache="none").exit_code == 0
    assert read_image("out/0002.png", "raw").data.max() == pytest.approx(200 / 255)


def test_an_output_on_an_input_or_on_another_output_is_refused(folder: Path) -> None:
    graph = Graph()
    pictures = graph.add(LoadPictures(path="png"))
    graph.add(WritePictures(path="out/*.png", pictures="png"), image=pictures)
    graph.add(WriteFrames(path="out/p#.png"), image=pictures)
    with pytest.raises(UsageError, match=r"out/p1\.png is what \w+ writes: give one of them another name"):
        graph.run(cache="none")
    assert not Path("out").exists()
    graph = Graph(frames="1-3")
    graph.add(WriteFrames(path="../" + folder.name + "/png/p#.png"), image=graph.add(LoadFrames(path="png/p#.png")))
    with pytest.raises(UsageError, match=r"png/p1\.png is what \w+ reads: write somewhere else"):
        graph.run(cache="none")


def test_a_star_in_the_name_of_a_folder_that_is_there(folder: Path, call: Call) -> None:
    """It is the folder's own, as a frame's mark is: for pictures, masks, parts and results."""
    for name in ("in * of", "out*"):
        (folder / name).mkdir()
    shutil.copytree("png", "in * of/png")
    for _ in range(2):
        graph = Graph()
        plate = graph.add(LoadPictures(path="in * of/png"))
        graph.add(WritePictures(path="out*/*_a.png", pictures="in * of/png"), image=plate)
        graph.add(WritePictures(path="out*/each/*/a.png", pictures="in * of/png"), image=plate)
        graph.add(WriteParts(path="out*/{part}.####.png", parts=["R"]), mattes=plate)
        graph.add(WriteParts(path="in * of/png/*_{part}.png", parts=["R"], pictures="in * of/png"), mattes=plate)
        result = graph.run(cache="none", force=True)
        assert (result.exit_code, len(result.plan.delivered)) == (0, COUNT)
    assert names("out*") == sorted([*(f"p{n}_a.png" for n in range(COUNT)), *(f"R.{n:04d}.png" for n in range(1, COUNT + 1)), "each"])
    assert names("out*/each") == [f"p{number}" for number in range(COUNT)]
    mattes = LoadMattes(path="out*/*_a.*", pictures="png")
    assert mattes.available() == tuple(range(1, COUNT + 1))
    assert LoadMattes(path="out*/R.####.png").available() == tuple(range(1, COUNT + 1))
    assert call("segment", "-i", "in * of/png", "-o", "out*", "-m", "net.safetensors").code == 0
    assert not [name for name in os.listdir() if name.startswith("outp")]


def test_natural_order(folder: Path) -> None:
    """1, 2, 10; for a folder, a wildcard, masks, results and a GIF."""
    (folder / "in").mkdir()
    for number in range(1, 13):
        grey(f"in/frame{number}.png", 20 * number)
    wanted = tuple(f"in/frame{number}.png" for number in range(1, 13))
    assert list_pictures(["in"]) == list_pictures(["in/*.png"]) == list_pictures(["in/f*"]) == wanted
    assert sorted(["b10", "b9", "a2b10", "a2b9", "a02", "b"], key=natural_order) == ["a02", "a2b9", "a2b10", "b", "b9", "b10"]
    graph = Graph()
    graph.add(WriteGIF(path="o.gif"), image=graph.add(LoadPictures(path="in")))
    assert graph.run(cache="none").exit_code == 0
    with PIL.Image.open("o.gif") as gif:
        found = []
        for at in range(gif.n_frames):
            gif.seek(at)
            found.append(gif.convert("RGB").getpixel((0, 0))[0] // 20)
    assert found == list(range(1, 13))


def test_the_case_of_an_extension(folder: Path) -> None:
    """Pictures and masks alike, in folders, wildcards and `.*`."""
    (folder / "in").mkdir()
    grey("in/a.JPG", 10)
    grey("in/b.jpg", 20)
    assert list_pictures(["in"]) == list_pictures(["in/*.jpg"]) == list_pictures(["in/*.JPG"]) == ("in/a.JPG", "in/b.jpg")
    with pytest.raises(UsageError, match="no file has such a name"):
        list_pictures(["in/A.*"])  # a name's own case counts
    PIL.Image.new("L", (16, 16), 255).save("in/a_m.PNG")
    PIL.Image.new("L", (16, 16), 128).save("in/b_m.png")
    for path in ("in/*_m.*", "in/*_m.png", "in/*_m.PNG"):
        mattes = LoadMattes(path=path, pictures="in/*.jpg")
        assert [round(mattes(frame=frame).data.mean().item(), 2) for frame in (1, 2)] == [1, 0.5]
        assert mattes.available() == (1, 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission(folder: Path) -> None:
    (folder / "shut").mkdir(mode=0)
    with pytest.raises(UsageError, match="shut: cannot be listed: permission denied"):
        list_pictures(["shut"])


def test_cutouts_of_transparent_pictures_stay_transparent(folder: Path, call: Call) -> None:
    """The alpha of a cut-out is the product of the picture's and the matte's, and its matte shows the same."""
    rng = np.random.default_rng(3)
    samples = np.dstack([rng.integers(0, 256, (24, 24, 3)), np.where(np.arange(24) < 12, 255, 0) * np.ones((24, 1))]).astype(np.uint8)
    samples[:, :4, 3] = 128
    (folder / "in").mkdir()
    PIL.Image.fromarray(samples).save("in/half.png")
    PIL.Image.new("RGBA", (24, 24), (0, 0, 0, 0)).save("in/clear.png")
    assert call("cutout", "-i", "in", "-o", "out", "-m", "net.safetensors").code == 0
    own = samples[..., 3] / np.float32(255)
    cut, matte = read_image("out/half.png"), read_image("out/half_matte.png", "raw").data[0]
    assert cut.alpha is not None
    assert (cut.alpha[0][:, 12:] == 0).all() and (matte[:, 12:] == 0).all()
    torch.testing.assert_close(cut.alpha[0], matte, atol=1.5 / 255, rtol=0)
    assert (cut.alpha[0].numpy() <= own + 1 / 255).all()
    assert cut.alpha[0][:, :12].max() > 0.05
    clear = read_image("out/clear.png")
    assert clear.data.abs().max() == 0
    assert call("cutout", "-i", "in", "-o", "white", "--background", "white", "-m", "net.safetensors").code == 0
    assert (read_image("white/clear.png", "raw").data == 1).all()
