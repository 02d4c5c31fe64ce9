# SPDX-License-Identifier: GPL-3.0-or-later
"""A program in a process of its own, with its progress, its log and its error; knows nothing of Blender."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

FOLLOW = Path(__file__).with_name("follow.py")
GRACE = 6.0  # seconds that a run has to end by itself; rotonodes needs at most five


class Job:
    """A running program. `poll` brings `percent`, `status` and `outputs` up to date; `stop` ends it, whatever it does.

    A program that `follows` ends when its input does (`FOLLOW`); another is terminated. Lines of JSON on its output are rotonodes'
    progress messages, any other is the status itself. Everything goes into `log`. Raises OSError where it cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, log: Path, follows: bool = True) -> None:
        self._follows = follows
        self.percent, self.status, self.error, self.code = 0, "starting", "", None
        self.outputs: list[str] = []
        self.lines: list[str] = []  # on its output, beside messages
        self._said = ""  # last on its stderr
        self._heard: deque[tuple[bool, str]] = deque()
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a", encoding="utf-8")
        self._log.write(f"$ {' '.join(map(str, command))}\n")
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
        try:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                **hidden,
            )
        except OSError:
            self._log.close()
            raise
        self._readers = [
            threading.Thread(target=self._read, args=(stream, is_error), daemon=True)
            for stream, is_error in ((self._process.stdout, False), (self._process.stderr, True))
        ]
        for reader in self._readers:
            reader.start()

    def poll(self) -> bool:
        """Read what was said since the last time; whether the program still runs."""
        running = self._process.poll() is None or any(reader.is_alive() for reader in self._readers)
        while self._heard:
            self._hear(*self._heard.popleft())
        if not running and self.code is None:
            self.code = self._process.returncode
            self.error = self.error or (self._said if self.code else "")
            self._process.stdin.close()
            self._log.close()
        return running

    def stop(self) -> None:
        """Ask the program to end, wait for that, and after `GRACE` seconds kill it; does nothing once it has ended."""
        if not self.poll():
            return
        self._close_input()
        if not self._follows:
            self._process.terminate()
        until = time.monotonic() + GRACE
        while self.poll():
            if time.monotonic() > until:
                self._process.kill()
            time.sleep(0.02)

    def _close_input(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _read(self, stream: IO[str], is_error: bool) -> None:
        with stream:
            for line in stream:
                self._heard.append((is_error, line.rstrip("\n")))

    def _hear(self, is_error: bool, line: str) -> None:
        self._log.write(f"{line}\n")
        self._log.flush()
        if is_error:
            self._said = line
            if line.lower().startswith(("error:", "internal error:")):
                self.error = line
            return
        try:
            said = json.loads(line)
            event = said["event"]
        except (ValueError, TypeError, KeyError):
            self.status = line.strip() or self.status
            self.lines.append(line)
            return
        if event == "percent":
            self.percent = said["percent"]
        elif event == "frame":
            self.status = f"frame {said['frame']} ({said['done']} of {said['total']})"
        elif event == "progress":
            self.status = ", ".join(filter(None, (f"{said['node']} {said['done']} of {said['total']}", said["text"])))
        elif event == "failure" and not self.error.startswith("error:"):
            frame = f" frame {said['frame']}" if said["frame"] is not None else ""
            self.error = f"error: {said['node']}{frame}: {said['reason']}"
        elif event == "end":
            self.outputs = list(said["written"])
