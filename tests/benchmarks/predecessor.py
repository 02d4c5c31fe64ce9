"""The U-Net of the system that came before, trained as it was trained, on other frames.

    python tests/benchmarks/predecessor.py --frames renders/tones --folder out/a4 --minutes 600

One grey channel (PIL's "L") / 255 -> five classes, 64 to 1024 features, 31,036,741 parameters; the middle 1 / 1.4 of each frame resized to
cover 200 x 200; cross-entropy, Adam 1e-4, batches of 32, no variation, 50 epochs. All frames are learned from (there a fifth of
them, neighbours of the others, only watched the loss). 200 is no multiple of 16: frames are carried on to 208 by reflection,
and what is beyond 200 counts for nothing.

A run that was stopped goes on where it was. Frames are read once and kept in the folder, so that training can go on, without
`--frames`, on a machine that has no renders. With a GPU it runs there.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from rendered import Rendered, Source, frames, opened
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import Interrupted, RotoError, UsageError
from rotonodes.io.files import write_bytes
from rotonodes.metrics.labels import IGNORE
from rotonodes.nets.encode import pad
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import Crop
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.log.step_report import StepReport
from rotonodes.train.loop import train
from rotonodes.train.settings import NONE, Loss, TrainSettings
from rotonodes.values.color import linear_to_srgb, srgb_to_linear
from rotonodes.values.pixels import Image
from rotonodes.values.tones import CLASSES

WIDTHS = (64, 128, 256, 512, 1024)
SIDE, ZOOM = 200, 1.4
BATCH, EPOCHS = 32, 50
FRAMES = "frames.npz"


def grey(frame: Rendered) -> Image:
    """What the network sees of a frame: one channel Y, whose sRGB codes are the grey that PIL makes of the beauty's."""
    return Image(srgb_to_linear(torch.from_numpy(_codes(frame.beauty))[None] / 255), ("Y",))


def _codes(beauty: Image) -> np.ndarray:
    codes = (linear_to_srgb(beauty.color.nan_to_num(0).clamp(0, 1)) * 255).round().byte()
    return np.array(PIL.Image.fromarray(codes.movedim(0, -1).contiguous().numpy()).convert("L"))


def cut_frames(folder: Path, source: Source | None) -> tuple[np.ndarray, np.ndarray]:
    """Grey codes and class indices, uint8 `[N, 200, 200]`, of all frames of the source, or as the folder has kept them."""
    file = folder / FRAMES
    made_of = json.dumps(source and [source.title, source.beauty, source.clips])
    if file.exists():
        with np.load(file) as kept:
            if source and str(kept["made_of"]) != made_of:
                raise UsageError(f"{file}: made of other frames than {source.title} has now: use an empty folder, or leave out --frames")
            return kept["grey"], kept["labels"]
    if source is None:
        raise UsageError(f"{file}: no such file: give --frames")
    crop, pictures, labels = Crop(zoom=ZOOM, width=SIDE, height=SIDE), [], []
    for frame in frames(source):
        picture = Image(torch.from_numpy(_codes(frame.beauty))[None].float(), ("Y",))
        pictures.append(crop(picture).data[0].round().clamp(0, 255).byte().numpy())
        labels.append(crop(frame.truth).data.numpy())
    data = io.BytesIO()
    np.savez_compressed(data, grey=np.stack(pictures), labels=np.stack(labels), made_of=made_of)
    write_bytes(file, data.getvalue())
    return np.stack(pictures), np.stack(labels)


def learn(
    folder: Path, pictures: np.ndarray, labels: np.ndarray, minutes: float, widths: Sequence[int] = WIDTHS, epochs: int = EPOCHS
) -> None:
    """Train for so many minutes of wall time, or until all epochs are over; the folder's checkpoint is gone on from."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    epoch = len(pictures) / BATCH
    settings = TrainSettings(
        steps=round(epochs * epoch),
        batch=BATCH,
        crop=pad(torch.zeros(SIDE, SIDE), 16).shape[-1],
        optimizer="adam",
        learning_rate=1e-4,
        schedule="constant",
        weight_decay=0,
        gradient_clip=0,
        ema_decay=0,
        loss=Loss(dice=0),
        class_balance=0,
        augment=NONE,
        config={"widths": list(widths)},
        channels=("Y",),
        checkpoint_folder=folder,
        # A step takes a minute or two on one CPU core, and a checkpoint is half a gigabyte.
        checkpoint_interval=max(round(epoch), 1) if device == "cuda" else 20,
    )
    dataset = LabelledFrames(_samples(pictures, labels), classes=len(CLASSES), channels=("Y",))
    end = time.monotonic() + minutes * 60
    try:
        train(settings, dataset, device=device, on_step=_tell, should_stop=lambda: time.monotonic() >= end)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)


def trained(folder: Path) -> Model:
    """The network as the folder's newest checkpoint has it."""
    return load_weights(folder / NEWEST)


def progress(model: Model) -> str:
    """How far the training of `trained` has come."""
    steps, count = model.training["steps"], model.training["frames"]
    return f"{steps:,} steps, {steps * BATCH / count:.1f} of {EPOCHS} epochs, on {count:,} frames"


def _samples(pictures: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, Tensor, Tensor]]:
    for number, (picture, truth) in enumerate(zip(pictures, labels, strict=True), 1):
        seen = pad(torch.from_numpy(picture)[None] / 255, 16)
        rim = seen.shape[-1] - SIDE
        yield number, srgb_to_linear(seen), F.pad(torch.from_numpy(truth), (0, rim, 0, rim), value=IGNORE)


def _tell(step: StepReport) -> None:
    print(f"step {step.step} of {step.steps}: loss {step.loss:.4f}, {step.seconds:.0f} s", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", help="what to learn from: folder or sequence; default: the frames that --folder has kept")
    parser.add_argument("--beauty", choices=["exr", "png"], default="exr")
    parser.add_argument("--folder", type=Path, default=Path("out/a4"), help="frames, checkpoints, losses")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long; another run goes on")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        source = opened(options.frames, 1, options.beauty) if options.frames else None
        learn(options.folder, *cut_frames(options.folder, source), options.minutes)
        print(progress(trained(options.folder)))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
