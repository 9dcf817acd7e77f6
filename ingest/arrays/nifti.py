"""Volumes in NIfTI files: a volume as an array, and volumes along the fourth axis as the rows of a matrix."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.limits import check_size
from alignhouse.ingest.arrays.matrices import Piece
from alignhouse.warehouse.errors import BadInput

# A volume of 512 voxels along each axis in float64.
_MOST_BYTES = 2**30


def read_volume(path: Path) -> np.ndarray:
    """The values of a NIfTI file, in the order of its axes.

    Raises
    ------
    BadInput : the file is damaged, or no volume, or too large.
    """
    with _reading(path):
        image = _opened(path)
        check_size(image.shape, 8, str(path), _MOST_BYTES)
        return np.asarray(image.dataobj)


@dataclass(frozen=True)
class NiftiVolumes:
    """Some voxels of the volumes of a NIfTI file (X, Y, Z, n_rows), a row for each volume; see `Matrix`.

    A compressed file is read from its start for every request.

    voxels : flat indices of the voxels, X varying fastest, ascending.
    offset : of the first value in the file. volume : how many values a volume has.
    """

    path: Path
    n_rows: int
    voxels: np.ndarray
    dtype: np.dtype
    offset: int
    volume: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_rows, len(self.voxels)

    @property
    def has_cheap_rows(self) -> bool:
        return False

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        wanted = {row: number for number, row in enumerate(rows.tolist())}
        size = self.volume * self.dtype.itemsize
        with _reading(self.path), _bytes_of(self.path) as file:
            file.seek(self.offset)
            for row in range(max(wanted, default=-1) + 1):
                values = file.read(size)
                if len(values) < size:
                    raise EOFError(f"the file ends in volume {row + 1} of {self.n_rows}")
                if row in wanted:
                    yield Piece(wanted[row], 0, np.frombuffer(values, self.dtype)[self.voxels][None])


def volumes_of(path: Path, mask: np.ndarray) -> NiftiVolumes:
    """The voxels of a mask in the volumes of a NIfTI file.

    Parameters
    ----------
    mask : which voxels, bool (X, Y, Z).

    Raises
    ------
    BadInput : the file is damaged, has other axes, or its values are scaled.
    """
    with _reading(path):
        image = _opened(path)
        if len(image.shape) != 4 or image.shape[:3] != mask.shape:
            expected = f"volumes of shape {mask.shape} along the fourth axis"
            raise BadInput(f"{path}", expected=expected, found=f"shape {image.shape}")
        if (image.dataobj.slope, image.dataobj.inter) != (1, 0):
            found = f"slope {image.dataobj.slope}, intercept {image.dataobj.inter}"
            raise BadInput(f"{path}", expected="values that are not scaled", found=found)
        check_size(mask.shape, image.get_data_dtype().itemsize, f"a volume of {path}", _MOST_BYTES)
        return NiftiVolumes(
            path,
            image.shape[3],
            np.flatnonzero(mask.ravel(order="F")),
            image.get_data_dtype(),
            int(image.dataobj.offset),
            math.prod(mask.shape),
        )


def _opened(path: Path) -> Any:
    import nibabel

    image = nibabel.load(path)
    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise ValueError(f"a file of kind {type(image).__name__}")
    return image


def _bytes_of(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        yield
    except (
        ImageFileError,
        HeaderDataError,
        WrapStructError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ) as error:
        raise BadInput(
            f"{path} cannot be read", expected="a NIfTI volume", found=str(error).splitlines()[0][:160]
        ) from error
