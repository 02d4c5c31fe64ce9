"""LoadPictures and WritePictures: pictures whose names hold no frame numbers."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.folder import list_pictures, unique_names
from rotonodes.io.pictures import picture_size
from rotonodes.nodes import LoadPictures, WritePictures

GRAPH = """
rotonodes: 1
nodes:
  load:  {{type: LoadPictures, path: {path}}}
  write: {{type: WritePictures, in: load, pictures: {path}, path: "out/*_OUT.png"}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures of three sizes in `imgs`, and files that are none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgs").mkdir()
    for at, name in enumerate(("cat.png", "a dog.bmp", "Tree.v2.PNG"), 1):
        PIL.Image.new("RGB", (4 * at, 5), (40 * at, 0, 0)).save(tmp_path / "imgs" / name)
    (tmp_path / "imgs/notes.txt").write_text("no picture")
    (tmp_path / "imgs/.hidden.png").write_text("no picture")
    return tmp_path


def widths(files: list[str]) -> list[int]:
    return [picture_size(file)[0] for file in files]


@pytest.mark.parametrize("path", ["imgs", '"imgs/*.[pPb]*"', '[imgs/cat.png, "imgs/?*.PNG", imgs/a dog.bmp, imgs/cat.png]'])
def test_names_are_kept(folder: Path, call: Call, path: str) -> None:
    (folder / "graph.yaml").write_text(GRAPH.format(path=path))
    assert call("run", "graph.yaml").code == 0
    assert sorted(os.listdir(folder / "out")) == ["Tree.v2_OUT.png", "a dog_OUT.png", "cat_OUT.png"]
    assert widths(["out/cat_OUT.png", "out/a dog_OUT.png", "out/Tree.v2_OUT.png"]) == [4, 8, 12]
    assert "nothing to do" in call("plan", "graph.yaml").out


def test_one_more_picture_makes_none_of_the_others_again(folder: Path, call: Call) -> None:
    (folder / "graph.yaml").write_text(GRAPH.format(path="imgs"))
    assert call("run", "graph.yaml").code == 0
    before = {name: os.stat(folder / "out" / name).st_mtime_ns for name in os.listdir(folder / "out")}
    PIL.Image.new("RGB", (2, 2)).save(folder / "imgs/ant.png")  # the numbers of cat and dog move
    planned = call("plan", "graph.yaml").out
    assert "1 to make, 3 done" in planned
    assert call("run", "graph.yaml").code == 0
    assert {name: os.stat(folder / "out" / name).st_mtime_ns for name in before} == before
    assert (folder / "out/ant_OUT.png").exists()


def test_another_root(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "graph.yaml").write_text(GRAPH.format(path="[imgs/cat.png, imgs/Tree.v2.PNG]"))
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert call("run", "../graph.yaml", "--root", "..").code == 0
    assert sorted(os.listdir(folder / "out")) == ["Tree.v2_OUT.png", "cat_OUT.png"]


def test_numbers_as_well_as_names(folder: Path) -> None:
    writer = WritePictures(path="out/####_*.png", pictures="imgs")
    assert [writer.writes(frame)[0] for frame in (1, 3)] == ["out/0001_Tree.v2.png", "out/0003_cat.png"]


def test_from_python(folder: Path) -> None:
    graph = Graph()
    pictures = graph.add(LoadPictures(path=["imgs/cat.png", "imgs/a dog.bmp"]))
    graph.add(WritePictures(path="*.exr", pictures=["imgs/cat.png", "imgs/a dog.bmp"]), image=pictures)
    assert graph.run(cache="none").exit_code == 0
    assert (folder / "a dog.exr").exists()
    assert LoadPictures(path="imgs")(frame=2).size == (8, 5)
    np.testing.assert_allclose(LoadPictures(path="imgs", colorspace="raw")(frame=3).data[0], 40 / 255, rtol=1e-6)


def test_a_name_with_wildcards_in_it(folder: Path) -> None:
    PIL.Image.new("RGB", (3, 3)).save(folder / "imgs/a[1].png")
    assert list_pictures(["imgs/a[1].png"]) == ("imgs/a[1].png",)
    (folder / "im[gs]").mkdir()
    PIL.Image.new("RGB", (3, 3)).save(folder / "im[gs]/b.png")
    assert list_pictures(["im[gs]/*.png"]) == ("im[gs]/b.png",)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: there is no such file or folder"),
        ("imgs/*.jpg", "imgs/*.jpg: no file has such a name"),
        ("i*/cat.png", "i*/cat.png: wildcards may only stand in the last part"),
        ("empty", "there are no pictures in empty (.png .jpg"),
    ],
)
def test_nothing_there(folder: Path, call: Call, path: str, message: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(UsageError) as error:
        list_pictures([path])
    assert message in str(error.value)
    (folder / "graph.yaml").write_text(GRAPH.format(path=f'"{path}"'))
    checked = call("check", "graph.yaml")
    assert (checked.code, checked.err.startswith("warning: graph.yaml:")) == (0, True)
    assert message in checked.err
    ended = call("run", "graph.yaml")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_two_pictures_of_one_name(folder: Path) -> None:
    (folder / "more").mkdir()
    PIL.Image.new("RGB", (3, 3)).save(folder / "more/cat.jpg")
    assert unique_names(list_pictures(["imgs"])) == ("Tree.v2", "a dog", "cat")
    with pytest.raises(UsageError, match=r"imgs/cat\.png and more/cat\.jpg have the same name"):
        WritePictures(path="out/*.png", pictures=["imgs", "more"]).writes(1)


def test_what_is_read_is_not_written_over(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"imgs/cat\.png is an input picture: write somewhere else, .*\(imgs/\*_out\.png\)"):
        WritePictures(path="imgs/*.png", pictures="imgs").writes(3)


def test_frames_beyond_the_last(folder: Path) -> None:
    with pytest.raises(FrameError, match="there is no picture 4: imgs has 3, which are frames 1-3"):
        LoadPictures(path="imgs")(frame=4)
    with pytest.raises(UsageError, match="there is no picture 0: imgs has 3"):
        WritePictures(path="*.png", pictures="imgs").writes(0)


def test_all_pictures_into_one_file(folder: Path) -> None:
    assert list(WritePictures(path="out.png", pictures="imgs").faults(frozenset({"image"}), 3)) == [
        "3 pictures would all be written to 'out.png': put * into the name"
    ]


def test_a_folder_as_a_gif(folder: Path, call: Call) -> None:
    """Row A8: 30 frames per second, endless, sorted; an empty folder is refused."""
    (folder / "frames").mkdir()
    (folder / "graph.yaml").write_text(
        "rotonodes: 1\n"
        "nodes:\n"
        "  load: {type: LoadPictures, path: frames}\n"
        "  gif:  {type: WriteGIF, in: load, path: out/flat.gif, fps: 30}\n"
    )
    ended = call("run", "graph.yaml")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "there are no pictures in frames" in ended.err
    for at in (2, 0, 1):
        PIL.Image.new("RGB", (4, 4), (80 * at, 0, 0)).save(folder / f"frames/Shape1_{at:04d}.png")
    assert call("run", "graph.yaml").code == 0
    with PIL.Image.open("out/flat.gif") as gif:
        assert (gif.n_frames, gif.info["loop"]) == (3, 0)
        reds, delays = [], []
        for at in range(3):
            gif.seek(at)
            delays.append(gif.info["duration"])
            reds.append(gif.convert("RGB").getpixel((0, 0))[0])
    assert reds == [0, 80, 160]
    assert sum(delays) == 100  # 3 frames at 30 fps


@pytest.mark.parametrize("name", ["Film #3", "50%draft", "[a] ##"])
def test_folders_of_any_name_are_read_and_written(folder: Path, name: str, call: Call) -> None:
    (folder / "imgs").rename(folder / name)
    graph = GRAPH.format(path=f"'{name}'").replace("out/", f"{name}/out/")
    (folder / "g.yaml").write_text(graph)
    assert call("run", "g.yaml").code == 0
    assert sorted(file.name for file in (folder / name / "out").glob("*.png")) == ["Tree.v2_OUT.png", "a dog_OUT.png", "cat_OUT.png"]


def test_a_folder_of_targa_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "tga").mkdir()
    for name in ("b.TGA", "a.tga"):
        PIL.Image.new("RGB", (3, 2), (9, 8, 7)).save(tmp_path / "tga" / name)
    assert [Path(file).name for file in list_pictures([str(tmp_path / "tga")])] == ["a.tga", "b.TGA"]
    assert LoadPictures(path=str(tmp_path / "tga"))(frame=2).size == (3, 2)
