"""Finds the RDMs among the variables of a MATLAB file of any format.

In MATLAB files, subjects are the first or the last axis. The reader finds the axis from sizes and symmetry,
and refuses ambiguous arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alignhouse.ingest.arrays.limits import named_once
from alignhouse.ingest.arrays.matlab_variables import NAME_FIELD, NUMERIC, RDM_FIELD, MatFile, Variable
from alignhouse.ingest.datasets.rdms.arrays import (
    CONDITION_KEYS,
    SUBJECT_KEYS,
    StoredRdms,
    check_real,
    checked,
    could_be_rdm,
    subjects_first,
    the_one,
)
from alignhouse.ingest.rdm import n_conditions
from alignhouse.warehouse.errors import BadInput

_ARRAYS = NUMERIC | {"logical", "sparse"}
_PLAIN = _ARRAYS | {"char", "cell", "struct"}


def rdms_of(file: MatFile, path: Path, n: int | None = None) -> StoredRdms:
    """The RDMs of a MATLAB file: its only numeric variable of a suitable shape, or the RSA toolbox's structs.

    Raises BadInput unless exactly one variable could be the RDMs, if its axes are ambiguous, or if the file
    has objects or function handles.

    Parameters
    ----------
    n : number of conditions, if known; it resolves ambiguous axes.
    """
    variables = {variable.name: variable for variable in file.variables()}
    for variable in variables.values():
        if variable.kind not in _PLAIN:
            raise BadInput(
                f"{variable.name} in {path}",
                expected="numbers, text, cells or structs",
                found=f"an object of class {variable.kind}",
                hint="save numbers only, and names as a cell array: cellstr(names)",
            )
    condition_key = named_once([key for key in CONDITION_KEYS if key in variables], "conditions", path)
    subject_key = named_once([key for key in SUBJECT_KEYS if key in variables], "subjects", path)
    conditions = file.strings(variables[condition_key]) if condition_key else None
    subjects = file.strings(variables[subject_key]) if subject_key else None
    rest = [each for each in variables.values() if each.name not in (condition_key, subject_key)]
    chosen = variables[_choose(rest, path)]
    label = f"{chosen.name} in {path}"
    if chosen.kind == "struct":
        stack, names = _from_structs(file.structs(chosen.name), chosen, path)
        if subjects and names:
            named_once([str(subject_key), f"{chosen.name}.{NAME_FIELD}"], "subjects", path)
        return StoredRdms(stack, label, conditions, subjects or names, is_known=True)
    if chosen.kind not in NUMERIC:
        hint = f"save full({chosen.name})" if chosen.kind == "sparse" else None
        raise BadInput(label, expected="an RDM, of real numbers", found=f"class {chosen.kind}", hint=hint)
    n = n if conditions is None else len(conditions)
    stack = _oriented(file.numbers(chosen.name), label, path, n, None if subjects is None else len(subjects))
    return StoredRdms(stack, label, conditions, subjects, name=chosen.name)


def _choose(variables: Sequence[Variable], path: Path) -> str:
    arrays = [each for each in variables if each.kind in _ARRAYS]
    shaped = [each for each in arrays if could_be_rdm(each.shape, subjects_last=True)]
    structs = [each for each in variables if RDM_FIELD in each.fields and all(each.shape)]
    if not shaped and not structs and len(arrays) == 1:  # the only array is meant: report errors of its shape
        shaped = arrays
    return the_one([each.name for each in shaped + structs], [str(each) for each in variables], path)


def _oriented(
    values: np.ndarray, label: str, path: Path, n: int | None, n_subjects: int | None
) -> np.ndarray:
    """Convert an array with MATLAB's order of axes to (S, n, n) or (S, P)."""
    check_real(values, label)
    shape = values.shape
    if values.ndim == 3 and shape[0] == shape[1]:
        last = np.moveaxis(values, 2, 0)
        return _cube(values, last, label, path) if shape[1] == shape[2] else last
    if values.ndim != 2 or shape[0] == shape[1]:
        return subjects_first(values, label)
    if 1 in shape:
        return subjects_first(values.reshape(-1), label)
    readings = [each for each in (values, values.T) if could_be_rdm(each.shape[1:])]
    fitting = [
        each
        for each in readings
        if n in (None, n_conditions(each.shape[1])) and n_subjects in (None, len(each))
    ]
    if len(fitting) == 1 or len(readings) == 1:
        return (fitting or readings)[0]
    if not readings:
        return subjects_first(values, label)
    ways = " or ".join(
        f"{len(each)} subjects and {n_conditions(each.shape[1])} conditions" for each in readings
    )
    raise BadInput(
        f"{label} can be taken in two ways" if fitting else label,
        expected="one way that fits" if fitting else "RDMs that fit the numbers of conditions and subjects",
        found=f"shape {shape}: {ways}",
        hint="name the conditions and subjects in the file, or save the RDMs as (n, n, subjects)",
    )


def _cube(first: np.ndarray, last: np.ndarray, label: str, path: Path) -> np.ndarray:
    """Find the axis of subjects if subjects and conditions are equally many: its slices are RDMs."""
    flaws = []
    for stack in (first, last):
        try:
            checked(StoredRdms(stack, label), path)
            flaws.append("")
        except BadInput as error:
            flaws.append(str(error).removeprefix(label).lstrip(", "))
    if flaws.count("") == 1:
        return last if flaws[0] else first
    if flaws[0]:
        found = f"with subjects first, {flaws[0]}; with subjects last, {flaws[1]}"
    else:
        found = "such slices along the first axis and along the last"
    raise BadInput(
        f"{label}, shape {first.shape}, does not say which axis is the subjects'",
        expected="symmetric slices, zero on the diagonal, along one axis",
        found=found,
    )


def _from_structs(
    structs: Sequence[tuple[object, object]], chosen: Variable, path: Path
) -> tuple[np.ndarray, list[object] | None]:
    if sum(length > 1 for length in chosen.shape) > 1:
        raise BadInput(
            f"{chosen.name} in {path}",
            expected="a struct for each subject, of one region and session",
            found=f"shape {chosen.shape}",
            hint="save one region per file",
        )
    rdms: list[np.ndarray] = []
    for number, (stored, _) in enumerate(structs, start=1):
        label = f"{chosen.name}({number}).{RDM_FIELD} in {path}"
        if not isinstance(stored, np.ndarray):
            raise BadInput(
                label,
                expected="a full matrix",
                found=stored if isinstance(stored, str) else type(stored).__name__,
            )
        check_real(stored, label)
        is_vector = stored.ndim == 2 and 1 in stored.shape
        found = subjects_first(stored.reshape(-1) if is_vector else stored, label)
        square_or_vector = is_vector or (stored.ndim == 2 and stored.shape[0] == stored.shape[1])
        if not square_or_vector or (rdms and found[0].shape != rdms[0].shape):
            expected = (
                f"shape {rdms[0].shape}, as {chosen.name}(1)" if rdms else "one RDM, (n, n) or a vector"
            )
            raise BadInput(label, expected=expected, found=f"shape {stored.shape}")
        rdms.append(found[0])
    names = [name for _, name in structs]
    return np.stack(rdms), names if any(name != "" for name in names) else None
