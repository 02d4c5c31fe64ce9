"""The commands of a job for farms that we write no job for: each with the words that its farm puts the frames of a task in place of."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator

from rotonodes.farm.job import FarmJob, Step


def _words(job: FarmJob, step: Step, frames: str, progress: str = "plain") -> list[str]:
    named = frames if step.chunks else step.frames
    more = [*([f"--frames={named}"] if named else []), f"--threads={job.cpus}", f"--progress={progress}"]
    return job.command(step, job.places(), more)


def _tokens(first: str, last: str, step: str = "") -> Callable[[FarmJob, Step], str]:
    """A command line with words that the farm replaces, which a shell must not see quoted.

    Where the farm has no word for the step of a task's frames, the step's own is written out.
    """

    def line(job: FarmJob, of: Step) -> str:
        by = step or of.frames.partition(":")[2] * (not _has_gaps(of))
        frames = f"{first}-{last}" + (f":{by}" if by else "")
        return " ".join(word if "--frames=" + frames == word else shlex.quote(word) for word in _words(job, of, frames))

    return line


def _has_gaps(step: Step) -> bool:
    """Whether frames lie between those of a step that have no regular step: a task from a first to a last frame would make them too."""
    return "," in step.frames


def _tractor(job: FarmJob, step: Step) -> str:
    """A task of Tractor's job language for each chunk: Iterate counts, the command names the frames by their part."""
    if not step.chunks:
        return f"Task {{{step.name}}} -cmds {{ RemoteCmd {{{_alf(_words(job, step, '', 'alf'))}}} }}"
    count = -(-step.count // job.chunk)
    words = [*_words(job, step, step.frames, "alf"), f"--part=$part/{count}"]
    body = f"Task {{{step.name} $part}} -cmds {{ RemoteCmd {{{_alf(words)}}} }}"
    return f"Iterate part -from 1 -to {count} -by 1 -template {{ {body} }}"


def _alf(words: list[str]) -> str:
    return " ".join(f"{{{word}}}" for word in words)


def _flamenco(job: FarmJob, step: Step) -> str:
    """The statements of a Flamenco job type (JavaScript) that make the tasks of a step."""
    first, *rest = _words(job, step, "CHUNK")
    arguments = json.dumps(rest).replace('"--frames=CHUNK"', '"--frames=" + chunk')
    command = f'author.Command("exec", {{exe: {json.dumps(first)}, args: {arguments}}})'
    name = json.dumps(step.name)
    if not step.chunks:
        return f'task = author.Task({name}, "misc"); task.addCommand({command});'
    task = f'task = author.Task({name} + " " + chunk, "misc"); task.addCommand({command});'
    return f"for (let chunk of frameChunker({json.dumps(step.frames.replace(':', 'x'))}, {job.chunk})) {{ {task} }}"


# How each farm calls the frames of a task.
FARMS: dict[str, Callable[[FarmJob, Step], str]] = {
    "deadline10": _tokens("<STARTFRAME>", "<ENDFRAME>"),
    "tractor": _tractor,
    "royalrender": _tokens("<SeqStart>", "<SeqEnd>", "<SeqStep>"),
    "afanasy": _tokens("@#@", "@#@"),
    "flamenco": _flamenco,
}


FIRST_TO_LAST = ("deadline10", "royalrender", "afanasy")  # a task is named by its first and last frame


def command_lines(job: FarmJob, farm: str) -> Iterator[str]:
    """Each step of a job: a comment line with its frames and what it waits for, then its command."""
    for step in job.steps:
        chunk = 1 if _has_gaps(step) and farm in FIRST_TO_LAST else job.chunk
        size = f"frames {step.frames}, {chunk} in a task" if step.chunks else "one task"
        after = f", after {', '.join(step.after)}" if step.after else ""
        yield f"# {step.name}: {size}{after}"
        yield FARMS[farm](job, step)
