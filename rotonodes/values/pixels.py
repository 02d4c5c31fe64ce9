"""Image, Matte, Labels, Layers: the values that links carry, frozen, around torch tensors.

Pixels between nodes are float32 `[C, H, W]`, scene-linear, premultiplied, never clamped. Values are immutable: a node
that changes pixels makes a new value. torch is imported inside functions only, so that graphs can be checked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, final

from rotonodes.errors import UsageError
from rotonodes.values.box import Box as Box  # everybody finds these two here, beside the pictures
from rotonodes.values.box import cut as cut
from rotonodes.values.color import Colorspace
from rotonodes.values.crossing import Codes, codes_in, is_small, moved

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    import torch
    from torch import Tensor

T = TypeVar("T")


def rgb_names(count: int) -> tuple[str, ...]:
    """Channel names for a tensor of `count` channels: Y, Y A, R G B, R G B A, then numbered extras."""
    names: tuple[str, ...] = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B")}.get(count, ("R", "G", "B", "A"))
    return names + tuple(f"extra{i}" for i in range(len(names), count))


@dataclass(frozen=True, eq=False)
class Encoded:
    """A file's own samples, kept beside the decoded picture so that a picture that is only copied stays bit-identical.

    `samples` is `[H, W, C]` in the file's type (whole numbers, float16, float32), alpha as stored; `colorspace` is what it
    was read as; `noted` is True where the file itself says so.
    """

    samples: np.ndarray
    colorspace: str

    def __repr__(self) -> str:
        return f"Encoded({self.samples.dtype}, {self.colorspace})"

    noted: bool = False


@final
@dataclass(frozen=True, eq=False)
class Image:
    """A picture: `data` `[C, H, W]` float32, scene-linear, premultiplied, unclamped.

    `channels` names each plane (`R G B A`, then any extras). The frame (EXR's display window) is `size` = (width, height);
    `origin` says where the data's top left pixel lies in it, so that overscan and cropped data windows survive.
    `metadata` are the header texts of the file it came from.
    """

    data: Tensor
    channels: tuple[str, ...] = ()
    origin: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    encoded: Encoded | None = None

    def __post_init__(self) -> None:
        _check_tensor("Image", self.data, "from_array(array) makes one of an array [H, W, C]")
        if self.data.ndim != 3:
            raise ValueError(f"a picture is [C, H, W], this has {self.data.ndim} dimensions: {tuple(self.data.shape)}")
        if not self.channels:
            object.__setattr__(self, "channels", rgb_names(self.data.shape[0]))
        if len(self.channels) != self.data.shape[0]:
            raise ValueError(f"{self.data.shape[0]} planes but {len(self.channels)} channel names {self.channels}")
        if self.size == (0, 0):
            object.__setattr__(self, "size", (self.data.shape[2], self.data.shape[1]))

    @property
    def width(self) -> int:
        """Width of the frame in pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Height of the frame in pixels."""
        return self.size[1]

    @property
    def box(self) -> Box:
        """Where the data lies in the frame (EXR's data window, right and bottom exclusive)."""
        x, y = self.origin
        return Box(x, y, x + self.data.shape[2], y + self.data.shape[1])

    @property
    def device(self) -> torch.device:
        return self.data.device

    def __repr__(self) -> str:
        window = "" if self.box == (0, 0, *self.size) else f", data window {' '.join(map(str, self.box))}"
        return f"Image({_counted(self.channels)}, {self.width} x {self.height}{window}, {self.device})"

    def with_data(self, data: Tensor, channels: tuple[str, ...] | None = None) -> Image:
        """The same frame with other pixels on the same data window."""
        return replace(self, data=data, channels=self.channels if channels is None else channels, encoded=None)

    def on(self, box: Box) -> Image:
        """The picture with its data window changed to `box`, zero where it has no pixels; the frame stays."""
        if box == self.box:
            return self
        own, codes = self.box, self.codes
        made = replace(self, data=cut(self.data, own, box), origin=(box.left, box.top), encoded=None)
        if codes is not None and own.intersect(box) == box:
            at = box.left - own.left, box.top - own.top
            made.__dict__["_codes"] = codes.cut(slice(at[1], at[1] + box.height), slice(at[0], at[0] + box.width))
        return made

    def framed(self, origin: tuple[int, int], size: tuple[int, int]) -> Image:
        """The same pixels in another frame."""
        made = replace(self, origin=origin, size=size, encoded=None)
        if (codes := self.codes) is not None:
            made.__dict__["_codes"] = codes
        return made

    @property
    def codes(self) -> Codes | None:
        """These pixels as their file has them, also after a crop, for the way to a GPU; None where they were changed or are floats."""
        if self.encoded is None:
            return self.__dict__.get("_codes")
        samples = self.encoded.samples
        whole = (*samples.shape[:2], samples.shape[2]) == (*self.data.shape[1:], self.data.shape[0])
        return codes_in(samples, self.encoded.colorspace, "A" in self.channels) if whole else None

    def on_frame(self) -> Image:
        """The picture on exactly its frame: overscan cut, missing pixels zero."""
        return self.on(Box(0, 0, *self.size))

    def plane(self, name: str) -> Tensor | None:
        """One channel `[1, H, W]` by name, or None."""
        if name not in self.channels:
            return None
        index = self.channels.index(name)
        return self.data[index : index + 1]

    @property
    def alpha(self) -> Tensor | None:
        """The alpha plane `[1, H, W]`, or None for an opaque picture."""
        return self.plane("A")

    @property
    def color(self) -> Tensor:
        """The colour planes R, G, B (or Y) `[3 or 1, H, W]`; of other channels, up to the first three without alpha."""
        indices = self.color_indices
        first, count = indices[0], len(indices)
        # Planes that lie side by side are a view; only others must be copied together.
        return self.data[first : first + count] if indices == tuple(range(first, first + count)) else self.data[list(indices)]

    @property
    def color_indices(self) -> tuple[int, ...]:
        """Indices of the planes that `color` returns."""
        for names in (("R", "G", "B"), ("X", "Y", "Z"), ("Y",)):
            if all(name in self.channels for name in names):
                return tuple(self.channels.index(name) for name in names)
        return tuple(i for i, name in enumerate(self.channels) if name != "A")[:3] or (0,)

    @classmethod
    def from_array(cls, array: Any, *, colorspace: Colorspace | None = None, channels: tuple[str, ...] = ()) -> Image:
        """A picture from an array or tensor `[H, W]` or `[H, W, C]`: grey, grey with alpha, RGB, RGBA, further channels.

        uint8 and uint16 are sRGB codes, floats are linear, unless `colorspace` says otherwise; "raw" changes nothing but the
        range of whole numbers. Alpha is straight, as files have it. Raises UsageError for other shapes and types.
        """
        from rotonodes.values.conversions import linear_planes

        return cls(linear_planes(array, colorspace), channels)

    @classmethod
    def from_pil(cls, picture: PIL.Image.Image) -> Image:
        """A picture of Pillow, of any mode; its values are sRGB codes, those of mode F linear."""
        from rotonodes.values.conversions import array_of, linear_planes

        return cls(linear_planes(*array_of(picture)))

    def to_numpy(self, *, colorspace: Colorspace = "linear") -> np.ndarray:
        """The frame as float32 `[H, W, C]` with straight alpha, linear or sRGB, not clamped; "raw" gives the planes as they are."""
        from rotonodes.values.conversions import straight_array

        frame = self.on_frame()
        return straight_array(frame.data, frame.color_indices, frame.alpha, colorspace)

    def to_pil(self) -> PIL.Image.Image:
        """The frame as 8-bit L, LA, RGB or RGBA of Pillow: sRGB, straight alpha, clamped; further channels are left out."""
        from rotonodes.values.conversions import pil_of

        indices = self.color_indices if len(self.color_indices) in (1, 3) else self.color_indices[:1]
        planes = [*indices, *([self.channels.index("A")] if "A" in self.channels else [])]
        return pil_of(self.to_numpy(colorspace="srgb")[..., planes])

    def _repr_png_(self) -> bytes:
        """How a notebook shows it: over grey squares where it is transparent; normals, depth and ids in range."""
        from rotonodes.values.looks import picture_png

        frame = self.on_frame().to("cpu")
        return picture_png(frame.data, frame.channels)

    def to(self, device: str | torch.device) -> Image:
        """The picture on a device. Between the CPU and a GPU it crosses once, whoever asks, unless it is very large."""
        return _on_device(self, device)

    def _data_on(self, device: torch.device) -> Tensor:
        codes = self.codes if self.data.device.type == "cpu" and device.type == "cuda" else None
        return moved(self.data, device) if codes is None else codes.developed(device)


class _Plane:
    """Base of mattes and labels: one plane that covers its frame."""

    data: Tensor

    @property
    def width(self) -> int:
        return int(self.data.shape[-1])

    @property
    def height(self) -> int:
        return int(self.data.shape[-2])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @property
    def device(self) -> torch.device:
        return self.data.device

    def to_pil(self) -> PIL.Image.Image:
        raise NotImplementedError

    def _repr_png_(self) -> bytes:
        """How a notebook shows it: a matte grey, labels in their colours."""
        from rotonodes.values.looks import png_of

        return png_of(self.to_pil())

    def with_data(self, data: Tensor) -> Self:
        """The same with another plane."""
        made: Self = replace(self, data=data)  # type: ignore[type-var]
        return made

    def to(self, device: str | torch.device) -> Self:
        """The same on a device. Between the CPU and a GPU it crosses once, whoever asks, unless it is very large."""
        return _on_device(self, device)

    def _data_on(self, device: torch.device) -> Tensor:
        return moved(self.data, device)


@final
@dataclass(frozen=True, eq=False)
class Matte(_Plane):
    """How much of each pixel belongs to something: float32 `[1, H, W]`, 0 to 1, raw (no colour space)."""

    data: Tensor

    def __post_init__(self) -> None:
        _check_tensor("Matte", self.data, "from_array(array) makes one of an array")
        if self.data.ndim != 3 or self.data.shape[0] != 1:
            raise ValueError(f"a matte is [1, H, W], this is {tuple(self.data.shape)}")

    def __repr__(self) -> str:
        return f"Matte({self.width} x {self.height}, {self.device})"

    @classmethod
    def from_array(cls, array: Any) -> Matte:
        """A matte from an array or tensor `[H, W]`: floats as they are, whole numbers as 0 to 1."""
        from rotonodes.values.conversions import planes_of

        return cls(planes_of(array))

    @classmethod
    def from_pil(cls, picture: PIL.Image.Image) -> Matte:
        """A matte from a grey picture of Pillow; of others its luma."""
        from rotonodes.values.conversions import array_of, planes_of

        array, _ = array_of(picture)
        return cls(planes_of(array if array.ndim == 2 else picture.convert("L")))

    def to_numpy(self) -> np.ndarray:
        """float32 `[H, W]`."""
        return self.data[0].detach().float().cpu().numpy().copy()

    def to_pil(self) -> PIL.Image.Image:
        """8-bit L of Pillow."""
        from rotonodes.values.conversions import pil_of

        return pil_of(self.to_numpy()[..., None])


@final
@dataclass(frozen=True, eq=False)
class Labels(_Plane):
    """A class index for each pixel: uint8 `[H, W]`, with the classes' names and colours (`#rrggbb`) in index order.

    `values` are the values of the classes in the file, where they differ from the indices; weights trained on these labels
    keep them.
    """

    data: Tensor
    classes: tuple[str, ...]
    colors: tuple[str, ...]
    values: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        _check_tensor("Labels", self.data, "from_array(array, classes, colors) makes them of an array")
        if self.data.ndim != 2:
            raise ValueError(f"labels are [H, W], these are {tuple(self.data.shape)}")
        if len(self.classes) != len(self.colors):
            raise ValueError(f"{len(self.classes)} class names but {len(self.colors)} colours")

    def __repr__(self) -> str:
        return f"Labels({_counted(self.classes)}, {self.width} x {self.height}, {self.device})"

    @classmethod
    def from_array(cls, array: Any, classes: Sequence[str], colors: Sequence[str] = ()) -> Labels:
        """Labels from an array or tensor `[H, W]` of class indices; without `colors` those that the classes have everywhere.

        Raises UsageError for an array of another kind, or with an index that no class has.
        """
        from rotonodes.values.conversions import class_indices
        from rotonodes.values.tones import known_colors

        return cls(class_indices(array, len(classes)), tuple(classes), tuple(colors) or tuple(known_colors(classes)))

    def to_numpy(self) -> np.ndarray:
        """uint8 `[H, W]`: the index of the class of each pixel."""
        return self.data.cpu().numpy().copy()

    def to_pil(self) -> PIL.Image.Image:
        """A palette picture of Pillow: classes are the values, and have their colours."""
        from rotonodes.values.conversions import labels_pil

        return labels_pil(self.to_numpy(), self.colors)


@final
@dataclass(frozen=True, eq=False)
class Layers:
    """Every channel of a multipass frame, under its full name (`ViewLayer.Combined.R`, `matcolor.R`), as stored.

    `planes` maps each name to a `[H, W]` numpy array in the file's own type (half stays half); they lie on `box` in a frame of
    `size` = (width, height). `metadata` are the header attributes, of all parts together (Cryptomatte manifests are there).
    For files of several parts, `parts` names the part of each channel, and `views` the stereo view of each channel whose part notes one.
    `path` is the file, for messages and side files.
    """

    planes: Mapping[str, np.ndarray]
    box: Box
    size: tuple[int, int]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    views: Mapping[str, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return self.size[0]

    @property
    def height(self) -> int:
        return self.size[1]

    def __repr__(self) -> str:
        path = f", {self.path}" if self.path else ""
        return f"Layers({_counted(self.planes)}, {self.width} x {self.height}{path})"

    def _repr_png_(self) -> bytes:
        """How a notebook shows it: its picture, as Combined or beauty, else its first pass."""
        from rotonodes.values.looks import picture_channels

        return self.image(picture_channels(list(self.planes)))._repr_png_()

    def image(self, names: Sequence[str], channels: tuple[str, ...] = ()) -> Image:
        """The named planes as one float32 picture; `channels` are the short names (default: the names' last words)."""
        import numpy as np
        import torch

        stack = np.stack([np.asarray(self.planes[name], dtype=np.float32) for name in names])
        short = channels or tuple(name.rsplit(".", 1)[-1] for name in names)
        return Image(torch.from_numpy(stack), short, (self.box.left, self.box.top), self.size, self.metadata)

    def to(self, device: str | torch.device) -> Layers:
        """Layers stay on the CPU: they are decoded there, pass by pass."""
        return self


@dataclass(frozen=True, eq=False)
class Batch(Generic[T]):
    """n frames stacked: `data` `[N, C, H, W]` for pictures and mattes, `[N, H, W]` for labels; `like` is one of them for the rest.

    As an annotation in `process`, `Batch[Image]` asks for the next n frames at once. `Batch.of(values)` stacks values of one
    shape; `batch.split()` gives them back.
    """

    data: Tensor
    like: tuple[T, ...]

    @classmethod
    def of(cls, values: Sequence[T]) -> Batch[T]:
        import torch

        planes = [v.data for v in values]  # type: ignore[attr-defined]
        return cls(planes[0][None] if len(planes) == 1 else torch.stack(planes), tuple(values))  # of one, it need not be a copy

    def __repr__(self) -> str:
        return f"Batch({len(self)} of {self.like[0]!r})" if self.like else "Batch(0)"

    def __len__(self) -> int:
        return int(self.data.shape[0])

    def with_data(self, data: Tensor) -> Batch[T]:
        """The same frames with other pixels."""
        likes: tuple[Any, ...] = self.like
        return replace(self, data=data, like=tuple(like.with_data(plane) for like, plane in zip(likes, data, strict=True)))

    def split(self) -> list[T]:
        """The single frames."""
        likes: tuple[Any, ...] = self.like
        return [like.with_data(plane) for like, plane in zip(likes, self.data, strict=True)]


class Clip(Generic[T]):
    """All frames of an input, in order, streamed: iterate for the values, `items()` for (frame, value) pairs.

    Iterating again starts a new pass over the frames, which are made (or fetched from the cache) again; nothing is kept
    in memory by the clip itself.
    """

    def __init__(self, frames: Sequence[int], start: Callable[[], Iterator[T]]) -> None:
        self.frames: tuple[int, ...] = tuple(frames)
        self._start = start

    @classmethod
    def of(cls, values: Sequence[T], frames: Sequence[int] | None = None) -> Clip[T]:
        """A clip of values already at hand; frames are numbered from 1 unless given."""
        return cls(range(1, len(values) + 1) if frames is None else frames, lambda: iter(values))

    def __repr__(self) -> str:
        from rotonodes.values.frames import format_frames

        return f"Clip({len(self)} frames: {format_frames(self.frames) or 'none'})"

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[T]:
        return self._start()

    def items(self) -> Iterator[tuple[int, T]]:
        """(frame number, value) for every frame in order."""
        return zip(self.frames, self, strict=True)


def _counted(names: Iterable[str], most: int = 6) -> str:
    """Names in one line; of many the first and the number of the others."""
    listed = list(names)
    return " ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _check_tensor(kind: str, data: Any, hint: str) -> None:
    """Raise UsageError for data that is no tensor: without this the fault would show up in some later node."""
    if not all(hasattr(data, name) for name in ("ndim", "device", "is_floating_point")):
        raise UsageError(f"{kind}: data is a torch tensor, not {type(data).__name__}: {kind}.{hint}")


def _on_device(value: Any, device: str | torch.device) -> Any:
    """A picture on a device. What crossed is kept beside it for the next that asks, as long as the picture lives."""
    import torch

    there = torch.device(device)
    if value.data.device == there:
        return value
    made = value.__dict__.get("_crossed", {}).get(there)
    if made is None:
        made = replace(value, data=value._data_on(there))
        if is_small(value.data, there):
            value.__dict__["_crossed"] = {there: made}
    return made


# A picture of any kind, the same kind going out as came in.
Picture = TypeVar("Picture", Image, Matte, Labels)
# A frame of any kind, for nodes that only pass it on.
AnyFrame = TypeVar("AnyFrame", Image, Matte, Labels, Layers)
# The same of values that can be computed with.
Levels = TypeVar("Levels", Image, Matte)
