"""Shipped graphs and weights by name: from any folder, in a clone and in an installed wheel."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import PIL.Image
import pytest
from PIL import Image

from rotonodes.cli.main import call
from rotonodes.cli.session import Session
from rotonodes.io.shipped import find_graph, find_weights, shipped_names, shipped_weights, weights_path, weights_written
from rotonodes.plan.paths import Paths

ROOT = Path(__file__).parent.parent
GRAPH = """
rotonodes: 1
frames: 1
nodes:
  load: {type: LoadFrames, path: in.png}
  roto: {type: UNetSegment, in: load, weights: weights/tones.safetensors}
  png:  {type: WriteFrames, in: roto.labels, path: out.png}
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32), (200, 40, 30)).save("in.png")
    return tmp_path


def test_every_shipped_file_has_a_name() -> None:
    assert set(shipped_names("weights")) == {path.stem for path in ROOT.glob("weights/*.safetensors")}
    assert set(shipped_names("graphs")) == {path.stem for path in ROOT.glob("graphs/*.yaml")}


def test_names_become_paths_and_files_go_first(elsewhere: Path) -> None:
    assert weights_path("tones") == weights_path("tones.safetensors") == "weights/tones.safetensors"
    assert weights_path("nothing") == "nothing"
    assert weights_path("mine/tones") == "mine/tones"
    shipped = str(ROOT / "weights/tones.safetensors")
    assert find_weights("weights/tones.safetensors") == shipped
    assert weights_written(shipped) == "weights/tones.safetensors"
    assert shipped_weights("tones.safetensors") == shipped_weights("weights/none.safetensors") == ""
    for name in ("flat_tones", "flat_tones.yaml", "graphs/flat_tones.yaml"):
        assert find_graph(name) == str(ROOT / "graphs/flat_tones.yaml")
    assert find_graph("other/flat_tones.yaml") == "other/flat_tones.yaml"
    Path("flat_tones.yaml").write_text("mine")
    Path("tones.safetensors").write_text("mine")
    Path("weights").mkdir()
    Path("weights/tones.safetensors").write_text("mine")
    assert find_graph("flat_tones.yaml") == "flat_tones.yaml"
    assert weights_path("tones.safetensors") == "tones.safetensors"
    assert find_weights("weights/tones.safetensors") == "weights/tones.safetensors"


def test_a_file_below_the_root_goes_first_and_nothing_is_written_where_weights_ship(elsewhere: Path) -> None:
    (elsewhere / "root/weights").mkdir(parents=True)
    paths = Paths(str(elsewhere / "root"))
    assert paths.source("weights/tones.safetensors") == str(ROOT / "weights/tones.safetensors")
    assert paths.here("weights/tones.safetensors") == str(elsewhere / "root/weights/tones.safetensors")  # where WriteModel writes
    assert paths.written(paths.source("weights/tones.safetensors")) == "weights/tones.safetensors"  # so the key is that of a clone
    (elsewhere / "root/weights/tones.safetensors").write_text("mine")
    assert paths.source("weights/tones.safetensors") == str(elsewhere / "root/weights/tones.safetensors")


def test_a_graph_finds_shipped_weights_from_any_folder(elsewhere: Path) -> None:
    Path("g.yaml").write_text(GRAPH)
    assert call(["run", "g.yaml", "--progress", "none", "--cache", "none"], Session()) == 0
    assert Path("out.png").exists()


def test_everyday_commands_take_a_name(elsewhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["segment", "-i", "in.png", "-m", "tones", "-o", "a"], Session()) == 0
    assert call(["cutout", "-i", "in.png", "-m", "cutout", "-o", "b"], Session()) == 0
    assert Path("a/in.png").exists() and Path("b/in.png").exists()
    capfd.readouterr()
    assert call(["segment", "-i", "in.png", "-m", "tones", "--print-graph"], Session()) == 0
    assert "weights: weights/tones.safetensors}" in capfd.readouterr().out  # a graph that works on another machine


def test_a_name_that_does_not_ship_is_said_with_one_near(elsewhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["segment", "-i", "in.png", "-m", "tonez"], Session()) == 2
    assert capfd.readouterr().err == "error: tonez: no such weights file (did you mean 'tones'?)\n"
    assert call(["segment", "-i", "in.png", "-m", "qqqq"], Session()) == 2
    assert "weights that ship: cutout, parts, tones" in capfd.readouterr().err


def clone(folder: Path) -> Path:
    """A copy of what a wheel is built from."""
    for name in ("rotonodes", "graphs", "weights"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".ci").mkdir()
    for name in ("pyproject.toml", ".ci/hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_an_editable_install_copies_no_weights(elsewhere: Path) -> None:
    """They are in the clone; a copy would be found before them and grow old."""
    code = "import hatchling.build as b; print(b.build_editable('..'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=clone(elsewhere / "clone"), check=True, capture_output=True, text=True)
    with zipfile.ZipFile(elsewhere / done.stdout.split()[-1]) as archive:
        names = archive.namelist()
    assert any(name.endswith(".pth") for name in names)
    assert not [name for name in names if "shipped" in name or name.endswith(".safetensors")]


def test_a_wheel_holds_graphs_and_weights(elsewhere: Path) -> None:
    copy = clone(elsewhere / "clone")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(elsewhere)]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    shutil.rmtree(copy)
    (wheel,) = elsewhere.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(elsewhere / "site")
    hosts = "rotonodes/hosts"  # what `rotonodes blender-addon` packs
    held, own = ({path.relative_to(top) for path in (top / hosts).rglob("*.*")} for top in (elsewhere / "site", ROOT))
    assert held == {path for path in own if "__pycache__" not in path.parts} and Path(hosts, "blender/blender_manifest.toml") in held
    page = elsewhere / "site/rotonodes/page"  # what is built of the live page, not its sources
    assert (page / "static/index.html").is_file() and not (page / "front").exists()
    code = "from rotonodes.io.palettes import *; from rotonodes.io.shipped import *; "
    code += "print(find_graph('flat_tones'), find_weights(weights_path('tones')), palette_file('sunset'))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(elsewhere / "site")}
    done = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True, check=True)
    found = [Path(path) for path in done.stdout.split()]
    inside = elsewhere / "site/rotonodes/shipped"
    assert found == [inside / "graphs/flat_tones.yaml", inside / "weights/tones.safetensors", inside / "palettes/sunset.gpl"]
    assert found[1].read_bytes() == (ROOT / "weights/tones.safetensors").read_bytes()
    ran = subprocess.run(
        [sys.executable, "-m", "rotonodes", "segment", "-i", "in.png", "-m", "tones", "-o", "o"],
        cwd=elsewhere, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (ran.returncode, Path("o/in.png").exists()) == (0, True), ran.stderr


@pytest.mark.slow
def test_one_command_from_an_empty_folder_with_only_the_wheel(elsewhere: Path) -> None:
    """A fresh environment that has the wheel, and the libraries that it asks for: `rotonodes flatten` on a render gives the picture."""
    copy = clone(elsewhere / "clone")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(elsewhere)], cwd=copy, check=True, capture_output=True
    )
    shutil.rmtree(copy)
    (wheel,) = elsewhere.glob("*.whl")
    fresh, empty = elsewhere / "fresh", elsewhere / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], check=True)
    python = fresh / "bin/python"
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site / "libraries.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty)}
    where = subprocess.run(
        [str(python), "-c", "import rotonodes; print(rotonodes.__file__)"], cwd=empty, env=environment, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(site)), where.stdout + where.stderr
    render = ROOT / "examples/shots/torus/render.####.exr"
    ran = subprocess.run(
        [str(fresh / "bin/rotonodes"), "flatten", str(render), "-F", "12"], cwd=empty, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    with PIL.Image.open(empty / "out/torus/torus.0012.png") as picture:
        assert picture.size == (256, 256) and len(picture.convert("RGB").getcolors(1 << 16) or []) > 4
    assert (empty / "out/torus.gif").exists()
