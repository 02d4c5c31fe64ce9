"""Pictures beside each other: where each lies, the gap between, and the channels that only some have."""

from __future__ import annotations

import torch

from rotonodes.imaging.picture.sheet import as_picture, cell_size, side_by_side
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Image, Labels, Matte


def flat(*values: float, width: int = 2, height: int = 2, channels: tuple[str, ...] = ()) -> Image:
    return Image(torch.tensor(values).view(-1, 1, 1).expand(-1, height, width).clone(), channels)


def test_opaque_pictures_and_the_line_between() -> None:
    found = side_by_side([flat(0.25, 0.5, 0.75), flat(1.0, 2.0, 3.0)], 3)
    assert found.channels == ("R", "G", "B") and found.size == (7, 2)
    row = [[0.25, 0.5, 0.75]] * 2 + [[0.0] * 3] * 3 + [[1.0, 2.0, 3.0]] * 2
    for y in range(2):
        assert found.data[:, y].T.tolist() == row
    assert side_by_side([flat(1.0, 1.0, 1.0)] * 3, 0).size == (6, 2)
    assert side_by_side([flat(1.0, 1.0, 1.0)], 5).size == (2, 2), "no line beside one picture"


def test_where_one_has_an_alpha_the_others_and_the_line_are_opaque() -> None:
    found = side_by_side([flat(0.5, 0.5, 0.5), flat(0.1, 0.1, 0.1, 0.25)], 1)
    assert found.channels == ("R", "G", "B", "A")
    assert found.data[3].tolist() == [[1, 1, 1, 0.25, 0.25]] * 2
    assert found.data[0].tolist() == [[0.5, 0.5, 0, *[torch.tensor(0.1).item()] * 2]] * 2


def test_further_channels_are_kept_where_they_are_and_empty_elsewhere() -> None:
    first = flat(5.0, 0.5, 0.5, 0.5, channels=("Z", "R", "G", "B"))
    second = flat(0.1, 0.2, 0.3, 0.4, 7.0, channels=("R", "G", "B", "A", "id"))
    found = side_by_side([first, second, flat(1.0)], 1)
    assert found.channels == ("R", "G", "B", "A", "Z", "id")
    planes = dict(zip(found.channels, found.data[:, 0].tolist(), strict=True))
    assert planes["Z"] == [5, 5, 0, 0, 0, 0, 0, 0]
    assert planes["id"] == [0, 0, 0, 7, 7, 0, 0, 0]
    assert planes["A"] == torch.tensor([1, 1, 1, 0.4, 0.4, 1, 1, 1]).tolist()
    assert planes["R"] == planes["R"][:3] + torch.tensor([0.1, 0.1, 0, 1, 1]).tolist() and planes["B"][-2:] == [1, 1], "grey is all three"


def test_each_is_fitted_into_the_frame_of_the_first() -> None:
    found = side_by_side([flat(0.5, 0.5, 0.5, width=4, height=4), flat(1.0, 1.0, 1.0, width=4, height=2)], 2)
    assert found.size == (10, 4)
    assert found.data[0, :, 6].tolist() == [0, 1, 1, 0]


def test_labels_and_mattes_as_they_are_looked_at() -> None:
    labels = Labels(torch.tensor([[0, 1]], dtype=torch.uint8), ("a", "b"), ("#ff0000", "#204060"))
    found = side_by_side([labels, Matte(torch.full((1, 1, 2), 0.5))], 0)
    assert found.channels == ("R", "G", "B")
    assert found.data[:, 0, 0].tolist() == [1, 0, 0]
    torch.testing.assert_close(found.data[:, 0, 1], torch.tensor(hex_to_linear("#204060")[:3]))
    torch.testing.assert_close(found.data[:, 0, 2:], torch.full((3, 2), ((0.5 + 0.055) / 1.055) ** 2.4))
    assert as_picture(labels).channels == ("R", "G", "B", "A")


def test_the_size_of_a_cell() -> None:
    assert cell_size(flat(0.0, width=200, height=100), 64) == (64, 32)
    assert cell_size(flat(0.0, width=3, height=2), 10) == (10, 7)
    assert cell_size(flat(0.0, width=500, height=1), 10) == (10, 1)
