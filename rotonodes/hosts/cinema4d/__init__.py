"""Rotonodes in Cinema 4D: a script for its Script Manager."""
