"""Masks that belong to pictures by name, in any format, with the values they happen to hold; arrays as labels and mattes."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as Pictures

from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.arrays import read_array
from rotonodes.io.painted_labels import painted_labels
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import LoadLabels, LoadMattes, LoadPictures

GRAPH = """
rotonodes: 1
frames: 1-2
nodes:
  pictures: {type: LoadPictures, path: imgs}
  labels: {type: LoadLabels, path: "masks/*_mask.*", pictures: imgs, values: found, cache: true}
  train: {type: TrainUNet, in: {image: pictures, labels: labels}, steps: 1, batch: 2, crop: 16, widths: [4, 8]}
  write: {type: WriteModel, in: train, path: out.safetensors}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("imgs", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path


def picture(path, size=(6, 4), seed=0):
    Pictures.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path)


def grey(path, values, mode="L"):
    Pictures.fromarray(np.array(values, np.uint8)).convert(mode).save(path)


def test_duts_layout(folder):
    """im_aug/*.jpg with gt_aug/*.png: frames are the pictures in the natural order of their names."""
    for name in ("im_aug", "gt_aug"):
        (folder / name).mkdir()
    for seed, stem in enumerate(("ILSVRC_2", "ILSVRC_10", "b")):
        picture(folder / f"im_aug/{stem}.jpg", seed=seed)
        grey(folder / f"gt_aug/{stem}.png", np.full((4, 6), 51 * (seed + 1)))
    pictures, mattes = LoadPictures(path="im_aug/*.jpg"), LoadMattes(path="gt_aug/*.png", pictures="im_aug/*.jpg")
    assert mattes.available() == pictures.available() == (1, 2, 3)
    assert [mattes(frame=f).data.mean().item() for f in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.6])
    assert mattes.reads(1) == ("gt_aug/ILSVRC_2.png",)


def test_a_suffix_and_any_format(folder):
    """imgs/NAME.* with masks/NAME_matte.*: what the suffix is and which format, the path says."""
    for stem in ("a", "b", "c"):
        picture(folder / f"imgs/{stem}.png")
    grey(folder / "masks/a_matte.png", np.full((4, 6), 255))
    np.save(folder / "masks/b_matte.npy", np.full((4, 6), 0.25, np.float64))
    torch.save(torch.full((1, 4, 6), 128, dtype=torch.uint8), folder / "masks/c_matte.pt")
    mattes = LoadMattes(path="masks/*_matte.*", pictures="imgs")
    assert [mattes(frame=f).data.mean().item() for f in (1, 2, 3)] == pytest.approx([1, 0.25, 128 / 255])
    assert mattes(frame=3).size == (6, 4)


def test_pictures_without_a_mask_are_named(folder):
    for stem in ("a", "b", "c"):
        picture(folder / f"imgs/{stem}.jpg")
    grey(folder / "masks/b.png", np.zeros((4, 6)))
    labels = LoadLabels(path="masks/*.png", pictures="imgs", classes=["ground", "shape"])
    with pytest.raises(FrameError, match=r"^cannot read masks/a\.png: no such file; 2 of 3 pictures have no mask: a\.jpg, c\.jpg$"):
        labels(frame=1)
    assert LoadLabels(path="masks/*.png", pictures="imgs", classes=["a"], missing="black")(frame=3).data.sum() == 0


def test_two_masks_of_one_picture_are_refused(folder):
    picture(folder / "imgs/a.png")
    for suffix in ("png", "bmp"):
        grey(folder / f"masks/a.{suffix}", np.zeros((4, 6)))
    with pytest.raises(FrameError, match=r"masks/a\.png: masks/a\.bmp is a mask of imgs/a\.png, too: remove one of them"):
        LoadLabels(path="masks/*.*", pictures="imgs", classes=["a"])(frame=1)


@pytest.mark.parametrize("values", [{"path": "masks/*.png"}, {"path": "masks/a.png", "pictures": "imgs"}])
def test_a_star_and_pictures_go_together(values):
    with pytest.raises(ValueError, match=r"\* in the path and `pictures` go together"):
        LoadMattes(**values)


def test_values_that_the_masks_hold_become_classes(folder):
    grey(folder / "masks/1.png", [[0, 128], [128, 0]])
    grey(folder / "masks/2.png", [[255, 0], [0, 0]])
    labels = LoadLabels(path="masks/#.png", values="found")(frame=2)
    assert labels.classes == ("0", "128", "255")
    assert labels.values == (0, 128, 255)
    assert labels.data.tolist() == [[2, 0], [0, 0]]
    named = LoadLabels(path="masks/#.png", values="found", classes=["a", "b", "c"])
    assert named(frame=1).classes == ("a", "b", "c")
    with pytest.raises(UsageError, match=r"hold 3 values \(0, 128, 255\), but there are 2 classes: give one for each value"):
        LoadLabels(path="masks/#.png", values="found", classes=["a", "b"])(frame=1)


def test_a_stray_value_is_named_with_its_file_and_place(folder):
    clean, stray = np.zeros((4, 6)), np.zeros((4, 6))
    clean[:2], clean[2:, :3] = 100, 200
    stray[:3], stray[3, :3] = 200, 100
    stray[2, 4] = stray[3, 1] = 77
    for name, values in {"1": clean, "2": stray, "3": clean}.items():
        grey(folder / f"masks/{name}.png", values)
    labels = LoadLabels(path="masks/#.png", values="found", classes=["a", "b", "c"])
    with pytest.raises(
        UsageError, match=r"4 values \(0, 77, 100, 200\), but .*; 77 is the rarest, 2 pixels, first in masks/2\.png at x 4, y 2$"
    ):
        labels(frame=1)
    (folder / "masks/2.png").unlink()
    two = LoadLabels(path="masks/1.png", values="found", classes=["a", "b", "c", "d"])
    with pytest.raises(UsageError, match=r"hold 3 values \(0, 100, 200\), but there are 4 classes: give one for each value$"):
        two(frame=1)  # too few: none is a stray


def test_a_stray_colour_is_named_too(folder):
    colors = np.zeros((2, 3, 3), np.uint8)
    colors[0] = (255, 0, 0)
    colors[1, 2] = (0, 0, 254)
    Pictures.fromarray(colors).save(folder / "masks/1.png")
    grey(folder / "masks/2.png", [[0, 0]])
    with pytest.raises(UsageError, match=r"; #0000fe is the rarest, 1 pixel, first in masks/1\.png at x 2, y 1$"):
        LoadLabels(path="masks/#.png", values="found", classes=["a", "b"])(frame=2)


def test_a_value_that_a_correction_brought_is_found(folder):
    import os

    grey(folder / "masks/1.png", [[0, 255]])
    labels = LoadLabels(path="masks/#.png", values="found")
    assert labels(frame=1).values == (0, 255)
    grey(folder / "masks/1.png", [[0, 7]])
    os.utime(folder / "masks/1.png", ns=(1, 1))
    assert labels(frame=1).values == (0, 7)


def test_colours_arrays_and_palettes_hold_values_too(folder):
    Pictures.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)).save(folder / "masks/1.png")
    grey(folder / "masks/2.png", [[0, 0]])
    colored = LoadLabels(path="masks/#.png", values="found")(frame=1)
    assert colored.classes == ("#000000", "#0000ff", "#ff0000")
    assert colored.values == ([0, 0, 0], [0, 0, 255], [255, 0, 0])
    assert colored.data.tolist() == [[2, 1]]
    np.save(folder / "a.npy", np.array([[3, -1]]))
    torch.save(torch.tensor([[5, 2]]), folder / "b.pt")
    assert LoadLabels(path="a.npy", values="found")(frame=1).values == (-1, 3)
    tensor = LoadLabels(path="b.pt", values="found")(frame=1)
    assert (tensor.values, tensor.data.tolist()) == ((2, 5), [[1, 0]])
    indexed = Pictures.new("P", (2, 1))
    indexed.putpalette([9] * 768)
    indexed.putdata([4, 0])
    indexed.save(folder / "p.png")
    assert LoadLabels(path="p.png", values="found")(frame=1).values == (0, 4)


def test_a_soft_matte_is_no_mask(folder):
    Pictures.fromarray(np.arange(300, dtype=np.uint16)[None]).save(folder / "soft.png")
    with pytest.raises(UsageError, match=r"more than 256 values in the masks: read soft mattes by LoadMattes"):
        LoadLabels(path="soft.png", values="found")(frame=1)


def test_arrays_that_are_no_masks_are_refused(folder):
    torch.save({"mask": torch.zeros(2, 2)}, folder / "a.pt")
    with pytest.raises(FrameError, match=r"a\.pt: not one tensor: save the mask itself"):
        read_array("a.pt")
    (folder / "a.pt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(FrameError, match=r"a\.pt: damaged \.pt file: .*; write it again"):
        read_array("a.pt")
    torch.save(torch.zeros(2, 2, 2), folder / "b.pt")
    with pytest.raises(FrameError, match=r"b\.pt: a matte is numbers \[H, W\], this array is float32 \[2, 2, 2\]"):
        LoadMattes(path="b.pt")(frame=1)
    np.save(folder / "c.npy", np.zeros((1, 1, 2, 3), np.float32))
    with pytest.raises(FrameError, match=r"c\.npy: a matte is numbers \[H, W\], this array is float32 \[1, 1, 2, 3\]"):
        LoadMattes(path="c.npy")(frame=1)
    np.save(folder / "d.npy", np.zeros((1, 2, 3), np.float32))
    assert LoadMattes(path="d.npy")(frame=1).size == (3, 2)


def test_a_file_that_would_run_code_is_refused(folder):
    import os

    class Runs:
        def __reduce__(self):
            return os.system, ("touch ran",)

    torch.save(Runs(), folder / "a.pt")
    with pytest.raises(FrameError, match=r"a\.pt: damaged \.pt file"):
        LoadMattes(path="a.pt")(frame=1)
    assert not (folder / "ran").exists()


def test_values_are_kept_with_the_weights_and_through_the_cache(folder):
    for stem in ("x", "y"):
        picture(folder / f"imgs/{stem}.png", size=(16, 16), seed=len(stem))
        grey(folder / f"masks/{stem}_mask.png", np.where(np.arange(256).reshape(16, 16) % 16 < 8, 10, 200))
    (folder / "graph.yaml").write_text(GRAPH)
    assert Graph.load("graph.yaml").run(nodes=["labels"]).exit_code == 0
    assert Graph.load("graph.yaml").run().exit_code == 0, "the labels come from the cache now"
    model = load_weights("out.safetensors")
    assert (model.mask_values, model.classes) == ((10, 200), ("10", "200"))


SIZE = 64


def shapes(count, seed, values):
    """A mask of discs, one for each further value, on the first value."""
    random, (y, x) = np.random.default_rng(seed), np.mgrid[:SIZE, :SIZE]
    mask = np.full((SIZE, SIZE), values[0], np.uint8)
    for value in values[1:count]:
        mask[np.hypot(y - random.uniform(12, 52), x - random.uniform(12, 52)) < 13] = value
    return mask


@pytest.mark.parametrize("quality", [60, 80, 90, 95])
@pytest.mark.parametrize("values", [(0, 255), (200, 40, 80, 125, 255), (0, 128, 255)])
def test_jpeg_masks_have_the_classes_that_are_meant(folder, quality, values):
    """28 to 54 values, of which two are classes."""
    masks = [shapes(len(values), seed, values) for seed in range(8)]
    for at, mask in enumerate(masks, 1):
        Pictures.fromarray(mask).save(folder / f"masks/{at}.jpg", quality=quality)
    node = LoadLabels(path="masks/#.jpg", values="found")
    labels = [node(frame=at) for at in range(1, 9)]
    assert np.abs(np.array(labels[0].values) - sorted(values)).max() <= 2
    truth = [np.searchsorted(sorted(values), mask) for mask in masks]
    assert np.mean([(made.data.numpy() != true).mean() for made, true in zip(labels, truth, strict=True)]) < 0.02
    (note,) = node.found_values()[0].notes
    assert f"values are read as {len(values)} classes: " in note and note.startswith("JPEG blurred the values of the masks: ")
    named = LoadLabels(path="masks/#.jpg", values="found", classes=[f"c{at}" for at in range(len(values))])
    assert (named(frame=1).data == labels[0].data).all()


def test_coloured_and_mixed_jpeg_masks(folder):
    colors = np.array([[0, 0, 0], [220, 30, 40], [30, 60, 230]], np.uint8)
    for at in range(1, 7):
        mask = shapes(3, at, (0, 1, 2))
        Pictures.fromarray(colors[mask]).save(folder / f"masks/{at}.jpg", quality=92, subsampling=0)
    found, _ = LoadLabels(path="masks/#.jpg", values="found").found_values()
    assert len(found.names) == 3
    grey(folder / "masks/b.png", [[0, 255]])
    Pictures.fromarray(shapes(2, 1, (0, 255))).save(folder / "masks/a.jpg", quality=75)
    for stem in "ab":
        picture(folder / f"imgs/{stem}.png")
    mixed = LoadLabels(path="masks/*.*", pictures="imgs", values="found")
    assert mixed(frame=1).values == (0, 255)


def test_thin_lines_in_jpeg_masks(folder):
    """Scratches have no flat area; still black and white are two classes."""
    for at in range(1, 5):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[10 * at, 8:50] = 255
        Pictures.fromarray(mask).save(folder / f"masks/{at}.jpg", quality=80)
    labels = LoadLabels(path="masks/#.jpg", values="found")(frame=2)
    assert len(labels.classes) == 2
    assert labels.data[20, 12:46].float().mean() > 0.9 and labels.data[40:].max() == 0


def test_a_lossy_mask_does_not_loosen_the_others(folder):
    """In lossless files every value is a class, also one of a single pixel."""
    grey(folder / "masks/1.png", [[0, 1, 255, 0]])
    assert LoadLabels(path="masks/#.png", values="found")(frame=1).values == (0, 1, 255)
    assert not LoadLabels(path="masks/#.png", values="found").found_values()[0].notes


def test_many_rare_values_are_warned_of(folder):
    mask = np.zeros((64, 64))
    mask[:, 32:] = 255
    mask[0, :40] = np.arange(40) * 6
    grey(folder / "masks/1.png", mask)
    (note,) = LoadLabels(path="masks/#.png", values="found").found_values()[0].notes
    assert note.startswith("41 values in the masks become as many classes, 39 of which cover 0.95 % of the pixels: for soft edges train a")


def test_masks_in_alpha(folder):
    for at, opaque in ((1, 255), (2, 0)):
        rgba = np.full((8, 8, 4), 255, np.uint8)
        rgba[:4, :, 3], rgba[4:, :, 3] = opaque, 255 - opaque
        Pictures.fromarray(rgba).save(folder / f"masks/{at}.png")
    node = LoadLabels(path="masks/#.png", values="found")
    labels = node(frame=2)
    assert (labels.values, labels.data[:4].max(), labels.data[4:].min()) == ((0, 255), 0, 1)
    assert node.found_values()[0].notes == ("the colour of the masks is the same everywhere, so their alpha is taken: classes 0, 255",)
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4, :, 0], rgba[..., 3] = 255, 200
    Pictures.fromarray(rgba).save(folder / "masks/3.png")
    assert LoadLabels(path="masks/#.png", values="found")(frame=3).classes != labels.classes  # colours that differ go first


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_a_single_value_say_what_to_do(folder, value):
    for at in (1, 2):
        grey(folder / f"masks/{at}.png", np.full((4, 6), value))
    message = rf"all masks of masks/#\.png hold a single value, {value}, so there are no classes to train: check that .* --alpha\)$"
    with pytest.raises(UsageError, match=message):
        LoadLabels(path="masks/#.png", values="found")(frame=1)


def test_a_warning_is_given_once(folder, call):
    for stem in "abc":
        picture(folder / f"imgs/{stem}.png", size=(SIZE, SIZE))
        Pictures.fromarray(shapes(2, 3, (0, 255))).save(folder / f"masks/{stem}.jpg", quality=70)
    (folder / "g.yaml").write_text(
        "rotonodes: 1\nnodes:\n"
        '  labels: {type: LoadLabels, path: "masks/*.*", pictures: imgs, values: found}\n'
        '  write: {type: WritePictures, in: labels, pictures: imgs, path: "out/*.png"}\n'
    )
    ended = call("run", "g.yaml", "--progress", "plain", "--cache", "none")
    assert ended.code == 0
    assert ended.err.count("JPEG blurred") == 1


def test_labels_painted_with_a_soft_brush(folder):
    """Issue 12: nearest class of those beside it, with a count; strict unless asked."""
    names, colors = ["ground", "grey", "light"], ["#000000", "#808080", "#ffffff"]
    samples = np.zeros((6, 9, 3), np.uint8)
    samples[:, 5:] = 255
    samples[:, 4] = 120  # between black and white it is either, not grey
    samples[5, 0] = (130, 126, 128)  # alone: grey beside black, still black, for nothing grey is near
    Pictures.fromarray(samples).save(folder / "a.png")
    strict = LoadLabels(path="a.png", classes=names, colors=colors)
    with pytest.raises(FrameError, match="is no class"):
        strict(frame=1)
    soft = LoadLabels(path="a.png", classes=names, colors=colors, off_palette="nearest")
    assert set(soft(frame=1).data.unique().tolist()) == {0, 2}
    samples[2:4, 1:3] = 128
    samples[2, 3] = 100
    Pictures.fromarray(samples).save(folder / "a.png")
    data = soft(frame=1).data
    assert (data[2:4, 1:3] == 1).all() and data[2, 3] == 1
    warned = []
    monitor = type("Ears", (), {"warn": lambda _, text: warned.append(text)})()
    soft.run({}, frame=1, monitor=monitor)
    assert warned == ["a.png: 8 pixels off the palette, read as the nearest class"]
    grey(folder / "g.png", [[200, 40, 43, 255]])
    greys = LoadLabels(path="g.png", classes=names, values=[40, 200, 255], off_palette="nearest")(frame=1)
    assert (greys.data.tolist(), greys.values) == ([[1, 0, 0, 2]], (40, 200, 255))
    exact = np.zeros((2, 2, 3), np.uint8)
    exact[0] = 255
    Pictures.fromarray(exact).save(folder / "e.png")
    found, off = painted_labels("e.png", names, colors)
    assert (found.data.tolist(), off) == ([[2, 2], [0, 0]], 0), "nothing is off the palette"
    indexed = Pictures.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    indexed.putpalette([9] * 768)
    indexed.save(folder / "p.png")
    assert LoadLabels(path="p.png", classes=names, off_palette="nearest")(frame=1).data.tolist() == [[0, 1, 2]]  # whole: by index
    with pytest.raises(FrameError, match="no such file"):
        LoadLabels(path="none.png", classes=names, off_palette="nearest")(frame=1)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.sampled_from([0, 3, 60, 64, 120, 128, 129, 200, 255])),
    st.booleans(),
)
def test_a_pixel_off_the_palette_is_of_the_nearest_class_within_2_px(folder, samples, by_value):
    """Pixel by pixel; of classes as near as each other the first is taken, and any class where none lies near."""
    codes = [0, 128, 255]
    names, colors = ["a", "b", "c"], [f"#{code:02x}{code:02x}{code:02x}" for code in codes]
    Pictures.fromarray(samples).save(folder / "soft.png")
    found, off = painted_labels("soft.png", names, colors, values=codes if by_value else None)
    height, width = samples.shape
    wanted = np.zeros_like(samples)
    for y in range(height):
        for x in range(width):
            window = samples[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            near = [code for code in codes if (window == code).any()] or codes
            wanted[y, x] = codes.index(min(near, key=lambda code: abs(code - int(samples[y, x]))))
    assert found.data.tolist() == wanted.tolist() and off == int((~np.isin(samples, codes)).sum())
    assert found.classes == tuple(names)


def test_a_colour_of_16_bits_within_half_a_code_is_the_class(folder):
    """8 bits' codes are whole: what is nearer than that is rounding, no mixture."""
    tifffile = pytest.importorskip("tifffile")
    names, colors = ["a", "b"], ["#000000", "#804020"]
    for shift, off in ((0, 0), (0.5, 0), (0.7, 1)):
        samples = np.array([[[128, 64, 32], [128, 64, 32], [0, 0, 0]]]) * 257.0
        samples[0, 1, 0] += 257 * shift
        tifffile.imwrite(folder / "c.tif", samples.round().astype(np.uint16), photometric="rgb")
        found, count = painted_labels("c.tif", names, colors)
        assert (found.data.tolist(), count) == ([[1, 1, 0]], off)


def test_floats_are_no_painted_labels(folder):
    """Whole numbers can be near a class's code; a picture of floats holds something else."""
    import tifffile

    for name, kind in (("f", np.float32), ("u", np.uint16)):
        tifffile.imwrite(folder / f"{name}.tif", np.array([[0, 0.4], [1, 1]]).astype(kind) * kind(1 if name == "f" else 65535))
        labels = LoadLabels(path=f"{name}.tif", classes=["a", "b"], colors=["#000000", "#ffffff"], off_palette="nearest")
        if name == "f":
            with pytest.raises(FrameError, match=r"f\.tif"):
                labels(frame=1)
        else:
            assert labels(frame=1).data.tolist() == [[0, 0], [1, 1]]
