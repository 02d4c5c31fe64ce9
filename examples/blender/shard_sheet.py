# SPDX-License-Identifier: GPL-3.0-or-later
"""A contact sheet of a shard: each frame's pictures, labels, shape and light, to look at before hours of rendering. Needs Pillow.

python shard_sheet.py renders/train/s11-00000.npz sheet.png --first 0 --count 12
"""

import argparse
from pathlib import Path

import numpy as np
import shard_file
import tone_rules
from PIL import Image, ImageDraw


def tiles(arrays: dict[str, np.ndarray], note: dict) -> list[np.ndarray]:
    """Pictures uint8 `[H,W,3]` of one frame."""
    found = [arrays[f"view{index}"].transpose(1, 2, 0) for index in range(len(note["views"]))]
    found.append(tone_rules.painted(arrays["labels"]))
    found += [np.repeat(arrays[name][..., None], 3, -1) for name in ("shape", "cosine", "lit")]
    light = arrays["diffdir"].astype(np.float32).transpose(1, 2, 0).clip(0, 1)
    return [*found, np.uint8(255 * light ** (1 / 2.2))]


def sheet(path: Path, first: int, count: int, side: int, columns: int) -> Image.Image:
    rows = []
    for index in range(first, min(first + count, shard_file.head_of(path)["frames"])):
        arrays, note = shard_file.read_frame(path, index)
        pictures = [Image.fromarray(np.ascontiguousarray(tile)) for tile in tiles(arrays, note)[:columns]]
        row = Image.new("RGB", (side * len(pictures), side))
        for column, picture in enumerate(pictures):
            picture.thumbnail((side, side), Image.Resampling.NEAREST if column == len(note["views"]) else Image.Resampling.BILINEAR)
            row.paste(picture, (column * side, 0))
        ImageDraw.Draw(row).text((2, side - 12), f"{index} {note['kind']} {note['key']['kind']}", fill=(255, 255, 0))
        rows.append(row)
    result = Image.new("RGB", (rows[0].width, side * len(rows)))
    for index, row in enumerate(rows):
        result.paste(row, (0, side * index))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shard", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--side", type=int, default=192, help="of a picture, px")
    parser.add_argument("--columns", type=int, default=8)
    args = parser.parse_args()
    sheet(args.shard, args.first, args.count, args.side, args.columns).save(args.out)


if __name__ == "__main__":
    main()
