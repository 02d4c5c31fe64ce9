"""`python -m rotonodes`, and the command `rotonodes`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line with these words, by default those of the process; Ctrl-C while Python still reads it ends quietly, with 130."""
    try:
        from rotonodes.cli.main import main as commands
    except KeyboardInterrupt:
        sys.exit(130)
    commands(arguments)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python puts the current folder first: modules and plugins that lie there, in a folder of a stranger, are not ours to run.
        del sys.path[0]
    main()
