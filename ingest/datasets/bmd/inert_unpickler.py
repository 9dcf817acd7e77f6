"""An unpickler that imports nothing, calls nothing of the file, and hashes nothing but text.

It is Python's own unpickler in Python, not the one in C, because single instructions must be replaced. The
program that it runs is a short skeleton (`pickle_skeletons`), so speed does not matter.

Time and memory are bounded by the number of instructions, which the skeleton limits. One instruction costs
more than a fixed time only in three ways, and each is closed here: hashing a key (nested tuples are hashed
again at each use, and numbers can be chosen to collide), copying a long tuple of arguments, and comparing or
printing nested values, which is never done.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from alignhouse.ingest.datasets.bmd.pickle_skeletons import Payload

# More than any class takes; each call copies its arguments.
MOST_ARGUMENTS = 255


class _InertType(type):
    def __setitem__(cls, key: object, value: object) -> None:
        """Ignore the item; a pickle fills dict-like objects this way."""


class Inert(metaclass=_InertType):
    """The placeholder for every class, function, set and object that is not read.

    It is a class, because the unpickler creates objects only from classes. Calling it returns the class
    itself, because pickles also call the results of calls.
    """

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return cls

    @classmethod
    def __setstate__(cls, state: object) -> None:
        """Ignore it."""

    append = extend = add = __setstate__


class InertUnpickler(pickle._Unpickler):
    """Runs a skeleton; every name of the file becomes a stand-in or `Inert`.

    Sets become `Inert`. Items of dicts whose keys are no text are dropped, and `dropped` tells which dicts.

    Parameters
    ----------
    stand_ins : module and name -> the class that records what a pickle passes to it.
    """

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]

    def __init__(
        self, file: Any, payloads: tuple[Payload, ...], stand_ins: Mapping[tuple[str, str], type]
    ) -> None:
        # Python 2 pickled the bytes of arrays as text, which latin-1 maps back to the same bytes.
        super().__init__(file, encoding="latin-1")
        self._payloads = payloads
        self._stand_ins = stand_ins
        self._dropped: list[dict[Any, Any]] = []

    def dropped(self, content: dict[Any, Any]) -> bool:
        """Whether `content` had keys that are no text."""
        return any(each is content for each in self._dropped)

    def persistent_load(self, pid: Any) -> Payload:
        """Look up a payload of the skeleton; the file's own persistent ids were already replaced."""
        return self._payloads[pid]

    def find_class(self, module: str, name: str) -> Any:
        return self._stand_ins.get((module, name), Inert)

    def _set(self) -> None:
        self.stack.append(Inert)

    def _frozenset(self) -> None:
        self._pop_to_mark()
        self.stack.append(Inert)

    def _dict(self) -> None:
        items = self._pop_to_mark()
        self.stack.append({})
        self._put(items)

    def _item(self) -> None:
        value = self.stack.pop()
        self._put([self.stack.pop(), value])

    def _items(self) -> None:
        self._put(self._pop_to_mark())

    def _put(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(target) is not dict or type(key) is str:
                target[key] = value
            elif not (self._dropped and self._dropped[-1] is target):
                self._dropped.append(target)

    def _pop_to_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.metastack.pop()
        self.append = self.stack.append
        return items


Load = Callable[[Any], None]


def _after_check(code: bytes, calls: Callable[[InertUnpickler], Sequence[Any]]) -> Load:
    """Python's own function for an instruction, if each of the arguments that `calls` gives is short."""
    load = pickle._Unpickler.dispatch[code[0]]

    def checked(unpickler: Any) -> None:
        for arguments in calls(unpickler):
            if not isinstance(arguments, tuple | dict) or len(arguments) > MOST_ARGUMENTS:
                raise pickle.UnpicklingError(f"a call with no tuple of at most {MOST_ARGUMENTS} arguments")
        load(unpickler)

    return checked


_REPLACED: dict[bytes, Load] = {
    pickle.EMPTY_SET: InertUnpickler._set,
    pickle.FROZENSET: InertUnpickler._frozenset,
    pickle.DICT: InertUnpickler._dict,
    pickle.SETITEM: InertUnpickler._item,
    pickle.SETITEMS: InertUnpickler._items,
    pickle.REDUCE: _after_check(pickle.REDUCE, lambda each: each.stack[-1:]),
    pickle.NEWOBJ: _after_check(pickle.NEWOBJ, lambda each: each.stack[-1:]),
    pickle.NEWOBJ_EX: _after_check(pickle.NEWOBJ_EX, lambda each: each.stack[-2:]),
    pickle.INST: _after_check(pickle.INST, lambda each: [tuple(each.stack)]),
    pickle.OBJ: _after_check(pickle.OBJ, lambda each: [tuple(each.stack)]),
}
InertUnpickler.dispatch.update({code[0]: load for code, load in _REPLACED.items()})
