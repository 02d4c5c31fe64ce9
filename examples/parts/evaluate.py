"""IoU and Dice of each part on the clip of this example: mattes from 0.5 on against the render's cryptomatte.

Run it in the repository's folder: python examples/parts/evaluate.py [WEIGHTS]
"""

import sys

import torch

from rotonodes.metrics.matte_scores import PartScores
from rotonodes.nodes import LoadParts, UNetSegment

PARTS = ["legs", "clothes", "torso", "arms", "head", "eyes", "hair"]

render = LoadParts(path="examples/parts/clip/parts.####.exr", parts=PARTS)
segment = UNetSegment(weights=(sys.argv[1:] or ["weights/parts.safetensors"])[0])
tally = PartScores(len(PARTS))
for frame in render.available():
    truth = render(frame=frame)
    guess = segment(truth.image).probabilities
    tally.add(torch.cat([guess.plane(name) for name in PARTS]), truth.parts.image(PARTS).data)
for name, iou, dice in zip(PARTS, tally.iou(), tally.dice(), strict=True):
    print(f"{name:<10}{iou:.3f}  {dice:.3f}")
print(f"{'mean':<10}{sum(tally.iou()) / len(PARTS):.3f}  {sum(tally.dice()) / len(PARTS):.3f}")
