# SPDX-License-Identifier: GPL-3.0-or-later
"""Run rotonodes so that it ends when Blender does: run by the rotonodes Python, with the arguments of the command line.

Whoever started this holds the other end of its standard input. When that is closed, be it by a cancel, a crash or a kill, the run is
asked to stop as by a signal: files that are being written are finished or taken away.
"""

import os
import runpy
import signal
import threading


def stop_at_the_end_of_input() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock Python wants when it ends
        pass
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_at_the_end_of_input, daemon=True).start()
    runpy.run_module("rotonodes", run_name="__main__", alter_sys=True)
