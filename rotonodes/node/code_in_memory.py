"""A digest of the code of classes without a source file: made in a notebook, at a prompt, or by `exec`.

It counts what the code is made of now: its functions with their defaults, closures and the globals that they use, and the
attributes of the class. So a changed global moves the key of a node whose own cell was not run again.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import re
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, type(...))


def has_source(cls: type) -> bool:
    """Whether the code of a class is in a file: the class has one, and so have its functions."""
    try:
        if not os.path.isfile(inspect.getsourcefile(cls) or ""):
            return False
    except (OSError, TypeError):
        return False
    # What pydantic adds is not asked: it would be built then, and change the class.
    own = [value for name, value in vars(cls).items() if not name.startswith("__pydantic")]
    codes = [getattr(_function(value), "__code__", None) for value in own]
    return all(os.path.isfile(code.co_filename) for code in codes if code is not None)


def code_in_memory(cls: type, libraries: tuple[str, ...], shared_folders: tuple[str, ...]) -> bytes:
    """A sha256 of the code of one class as it is now; its base classes are not included.

    Of modules in `libraries` (top packages) and below `shared_folders` (names of folders) only the names count.
    """
    return hashlib.sha256("\n".join(_CodeLines(libraries, shared_folders).members(cls)).encode()).digest()


def _function(value: Any) -> Any:
    """The function behind a method or a property."""
    return getattr(value, "fget", None) or getattr(value, "__func__", value)


class _CodeLines:
    """Describes values as lines of text: the same lines for the same code, in any process."""

    def __init__(self, libraries: tuple[str, ...], shared_folders: tuple[str, ...]) -> None:
        self.libraries, self.shared_folders = libraries, shared_folders
        self.seen: dict[int, Any] = {}  # kept alive, so that no other object gets the same id

    def members(self, cls: type) -> Iterator[str]:
        """The attributes of a class, without those that Python and pydantic add."""
        self.seen[id(cls)] = cls
        for name, value in sorted(vars(cls).items()):
            added = name.startswith(("__", "_abc_", "model_")) and not callable(value) and name != "__annotations__"
            if not added and not name.startswith("__pydantic") and name not in ("signature", "code_digest"):
                yield name
                yield from self.value(value)

    def value(self, value: Any) -> Iterator[str]:
        """Any value: plain data as written, code by its instructions, everything else by its type and attributes."""
        if isinstance(value, _PLAIN):
            yield repr(value)
            return
        if id(value) in self.seen:
            yield f"again {type(value).__qualname__}"
            return
        self.seen[id(value)] = value
        function = _function(value)
        if isinstance(value, types.ModuleType):
            yield from self.module(value.__name__)
        elif isinstance(value, types.CodeType):
            yield from self.code(value)
        elif isinstance(function, types.FunctionType):
            yield from self.function(function)
        elif isinstance(value, type):
            yield f"{value.__module__}.{value.__qualname__}"
            if not self.is_library(value.__module__):
                yield from self.members(value)
        elif isinstance(value, Mapping):
            for key, one in sorted(value.items(), key=lambda item: repr(item[0])):
                yield repr(key)
                yield from self.value(one)
        elif isinstance(value, list | tuple | set | frozenset):
            yield f"{type(value).__name__} {len(value)}"
            for one in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
                yield from self.value(one)
        else:
            yield from self.other(value)

    def other(self, value: Any) -> Iterator[str]:
        """An array by its samples, another object by what it says of itself, and by its attributes where that may not be all."""
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        if hasattr(array, "tobytes") and hasattr(array, "dtype"):
            yield f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
            return
        said = repr(value)
        yield _ADDRESS.sub("", said)
        yield from self.value(type(value))
        if isinstance(value, functools.partial):
            yield from self.value((value.func, value.args, value.keywords))
        if (_ADDRESS.search(said) or callable(value)) and hasattr(value, "__dict__"):  # a network says nothing of its weights
            yield from self.value(dict(vars(value)))

    def function(self, function: types.FunctionType) -> Iterator[str]:
        """A function: its code, defaults, closure, and the globals that it uses. One of a library only by its name."""
        yield f"{function.__module__}.{function.__qualname__}"
        if self.is_library(function.__module__):
            return
        yield from self.code(function.__code__)
        yield from self.value((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                yield from self.value(cell.cell_contents)
            except ValueError:  # not filled yet
                yield "empty"
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                yield name
                yield from self.value(function.__globals__[name])

    def code(self, code: types.CodeType) -> Iterator[str]:
        """Instructions, names and constants, those of functions inside included."""
        yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars}"
        for value in code.co_consts:
            yield from self.value(value)

    def module(self, name: str) -> Iterator[str]:
        """A module by its name; one that is no library by its file as well."""
        yield name
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not self.is_library(name):
            try:
                with open(file, "rb") as source:
                    yield hashlib.file_digest(source, "sha256").hexdigest()
            except OSError:  # packed or removed
                yield "no file"

    def is_library(self, module: str | None) -> bool:
        """Whether a module is not the user's own."""
        top = (module or "builtins").partition(".")[0]
        file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
        installed = any(folder in file.split(os.sep) for folder in self.shared_folders)
        return top in self.libraries or (top != "__main__" and top in sys.stdlib_module_names) or installed


def _names(code: types.CodeType) -> set[str]:
    """The names that code uses, functions inside it included."""
    inside = (_names(value) for value in code.co_consts if isinstance(value, types.CodeType))
    return set(code.co_names).union(*inside)
