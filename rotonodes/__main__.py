"""`python -m rotonodes`."""

from rotonodes.cli import main

if __name__ == "__main__":
    main()
