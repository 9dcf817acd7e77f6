"""Small files in the layout of NSD's prepared betas, as the NSD Data Manual describes it.

The experiment has 2 sessions of 750 trials, in which 500 images are shown three times, 100 of them to all
subjects. Volumes have 6 x 5 x 4 voxels. HDF5 has the axes that h5py sees in the makers' files, which MATLAB
wrote: 750 x Z x Y x X.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import nibabel
import numpy as np
from scipy.io import savemat

SPACE = (6, 5, 4)
N_SUBJECTS, N_IMAGES, N_SHARED, N_TRIALS = 8, 500, 100, 750
PRF = {"V1v": 1, "V1d": 2, "V2v": 3, "V2d": 4, "hV4": 7}
VERSION = "betas_fithrf_GLMdenoise_RR"


def write_design(root: Path, n_sessions: int = 2) -> np.ndarray:
    """Write nsd_expdesign.mat; the 73k ID of each trial, (8, n_trials), counted from 1."""
    rng = np.random.default_rng(7)
    order = rng.permutation(np.repeat(np.arange(N_IMAGES), n_sessions * N_TRIALS // N_IMAGES))
    ids = rng.permutation(73_000) + 1
    shared, own = np.sort(ids[:N_SHARED]), ids[N_SHARED:]
    n_own = N_IMAGES - N_SHARED
    images = np.array(
        [[*shared, *own[each * n_own : (each + 1) * n_own]] for each in range(N_SUBJECTS)], np.int32
    )
    folder = root / "nsddata" / "experiments" / "nsd"
    folder.mkdir(parents=True, exist_ok=True)
    variables = {"masterordering": order[None] + 1, "subjectim": images, "sharedix": shared[None]}
    savemat(folder / "nsd_expdesign.mat", {**variables, "basiccnt": np.zeros((3, 40))}, do_compression=True)
    shown: np.ndarray = images[:, order]
    return shown


def write_volume(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def write_regions(root: Path, subject: str, seed: int) -> np.ndarray:
    """Write prf-visualrois, with its hemispheres and label file; the labels of the voxels, (X, Y, Z).

    The left hemisphere is the half of the volume with large X. Voxels outside of cortex are -1.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1, 0, *PRF.values()], SPACE, p=[0.1, 0.15, *[0.15] * 5]).astype(np.int16)
    is_left = np.arange(SPACE[0])[:, None, None] >= SPACE[0] // 2
    folder = root / "nsddata" / "ppdata" / subject / "func1pt8mm" / "roi"
    write_volume(folder / "prf-visualrois.nii.gz", labels)
    write_volume(folder / "lh.prf-visualrois.nii.gz", np.where(is_left, labels, -1).astype(np.int16))
    write_volume(folder / "rh.prf-visualrois.nii.gz", np.where(is_left, -1, labels).astype(np.int16))
    label_file = root / "nsddata" / "freesurfer" / subject / "label" / "prf-visualrois.mgz.ctab"
    label_file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{number} {name}" for name, number in {"Unknown": 0, **PRF}.items()]
    label_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return labels


def session_folder(root: Path, subject: str, version: str = VERSION) -> Path:
    return root / "nsddata_betas" / "ppdata" / subject / "func1pt8mm" / version


def write_session(
    root: Path, subject: str, number: int, shown: np.ndarray, *, suffix: str = "hdf5", version: str = VERSION
) -> np.ndarray:
    """Write the betas of a session; they are (X, Y, Z, 750) int16.

    Parameters
    ----------
    shown : 73k IDs of the session's trials. Each image has a pattern, to which noise is added.
    """
    size = int(np.prod(SPACE))
    patterns = np.stack([np.random.default_rng(each).normal(size=size) for each in shown.tolist()], axis=-1)
    noise = np.random.default_rng([number, int(subject[-1])]).normal(size=(size, N_TRIALS))
    betas = (300 * (patterns + noise + number)).astype(np.int16).reshape(*SPACE, N_TRIALS)
    path = session_folder(root, subject, version) / f"betas_session{number:02d}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == "hdf5":
        with h5py.File(path, "w") as file:
            file.create_dataset("betas", data=betas.T, chunks=(N_TRIALS, 1, 1, 1))
    else:
        write_volume(path, betas)
    return betas


def write_person(root: Path, subject: str, shown: np.ndarray, sessions: Sequence[int]) -> np.ndarray:
    """Write regions and sessions of a person; its betas, (X, Y, Z, n_trials) int16, session after session."""
    write_regions(root, subject, int(subject[-1]))
    of_sessions = shown[int(subject[-1]) - 1].reshape(-1, N_TRIALS)
    return np.concatenate(
        [write_session(root, subject, each, of_sessions[each - 1]) for each in sessions], axis=-1
    )
