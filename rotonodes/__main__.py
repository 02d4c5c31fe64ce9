"""`python -m rotonodes`, and the command `rotonodes`."""

import sys


def main() -> None:
    """The command line; Ctrl-C while Python still reads it ends quietly, with 130."""
    try:
        from rotonodes.cli.main import main as commands
    except KeyboardInterrupt:
        sys.exit(130)
    commands()


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python puts the current folder first: modules and plugins that lie there, in a folder of a stranger, are not ours to run.
        del sys.path[0]
    main()
