"""What comes from the cache is the frame that was asked for, for every source."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from rotonodes import Frame, Graph
from rotonodes.node.catalogue import all_nodes

SHARD = Path(__file__).parents[1] / "examples" / "shards" / "sample-00000.npz"
# source -> its parameters, and the output that is written
SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "LoadFrames": ({"path": "in/a.####.png"}, "image"),
    "LoadLabels": ({"path": "labels/a.####.png"}, "labels"),
    "LoadMattes": ({"path": "in/a.####.png"}, "matte"),
    "LoadMovie": ({"path": "in/a.gif"}, "image"),
    "LoadParts": ({"path": "{part}/a.####.png", "parts": ["arm", "leg"]}, "labels"),
    "LoadPictures": ({"path": "in/*.png"}, "image"),
    "LoadShards": ({"path": str(SHARD)}, "image"),
}


def test_every_source_is_here() -> None:
    own = [cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes.") and not cls.signature.inputs]
    assert sorted(SOURCES) == sorted(cls.type_name for cls in own if Frame in cls.signature.asks.values())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pictures = [PIL.Image.new("RGB", (4, 4), (80 * number, 40, 90)) for number in (1, 2)]
    for name in ("in", "labels", "arm", "leg"):
        Path(name).mkdir()
    for number, picture in enumerate(pictures, start=1):
        picture.save(f"in/a.{number:04d}.png")
        PIL.Image.new("L", (4, 4), number).save(f"labels/a.{number:04d}.png")
        for name, rows in (("arm", 1), ("leg", number)):  # legs lie before arms
            mask = PIL.Image.new("L", (4, 4), 0)
            mask.paste(255, (0, 2 - rows, 4, 3))
            mask.save(f"{name}/a.{number:04d}.png")
    pictures[0].save("in/a.gif", save_all=True, append_images=pictures[1:])
    return tmp_path


@pytest.mark.parametrize("source", SOURCES)
def test_frames_from_the_cache_are_the_frames_that_were_stored(source: str, folder: Path) -> None:
    parameters, output = SOURCES[source]
    nodes = {
        "source": {"type": source, **parameters, "cache": True},
        "out": {"type": "WriteFrames", "in": f"source.{output}", "path": "out/a.####.png"},
    }
    Path("g.yaml").write_text(json.dumps({"rotonodes": 1, "frames": "1-2", "nodes": nodes}))

    def made() -> list[bytes]:
        shutil.rmtree("out", ignore_errors=True)
        assert Graph.load("g.yaml").run(cache="cache").exit_code == 0
        return [PIL.Image.open(path).convert("RGB").tobytes() for path in sorted(Path("out").iterdir())]

    fresh = made()
    assert len(set(fresh)) == 2
    assert made() == fresh
