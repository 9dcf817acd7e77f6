"""Checks the pickle of a checkpoint before torch reads it.

`torch.load(weights_only=True)` runs no code of the file, but it hashes keys and has no limits: nested tuples
as a key end the process or take for ever. This module walks over the instructions, builds nothing, and
refuses what no checkpoint has.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from alignhouse.warehouse.errors import BadInput

# Real checkpoints have some 25 instructions for each tensor, and tuples of tuples of a few numbers.
MOST_INSTRUCTIONS = 1_000_000
MOST_VALUES, DEEPEST = 100_000, 50
# The format before torch 1.6: magic number, version, system, the checkpoint, keys of the storages.
_LEGACY_PICKLES = 5
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE"}
_UNREADABLE = (ValueError, IndexError, KeyError, EOFError, OverflowError, NotImplementedError, RuntimeError)


def check_pickles(checkpoint: Path) -> None:
    """Raise BadInput if a pickle of a checkpoint has too many instructions or nested tuples.

    Damage is left to torch, which names it.
    """
    with checkpoint.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            for _ in range(_LEGACY_PICKLES):
                if not _check(file, checkpoint):
                    return
            return
        try:
            with zipfile.ZipFile(file) as members:
                for info in members.infolist():
                    _check_member(info, checkpoint)
                    if info.filename.endswith(".pkl"):
                        with members.open(info) as member:
                            _check(member, checkpoint)
        except (zipfile.BadZipFile, *_UNREADABLE):
            return


@dataclass(frozen=True)
class _Value:
    """What is known of a value on the stack: values and levels of nested tuples; 1 and 0 for all else."""

    values: int = 1
    depth: int = 0


@dataclass
class _Stack:
    items: list[_Value | None] = field(default_factory=list)  # None is a mark
    memo: dict[int, _Value] = field(default_factory=dict)

    def pop_to_mark(self) -> list[_Value]:
        mark = len(self.items) - 1 - self.items[::-1].index(None)
        popped = [each for each in self.items[mark + 1 :] if each is not None]
        del self.items[mark:]
        return popped

    def pop(self, count: int) -> list[_Value]:
        popped = [self.items.pop() for _ in range(count)]
        return [each for each in popped if each is not None]


def _check(file: IO[bytes], path: Path) -> bool:
    """Check one pickle; returns whether it was read to its end."""
    stack = _Stack()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > MOST_INSTRUCTIONS:
                raise _absurd(path, f"more than {MOST_INSTRUCTIONS:,} instructions")
            made = _do(stack, opcode, argument)
            if made.values > MOST_VALUES or made.depth > DEEPEST:
                raise _absurd(path, "tuples in tuples that no checkpoint has")
    except _UNREADABLE:
        return False
    return True


def _do(stack: _Stack, opcode: pickletools.OpcodeInfo, argument: Any) -> _Value:
    """Apply an instruction to the stack; returns the value on top, if it is a tuple."""
    name = opcode.name
    if name == "MARK":
        stack.items.append(None)
    elif name in _PUTS or name == "MEMOIZE":
        top = stack.items[-1]
        stack.memo[len(stack.memo) if name == "MEMOIZE" else int(argument)] = top or _Value()
    elif name in _GETS:
        stack.items.append(stack.memo[int(argument)])
    elif name in _TUPLES:
        parts = stack.pop_to_mark() if name == "TUPLE" else stack.pop(len(opcode.stack_before))
        made = _tuple(parts)
        stack.items.append(made)
        return made
    else:
        before = opcode.stack_before
        if pickletools.markobject in before:
            stack.pop_to_mark()
            stack.pop(before.index(pickletools.markobject))
        else:
            stack.pop(len(before))
        stack.items += [_Value() for _ in opcode.stack_after]
    return _Value()


def _tuple(parts: Iterable[_Value]) -> _Value:
    parts = list(parts)
    return _Value(1 + sum(each.values for each in parts), 1 + max((each.depth for each in parts), default=0))


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    # torch stores the members of a checkpoint as they are, and never compresses them.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
        raise BadInput(
            f"weights file {path}",
            expected="a checkpoint whose members are not compressed",
            found=f"{info.filename} of {info.file_size:,} bytes in a file of {path.stat().st_size:,}",
        )


def _absurd(path: Path, found: str) -> BadInput:
    return BadInput(f"weights file {path}", expected="a checkpoint of tensors and plain values", found=found)
