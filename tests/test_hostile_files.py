"""Damaged and hostile files of every kind: each is read, or refused in one line, in bounded memory and without a traceback."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import save_file

from conftest import NO_SAMPLES, SAMPLES
from rotonodes import Graph
from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.io import arrays, exr, movies, pictures, png, psd, psd_decode, tiff
from rotonodes.nets.weights import WeightsError, memory_of
from rotonodes.nodes import LoadFrames, UNetSegment, WriteAnimation, WriteFrames, WriteVideo
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.pixels import Box, Image, Layers

ROOT = Path(__file__).parents[1]
HOSTILE = SAMPLES / "cases/hostile"
PLATE = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)


def save_psd(path: Path) -> None:
    samples = np.dstack([PLATE, PLATE[..., 0]])
    psd.write_psd(path, [psd.PsdLayer("a", samples), psd.PsdLayer("b/c", samples[:5])], (20, 24))


def save_palette(path: Path) -> None:
    png.write_palette_png(path, PLATE[..., 0] % 4, [(i, i, i) for i in range(4)], text={"a": "b"})


def labels(path: Path) -> Any:
    return pictures.read_labels(path, ("a", "b", "c", "d"))


def save_video(codec: str) -> Callable[[Path], Any]:
    def save(path: Path) -> None:
        pytest.importorskip("av")
        WriteVideo(path=str(path), codec=codec)([Image(torch.from_numpy(PLATE).movedim(2, 0) / 255)] * 3)

    return save


def save_animation(path: Path) -> None:
    WriteAnimation(path=str(path))([Image(torch.from_numpy(plate.copy()).movedim(2, 0) / 255) for plate in (PLATE, PLATE[::-1])])


def save_gif(path: Path) -> None:
    PIL.Image.fromarray(PLATE).save(path, save_all=True, append_images=[PIL.Image.fromarray(255 - PLATE)])


def save_exr(compression: exr.Compression) -> Callable[[Path], Any]:
    return lambda path: exr.write_exr(path, Image(torch.from_numpy(PLATE).movedim(2, 0) / 255), compression=compression)


def save_with_pillow(path: Path) -> None:
    PIL.Image.fromarray(PLATE).save(path)


def movie(path: Path) -> None:
    """Every frame."""
    for frame in range(1, min(movies.frame_count(path), 6) + 1):
        movies.read_frame(path, frame)


ANY = [pictures.read_image, pictures.picture_size, labels, pictures.read_key]
MOVIE = [movie, movies.frame_count, pictures.read_key]
KINDS: dict[str, tuple[Callable[[Path], Any], list[Callable[[Path], Any]]]] = {
    "a.png": (lambda path: png.write_png(path, PLATE, text={"a": "b"}), ANY),
    "16.png": (lambda path: png.write_png(path, PLATE.astype(np.uint16) * 257), ANY),
    "palette.png": (save_palette, ANY),
    "a.tif": (lambda path: tiff.write_tiff(path, PLATE), ANY),
    "float.tif": (lambda path: tiff.write_tiff(path, PLATE.astype(np.float32)), ANY),
    "lzw.tif": (lambda path: PIL.Image.fromarray(PLATE).save(path, compression="tiff_lzw"), ANY),
    "g4.tif": (lambda path: PIL.Image.fromarray(PLATE[..., 0]).convert("1").save(path, compression="group4"), ANY),
    "jpeg.tif": (lambda path: PIL.Image.fromarray(PLATE).save(path, compression="jpeg"), ANY),
    **dict.fromkeys(
        [f"a.{kind}" for kind in ("gif", "jpg", "webp", "bmp", "tga", "jp2", "dds", "ppm", "sgi", "pcx")], (save_with_pillow, ANY)
    ),
    "a.exr": (lambda path: exr.write_exr(path, Image(torch.rand(3, 20, 9)), key="k"), [*ANY, exr.read_layers]),
    "piz.exr": (save_exr("piz"), [*ANY, exr.read_layers]),
    "dwaa.exr": (save_exr("dwaa"), [*ANY, exr.read_layers]),
    "movie.gif": (
        lambda path: PIL.Image.fromarray(PLATE).save(path, save_all=True, append_images=[PIL.Image.fromarray(255 - PLATE)]),
        MOVIE,
    ),
    "movie.png": (save_animation, MOVIE),
    "movie.webp": (save_animation, MOVIE),
    "movie.mp4": (save_video("h264"), MOVIE),
    "movie.mkv": (save_video("ffv1"), MOVIE),
    "movie.webm": (save_video("vp9"), MOVIE),
    "a.psd": (save_psd, [psd_decode.read_psd, psd.read_key]),
    "a.npy": (lambda path: np.save(path, PLATE[..., 0] % 4), [arrays.read_array, labels, pictures.picture_size]),
    "a.pt": (lambda path: torch.save(torch.from_numpy(PLATE[..., 0] % 4), path), [arrays.read_array, labels]),
}


def spoiled(data: bytes, count: int, seed: int) -> list[bytes]:
    """The file cut short, and with a few bytes replaced, mostly in its head."""
    rng = np.random.default_rng(seed)
    found = [data[: len(data) * i // 9] for i in range(9)]
    for i in range(count):
        changed = bytearray(data)
        for at in rng.integers(0, len(data) if i % 3 == 0 else min(len(data), 200), 1 + i % 4):
            changed[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        found.append(bytes(changed))
    return found


@pytest.mark.filterwarnings("ignore")  # libraries warn about what is odd in a file
@pytest.mark.parametrize("name", KINDS)
def test_a_spoiled_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if name.endswith(".psd"):
        pytest.importorskip("psd_tools")
    write, readers = KINDS[name]
    write(tmp_path / name)
    refused = 0
    for content in spoiled((tmp_path / name).read_bytes(), 60, seed=len(name)):
        (tmp_path / name).write_bytes(content)
        for read in readers:
            try:
                read(tmp_path / name)
            except RotoError as error:
                assert len(str(error).splitlines()) == 1 and str(tmp_path / name) in str(error)
                refused += 1
    assert refused > 10
    assert capfd.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")  # Pillow's own, about its size
def test_a_gif_of_a_few_bytes_that_claims_to_be_huge(tmp_path: Path) -> None:
    PIL.Image.new("P", (4, 4)).save(tmp_path / "a.gif")
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[:6] + (13000).to_bytes(2, "little") * 2 + data[10:])
    for read in (pictures.read_image, pictures.picture_size):
        with pytest.raises(FrameError, match=r"it claims 13000 x 13000 pixels in \d+ bytes"):
            read(tmp_path / "a.gif")


SWEEP = """
import os, resource, sys, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from rotonodes.errors import RotoError
from rotonodes.io import arrays, exr, pictures, psd_decode
import torch
from rotonodes.nodes import LoadModel, UNetSegment
from rotonodes.values.pixels import Box, Image, Layers
def labels(path): return pictures.read_labels(path, ("a", "b"))
def model(path): return UNetSegment()(image=Image(torch.rand(3, 9, 7)), model=LoadModel(path=path)())
any = [pictures.read_image, pictures.picture_size, pictures.read_key, labels]
readers = {".exr": [*any, exr.read_layers], ".psd": [psd_decode.read_psd, pictures.read_image], ".npy": [arrays.read_array, labels],
           ".pt": [model, arrays.read_array], ".safetensors": [model], ".onnx": [model]}
for path in sys.argv[1:]:
    for read in readers.get(os.path.splitext(path)[1], any):
        try:
            read(path)
        except RotoError as error:
            assert len(str(error).splitlines()) == 1, error
print("done")
"""


@pytest.mark.skipif(not HOSTILE.is_dir(), reason=NO_SAMPLES)
def test_hostile_files_are_read_or_refused_in_one_line() -> None:
    pytest.importorskip("psd_tools")
    files = sorted(str(file) for file in HOSTILE.iterdir() if file.suffix != ".yaml")
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, *files],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "done", done.stderr[-2000:]


# Each file of a folder is read by commands of its own process, forked from one where everything is imported.
COMMANDS = """
import os, sys, tempfile
import av, imageio.v3, OpenEXR, torch
import rotonodes.engine.run, rotonodes.nodes
from rotonodes.cli.main import main
torch.set_num_threads(1)
GRAPH = "rotonodes: 1\\nframes: 1\\nnodes:\\n  a: {type: %s, path: \\"%s\\"%s}\\n  w: {type: %s, in: a, path: \\"out/{part}.png\\"}\\n"
def said(*command):
    kept = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
    process = os.fork()
    if not process:
        for descriptor, file in enumerate(kept, 1):
            os.dup2(file.fileno(), descriptor)
        try:
            main(command)
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)
        os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    kept[1].seek(0)
    return code, kept[1].read().decode().splitlines()
for name in sorted(os.listdir("files")):
    kind = {".psd": "LoadParts", ".npy": "LoadLabels", ".pt": "LoadLabels"}.get(os.path.splitext(name)[1], "LoadFrames")
    kind = "LoadMovie" if "movie" in name else kind
    write = "WriteParts" if kind == "LoadParts" else "WriteFrames"
    text = GRAPH % (kind, "files/" + name, ", classes: [a, b, c, d]" if kind == "LoadLabels" else "", write)
    open("g.yaml", "w").write(text.replace("{part}", "{part}" if kind == "LoadParts" else "a"))
    commands = [("run", "-q", "--force", "--cache", "none", "g.yaml"), ("passes", "files/" + name)]
    for command in commands if name.endswith((".exr", ".tif")) else commands[:1]:
        code, lines = said(*command)
        print(name, command[0], code, len(lines), sep="\\t")
        if len(lines) != (1 if code else 0) or code not in (0, 1, 2) or any("internal error" in line for line in lines):
            print("WRONG", name, command, code, lines)
"""


def test_commands_say_one_line_of_each_damaged_file(tmp_path: Path) -> None:
    """Decoders print lines of their own to descriptor 2: OpenEXR of chunks, libtiff of LZW and fax codes, Pillow by its log."""
    for library in ("av", "psd_tools"):
        pytest.importorskip(library)
    (tmp_path / "files").mkdir()
    for name, (write, _) in KINDS.items():
        write(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        rng, changed = np.random.default_rng(5), bytearray(whole)
        for at in rng.integers(len(whole) // 3, len(whole), 12):  # in the pixels: a damaged head is refused before they are decoded
            changed[at] ^= int(rng.integers(1, 256))
        (tmp_path / f"files/{name}").write_bytes(bytes(changed))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", COMMANDS], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    told = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert done.returncode == 0 and "WRONG" not in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]
    assert len(told) > len(KINDS) and sum(code != "0" for _, _, code, _ in told) > len(told) / 2


def png_claiming(width: int, height: int, rows: int | None = None) -> bytes:
    """A grey PNG of zeros; with fewer `rows` than it claims it is truncated."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes((width + 1) * (height if rows is None else rows)), 9)
    return png.SIGNATURE + png.chunk(b"IHDR", header) + png.chunk(b"IDAT", data) + png.chunk(b"IEND", b"")


def test_the_limit_on_the_size_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16384 x 16384 is accepted, more is not, and the message says how to raise the limit."""
    path = tmp_path / "a.png"
    path.write_bytes(png_claiming(16384, 16384, rows=6000))
    assert pictures.picture_size(path) == (16384, 16384)
    path.write_bytes(png_claiming(16385, 16384, rows=6000))
    for reader in (pictures.picture_size, pictures.read_image, labels):
        with pytest.raises(FrameError, match=r"16385 x 16384 pixels are more than the limit of 268435456; .*_PIXELS=268451840"):
            reader(path)
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "268451840")
    assert pictures.picture_size(path) == (16385, 16384)
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "80")
    for name, (write, readers) in KINDS.items():
        if readers[0] is pictures.read_image:
            write(tmp_path / name)
            with pytest.raises(FrameError, match="more than the limit of 80"):
                pictures.read_image(tmp_path / name)
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "a lot")
    with pytest.raises(UsageError, match="give a number of pixels"):
        pictures.read_image(tmp_path / "a.png")


def test_a_few_bytes_do_not_claim_a_large_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_claiming(16384, 16384, rows=1))
    with pytest.raises(FrameError, match="it claims 16384 x 16384 pixels in"):
        pictures.read_image(tmp_path / "a.png")
    torch.save(torch.zeros(1, dtype=torch.uint8).as_strided((100_000, 100_000), (0, 0)), tmp_path / "a.pt")
    with pytest.raises(FrameError, match=r"a tensor of \[100000, 100000\] in 1 bytes"):
        labels(tmp_path / "a.pt")


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    """A PSD whose header claims anything is no result, and does not end the plan."""
    save_psd(tmp_path / "a.psd")
    whole = (tmp_path / "a.psd").read_bytes()
    for at, value in ((26, b"\xff\xff\xff\xff"), (30, b"\x7f\xff\xff\xff"), (12, b"\xff\xff\xff\xff\xff\xff")):
        (tmp_path / "a.psd").write_bytes(whole[:at] + value + whole[at + len(value) :])
        assert pictures.read_key(tmp_path / "a.psd") is None
    for text in (b"", b"[]", b"{}", b'{"key": [], "size": "x"}', b"\xff" * 50, b'{"key": "k", "size": 1e400}'):
        (tmp_path / "x.bmp").write_bytes(b"BM")
        (tmp_path / ".x.bmp.key").write_bytes(text)
        assert pictures.read_key(tmp_path / "x.bmp") is None


def test_many_channels_are_refused_at_once(tmp_path: Path) -> None:
    exr.write_layers(tmp_path / "a.exr", Layers({f"c{i}": np.zeros((1, 1), np.float16) for i in range(4200)}, Box(0, 0, 1, 1), (1, 1)))
    with pytest.raises(FrameError, match="4200 channels, more than 4096"):
        exr.read_layers(tmp_path / "a.exr")


def test_where_somebody_works_does_not_travel(tmp_path: Path) -> None:
    """A cryptomatte's manifest may be named by an absolute path."""
    notes = {"cryptomatte/1/manif_file": "/home/jane/shots/a.json", "cryptomatte/1/name": "objects", "cryptomatte/2/manif_file": "m/b.json"}
    frame = Layers({"R": np.zeros((2, 2), np.float16)}, Box(0, 0, 2, 2), (2, 2), notes)
    exr.write_layers(tmp_path / "a.exr", frame)
    found = exr.read_layers(tmp_path / "a.exr").metadata
    assert (found["cryptomatte/1/manif_file"], found["cryptomatte/2/manif_file"]) == ("a.json", "m/b.json")
    assert b"jane" not in (tmp_path / "a.exr").read_bytes()


def test_plugins_of_the_current_folder_are_not_run(tmp_path: Path) -> None:
    """`python -m` puts the current folder before all others."""
    (tmp_path / "evil-1.dist-info").mkdir()
    (tmp_path / "evil-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (tmp_path / "evil-1.dist-info/entry_points.txt").write_text("[rotonodes.nodes]\nevil = evil_nodes\n")
    (tmp_path / "evil_nodes.py").write_text("open('ran', 'w')\n")
    (tmp_path / "yaml.py").write_text("open('ran', 'w')\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "rotonodes", "nodes", "Crop"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, "Crop" in done.stdout, (tmp_path / "ran").exists()) == (0, True, False), done.stderr


def test_an_onnx_file_with_weights_elsewhere_is_refused() -> None:
    from rotonodes.nets.onnx import session

    pytest.importorskip("onnxruntime")
    with pytest.raises(UsageError, match="weights in other files"):
        session(b"\x08\x08j\x10\x0a\x08location\x12\x04data", "cpu", "auto", "a.onnx")


def test_an_animation_of_a_few_bytes_takes_no_gigabytes(tmp_path: Path) -> None:
    """35 bytes that claim 13000 x 13000 pixels, by LoadMovie as by LoadFrames."""
    path = tmp_path / "a.gif"
    path.write_bytes(
        b"GIF89a" + struct.pack("<HHBBB", 13000, 13000, 0x80, 0, 0) + bytes(6) + b",\0\0\0\0" + struct.pack("<HHB", 1, 1, 0) + b"\2\2D\1\0;"
    )
    for read in (pictures.read_image, movies.frame_count, lambda path: movies.read_frame(path, 1)):
        with pytest.raises(FrameError, match=r"a\.gif: damaged picture: it claims 13000 x 13000 pixels in \d+ bytes"):
            read(path)


def test_videos_have_the_limit_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mkv"
    picture = Image(torch.rand(3, 16, 24))
    WriteVideo(path=str(path), codec="ffv1")([picture, picture])
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "383")
    with pytest.raises(FrameError, match=r"a\.mkv: 24 x 16 pixels are more than the limit of 383; to read it, set "):
        movies.frame_count(path)


CONFIGS = [
    '{"depth": 1000000000}',
    '{"depth": "many"}',
    '{"patch": 0}',
    '{"width": null}',
    "[]",
    "{",
    '{"widths": 3}',
    '{"widths": ["a"]}',
    '{"width": 1e999}',
]


@pytest.mark.parametrize("config", CONFIGS)
def test_what_metadata_of_weights_claim_ends_no_plan(config: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"config": config})
    with contextlib.suppress(WeightsError):
        assert memory_of(path, 1920, 1080) < 1 << 50
    graph = Graph(frames="1")
    pictures.write_image(tmp_path / "a.png", Image(torch.rand(3, 8, 8)))
    roto = graph.add(UNetSegment(weights=str(path)), "roto", image=graph.add(LoadFrames(path=str(tmp_path / "a.png"))).image)
    graph.add(WriteFrames(path=str(tmp_path / "o.png")), "write", image=roto.labels)
    assert make_plan(graph, cache="none").todo
    with pytest.raises(UsageError):
        graph.run(cache="none")


def test_a_tiff_that_cannot_be_read_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The library logs a line for each tag that is odd."""
    path = tmp_path / "a.tif"
    tiff.write_tiff(path, PLATE)
    whole = path.read_bytes()
    refused = 0
    for at in range(len(whole) - 160, len(whole)):
        path.write_bytes(whole[:at] + b"\x40" + whole[at + 1 :])
        try:
            pictures.read_image(path)
        except FrameError:
            refused += 1
    assert refused > 5 and "TiffTag" not in capfd.readouterr().err
