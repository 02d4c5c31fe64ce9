"""Values for the page: the same keys as a run's, proxies, what is learned or measured, and what stays in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rotonodes import Graph
from rotonodes.engine.kept import KeptRecently
from rotonodes.graph.graph import Link
from rotonodes.imaging.picture.shrinking import shrunk
from rotonodes.io.files import hidden_name
from rotonodes.io.pictures import write_image
from rotonodes.nodes import Blur, Crop, Reformat, RemoveSpecks, Transform
from rotonodes.page.encoding import pixel_of, png_of_value
from rotonodes.page.graph_run import LossLog
from rotonodes.page.graph_state import read_state
from rotonodes.page.preview import NodeFailed, Places, Previews, Superseded, Wish
from rotonodes.page.proxy_graph import at_scale, with_proxies
from rotonodes.page.thumbnails import Thumbnails
from rotonodes.page.value_memory import ValueMemory
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte

TEXT = """rotonodes: 1
frames: 1-2
nodes:
  load:  {type: LoadFrames, path: "in.####.png"}
  shape: {type: MatteFromAlpha, in: load.image}
  scale: {type: MeasureTones, in: {image: load.image, matte: shape}}
  tones: {type: ToneSplit, in: {image: load.image, matte: shape, scale: scale}}
  paint: {type: PaintTones, in: tones.labels, palette: {midtone: "#ffffff"}}
  crop:  {type: Crop, in: paint, left: 4, right: -4}
  png:   {type: WriteFrames, in: crop, path: "out.####.png"}
"""


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def previews(tmp_path: Path, told: list[tuple[str, str]]) -> Previews:
    for frame in (1, 2):
        ramp = torch.linspace(0, 1, 16).expand(3, 12, 16) * frame / 2
        write_image(tmp_path / f"in.{frame:04d}.png", Image(torch.cat([ramp, torch.ones(1, 12, 16)])))
    found = Previews(Places(root=str(tmp_path), device="cpu"), lambda name, frame, state, *_: told.append((name, state)))
    found.show(read_state(TEXT, str(tmp_path / "graph.yaml"), {}, {}))
    return found


def made(told: list[tuple[str, str]]) -> list[str]:
    found = [name for name, state in told if state == "running"]
    told.clear()
    return found


def test_keys_are_those_of_a_run(previews: Previews, tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(TEXT)
    plan = make_plan(Graph.load(tmp_path / "graph.yaml"), root=str(tmp_path))
    for name in ("load", "tones", "paint", "crop"):
        assert previews.plan(Wish(name, "", 2)).key == plan.keys.of(name, 2)
    assert previews.plan(Wish("png", "", 2)).key == plan.keys.of("crop", 2)


def test_what_is_measured_is_measured_once_and_at_full_size(previews: Previews, told: list[tuple[str, str]]) -> None:
    previews.value(Wish("crop", "", 1, 1))
    assert made(told).count("scale") == 1
    small = previews.plan(Wish("crop", "", 1, 4)).plan
    full = previews.plan(Wish("crop", "", 1, 1)).plan
    assert small.keys.of("scale", None) == full.keys.of("scale", None)
    previews.value(Wish("crop", "", 1, 4))
    assert "scale" not in made(told)


@pytest.mark.parametrize(("scale", "size"), [(1, (8, 12)), (2, (4, 6)), (4, (2, 3))])
def test_a_proxy_has_a_part_of_the_size(previews: Previews, scale: int, size: tuple[int, int]) -> None:
    value = previews.value(Wish("crop", "", 1, scale))
    assert isinstance(value, Image) and value.size == size


def test_a_changed_palette_runs_nothing_before_it(previews: Previews, told: list[tuple[str, str]], tmp_path: Path) -> None:
    before = previews.value(Wish("crop", "", 1))
    made(told)
    previews.show(read_state(TEXT.replace("#ffffff", "#ff0000"), str(tmp_path / "graph.yaml"), {}, {}))
    after = previews.value(Wish("crop", "", 1))
    assert made(told) == ["paint", "crop"]
    assert not torch.equal(before.data, after.data)


def test_a_look_writes_nothing_but_what_a_run_keeps(previews: Previews, tmp_path: Path) -> None:
    previews.value(Wish("crop", "", 1, 2))
    files = {file.name for file in tmp_path.iterdir()} - {".rotonodes"}
    assert files == {"in.0001.png", "in.0002.png"}
    kept = [file.name for file in (tmp_path / ".rotonodes").rglob("*.*") if len(file.parent.name) == 2]
    assert not [name for name in kept if name.endswith(".image")]


def test_a_file_that_changes_is_read_again(previews: Previews, tmp_path: Path) -> None:
    first = previews.value(Wish("load", "", 1))
    assert not previews.files_changed()
    write_image(tmp_path / "in.0001.png", Image(torch.zeros(3, 12, 16)))
    assert previews.files_changed() and not previews.files_changed()
    assert not torch.equal(first.data[:3], previews.value(Wish("load", "", 1)).data[:3])


def test_new_frames_on_disk_are_seen(previews: Previews, tmp_path: Path) -> None:
    previews.show(read_state(TEXT.replace("frames: 1-2\n", ""), str(tmp_path / "graph.yaml"), {}, {}))
    assert previews.shot() == (1, 2) and not previews.shot_changed()
    write_image(tmp_path / "in.0003.png", Image(torch.zeros(3, 12, 16)))
    assert previews.shot_changed() and previews.shot() == (1, 2, 3)


def test_a_wish_that_nobody_has_any_more(previews: Previews) -> None:
    with pytest.raises(Superseded):
        previews.value(Wish("crop", "", 1), lambda: True)


@pytest.mark.parametrize(
    ("node", "output", "message"),
    [("scale", "", "no picture"), ("none", "", "no node 'none'"), ("load", "depth", "no output 'depth'"), ("load", "layers", "")],
)
def test_wishes_for_what_is_no_picture(previews: Previews, node: str, output: str, message: str) -> None:
    if not message:
        assert previews.link_of(node, output).output == output
        return
    with pytest.raises(NodeFailed, match=message):
        previews.value(Wish(node, output, 1))


def test_a_training_is_never_started_by_a_look(previews: Previews, tmp_path: Path) -> None:
    text = TEXT.replace(
        "  png:",
        "  train: {type: TrainUNet, in: {image: load.image, labels: tones}}\n"
        "  roto: {type: UNetSegment, in: {image: load.image, model: train}}\n  png:",
    )
    state = read_state(text, str(tmp_path / "graph.yaml"), {}, {})
    assert not state.faults
    previews.show(state)
    with pytest.raises(NodeFailed, match="not trained yet: run the graph"):
        previews.value(Wish("roto", "", 1, 2))


# Proxies.


def test_colours_are_means_and_labels_single_pixels() -> None:
    picture = Image(torch.arange(32.0).reshape(2, 4, 4))
    small = shrunk(picture, 2)
    assert isinstance(small, Image) and small.size == (2, 2) and small.data[0, 0, 0] == (0 + 1 + 4 + 5) / 4
    labels = Labels(torch.arange(16, dtype=torch.uint8).reshape(4, 4), tuple("abcdefghijklmnop"), ("#000000",) * 16)
    assert shrunk(labels, 2).data.tolist() == [[5, 7], [13, 15]]  # type: ignore[union-attr]
    assert shrunk(Matte(torch.ones(1, 5, 3)), 2).data.tolist() == [[[1, 1], [1, 1], [1, 1]]]  # type: ignore[union-attr]
    assert shrunk(picture, 1) is picture


def test_a_data_window_keeps_its_place() -> None:
    picture = Image(torch.ones(4, 3, 5), origin=(-3, 2), size=(20, 10))
    small = shrunk(picture, 2)
    assert isinstance(small, Image)
    assert small.origin == (-2, 1) and small.size == (10, 5) and small.data.shape == (4, 2, 3)
    assert small.data[0, 0, 0] == 0.5, "half of that block lies outside of the data"


def test_layers_mix_light_and_never_ids_or_depth() -> None:
    ramp = np.arange(16, dtype=np.float32).reshape(4, 4)
    planes = {f"{name}.{channel}": ramp for name in ("Combined", "Normal", "CryptoObject00", "Vector") for channel in "RG"} | {
        "Depth.Z": ramp
    }
    small = shrunk(Layers(planes, Box(0, 0, 4, 4), (4, 4)), 2)
    assert isinstance(small, Layers)
    assert small.planes["Combined.R"][0, 0] == 2.5
    assert small.planes["CryptoObject00.R"][0, 0] == small.planes["Depth.Z"][0, 0] == small.planes["Normal.R"][0, 0] == 5
    assert small.planes["Vector.R"][0, 0] == 2.5, "motion is in pixels, of which there are half as many"


def test_numbers_in_pixels_are_divided() -> None:
    crop = at_scale(Crop(left=8, right=-9), 4)
    assert isinstance(crop, Crop) and (crop.left, crop.right) == (2, -2)
    assert at_scale(Blur(size=3.0), 2) == Blur(size=1.5)
    assert at_scale(Reformat(width=1, height=100), 4) == Reformat(width=1, height=25)
    assert at_scale(RemoveSpecks(area=64), 4) == RemoveSpecks(area=4)
    assert at_scale(Transform(translate={1: (4.0, 2.0), 9: (8.0, 0.0)}, rotate=30), 2) == Transform(
        translate={1: (2.0, 1.0), 9: (4.0, 0.0)}, rotate=30
    )


def test_networks_run_at_full_size_and_what_they_give_is_shrunk() -> None:
    net = "net: {type: UNetSegment, in: load.image, weights: weights/tones.safetensors}"
    text = TEXT.replace("  png:", f"  {net}\n  cut: {{type: Crop, in: net.matte, left: 4}}\n  png:")
    graph = with_proxies(read_state(text, "graph.yaml", {}, {}).graph, 2)
    shrink = graph.vertices["net (1:2) matte"]
    assert shrink.links == {"value": (Link("net", "matte"),)} and graph.vertices["net"].links == {"image": (Link("load", "image"),)}
    cut = graph.vertices["cut (1:2)"]
    assert cut.links == {"image": (Link("net (1:2) matte", "value"),)} and cut.node == Crop(left=2)


# What is kept.


def test_the_memory_holds_what_was_used_last() -> None:
    memory = ValueMemory(3 * 3100)  # 512 pixels of five bytes, and what a value takes
    for name in "abc":
        memory.put(name, {"image": Image(torch.zeros(1, 16, 32))})
    assert memory.get("a", ["image"]) is not None
    memory.put("d", {"image": Image(torch.zeros(1, 16, 32))})
    assert memory.get("b", ["image"]) is None and memory.get("a", ["image"]) is not None
    assert memory.size <= memory.limit
    memory.put("big", {"image": Image(torch.zeros(1, 200, 200))})
    assert memory.get("big", ["image"]) is None and memory.get("d", ["image"]) is not None
    assert memory.get("d", ["image", "other"]) is None
    memory.put("d", {"other": 1})
    assert memory.get("d", ["image", "other"]) is not None


def test_networks_of_the_last_looks_stay() -> None:
    kept = KeptRecently(2)
    for name in ("a", "b", "a", "c"):
        kept.start_run()
        kept.get(name, lambda: object())
    kept.start_run()
    assert kept.get("a", lambda: None)[1] and kept.get("c", lambda: None)[1] and not kept.get("b", lambda: None)[1]


def test_small_pictures_are_kept_by_name(tmp_path: Path) -> None:
    png = png_of_value(Matte(torch.ones(1, 8, 8)))
    store = Thumbnails(tmp_path / "p", most=len(png) * 3)
    assert store.get("a") is None
    store.put("a", png, (8, 9))
    assert Thumbnails(tmp_path / "p").get("a") == (png, (8, 9))
    for name in "bcdefg":
        store.put(name, png, (8, 8))
    assert sum(file.stat().st_size for file in (tmp_path / "p").rglob("*.png")) <= len(png) * 3
    for file in (tmp_path / "p").rglob("*.png"):
        file.write_bytes(file.read_bytes()[:-5])
    assert all(store.get(name) is None for name in "abcdefg")
    left = hidden_name(next((tmp_path / "p").glob("??/*.png")))
    left.touch()
    store.prune()
    assert not left.exists(), "what a killed page left half-written"
    Thumbnails(None).put("a", png, (1, 1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Image(torch.full((2, 2, 2), 0.25), ("shadow", "light")), {"values": {"shadow": 0.25, "light": 0.25}}),
        (Image(torch.full((1, 2, 2), 3.5), ("Y",), origin=(1, 0), size=(4, 4)), {"values": {"Y": 3.5}}),
        (Matte(torch.full((1, 2, 2), 0.5)), {"values": {"matte": 0.5}}),
        (Labels(torch.ones(2, 2, dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff")), {"class": "b", "color": "#ffffff"}),
        (Layers({"Z": np.full((2, 2), 9.0)}, Box(0, 0, 2, 2), (2, 2)), {"values": {"Z": 9.0}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_numbers_of_a_pixel(value: Any, expected: dict[str, Any]) -> None:
    found = pixel_of(value, 1, 1)
    assert {name: found[name] for name in expected} == expected


def test_the_log_of_a_training_entry_by_entry(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 5, "loss": 9}\n')
    written = path.stat().st_mtime_ns
    assert [event["step"] for event in LossLog(str(path), before=written).news()] == [5], (
        "it began after that, and ended before the first look"
    )
    log = LossLog(str(path), before=written + 1)
    assert not list(log.news()), "what an earlier training logged is no news"
    path.write_text(
        '{"step": 1, "loss": 0.5, "seconds": 1}\n{"step": 2, "loss": 0.4, "validation": {"loss": 0.6, "mean_iou": 0.7}}\n{"step": 3'
    )
    first, second = log.news()
    assert first == {"step": 1, "loss": 0.5, "validation": None, "scores": {}, "reset": True}
    assert second == {"step": 2, "loss": 0.4, "validation": 0.6, "scores": {"loss": 0.6, "mean_iou": 0.7}}
    path.write_text('{"step": 1, "loss": 1}\n')
    assert [event.get("reset") for event in log.news()] == [True]
    path.write_text("damaged\n")
    assert not list(log.news())
