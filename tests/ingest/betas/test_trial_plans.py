"""Which trials of a person are read for a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alignhouse.ingest.betas.plans import rows_to_read
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.warehouse.errors import BadInput

TRIALS = Trials(("b", "a", "b", "c"), ("test", "test", "test", "train"), None, "stimuli.csv")
FILE = BetaFile("sub-01", "V1", Path("V1.npy"), stimuli=("a", "b", "elsewhere"))


def test_a_stimulus_without_betas_is_an_error_unless_subjects_may_have_seen_others() -> None:
    with pytest.raises(BadInput, match=r"sub-01, V1, stimulus elsewhere.*brain.stimuli = .shared."):
        rows_to_read(TRIALS, FILE)
    some = replace(FILE, has_all_stimuli=False)
    assert rows_to_read(TRIALS, some) == {"test": {"b": [0, 2], "a": [1]}}
    with pytest.raises(BadInput, match="betas of 3, 0 of them of the study"):
        rows_to_read(TRIALS, replace(some, stimuli=("elsewhere",)))


def test_all_stimuli_are_read_where_the_study_names_none() -> None:
    assert rows_to_read(TRIALS, replace(FILE, stimuli=())) == {
        "test": {"b": [0, 2], "a": [1]},
        "train": {"c": [3]},
    }
