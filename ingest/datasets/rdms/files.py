"""Files of ready RDMs: brain RDMs by region, model RDMs by network and layer.

Brain RDMs are in numpy files, HDF5 (also rsatoolbox's) or MATLAB files; model RDMs are in numpy files.
"""

from __future__ import annotations

import re
from pathlib import Path

from alignhouse.ingest.arrays.hdf5 import members, opened_hdf5
from alignhouse.ingest.arrays.limits import MOST_BYTES
from alignhouse.ingest.arrays.mat5 import Mat5File
from alignhouse.ingest.arrays.mat73 import Mat73File, is_matlab
from alignhouse.ingest.betas.brain_rdms import RdmFile
from alignhouse.ingest.datasets.rdms.arrays import StoredRdms, checked
from alignhouse.ingest.datasets.rdms.forms import check_form
from alignhouse.ingest.datasets.rdms.hdf5 import is_rsatoolbox, read_plain_rdms, read_rsatoolbox_rdms
from alignhouse.ingest.datasets.rdms.matlab import rdms_of
from alignhouse.ingest.datasets.rdms.numpy_rdms import read_numpy_rdms
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput

NUMPY_SUFFIXES = (".npz", ".npy")
_HDF5, _MATLAB, _PICKLES = (".h5", ".hdf5"), (".mat",), (".pkl", ".pickle")
SUFFIXES = NUMPY_SUFFIXES + _HDF5 + _MATLAB
_EXPECTED = "RDMs as " + ", ".join(SUFFIXES[:-1]) + " or " + SUFFIXES[-1]
_PICKLE_HINT = 'pickles are not read: save as HDF5, in rsatoolbox rdms.save("V1.hdf5", file_type="hdf5")'
_ROI_NAME = re.compile(r"(?:fmri_)?(?P<roi>.+?)(?:_RDMs?)?", re.IGNORECASE)


def read_rdm_file(
    path: Path, n: int | None = None, *, most_bytes: int = MOST_BYTES, rdm_form: str | None = None
) -> RdmFile:
    """Read brain RDMs from a numpy, HDF5 or MATLAB file. Nothing is unpickled, and no other file is opened.

    The array is (S, n, n), (n, n), or condensed, (S, P) or (P,), with the pairs of the upper triangle row by
    row. In a MATLAB file, subjects may be the last axis. The file may have only one array of such a shape. An
    array "conditions" or "condition_names" may name the conditions, and "subjects" or "subject_names" the
    subjects. Files of rsatoolbox are recognised by their layout, structs of the RSA toolbox for MATLAB by
    their field RDM.

    Parameters
    ----------
    n : number of conditions, if known; needed for MATLAB arrays whose shape fits two numbers of conditions.
    most_bytes : limit of the declared size; a larger file is refused before it is read.
    rdm_form : "condensed" if arrays (S, P) are RDMs although no name says so; see `forms.check_form`.

    Raises
    ------
    BadInput : an RDM is not finite, symmetric and zero on the diagonal (the error shows the entry); the file
        is damaged or ambiguous; names do not fit the array; nothing says that a condensed array is RDMs.
    """
    path = Path(path)
    stored = _stored(path, n, most_bytes)
    check_form(stored, path, rdm_form)
    return RdmFile(*checked(stored, path))


def find_rdm_files(folder: Path) -> dict[str, Path]:
    """The RDM files of `folder` (`SUFFIXES`) by region, in natural order.

    fmri_EVC_RDMs.npz has the region EVC, fmri_V1.mat has V1; any other file is named after its region.

    Raises
    ------
    BadInput : the folder is missing or has no RDM files, a region has two files, or a region has only a
        pickle.
    """
    _check_folder(folder, "brain RDMs, one file per region")
    found: dict[str, Path] = {}
    pickles: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or suffix not in SUFFIXES + _PICKLES:
            continue
        match = _ROI_NAME.fullmatch(path.stem)
        roi = match["roi"] if match else path.stem
        if suffix in _PICKLES:
            pickles[roi] = path
            continue
        if roi in found:
            raise BadInput(
                f"two files for region {roi} in {folder}", found=f"{found[roi].name} and {path.name}"
            )
        found[roi] = path
    unread = [path.name for roi, path in pickles.items() if roi not in found]
    if unread:
        raise BadInput(f"RDMs in {folder}", expected=_EXPECTED, found=", ".join(unread), hint=_PICKLE_HINT)
    if not found:
        raise BadInput(f"no RDMs in {folder}", expected=_EXPECTED)
    return dict(sorted(found.items(), key=lambda item: natural_key(item[0])))


def _stored(path: Path, n: int | None, most_bytes: int) -> StoredRdms:
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise BadInput(f"{path} cannot be read", expected=_EXPECTED, found="a pickle", hint=_PICKLE_HINT)
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected=_EXPECTED)
    if suffix in NUMPY_SUFFIXES:
        return read_numpy_rdms(path, most_bytes)
    if suffix not in SUFFIXES:
        raise BadInput(f"{path} cannot be read", expected=_EXPECTED, found=suffix or "no suffix")
    if suffix in _MATLAB and not _is_hdf5(path):
        return rdms_of(Mat5File(path, most_bytes), path, n)
    with opened_hdf5(path) as file:
        found = members(file, path)
        if suffix in _MATLAB or is_matlab(found):
            return rdms_of(Mat73File(file, found, path, most_bytes), path, n)
        if is_rsatoolbox(found):
            return read_rsatoolbox_rdms(found, path, most_bytes)
        return read_plain_rdms(found, path, most_bytes)


def _is_hdf5(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


def _check_folder(folder: Path, expected: str) -> None:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected=expected)
