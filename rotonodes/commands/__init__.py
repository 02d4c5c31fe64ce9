"""The commands, by what they are about. `rotonodes.cli` puts them together."""
