"""How pixels cross between the CPU and a GPU: once, through pinned memory, on streams of their own, 8-bit pictures as 8 bit."""

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rotonodes.imaging.picture.rectangle import cut_out
from rotonodes.io import samples
from rotonodes.io.pictures import read_image, write_image
from rotonodes.values import crossing, pixels
from rotonodes.values.box import Box
from rotonodes.values.crossing import Lanes, codes_in
from rotonodes.values.pixels import Batch, Image, Labels, Matte

CPU = torch.device("cpu")
gpu = pytest.mark.gpu
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.int32)


def stored(kind: str, channels: int, size: tuple[int, int] = (37, 41)) -> np.ndarray:
    random = np.random.default_rng(channels)
    if kind == "float16":
        return (random.standard_normal((*size, channels)) * 3).astype(np.float16)
    return random.integers(0, np.iinfo(kind).max + 1, (*size, channels)).astype(kind)


@pytest.mark.parametrize("colorspace", ["srgb", "linear", "raw"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16"])
def test_codes_are_developed_to_the_bits_of_the_reader(kind, channels, colorspace):
    image = samples.decode(stored(kind, channels), colorspace, premultiplied=kind == "float16")
    codes = image.codes
    if kind == "float16" and colorspace == "srgb":
        assert codes is None, "floats in sRGB are linearised by a power, whose last bit depends on the device"
        return
    assert torch.equal(bits(codes.developed(CPU)), bits(image.data))


def test_arrays_that_torch_does_not_take_are_developed_too():
    turned, fixed = stored("uint8", 3)[::-1, ::-1], stored("uint16", 3)
    fixed.flags.writeable = False
    for array in (turned, fixed):
        image = samples.decode(array, "srgb")
        assert torch.equal(bits(image.codes.developed(CPU)), bits(image.data))


def test_a_crop_has_the_codes_of_its_pixels_and_nothing_else_does():
    image = samples.decode(stored("uint8", 4), "srgb")
    for box in (Box(3, 5, 20, 30), Box(0, 0, 41, 10)):
        cropped = cut_out(image, box)
        assert cropped.encoded is None
        assert torch.equal(bits(cropped.codes.developed(CPU)), bits(cropped.data))
    twice = cut_out(cut_out(image, Box(3, 5, 20, 30)), Box(1, 2, 9, 9))
    assert torch.equal(bits(twice.codes.developed(CPU)), bits(twice.data))
    assert image.on(Box(-2, 0, 41, 37)).codes is None, "there are pixels that the file does not have"
    assert image.with_data(image.data * 2).codes is None
    assert cropped.with_data(cropped.data * 2).codes is None
    assert Image(image.data).codes is None


def test_kinds_that_gain_nothing_cross_as_floats():
    assert codes_in(stored("uint8", 3).astype(np.float32), "linear", alpha=False) is None
    assert codes_in(stored("uint8", 3).astype(np.uint32), "srgb", alpha=False) is None


class Stream:
    """A stream that notes what it is asked to do; its copies are those of the CPU."""

    def __init__(self, name: str, log: list) -> None:
        self.name, self.log = name, log

    def record_event(self) -> str:
        self.log.append(("mark", self.name))
        return f"event of {self.name}"

    def wait_event(self, event: str) -> None:
        self.log.append(("wait", self.name, event))


class Cuda:
    """What `Lanes` uses of `torch.cuda`, without a GPU."""

    def __init__(self) -> None:
        self.log: list = []
        self.own = Stream("own", self.log)
        self._names = iter(("up", "down"))

    def Stream(self, device):
        return Stream(next(self._names), self.log)

    def current_stream(self, device):
        return self.own

    @contextmanager
    def stream(self, stream):
        self.log.append(("on", stream.name))
        yield
        self.log.append(("off", stream.name))

    def Event(self, *, blocking):
        assert blocking, "a thread that waits must not keep a core busy"
        log = self.log

        class Event:
            def record(self, stream):
                log.append(("mark", stream.name))

            def synchronize(self):
                log.append(("wait", "thread"))

        return Event()


@pytest.fixture
def lanes(monkeypatch):
    cuda = Cuda()
    made = Lanes(CPU, cuda)
    monkeypatch.setattr(Lanes, "_pinned", lambda self, like: torch.full_like(like, 77))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: cuda.log.append(("keep for", stream.name)))
    return made, cuda.log


def test_the_way_up_is_waited_for_by_the_stream_and_not_by_the_thread(lanes):
    lane, log = lanes
    data = torch.rand(3, 4, 5)
    there = lane.up(data)
    assert log == [("on", "up"), ("mark", "up"), ("off", "up"), ("wait", "own", "event of up"), ("keep for", "own")]
    before = data.clone()
    data.fill_(0)
    assert torch.equal(there, before), "the caller may change what was sent"


def test_the_way_down_begins_when_the_pixels_are_made(lanes):
    lane, log = lanes
    data = torch.rand(3, 4, 5)
    assert torch.equal(lane.down(data), data)
    assert log == [("mark", "own"), ("wait", "down", "event of own"), ("on", "down"), ("mark", "down"), ("off", "down"), ("wait", "thread")]


@pytest.mark.parametrize("kind", [Image, Matte, Labels])
def test_a_picture_crosses_once_whoever_asks(kind, monkeypatch):
    """`meta` stands for the GPU here: another device, on which nothing can be looked at."""
    calls = []

    def moved(data, device):
        calls.append(device.type)
        return data.to(device)

    monkeypatch.setattr(pixels, "moved", moved)
    made = {Image: lambda: Image(torch.rand(3, 4, 5)), Matte: lambda: Matte(torch.rand(1, 4, 5))}.get(
        kind, lambda: Labels(torch.zeros(4, 5, dtype=torch.uint8), ("a",), ("#000000",))
    )()
    there = made.to("meta")
    assert made.to("meta") is there and calls == ["meta"]
    assert made.to("cpu") is made and there.to("meta") is there and calls == ["meta"]
    changed = made.with_data(made.data)
    assert changed.to("meta") is not there and calls == ["meta", "meta"], "a changed picture has not crossed yet"


def test_large_frames_do_not_stay_on_a_small_gpu(monkeypatch):
    """Copies of the frames under way, fewer than fifty, take at most a tenth of it."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=6_000_000_000))
    cuda, frame = torch.device("cuda:0"), torch.empty(3, 1000, 1000, dtype=torch.float32, device="meta")
    assert crossing.is_small(frame, cuda) and crossing.is_small(frame, CPU)
    larger = torch.empty(3, 1001, 1000, device="meta")
    assert not crossing.is_small(larger, cuda) and crossing.is_small(larger, CPU)
    monkeypatch.setattr(pixels, "is_small", lambda data, device: False)
    picture = Image(torch.rand(3, 4, 5))
    assert picture.to("meta") is not picture.to("meta")


def test_what_crossed_lives_no_longer_than_the_picture():
    """No circle of references, which would keep pictures until Python looks for circles."""
    import gc
    import weakref

    picture = Image(torch.rand(3, 4, 5))
    there = weakref.ref(picture.to("meta"))
    gc.disable()
    try:
        del picture
        assert there() is None
    finally:
        gc.enable()


def test_tensors_that_do_not_cross_are_moved_as_torch_does():
    data = torch.rand(2, 2)
    assert crossing.moved(data, CPU) is data
    assert crossing.moved(data, torch.device("meta")).device.type == "meta"


# With a GPU.


@gpu
@needs_gpu
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16"])
def test_files_have_the_same_pixels_on_a_gpu(kind):
    for channels in (1, 2, 3, 4):
        image = samples.decode(
            stored(kind, channels, (300, 200)), "linear" if kind == "float16" else "srgb", premultiplied=kind == "float16"
        )
        for picture in (image, cut_out(image, Box(7, 9, 150, 211))):
            assert torch.equal(bits(picture.to("cuda").data.cpu()), bits(picture.data))


@gpu
@needs_gpu
@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif", ".exr"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_gpu_writes_the_files_of_the_cpu(extension, channels, tmp_path: Path):
    data = torch.rand(channels, 300, 200, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.2
    data[0, 0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    for kind, picture in {"picture": Image(data), "matte": Matte(data[:1])}.items():
        for device in ("cpu", "cuda"):
            write_image(tmp_path / f"{kind}.{device}{extension}", picture.to(device))
        assert (tmp_path / f"{kind}.cpu{extension}").read_bytes() == (tmp_path / f"{kind}.cuda{extension}").read_bytes()
    assert read_image(tmp_path / f"picture.cuda{extension}").size == (200, 300)


@gpu
@needs_gpu
def test_many_threads_send_and_fetch_at_once():
    from concurrent.futures import ThreadPoolExecutor

    def there_and_back(seed: int) -> bool:
        data = torch.rand(3, 200, 300, generator=torch.Generator().manual_seed(seed))
        picture = Image(data).to("cuda")
        doubled = Batch.of([picture]).data[0] * 2
        data.zero_()
        wanted = torch.rand(3, 200, 300, generator=torch.Generator().manual_seed(seed)) * 2
        return torch.equal(picture.with_data(doubled).to("cpu").data, wanted)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(200)))
