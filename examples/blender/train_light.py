"""Train the network that judges from where a frame's key light may come: rotonodes/imaging/passes/light_signs.safetensors.

    python examples/blender/train_light.py --shards renders/train --out light_signs.safetensors

The shards are those of shards.py, which know the light. A tenth of the scenes is kept from training, and tells the error: the angle
between the light and the likeliest direction, without a look at shadows.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn import functional

from rotonodes.imaging.passes.light_search import LightSearch
from rotonodes.imaging.passes.light_signs import LightSigns
from rotonodes.imaging.passes.surface import Surface, usable_normals

HIDDEN, DROPOUT = 48, 0.3
STEPS, BATCH, RATE, DECAY = 600, 24, 4e-3, 1e-2
SHARP = 60  # concentration of the wanted chances around the light
WITHOUT_GLOSS = 0.2  # share of frames that are shown without gloss
FEWEST = 50  # diffuse pixels of a frame that is used


def frames(folder: Path) -> Iterator[tuple[LightSigns, np.ndarray, str]]:
    """(signs, direction to the key light in camera space, kind of the light) of the first frame of each scene."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as planes, zipfile.ZipFile(path) as members:
            for name in sorted({one.partition(".")[0] for one in planes.files if one[0].isdigit()}):
                about = json.loads(members.read(f"{name}.json"))
                if about["frame"] != 1:
                    continue

                def plane(kind: str, name: str = name, planes: np.lib.npyio.NpzFile = planes) -> np.ndarray:
                    return planes[f"{name}.{kind}"].astype(np.float32)

                camera = np.array(about["camera"], np.float32).reshape(3, 3)
                normals = np.einsum("ij,jhw->ihw", camera, usable_normals(plane("normal")))
                surface = Surface.of(plane("diffdir"), normals, plane("depth")[0], plane("diffcol"), None, plane("glossdir"))
                if surface.diffuse.sum() >= FEWEST:
                    yield LightSearch(surface).signs, camera @ np.float32(about["key"]["direction"]), about["key"]["kind"]


@dataclass(frozen=True)
class Set:
    """What all frames say: `numbers` `[n, directions, numbers]`, `truth` unit vectors `[n, 3]`, `kinds` of their lights `[n]`."""

    numbers: torch.Tensor
    truth: np.ndarray
    kinds: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, folder: Path) -> Set:
        found = list(frames(folder))
        numbers = torch.from_numpy(np.stack([signs.numbers() for signs, _, _ in found]).astype(np.float16))
        truth = np.stack([light / np.linalg.norm(light) for _, light, _ in found])
        return cls(numbers, truth, np.array([kind for _, _, kind in found]), found[0][0].directions)

    def some(self, indices: np.ndarray, without_gloss: np.ndarray) -> torch.Tensor:
        """The numbers of frames, some of them as if no gloss were rendered."""
        nothing = LightSigns(np.zeros((1, 3)), np.zeros(1), np.zeros((1, 3)), np.zeros(1)).mirroring()
        values = self.numbers[torch.from_numpy(indices)].float()
        values[torch.from_numpy(without_gloss), :, -nothing.shape[1] :] = torch.from_numpy(nothing.astype(np.float32))
        return values


class Judge(torch.nn.Module):
    """Log chances of directions, `[n, directions]`, from the numbers that describe them."""

    def __init__(self, seen: torch.Tensor) -> None:
        super().__init__()
        self.mean, self.deviation = seen.mean((0, 1)), seen.std((0, 1)).clamp(min=1e-2)
        sizes = (seen.shape[2], HIDDEN, HIDDEN // 2, 1)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in pairwise(sizes))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        values = ((numbers - self.mean) / self.deviation).clamp(-6, 6)
        for layer in list(self.layers)[:-1]:
            values = functional.dropout(functional.silu(layer(values)), DROPOUT, self.training)
        return torch.log_softmax(self.layers[-1](values)[..., 0], 1)

    def write(self, path: Path) -> None:
        arrays = {name.removeprefix("layers."): tensor.numpy().astype(np.float16) for name, tensor in self.state_dict().items()}
        save_file(arrays | {"mean": self.mean.numpy(), "deviation": self.deviation.numpy()}, path, {"licence": "Apache-2.0"})


def train(known: Set, learned: np.ndarray, random: np.random.Generator) -> Judge:
    judge = Judge(known.some(learned, np.zeros(len(learned), bool)))
    cosines = torch.from_numpy((known.truth @ known.directions.T).astype(np.float32))
    optimizer = torch.optim.AdamW(judge.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for step in range(STEPS):
        batch = random.choice(learned, BATCH)
        wanted = torch.softmax(SHARP * cosines[torch.from_numpy(batch)], 1)
        loss = -(wanted * judge(known.some(batch, random.random(BATCH) < WITHOUT_GLOSS))).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)
    return judge.eval()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True, help="folder of shards")
    parser.add_argument("--out", type=Path, required=True, help="file of the network")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    known = Set.of(options.shards)
    kept, usable = (
        random.permutation(len(known.truth)) < len(known.truth) // 10,
        known.kinds != "sky",
    )  # a sky's bright place is a matter of taste
    judge, tested = train(known, np.flatnonzero(~kept & usable), random), np.flatnonzero(kept & usable)
    judge.write(options.out)
    for word, without in (("with gloss", False), ("without", True)):
        with torch.no_grad():
            likeliest = known.directions[judge(known.some(tested, np.full(len(tested), without))).argmax(1).numpy()]
        errors = np.degrees(np.arccos((likeliest * known.truth[tested]).sum(1).clip(-1, 1)))
        quartiles = np.percentile(errors, [25, 50, 75]).round(1)
        print(f"{len(errors)} frames {word}: quartiles {quartiles} degrees, over 15: {np.mean(errors > 15):.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
