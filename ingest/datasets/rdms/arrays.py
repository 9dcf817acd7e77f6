"""Arrays of RDMs from other labs: finds their axes and names, and checks their values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignhouse.ingest.rdm import TOLERANCE, n_conditions
from alignhouse.warehouse.errors import BadInput

CONDITION_KEYS = ("conditions", "condition_names")
SUBJECT_KEYS = ("subjects", "subject_names")
# The smallest RDM to search for: otherwise, any single number would be an RDM of two conditions.
_FEWEST = 3


@dataclass(frozen=True)
class StoredRdms:
    """RDMs as read from a file, with subjects first; values and names are not checked yet.

    stack : (S, n, n) or condensed (S, P), any dtype. label : name of the array in error messages.
    conditions, subjects : the names as stored, None if the file has none.
    name : of the array in the file, "" for none. is_known : the layout of the file says that these are RDMs.
    """

    stack: np.ndarray
    label: str
    conditions: Sequence[object] | None = None
    subjects: Sequence[object] | None = None
    name: str = ""
    is_known: bool = False


def subjects_first(values: np.ndarray, label: str) -> np.ndarray:
    """Reshape an array (S, n, n), (n, n), (S, P) or (P,) to (S, n, n) or condensed (S, P).

    Raises BadInput for any other shape, and for a dtype that is not real.
    """
    check_real(values, label)
    shape = values.shape
    if values.size and values.ndim == 3 and shape[1] == shape[2] >= 2:
        return values
    if values.size and values.ndim == 2 and shape[0] == shape[1] >= 2:
        return values[None]
    if values.size and values.ndim in (1, 2) and _side(shape[-1]):
        return np.atleast_2d(values)
    raise BadInput(
        label,
        expected="an RDM: (subjects, n, n), (n, n), or condensed with n(n-1)/2 pairs",
        found=f"shape {shape}",
    )


def check_real(values: np.ndarray, label: str) -> None:
    """Raise BadInput unless the dtype is integer or float; complex, boolean and text are refused."""
    if values.dtype.kind not in "fiu":
        raise BadInput(label, expected="an RDM, of real numbers", found=f"dtype {values.dtype}")


def could_be_rdm(shape: Sequence[int], *, subjects_last: bool = False) -> bool:
    """Whether an array of this shape could be RDMs of at least three conditions."""
    if not all(shape):
        return False
    if len(shape) == 3:
        return shape[1] == shape[2] >= _FEWEST or (subjects_last and shape[0] == shape[1] >= _FEWEST)
    if len(shape) == 2 and shape[0] == shape[1]:
        return shape[0] >= _FEWEST
    ends = shape if subjects_last else shape[-1:]
    return len(shape) in (1, 2) and any((_side(length) or 0) >= _FEWEST for length in ends)


def the_one(candidates: Sequence[str], others: Sequence[str], path: Path) -> str:
    """The name of the only array that could be the RDMs; otherwise raises BadInput with the file's content.

    Parameters
    ----------
    candidates : names of arrays with a shape of RDMs. others : other content, for the error message.
    """
    if len(candidates) == 1:
        return candidates[0]
    raise BadInput(
        f"{path} does not say which array is the RDM",
        expected="one array of (subjects, n, n), (n, n) or condensed RDMs",
        found=", ".join(candidates or others) or "none",
        hint="keep one array of RDMs in the file" if candidates else None,
    )


def checked(
    stored: StoredRdms, path: Path
) -> tuple[np.ndarray, tuple[str, ...] | None, tuple[str, ...] | None]:
    """Check RDMs and condense them to (S, P) float64, with the names of their conditions and subjects.

    Raises BadInput, with subject, row and column, unless RDMs are finite, symmetric and zero on the diagonal.
    Also raises BadInput if there are too few or too many names, or if a name is repeated, empty or not text.
    """
    stack = stored.stack
    check_real(stack, stored.label)
    n = stack.shape[1] if stack.ndim == 3 else n_conditions(stack.shape[1])
    conditions = stored.conditions
    if conditions is not None:
        conditions = _names(conditions, n, f"names of the conditions in {path}")
    subjects = stored.subjects
    if subjects is not None:
        subjects = _names(_as_text(subjects), len(stack), f"names of the subjects in {path}")
    numbers = map(str, range(1, len(stack) + 1))
    whose = [f", subject {name}" for name in subjects or numbers] if subjects or len(stack) > 1 else [""]
    rdms = np.empty((len(stack), n * (n - 1) // 2))
    rows, columns = np.triu_indices(n, k=1)
    for values, rdm, who in zip(stack, rdms, whose, strict=True):
        values = values.astype(np.float64)
        if stack.ndim == 3:
            _check_square(values, stored.label + who, conditions)
            rdm[:] = values[rows, columns]
            continue
        for pair in np.flatnonzero(~np.isfinite(values))[:1]:
            place = _place(rows[pair], columns[pair], conditions)
            raise BadInput(
                f"{stored.label}{who}, {place}", expected="finite numbers", found=f"{values[pair]:.6g}"
            )
        rdm[:] = values
    return rdms, conditions, subjects


def _check_square(square: np.ndarray, label: str, conditions: Sequence[str] | None) -> None:
    finite = np.isfinite(square)
    _refuse(~finite, square, conditions, label, "finite numbers")
    tolerance = TOLERANCE * max(1.0, float(np.abs(square).max()))
    diagonal = np.eye(len(square), dtype=bool)
    _refuse(diagonal & (np.abs(square) > tolerance), square, conditions, label, "zero on the diagonal")
    uneven = np.abs(square - square.T) > tolerance
    _refuse(uneven, square, conditions, label, "a symmetric matrix")


def _refuse(
    bad: np.ndarray, square: np.ndarray, conditions: Sequence[str] | None, label: str, expected: str
) -> None:
    for row, column in np.argwhere(bad)[:1]:
        mirrored = f" against {square[column, row]:.6g}" if "symmetric" in expected else ""
        raise BadInput(
            f"{label}, {_place(row, column, conditions)}",
            expected=expected,
            found=f"{square[row, column]:.6g}{mirrored}",
        )


def _place(row: int, column: int, conditions: Sequence[str] | None) -> str:
    if conditions is None:
        return f"row {row + 1}, column {column + 1}"
    return f"row {row + 1} ({conditions[row]}), column {column + 1} ({conditions[column]})"


def _side(n_pairs: int) -> int | None:
    try:
        return n_conditions(n_pairs)
    except BadInput:
        return None


def _as_text(subjects: Sequence[object]) -> list[object]:
    """Convert numbered subjects to text: 1 and 1.0 become "1"."""

    def text(name: object) -> object:
        if isinstance(name, bool) or not isinstance(name, int | float):
            return name
        return f"{name:.0f}" if math.isfinite(name) and name == int(name) else name

    return [text(name) for name in subjects]


def _names(stored: Sequence[object], n: int, label: str) -> tuple[str, ...]:
    names = tuple(name for name in stored if isinstance(name, str) and name.strip())
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if len(names) == len(stored) == n and not repeated:
        return names
    found = f"{len(stored)} entries"
    if len(names) < len(stored):
        odd = next(name for name in stored if not (isinstance(name, str) and name.strip()))
        found += f", one of them {str(odd)[:40]!r} ({type(odd).__name__})"
    if repeated:
        found += f", {repeated[0]!r} {names.count(repeated[0])} times"
    raise BadInput(label, expected=f"{n} different names", found=found)
