"""Base of nodes whose frames are pictures with names, which a run lists once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import PrivateAttr

from rotonodes.errors import FrameError, PlanFault, UsageError
from rotonodes.node.base import Node, OwnResults
from rotonodes.values.frames import FilePattern

if TYPE_CHECKING:
    from rotonodes.io.folder import PictureList


class ListedPictures(Node):
    """Base of nodes that read pictures by name, or write beside them.

    Outside a graph the pictures are listed at each call. A run lists them once, before it writes anything, and leaves out the
    results of its earlier runs.
    """

    frames_by_files: ClassVar[bool] = True  # a picture that is now another frame is made no other way

    _listed: PictureList | None = PrivateAttr(None)

    def picture_paths(self) -> list[str]:
        """The folders, wildcards and files that say which the pictures are; none where frames have numbers."""
        return [path for name, path in self.paths("input") if name == "pictures"]

    def listing(self) -> PictureList:
        """The pictures, frame 1 first. Raises UsageError when there are none."""
        from rotonodes.io.folder import PictureList, list_pictures

        return self._listed or PictureList(list_pictures(self.picture_paths()), self.picture_paths())

    def result_path(self, path: str, frame: int | None) -> str:
        """Where the result of a picture goes: `path` with `*` replaced by the picture's name. UsageError for an input picture."""
        from rotonodes.io.folder import with_name

        pictures = self.listing()
        try:
            pictures.file(0 if frame is None else frame)
        except FrameError as error:
            raise UsageError(str(error)) from None
        result = with_name(FilePattern(path).path(frame), pictures.names[(frame or 1) - 1])
        if pictures.holds(result):
            more = path.replace("*", "*_out", 1)
            raise PlanFault(f"{result} is an input picture: write somewhere else, or put more into the name ({more})")
        return result

    def with_files_listed(self, own: OwnResults) -> Self:
        listed = super().with_files_listed(own)
        if not self.picture_paths():
            return listed
        from rotonodes.io.folder import PictureList

        try:
            pictures = self._listed or PictureList.of(self.picture_paths())
        except UsageError:
            return listed  # the run says so
        listed = listed.model_copy()
        listed._listed = pictures.without(own(pictures.files, pictures.files))
        return listed
