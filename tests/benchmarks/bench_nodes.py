"""What compositing nodes cost, each beside the same operation of OpenCV, OpenImageIO, Pillow or scipy: a Markdown table.

    pip install opencv-python-headless OpenImageIO
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_nodes.py --size 1920x1080 --repeats 5

Pictures are RGBA, float32: ours in planes, theirs interleaved, each as its own functions take them. One core; processor time, the best of all
repeats, the sides by turns, in ms. Of several libraries the fastest counts. `difference` is the largest one between the two results away from
the edges, where they are meant to be the same.
"""

# ruff: noqa: E501
# One operation a line reads as the table that it makes.

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import OpenImageIO as oiio
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from rotonodes.imaging.picture.lettering import SHIPPED
from rotonodes.imaging.picture.warping import affine, corners_matrix
from rotonodes.machine.memory import reuse_memory
from rotonodes.nodes import (
    ApplyMatte,
    Blur,
    ColorSpace,
    Constant,
    CornerPin,
    Denoise,
    EdgeExtend,
    Halftone,
    Invert,
    Math,
    Merge,
    Noise,
    PaperGrain,
    Premultiply,
    Ramp,
    Retime,
    ShuffleChannels,
    Text,
    Transform,
    Unpremultiply,
)
from rotonodes.values.pixels import Clip, Image, Matte

EDGE = 0.1  # share of each side that is left out of a comparison


class Row(NamedTuple):
    """An operation: ours, and those of the libraries by name. `same`: whether the results are meant to be equal."""

    what: str
    ours: Callable[[], Any]
    theirs: dict[str, Callable[[], Any]]
    same: bool = True


class Stock:
    """The pictures of one size, in both layouts."""

    def __init__(self, width: int, height: int) -> None:
        random = np.random.default_rng(1)
        self.width, self.height = width, height
        self.alpha = (1.2 - np.hypot(*np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]).astype(np.float32)).clip(0, 1)
        small = random.random((height // 8 + 1, width // 8 + 1, 4), dtype=np.float32)
        self.rgba = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).clip(0.01, 1)
        self.rgba[..., 3] = self.alpha
        self.rgba[..., :3] *= self.alpha[..., None]
        self.image = planes(self.rgba)
        self.other = np.ascontiguousarray(self.rgba[::-1])
        self.matte = Matte(torch.from_numpy(self.alpha[None].copy()))
        self.buffer, self.second = oiio.ImageBuf(self.rgba), oiio.ImageBuf(self.other)
        self.buffer.specmod().alpha_channel = self.second.specmod().alpha_channel = 3
        self.bytes = Pillow.fromarray((self.rgba * 255).astype(np.uint8))


def planes(pixels: np.ndarray) -> Image:
    return Image(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))))


def pixels(made: Any) -> np.ndarray | None:
    """A result as `[H, W, C]`."""
    if isinstance(made, Image):
        return made.on_frame().data.permute(1, 2, 0).numpy()
    if isinstance(made, oiio.ImageBuf):
        return made.get_pixels(oiio.FLOAT)
    return made if isinstance(made, np.ndarray) else None


def channel_rows(stock: Stock) -> list[Row]:
    image, rgba, three = stock.image, stock.rgba, np.repeat(stock.alpha[..., None], 4, 2)
    ibuf, algo, other = stock.buffer, oiio.ImageBufAlgo, planes(stock.other)
    straight = planes(np.concatenate([rgba[..., :3], rgba[..., 3:]], 2))
    half = np.full_like(rgba, 0.5)
    return [
        Row("Merge, over", lambda: Merge()([image, other]), {"OpenImageIO": lambda: algo.over(stock.second, ibuf)}),
        Row("Premultiply", lambda: Premultiply()(straight), {"OpenImageIO": lambda: algo.premult(ibuf), "OpenCV": lambda: cv2.multiply(rgba, three)}, False),
        Row("Unpremultiply", lambda: Unpremultiply()(image), {"OpenImageIO": lambda: algo.unpremult(ibuf)}),
        Row("ApplyMatte", lambda: ApplyMatte()(image, stock.matte), {"OpenCV": lambda: cv2.multiply(rgba, three)}),
        Row("Invert", lambda: Invert(channels="all")(Image(image.data, tuple("abcd"))), {"OpenImageIO": lambda: algo.invert(ibuf), "OpenCV": lambda: cv2.subtract(1.0, rgba)}, False),
        Row("Math, add a picture", lambda: Math(channels="all")(image, other), {"OpenCV": lambda: cv2.add(rgba, stock.other), "OpenImageIO": lambda: algo.add(ibuf, stock.second)}),
        Row("Math, multiply by 0.5", lambda: Math(channels="all", operation="multiply", value=0.5)(image), {"OpenCV": lambda: cv2.multiply(rgba, half), "OpenImageIO": lambda: algo.mul(ibuf, 0.5)}),
        Row("Math, power 2.2", lambda: Math(channels="all", operation="power", value=2.2)(image), {"OpenCV": lambda: cv2.pow(rgba, 2.2), "OpenImageIO": lambda: algo.pow(ibuf, 2.2)}),
        Row("Math, clamp", lambda: Math(channels="all", operation="clamp", low=0.2, high=0.8)(image), {"OpenImageIO": lambda: algo.clamp(ibuf, 0.2, 0.8), "OpenCV": lambda: cv2.min(cv2.max(rgba, 0.2), 0.8)}, False),
        Row("ShuffleChannels, R and B", lambda: ShuffleChannels(channels={"R": "B", "B": "R"})(image), {"OpenCV": lambda: cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), "OpenImageIO": lambda: algo.channels(ibuf, ("B", "G", "R", "A"))}, False),
    ]  # fmt: skip


def filter_rows(stock: Stock) -> list[Row]:
    image, rgba, ibuf, algo = stock.image, stock.rgba, stock.buffer, oiio.ImageBufAlgo
    rows = [
        Row(f"Blur, Gaussian {sigma:g} px", lambda sigma=sigma: Blur(size=sigma)(image), {"OpenCV": lambda sigma=sigma: cv2.GaussianBlur(rgba, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)})
        for sigma in (2.0, 10.0, 30.0)
    ]  # fmt: skip
    line = cv2.getRotationMatrix2D((20, 20), 30, 1)
    kernel = np.zeros((41, 41), np.float32)
    kernel[20] = 1 / 41
    kernel = cv2.warpAffine(kernel, line, (41, 41))
    small = oiio.ImageBuf(rgba[:, :, :3].copy())
    rgb = planes(rgba[..., :3])
    only_rgb = np.ascontiguousarray(rgba[..., :3])
    return [
        *rows,
        Row("Blur, box of 11 px", lambda: Blur(method="box", size=5)(image), {"OpenCV": lambda: cv2.blur(rgba, (11, 11), borderType=cv2.BORDER_REPLICATE)}),
        Row("Blur, box of 101 px", lambda: Blur(method="box", size=50)(image), {"OpenCV": lambda: cv2.blur(rgba, (101, 101), borderType=cv2.BORDER_REPLICATE)}),
        Row("Blur, along 41 px", lambda: Blur(method="directional", size=41, angle=30)(image), {"OpenCV": lambda: cv2.filter2D(rgba, -1, kernel)}, False),
        Row("Denoise, median of 3 x 3", lambda: Denoise(channels="all")(image), {"OpenCV": lambda: cv2.medianBlur(rgba, 3), "OpenImageIO": lambda: algo.median_filter(ibuf, 3, 3)}),
        Row("Denoise, median of 5 x 5", lambda: Denoise(radius=2, channels="all")(image), {"OpenCV": lambda: cv2.medianBlur(rgba, 5)}),
        Row("Denoise, bilateral, 7 px", lambda: Denoise(method="bilateral", radius=3)(rgb), {"OpenCV": lambda: cv2.bilateralFilter(only_rgb, 7, 0.2, 1.5)}, False),
        Row("EdgeExtend, 16 px", lambda: EdgeExtend(distance=16)(image), {"scipy": lambda: ndimage.distance_transform_edt(stock.alpha < 0.98, return_distances=False, return_indices=True), "OpenCV": lambda: cv2.distanceTransformWithLabels((stock.alpha < 0.98).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)}, False),
        Row("ColorSpace, sRGB", lambda: ColorSpace(target="sRGB - Texture")(rgb), {"OpenImageIO": lambda: algo.colorconvert(small, "lin_rec709", "srgb_texture")}),
    ]  # fmt: skip


def placing_rows(stock: Stock) -> list[Row]:
    image, rgba, size = stock.image, stock.rgba, (stock.width, stock.height)
    matrix = affine((12.3, -4.5), 7, (1.1, 1.1), (stock.width / 2, stock.height / 2))
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    theirs = np.linalg.inv(shift) @ matrix @ shift  # OpenCV counts from pixel centres
    corners = [(0.0, 0.0), (size[0], 0.0), size, (0.0, size[1])]
    to = [
        (0.02 * size[0], 0.03 * size[1]),
        (0.9 * size[0], 0.08 * size[1]),
        (0.99 * size[0], 0.94 * size[1]),
        (0.05 * size[0], 0.99 * size[1]),
    ]
    bent = np.linalg.inv(shift) @ corners_matrix(corners, to) @ shift
    given = {"translate": (12.3, -4.5), "rotate": 7, "scale": 1.1}
    clip = Clip.of([image, planes(stock.other)])
    font, smaller = ImageFont.truetype(str(SHIPPED), 96), (stock.width, stock.height)
    rows = [
        Row(f"Transform, {name}", lambda name=name: Transform(filter=name, **given)(image), {"OpenCV": lambda flag=flag: cv2.warpAffine(rgba, theirs[:2], size, flags=flag)})
        for name, flag in (("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC))
    ]  # fmt: skip

    def written() -> np.ndarray:
        picture = stock.bytes.copy()
        ImageDraw.Draw(picture).text((300, 500), "rotonodes 0012", "#ffffff", font)
        return np.asarray(picture)

    return [
        *rows,
        Row("CornerPin, bilinear", lambda: CornerPin(to=to, filter="bilinear")(image), {"OpenCV": lambda: cv2.warpPerspective(rgba, bent, size)}),
        Row("Retime, blend", lambda: Retime(speed=0.5, method="blend")(clip, frame=2), {"OpenCV": lambda: cv2.addWeighted(rgba, 0.5, stock.other, 0.5, 0)}),
        Row("Text", lambda: Text(text="rotonodes 0012", height=96)(image), {"Pillow, 8 bit": written}, False),
        Row("Constant", lambda: Constant(size=smaller)(), {"OpenImageIO": lambda: oiio.ImageBufAlgo.fill((0.2, 0.2, 0.2), roi=oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3))}, False),
        Row("Ramp", lambda: Ramp(size=smaller, mix="linear")(), {"OpenImageIO": lambda: oiio.ImageBufAlgo.fill((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), roi=oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3))}, False),
        Row("Noise, white", lambda: Noise(size=smaller, method="white")(), {"OpenImageIO": lambda: oiio.ImageBufAlgo.noise("white", 0.0, 1.0, mono=True, roi=oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3)), "OpenCV": lambda: cv2.randu(np.empty((size[1], size[0], 3), np.float32), 0, 1)}, False),
        Row("Noise, fractal", lambda: Noise(size=smaller)(), {}, False),
        Row("Halftone", lambda: Halftone()(image), {}, False),
        Row("PaperGrain", lambda: PaperGrain()(image), {}, False),
    ]  # fmt: skip


def timed(row: Row, repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Processor time of each side, the best of all repeats in ms, and the results."""
    sides = {"ours": row.ours, **row.theirs}
    best, made = dict.fromkeys(sides, float("inf")), {}
    for _ in range(repeats):
        for name, call in sides.items():
            begun = time.process_time()
            made[name] = call()
            best[name] = min(best[name], 1000 * (time.process_time() - begun))
    return best, made


def difference(one: Any, other: Any) -> float | None:
    """The largest difference of two results in the middle of the frame."""
    a, b = pixels(one), pixels(other)
    if a is None or b is None:
        return None
    rows, columns = (slice(round(EDGE * n), n - round(EDGE * n)) for n in a.shape[:2])
    return float(np.abs(a[rows, columns] - b[rows, columns]).max())


def line(row: Row, repeats: int) -> str:
    best, made = timed(row, repeats)
    ours = best.pop("ours")
    if not best:
        return f"| {row.what} | {ours:.1f} | – | | | |"
    fastest = min(best, key=lambda name: best[name])
    apart = difference(made["ours"], made[fastest]) if row.same else None
    return f"| {row.what} | {ours:.1f} | {fastest} | {best[fastest]:.1f} | {ours / best[fastest]:.1f} | {'' if apart is None else f'{apart:.1g}'} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080", help="width x height of the frames")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="operations whose name contains this")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    oiio.attribute("threads", 1)
    warnings.simplefilter("ignore")
    width, height = map(int, options.size.split("x"))
    reuse_memory()  # as every run of a graph does
    stock = Stock(width, height)
    print("| operation | ours, ms | library | its, ms | ours / its | difference |\n| --- | ---: | --- | ---: | ---: | ---: |")
    for row in (*channel_rows(stock), *filter_rows(stock), *placing_rows(stock)):
        if options.only.lower() in row.what.lower():
            print(line(row, options.repeats), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
