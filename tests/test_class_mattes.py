"""Labels as one matte for each class but the background."""

from __future__ import annotations

import torch

from rotonodes.imaging.picture.layering import class_mattes
from rotonodes.values.pixels import Labels

DATA = torch.tensor([[0, 1, 2], [2, 2, 0]], dtype=torch.uint8)


def test_the_background_is_the_class_of_that_name_else_the_first() -> None:
    for classes, shown in ((("a", "b", "c"), ["b", "c"]), (("a", "background", "c"), ["a", "c"]), (("a", "b", "background"), ["a", "b"])):
        found = class_mattes(Labels(DATA, classes, ("#000000",) * 3))
        assert list(found) == shown
        for name, matte in found.items():
            assert matte.data.dtype == torch.float32
            assert torch.equal(matte.data[0], (classes.index(name) == DATA).float())
