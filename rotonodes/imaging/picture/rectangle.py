"""A rectangle cut out of a picture."""

from __future__ import annotations

from rotonodes.values.pixels import Box, Image, Picture, cut


def cut_out(picture: Picture, box: Box) -> Picture:
    """The picture cropped to `box`, which becomes its frame; the data window is cut to it. Pixels are shared, not copied."""
    frame = Box(0, 0, *picture.size)
    if not isinstance(picture, Image):
        return picture if box == frame else picture.with_data(cut(picture.data, frame, box))
    inside = picture.box.intersect(box)
    if not (inside.width and inside.height):
        inside = Box(box.left, box.top, box.left + 1, box.top + 1)  # a picture has at least one pixel
    if inside == picture.box and box == frame:
        return picture
    return picture.on(inside).framed((inside.left - box.left, inside.top - box.top), (box.width, box.height))
