"""Parts from the data set to the layers: trained on masks, guessed, corrected, trained further, cut out."""

from pathlib import Path

import numpy as np
import psd_tools
import pytest
import torch

from rotonodes import Graph
from rotonodes.io import pictures
from rotonodes.io.png import write_png
from rotonodes.nets.encode import encode, preprocess
from rotonodes.nets.model import Model
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import LoadFrames, LoadParts, SplitParts, TrainUNet, UNetSegment, WriteModel, WriteParts, WritePSD

PARTS = ["dress", "face"]  # the face lies on the dress: they overlap


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """Four pictures of a red dress and a yellow face that overlap, orange where they do, with a mask for each."""
    for frame in range(1, 5):
        dress, face = (np.zeros((32, 32), np.uint8) for _ in PARTS)
        dress[12:28, 4 + frame : 24 + frame] = 255
        face[4:18, 8 + frame : 20 + frame] = 255
        green = np.where((dress > 0) & (face > 0), 128, face)
        write_png(tmp_path / f"imgs/p.{frame:04d}.png", np.stack([dress | face, green, np.full_like(dress, 40)], axis=-1))
        for name, mask in zip(PARTS, (dress, face), strict=True):
            write_png(tmp_path / f"masks/{name}/p.{frame:04d}.png", mask)
    return tmp_path


def trainer(**values: object) -> TrainUNet:
    given = {"steps": 40, "every": 40, "batch": 4, "crop": 32, "widths": [6, 8], "task": "parts", "learning_rate": 0.02, "ema": 0.8}
    plain = {"flip": 0, "scale": 0, "blur": 0, "noise": 0, "hue": 0, "saturation": 0, "brightness": 0, "contrast": 0}
    return TrainUNet(**{**given, "augment": plain, **values})


def learned(shot: Path, masks: str = "masks", start: Model | None = None, **values: object) -> Model:
    frames = [LoadFrames(path=str(shot / "imgs/p.####.png"))(frame=frame).image for frame in range(1, 5)]
    truth = [LoadParts(path=str(shot / masks / "{part}/p.####.png"), parts=PARTS)(frame=frame).parts for frame in range(1, 5)]
    return trainer(**values)(image=frames, parts=truth, model=start)


def test_overlapping_parts_are_learned_guessed_and_cut_out(shot: Path) -> None:
    """One channel for each part, both high where they overlap; the guesses become layers of the same names."""
    model = learned(shot)
    assert model.classes == ("background", *PARTS)
    image = LoadFrames(path=str(shot / "imgs/p.####.png"))(frame=2).image
    guess = UNetSegment()(image, model=model).probabilities
    assert guess.channels == ("background", *PARTS)
    truth = LoadParts(path=str(shot / "masks/{part}/p.####.png"), parts=PARTS)(frame=2).parts.planes
    for name in PARTS:
        found, true = guess.plane(name)[0].numpy() > 0.5, truth[name] > 0.5
        assert (found & true).sum() / (found | true).sum() > 0.8, name
    both = (truth["dress"] > 0.5) & (truth["face"] > 0.5)
    assert float(guess.data[1:, torch.from_numpy(both)].mean()) > 0.5
    made = SplitParts(parts=PARTS, rest="behind")(image, guess)
    WritePSD(path=str(shot / "p.psd"))(layers=made["layers"])
    assert [layer.name for layer in psd_tools.PSDImage.open(shot / "p.psd")] == ["behind", *PARTS]
    assert (made["picture"].data[:3] - image.data).abs().max() < 0.01


def test_corrected_masks_are_trained_on_further(shot: Path) -> None:
    """The network masks, a person takes the face's top away, the corrected masks teach it so."""
    first = learned(shot)
    graph = Graph(frames="1-4")
    guess = graph.add(
        UNetSegment(weights=str(shot / "first.safetensors")), image=graph.add(LoadFrames(path=str(shot / "imgs/p.####.png"))).image
    )
    graph.add(WriteParts(path=str(shot / "guessed/{part}/p.####.png"), parts=PARTS, hard=True), mattes=guess.probabilities)
    WriteModel(path=str(shot / "first.safetensors"))(first)
    assert graph.run(cache="none").exit_code == 0
    for file in sorted(shot.glob("guessed/face/*.png")):
        mask = pictures.read_image(file, "raw").encoded.samples[..., 0].copy()
        mask[:11] = 0
        write_png(file, mask)
    second = learned(shot, "guessed", start=first, steps=60, every=60)
    assert second.training != first.training
    image = LoadFrames(path=str(shot / "imgs/p.####.png"))(frame=3).image
    before, after = (UNetSegment()(image, model=model).probabilities.plane("face")[0] for model in (first, second))
    assert before[5:10, 13:21].mean() > 0.6
    assert after[5:10, 13:21].mean() < 0.4


def test_a_corrected_mask_makes_a_new_training(shot: Path) -> None:
    """In a graph the weights are made again when a mask changes, and are done when none does."""
    graph = Graph(frames="1-4")
    truth = graph.add(LoadParts(path=str(shot / "masks/{part}/p.####.png"), parts=PARTS))
    picture = graph.add(LoadFrames(path=str(shot / "imgs/p.####.png")))
    train = graph.add(trainer(steps=1, every=1), image=picture.image, parts=truth.parts)
    graph.add(WriteModel(path=str(shot / "parts.safetensors")), model=train)

    def written() -> int:
        assert graph.run(cache="none").exit_code == 0
        return (shot / "parts.safetensors").stat().st_mtime_ns

    first = written()
    assert written() == first
    write_png(shot / "masks/face/p.0002.png", np.eye(32, dtype=np.uint8) * 255)
    assert written() != first


def test_pictures_seen_from_minus_one_to_one(shot: Path) -> None:
    """Normalised to [-1, 1] instead of [0, 1]; the weights remember it."""
    model = learned(shot, steps=1, every=1, normalise="signed")
    assert model.preprocessing == Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3)
    save_weights(model, shot / "w.safetensors", "float32")
    model = load_weights(shot / "w.safetensors")
    image = LoadFrames(path=str(shot / "imgs/p.####.png"))(frame=1).image
    seen = preprocess(encode(image.data, "srgb")[None], model.preprocessing, ("srgb",) * 3)
    assert (float(seen.min()), float(seen.max())) == pytest.approx((-1, 1))
    assert learned(shot, steps=1, every=1).preprocessing == Preprocessing()
