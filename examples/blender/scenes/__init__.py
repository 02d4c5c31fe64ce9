# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten scenes built as a person would build them; `scripted.py` renders them. None is made by the random generator.

Each module has SHAPES (names of the objects to label, wildcards allowed), KEY (the key light's name, None for the strongest), SIZE in
pixels, VIEW (view transform and look), and `build()`, whose docstring says what is there. Three frames each.
"""

from . import bicycle, bust, glass_bottle, low_poly_knight, mug_and_letters, robot, room_with_window, still_life, street_car, tree_on_hill

SCENES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        mug_and_letters, street_car, room_with_window, low_poly_knight, tree_on_hill, glass_bottle, robot, bust, bicycle, still_life,
    )
}  # fmt: skip
