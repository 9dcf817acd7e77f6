"""Which image each trial of NSD showed, from `nsd_expdesign.mat`.

The NSD Data Manual, page "Experiments", describes its variables: `masterordering` (1 x 30,000) has, for each
trial, a number from 1 to 10,000; `subjectim` (8 x 10,000) has the 73k ID of each of these numbers for each
subject; `sharedix` (1 x 1,000) has the 73k IDs of the images that all subjects were to see. All count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignhouse.ingest.arrays.contents import FileContent, open_content, read_whole
from alignhouse.ingest.betas.trials import Trials
from alignhouse.warehouse.errors import BadInput, some_names

TRIALS_OF_SESSION = 750
SPLITS = ("train", "test")
N_IMAGES = 73_000
_ORDER, _IMAGES, _SHARED = "masterordering", "subjectim", "sharedix"
_MOST_BYTES = 2**26


@dataclass(frozen=True)
class Design:
    """The design of the experiment. images : 73k ID of every trial, (8, n_trials). shared : 73k IDs."""

    path: Path
    images: np.ndarray
    shared: frozenset[int]

    @property
    def n_sessions(self) -> int:
        return self.images.shape[1] // TRIALS_OF_SESSION

    @property
    def splits(self) -> dict[str, str]:
        """Stimulus -> its split, for every image of the experiment."""
        return {image_name(each): self._split(each) for each in np.unique(self.images).tolist()}

    def trials(self, subject: int, sessions: Sequence[int]) -> Trials:
        """The trials of some sessions, one session after the other.

        Parameters
        ----------
        subject, sessions : numbers, from 1.
        """
        of_sessions = self.images[subject - 1].reshape(self.n_sessions, TRIALS_OF_SESSION)
        shown = of_sessions[np.array(sessions) - 1].reshape(-1).tolist()
        return Trials(
            tuple(map(image_name, shown)),
            tuple(map(self._split, shown)),
            tuple(str(each) for each in sessions for _ in range(TRIALS_OF_SESSION)),
            f"subject {subject} in {self.path}",
        )

    def _split(self, image: int) -> str:
        return "test" if image in self.shared else "train"


def image_name(image: int) -> str:
    """The stimulus of a 73k ID, which counts from 1: nsd-00001."""
    return f"nsd-{image:05d}"


def read_design(path: Path) -> Design:
    """Read `nsd_expdesign.mat`.

    Raises
    ------
    BadInput : the file is missing or damaged, or its variables are not as documented.
    """
    with open_content(path, (), _MOST_BYTES) as content:
        order, images, shared = (_numbers(content, name) for name in (_ORDER, _IMAGES, _SHARED))
    order, shared = order.reshape(-1), shared.reshape(-1)
    if images.ndim != 2 or len(order) == 0 or len(order) % TRIALS_OF_SESSION:
        raise BadInput(
            f"{path} is no design of NSD",
            expected=f"{_IMAGES} (subjects, images), {_ORDER} of {TRIALS_OF_SESSION} trials a session",
            found=f"{_IMAGES} {images.shape}, {_ORDER} of {len(order)} trials",
        )
    for name, numbers, most in (
        (_ORDER, order, images.shape[1]),
        (_IMAGES, images, N_IMAGES),
        (_SHARED, shared, N_IMAGES),
    ):
        if numbers.min(initial=1) < 1 or numbers.max(initial=1) > most:
            found = f"{numbers.min()} to {numbers.max()}"
            raise BadInput(f"{name} in {path}", expected=f"numbers from 1 to {most}", found=found)
    return Design(path, images[:, order - 1], frozenset(shared.tolist()))


def _numbers(content: FileContent, name: str) -> np.ndarray:
    if name not in content.arrays:
        raise BadInput(
            f"{content.path} is no design of NSD",
            expected=f"variables {_ORDER}, {_IMAGES} and {_SHARED}",
            found=some_names([*content.arrays, *content.others], 8) or "none",
        )
    values = read_whole(content.arrays[name], f"{name} in {content.path}", _MOST_BYTES)
    if not (np.isfinite(values).all() and (values == np.round(values)).all()):
        raise BadInput(f"{name} in {content.path}", expected="whole numbers", found="others")
    return values.astype(np.int64)
