"""Keys of `[brain]` that only some kinds have: those not at their default are in the keys of jobs."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from study_files import study_of

from alignhouse.ingest.betas.beta_jobs import betas_batch
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.datasets.arrays.options import KEYS, Options
from alignhouse.ingest.datasets.arrays.reading import open_array_betas
from alignhouse.ingest.datasets.dataset import data_set, known_kinds
from alignhouse.study.brain_section import SOME_KINDS_HAVE, BrainSection
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job

OTHER = {
    "rdm_form": "condensed",
    "axis": "columns",
    "repetitions": "mean",
    "zscore": "session",
    "stimulus_column": "trial_type",
}
BRAIN = '[stimuli]\npath = "images"\n[brain]\n'


def key(tmp_path: Path, **options: str) -> str:
    path = tmp_path / "V1.npy"
    path.touch()
    file = replace(BetaFile("sub-01", "V1", path), options=options)
    batch = betas_batch(file, {path: "0" * 64}, "mine", None, "test", open_raw=open_array_betas, memory=10**6)
    return batch.jobs[0].key


def test_keys_of_jobs_without_options_are_what_they_were(tmp_path: Path) -> None:
    settings = {
        "dataset": "mine",
        "subject": "sub-01",
        "part": "V1",
        "split": "test",
        "version": None,
        "skip_bad": False,
    }
    assert key(tmp_path) == Job("betas", 2, settings, {"V1.npy": "0" * 64}, "").key


def test_each_option_changes_the_key(tmp_path: Path) -> None:
    keys = [key(tmp_path), *(key(tmp_path, **{name: OTHER[name]}) for name in KEYS)]
    assert len(set(keys)) == len(KEYS) + 1


def test_every_option_belongs_to_a_kind() -> None:
    assert set(OTHER) == set(SOME_KINDS_HAVE)
    assert {name for kind in known_kinds() for name in data_set(kind).options} == set(SOME_KINDS_HAVE)
    defaults = {each.name: each.default for each in fields(Options)}
    assert {name: BrainSection.model_fields[name].default for name in KEYS} == defaults


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("kind", known_kinds())
def test_a_key_is_refused_where_the_kind_does_not_have_it(tmp_path: Path, kind: str, name: str) -> None:
    text = f'kind = "{kind}"\npath = "betas"\n{name} = "{OTHER[name]}"\n'
    if data_set(kind).versions:
        text += f'version = "{data_set(kind).versions[0]}"\n'
    if name in data_set(kind).options:
        brain = study_of(tmp_path, text, BRAIN).brain
        assert brain.options() == {name: OTHER[name]}
        return
    with pytest.raises(BadInput, match=rf"brain\.{name}: expected no such key but for kind = "):
        study_of(tmp_path, text, BRAIN)


def test_keys_at_their_default_are_no_options(tmp_path: Path) -> None:
    text = 'kind = "bmd"\nrepetitions = "all"\nzscore = "none"\n'
    assert study_of(tmp_path, text, BRAIN).brain.options() == {}
