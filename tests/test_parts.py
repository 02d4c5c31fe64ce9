"""Parts: read from masks, PSDs and renders, cut out without seams, written as masks, corrected and read again."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from psd_tools.composite import composite

import rotonodes.io.psd_decode
from rotonodes import Graph
from rotonodes.engine.result import Result
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.part_masks import foremost_parts
from rotonodes.imaging.passes.cryptomatte import murmur3_32, name_id
from rotonodes.io import pictures
from rotonodes.io.exr import write_layers
from rotonodes.io.pictures import read_image
from rotonodes.io.png import read_png, write_png
from rotonodes.io.psd import PsdLayer, write_psd
from rotonodes.nodes import LoadFrames, LoadParts, SplitParts, WriteParts, WritePSD
from rotonodes.values.pixels import Box, Image, Labels, Layers

PARTS = ["body", "head", "hair"]  # from back to front
SIZE = (16, 12)


def masks(overlapping: bool = True) -> dict[str, np.ndarray]:
    """Hard masks `[12, 16]` uint8: the head lies on the body, the hair on the head."""
    planes = {name: np.zeros(SIZE[::-1], np.uint8) for name in PARTS}
    planes["body"][5:12, 3:13] = 255
    planes["head"][2:7, 4:12] = 255
    planes["hair"][0:4, 4:12] = 255
    if not overlapping:
        planes["head"][planes["hair"] > 0] = 0
        planes["body"][planes["head"] > 0] = 0
    return planes


def write_masks(folder: Path, pattern: str, overlapping: bool = True, frames: range = range(1, 3)) -> None:
    for frame in frames:
        for name, plane in masks(overlapping).items():
            file = folder / pattern.format(part=name, frame=frame)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_png(file, plane, colorspace="raw")


def soft_parts(seed: int, count: int = 4, size: tuple[int, int] = (9, 7)) -> torch.Tensor:
    """Mattes `[count, H, W]` that share every pixel between them, some of it hard."""
    random = torch.Generator().manual_seed(seed)
    shares = torch.rand(count, size[1], size[0], generator=random) ** 4
    shares[:, :3] = torch.nn.functional.one_hot(shares[:, :3].argmax(0), count).movedim(-1, 0).float()
    return shares / shares.sum(0)


def layers_of(mattes: torch.Tensor, names: list[str]) -> Layers:
    height, width = mattes.shape[1:]
    return Layers(dict(zip(names, mattes.numpy(), strict=True)), Box(0, 0, width, height), (width, height))


# Reading.


@pytest.mark.parametrize("pattern", ["masks/{part}/frame.{frame:04d}.png", "masks/frame.{frame:04d}_{part}.png"])
def test_a_folder_or_a_file_for_each_part(tmp_path: Path, pattern: str) -> None:
    write_masks(tmp_path, pattern)
    node = LoadParts(path=str(tmp_path / pattern.replace("{frame:04d}", "####")), parts=PARTS)
    assert node.available() == (1, 2)
    assert len(node.reads(1)) == 3
    found = node(frame=2)
    assert list(found.parts.planes) == PARTS
    for name, plane in masks().items():
        assert np.array_equal(found.parts.planes[name], plane / np.float32(255))
    assert found.parts.size == SIZE
    assert found.image is None


def test_parts_may_overlap_and_the_foremost_is_the_label(tmp_path: Path) -> None:
    write_masks(tmp_path, "{part}.png")
    labels = LoadParts(path=str(tmp_path / "{part}.png"), parts=PARTS)().labels
    assert labels.classes == ("background", *PARTS)
    wanted = np.zeros(SIZE[::-1], np.uint8)
    for index, plane in enumerate(masks().values(), 1):
        wanted[plane > 0] = index
    assert np.array_equal(labels.data.numpy(), wanted)


def test_pictures_by_name(tmp_path: Path) -> None:
    """Frame n is the n-th picture, whose masks go by its name; the picture comes along."""
    for index, name in enumerate(("b-2", "b", "a10")):
        write_png(tmp_path / "imgs" / f"{name}.png", np.full((12, 16, 3), 50 * index + 50, np.uint8))
        for part, plane in masks().items():
            write_png(tmp_path / "masks" / f"{name}_{part}.png", np.roll(plane, index, axis=1))
    node = LoadParts(path=str(tmp_path / "masks/*_{part}.png"), parts=PARTS, pictures=str(tmp_path / "imgs"))
    assert node.available() == (1, 2, 3)
    for frame, (index, name) in enumerate(((2, "a10"), (0, "b-2"), (1, "b")), 1):
        found = node(frame=frame)
        assert found.image.encoded.samples[0, 0, 0] == 50 * index + 50
        assert np.array_equal(found.parts.planes["hair"], np.roll(masks()["hair"], index, axis=1) / np.float32(255))
        assert str(tmp_path / "imgs" / f"{name}.png") in node.reads(frame)
    with pytest.raises(FrameError, match="there is no picture 4"):
        node(frame=4)


def test_other_words_in_the_files(tmp_path: Path) -> None:
    write_masks(tmp_path, "{part}.png")
    node = LoadParts(path=str(tmp_path / "{part}.png"), parts={"Haare": "hair", "Kopf": "head"})
    assert list(node().parts.planes) == ["Haare", "Kopf"]


@pytest.mark.parametrize("kind", ["alpha", "white on opaque", "red"])
def test_masks_as_people_paint_them(tmp_path: Path, kind: str) -> None:
    plane = masks()["hair"]
    rgba = np.zeros((12, 16, 4), np.uint8)
    if kind == "alpha":
        rgba[..., 3] = plane
    else:
        rgba[..., 3], rgba[..., 0] = 255, plane
        rgba[..., 1:3] = plane[..., None] if kind == "white on opaque" else 0
    write_png(tmp_path / "hair.png", rgba)
    found = LoadParts(path=str(tmp_path / "{part}.png"), parts=["hair"])()
    assert np.array_equal(found.parts.planes["hair"] * 255, plane)


def write_document(file: Path, depth: int = 8) -> None:
    top = (1 << depth) - 1
    layers = []
    for name, plane in masks().items():
        samples = np.zeros((12, 16, 4), np.uint8 if depth == 8 else np.uint16)
        samples[..., 0], samples[..., 3] = top // 2, plane.astype(int) * top // 255
        layers.append(PsdLayer({"body": "doll/body", "head": "doll/head"}.get(name, name), samples, visible=name != "hair"))
    write_psd(file, layers, SIZE, depth=depth)


@pytest.mark.parametrize("depth", [8, 16])
def test_the_layers_of_a_psd(tmp_path: Path, depth: int) -> None:
    write_document(tmp_path / "doll.0001.psd", depth)
    found = LoadParts(path=str(tmp_path / "doll.####.psd"))(frame=1)
    assert list(found.parts.planes) == ["doll/body", "doll/head", "hair"]
    for made, plane in zip(found.parts.planes.values(), masks().values(), strict=True):
        assert np.array_equal(made, plane / np.float32(255))
    assert found.image.size == SIZE  # what is seen: without the hair, which is switched off
    assert found.image.alpha[0, 0, 5] == 0
    assert found.image.alpha[0, 3, 5] == 1


def test_psd_layers_by_name_and_by_group(tmp_path: Path) -> None:
    write_document(tmp_path / "doll.psd")
    found = LoadParts(path=str(tmp_path / "doll.psd"), parts={"all": "doll", "face": "head", "b": "doll/body"})().parts.planes
    assert np.array_equal(found["face"] * 255, masks()["head"])
    assert np.array_equal(found["b"] * 255, masks()["body"])
    assert np.array_equal(found["all"] * 255, masks()["head"] | masks()["body"])


def write_render(file: Path, visible: list[str]) -> None:
    """A render with an object cryptomatte of a body and a hat; the manifest also has what is out of sight."""
    random = np.random.default_rng(0)
    planes = {f"Beauty.Combined.{c}": random.uniform(0, 1, (12, 16)).astype(np.float16) for c in "RGBA"}
    rank = {c: np.zeros((12, 16), np.float32) for c in "rgba"}
    for name in visible:
        where = masks(overlapping=False)[name] > 0
        rank["r"][where] = np.array([name_id(name)], np.uint32).view(np.float32)[0]
        rank["g"][where] = 1
    planes |= {f"Beauty.CryptoObject00.{c}": plane for c, plane in rank.items()}
    manifest = json.dumps({name: f"{murmur3_32(name.encode()):08x}" for name in PARTS})
    header = {"cryptomatte/1234567/name": "Beauty.CryptoObject", "cryptomatte/1234567/manifest": manifest}
    write_layers(file, Layers(planes, Box(0, 0, *SIZE), SIZE, header))


def test_the_names_in_a_render(tmp_path: Path) -> None:
    write_render(tmp_path / "r.0001.exr", PARTS)
    node = LoadParts(path=str(tmp_path / "r.####.exr"), parts={"hair": "ha*", "body": "body", "alpha": "Beauty.Combined.A"})
    found = node(frame=1)
    assert list(found.parts.planes) == ["hair", "body", "alpha"]
    assert np.array_equal(found.parts.planes["hair"] * 255, masks(overlapping=False)["hair"])
    assert torch.equal(found.image.data, LoadFrames(path=str(tmp_path / "r.####.exr"))(frame=1).image.data)
    with pytest.raises(FrameError, match="is called 'hat'"):
        LoadParts(path=str(tmp_path / "r.0001.exr"), parts=["body", "hat"])()


# What reading refuses.


def refused(node: LoadParts, frame: int = 1) -> str:
    with pytest.raises((FrameError, UsageError)) as error:
        node(frame=frame)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_masks_that_must_not_overlap(tmp_path: Path) -> None:
    write_masks(tmp_path, "{part}.png")
    node = LoadParts(path=str(tmp_path / "{part}.png"), parts=PARTS, overlap="refuse")
    assert refused(node) == (
        f"{tmp_path}/body.png and {tmp_path}/head.png overlap in 16 pixels (first at x 4, y 5); 1 more pairs of masks do: "
        "correct them, or set overlap: allow"
    )
    write_masks(tmp_path, "{part}.png", overlapping=False)
    assert list(node().parts.planes) == PARTS
    one = masks(overlapping=False)["head"]
    one[4, 4] = 255
    body = masks(overlapping=False)["body"]
    body[4, 4] = 255
    write_png(tmp_path / "body.png", body)
    assert "overlap in 1 pixel (first at x 4, y 4): correct" in refused(node)


def test_an_empty_mask(tmp_path: Path) -> None:
    write_masks(tmp_path, "{part}.png")
    write_png(tmp_path / "hair.png", np.zeros((12, 16), np.uint8))
    path = str(tmp_path / "{part}.png")
    assert refused(LoadParts(path=path, parts=PARTS)).startswith(f"{tmp_path}/hair.png: an empty mask, nothing of 'hair' is in it: ")
    found = LoadParts(path=path, parts=PARTS, hidden=True)()
    assert not found.parts.planes["hair"].any()


def test_a_mask_that_is_not_there(tmp_path: Path) -> None:
    write_masks(tmp_path, "frame.{frame:04d}_{part}.png")
    (tmp_path / "frame.0002_hair.png").unlink()
    path = str(tmp_path / "frame.####_{part}.png")
    assert "frame.0002_hair.png: no such file" in refused(LoadParts(path=path, parts=PARTS), 2)
    node = LoadParts(path=path, parts=PARTS, hidden=True)
    assert node.available() == (1, 2)
    assert not node(frame=2).parts.planes["hair"].any()
    assert node(frame=1).parts.planes["hair"].any()
    assert "no such file" in refused(node, 3)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    write_masks(tmp_path, "{part}.png")
    write_png(tmp_path / "head.png", np.full((12, 10), 255, np.uint8))
    message = refused(LoadParts(path=str(tmp_path / "{part}.png"), parts=PARTS))
    assert message == f"{tmp_path}/head.png: the mask is 10 x 12, but {tmp_path}/body.png is 16 x 12: make them one size"
    write_masks(tmp_path, "{part}.png")
    write_png(tmp_path / "imgs/x.png", np.zeros((5, 5, 3), np.uint8))
    for part in PARTS:
        (tmp_path / f"{part}.png").rename(tmp_path / f"x_{part}.png")
    message = refused(LoadParts(path=str(tmp_path / "*_{part}.png"), parts=PARTS, pictures=str(tmp_path / "imgs")))
    assert message.startswith(f"{tmp_path}/imgs/x.png: the picture is 5 x 5, its parts 16 x 12")


def test_psds_that_do_not_fit(tmp_path: Path) -> None:
    write_document(tmp_path / "doll.psd")
    path = str(tmp_path / "doll.psd")
    assert refused(LoadParts(path=path, parts=["shoe"])) == f"{path}: it has no 'shoe'; it has doll/body, doll/head, hair"
    assert "it has no 'hai' (did you mean 'hair'?)" in refused(LoadParts(path=path, parts=["hair", "hai"]))
    samples = np.full((12, 16, 4), 255, np.uint8)
    write_psd(tmp_path / "two.psd", [PsdLayer("left/arm", samples), PsdLayer("right/arm", samples)], SIZE)
    message = refused(LoadParts(path=str(tmp_path / "two.psd"), parts=["arm"]))
    assert message.endswith("2 layers are called 'arm' (left/arm and right/arm): give each another name, or say in which group (group/arm)")
    write_psd(tmp_path / "none.psd", [], SIZE)
    assert "a PSD without layers" in refused(LoadParts(path=str(tmp_path / "none.psd")))
    (tmp_path / "bad.psd").write_bytes(b"8BPS\0\1")
    assert "bad.psd: damaged PSD" in refused(LoadParts(path=str(tmp_path / "bad.psd")))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"path": "{part}.png"}, "parts: say which parts {part} in the path stands for"),
        ({"path": "*_{part}.png", "parts": ["a"]}, "* in the path and `pictures` go together"),
        ({"path": "{part}.png", "parts": ["a"], "pictures": "imgs"}, "* in the path and `pictures` go together"),
    ],
)
def test_paths_that_make_no_sense(parameters: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        LoadParts(**parameters)
    assert message in str(error.value)


# Cutting out.


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.booleans())
def test_parts_that_share_every_pixel_make_the_picture_again(seed: int, alpha: bool) -> None:
    """Soft edges between parts leave no seam, whatever the picture's own alpha is."""
    mattes = soft_parts(seed)
    planes = torch.rand(3, 7, 9, generator=torch.Generator().manual_seed(seed + 1))
    if alpha:
        own = torch.rand(1, 7, 9, generator=torch.Generator().manual_seed(seed + 2)).clamp(min=0.01)
        planes, mattes = torch.cat([planes * own, own]), mattes * own
    image = Image(planes)
    names = list("abcd")
    made = SplitParts(parts=names)(image, layers_of(mattes, names))
    assert (made["picture"].data[: len(planes)] - planes).abs().max() < 1 / 255
    if not alpha:
        assert made["picture"].alpha.min() > 1 - 1 / 255
    straight = made["b"].data[:3] / made["b"].alpha.clamp(min=1e-6)
    there = made["b"].alpha[0] > 1e-3
    assert (straight - (planes[:3] / planes[3:] if alpha else planes))[:, there].abs().max() < 1e-2


def test_without_join_the_seam_shows() -> None:
    mattes = torch.full((2, 1, 1), 0.5)
    image = Image(torch.ones(3, 1, 1))
    joined = SplitParts(parts=["a", "b"])(image, layers_of(mattes, ["a", "b"]))
    assert (joined["picture"].alpha, joined["a"].alpha, joined["b"].alpha) == (1, 1, 0.5)
    apart = SplitParts(parts=["a", "b"], join=False)(image, layers_of(mattes, ["a", "b"]))
    assert (apart["picture"].alpha, apart["a"].alpha, apart["b"].alpha) == (0.75, 0.5, 0.5)


def test_overlapping_parts_stay_whole() -> None:
    """What lies below another part keeps its own edge and is not cut away."""
    mattes = torch.tensor([[[1.0, 1.0, 0.5, 0.001, 0.0]], [[0.0, 1.0, 1.0, 1.0, 1.0]]])
    made = SplitParts(parts=["face", "hair"])(Image(torch.ones(3, 1, 5)), layers_of(mattes, ["face", "hair"]))
    assert made["face"].alpha[0, 0].tolist() == pytest.approx([1, 1, 0.5, 0.001, 0])
    assert made["hair"].alpha[0, 0].tolist() == [0, 1, 1, 1, 1]


def test_levels_take_the_tails_of_mattes_away() -> None:
    mattes = torch.tensor([[[0.1, 0.3, 0.5, 0.7, 0.95]], [[0.9, 0.7, 0.5, 0.3, 0.05]]])
    image = Image(torch.rand(3, 1, 5))
    made = SplitParts(parts=["a", "b"], levels=(0.3, 0.7))(image, layers_of(mattes, ["a", "b"]))
    assert made["a_matte"].data[0, 0].tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert made["a"].alpha[0, 0].tolist() == pytest.approx([0, 0, 1, 1, 1])
    assert (made["picture"].data[:3] - image.data).abs().max() < 1e-5
    with pytest.raises(ValueError, match=r"levels must rise between 0 and 1, these do not: \[0.7, 0.3\]"):
        SplitParts(levels=(0.7, 0.3))


def test_the_rest_is_a_part() -> None:
    mattes = soft_parts(3)[:2]
    image = Image(torch.rand(3, 7, 9))
    made = SplitParts(parts=["a", "b"], rest="behind")(image, layers_of(mattes, ["a", "b"]))
    assert torch.allclose(made["behind_matte"].data[0], 1 - mattes.sum(0), atol=1e-6)
    assert list(made["layers"].planes) == [f"{name}.{channel}" for name in ("behind", "a", "b") for channel in "RGBA"]
    assert (made["picture"].data[:3] - image.data).abs().max() < 1 / 255


def test_from_labels_and_from_probabilities() -> None:
    labels = Labels(torch.tensor([[0, 1], [2, 1]], dtype=torch.uint8), ("background", "a", "b"), ("#000000", "#111111", "#222222"))
    image = Image(torch.arange(12.0).view(3, 2, 2))
    made = SplitParts()(image, labels)
    assert list(made["layers"].planes) == ["a.R", "a.G", "a.B", "a.A", "b.R", "b.G", "b.B", "b.A"]
    assert made["picture"].alpha.tolist() == [[[0, 1], [1, 1]]]
    assert made["picture"].data[0].tolist() == [[0, 1], [2, 3]]
    soft = Image(torch.tensor([[[0.25]], [[0.75]]]), ("background", "a"))
    assert SplitParts(parts=["a"])(Image(torch.ones(3, 1, 1)), soft)["a_matte"].data.item() == 0.75


def test_what_splitting_refuses() -> None:
    image = Image(torch.ones(3, 7, 9))
    with pytest.raises(UsageError, match=r"no matte of a part 'har' \(did you mean 'hair'\?\); there are hair, head"):
        SplitParts(parts=["har"])(image, layers_of(soft_parts(1, 2), ["hair", "head"]))
    with pytest.raises(FrameError, match="the mattes are 9 x 7, the picture 4 x 4: crop or reformat"):
        SplitParts()(Image(torch.ones(3, 4, 4)), layers_of(soft_parts(1, 2), ["hair", "head"]))
    for name in ("layers", "picture"):
        with pytest.raises(ValueError, match="needs another name"):
            SplitParts(parts=[name])
    assert "taken" in next(iter(SplitParts(parts=["a"], rest="a").faults(frozenset(), 1)))


# Together.


@pytest.mark.parametrize("depth", [8, 16])
def test_a_layered_psd_shows_the_picture(tmp_path: Path, depth: int) -> None:
    """Parts cut out, written as layers and composited by psd-tools are the picture that went in, within one code."""
    mattes, top = soft_parts(5, size=(31, 17)), (1 << depth) - 1
    samples = np.random.default_rng(2).integers(0, top + 1, (17, 31, 3)).astype(np.uint8 if depth == 8 else np.uint16)
    write_png(tmp_path / "plate.png", samples)
    plate = pictures.read_image(tmp_path / "plate.png")
    made = SplitParts()(plate, layers_of(mattes, list("abcd")))
    WritePSD(path=str(tmp_path / "parts.psd"), depth=depth)(layers=made["layers"])
    import psd_tools

    document = psd_tools.PSDImage.open(tmp_path / "parts.psd")
    assert [layer.name for layer in document] == list("abcd")
    color, _, alpha = composite(document, force=True)
    assert np.abs(color * top - samples.astype(int)).max() <= (1.5 if depth == 8 else 2.5)
    assert np.abs(alpha - 1).max() <= 1 / 255
    merged = rotonodes.io.psd_decode.read_psd(tmp_path / "parts.psd").merged
    assert np.abs(merged[..., :3].astype(int) - samples).max() <= (2 if depth == 8 else 3)


def test_masks_are_written_corrected_and_read_again(tmp_path: Path) -> None:
    """The network's masks go out, a person corrects one, and a later run neither writes over it nor overlooks it."""
    write_masks(tmp_path, "first/{part}.{frame:04d}.png", overlapping=False)
    source, masked = str(tmp_path / "first/{part}.####.png"), str(tmp_path / "masks/{part}/####.png")

    def run() -> None:
        graph = Graph(frames="1-2")
        guess = graph.add(LoadParts(path=source, parts=PARTS))
        graph.add(WriteParts(path=masked, parts=PARTS), mattes=guess.parts)
        assert graph.run(cache="none").exit_code == 0

    run()
    files = sorted(tmp_path.glob("masks/*/*.png"))
    assert [str(file.relative_to(tmp_path / "masks")) for file in files] == [
        f"{name}/{f:04d}.png" for name in sorted(PARTS) for f in (1, 2)
    ]
    assert np.array_equal(read_png(tmp_path / "masks/hair/0001.png")[..., 0], masks()["hair"])
    assert all(pictures.read_key(file) for file in files)
    corrected = masks()["hair"]
    corrected[4, 4:8] = 255
    write_png(tmp_path / "masks/hair/0002.png", corrected)  # by another program, which knows no key
    stamps = {file: file.stat().st_mtime_ns for file in files}
    run()
    assert {file: file.stat().st_mtime_ns for file in files} == stamps
    write_masks(tmp_path, "first/{part}.{frame:04d}.png")  # the network changes its mind
    run()
    assert files[0].stat().st_mtime_ns != stamps[files[0]]
    found = LoadParts(path=masked, parts=PARTS)(frame=2).parts.planes
    assert np.array_equal(found["hair"] * 255, corrected)
    assert np.array_equal(found["head"] * 255, masks()["head"])


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_a_corrected_mask_stays_whatever_the_editor_kept(tmp_path: Path, ending: str) -> None:
    """A BMP has the same size as before, and an editor may keep the text of a PNG, with the key in it."""
    write_masks(tmp_path, "first/{part}.{frame:04d}.png", overlapping=False)
    masked = str(tmp_path / f"masks/{{part}}.####.{ending}")

    def run() -> Result:
        graph = Graph(frames="1-2")
        guess = graph.add(LoadParts(path=str(tmp_path / "first/{part}.####.png"), parts=PARTS))
        graph.add(WriteParts(path=masked, parts=PARTS), mattes=guess.parts)
        return graph.run(cache="none")

    run()
    mask, other = tmp_path / f"masks/hair.0002.{ending}", tmp_path / f"masks/hair.0001.{ending}"
    samples = (read_image(mask, "raw").data.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
    samples[4, 4:8] = 255 - samples[4, 4:8]
    if ending == "png":
        texts = PIL.PngImagePlugin.PngInfo()
        for word, text in PIL.Image.open(mask).text.items():
            texts.add_text(word, text)
        PIL.Image.fromarray(samples[..., 0]).save(mask, pnginfo=texts)
        assert pictures.read_key(mask), "the text is still there"
    else:
        PIL.Image.fromarray(samples[..., 0]).save(mask, lossless=True)
    corrected = mask.read_bytes()
    assert run().plan.is_empty, "a corrected mask counts as done"
    write_masks(tmp_path, "first/{part}.{frame:04d}.png")  # the network changes its mind
    before = pictures.read_key(other)
    result = run()
    assert (result.exit_code, mask.read_bytes() == corrected, pictures.read_key(other) == before) == (0, True, False)
    assert run().plan.is_empty


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_masks_are_grey_and_raw(tmp_path: Path, depth: int, hard: bool) -> None:
    mattes = torch.tensor([[[0.0, 0.25, 0.5, 1.0]]])
    WriteParts(path=str(tmp_path / "{part}.png"), parts=["a"], depth=depth, hard=hard)(layers_of(mattes, ["a"]))
    top = (1 << depth) - 1
    wanted = [0, 0, top, top] if hard else [0, int(0.25 * top + 0.5), int(0.5 * top + 0.5), top]
    assert read_png(tmp_path / "a.png")[0, :, 0].tolist() == wanted


def test_what_writing_masks_refuses() -> None:
    faults = [
        (WriteParts(path="a.png", parts=["a", "b"]), "2 parts would all be written to 'a.png': put {part} into the name"),
        (WriteParts(path="{part}.png", parts={"a": "x", "b": "x"}), "parts: two of them would be written to the same file"),
        (WriteParts(path="{part}.png", parts=["a"]), "2 frames would all be written to '{part}.png': put #### into the name"),
        (
            WriteParts(path="*_{part}.png", parts=["a"]),
            "* in the path and `pictures` go together: the path is '*_{part}.png', the pictures are ''",
        ),
        (WriteParts(path="{part}.jpg", parts=["a"], depth=16), "{part}.jpg: .jpg files hold depth 8, not '16'"),
    ]
    for node, message in faults:
        assert message in list(node.faults(frozenset({"mattes"}), 2))


def test_the_key_moves_with_every_file(tmp_path: Path) -> None:
    """A corrected mask makes its frame again, and no other."""
    write_masks(tmp_path, "{part}.{frame:04d}.png", overlapping=False)
    node = LoadParts(path=str(tmp_path / "{part}.####.png"), parts=PARTS)
    graph = Graph(frames="1-2")
    graph.add(WritePSD(path=str(tmp_path / "out.####.psd")), layers=graph.add(node).parts)
    assert graph.run(cache="none").exit_code == 0
    keys = [pictures.read_key(tmp_path / f"out.000{frame}.psd") for frame in (1, 2)]
    plane = masks()["hair"]
    plane[4, 4] = 255
    write_png(tmp_path / "hair.0002.png", plane)
    assert graph.run(cache="none").exit_code == 0
    moved = [pictures.read_key(tmp_path / f"out.000{frame}.psd") for frame in (1, 2)]
    assert moved[0] == keys[0] and moved[1] != keys[1]


@pytest.mark.parametrize("count", [255, 256])
def test_labels_hold_so_many_parts(count: int) -> None:
    planes = {f"p{number}": np.full((1, 2), float(number == count - 1)) for number in range(count)}
    if count > 255:
        with pytest.raises(UsageError, match="labels hold 255 parts, these are 256"):
            foremost_parts(planes)
    else:
        assert foremost_parts(planes).data.tolist() == [[255, 255]]
