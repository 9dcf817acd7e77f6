"""RDM files that are small and costly are one clear line; HDF5 and MATLAB have a process of their own."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from alignhouse.ingest.arrays import limits
from alignhouse.ingest.datasets.rdms import apart
from alignhouse.ingest.datasets.rdms.apart import read_rdm_file_apart
from alignhouse.ingest.datasets.rdms.data_set import RDMS
from alignhouse.ingest.datasets.rdms.files import read_rdm_file
from alignhouse.warehouse.errors import BadInput

CONDITIONS = ["a", "b", "c", "d"]


def rdms() -> np.ndarray:
    return np.random.default_rng(0).random((3, 6))


def header(shape: str, dtype: str = "<f8") -> bytes:
    """A .npy header with this text as its shape."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "shape", ["(0, 4611686018427387904)", "(10**9,)", "(1, 1000000)", "(-1, 6)", "(" * 9000]
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_lies_is_refused(tmp_path: Path, shape: str, packed: bool) -> None:
    path = tmp_path / ("V1.npz" if packed else "V1.npy")
    if packed:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("arr_0.npy", header(shape) + bytes(48))
    else:
        path.write_bytes(header(shape) + bytes(48))
    with pytest.raises(BadInput, match=r"V1\.np. cannot be read: .* found"):
        read_rdm_file(path)


def test_arrays_that_unpack_to_far_more_than_their_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 2_000_000)
    path = tmp_path / "V1.npz"
    np.savez_compressed(path, a=np.zeros((1, 100_128)), b=np.zeros((1, 100_128)), c=np.zeros((1, 100_128)))
    assert path.stat().st_size < 10_000
    with pytest.raises(
        BadInput, match=r"c in .*V1\.npz is too large to read: expected at most 397,952 bytes"
    ):
        read_rdm_file(path)


def test_a_member_in_another_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "V1.npz"
    content = io.BytesIO()
    np.save(content, rdms())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("arr_0.npy", content.getvalue())
    with pytest.raises(BadInput, match="is compressed by method 14"):
        read_rdm_file(path)


def test_a_small_hdf5_or_matlab_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "V1.h5", "w") as file:
        file.create_dataset("rdms", (300, 1_000_405), "f8", chunks=(1, 1_000_405), compression="gzip")
    savemat(tmp_path / "V1.mat", {"rdm": np.zeros((40, 1_000_405), np.int8)}, do_compression=True)
    for name in ("V1.h5", "V1.mat"):
        with pytest.raises(
            BadInput, match=rf"{name} is too large to read: expected at most 268,435,456 bytes"
        ):
            read_rdm_file_apart(tmp_path / name)


def test_files_are_read_apart_as_they_are_read_here(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "V1.h5", "w") as file:
        file["rdms"] = rdms()
        file["conditions"] = CONDITIONS
    savemat(tmp_path / "V1.mat", {"rdm": rdms(), "conditions": np.array(CONDITIONS, dtype=object)})
    np.save(tmp_path / "V1_RDMs.npy", rdms())
    assert RDMS.rdms is not None
    assert RDMS.rdms.read is read_rdm_file_apart
    for name in ("V1.h5", "V1.mat", "V1_RDMs.npy"):
        here, there = read_rdm_file(tmp_path / name, 4), read_rdm_file_apart(tmp_path / name, 4)
        np.testing.assert_array_equal(there.rdms, here.rdms)
        assert (there.conditions, there.subjects) == (here.conditions, here.subjects)


@pytest.mark.parametrize("damage", [pytest.param(b"", marks=pytest.mark.slow), b"junk"])
def test_files_are_refused_apart_as_they_are_refused_here(tmp_path: Path, damage: bytes) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "V1.h5").write_bytes(damage)
    with pytest.raises(BadInput) as here_refused:
        read_rdm_file(tmp_path / "V1.h5")
    with pytest.raises(BadInput) as there_refused:
        read_rdm_file_apart(tmp_path / "V1.h5")
    assert str(there_refused.value) == str(here_refused.value)


def crashes() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGSEGV)


def spins() -> None:
    while True:
        pass


def hoards() -> None:
    kept = []
    while True:
        kept.append(np.empty(2**24, np.uint8))


def raises() -> None:
    raise ZeroDivisionError


# A busy machine needs seconds for the imports, so only the reader that never ends has few.
@pytest.mark.parametrize(
    ("harm", "seconds", "found"),
    [(crashes, 60, "SIGSEGV"), (spins, 1, "SIGXCPU"), (hoards, 60, "a crash"), (raises, 60, "a crash")],
)
def test_a_reader_that_crashes_or_never_ends_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[], None], seconds: int, found: str
) -> None:
    (tmp_path / "V1.h5").write_bytes(b"hostile")
    python = tmp_path / "python"
    # Stands for a fault in a library: the module runs as always, except for its reader and its limits.
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(
        f"import sys\nsys.path[:0] = {[*sys.path, str(Path(__file__).parent)]!r}\n"
        "from pathlib import Path\n"
        "from test_hostile_rdm_files import *\n"
        f"apart._limits = lambda *given: ({2**29}, {seconds})\n"
        f"apart.read_rdm_file = lambda *given, **named: {harm.__name__}()\n"
        "apart._main(Path(sys.argv[4]), None, 10**9)\n"
    )
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{wrapper}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(apart.sys, "executable", str(python))
    with pytest.raises(BadInput, match=rf"V1\.h5 cannot be read: .* of memory and 60 s .* {found}"):
        read_rdm_file_apart(tmp_path / "V1.h5")
