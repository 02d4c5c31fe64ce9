"""`--isolate-readers`: files are decoded in helper processes, so that a decoder that crashes costs one frame, not the run.

Each helper has a guard: a process forked from the run before its threads start, which forks the helper, waits for its end, tells the
run how it ended, and forks the next one. A request is a line of JSON; what is read comes back as `transport` packs it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from rotonodes.engine import transport
from rotonodes.errors import FrameError, Interrupted, RetryError, RotoError, UsageError
from rotonodes.node.annotations import Device, Monitor, Prepared
from rotonodes.node.base import Node
from rotonodes.plan.plan import Plan

_LENGTH = struct.Struct("<Q")
_ERRORS: dict[str, type[RotoError]] = {cls.__name__: cls for cls in (FrameError, UsageError, RetryError, Interrupted)}


def reads_files(plan: Plan, name: str) -> bool:
    """True for a node whose work is to read files: it has paths to read and no links."""
    vertex = plan.graph.vertices[name]
    return not vertex.links and next(vertex.node.paths("input"), None) is not None


def survives(call: Callable[[], Any]) -> None:
    """Do a call that reads files in a process of its own first. Raises FrameError when that process crashes; other errors are left
    to the call itself, which is then known to end.
    """
    pid = _fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            _as_helper()
            call()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise FrameError(
            f"a decoder crashed ({_signal_name(status)}) while the headers of the input files were read: one of them is damaged"
        )


class Readers:
    """`count` helper processes that run the sources of a plan. Make it before any thread is started."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._plan = plan
        self._slots: list[_Slot] = []
        for _ in range(count):
            self._slots.append(_Slot.begin(plan, self._slots))
        self._free: queue.Queue[_Slot] = queue.Queue()
        for slot in self._slots:
            self._free.put(slot)

    def reads(self, name: str) -> bool:
        """True for a node that the helpers make."""
        return reads_files(self._plan, name)

    def read(self, name: str, frame: int | None, wanted: Iterable[str], key: str, monitor: Monitor) -> dict[str, Any]:
        """The outputs of a source at a frame. Raises what its `process` raises, and FrameError when a decoder crashed."""
        request = {"name": name, "frame": frame, "wanted": sorted(wanted), "key": key}
        node = self._plan.nodes[name]
        kinds = {kind.__name__: kind for kind in node.outputs().values() if hasattr(kind, "unpack")}
        slot = self._free.get()
        try:
            answer, status = slot.ask(request, kinds)
            if answer is None:  # a helper may be ended by something else than the file
                answer, status = slot.ask(request, kinds)
        finally:
            self._free.put(slot)
        if answer is None:
            files = ", ".join(node.reads(frame)) or name
            raise FrameError(f"{files}: its decoder crashed ({_signal_name(status)}): the file is damaged; render the frame again")
        for text in answer["warnings"]:
            monitor.warn(text)
        if "error" in answer:
            raise _error(answer["error"], answer["text"])
        return answer["values"]  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the helpers."""
        for slot in self._slots:
            slot.close()


class _Slot:
    """The run's ends of a helper and its guard."""

    def __init__(self, pid: int, data: socket.socket, life: socket.socket) -> None:
        self.pid, self.data, self.life, self._asked = pid, data, life, 0

    @classmethod
    def begin(cls, plan: Plan, others: list[_Slot]) -> _Slot:
        data, helper_data = socket.socketpair()
        life, guard_life = socket.socketpair()
        pid = _fork()
        if pid == 0:
            for end in (data, life, *(end for other in others for end in (other.data, other.life))):
                end.close()  # or the helpers of a run that dies would keep each other alive
            _guard(plan, helper_data, guard_life)
        helper_data.close()
        guard_life.close()
        return cls(pid, data, life)

    def ask(self, request: dict[str, Any], kinds: dict[str, Any]) -> tuple[dict[str, Any] | None, int]:
        """(the answer, 0), or (None, the status that the helper ended with): the next question finds another helper."""
        self._asked += 1
        self.data.sendall(json.dumps({**request, "number": self._asked}).encode() + b"\n")
        found = bytearray()
        while True:
            ready, _, _ = select.select([self.data, self.life], [], [])
            if self.data in ready:
                found += self.data.recv(1 << 20)
            elif self.life in ready:
                status = self.life.recv(4)
                if len(status) < 4:
                    raise FrameError("the process that reads files was ended by somebody; run again")
                self.life.sendall(b"g")
                return None, int.from_bytes(status, "little")
            if len(found) >= 8 and len(found) == 8 + _LENGTH.unpack_from(found)[0]:
                answer = transport.unpack(bytes(found[8:]), kinds)
                if answer["number"] == self._asked:  # else to a question that a helper which is gone has left
                    return answer, 0
                found.clear()

    def close(self) -> None:
        self.data.close()
        self.life.close()
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)


def _guard(plan: Plan, data: socket.socket, life: socket.socket) -> NoReturn:
    """Fork a helper, report its end, fork the next; ends when the run does."""
    with contextlib.suppress(BaseException):
        _as_helper()
        while True:
            pid = os.fork()
            if pid == 0:
                life.close()
                with contextlib.suppress(BaseException):
                    _serve(plan, data)
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            life.sendall(status.to_bytes(4, "little"))
            if not life.recv(1):
                break
    os._exit(0)


def _serve(plan: Plan, data: socket.socket) -> None:
    """Answer requests until the run closes its end."""
    prepared: dict[str, Any] = {}
    with data.makefile("rb") as requests:
        for line in requests:
            asked, monitor = json.loads(line), _Told()
            try:
                values = _made(plan.nodes[asked["name"]], asked, monitor, prepared)
                packed = transport.pack({"number": asked["number"], "values": values, "warnings": monitor.warnings})
            except BaseException as error:
                told = {"error": type(error).__name__, "text": str(error), "warnings": monitor.warnings}
                packed = transport.pack({"number": asked["number"], **told})
            data.sendall(_LENGTH.pack(len(packed)))
            data.sendall(packed)


def _made(node: Node, asked: dict[str, Any], monitor: Monitor, prepared: dict[str, Any]) -> dict[str, Any]:
    name, more = asked["name"], {}
    if Prepared in type(node).signature.asks.values():
        if name not in prepared:
            prepared[name] = node.prepare(Device("cpu"))
        more["prepared"] = prepared[name]
    result = node.run({}, frame=asked["frame"], key=asked["key"], wanted=frozenset(asked["wanted"]), monitor=monitor, **more)
    return {output: value for output, value in node.split_outputs(result).items() if output in asked["wanted"]}


class _Told(Monitor):
    """Collects warnings, which travel with the answer."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def _as_helper() -> None:
    """Signals of a terminal are for the run, which ends its helpers; the arithmetic has one thread; what decoders print is dropped."""
    from rotonodes.machine.cores import set_torch_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    set_torch_threads(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2, *_descriptors(sys.stdout, sys.stderr)):
        os.dup2(nowhere, descriptor)


def _descriptors(*streams: Any) -> Iterator[int]:
    for stream in streams:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            yield stream.fileno()


def _fork() -> int:
    if not hasattr(os, "fork"):
        raise UsageError("--isolate-readers: this system cannot fork processes: leave it out, or read files of strangers in a container")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads of the caller, which the helpers do not use
        return os.fork()


def _error(kind: str, text: str) -> BaseException:
    if kind == "MemoryError":
        return MemoryError(text)
    return _ERRORS[kind](text) if kind in _ERRORS else RuntimeError(f"{kind}: {text}")


def _signal_name(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"exit {os.waitstatus_to_exitcode(status)}"
    with contextlib.suppress(ValueError):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"signal {os.WTERMSIG(status)}"
