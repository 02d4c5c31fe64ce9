"""Weights files: what goes in comes out, and every fault is one clear error."""

import errno
import gc
import json
import os
import pickle
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rotonodes.errors import RetryError, UsageError
from rotonodes.nets.model import Model, build, skeleton
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from rotonodes.nets.weights import WeightsError, load_weights, read_metadata, save_weights, shared_weights

CONFIG = {"in_channels": 3, "classes": 2, "widths": [4, 8, 8]}


@pytest.fixture
def model():
    torch.manual_seed(1)
    network = build("unet", CONFIG)
    return Model(
        architecture="unet",
        config=CONFIG,
        classes=("background", "shape"),
        colors=("#000000", "#ffffff"),
        size_multiple=network.size_multiple,
        licence="CC0-1.0",
        training={"data": "abc", "steps": 3},
        metrics={"mean_iou": 0.5, "iou": {"shape": None}},
        state=network.state_dict(),
    )


@pytest.fixture
def path(model, tmp_path):
    save_weights(model, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_everything_comes_back(model, tmp_path):
    save_weights(model, tmp_path / "deep" / "net.safetensors", dtype="float32")
    back = load_weights(tmp_path / "deep" / "net.safetensors")
    assert back.metadata() == model.metadata()
    assert (back.classes, back.config, back.metrics) == (model.classes, model.config, model.metrics)
    assert all(torch.equal(back.state[name], tensor) for name, tensor in model.state.items())
    assert os.listdir(tmp_path / "deep") == ["net.safetensors"]


def test_encodings_of_single_channels_come_back(model, tmp_path):
    channels = ("R", "Normal.X", "Depth.Z")
    config = {**CONFIG, "in_channels": 3}
    passes = replace(model, config=config, channels=channels, encodings={"R": "srgb", "Normal.X": "raw", "Depth.Z": "depth"})
    assert passes.encodings == {"Normal.X": "raw", "Depth.Z": "depth"}
    assert passes.channel_encodings() == ("srgb", "raw", "depth")
    save_weights(passes, tmp_path / "net.safetensors")
    assert load_weights(tmp_path / "net.safetensors").channel_encodings() == passes.channel_encodings()
    assert Model.unpack(passes.pack()).encodings == passes.encodings
    # A reader that knows one encoding only must refuse these weights, and take the others as ever.
    assert passes.metadata()["rotonodes"] == "2"
    assert (model.metadata()["rotonodes"], "encodings" in model.metadata()) == ("1", False)
    assert model.channel_encodings() == ("srgb",) * 3


def test_answers_sight_and_mask_values_come_back(model, tmp_path):
    sight = Preprocessing(squash=320, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD, exact=True)
    other = replace(model, activation="minmax", preprocessing=sight, mask_values=(0, 255))
    save_weights(other, tmp_path / "net.safetensors")
    for back in (load_weights(tmp_path / "net.safetensors"), Model.unpack(other.pack())):
        assert (back.activation, back.preprocessing, back.mask_values) == ("minmax", sight, (0, 255))
    # Older readers would use these weights wrongly, and must refuse them; mask values change nothing for them.
    assert other.metadata()["rotonodes"] == "3"
    assert replace(model, preprocessing=Preprocessing(scale=0.5)).metadata()["rotonodes"] == "3"
    assert replace(model, mask_values=(0, 255)).metadata()["rotonodes"] == "1"
    assert not {"answer", "sight", "mask_values"} & set(model.metadata())


@pytest.mark.parametrize("name", ["weights/tones", "weights/tones_passes", "weights/cutout", "weights/parts"])
def test_the_shipped_weights_are_written_again_byte_by_byte(tmp_path, name):
    """What they hold is what a file of today holds: nothing of an older format is lost on the way through a model."""
    shipped = Path(__file__).parent.parent / f"{name}.safetensors"
    model = load_weights(shipped)
    assert model.metadata() == read_metadata(shipped)
    save_weights(model, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == shipped.read_bytes()


def test_half_precision_rounds_convolutions_only(model, path):
    back = load_weights(path)
    for name, tensor in model.state.items():
        expected = tensor.half().float() if tensor.dim() > 1 else tensor
        assert back.state[name].dtype == tensor.dtype
        assert torch.equal(back.state[name], expected), name


def test_equal_models_give_equal_files(path, tmp_path):
    save_weights(load_weights(path), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_module_is_ready_to_use_and_fresh_each_time(model):
    one, two = model.module(), model.module()
    assert not one.training
    assert one is not two
    assert one(torch.rand(1, 3, 8, 8)).shape == (1, 2, 8, 8)


def test_metadata_is_read_without_torch(path):
    code = "import sys; from rotonodes.nets import read_metadata as r; print(r(sys.argv[1])['classes'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '["background", "shape"] False'


def test_a_failed_write_leaves_the_old_file(model, path, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetryError, match=r"disk full while writing .*net.safetensors: free some space"):
        save_weights(model, path, dtype="float32")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_weights_too_large_for_half_precision_are_refused(model, tmp_path):
    model.state["head.weight"].fill_(1e6)
    with pytest.raises(WeightsError, match=r"head.weight is not finite in float16: train again, or write float32"):
        save_weights(model, tmp_path / "net.safetensors")


def test_a_missing_file(tmp_path):
    for name in ("no.safetensors", "no.pt"):
        with pytest.raises(WeightsError, match=r"no such weights file") as error:
            load_weights(tmp_path / name)
        assert error.value.exit_code == 2


@pytest.mark.parametrize("keep", [0, 5, 8, 40, 0.5, -1])
def test_a_truncated_file(path, keep):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(WeightsError, match=r"truncated|not a safetensors file"):
        load_weights(path)
    with pytest.raises(WeightsError):
        read_metadata(path)


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 this is a zip file, not weights",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 10) + b"{not json}",
        struct.pack("<Q", 9) + b'{"a": 12}',
        struct.pack("<Q", 4000) + b"{" + b'"a":[' * 700 + b" " * 4000,
    ],
)
def test_a_file_of_another_kind(tmp_path, data):
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"not a safetensors file|truncated"):
        load_weights(path)


def test_a_foreign_safetensors_file(tmp_path):
    save_file({"layer.weight": torch.zeros(2)}, tmp_path / "net.safetensors")
    with pytest.raises(WeightsError, match=r"unknown architecture .found 1 tensors of 2 numbers: layer.weight .2..; known are"):
        load_weights(tmp_path / "net.safetensors")
    with pytest.raises(WeightsError, match=r"no rotonodes metadata .found layer.weight"):
        read_metadata(tmp_path / "net.safetensors")


def rewritten(model, path, metadata=None, state=None):
    save_file(state or model.state, path, {**model.metadata(), **(metadata or {})})
    return path


@pytest.mark.parametrize(
    "metadata, message",
    [
        ({"architecture": "unett"}, "architecture 'unett' is not known .did you mean 'unet'"),
        ({"rotonodes": "9"}, "metadata of format '9', but this rotonodes reads 1 to 3: update"),
        ({"config": "{"}, "metadata field config is not JSON"),
        ({"config": "[]"}, "metadata field config is '..', not dict"),
        *(({"size_multiple": text}, "it must be a whole number of pixels from 1 to 4096") for text in ("0", "-2", "true", "99999999")),
        ({"config": '{"wide": 1}'}, "config {'wide': 1} does not fit"),
        ({"config": '{"width": 1e9}'}, "must be a whole number"),
        ({"classes": '["one"]'}, "1 classes but 2 colours"),
        ({"encoding": "rec709"}, "encoding 'rec709' is not known: use one of srgb, linear, raw, depth"),
        ({"encodings": '{"R": "rec709"}'}, "encoding 'rec709' is not known"),
        ({"encodings": '{"Z": "depth"}'}, "encodings has 'Z', which is none of its channels R G B: take it out"),
        ({"encodings": "[]"}, "metadata field encodings is '..', not dict"),
        ({"answer": "hardmax"}, "activation 'hardmax' is not known: use one of softmax, sigmoid, minmax"),
        ({"sight": "[]"}, "metadata field sight is '..', not dict"),
        ({"sight": '{"sqash": 320}'}, "preprocessing: 'sqash' is not known [(]did you mean 'squash'[?][)]: use one of grey, scale"),
        ({"sight": '{"squash": 0.5}'}, "preprocessing: squash is 0.5: it must be a whole number"),
        ({"sight": '{"squash": -1}'}, "preprocessing: squash is -1: it must be a whole number of pixels from 0 to 8192"),
        ({"sight": '{"squash": true}'}, "preprocessing: squash is True"),
        ({"sight": '{"scale": "half"}'}, "preprocessing: scale is 'half': it must be a number"),
        ({"sight": '{"scale": 17}'}, "preprocessing: scale is 17: it must be above 0 and at most 16"),
        ({"sight": '{"scale": 0.5, "squash": 9}'}, "preprocessing: scale 0.5 and squash 9 are both given"),
        ({"sight": '{"grey": 1}'}, "preprocessing: grey is 1: it must be true or false"),
        ({"sight": '{"mean": [0.5, 0.5, 0.5], "std": [1, 1]}'}, "preprocessing: mean and std must have one number for each channel"),
        ({"sight": '{"mean": ["a"], "std": [1]}'}, "must be lists of numbers"),
        ({"sight": '{"mean": [0.5], "std": [1]}'}, "preprocessing has 1 means for 3 channels: give one for each"),
    ],
)
def test_metadata_that_cannot_be_right(model, tmp_path, metadata, message):
    path = rewritten(model, tmp_path / "net.safetensors", metadata)
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(path)
    assert str(error.value).startswith(str(path))


def test_incomplete_metadata(model, tmp_path):
    metadata = model.metadata()
    del metadata["classes"]
    save_file(model.state, tmp_path / "net.safetensors", metadata)
    with pytest.raises(WeightsError, match=r"incomplete metadata: classes missing"):
        load_weights(tmp_path / "net.safetensors")


def test_tensors_that_do_not_fit_are_named(model, tmp_path):
    state = dict(model.state)
    state["head.weight"] = torch.zeros(3, 4, 1, 1)
    state["tail.weight"] = torch.zeros(1)
    del state["head.bias"]
    path = rewritten(model, tmp_path / "net.safetensors", state=state)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert "head.bias is missing; tail.weight is not part of it; head.weight is [3, 4, 1, 1] where [2, 4, 1, 1]" in str(error.value)


def test_tensors_of_a_wrong_type(model, tmp_path):
    state = {**model.state, "head.weight": model.state["head.weight"].to(torch.int8)}
    with pytest.raises(WeightsError, match=r"head.weight is torch.int8: weights must be floats"):
        load_weights(rewritten(model, tmp_path / "net.safetensors", state=state))


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("writer", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_pickled_code_is_refused_and_not_run(tmp_path, writer):
    path = tmp_path / "net.pth"
    writer({"state": Malicious(tmp_path / "owned")}, path)
    with pytest.raises(WeightsError, match=r"refused: it holds python code|damaged, or it holds more"):
        load_weights(path)
    assert not (tmp_path / "owned").exists()


def test_a_foreign_checkpoint(tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"unknown architecture .found 1 tensors of 1 numbers: conv.weight .1..; known are"):
        load_weights(tmp_path / "net.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list.pth: not a checkpoint .found list.; known are milesial"):
        load_weights(tmp_path / "list.pth")


def test_a_truncated_checkpoint(model, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"rotonodes": model.metadata(), "state": model.state}, path)
    assert load_weights(path).classes == model.classes
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(WeightsError, match=r"truncated or not a torch file"):
        load_weights(path)


def test_metadata_is_text_that_other_tools_can_read(model):
    assert all(isinstance(value, str) for value in model.metadata().values())
    assert json.loads(model.metadata()["config"]) == CONFIG


def test_models_that_contradict_themselves():
    with pytest.raises(UsageError, match=r"2 classes but 1 colours"):
        Model("unet", {}, ("a", "b"), ("#000000",))


def test_a_file_is_read_once_for_all_who_look_at_its_network(path, model, monkeypatch):
    one = shared_weights(path)
    monkeypatch.chdir(path.parent)
    assert shared_weights(path.name) is one, "the same file by another path"
    assert load_weights(path) is not one, "this one may be changed"
    again = replace(model, state={name: tensor + 1 for name, tensor in model.state.items()})
    save_weights(again, path)
    assert torch.equal(shared_weights(path).state["head.bias"], again.state["head.bias"]), "another file in its place"


def test_a_network_that_nobody_has_does_not_stay_in_memory(path):
    from rotonodes.nets import weights

    one = shared_weights(path)
    assert len(list(weights._SHARED_MODELS.values())) >= 1
    known = id(one)
    del one
    gc.collect()
    assert known not in [id(model) for model in weights._SHARED_MODELS.values()]


def test_a_file_that_is_missing_is_named_as_by_load_weights(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.pth: no such weights file"):
        shared_weights(tmp_path / "gone.pth")


def test_shapes_are_made_once_for_a_network_and_weights_each_time(model):
    assert skeleton("unet", CONFIG) is skeleton("unet", dict(reversed(CONFIG.items())))
    assert skeleton("unet", CONFIG) is not skeleton("unet", {**CONFIG, "classes": 3})
    one, other = model.module(), model.module()
    assert one is not other
    assert not any(a is b or a.is_meta for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert all(tensor.is_meta for tensor in skeleton("unet", CONFIG).parameters()), "nothing was loaded into what all share"
