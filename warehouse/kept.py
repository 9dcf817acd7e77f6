"""A memory cache for results that several batches of a stage share; it lasts until the stage ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

# An argument of this name shows progress. It changes no result, so it is not compared.
TICK = "tick"

_everything: list[Kept[Any, Any]] = []


class Kept(Generic[Parameters, Value]):
    """A function that caches its last result until other arguments are passed or `forget` is called.

    A named argument `tick` may differ: it only shows the progress of a computation.
    """

    def __init__(self, function: Callable[Parameters, Value]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._last: tuple[Any, Value] | None = None
        update_wrapper(self, function)
        _everything.append(self)

    def __call__(self, *arguments: Parameters.args, **named: Parameters.kwargs) -> Value:
        asked = (arguments, {name: value for name, value in named.items() if name != TICK})
        with self._lock:
            if self._last is None or self._last[0] != asked:
                # Drop the old result first: two at once could take twice the memory.
                self._last = None
                self._last = (asked, self._function(*arguments, **named))
            return self._last[1]

    def forget(self) -> None:
        self._last = None


def kept(function: Callable[Parameters, Value]) -> Kept[Parameters, Value]:
    """Decorate a function to cache its last result, such as ranked brain RDMs; see `Kept`."""
    return Kept(function)


def forget() -> None:
    """Drop all cached results of this process; `Run.do` calls this at the end of a stage."""
    for each in _everything:
        each.forget()
