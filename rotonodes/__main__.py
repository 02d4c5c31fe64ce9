"""`python -m rotonodes`."""

from rotonodes.cli.main import main

if __name__ == "__main__":
    main()
