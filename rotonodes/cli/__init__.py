"""The commands, by what they are about. `rotonodes.cli.main` puts them together."""
