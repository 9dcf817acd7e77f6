"""Small files in the layout of THINGS-fMRI: as pandas 2 writes the makers' frame, with 60 voxels.

Images are shown once (train) or in every session (test), in 3 sessions.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

N_VOXELS, N_SESSIONS = 60, 3
COLUMNS = ("V1", "V2", "LO1 (prf)", "V3a", "lEBA", "rEBA", "lFFA", "rFFA")
NAMES = {
    "figshare": "{}_{}.{}",
    "OpenNeuro": "{0}/voxel-metadata/{0}_task-things_{1}.{2}",
}
KINDS = {
    "figshare": (("ResponseData", "h5"), ("StimulusMetadata", "csv"), ("VoxelMetadata", "csv")),
    "OpenNeuro": (("voxel-wise-responses", "h5"), ("stimulus-metadata", "tsv"), ("voxel-metadata", "tsv")),
}


def files_of(folder: Path, subject: str, form: str = "figshare") -> tuple[Path, Path, Path]:
    """The files of a person: responses, stimuli, voxels."""
    responses, stimuli, voxels = (
        folder / NAMES[form].format(subject, name, suffix) for name, suffix in KINDS[form]
    )
    return responses, stimuli, voxels


def write_person(
    folder: Path, subject: str, train: Sequence[str], test: Sequence[str], seed: int, form: str = "figshare"
) -> tuple[np.ndarray, list[str], np.ndarray, dict[str, np.ndarray]]:
    """Write the three files of a person.

    Returns
    -------
    Responses (n_voxels, n_trials); the image of each trial; its session; region -> which voxels it has.
    """
    rng = np.random.default_rng(seed)
    trials = []
    for session, some in enumerate(np.array_split(np.array(train), N_SESSIONS), start=1):
        of_session = [("train", str(name)) for name in some] + [("test", name) for name in test]
        order = rng.permutation(len(of_session))
        trials += [(*of_session[each], session) for each in order]
    patterns = {name: rng.normal(size=N_VOXELS) for name in (*train, *test)}
    values = np.array([patterns[name] + session + rng.normal(size=N_VOXELS) for _, name, session in trials]).T
    responses, stimuli, voxels = files_of(folder, subject, form)
    responses.parent.mkdir(parents=True, exist_ok=True)
    with stimuli.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["trial_type", "session", "run", "subject_id", "trial_id", "stimulus", "concept"])
        for number, (kind, name, session) in enumerate(trials):
            concept = name.rpartition("_")[0]
            table.writerow([kind, session, 1, int(subject[-2:]), number, f"{name}.jpg", concept])
    regions = {name: rng.random(N_VOXELS) < 0.3 for name in COLUMNS}
    with voxels.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["voxel_id", "subject_id", "voxel_x", "nc_testset", *COLUMNS])
        for number in range(N_VOXELS):
            member = [int(regions[name][number]) for name in COLUMNS]
            table.writerow([number, int(subject[-2:]), number // 7, rng.uniform(0, 90), *member])
    with h5py.File(responses, "w") as opened:
        frame = opened.create_group("ResponseData")
        frame.attrs["pandas_type"] = np.bytes_("frame")
        frame["axis1"] = np.arange(N_VOXELS)
        # PyTables pickles names of columns that are text and numbers.
        pickled = h5py.vlen_dtype(np.uint8)
        for name in ("axis0", "block0_items"):
            frame.create_dataset(name, (1,), pickled)[0] = np.frombuffer(b"\x80\x04N.", np.uint8)
        frame["block0_values"] = values
        frame["block1_items"] = np.array([b"voxel_id"])
        frame["block1_values"] = np.arange(N_VOXELS)[:, None]
    return values, [name for _, name, _ in trials], np.array([each[2] for each in trials]), regions
