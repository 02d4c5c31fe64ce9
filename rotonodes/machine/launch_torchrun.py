"""`python -m rotonodes.machine.launch_torchrun N run ...`: a command of the tool in N processes of a torchrun on this machine.

It ends as the command does. torchrun itself ends with 1 whatever happened, so that a farm would not see 75 (try again later); it takes
options of the command such as `--node` for its own; and it prints a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def launch(count: int, words: Sequence[str]) -> int:
    """Run `rotonodes` with these words in `count` processes; returns the exit code of the first one that failed, 0 if none did."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    # What follows `--` belongs to the command.
    arguments = torchrun.parse_args(["--standalone", f"--nproc-per-node={count}", "-m", "--", "rotonodes", *words])
    try:
        torchrun.run(arguments)
    except ChildFailedError as failed:
        code = failed.get_first_failure()[1].exitcode
        return 128 - code if code < 0 else code  # negative: the signal that ended the process
    except SignalException as ended:
        return 128 + ended.sigval
    return 0


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # as rotonodes.__main__ does: what lies in the current folder is not ours to run
    sys.exit(launch(int(sys.argv[1]), sys.argv[2:]))
