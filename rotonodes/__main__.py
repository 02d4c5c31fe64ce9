"""`python -m rotonodes`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python puts the current folder first: modules and plugins that lie there, in a folder of a stranger, are not ours to run.
        del sys.path[0]
    from rotonodes.cli.main import main

    main()
