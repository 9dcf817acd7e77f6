"""The variables of MATLAB files of any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

NUMERIC = frozenset(
    ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
)
# The RSA toolbox for MATLAB stores RDMs in a struct array: RDMs(i).RDM, RDMs(i).name.
RDM_FIELD, NAME_FIELD = "RDM", "name"


@dataclass(frozen=True)
class Variable:
    """A variable of a MATLAB file: its MATLAB class and shape, and its fields if it is a struct."""

    name: str
    kind: str
    shape: tuple[int, ...]
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({'x'.join(map(str, self.shape))} {self.kind})"


class MatFile(Protocol):
    """The interface of each MATLAB format: variables, and their values with MATLAB's order of axes."""

    def variables(self) -> Sequence[Variable]: ...

    def numbers(self, name: str) -> np.ndarray:
        """The values of a numeric variable."""

    def strings(self, variable: Variable) -> list[object]:
        """The strings of a cell array or a char matrix (one per row); the items of any other array."""

    def structs(self, name: str) -> list[tuple[object, object]]:
        """For each struct: its field RDM (an array, else the name of its class) and its field name."""
