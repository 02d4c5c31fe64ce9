"""Ensembles whose members that say the tones are told the shape that was found, where none is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.nets.encode import network_input
from rotonodes.nets.ensemble_network import ensemble_of, member_of
from rotonodes.nets.frame_tiles import GIGABYTE, frame_bytes, reach_of
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.onnx import check_onnx, onnx_bytes
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import Ensemble, ExportONNX, OnnxSegment, UNetSegment
from rotonodes.values.pixels import Image, Matte
from rotonodes.values.tones import CLASSES, SIX_CLASSES
from tiny_networks import tiny_model

CHANNELS = ("R", "G", "B", SHAPE)
SIZE = (37, 50)
WHOLE = (32, 48)  # which needs no padding; in what is padded a shape is found, too


def network(seed: int = 3, classes: tuple[str, ...] = SIX_CLASSES) -> Model:
    """One that can be told a shape."""
    fields = {"channels": CHANNELS, "optional": (SHAPE,), "encodings": {SHAPE: "raw"}}
    return tiny_model(classes=classes, seed=seed, config={"in_channels": 4}, **fields)


def pictures(size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3))


def seen(colors: Tensor, matte: Tensor | None = None) -> Tensor:
    return network_input(network(), colors, ("R", "G", "B"), matte)


def some_matte() -> Tensor:
    return (pictures()[:, :1] > 0.5).float()


def shape_of(probabilities: Tensor) -> Tensor:
    """`[N, 1, H, W]`: every class but background, the first, and ground_shadow, the last of six."""
    return probabilities[:, 1:5].sum(1, keepdim=True)


def share_of_tones(probabilities: Tensor) -> Tensor:
    return probabilities[:, 1:5] / shape_of(probabilities)


@pytest.mark.parametrize("classes", [CLASSES, SIX_CLASSES])
def test_the_one_that_says_the_tones_is_told_the_shape(classes: tuple[str, ...]) -> None:
    shaper, teller = network(4, classes), network(5, classes)
    made = Segmenter(ensemble_of([shaper, teller], [1, 0], [0, 1], tell=True))(seen(pictures(WHOLE)))
    first = Segmenter(shaper)(seen(pictures(WHOLE)))
    expected = Segmenter(teller)(seen(pictures(WHOLE), shape_of(first)))
    torch.testing.assert_close(shape_of(made), shape_of(first), atol=3e-3, rtol=0)
    there = ((shape_of(made) > 0.2) & (shape_of(expected) > 0.2)).expand(-1, 4, -1, -1)
    torch.testing.assert_close(share_of_tones(made)[there], share_of_tones(expected)[there], atol=2e-2, rtol=0)
    untold = Segmenter(ensemble_of([shaper, teller], [1, 0], [0, 1]))(seen(pictures(WHOLE)))
    assert (share_of_tones(made)[there] - share_of_tones(untold)[there]).abs().mean() > 0.05, "else this test could not fail"


def test_a_single_network_is_asked_twice() -> None:
    one = network()
    made = Segmenter(ensemble_of([one], tell=True))(seen(pictures(WHOLE)))
    first = Segmenter(one)(seen(pictures(WHOLE)))
    again = Segmenter(one)(seen(pictures(WHOLE), shape_of(first)))
    torch.testing.assert_close(shape_of(made), shape_of(first), atol=3e-3, rtol=0)
    there = ((shape_of(made) > 0.2) & (shape_of(again) > 0.2)).expand(-1, 4, -1, -1)
    torch.testing.assert_close(share_of_tones(made)[there], share_of_tones(again)[there], atol=2e-2, rtol=0)
    assert ensemble_of([one]).architecture == "unet" and ensemble_of([one], tell=True).architecture == "ensemble"


def counted(network: torch.nn.Module) -> list[int]:
    """How often each member is asked from now on."""
    counts = [0] * len(network.members)

    def counting(place: int) -> None:
        network.members[place].register_forward_hook(lambda *_: counts.__setitem__(place, counts[place] + 1))

    for place in range(len(counts)):
        counting(place)
    return counts


def asked(network: torch.nn.Module, picture: Tensor) -> list[int]:
    """How often each member is asked for a picture."""
    counts = counted(network)
    with torch.inference_mode():
        network(picture)
    return counts


@pytest.mark.parametrize("ground", [True, False])
def test_no_member_is_asked_for_nothing(ground: bool) -> None:
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], ground, tell=True)
    colors = pictures(WHOLE)
    told, untold = seen(colors, (colors[:, :1] > 0.5).float()), seen(colors)
    assert asked(made.module(), untold) == [1, 1]
    assert asked(made.module(), told) == [int(ground), 1], "who says where the shadow on the ground is, is asked all the same"
    both = ensemble_of([network(4), network(5)], tell=True)
    assert asked(both.module(), untold) == [2, 2] and asked(both.module(), told) == [1, 1]
    deaf = tiny_model(classes=SIX_CLASSES)  # it cannot be told a shape, and says the same again
    assert asked(ensemble_of([deaf, network(5)], tell=True).module(), untold) == [1, 2]


def test_who_only_says_tones_need_not_do_without_a_shape() -> None:
    always = replace(network(5), optional=())
    made = ensemble_of([network(4), always], [1, 0], [0, 1], tell=True)
    assert SHAPE in made.optional
    assert torch.equal(
        Segmenter(made)(seen(pictures())), Segmenter(ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True))(seen(pictures()))
    )
    assert member_of(made, 1).optional == (SHAPE,) and member_of(made, 2).optional == (), "alone it needs a shape, as before"
    assert SHAPE not in ensemble_of([network(4), always], [1, 1], [0, 1], tell=True).optional
    assert SHAPE not in ensemble_of([network(4), always], [1, 0], [0, 1], clean=True).optional


def test_who_is_to_be_told_is_never_asked_without_a_shape() -> None:
    """Where those that find the shape do not know ground_shadow, it is said by those that are told, too."""
    always = replace(network(5), optional=())
    made = ensemble_of([network(4, CLASSES), always], [1, 0], [0, 1], tell=True)
    assert SHAPE in made.optional
    segmenter, shown = Segmenter(made), []
    segmenter.network.members[1].register_forward_hook(lambda _, given, __: shown.append(float(given[0][:, 3].abs().max())))
    answer = segmenter(seen(pictures(WHOLE)))
    assert len(shown) == 1 and shown[0] > 0
    expected = Segmenter(always)(seen(pictures(WHOLE), shape_of(Segmenter(network(4, CLASSES))(seen(pictures(WHOLE))))))
    shares, there = [made[:, 5] / (made[:, 0] + made[:, 5]) for made in (answer, expected)], (shape_of(answer) < 0.8)[:, 0]
    torch.testing.assert_close(shares[0][there], shares[1][there], atol=2e-2, rtol=0)


def test_a_file_of_before_does_not_tell_what_its_members_need() -> None:
    made = ensemble_of([network(4), replace(network(5), optional=())], [1, 0], [0, 1], tell=True)
    members = [{name: value for name, value in member.items() if name != "required"} for member in made.config["members"]]
    assert member_of(replace(made, config=made.config | {"members": members}), 2).optional == (SHAPE,)
    nothing = [member | {"required": None} for member in members]
    assert member_of(replace(made, config=made.config | {"members": nothing}), 2).optional == (SHAPE,)
    wrong = [members[0], members[1] | {"required": [9]}]
    with pytest.raises(UsageError, match="member 2 does not fit: its required is missing, or wrong"):
        build("ensemble", made.config | {"members": wrong})


def test_a_given_shape_is_taken_and_not_looked_for() -> None:
    told, untold = (Segmenter(ensemble_of([network(4), network(5)], tell=tell, clean=True)) for tell in (True, False))
    for matte in (some_matte(), torch.zeros_like(some_matte()), torch.ones_like(some_matte())):
        assert torch.equal(told(seen(pictures(), matte)), untold(seen(pictures(), matte)))
    both = torch.cat((seen(pictures(), some_matte()), seen(pictures())))  # one frame is told its shape, one is not
    made = told._whole(told._seen(both), both.shape[-2:])  # as on a GPU, where frames go together
    torch.testing.assert_close(made, told(both), atol=2e-3, rtol=0)
    torch.testing.assert_close(made[:1], untold(both[:1]), atol=2e-3, rtol=0)


def test_large_frames_in_tiles_are_the_same() -> None:
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True)
    plain = ensemble_of([network(4), network(5)], [1, 0], [0, 1], clean=True)
    assert reach_of("ensemble", made.config) == reach_of("ensemble", plain.config) - 2, "each look has the reach of one network"
    frame = seen(torch.rand(1, 3, 300, 420, generator=torch.Generator().manual_seed(1)))
    limit = frame_bytes(made.config, 300 * 420 // 2) * 1.0001 / GIGABYTE
    cut = Segmenter(made, limit=limit)
    tiles = cut._frame_tiles(300, 420)
    assert len(tiles) > 1
    calls = counted(cut.network)
    assert torch.equal(cut(frame), Segmenter(made)(frame))
    assert calls == [len(tiles), len(tiles)], "what was found is not looked for again"
    told = seen(frame[:, :3], (frame[:, :1] > 0.5).float())
    assert torch.equal(cut(told), Segmenter(made)(told))
    rest_by_tellers = ensemble_of([network(4, CLASSES), network(5)], [1, 0], [0, 1], tell=True)
    assert torch.equal(Segmenter(rest_by_tellers, limit=limit)(frame), Segmenter(rest_by_tellers)(frame))


def test_a_compiled_network_in_tiles_is_told_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)  # a compiler takes minutes; what is passed on is tested
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True)
    frame = seen(torch.rand(1, 3, 300, 420, generator=torch.Generator().manual_seed(1)))
    cut = Segmenter(made, limit=frame_bytes(made.config, 300 * 420 // 2) * 1.0001 / GIGABYTE, compiles=True)
    tiles = cut._frame_tiles(300, 420)
    calls = counted(cut.network.network)
    torch.testing.assert_close(cut(frame), Segmenter(made)(frame), atol=2e-3, rtol=0)
    assert len(tiles) > 1 and calls == [len(tiles), len(tiles)]


def test_it_travels_with_the_weights(tmp_path: Path) -> None:
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True)
    save_weights(made, tmp_path / "net.safetensors", "float32")
    read = load_weights(tmp_path / "net.safetensors")
    assert torch.equal(Segmenter(read)(seen(pictures())), Segmenter(made)(seen(pictures())))
    one = member_of(read, 2)
    assert torch.equal(Segmenter(one)(seen(pictures())), Segmenter(network(5))(seen(pictures())))
    node = Ensemble(shape_weights=[1, 0], tone_weights=[0, 1], tell=True)(models=[network(4), network(5)])
    assert node.config == made.config


def test_onnx_files_are_told_too(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True)
    ExportONNX(path=str(tmp_path / "net.onnx"))(model=made)
    image, matte = Image(pictures()[0]), Matte(some_matte()[0])
    for shape in (None, matte):
        ours = UNetSegment(precision="float32")(image, model=made, shape=shape).probabilities.data
        theirs = OnnxSegment(weights=str(tmp_path / "net.onnx"))(image, shape=shape).probabilities.data
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)


def test_an_onnx_file_that_is_wrong_where_no_shape_is_told_is_refused() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = ensemble_of([network(4), network(5)], [1, 0], [0, 1], tell=True)
    silent = replace(made, config={name: value for name, value in made.config.items() if name != "tell"})
    check_onnx(made, onnx_bytes(made, "net"), "net")
    with pytest.raises(UsageError, match=r"net: not written: .* it differs from torch"):
        check_onnx(made, onnx_bytes(silent, "net"), "net")


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^tell: no network that says the tones can be told a shape \(none has the channel Shape\): take tell"
    ):
        ensemble_of([network(4), tiny_model(classes=SIX_CLASSES)], [1, 1], [0, 1], tell=True)
    config = ensemble_of([network(4), network(5)], tell=True).config
    for wrong, message in (({"tell": 1}, "tell is 1: it must be true or false"), ({"told": None}, "there must be a channel of the shape")):
        with pytest.raises(UsageError, match=message):
            build("ensemble", config | wrong)
    assert "tell" not in ensemble_of([network(4), network(5)]).config, "files of others are as they were"
