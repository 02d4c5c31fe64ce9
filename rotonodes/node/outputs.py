"""The outputs of a call without a graph, where their names depend on parameters."""

from __future__ import annotations

from typing import Any

from rotonodes.errors import UsageError, did_you_mean


class NoOutput(UsageError, AttributeError):
    """There is no output of this name. It is an AttributeError too, so that `hasattr` works."""


class Outputs(dict[str, Any]):
    """Output name -> value; names are attributes too: `MultipassDecode(passes=["Combined"])(layers).Combined`.

    An output that is called like a method of dictionaries (`items`) is found in brackets only.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise NoOutput(f"there is no output {name!r}{did_you_mean(name, self)}; there are {', '.join(self) or 'none'}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self if name.isidentifier())})
