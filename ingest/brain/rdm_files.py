"""RDMs that others computed: brain RDMs by region, model RDMs by network and layer, in numpy's files."""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.rdm import condense, n_conditions
from ingest.stimuli.names import natural_key
from warehouse.errors import BadInput

UNNAMED = "arr_0"  # numpy's name for an array that was saved without one
_CONDITION_KEYS = ("conditions", "condition_names")
_ROI_NAME = re.compile(r"(?:fmri_)?(?P<roi>.+?)(?:_RDMs?)?", re.IGNORECASE)


@dataclass(frozen=True)
class RdmFile:
    """Brain RDMs of one region.

    rdms : (S, P) float64, S subjects. conditions : (n,) names, where the file has them.
    """

    rdms: np.ndarray
    conditions: tuple[str, ...] | None


def read_rdm_file(path: Path) -> RdmFile:
    """Brain RDMs of a .npz or .npy file.

    The array is (S, n, n), (n, n), or condensed (S, P) or (P,). A .npz holds one such array, and may name
    conditions under "conditions" or "condition_names". Nothing is unpickled.

    Raises BadInput, naming the place, where an RDM is not finite, symmetric and zero on the diagonal.
    """
    path = Path(path)
    arrays = _load(path)
    names = [arrays.pop(key) for key in _CONDITION_KEYS if key in arrays]
    if len(names) > 1:
        raise BadInput(
            f"{path} names its conditions twice", expected=" or ".join(_CONDITION_KEYS), found="both"
        )
    if len(arrays) != 1:
        raise BadInput(
            f"{path} does not say which array is the RDM",
            expected="one array",
            found=", ".join(arrays) or "none",
        )
    rdms = _condensed(next(iter(arrays.values())), str(path))
    conditions = _names_of(names[0], n_conditions(rdms.shape[1]), path) if names else None
    return RdmFile(rdms, conditions)


def find_rdm_files(folder: Path) -> dict[str, Path]:
    """The .npz and .npy files of `folder` by region, in natural order.

    fmri_EVC_RDMs.npz is region EVC, fmri_V1.npz V1, and any other name is the region's own.

    Raises BadInput where the folder is missing or has none, or two files are of one region.
    """
    _check_folder(folder, "brain RDMs, a file a region")
    found: dict[str, Path] = {}
    paths = [
        path for path in folder.iterdir() if path.suffix in (".npz", ".npy") and not path.name.startswith(".")
    ]
    for path in sorted(paths, key=lambda path: natural_key(path.name)):
        match = _ROI_NAME.fullmatch(path.stem)
        roi = match["roi"] if match else path.stem
        if roi in found:
            raise BadInput(
                f"two files for region {roi} in {folder}", found=f"{found[roi].name} and {path.name}"
            )
        found[roi] = path
    if not found:
        raise BadInput(f"no RDMs in {folder}", expected=".npz or .npy files")
    return dict(sorted(found.items(), key=lambda item: natural_key(item[0])))


def read_model_rdms(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Precomputed model RDMs, `folder`/NETWORK/*.npz, by network and then layer: (P,) float64 each.

    A file with one unnamed array (arr_0) is the layer of the file's own name; a file with named arrays holds
    a layer for each, in the file's order. Files are taken in natural order. An RDM is (n, n) or condensed.

    Raises BadInput for a missing folder, a network without files, an RDM that `read_rdm_file` would refuse, a
    layer that two files hold, and RDMs that differ in size.
    """
    _check_folder(folder, "model RDMs, a folder a network")
    networks = sorted(
        (path for path in folder.iterdir() if path.is_dir()), key=lambda path: natural_key(path.name)
    )
    networks = [path for path in networks if not path.name.startswith(".")]
    if not networks:
        raise BadInput(f"no networks in {folder}", expected="a folder for each, with .npz files")
    rdms = {network.name: _layers(network) for network in networks}
    first: tuple[str, int] | None = None
    for network, layers in rdms.items():
        for layer, rdm in layers.items():
            first = first or (f"{network}, {layer}", len(rdm))
            if len(rdm) != first[1]:
                raise BadInput(
                    f"model RDM of {network}, {layer}",
                    expected=f"{first[1]:,} pairs, as {first[0]}",
                    found=f"{len(rdm):,}",
                )
    return rdms


def _layers(network: Path) -> dict[str, np.ndarray]:
    layers: dict[str, np.ndarray] = {}
    files = (path for path in network.iterdir() if path.suffix == ".npz" and not path.name.startswith("."))
    for path in sorted(files, key=lambda path: natural_key(path.name)):
        arrays = _load(path)
        if list(arrays) == [UNNAMED]:
            arrays = {path.stem: arrays[UNNAMED]}
        for layer, stored in arrays.items():
            if layer in layers:
                raise BadInput(
                    f"layer {layer} of {network.name} is in two files of {network}", found=path.name
                )
            rdms = _condensed(stored, f"layer {layer} in {path}")
            if len(rdms) != 1:
                raise BadInput(f"layer {layer} in {path}", expected="one RDM", found=f"shape {stored.shape}")
            layers[layer] = rdms[0]
    if not layers:
        raise BadInput(f"no model RDMs in {network}", expected=".npz files")
    return layers


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="RDMs as .npz or .npy")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {UNNAMED: loaded}
            with loaded:
                return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = "objects, or no array at all" if "allow_pickle" in str(error) else str(error) or repr(error)
        raise BadInput(
            f"{path} cannot be read", expected="arrays of numbers as .npz or .npy", found=reason[:160]
        ) from error


def _condensed(stored: np.ndarray, label: str) -> np.ndarray:
    """(S, P) of an array that is square, (S, n, n) or (n, n), or condensed, (S, P) or (P,)."""
    if stored.dtype.kind not in "fiu":
        raise BadInput(label, expected="an RDM, of real numbers", found=f"dtype {stored.dtype}")
    if stored.size == 0 or stored.ndim not in (1, 2, 3):
        raise BadInput(label, expected="(subjects, n, n), (n, n) or condensed", found=f"shape {stored.shape}")
    if stored.ndim == 3 or (stored.ndim == 2 and stored.shape[0] == stored.shape[1]):
        return np.atleast_2d(condense(stored, label))
    rdms = np.atleast_2d(stored).astype(np.float64)
    try:
        n = n_conditions(rdms.shape[1])
    except BadInput as error:
        raise BadInput(
            label, expected="an RDM, (n, n) or n(n-1)/2 pairs", found=f"shape {stored.shape}"
        ) from error
    bad = np.argwhere(~np.isfinite(rdms))
    if len(bad):
        subject, pair = bad[0]
        row, column = (int(indices[pair]) + 1 for indices in np.triu_indices(n, k=1))
        raise BadInput(
            f"{label}, subject {subject + 1}, row {row}, column {column}",
            expected="finite numbers",
            found=rdms[subject, pair],
        )
    return rdms


def _names_of(stored: np.ndarray, n: int, path: Path) -> tuple[str, ...]:
    if stored.dtype.kind != "U" or stored.shape != (n,) or len(set(stored.tolist())) < n:
        raise BadInput(
            f"names of the conditions in {path}",
            expected=f"{n} different strings",
            found=f"{stored.dtype} of shape {stored.shape}, {len(np.unique(stored))} different",
        )
    return tuple(stored.tolist())


def _check_folder(folder: Path, expected: str) -> None:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected=expected)
