"""Keys of nodes that are not our own: an edited node, or an edited file that it imports, is made again."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image as Pillow

from rotonodes.node.catalogue import all_nodes
from rotonodes.node.source_digest import digest_in_memory, source_digest

ROOT = Path(__file__).parent.parent
NODE = """
from rotonodes import Image, Node
{imports}

class Studio(Node):
    \"\"\"A node of a studio.\"\"\"

    def process(self, image: Image) -> Image:
        return image.with_data(image.data * {gain})
"""
GRAPH = """
rotonodes: 1
frames: 1-2
nodes:
  load: {type: LoadFrames, path: "in.####.png"}
  mine: {type: Studio, in: load}
  png:  {type: WriteFrames, in: mine, path: "out.####.png"}
"""
SCRIPT = """
from rotonodes import Graph
from rotonodes.nodes import LoadFrames, WriteFrames
graph = Graph(frames="1-2")
plate = graph.add(LoadFrames(path="in.####.png"))
graph.add(WriteFrames(path="out.####.png"), image=graph.add(Studio(), image=plate.image))
graph.run()
"""


def write(path: Path, gain: str, imports: str = "") -> None:
    """A file with the node; its time is moved, as an editor would do some seconds later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(NODE.format(gain=gain, imports=imports))


def red(folder: Path) -> int:
    with Pillow.open(folder / "out.0002.png") as picture:
        return picture.getpixel((0, 0))[0]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in (1, 2):
        Pillow.new("RGB", (4, 4), (255, 255, 255)).save(tmp_path / f"in.{frame:04d}.png")

    def run(*arguments: str, script: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        words = [script] if script else ["-m", "rotonodes", "run", "graph.yaml", "--progress", "none", *arguments]
        variables = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), **environment}
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_an_edited_node_of_a_file_is_made_again(tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    write(tmp_path / "mine.py", "0.0")
    run("--nodes", "mine.py")
    assert red(tmp_path) == 0
    assert "nothing to do" in run("--nodes", "mine.py").stderr
    write(tmp_path / "mine.py", "1.0")
    run("--nodes", "mine.py")
    assert red(tmp_path) == 255
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine.py").rename(tmp_path / "elsewhere/mine.py")
    assert "nothing to do" in run("--nodes", "elsewhere/mine.py").stderr, "where a node lies does not count"


def test_so_is_one_on_the_path_and_one_with_an_edited_helper(tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    folder = tmp_path / "studio"
    write(folder / "mine.py", "GAIN", "from gains import GAIN")
    (folder / "gains.py").write_text("GAIN = 0.0\n")
    where = {"ROTONODES_PATH": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    run(**where)
    assert red(tmp_path) == 0
    (folder / "gains.py").write_text("GAIN = 1.0\n")
    run(**where)
    assert red(tmp_path) == 255
    (folder / "unrelated.py").write_text("GAIN = 0.5\n")
    assert "nothing to do" in run(**where).stderr


def test_so_is_one_of_an_entry_point(tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    site = tmp_path / "site"
    note = site / "studio-1.0.dist-info"
    note.mkdir(parents=True)
    (note / "METADATA").write_text("Metadata-Version: 2.1\nName: studio\nVersion: 1.0\n")
    (note / "entry_points.txt").write_text("[rotonodes.nodes]\nstudio = studio.nodes.mine\n")
    write(site / "studio/nodes/mine.py", "GAIN", "from ..math.gains import GAIN")
    for package in ("studio", "studio/nodes", "studio/math"):
        (site / package).mkdir(exist_ok=True)
        (site / package / "__init__.py").write_text("")
    (site / "studio/math/gains.py").write_text("GAIN = 0.0\n")
    where = {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}
    run(**where)
    assert red(tmp_path) == 0
    (site / "studio/math/gains.py").write_text("GAIN = 1.0\n")
    run(**where)
    assert red(tmp_path) == 255


def test_so_is_one_of_a_script(tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for gain, expected in (("0.0", 0), ("1.0", 255)):
        (tmp_path / "script.py").write_text(NODE.format(gain=gain, imports="") + SCRIPT)
        run(script="script.py")
        assert red(tmp_path) == expected


def test_a_node_may_be_made_from_one_that_was_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pydantic has not built yet of the base class stays so."""
    (tmp_path / "studio_bases.py").write_text(
        NODE.format(imports="", gain=2) + "\n\nclass Own(Studio):\n    gain: float = 1.0\n\n    def process(self, image: Image) -> Image:\n"
        "        return image\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import studio_bases  # type: ignore[import-not-found]

    assert studio_bases.Own.code_digest == source_digest(studio_bases.Own) != ""


def test_our_own_nodes_have_none() -> None:
    own = [cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.")]
    assert len(own) > 30
    assert not [cls.type_name for cls in own if cls.code_digest], "their keys must not change with their files: raise a revision instead"


# The digest itself. Classes are made of text here, as a file of nodes is.


def made(file: Path, name: str = "One", package: str = "") -> str:
    """The digest of a class of a file that is imported afresh."""
    module = ModuleType(f"{package}{'.' if package else ''}{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        exec(compile("class One:\n    pass\n", str(file), "exec"), module.__dict__)
        return source_digest(vars(module)[name])
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize(
    "line",
    ["import helper", "from helper import gain", "import lib.helper", "from lib import helper", "from lib.helper import *"],
)
def test_what_is_imported_below_the_folder_counts(tmp_path: Path, line: str) -> None:
    file = tmp_path / "one.py"
    file.write_text(f"def late():\n    {line}\n" if "*" not in line else line)  # inside functions too
    (tmp_path / "lib").mkdir()
    for helper in (tmp_path / "helper.py", tmp_path / "lib/helper.py"):
        helper.write_text("import deeper\n")
    (tmp_path / "deeper.py").write_text("x = 1\n")
    before = made(file)
    used = tmp_path / ("lib/helper.py" if "lib" in line else "helper.py")
    used.write_text("import deeper\ny = 1\n")
    after = made(file)
    (tmp_path / "deeper.py").write_text("x = 22\n")
    assert len({before, after, made(file)}) == 3


def test_a_folder_of_many_packages_is_not_one_plugin(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "one.py").write_text("import two\n")
    (site / "two.py").write_text("x = 1\n")
    before = made(site / "one.py")
    (site / "two.py").write_text("x = 22\n")
    assert made(site / "one.py") == before


def test_files_that_cannot_be_parsed_or_found_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import two, three.four\nfrom . import five\nfrom ......... import six\n")
    before = made(tmp_path / "one.py")
    (tmp_path / "two.py").write_text("not python at all")
    assert made(tmp_path / "one.py") not in (before, "")


# What the code of a class without a file is made of: (code before the class, its body, an edit of the first, an edit of the body).
BODY = "    def process(self, image):\n        return "
EDITS = [
    ("", BODY + "1", "", BODY + "2"),
    ("", BODY + "lambda: 3", "", BODY + "lambda: 4"),
    ("def used():\n    return 1", BODY + "used()", "def used():\n    return 2", BODY + "used()"),
    ("GAIN = 1", BODY + "GAIN", "GAIN = 2", BODY + "GAIN"),
    ("GAIN = 1", BODY + "[GAIN for _ in (1, 2)]", "GAIN = 2", BODY + "[GAIN for _ in (1, 2)]"),
    ("GAINS = {'a': [1, (2, 3)]}", BODY + "GAINS", "GAINS = {'a': [1, (2, 4)]}", BODY + "GAINS"),
    ("", "    gain = 1\n" + BODY + "self.gain", "", "    gain = 2\n" + BODY + "self.gain"),
    ("", "    def process(self, image, gain=1):\n        return gain", "", "    def process(self, image, gain=2):\n        return gain"),
    (
        "",
        "    def process(self, image, *, gain=1):\n        return gain",
        "",
        "    def process(self, image, *, gain=2):\n        return gain",
    ),
    ("def gained(by):\n    return lambda: by", "    gain = gained(1)\n" + BODY + "1", None, "    gain = gained(2)\n" + BODY + "1"),
    (
        "def twice(f):\n    return lambda *a: f(*a)",
        "    @twice\n" + BODY + "1",
        "def twice(f):\n    return lambda *a: (f(*a), f(*a))",
        None,
    ),
    ("def used(a=1):\n    return a", BODY + "used()", "def used(a=2):\n    return a", None),
    ("class Used:\n    gain = 1", BODY + "Used.gain", "class Used:\n    gain = 2", None),
    (
        "class Used:\n    def __init__(self, a): self.a = a\nused = Used(1)",
        BODY + "used.a",
        "class Used:\n    def __init__(self, a): self.a = a\nused = Used(2)",
        None,
    ),
    ("import numpy as np\nTABLE = np.arange(4000)", BODY + "TABLE", "import numpy as np\nTABLE = np.arange(4000) % 3999", None),
    (
        "import torch\nnet = torch.nn.Linear(1, 1)\nnet.weight.data.fill_(1)\nnet.bias.data.fill_(0)",
        BODY + "net(image)",
        "import torch\nnet = torch.nn.Linear(1, 1)\nnet.weight.data.fill_(2)\nnet.bias.data.fill_(0)",
        None,
    ),
    ("import functools\nused = functools.partial(pow, 1)", BODY + "used(2)", "import functools\nused = functools.partial(pow, 2)", None),
    (
        "",
        "    @property\n    def gain(self):\n        return 1\n" + BODY + "1",
        "",
        "    @property\n    def gain(self):\n        return 2\n" + BODY + "1",
    ),
    (
        "",
        "    @staticmethod\n    def gain():\n        return 1\n" + BODY + "1",
        "",
        "    @staticmethod\n    def gain():\n        return 2\n" + BODY + "1",
    ),
    (
        "class Base:\n    def gain(self):\n        return 1",
        BODY + "self.gain()",
        "class Base:\n    def gain(self):\n        return 2",
        None,
    ),
]


def in_memory(before: str, body: str) -> str:
    module: dict[str, object] = {"__name__": "notebook"}
    base = "(Base)" if "Base" in before else ""
    exec(compile(f"{before}\nclass One{base}:\n{body}\n", "<cell>", "exec"), module)
    assert source_digest(module["One"]) == ""  # type: ignore[arg-type]
    return digest_in_memory(module["One"])  # type: ignore[arg-type]


@pytest.mark.parametrize(("before", "body", "edited_before", "edited_body"), EDITS)
def test_without_a_file_everything_that_the_code_uses_counts(
    before: str, body: str, edited_before: str | None, edited_body: str | None
) -> None:
    assert in_memory(before, body) == in_memory(before, body)
    edited = in_memory(before if edited_before is None else edited_before, body if edited_body is None else edited_body)
    assert in_memory(before, body) != edited
    assert in_memory(f"{before}\nUNUSED = 1", body) == in_memory(f"{before}\nUNUSED = 2", body)


def test_a_node_of_a_notebook_is_made_again_when_a_global_changes(
    tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The cell of the global is run again, the cell of the class is not; and a second process finds the same key."""
    (tmp_path / "cell.txt").write_text(NODE.format(gain="GAIN", imports=""))
    steps = "GAIN = 0.0\nexec(open('cell.txt').read())\n" + SCRIPT
    tell = "print(graph.run().stats['write_frames'].done)\n"
    (tmp_path / "script.py").write_text(f"{steps}{tell}GAIN = 1.0\n{tell}")
    assert run(script="script.py").stdout == "2\n0\n"  # frames that were there: those that the script's own run made
    assert red(tmp_path) == 255
    (tmp_path / "script.py").write_text(f"{steps.replace('GAIN = 0.0', 'GAIN = 1.0')}{tell}")
    assert run(script="script.py").stdout == "2\n"
    (tmp_path / "script.py").write_text(steps.replace("graph.run()", "GAIN = 1.0") + tell)
    assert run(script="script.py").stdout == "2\n"
