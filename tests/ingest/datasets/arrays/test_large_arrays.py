"""Betas that are larger than the memory are read in parts: most of the file is never in memory at once."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest

from alignhouse.ingest.arrays import hdf5_matrix, matrices, tables
from alignhouse.ingest.betas.reading import open_betas
from alignhouse.ingest.datasets.arrays.layout import find_array_files
from alignhouse.ingest.datasets.arrays.reading import open_array_betas

MB = 2**20
# A band of the file, the block that is selected from it, its copy in float32, and what h5py and zips need.
OVERHEAD = 12 * MB


def empty_npy(path: Path, shape: tuple[int, int], *, in_columns: bool = False) -> None:
    """A sparse file of zeros: it takes no disk."""
    header = {"descr": "<f4", "fortran_order": in_columns, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * shape[0] * shape[1])


def write(folder: Path, form: str, shape: tuple[int, int]) -> None:
    rows, columns = shape
    if form in ("npy", "columns.npy"):
        empty_npy(folder / "V1.npy", shape, in_columns=form == "columns.npy")
    elif form == "npz":
        empty_npy(folder / "betas.npy", shape)
        with zipfile.ZipFile(folder / "V1.npz", "w", zipfile.ZIP_STORED) as file:
            file.write(folder / "betas.npy", "betas.npy")
        (folder / "betas.npy").unlink()
    elif form == "parquet":
        zeros = np.zeros((columns, rows), np.float32)
        frame = pl.DataFrame({f"v{number}": column for number, column in enumerate(zeros)})
        frame.write_parquet(folder / "V1.parquet", row_group_size=rows // 4)
    else:
        chunks = (64, 256) if form == "chunked.h5" else None
        with h5py.File(folder / "V1.h5", "w") as file:
            # Chunks without values are not stored, and read as zeros.
            file.create_dataset("V1", shape[::-1] if form == "voxels.h5" else shape, "f4", chunks=chunks)
            if chunks is None:
                file["V1"][-1, -1] = 0  # allocates the whole array, sparse


def peak_of_reading(root: Path, memory: int, **options: str) -> tuple[int, int]:
    """(most bytes that Python held at once, bytes of all betas that were read)."""
    from dataclasses import replace

    [file] = find_array_files(root, None, ["V1"])
    total = 0
    tracemalloc.start()
    try:
        opened = open_betas(open_array_betas, replace(file, options=options), memory=memory)
        with opened as betas:
            for block in betas.blocks("test"):
                assert not block.any()
                total += block.nbytes
        return tracemalloc.get_traced_memory()[1], total
    finally:
        tracemalloc.stop()


def person(tmp_path: Path, n_trials: int) -> Path:
    (tmp_path / "sub-01").mkdir()
    rng = np.random.default_rng(0)
    order = rng.permutation(np.repeat(np.arange(n_trials // 2), 2))
    rows = "".join(f"s{index},{trial * 4 // n_trials}\n" for trial, index in enumerate(order))
    (tmp_path / "stimuli.csv").write_text("stimulus,session\n" + rows)
    return tmp_path / "sub-01"


@pytest.mark.parametrize(
    "form",
    [
        "npy",
        "columns.npy",
        "npz",
        "contiguous.h5",
        "chunked.h5",
        "voxels.h5",
        pytest.param("parquet", marks=pytest.mark.slow),
    ],
)
def test_a_file_is_read_in_a_fraction_of_its_size(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (matrices, hdf5_matrix, tables):
        monkeypatch.setattr(module, "BAND_BYTES", MB)
    shape = (1024, 8192) if form != "parquet" else (8192, 1024)  # 32 MB
    write(person(tmp_path, shape[0]), form, shape)
    options = {"axis": "columns"} if form == "voxels.h5" else {}
    peak, total = peak_of_reading(tmp_path, 4 * MB, **options)
    assert total == 4 * shape[0] * shape[1]
    assert peak < 4 * MB + OVERHEAD


@pytest.mark.slow
def test_eight_gigabytes_are_read_in_one(tmp_path: Path) -> None:
    write(person(tmp_path, 20_000), "npy", (20_000, 100_000))
    peak, total = peak_of_reading(tmp_path, 10**9)
    assert total == 8 * 10**9
    assert peak < 2 * 10**8
