"""`python -m rotonodes.cli.warm`: runs one command after another in one process, so that torch and the network are loaded once.

A line on stdin is a command as JSON, `{"words": ["run", ...], "log": FILE}`; its output goes to the end of the log, and a line on
stdout says how it ended: `{"code": 0}`. The line `stop` interrupts the command as TERM does. When stdin ends, because whoever asked has
ended or was killed, the process does so too, in the same clean way.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading

from rotonodes.cli.interrupt import end_on_signals
from rotonodes.cli.main import call
from rotonodes.cli.session import Session
from rotonodes.engine.kept import Kept
from rotonodes.errors import ListLength


def serve() -> None:
    """Answer commands until stdin ends."""
    answers = os.dup(1)
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with end_on_signals():
        threading.Thread(target=_listen, args=(asked,), name="stdin", daemon=True).start()
        kept = Kept()
        while True:
            wish = json.loads(asked.get())
            _write_to(wish["log"])
            ListLength.whole = False
            code = call(wish["words"], Session(kept=kept))
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(answers, f'{{"code": {code}}}\n'.encode())


def _listen(asked: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        if line.strip() == b"stop":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            asked.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


def _write_to(log: str) -> None:
    """Send stdout and stderr to the end of a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # as __main__ does: what lies in the current folder is not ours to run
    serve()
