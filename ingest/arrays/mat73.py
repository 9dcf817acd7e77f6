"""Reads MATLAB v7.3 files, which are HDF5 with reversed axes, UTF-16 text and cells as references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.hdf5 import check_inside, is_group, members, values_of
from alignhouse.ingest.arrays.limits import MOST_BYTES
from alignhouse.ingest.arrays.matlab_variables import NAME_FIELD, NUMERIC, RDM_FIELD, Variable
from alignhouse.warehouse.errors import BadInput

_CLASS = "MATLAB_class"


def is_matlab(found: Mapping[str, Any]) -> bool:
    """Whether MATLAB wrote the members of an HDF5 file."""
    return any(_CLASS in member.attrs for member in found.values())


class Mat73File:
    """The variables of an open v7.3 file; `found` are its top-level members by name.

    Reading raises BadInput if the file is damaged, needs more than `most_bytes`, or refers to other files.
    """

    def __init__(self, file: Any, found: Mapping[str, Any], path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._file, self.path, self._left = file, path, most_bytes
        # MATLAB stores internal data, such as the contents of cells, under names that no variable can have.
        self._found = {name: member for name, member in found.items() if not name.startswith("#")}

    def variables(self) -> Sequence[Variable]:
        return [self._variable(name, member) for name, member in self._found.items()]

    def numbers(self, name: str) -> np.ndarray:
        return self._array(self._found[name], f"{name} in {self.path}")

    def strings(self, variable: Variable) -> list[object]:
        member, label = self._found[variable.name], f"{variable.name} in {self.path}"
        if variable.kind == "cell":
            return [self._text(item, label) for item in self._items(member, label)]
        if is_group(member):
            raise BadInput(label, expected="a cell array of names", found=variable.kind)
        if variable.kind == "char":
            # MATLAB pads the rows of a char matrix to equal length.
            return [row.rstrip(" ") for row in self._rows(member, label)]
        return self._array(member, label).ravel(order="F").tolist()

    def structs(self, name: str) -> list[tuple[object, object]]:
        label = f"{name}.{RDM_FIELD} in {self.path}"
        fields = members(self._found[name], self.path)
        rdms = self._items(fields[RDM_FIELD], label)
        names: list[Any] = [None] * len(rdms)
        if NAME_FIELD in fields:
            names = self._items(fields[NAME_FIELD], f"{name}.{NAME_FIELD} in {self.path}")
        if len(names) != len(rdms):
            raise BadInput(label, expected=f"{len(names)} of them, as names", found=len(rdms))
        return [
            (
                self._array(rdm, label) if _is_array(rdm) else _kind(rdm),
                "" if text is None else self._text(text, label),
            )
            for rdm, text in zip(rdms, names, strict=True)
        ]

    def _variable(self, name: str, member: Any) -> Variable:
        kind = _kind(member)
        if not is_group(member):
            return Variable(name, kind, _shape(member))
        if kind != "struct":
            return Variable(name, kind, (1, 1))
        fields = members(member, self.path)
        rdm = fields.get(RDM_FIELD)
        # In an array of structs, each field is an array of references; in one struct, it is the field itself.
        shape = _shape(rdm) if rdm is not None and not is_group(rdm) and _is_struct_array(rdm) else (1, 1)
        return Variable(name, kind, shape, tuple(fields))

    def _items(self, member: Any, label: str) -> list[Any]:
        """The targets of a cell array or of a struct array's field; a single struct's field, in a list."""
        import h5py

        if is_group(member) or h5py.check_ref_dtype(member.dtype) is not h5py.Reference:
            return [member]
        items = [self._file[reference] for reference in self._values(member, label).ravel()]
        for item in items:
            if isinstance(item, h5py.Datatype):
                raise BadInput(label, expected="arrays", found="a reference to a dtype")
            if not is_group(item):
                check_inside(item, label)
        return items

    def _text(self, member: Any, label: str) -> object:
        if is_group(member) or (_kind(member) != "char" and 0 not in _shape(member)):
            return Variable("an item", _kind(member), () if is_group(member) else _shape(member))
        rows = self._rows(member, label)
        return "".join(rows) if len(rows) < 2 else rows

    def _rows(self, member: Any, label: str) -> list[str]:
        if 0 in _shape(member):
            return []
        stored = self._values(member, label).T
        if stored.ndim != 2 or stored.dtype.kind != "u":  # MATLAB stores text as unsigned integers
            raise BadInput(label, expected="text", found=f"{stored.dtype} of shape {stored.shape}")
        if stored.dtype.itemsize == 2:
            return [row.astype("<u2").tobytes().decode("utf-16-le") for row in stored]
        return ["".join(map(chr, row.tolist())) for row in stored]

    def _array(self, member: Any, label: str) -> np.ndarray:
        if 0 in _shape(member):
            return np.empty((0, 0))
        stored = self._values(member, label).T
        if stored.dtype.names == ("real", "imag"):
            return stored["real"] + 1j * stored["imag"]
        return stored.astype(bool) if _kind(member) == "logical" else stored

    def _values(self, member: Any, label: str) -> np.ndarray:
        stored = values_of(member, label, self._left)
        self._left -= stored.nbytes  # Many references may point to the same array.
        return stored


def _kind(member: Any) -> str:
    """MATLAB's class of a member, derived from its dtype if the file does not store it."""
    import h5py

    if "MATLAB_sparse" in member.attrs:
        return "sparse"
    stored = member.attrs.get(_CLASS)
    if stored is not None:
        return stored.decode() if isinstance(stored, bytes) else str(stored)
    if is_group(member):
        return "struct"
    if h5py.check_ref_dtype(member.dtype) is h5py.Reference:
        return "cell"
    return "double" if member.dtype.kind in "fiu" else f"unknown ({member.dtype})"


def _is_array(member: Any) -> bool:
    return not is_group(member) and _kind(member) in NUMERIC | {"logical"}


def _shape(dataset: Any) -> tuple[int, ...]:
    """The shape in MATLAB's order of axes. For an empty array, the file stores the shape as its values."""
    if dataset.shape is None or "MATLAB_empty" in dataset.attrs:
        return (0, 0)
    return tuple(dataset.shape[::-1])


def _is_struct_array(dataset: Any) -> bool:
    import h5py

    return _CLASS not in dataset.attrs and h5py.check_ref_dtype(dataset.dtype) is h5py.Reference
