"""Reads MATLAB files before v7.3 with scipy, after checking the sizes that they declare."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.limits import MOST_BYTES, check_size
from alignhouse.ingest.arrays.mat5_claims import check_claims
from alignhouse.ingest.arrays.matlab_variables import NAME_FIELD, RDM_FIELD, Variable
from alignhouse.warehouse.errors import BadInput

_ITEM_BYTES = 8  # of a double, the dtype that the RDMs are converted to


class Mat5File:
    """The variables of a .mat file of v4, v5, v6 or v7.

    Opening and reading raise BadInput if the file is damaged, has another format, or needs more than
    `most_bytes`.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        from scipy.io import whosmat
        from scipy.io.matlab import matfile_version

        self.path = path
        with self._reading(), path.open("rb") as file:
            major, _ = matfile_version(file)
            if major == 1:
                check_claims(path, most_bytes)
            file.seek(0)
            listed = whosmat(file)
        names = [name for name, _, _ in listed]
        for name, shape, kind in listed:
            check_size(shape, _ITEM_BYTES if kind != "sparse" else 0, f"{name} in {path}", most_bytes)
            if names.count(name) > 1:
                raise BadInput(f"{path} holds two variables of one name", found=name)
        self._listed = listed

    def variables(self) -> Sequence[Variable]:
        return [
            Variable(name, kind, tuple(shape), self._fields(name) if kind == "struct" else ())
            for name, shape, kind in self._listed
        ]

    def numbers(self, name: str) -> np.ndarray:
        return self._load(name)

    def strings(self, variable: Variable) -> list[object]:
        loaded = self._load(variable.name)
        if variable.kind == "char":
            # MATLAB pads the rows of a char matrix to equal length.
            return ["".join(row).rstrip(" ") for row in loaded] if loaded.size else []
        if variable.kind == "cell":
            return [_text(item) for item in loaded.ravel(order="F")]
        return loaded.ravel(order="F").tolist()

    def structs(self, name: str) -> list[tuple[object, object]]:
        loaded = self._load(name).ravel(order="F")
        rdms = loaded[RDM_FIELD].tolist()
        if all(isinstance(rdm, np.ndarray) and rdm.dtype.kind in "iu" for rdm in rdms):
            # Only MATLAB's class distinguishes a logical array from the uint8 values in the file.
            rdms = self._load(name, mat_dtype=True).ravel(order="F")[RDM_FIELD].tolist()
        names = loaded[NAME_FIELD].tolist() if NAME_FIELD in (loaded.dtype.names or ()) else [""] * len(rdms)
        return list(zip(rdms, map(_text, names), strict=True))

    def _fields(self, name: str) -> tuple[str, ...]:
        return tuple(self._load(name).dtype.names or ())

    def _load(self, name: str, mat_dtype: bool = False) -> np.ndarray:
        """A variable in its stored dtype; conversion to MATLAB's class would drop imaginary parts."""
        from scipy.io import loadmat

        with self._reading(), self.path.open("rb") as file:
            loaded = loadmat(file, variable_names=[name], mat_dtype=mat_dtype, chars_as_strings=False).get(
                name
            )
        if not isinstance(loaded, np.ndarray):  # scipy returns an error message instead of the variable
            raise BadInput(
                f"{name} in {self.path} cannot be read", expected="an array", found=str(loaded)[:160]
            )
        return loaded

    @contextmanager
    def _reading(self) -> Iterator[None]:
        from scipy.io.matlab import MatReadError

        try:
            yield
        # scipy checks little, so a damaged file can raise any of these errors.
        except (
            ArithmeticError,
            AttributeError,
            EOFError,
            LookupError,
            MemoryError,
            NotImplementedError,
            OSError,
            TypeError,
            ValueError,
            zlib.error,
            MatReadError,
        ) as error:
            raise BadInput(
                f"{self.path} cannot be read",
                expected="a MATLAB file",
                found=str(error)[:160] or type(error).__name__,
            ) from error


def _text(item: Any) -> object:
    """A row of characters as a string; any empty array as an empty string."""
    if isinstance(item, np.ndarray) and (item.size == 0 or (item.dtype.kind == "U" and len(item) == 1)):
        return "".join(item.ravel().tolist())
    return item
