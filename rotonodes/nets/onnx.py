"""Networks as ONNX files, and inference with them.

A file holds the network alone: from `picture`, float32 `[N, C, H, W]`, encoded, scaled and padded, to `logits` `[N, maps, H, W]`.
Preprocessing and postprocessing are described in its metadata, as in a weights file, and done by the same code as for torch, so
the results are the same.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.extras import load_library, need_library
from rotonodes.nets.folding import fold_norms
from rotonodes.nets.inference import Segmenter, at_scale
from rotonodes.nets.model import SHAPE, Model, skeleton
from rotonodes.nets.weights import WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}

# Largest difference from torch's logits, relative to the largest of them; only the order of sums differs.
TOLERANCE = 1e-4
OPSET = 18  # the opset that torch's exporter writes without conversion
LARGEST_SIDE, LARGEST_BATCH = 1 << 15, 1 << 10
_INPUT, _OUTPUT = "picture", "logits"


def checked_onnx(model: Model, name: str) -> bytes:
    """The network as an ONNX file, for pictures of any valid size and any batch; `name` is for errors.

    The file is compared with torch, at two sizes and with a batch. Raises UsageError when they differ, when the network cannot be
    exported, or when a library is missing.
    """
    data = onnx_bytes(model, name)
    check_onnx(model, data, name)
    return data


def onnx_bytes(model: Model, name: str) -> bytes:
    """The network as an ONNX file with the model's metadata, not compared with torch; equal models give equal bytes."""
    onnx = load_library("onnx", "writing ONNX")
    need_library("onnxscript", "writing ONNX")
    network = FirstMap(fold_norms(model.module())).eval().requires_grad_(False)
    sides = {side: _side(text, model) for side, text in ((2, "height"), (3, "width"))}
    shape = {0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH), **sides}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the exporter's internals; errors are raised
            program = torch.onnx.export(
                network,
                (_noise(model, 2, 3, 4),),
                dynamo=True,
                dynamic_shapes=(shape,),
                input_names=[_INPUT],
                output_names=[_OUTPUT],
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # torch raises many kinds
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"{name}: {model.architecture} {str(model.config)[:200]} cannot be written as ONNX: {reason[0][:200]}") from error
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    proto.producer_name, proto.producer_version = "rotonodes", ""
    for key, value in sorted(model.metadata().items()):
        proto.metadata_props.add(key=key, value=value)
    proto.doc_string = (
        f"{_INPUT} [N, {len(model.channels)}, H, W]: {' '.join(model.channels)}, {model.encoding}; H and W are multiples of "
        f"{model.size_multiple}. {_OUTPUT} [N, maps, H, W]: {model.activation} gives {' '.join(model.classes)}."
    )
    onnx.checker.check_model(proto)
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def check_onnx(model: Model, data: bytes, name: str) -> None:
    """Raises UsageError when the file's logits are not those of the network, at two sizes and with a batch."""
    reference = FirstMap(model.module())
    network = OnnxNetwork(session(data, "cpu", "cpu", name))
    for count, rows, columns in ((1, 2, 3), (3, 5, 4)):
        picture = _noise(model, count, rows, columns, odd=(rows % 2, rows % 2 + 1))
        with torch.inference_mode():
            wanted = reference(picture)
        try:
            made = network(picture)
        except Exception as error:  # onnxruntime has its own kinds
            raise UsageError(f"{name}: not written: onnxruntime cannot run it: {' '.join(str(error).split())[:160]}") from error
        if made.shape != wanted.shape:
            raise UsageError(f"{name}: not written: it returns {list(made.shape)} where torch returns {list(wanted.shape)}")
        apart = float((made - wanted).abs().max() / wanted.abs().max().clamp(min=1))
        if not apart <= TOLERANCE:
            size = f"{picture.shape[-1]}x{picture.shape[-2]}"
            raise UsageError(f"{name}: not written: at {size}, {count} at once, it differs from torch by {apart:.2g}")


class OnnxNetwork:
    """A session called like a network: pictures `[N, C, H, W]` float32 -> logits `[N, maps, H, W]`, on the pictures' device.

    The session reads and writes torch's memory; on a GPU nothing is copied to the CPU.
    """

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.maps = int(session.get_outputs()[0].shape[1])

    def __call__(self, picture: Tensor) -> Tensor:
        picture = picture.contiguous()
        logits = picture.new_empty((len(picture), self.maps, *picture.shape[-2:]))
        if picture.device.type == "cuda":
            torch.cuda.current_stream(picture.device).synchronize()  # the session uses its own stream
        place = (picture.device.type, picture.device.index or 0)
        binding = self.session.io_binding()
        binding.bind_input(_INPUT, *place, "float32", list(picture.shape), picture.data_ptr())
        binding.bind_output(_OUTPUT, *place, "float32", list(logits.shape), logits.data_ptr())
        self.session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return logits


# A tensor whose data lie in another file names it: a StringStringEntryProto with the key `location` (onnx.proto).
_EXTERNAL = b"\x0a\x08location\x12"


class OnnxSegmenter(Segmenter):
    """A `Segmenter` whose network is an ONNX file; everything around the network is the same code.

    Raises WeightsError for a file that is not ONNX, not written by rotonodes, or has other inputs, and UsageError for a provider
    that is missing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        device: str | torch.device = "cpu",
        provider: Provider = "auto",
        tile: int = 0,
        overlap: int = 64,
        scale: float | None = None,
    ) -> None:
        name = str(path)
        found = session(read_onnx(path), str(device), provider, name)
        try:
            self.model = at_scale(model_of(found, name), scale, name)
        except UnicodeDecodeError:
            raise WeightsError(f"{name}: damaged ONNX file: its metadata is no text; export or copy it again") from None
        self.device = torch.device(device) if provider != "cpu" else torch.device("cpu")
        self.dtype = torch.float32
        self.tile, self.overlap, self.limit = self._rounded(tile), overlap, 0.0
        self.network, self.looks = OnnxNetwork(found), None  # type: ignore[assignment]
        self.smallest = _smallest(self.model)


def read_onnx(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. Raises WeightsError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such ONNX file{did_you_mean_file(str(path), ('.onnx',))}: check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def session(data: bytes, device: str, provider: Provider, name: str) -> InferenceSession:
    """An onnxruntime session on a device. Raises UsageError when its provider is missing: a GPU is never silently left out."""
    runtime = load_library("onnxruntime", "running ONNX")
    if _EXTERNAL in data:
        raise WeightsError(f"{name}: it keeps weights in other files, which are not read: save the network as one file")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as exceptions
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    wanted = _providers(runtime.get_available_providers(), device, provider, name)
    try:
        found: InferenceSession = runtime.InferenceSession(data, options, providers=wanted)
    except Exception as error:  # onnxruntime's exceptions have no common base
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{name}: not a file that onnxruntime can run: {reason}") from None
    first = wanted[0][0] if isinstance(wanted[0], tuple) else wanted[0]
    if first not in found.get_providers():
        raise UsageError(f"{name}: onnxruntime could not start its {first}: look for missing CUDA libraries, or take provider: cpu")
    return found


def _providers(there: Sequence[str], device: str, provider: Provider, name: str) -> list[Any]:
    """Execution providers, in order of preference."""
    on_cuda = torch.device(device).type == "cuda"
    chosen = provider if provider != "auto" else ("cuda" if on_cuda else "cpu")
    if chosen != "cpu" and not on_cuda:
        raise UsageError(f"{name}: provider {chosen} needs a CUDA device, and this runs on {device}: use --device cuda, or provider: cpu")
    if PROVIDERS[chosen] not in there:
        have = ", ".join(word for word, full in PROVIDERS.items() if full in there)
        raise UsageError(
            f"{name}: this onnxruntime has no {PROVIDERS[chosen]} (it has {have}): pip install onnxruntime-gpu, or take provider: cpu"
        )
    options = {"device_id": torch.device(device).index or 0}
    fallbacks = {"cpu": ("cpu",), "cuda": ("cuda", "cpu"), "tensorrt": ("tensorrt", "cuda", "cpu")}[chosen]
    return [(PROVIDERS[word], options) if word != "cpu" else PROVIDERS[word] for word in fallbacks if PROVIDERS[word] in there]


def model_of(found: InferenceSession, name: str) -> Model:
    """The metadata of a session's network. Raises WeightsError when it has none, or does not fit the session's inputs."""
    inputs = {i.name: (i.type, list(i.shape)) for i in found.get_inputs()}
    outputs = [o.name for o in found.get_outputs()]
    metadata = found.get_modelmeta().custom_metadata_map
    shown = ", ".join(f"{word} {kind.removeprefix('tensor(').rstrip(')')} {shape}" for word, (kind, shape) in inputs.items()) or "none"
    if "rotonodes" not in metadata:
        raise WeightsError(f"{name}: no rotonodes metadata; its inputs are {shown}: what can be read is what ExportONNX writes")
    try:
        model = Model.from_metadata(metadata, {})
    except UsageError as error:
        raise WeightsError(f"{name}: {error}") from None
    channels = len(model.channels)
    kind, shape = inputs.get(_INPUT, ("", []))
    fits = len(inputs) == 1 and kind == "tensor(float)" and len(shape) == 4 and shape[1] == channels and _OUTPUT in outputs
    if not fits or any(isinstance(size, int) for size in (shape[0], *shape[2:])):
        raise WeightsError(
            f"{name}: its inputs are {shown}; {_INPUT} float [N, {channels}, H, W] to {_OUTPUT} is needed: export the network again"
        )
    return model


def read_onnx_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of an ONNX file. Raises WeightsError as `OnnxSegmenter` does."""
    found = session(read_onnx(path), "cpu", "cpu", str(path))
    model_of(found, str(path))
    return dict(found.get_modelmeta().custom_metadata_map)


class FirstMap(nn.Module):
    """The first map of networks that return several."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        logits = self.network(picture)
        first: Tensor = logits[0] if isinstance(logits, tuple) else logits
        return first


def _side(name: str, model: Model) -> Any:
    """The valid sizes of a side."""
    step, smallest = model.size_multiple, _smallest(model)
    if step == 1:
        return torch.export.Dim(name, min=max(smallest, 2), max=LARGEST_SIDE)
    return step * torch.export.Dim(name, min=-(-smallest // step), max=LARGEST_SIDE // step)


def _smallest(model: Model) -> int:
    return int(getattr(skeleton(model.architecture, model.config), "smallest", 1))


def _noise(model: Model, count: int, rows: int, columns: int, odd: tuple[int, int] = (0, 0)) -> Tensor:
    """Random pictures, `rows` and `columns` size steps high and wide, plus `odd` pixels where the network takes any size.

    Of a network that can be told a shape the first is not; the others are, the second a whole one and none, the third any.
    """
    any_size = model.size_multiple == 1
    step = max(_smallest(model), 8) if any_size else model.size_multiple
    sides = (steps * step + more * any_size for steps, more in zip((rows, columns), odd, strict=True))
    noise = torch.rand((count, len(model.channels), *sides), generator=torch.Generator().manual_seed(0))
    if SHAPE in model.channels:
        at = model.channels.index(SHAPE)
        noise[0, at] = 0
        noise[1:2, at] = (noise[1:2, at] - 0.5).sign()
    return noise


def _strip(proto: Any) -> None:
    """Remove the exporter's notes on the origin of each node, which contain paths of this machine."""
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        for part in (graph, *graph.node, *graph.value_info, *getattr(graph, "initializer", ()), *getattr(graph, "input", ())):
            if hasattr(part, "metadata_props"):
                del part.metadata_props[:]
            if hasattr(part, "doc_string"):
                part.doc_string = ""
