"""Folders of betas as labs have them, with the betas that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import polars as pl
from PIL import Image
from scipy.io import savemat

NAMES = tuple(f"clip_{number:02d}" for number in range(1, 9))
FORMATS = ("npy", "npz", "packed.npz", "h5", "chunked.h5", "v5.mat", "v73.mat", "parquet", "csv")


@dataclass(frozen=True)
class Shown:
    """Trials in a random order: index of the stimulus of each, and its session."""

    stimulus: np.ndarray
    session: np.ndarray

    @property
    def names(self) -> list[str]:
        return [NAMES[index] for index in self.stimulus]


def shown(repetitions: int = 3, seed: int = 0) -> Shown:
    rng = np.random.default_rng(seed)
    stimulus = rng.permutation(np.repeat(np.arange(len(NAMES)), repetitions))
    return Shown(stimulus, np.arange(len(stimulus)) * 2 // len(stimulus))


def trials(n_voxels: int, n_trials: int, seed: int) -> np.ndarray:
    """Betas (n_trials, n_voxels) float32, with another scale for each voxel."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_trials, n_voxels)) * rng.uniform(0.5, 2, n_voxels) + rng.normal(size=n_voxels)
    return values.astype(np.float32)


def write_matlab_73(path: Path, **arrays: Any) -> None:
    """A v7.3 file, as MATLAB writes it: a user block, reversed axes, classes, cells of text as references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            if isinstance(values, list):
                references = np.empty((1, len(values)), h5py.ref_dtype)
                for index, text in enumerate(values):
                    stored = np.array([[ord(letter)] for letter in text], np.uint16)
                    item = file.create_dataset(f"#refs#/{name}{index}", data=stored)
                    item.attrs["MATLAB_class"] = np.bytes_("char")
                    references[0, index] = item.ref
                made = file.create_dataset(name, data=references)
                made.attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                made = file.create_dataset(name, data=values.T)
                made.attrs["MATLAB_class"] = np.bytes_("double" if values.dtype == float else "single")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_array(folder: Path, region: str, values: np.ndarray, form: str, **lists: Sequence[Any]) -> Path:
    """Write betas of a region in one of `FORMATS`, with lists beside them."""
    path = folder / f"{region}.{form.split('.')[-1]}"
    if form == "npy":
        np.save(path, values)
    elif form == "npz":
        np.savez(path, betas=values, **{name: np.array(each) for name, each in lists.items()})
    elif form == "packed.npz":
        np.savez_compressed(path, betas=values, **{name: np.array(each) for name, each in lists.items()})
    elif form in ("h5", "chunked.h5"):
        with h5py.File(path, "w") as file:
            options = {"chunks": (5, 4), "compression": "gzip"} if form == "chunked.h5" else {}
            file.create_dataset("betas", data=values, **options)
            for name, each in lists.items():
                file[name] = list(each)
    elif form == "v5.mat":
        cells = {name: np.array(each, dtype=object)[:, None] for name, each in lists.items()}
        savemat(path, {"betas": values, **cells})
    elif form == "v73.mat":
        write_matlab_73(path, betas=values, **{name: list(each) for name, each in lists.items()})
    else:
        frame = pl.DataFrame({**lists, **{f"v{number}": column for number, column in enumerate(values.T)}})
        if form == "csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path, row_group_size=7)
    return path


def write_glmsingle(path: Path, betas: np.ndarray) -> None:
    """What GLMsingle writes: HDF5 of Python, or .mat v7.3 of MATLAB; betas are (X, Y, Z, trials)."""
    maps = np.zeros(betas.shape[:3], np.float32)
    if path.suffix == ".mat":
        write_matlab_73(path, modelmd=betas, R2=maps, HRFindex=maps)
        return
    with h5py.File(path, "w") as file:
        file["betasmd"], file["R2"], file["HRFindex"] = betas, maps, maps
        file["glmbadness"] = h5py.Empty("f")


def write_volume(path: Path, values: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), np.eye(4)), path)


def write_stimuli(path: Path, trials_shown: Shown, **columns: Sequence[Any]) -> None:
    frame = pl.DataFrame({"stimulus": trials_shown.names, "session": trials_shown.session, **columns})
    frame.write_csv(path)


def write_events(folder: Path, subject: str, trials_shown: Shown) -> None:
    """events.tsv of BIDS, one for each session, with a fixation after each trial."""
    for session in np.unique(trials_shown.session):
        place = folder / f"ses-{session + 1:02d}" / "func"
        place.mkdir(parents=True)
        rows = ["onset\tduration\ttrial_type\tstim_file"]
        for index, name in enumerate(np.array(trials_shown.names)[trials_shown.session == session]):
            rows += [f"{6 * index}\t3\tvideo\timages/{name}.png", f"{6 * index + 3}\t3\tfixation\tn/a"]
        name = f"{subject}_ses-{session + 1:02d}_task-watch_events.tsv"
        (place / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in NAMES:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{name}.png")
