"""Puts graphs and weights into a wheel (rotonodes/io/shipped.py finds them by name); an editable install has them in the clone."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = {"graphs": "rotonodes/shipped/graphs", "weights": "rotonodes/shipped/weights"}


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    """A hook of hatchling; `version` is "standard" or "editable"."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update(SHIPPED)
