"""Results that several batches of a stage share, kept in the memory of the process while the stage lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

_everything: list[Kept[Any, Any]] = []


class Kept(Generic[Parameters, Value]):
    """A function that keeps its last result until it is called with other arguments, or until `forget`."""

    def __init__(self, function: Callable[Parameters, Value]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._last: tuple[Any, Value] | None = None
        update_wrapper(self, function)
        _everything.append(self)

    def __call__(self, *arguments: Parameters.args, **named: Parameters.kwargs) -> Value:
        asked = (arguments, named)
        with self._lock:
            if self._last is None or self._last[0] != asked:
                # Two results at once could take twice the memory.
                self._last = None
                self._last = (asked, self._function(*arguments, **named))
            return self._last[1]

    def forget(self) -> None:
        self._last = None


def kept(function: Callable[Parameters, Value]) -> Kept[Parameters, Value]:
    """Decorate a function whose result the batches of a stage share, such as ranked brain RDMs."""
    return Kept(function)


def forget() -> None:
    """Drop everything that is kept in this process; `Run.do` does so at the end of a stage."""
    for each in _everything:
        each.forget()
