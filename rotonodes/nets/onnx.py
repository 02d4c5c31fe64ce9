"""Networks as ONNX files, and those files in a network's place.

A file holds the network alone: `picture`, float32 `[N, C, H, W]` as the network sees it (encoded, scaled, padded), to `logits`
`[N, maps, H, W]`. What is done before and after stands in its metadata, in the words of a weights file, and is done by the same
code that does it for torch: so the answers are the same.
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
from rotonodes.nets.inference import Segmenter, at_scale, fold_norms
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}

# How far the file's logits may be from torch's, beside the largest of them: sums are taken in another order, no more.
TOLERANCE = 1e-4
OPSET = 18  # what torch's exporter writes without translation
LARGEST_SIDE, LARGEST_BATCH = 1 << 15, 1 << 10
_INPUT, _OUTPUT = "picture", "logits"


def checked_onnx(model: Model, name: str) -> bytes:
    """The network as an ONNX file, for pictures of any size that it takes and any number at once; `name` is for errors.

    What was made is compared with torch, at two sizes and with a batch. UsageError when they differ, when the network cannot be
    said in ONNX, or when the libraries are not there.
    """
    data = onnx_bytes(model, name)
    check_onnx(model, data, name)
    return data


def onnx_bytes(model: Model, name: str) -> bytes:
    """The network as an ONNX file with the model's metadata, not yet compared; equal models give equal bytes."""
    onnx = load_library("onnx", "writing ONNX")
    need_library("onnxscript", "writing ONNX")
    network = _FirstMap(fold_norms(model.module())).eval().requires_grad_(False)
    sides = {side: _side(text, model) for side, text in ((2, "height"), (3, "width"))}
    shape = {0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH), **sides}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own insides; what is wrong it raises
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
        raise UsageError(f"{name}: {model.architecture} {model.config} cannot be written as ONNX: {reason[0][:200]}") from error
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
    """UsageError when the file's logits are not those of the network, at two sizes and with a batch."""
    reference = _FirstMap(model.module())
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
            raise UsageError(f"{name}: not written: it answers {list(made.shape)} where torch answers {list(wanted.shape)}")
        apart = float((made - wanted).abs().max() / wanted.abs().max().clamp(min=1))
        if not apart <= TOLERANCE:
            size = f"{picture.shape[-1]}x{picture.shape[-2]}"
            raise UsageError(f"{name}: not written: at {size}, {count} at once, it is {apart:.2g} from what torch answers")


class OnnxNetwork:
    """A session called like a network: pictures `[N, C, H, W]` float32 -> logits `[N, maps, H, W]`, on the pictures' device.

    The session reads torch's memory and writes into it: on a GPU nothing goes over the CPU.
    """

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.maps = int(session.get_outputs()[0].shape[1])

    def __call__(self, picture: Tensor) -> Tensor:
        picture = picture.contiguous()
        logits = picture.new_empty((len(picture), self.maps, *picture.shape[-2:]))
        if picture.device.type == "cuda":
            torch.cuda.current_stream(picture.device).synchronize()  # the session has a stream of its own
        place = (picture.device.type, picture.device.index or 0)
        binding = self.session.io_binding()
        binding.bind_input(_INPUT, *place, "float32", list(picture.shape), picture.data_ptr())
        binding.bind_output(_OUTPUT, *place, "float32", list(logits.shape), logits.data_ptr())
        self.session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return logits


class OnnxSegmenter(Segmenter):
    """A `Segmenter` whose network is an ONNX file of `export_onnx`; everything around the network is the same code.

    Raises WeightsError for a file that is no ONNX, not one of ours, or has other inputs, and UsageError for a provider that is
    not there.
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
        self.model = at_scale(model_of(found, name), scale, name)
        self.device = torch.device(device) if provider != "cpu" else torch.device("cpu")
        self.dtype = torch.float32
        self.tile, self.overlap = self._rounded(tile), overlap
        self.network = OnnxNetwork(found)  # type: ignore[assignment]
        self.smallest = _smallest(self.model)


def read_onnx(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. WeightsError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such ONNX file{did_you_mean_file(str(path), ('.onnx',))}: check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def session(data: bytes, device: str, provider: Provider, name: str) -> InferenceSession:
    """An onnxruntime session on a device. UsageError when its provider is not there: a GPU is never silently left out."""
    runtime = load_library("onnxruntime", "running ONNX")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what is wrong comes as an exception
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    wanted = _providers(runtime.get_available_providers(), device, provider, name)
    try:
        found: InferenceSession = runtime.InferenceSession(data, options, providers=wanted)
    except Exception as error:  # onnxruntime has its own kinds, which derive from nothing else
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{name}: not a file that onnxruntime can run: {reason}") from None
    first = wanted[0][0] if isinstance(wanted[0], tuple) else wanted[0]
    if first not in found.get_providers():
        raise UsageError(f"{name}: onnxruntime could not start its {first}: look for missing CUDA libraries, or take provider: cpu")
    return found


def _providers(there: Sequence[str], device: str, provider: Provider, name: str) -> list[Any]:
    """What onnxruntime is asked to run on, first choice first."""
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
    """What the network in a session means. WeightsError when it is not one of ours, or has other inputs than it says."""
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
    """The metadata of an ONNX file of ours, and nothing else of it. WeightsError as in `OnnxSegmenter`."""
    found = session(read_onnx(path), "cpu", "cpu", str(path))
    model_of(found, str(path))
    return dict(found.get_modelmeta().custom_metadata_map)


class _FirstMap(nn.Module):
    """The map that counts, of networks that answer with several."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        logits = self.network(picture)
        first: Tensor = logits[0] if isinstance(logits, tuple) else logits
        return first


def _side(name: str, model: Model) -> Any:
    """The sizes that a side may have."""
    step, smallest = model.size_multiple, _smallest(model)
    if step == 1:
        return torch.export.Dim(name, min=max(smallest, 2), max=LARGEST_SIDE)
    return step * torch.export.Dim(name, min=-(-smallest // step), max=LARGEST_SIDE // step)


def _smallest(model: Model) -> int:
    with torch.device("meta"):
        return int(getattr(build(model.architecture, model.config), "smallest", 1))


def _noise(model: Model, count: int, rows: int, columns: int, odd: tuple[int, int] = (0, 0)) -> Tensor:
    """Pictures to try a network with: so many steps high and wide, and `odd` pixels more where the network takes any size."""
    any_size = model.size_multiple == 1
    step = max(_smallest(model), 8) if any_size else model.size_multiple
    sides = (steps * step + more * any_size for steps, more in zip((rows, columns), odd, strict=True))
    return torch.rand((count, len(model.channels), *sides), generator=torch.Generator().manual_seed(0))


def _strip(proto: Any) -> None:
    """Take out what the exporter notes of where each node came from: paths of this machine among it."""
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        for part in (graph, *graph.node, *graph.value_info, *getattr(graph, "initializer", ()), *getattr(graph, "input", ())):
            if hasattr(part, "metadata_props"):
                del part.metadata_props[:]
            if hasattr(part, "doc_string"):
                part.doc_string = ""
