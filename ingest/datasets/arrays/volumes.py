"""Regions as masks or as labels of an atlas, in NIfTI files beside the betas of GLMsingle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alignhouse.ingest.arrays.nifti import read_volume
from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput, near_names

VOLUMES = (".nii", ".nii.gz")
LABELS = ("labels.csv", "labels.tsv")


def masks_beside(folder: Path, root: Path) -> tuple[Path, ...]:
    """The NIfTI files and the label file in a person's folder; else those in the root, for all people.

    Raises
    ------
    BadInput : there are none, or a label file is beside several volumes.
    """
    for place in (folder, root):
        volumes = [path for path in place.iterdir() if path.name.endswith(VOLUMES) and path.name[0] != "."]
        if not volumes:
            continue
        labels = [place / name for name in LABELS if (place / name).is_file()]
        if len(labels) > 1:
            raise BadInput(f"two label files in {place}", found=" and ".join(path.name for path in labels))
        if labels and len(volumes) > 1:
            raise BadInput(
                f"{place} does not say which volume is the atlas",
                expected=f"one NIfTI file beside {labels[0].name}, or masks alone",
                found=", ".join(sorted(path.name for path in volumes)),
            )
        return (*sorted(volumes, key=lambda path: natural_key(path.name)), *labels)
    raise BadInput(
        f"no regions for the betas in {folder}",
        expected="NIfTI masks named after regions, or an atlas with labels.csv (index,name)",
        found="neither in it nor in " + str(root),
    )


def regions_of_masks(files: Sequence[Path]) -> list[str]:
    """The regions of the files that `masks_beside` found: names of masks, or of labels.

    Raises
    ------
    BadInput : a label file is damaged, or two regions have one name.
    """
    labels = [path for path in files if path.name in LABELS]
    names = list(_labels(labels[0])) if labels else [mask_name(path) for path in files]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two masks of region {name} in {files[0].parent}")
    return names


def mask_of(region: str, files: Sequence[Path]) -> np.ndarray:
    """Which voxels a region has, bool, with the shape of its volume.

    Raises
    ------
    BadInput : a file is damaged, a volume without label file has several labels, or it has no such region.
    """
    labels = [path for path in files if path.name in LABELS]
    volumes = {mask_name(path): path for path in files if path not in labels}
    if not labels:
        if region not in volumes:
            raise BadInput(f"no mask of region {region}", hint=near_names(region, volumes))
        values = read_volume(volumes[region])
        found = np.unique(values[values != 0])
        if len(found) > 1:
            raise BadInput(
                f"{volumes[region]} is no mask",
                expected="0 and one other value, or a file labels.csv (index,name) beside it",
                found=f"{len(found)} labels, such as {', '.join(f'{each:g}' for each in found[:4])}",
            )
        return values != 0
    [path] = volumes.values()
    known = _labels(labels[0])
    if region not in known:
        raise BadInput(f"{labels[0]} has no region {region}", hint=near_names(region, known))
    return read_volume(path) == known[region]


def mask_name(path: Path) -> str:
    """The region of a mask: the name of the file without its suffixes."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _labels(path: Path) -> dict[str, int]:
    """Region -> its label."""
    table = read_texts(path)
    if not {"index", "name"} <= set(table):
        raise BadInput(f"{path}", expected="columns index and name", found=", ".join(table))
    found: dict[str, int] = {}
    for row, (index, name) in enumerate(zip(table["index"], table["name"], strict=True), start=1):
        if not index.lstrip("-").isdigit() or not name:
            raise BadInput(
                f"{path}, row {row}", expected="a whole number and a name", found=f"{index},{name}"
            )
        if name in found or int(index) in found.values():
            raise BadInput(f"{path}, row {row}", expected="each index and name once", found=f"{index},{name}")
        if int(index):  # 0 is what belongs to no region
            found[name] = int(index)
    return found
