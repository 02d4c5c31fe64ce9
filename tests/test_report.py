"""Voices and summaries: what each says, and that the fraction of the whole run only ever rises."""

import io
import itertools
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from rotonodes import Graph
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Failure, NodeStats, Result
from rotonodes.errors import EXIT_FRAME_FAILED, FrameError, Interrupted, RotoError, UsageError
from rotonodes.machine.durations import duration
from rotonodes.node.annotations import Frame, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.plan.make_plan import make_plan
from rotonodes.plan.plan import Plan
from rotonodes.report.choose import make_reporter
from rotonodes.report.farm_messages import AlfReporter, JsonReporter, OpenJDReporter
from rotonodes.report.plain import EndReporter, FaultsReporter, PlainReporter
from rotonodes.report.rich import RichReporter
from rotonodes.report.summary import closing_lines, command_for, group_failures, headline
from rotonodes.values.pixels import Clip, Image


class ReportSource(Node):
    """A source that is never run."""

    def process(self, frame: Frame) -> Image:
        raise NotImplementedError


class ReportWriter(Node):
    """A writer that is never run."""

    path: OutputPath = param(help="where to", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (f"{self.path}.{frame}",)

    def process(self, image: Image, weights: Path | None = None) -> Path:
        raise NotImplementedError


class ReportTrainer(Node):
    """A long node that is never run."""

    def process(self, image: Clip[Image], monitor: Monitor) -> Path:
        raise NotImplementedError


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A training on 24 frames, then 24 frames to write."""
    monkeypatch.chdir(tmp_path)
    graph = Graph("1-24", file="graphs/torus.yaml")
    load = graph.add(ReportSource(), "load")
    train = graph.add(ReportTrainer(), "train", image=load)
    graph.add(ReportWriter(path="out/torus.####.png"), "png", image=load, weights=train)
    return make_plan(graph)


def failure(node: str, frame: int | None, reason: str, error: RotoError | None = None) -> Failure:
    return Failure(node, frame, reason, error or FrameError(reason))


def failed(plan: Plan, failures: list[Failure], missing: Sequence[int], **more: Any) -> Result:
    stats = {"load": NodeStats(ran=20, seconds=2.0), "png": NodeStats(ran=20, seconds=0.5)}
    return Result(plan, failures, stats, wanted=24, missing=tuple(missing), seconds=3.21, **{"exit_code": EXIT_FRAME_FAILED, **more})


def done(plan: Plan) -> Result:
    stats = {"load": NodeStats(ran=20, cached=4, seconds=2.0), "png": NodeStats(ran=24, seconds=0.5)}
    return Result(plan, [], stats, wanted=24, seconds=8.3)


def tell(voice: Reporter, plan: Plan) -> None:
    """A short run of two stages."""
    voice.start(plan, 2, 2)
    voice.stage(0, 2, 0, "train")
    voice.progress("train", 50, 100, "loss 0.1")
    voice.stage(1, 2, 2, "png")
    voice.frame(1, 0.411, True)
    voice.warning("load: something odd")
    voice.warning("load: something odd")
    voice.failure("load", 2, "no such file")
    voice.frame(2, 0.2, False)


def test_plain_lines_are_what_farms_read(plan: Plan) -> None:
    stream = io.StringIO()
    tell(make_reporter("plain", stream=stream), plan)
    assert stream.getvalue().splitlines() == [
        "graphs/torus.yaml: frames 1-24; cache: .rotonodes",
        "Stage 1 of 2: train",
        "Progress: 0%",
        "train: 50 of 100, loss 0.1",
        "Progress: 25%",
        "Stage 2 of 2: png",
        "Progress: 50%",
        "Frame 1 (1 of 2) 0.41 s",
        "Progress: 75%",
        "warning: load: something odd",
        "error: load, frame 2: no such file",
        "Frame 2 (2 of 2) failed",
        "Progress: 100%",
    ]


def test_openjd_speaks_at_the_start_of_lines(plan: Plan) -> None:
    log, out = io.StringIO(), io.StringIO()
    voice = OpenJDReporter(log=log, out=out)
    tell(voice, plan)
    voice.end(failed(plan, [failure("load", 2, "no such file")], [2]))
    lines = out.getvalue().splitlines()
    assert all(line.startswith(("openjd_progress: ", "openjd_status: ", "openjd_fail: ")) for line in lines)
    assert [line for line in lines if "progress" in line] == [f"openjd_progress: {n}" for n in (0, 25, 50, 75, 100)]
    assert lines[-1] == "openjd_fail: 1 of 24 frames failed"
    assert "Progress:" not in log.getvalue()
    assert "Frame 1 (1 of 2) 0.41 s" in log.getvalue()


def test_openjd_fails_once_and_in_one_line(plan: Plan) -> None:
    out = io.StringIO()
    voice = OpenJDReporter(log=io.StringIO(), out=out)
    voice.abort("g.yaml:1:1: one\ng.yaml:2:1: two")
    voice.abort("again")
    assert out.getvalue() == "openjd_fail: g.yaml:1:1: one; g.yaml:2:1: two\n"


def test_alf_pads_its_percentages(plan: Plan) -> None:
    log, out = io.StringIO(), io.StringIO()
    tell(AlfReporter(log=log, out=out), plan)
    assert out.getvalue().splitlines() == [f"TR_PROGRESS {n:03d}%" for n in (0, 25, 50, 75, 100)]


def test_json_is_one_object_a_line(plan: Plan) -> None:
    stream = io.StringIO()
    voice = make_reporter("json", stream=stream)
    tell(voice, plan)
    voice.end(failed(plan, [failure("load", 2, "no such file")], [2]))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [e["event"] for e in events][:3] == ["start", "stage", "percent"]
    assert {"event": "frame", "frame": 1, "done": 1, "total": 2, "seconds": 0.411, "ok": True} in events
    assert {"event": "failure", "node": "load", "frame": 2, "reason": "no such file"} in events
    assert sum(e["event"] == "warning" for e in events) == 1
    assert events[-1]["again"] == "rotonodes run graphs/torus.yaml -F 2"
    assert events[-1]["result"]["exit_code"] == 1


def test_none_says_nothing(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    tell(make_reporter("none"), plan)
    assert capsys.readouterr() == ("", "")


def test_auto_takes_the_voice_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENJD_SESSION_WORKING_DIR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    assert type(make_reporter("auto", stream=terminal)) is PlainReporter
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    assert type(make_reporter("auto", stream=terminal)) is RichReporter
    monkeypatch.setenv("TERM", "dumb")
    assert type(make_reporter("auto", stream=terminal)) is PlainReporter
    monkeypatch.setenv("OPENJD_SESSION_WORKING_DIR", "/sessions/1")
    assert type(make_reporter("auto", stream=terminal)) is OpenJDReporter


def test_an_unknown_voice_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no progress 'plane' \(did you mean 'plain'"):
        make_reporter("plane")


@pytest.mark.parametrize(("verbose", "shown"), [({}, ""), ({"verbose": 0}, ""), ({"verbose": 1}, "Traceback")])
def test_a_traceback_is_for_those_who_ask(verbose: dict[str, int], shown: str) -> None:
    class Voice(Reporter):
        def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
            heard.append(trace)

    heard: list[str] = []
    Voice(**verbose).failure("crop", 3, "too small", "Traceback")
    assert heard == [shown]


def test_the_fraction_never_falls(plan: Plan) -> None:
    seen: list[float] = []

    class Listener(Reporter):
        def on_percent(self, percent: int) -> None:
            seen.append(self.fraction)

    voice = Listener()
    voice.start(plan, 2, 4)
    voice.stage(0, 2, 4, "train")
    for frame in (1, 2, 3, 4):
        voice.frame(frame, 0.1, True)
    assert voice.fraction == 0  # the frames are read, the training has not begun
    voice.progress("train", 9, 10)
    assert voice.fraction == pytest.approx(0.45)
    voice.progress("train", 1, 10)  # a second pass: the fraction must not fall back
    assert voice.fraction == pytest.approx(0.45)
    voice.progress("load", 10, 10)  # not what the stage waits for
    assert voice.fraction == pytest.approx(0.45)
    voice.stage(1, 2, 4, "png")
    assert voice.fraction == pytest.approx(0.5)
    voice.frame(1, 0.1, True)
    assert voice.fraction == pytest.approx(0.625)
    voice.end(done(plan))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_run_that_failed_does_not_reach_the_end(plan: Plan) -> None:
    voice = Reporter()
    voice.start(plan, 2, 2)
    voice.stage(1, 2, 2, "png")
    voice.frame(1, 0.1, True)
    voice.end(failed(plan, [], [2]))
    assert voice.fraction == 0.75


def test_progress_of_long_nodes_is_spaced_out() -> None:
    stream, now = io.StringIO(), itertools.count(step=0.5)
    voice = PlainReporter(log=stream, clock=lambda: float(next(now)))
    for step in range(1, 11):
        voice.progress("train", step, 10)
    told = [line for line in stream.getvalue().splitlines() if line.startswith("train")]
    assert told == ["train: 1 of 10", "train: 5 of 10", "train: 9 of 10", "train: 10 of 10"]


def test_frames_from_many_threads_are_all_counted(plan: Plan) -> None:
    stream = io.StringIO()
    voice = make_reporter("plain", stream=stream)
    voice.start(plan, 1, 400)
    voice.stage(0, 1, 400, "png")
    threads = [threading.Thread(target=lambda: [voice.frame(1, 0.0, True) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    frames = [line for line in stream.getvalue().splitlines() if line.startswith("Frame")]
    assert [int(line.split("(")[1].split()[0]) for line in frames] == list(range(1, 401))


def test_a_reader_that_went_away_does_not_stop_the_run(plan: Plan) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    tell(make_reporter("plain", stream=Gone()), plan)
    tell(make_reporter("json", stream=Gone()), plan)


def test_traces_are_shown_on_request_only() -> None:
    for verbose, lines in ((0, 1), (1, 2)):
        stream = io.StringIO()
        make_reporter("plain", verbose, stream).failure("load", 1, "broken", "Traceback ...\n")
        assert len(stream.getvalue().splitlines()) == lines


def test_failures_with_one_reason_are_grouped() -> None:
    gone = [failure("load", f, f"cannot read a/x.{f:04d}.exr: no such file") for f in (3, 7, 8, 9)]
    groups = group_failures(
        [*gone, failure("roto", 5, "too small: 3 x 3"), failure("roto", 3, "too small: 3 x 3"), failure("train", None, "no frames")]
    )
    assert [str(group) for group in groups] == [
        "load, frames 3,7-9: cannot read a/x.####.exr: no such file",
        "roto, frames 3,5: too small: 3 x 3",
        "train: no frames",
    ]


def test_a_single_failure_keeps_its_file_name() -> None:
    (group,) = group_failures([failure("load", 3, "cannot read x.0003.exr: no such file")])
    assert str(group) == "load, frame 3: cannot read x.0003.exr: no such file"


def test_paths_are_relative_where_they_can_be(plan: Plan, tmp_path: Path) -> None:
    stream = io.StringIO()
    make_reporter("plain", stream=stream).failure("load", 1, f"cannot read {tmp_path}/in/a.png: no such file")
    assert stream.getvalue() == "error: load, frame 1: cannot read in/a.png: no such file\n"


def test_what_was_delivered(plan: Plan) -> None:
    assert closing_lines(done(plan)) == ["delivered 24 frames in 8.30 s", "  out/torus.####.png"]


def test_nothing_to_do(plan: Plan) -> None:
    plan.stages.clear()
    assert headline(done(plan)) == "nothing to do: every output is there (24 frames)"


def test_what_is_missing_and_the_command_for_it(plan: Plan) -> None:
    result = failed(plan, [failure("load", 3, "no such file")], [3, *range(7, 10)])
    ending = [
        "1 of 24 frames failed, 3 more are not there",
        "to render only what is missing:",
        "  rotonodes run graphs/torus.yaml -F 3,7-9",
    ]
    assert closing_lines(result) == ["error: load, frame 3: no such file", *ending]
    assert closing_lines(result, shown=True) == ending
    several = failed(plan, [failure("load", f, "no such file") for f in (3, 7)], [3, 7])
    for shown in (False, True):
        assert closing_lines(several, shown=shown)[:2] == ["2 of 24 frames failed", "  load, frames 3,7: no such file"]


def seen_by(voice: Reporter, stream: io.StringIO, plan: Plan, result: Result) -> list[str]:
    """What a voice says of a run that ended so, its failures being told as they happen."""
    voice.start(plan, 1, result.wanted)
    for item in result.failures:
        voice.failure(item.node, item.frame, item.reason)
    voice.end(result)
    return [line for line in stream.getvalue().splitlines() if line.strip()][0 if isinstance(voice, FaultsReporter) else 1 :]


@pytest.mark.parametrize("name", ["plain", "none", "quiet", "rich", "openjd", "alf"])
@pytest.mark.parametrize(
    ("frame", "missing", "wanted", "counted"),
    [(None, (), 0, ""), (3, (3,), 1, ""), (3, range(1, 25), 24, "1 of 24 frames failed, 23 more are not there")],
    ids=["whole clip", "one frame", "all frames"],
)
def test_a_single_fault_is_said_once(plan: Plan, name: str, frame: int | None, missing: Sequence[int], wanted: int, counted: str) -> None:
    """And nobody is told to give the command again that he has just given."""
    stream = io.StringIO()
    voices: dict[str, Reporter] = {
        "plain": PlainReporter(log=stream),
        "none": EndReporter(log=stream),
        "quiet": FaultsReporter(log=stream),
        "rich": RichReporter(console=Console(file=stream, width=100, highlight=False)),
        "openjd": OpenJDReporter(log=stream, out=io.StringIO()),
        "alf": AlfReporter(log=stream, out=io.StringIO()),
    }
    plan.stages.clear()  # no live line
    result = failed(plan, [failure("load", frame, "no such file")], missing)
    result.wanted = wanted
    where, (error, mark) = f"load, frame {frame}" if frame else "load", ("✗ ", "✗ ") if name == "rich" else ("error: ", "")
    assert seen_by(voices[name], stream, plan, result) == [f"{error}{where}: no such file", *([mark + counted] if counted else [])]


def test_what_farms_and_programs_read_of_a_single_fault_stays(plan: Plan) -> None:
    result = failed(plan, [failure("load", 3, "no such file")], range(1, 25))
    out = io.StringIO()
    seen_by(OpenJDReporter(log=io.StringIO(), out=out), out, plan, result)
    assert out.getvalue() == "openjd_fail: 1 of 24 frames failed, 23 more are not there\n"
    out = io.StringIO()
    events = [json.loads(line) for line in seen_by(JsonReporter(out=out), out, plan, result)]
    assert events[0] == {"event": "failure", "node": "load", "frame": 3, "reason": "no such file"}
    assert (events[1]["event"], events[1]["again"]) == ("end", "rotonodes run graphs/torus.yaml")
    assert events[1]["result"]["failures"] == [{"node": "load", "frame": 3, "reason": "no such file"}]


def test_the_users_own_range_stays_where_all_is_missing(plan: Plan) -> None:
    result = failed(plan, [failure("load", 3, "no such file")], range(1, 25))
    assert command_for(result, None) == "rotonodes run graphs/torus.yaml"
    assert command_for(result, lambda frames: f"again {frames!r}") == "again ''"


def test_nothing_is_advised_where_no_file_was_found(plan: Plan) -> None:
    result = failed(plan, [failure("load", 3, "no such file")], range(2, 25))
    assert closing_lines(result)[-1] == "  rotonodes run graphs/torus.yaml -F 2-24"
    plan.missing["load"] = list(range(2, 25))
    assert command_for(result, None)
    plan.missing["load"] = list(range(1, 25))
    assert command_for(result, None) == ""
    assert closing_lines(result) == ["error: load, frame 3: no such file", "1 of 24 frames failed, 22 more are not there"]
    text = screen(lambda voice: voice.end(result), width=60)
    assert "rotonodes run" not in text


def test_the_end_alone_is_one_line(plan: Plan) -> None:
    log = io.StringIO()
    voice = EndReporter(log=log)
    tell(voice, plan)
    voice.end(done(plan))
    assert log.getvalue().splitlines()[-1] == "delivered 24 frames in 8.30 s: out/torus.####.png"
    assert all(line.startswith("warning: ") for line in log.getvalue().splitlines()[:-1])
    log = io.StringIO()
    FaultsReporter(log=log).end(done(plan))
    assert log.getvalue() == ""
    EndReporter(log=log).end(failed(plan, [failure("load", 3, "no such file")], [3]))
    assert log.getvalue().splitlines()[-1] == "  rotonodes run graphs/torus.yaml -F 3"


def test_a_run_that_was_stopped_goes_on_with_the_same_command(plan: Plan) -> None:
    result = failed(plan, [], range(11, 25), exit_code=0)
    assert closing_lines(result) == ["stopped after 3.21 s; 10 of 24 frames are there; the same command continues from here"]
    result = failed(plan, [failure("train", None, "", Interrupted("stopped"))], range(11, 25))
    assert len(closing_lines(result)) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.414, "0.41 s"), (9.99, "9.99 s"), (12.34, "12.3 s"), (65, "1 min 05 s"), (3600 * 2 + 190, "2 h 03 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# The terminal.


def screen(show: Callable[[RichReporter], object], width: int = 100) -> str:
    """What a terminal shows of a reporter."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True, highlight=False)
    ticks = itertools.count(step=0.25)
    voice = RichReporter(console=console, clock=lambda: float(next(ticks)))
    shown = show(voice)
    if shown is not None:
        console.print(shown)
    return console.export_text()


def test_the_live_line_shows_frames_speed_and_time_left() -> None:
    def show(voice: RichReporter) -> object:
        voice.stage(1, 2, 24, "gif")
        for frame in range(1, 13):
            voice.frame(frame, 0.1, ok=frame != 5)
        return voice.screen()

    first, second, *_ = screen(show).splitlines()
    assert all(word in first for word in (" 75% ", "12/24 frames", "4.0 fps", "3 s left", "1 failed"))
    assert second.strip() == "stage 2 of 2  gif"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_live_part_is_three_lines_at_any_width(width: int) -> None:
    def show(voice: RichReporter) -> object:
        voice.stage(0, 2, 24, "a very long title of a stage, " * 4)
        voice.progress("train", 1, 10, "loss 0.123")
        return voice.screen()

    lines = screen(show, width).splitlines()
    assert all(len(line) <= width for line in lines)
    if width >= 80:
        assert len(lines) == 3


def test_a_training_shows_all_it_says_on_a_narrow_terminal() -> None:
    said = "loss 0.412, mean IoU 0.713, 3.2 steps/s, 2 h 05 min left"

    def show(voice: RichReporter) -> object:
        voice.stage(0, 2, 160, "train")
        for frame in range(1, 161):
            voice.frame(frame, 0.1, ok=True)
        voice.progress("train", 1200, 13000, said)
        return voice.screen()

    bar, stage, text = screen(show, 80).splitlines()
    assert text == f"  train 1200 of 13000  {said}"
    assert stage == "  stage 1 of 2  train"
    assert "160/160 frames" in bar
    assert "fps" not in bar and "left" not in bar, "reading the frames is over, the training is not"


def test_the_summary_of_a_run(plan: Plan) -> None:
    text = screen(lambda voice: voice.end(done(plan)))
    assert "✓ delivered 24 frames in 8.30 s  2.9 fps" in text
    assert "out/torus.####.png" in text
    assert [line.split() for line in text.splitlines() if "ReportSource" in line] == [["load", "ReportSource", "20", "4", "2.00"]]


def test_the_summary_of_failures_has_a_command_to_copy(plan: Plan) -> None:
    missing = [*range(1, 20, 2)]
    text = screen(lambda voice: voice.end(failed(plan, [failure("load", f, "[red]no such file[/]") for f in missing], missing)), width=60)
    assert "✗ 10 of 24 frames failed" in text
    assert "load, frames 1-19x2: [red]no such file[/]" in text  # what others wrote is not markup
    assert "  rotonodes run graphs/torus.yaml -F 1-19x2\n" in text


def test_messages_appear_above_the_live_line(plan: Plan) -> None:
    def show(voice: RichReporter) -> None:
        voice.start(plan, 1, 2)
        voice.stage(0, 1, 2, "png")
        voice.warning("careful")
        voice.failure("load", 2, "no such file")
        voice.end(failed(plan, [failure("load", 2, "no such file")], [2]))
        assert voice.live is None

    lines = [line.strip() for line in screen(show).splitlines()]
    assert lines.index("! careful") < lines.index("✗ load, frame 2: no such file") < lines.index("✗ 1 of 24 frames failed")
    assert sum("no such file" in line for line in lines) == 1


def test_the_display_is_put_away_when_a_run_ends_by_an_error(plan: Plan) -> None:
    def show(voice: RichReporter) -> None:
        voice.start(plan, 1, 2)
        voice.end(failed(plan, [failure("load", 1, "wrong", UsageError("wrong"))], [1, 2]))
        assert voice.live is None

    assert "failed" not in screen(show)  # who called says what is wrong


def test_every_voice_has_the_same_events() -> None:
    events = {name for name in vars(Reporter) if name.startswith("on_")}
    for voice in (PlainReporter, OpenJDReporter, AlfReporter, JsonReporter, RichReporter):
        assert {name for name in dir(voice) if name.startswith("on_")} == events, SimpleNamespace(voice=voice)


def test_frames_of_a_clip_that_failed_are_not_said_to_be_missing(plan: Plan) -> None:
    """Row P: the GIF is not made because one frame failed; the other 23 PNGs are there."""
    result = failed(plan, [failure("load", 3, "no such file")], range(1, 25))
    result.outputs = {"png": (23, 24), "gif": (0, 1)}
    result.plan.keys.per_frame = lambda name: name != "gif"  # type: ignore[method-assign]
    assert headline(result) == "1 of 24 frames failed"
    result.outputs = {"png": (20, 24), "gif": (0, 1)}
    assert headline(result) == "1 of 24 frames failed, 3 more are not there"
