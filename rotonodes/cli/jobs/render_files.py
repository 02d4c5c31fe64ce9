"""A render on disk as users name it: a pattern, a folder, a wildcard or one of its frames."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rotonodes.cli.jobs.pass_sets import PASS_BESIDE, PassSet, pass_sets
from rotonodes.errors import FrameError, UsageError, did_you_mean_file, listed
from rotonodes.io.folder import SUFFIXES, is_wildcard, list_pictures
from rotonodes.io.movies import VIDEOS, frame_count
from rotonodes.nodes.input.load_frames import PASS
from rotonodes.values.frames import FilePattern, format_frames, frames_between, frames_named, literal, parse_frames
from rotonodes.values.pixels import Layers

ANIMATIONS = (".gif",)
_NUMBERED = re.compile(r"(.*?)(-?\d+)(\.[^.]+)")


@dataclass(frozen=True)
class RenderFiles:
    """The files of a render: `path` with a frame token and the `frames` on disk, or one picture without a number and no frames.

    `named` is the frame that the user named by its file, None for the whole sequence. A `movie` is one file with all frames.
    `passes` are the words of a set of one file a pass, whose `path` has `$pass` in their place; `frames` are then those with all passes.
    """

    path: str
    frames: tuple[int, ...]
    named: int | None = None
    movie: bool = False
    passes: Mapping[str, str] = field(default_factory=dict)

    def file(self, frame: int | None = None) -> str:
        """The file of a frame, by default of the first on disk; of a set that of its picture, or first pass."""
        words = list(self.passes.values())
        return FilePattern(self._path_of(words[0]) if words else self.path).find(self.frames[0] if frame is None and self.frames else frame)

    def _path_of(self, word: str) -> str:
        return self.path.replace(PASS_BESIDE, PASS).replace(PASS, literal(word))

    @property
    def incomplete(self) -> tuple[int, ...]:
        """The frames of a set that lack some of the passes."""
        patterns = [FilePattern(self._path_of(word)) for word in self.passes.values()]
        return tuple(sorted({frame for pattern in patterns for frame in pattern.on_disk()} - {*self.frames}))

    @property
    def gaps(self) -> tuple[int, ...]:
        """The frames that are not there between those that are; frames on twos, or picked by hand, have none."""
        return tuple(frames_between(self.frames))

    def chosen(self, frames: str | None, option: str = "--frames") -> tuple[int, ...]:
        """The frames that an option names, by default all on disk. Raises UsageError for frames that are not there."""
        if frames is None or not self.frames:
            return self.frames
        asked = parse_frames(frames)
        gone = [frame for frame in asked if frame not in set(self.frames)]
        if gone:
            there = format_frames(self.frames)
            raise UsageError(f"{option} {frames}: {self.path} has no {frames_named(gone)}; on disk are {there}")
        return asked


def find_shot(given: str) -> RenderFiles:
    """The set of one file a pass that a user names, by its folder or any one of its files; else the render, as `find_render` does.

    A file that holds passes itself is no part of a set. Raises UsageError as `find_render` does, and where a folder holds several sets.
    """
    sequences = _beside(given)
    sets = [one for one in pass_sets(sequences) if _names(given, one, sequences)]
    if len(sets) > 1:
        raise UsageError(f"{given}: which of these renders? {listed(one.patterns[0] for one in sets)}")
    if not sets:
        return find_render(given)
    path, words, patterns = sets[0]
    own = {file for pattern in patterns for file in sequences[pattern]}
    if os.path.isdir(given) and any(file.lower().endswith(".exr") for files in sequences.values() for file in files if file not in own):
        return find_render(given)
    numbered = [pattern for pattern in map(FilePattern, patterns) if pattern.has_token]
    frames = tuple(sorted(set.intersection(*(set(pattern.on_disk()) for pattern in numbered)))) if numbered else ()
    found = RenderFiles(path, frames, passes=words)
    if numbered and not frames:
        raise UsageError(f"{given}: no frame has all of the passes {', '.join(words)}: render the missing ones, or move the others away")
    return find_render(given) if _is_layered(found.file()) else found


def _beside(given: str) -> dict[str, list[str]]:
    """The sequences of a folder or wildcard, or of the folder that a file lies in; single files by their names too."""
    named = os.path.isdir(given) or is_wildcard(given)
    try:
        found = _sequences(list_pictures([given if named else os.path.dirname(given) or "."]))
    except UsageError:
        return {}  # `find_render` says what is wrong
    return found | {literal(files[0]): files for files in found.values() if len(files) == 1}  # shot1.png may have no number


def _names(given: str, found: PassSet, sequences: Mapping[str, list[str]]) -> bool:
    """Whether what the user wrote names a set: its folder, a wildcard, the path with `$pass`, or one of its patterns or files."""
    if os.path.isdir(given) or is_wildcard(given):
        return True
    files = {os.path.normpath(file) for pattern in found.patterns for file in sequences[pattern]}
    known = {os.path.normpath(path) for path in (found.path, *found.patterns)} | files
    there = FilePattern(given)
    named = map(there.find, there.on_disk()) if there.has_token else ()
    return os.path.normpath(given) in known or any(os.path.normpath(file) in files for file in named)


def _is_layered(file: str) -> bool:
    """Whether an EXR holds more than one picture; one that cannot be read does not."""
    from rotonodes.io.exr_header import read_headers
    from rotonodes.io.layers import is_exr

    try:
        return is_exr(file) and sum(len(header.channels) for header in read_headers(file)) > len("RGBA")
    except FrameError:
        return False


def find_render(given: str) -> RenderFiles:
    """The files that a user names. Raises UsageError where there are none, or where a folder holds several sequences."""
    if os.path.isdir(given) or is_wildcard(given):
        return _in_folder(given)
    if os.path.isfile(given):
        count = frame_count(given) if given.lower().endswith((*VIDEOS, *ANIMATIONS)) else 1
        return RenderFiles(given, tuple(range(1, count + 1)), movie=True) if count > 1 else _around(given)
    pattern = FilePattern(given)
    frames = pattern.on_disk() if pattern.has_token else ()
    if not frames:
        raise UsageError(f"{given}: there is no such {'frame' if pattern.has_token else 'file'}{did_you_mean_file(given)}: check the path")
    return RenderFiles(given, frames)


def _around(file: str) -> RenderFiles:
    """The sequence that a file is one frame of; a file without a number, or a single one, is itself."""
    for pattern, files in _sequences([file]).items():
        frames = FilePattern(pattern).on_disk()
        if len(files) == 1 and len(frames) > 1:
            own = next(frame for frame in frames if os.path.samefile(FilePattern(pattern).find(frame), file))
            return RenderFiles(pattern, frames, own)
    return RenderFiles(literal(file), ())


def _in_folder(given: str) -> RenderFiles:
    """The only sequence of a folder or wildcard, or its only sequence of EXR files, which hold passes."""
    found = _sequences(list_pictures([given]))
    for wanted in (".exr", *SUFFIXES):
        of_kind = [pattern for pattern in found if pattern.lower().endswith(wanted)]
        if len(of_kind) == 1 and (wanted == ".exr" or len(found) == 1):
            frames = FilePattern(of_kind[0]).on_disk()
            return RenderFiles(of_kind[0], frames) if len(frames) > 1 else RenderFiles(literal(found[of_kind[0]][0]), ())
    raise UsageError(f"{given}: which of these renders? {listed(found)}")


def _sequences(files: Sequence[str]) -> dict[str, list[str]]:
    """Pattern with a frame token -> its files; a file without a number stands for itself."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for file in files:
        folder, name = os.path.split(file)
        match = _NUMBERED.fullmatch(name)
        found.setdefault((folder, match[1], match[3]) if match else (folder, name, ""), []).append(file)
    made: dict[str, list[str]] = {}
    for (folder, start, end), members in found.items():
        if not end:
            made[literal(members[0])] = members
            continue
        numbers = [os.path.basename(member)[len(start) : -len(end)] for member in members]
        widths = {len(number.lstrip("-")) for number in numbers}
        padded = len(widths) == 1 or all(len(n) == min(widths) or n.lstrip("-")[0] != "0" for n in numbers)
        token = "#" * min(widths) if padded and min(widths) > 1 else "%d"
        made[os.path.join(literal(folder), f"{literal(start)}{token}{literal(end)}")] = members
    return made


def readable_frame(render: RenderFiles, frames: Sequence[int]) -> str:
    """The first of some frames whose header can be read, so that one damaged frame does not stop a job that looks at the files.

    Raises FrameError of the first frame where none can be read.
    """
    from rotonodes.io.pictures import picture_size

    if render.movie:
        return render.path
    first: FrameError | None = None
    for frame in frames or (None,):
        try:
            picture_size(render.file(frame))
        except FrameError as error:
            first = first or error
        else:
            return render.file(frame)
    assert first is not None
    raise first


def one_frame(render: RenderFiles, frames: Sequence[int]) -> Layers:
    """All channels of the first of some frames that can be read."""
    from rotonodes.io.layers import file_layers

    if render.passes:
        return _set_frame(render, frames)
    if not render.movie:
        return file_layers(readable_frame(render, frames), "auto")
    from rotonodes.nodes import LoadMovie

    image = LoadMovie(path=render.path)(frame=frames[0])
    return Layers(dict(zip(image.channels, image.data.numpy(), strict=True)), image.box, image.size, image.metadata, path=render.path)


def _set_frame(render: RenderFiles, frames: Sequence[int]) -> Layers:
    """All passes of the first of some frames that can be read, for looking at: colours are linear, other passes as stored."""
    from rotonodes.imaging.picture.own_tones import linear_surfaces
    from rotonodes.io.layers import is_exr
    from rotonodes.nodes import LoadFrames

    first: FrameError | None = None
    for frame in frames or render.frames or (1,):
        try:
            layers = LoadFrames(path=render.path, passes=dict(render.passes))(frame=frame).layers
        except FrameError as error:
            first = first or error
        else:
            return layers if is_exr(layers.path) else linear_surfaces(layers)
    assert first is not None
    raise first
