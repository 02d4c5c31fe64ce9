"""Our own code beside the well-kept library that could stand in its place, speed and exactness in one run: a Markdown table.

    python tests/benchmarks/bench_libraries.py --size 512 --repeats 7

Each row times one piece of work both ways by turns, on one core, and prints the median in ms. The columns "ours" and "library" under
exactness say how much of the checks that rotonodes promises each side keeps; what is checked stands in the last column. A library that
is not installed is left out with its reason.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
from bench_io import COLORS, rendered, tones

from rotonodes.io import exr_header, gif, png, tiff

GRAPHS = Path(__file__).parent.parent.parent / "graphs"


class Row(NamedTuple):
    """One piece of work: what it is, the two ways, and the share of the checks that each keeps (0 to 1)."""

    work: str
    ours: Callable[[], Any]
    library: str
    theirs: Callable[[], Any]
    exact: tuple[float, float]
    checked: str


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="width and height of the pictures, in px")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")  # libraries rename parameters from release to release
    print("| work | ours, ms | library | library, ms | times as fast | exact: ours | exact: library | checked |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as folder:
        groups = (_png, _tiff, _gif, _exr, _yaml, _regions, _nearest, _polygons, _drawing)
        for row in itertools.chain.from_iterable(group(Path(folder), options.size) for group in groups):
            ours, theirs = _medians(options.repeats, row.ours, row.theirs)
            exact = " | ".join(f"{share:.0%}" for share in row.exact)
            print(f"| {row.work} | {ours:.2f} | {row.library} | {theirs:.2f} | {theirs / ours:.1f} | {exact} | {row.checked} |", flush=True)
    return 0


def _medians(repeats: int, *ways: Callable[[], Any]) -> list[float]:
    """The median time of each way, in ms; the ways take turns, so that a busy machine slows both alike."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, found in zip(ways, times, strict=True):
            start = time.perf_counter()
            way()
            found.append((time.perf_counter() - start) * 1000)
    return [statistics.median(found) for found in times]


def _share(checks: list[Callable[[], Any]]) -> float:
    """The share of the checks that hold; one that raises does not."""
    held = 0
    for check in checks:
        with contextlib.suppress(Exception):
            held += bool(check())
    return held / len(checks)


def _png(folder: Path, size: int) -> Iterator[Row]:
    eight = rendered(size)
    sixteen = eight.astype(np.uint16) * 257 + 3
    clear = np.dstack([sixteen, sixteen[..., 0]])
    file, other = folder / "ours.png", folder / "pillow.png"
    samples = [eight, eight[..., 0], sixteen, sixteen[..., 0], clear]

    def ours_back(array: np.ndarray) -> bool:
        png.write_png(file, array)
        found = png.read_png(file)
        return found.dtype == array.dtype and np.array_equal(found.squeeze(), array)

    def pillow_back(array: np.ndarray) -> bool:
        PIL.Image.fromarray(array).save(other)
        found = np.array(PIL.Image.open(other))
        return found.dtype == array.dtype and np.array_equal(found, array)

    exact = (_share([lambda a=a: ours_back(a) for a in samples]), _share([lambda a=a: pillow_back(a) for a in samples]))
    checked = "8 and 16 bit grey, RGB, RGBA come back bit for bit"
    picture = PIL.Image.fromarray(eight)
    yield Row("write PNG, 8-bit RGB", lambda: png.write_png(file, eight), "Pillow", lambda: picture.save(other), exact, checked)
    png.write_png(file, eight)
    picture.save(other)
    yield Row("read PNG, 8-bit RGB", lambda: png.read_png(file), "Pillow", lambda: np.array(PIL.Image.open(file)), exact, checked)


def _tiff(folder: Path, size: int) -> Iterator[Row]:
    import tifffile

    plate = rendered(size).astype(np.uint16) * 257
    linear = plate.astype(np.float32) / 65535
    file, other = folder / "ours.tif", folder / "library.tif"
    samples = [plate, plate.astype(np.uint8), linear, linear.astype(np.float16)]

    def back(array: np.ndarray, write: Callable[..., Any], read: Callable[..., Any]) -> bool:
        write(file, array)
        found = read(file)
        return found.dtype == array.dtype and np.array_equal(found, array)

    def theirs_write(path: Path, array: np.ndarray) -> None:
        tifffile.imwrite(path, array, photometric="rgb", compression="zlib", predictor=array.dtype.kind == "u")

    ours = _share([lambda a=a: back(a, tiff.write_tiff, lambda f: tiff.read_tiff(f).samples) for a in samples])
    theirs = _share([lambda a=a: back(a, theirs_write, tifffile.imread) for a in samples])
    checked = "8, 16 bit, half and float RGB come back bit for bit"
    try:
        theirs_write(other, plate)
        library, write = "tifffile", lambda: theirs_write(other, plate)
    except Exception:  # its predictor needs imagecodecs
        library, write = "tifffile, no predictor", lambda: tifffile.imwrite(other, plate, photometric="rgb", compression="zlib")
        plain = _share([lambda a=a: back(a, lambda p, x: tifffile.imwrite(p, x, photometric="rgb", compression="zlib"), tifffile.imread)
                        for a in samples])  # fmt: skip
        theirs = plain
    yield Row("write TIFF, 16-bit RGB, zip", lambda: tiff.write_tiff(file, plate), library, write, (ours, theirs), checked)
    tifffile.imwrite(other, plate, photometric="rgb", compression="zlib")
    yield Row(
        "read TIFF, 16-bit RGB, zip", lambda: tiff.read_tiff(other), "tifffile", lambda: tifffile.imread(other), (ours, theirs), checked
    )


def _gif(folder: Path, size: int) -> Iterator[Row]:
    count = 24
    clip = [tones(size, i / count * 6.28) for i in range(count)]
    colors = np.array([tuple(bytes.fromhex(color[1:])) for color in COLORS], np.uint8)
    flat = [colors[indices] for indices in clip]
    file, other = folder / "ours.gif", folder / "pillow.gif"

    def ours() -> None:
        with open(file, "wb") as opened, gif.GifWriter(opened, (size, size), 24, palette=COLORS) as writer:
            for frame in clip:
                writer.add(frame)

    def pillow() -> None:
        frames = [PIL.Image.fromarray(frame) for frame in flat]
        frames[0].save(other, "GIF", save_all=True, append_images=frames[1:], duration=1000 / 24, loop=0)

    def colors_kept(path: Path) -> float:
        picture = PIL.Image.open(path)
        return sum(
            np.array_equal(np.array(picture.convert("RGB")), frame) for i, frame in enumerate(flat) if picture.seek(i) is None
        ) / len(flat)

    def seconds(path: Path) -> float:
        picture = PIL.Image.open(path)
        total = 0.0
        for i in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(i)
            total += picture.info["duration"]
        return total / 1000

    ours()
    pillow()
    exact = tuple(
        _share([lambda p=p: colors_kept(p) == 1, lambda p=p: abs(seconds(p) - 1) < 1e-9, lambda p=p: PIL.Image.open(p).n_frames == count])
        for p in (file, other)
    )
    yield Row(f"write GIF, {count} flat frames", ours, "Pillow", pillow, exact, "colours exact, 24 frames last 1 s, no frame dropped")


def _exr(folder: Path, size: int) -> Iterator[Row]:
    import OpenEXR

    file = folder / "sound.exr"
    plate = rendered(size).astype(np.float16) / 255
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, {"RGB": plate}).write(str(file))
    data = file.read_bytes()
    damaged = folder / "damaged.exr"
    broken: list[bytes] = [data[: len(data) * i // 12] for i in range(1, 12)]
    rng = np.random.default_rng(0)
    for _ in range(20):  # a few bytes of the header or of the chunk table turned over
        changed = bytearray(data)
        for at in rng.integers(8, 400, 3):
            changed[at] ^= 0xFF
        broken.append(bytes(changed))

    def held(check: Callable[[Path], Any], content: bytes) -> bool:
        """True when the check refuses the file, or the file can be decoded whole."""
        damaged.write_bytes(content)
        with _silent():
            try:
                check(damaged)
            except Exception:
                return True
            planes = OpenEXR.File(str(damaged)).parts[0].channels["RGB"].pixels
        return bool(planes.shape[:2] == (size, size) and np.count_nonzero(planes[-1]))

    def header_only(path: Path) -> Any:
        return OpenEXR.File(str(path), header_only=True)

    exact = (
        _share([lambda c=c: held(exr_header.read_headers, c) for c in broken]),
        _share([lambda c=c: held(header_only, c) for c in broken]),
    )
    checked = f"{len(broken)} damaged files: refused from the header, or decoded whole"
    yield Row(
        "check EXR header and chunk table", lambda: exr_header.read_headers(file), "OpenEXR, header only",
        lambda: header_only(file), exact, checked,
    )  # fmt: skip


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without what the EXR library itself prints about damaged files."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _yaml(folder: Path, size: int) -> Iterator[Row]:
    import yaml

    from rotonodes.graph.document import parse_document

    files = sorted(GRAPHS.glob("*.yaml"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def plain(text: str) -> Any:
        return yaml.load(text, Loader=loader)

    def refuses(read: Callable[[str], Any], text: str) -> bool:
        try:
            found = read(text)
        except Exception:
            return True
        return bool(getattr(found, "faults", None))

    def value(read: Callable[[str], Any], text: str) -> Any:
        found = read(f"a: {text}\n")
        return getattr(found, "data", found)["a"]

    def checks(read: Callable[[str], Any]) -> list[Callable[[], Any]]:
        bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise("abcdefg")
        )
        return [
            lambda: value(read, "1e-4") == 1e-4,
            lambda: value(read, "on") == "on",
            lambda: value(read, "012") == 12,
            lambda: value(read, "1:30") == "1:30",
            lambda: refuses(read, "a: 1\na: 2\n"),
            lambda: refuses(read, "a: &x {b: 1}\nc: {<<: *x}\n"),
            lambda: refuses(read, bomb),
            lambda: getattr(read("a: {b: 1}\n"), "marks", {}).get(("a", "b")) == (1, 8),
        ]

    checked = "YAML 1.2 numbers and words, equal keys, merge keys and alias bombs refused, line and column of every value"
    yield Row(
        f"read {len(files)} graph files", lambda: [parse_document(text) for text in texts], "PyYAML safe_load",
        lambda: [plain(text) for text in texts], (_share(checks(parse_document)), _share(checks(plain))), checked,
    )  # fmt: skip
    try:
        from ruamel.yaml import YAML
    except ImportError:
        return
    yield Row(
        f"read {len(files)} graph files", lambda: [parse_document(text) for text in texts], "ruamel.yaml, safe",
        lambda: [YAML(typ="safe").load(text) for text in texts],
        (_share(checks(parse_document)), _share(checks(lambda text: YAML(typ="safe").load(text)))), checked,
    )  # fmt: skip


def _shapes(size: int) -> np.ndarray:
    """A mask `[H, W]` of some hundred blobs, bool."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(size, size)), 6, mode="wrap")
    return noise > 0.6 * noise.std()


def _regions(folder: Path, size: int) -> Iterator[Row]:
    from scipy import ndimage
    from skimage import measure

    from rotonodes.imaging.mattes.regions import regions

    mask = _shapes(size)

    def ours() -> np.ndarray:
        return regions(mask, 8, only_true=True).sizes

    def scipy() -> np.ndarray:
        labels, _ = ndimage.label(mask, np.ones((3, 3)))
        return np.bincount(labels.ravel())[1:]

    def skimage() -> np.ndarray:
        return np.bincount(measure.label(mask, connectivity=2).ravel())[1:]

    same = float(sorted(ours().tolist()) == sorted(scipy().tolist()))
    checked = "the same regions with the same sizes"
    yield Row("connected regions and their sizes", ours, "scipy.ndimage.label", scipy, (same, 1.0), checked)
    yield Row("connected regions and their sizes", ours, "scikit-image label", skimage, (same, 1.0), checked)


def _nearest(folder: Path, size: int) -> Iterator[Row]:
    from scipy import ndimage

    from rotonodes.imaging.mattes.nearest import nearest_of

    mask, reach = _shapes(size), 24
    pixels = np.flatnonzero(mask)
    found = nearest_of(pixels, mask.shape, reach)
    truth = ndimage.distance_transform_edt(~mask)
    places = np.flatnonzero(truth.ravel() <= reach)
    exact = float(np.array_equal(found.of(places)[1], np.rint(truth.ravel()[places] ** 2)))
    yield Row(
        f"distance to the nearest pixel, up to {reach} px", lambda: nearest_of(pixels, mask.shape, reach), "scipy.ndimage",
        lambda: ndimage.distance_transform_edt(~mask), (exact, 1.0), "exact Euclidean distances",
    )  # fmt: skip


def _polygons(folder: Path, size: int) -> Iterator[Row]:
    from skimage import draw, measure

    from rotonodes.imaging.mattes.outline import contours, covered, simplified

    matte = _shapes(size).astype(np.float32)
    lines = [line for line in contours(np.pad(matte, 1)) if len(line) > 3]

    def shrunk() -> list[np.ndarray]:
        points, counts = simplified(lines, 1.0)
        return np.split(points, np.cumsum(counts)[:-1])

    def theirs() -> list[np.ndarray]:
        return [measure.approximate_polygon(line, 1.0) for line in lines]

    def within(polygons: list[np.ndarray]) -> float:
        return float(np.mean([_farthest(line, polygon) <= 1 + 1e-6 for line, polygon in zip(lines, polygons, strict=True)]))

    yield Row(
        f"simplify {len(lines)} outlines", shrunk, "scikit-image approximate_polygon", theirs, (within(shrunk()), within(theirs())),
        "no point is more than 1 px from its polygon",
    )  # fmt: skip
    turn = np.arange(200) * 2 * np.pi / 200
    circle = np.stack([np.sin(turn), np.cos(turn)], axis=1) * (size / 3.1) + size / 2
    circle = np.concatenate([circle, circle[:1]])
    area = 0.5 * abs(np.sum(circle[:-1, 0] * circle[1:, 1] - circle[1:, 0] * circle[:-1, 1]))

    def exact(plane: np.ndarray) -> float:
        return float(abs(plane.sum() - area) < 1e-3 * np.sqrt(area))

    shape = (size, size)
    yield Row(
        "draw a polygon with soft edges", lambda: covered([circle], shape), "scikit-image polygon2mask, hard edges",
        lambda: draw.polygon2mask(shape, circle), (exact(covered([circle], shape)), exact(draw.polygon2mask(shape, circle))),
        "the covered area is the polygon's own",
    )  # fmt: skip


def _farthest(line: np.ndarray, polygon: np.ndarray) -> float:
    """How far a point of a line is from the nearest side of a polygon, at most, in px."""
    start, along = polygon[:-1], np.diff(polygon, axis=0)
    off = line[:, None] - start[None]
    square = np.maximum((along * along).sum(1), 1e-12)
    share = np.clip((off * along).sum(2) / square, 0, 1)
    return float(np.sqrt(((off - share[..., None] * along) ** 2).sum(2)).min(1).max())


def _drawing(folder: Path, size: int) -> Iterator[Row]:
    import networkx as nx

    from rotonodes.api import Graph
    from rotonodes.describe.draw import Layout, draw_graph

    graph = max((Graph.load(file) for file in sorted(GRAPHS.glob("*.yaml"))), key=lambda graph: len(graph.vertices))
    layout = Layout(graph)
    links = nx.DiGraph([(edge.source, edge.target) for edge in layout.edges])
    for name, spot in layout.spots.items():
        links.add_node(name, layer=spot.layer)

    def theirs() -> Any:
        return nx.multipartite_layout(links, subset_key="layer", scale=400)

    def apart(spots: dict[str, tuple[float, float, float, float]]) -> float:
        pairs = list(itertools.combinations(spots.values(), 2))
        return sum(abs(a[0] - b[0]) >= (a[2] + b[2]) / 2 or abs(a[1] - b[1]) >= (a[3] + b[3]) / 2 for a, b in pairs) / len(pairs)

    boxes = {name: (spot.x + spot.width / 2, spot.y, spot.width, spot.height) for name, spot in layout.spots.items()}
    placed = {name: (*theirs()[name], *boxes[name][2:]) for name in boxes}
    yield Row(
        f"draw a graph of {len(boxes)} nodes", lambda: draw_graph(graph, "svg"), "networkx, layout only", theirs,
        (apart(boxes), apart(placed)),
        "no box lies on another",
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
