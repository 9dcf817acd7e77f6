"""`[brain]`: the data set defines its splits, versions and regions, and their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import study_of

from alignhouse.ingest.datasets.dataset import data_set, known_kinds
from alignhouse.study.brain_section import BrainSection
from alignhouse.warehouse.errors import BadInput

BRAIN = '[stimuli]\npath = "videos"\n[brain]\n'


def test_the_data_set_gives_the_defaults_of_its_keys(tmp_path: Path) -> None:
    brain = study_of(tmp_path, 'kind = "rdms"\n', BRAIN).brain
    assert (brain.version, brain.split, brain.regions) == (None, "test", "all")
    own = study_of(tmp_path, 'version = "A"\nsplit = "train"\nregions = ["V1"]\n', BRAIN).brain
    assert (own.version, own.split, own.regions) == ("A", "train", ["V1"])
    assert study_of(tmp_path, 'split = "all"\n', BRAIN).brain.split == "all"
    assert study_of(tmp_path, 'kind = "rdms"\nversion = "A"\n', BRAIN).brain.version is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "bms"\n', r"brain.kind: expected .*bmd or rdms.*found 'bms' \(did you mean bmd"),
        ('version = "C"\n', "brain.version: expected A or B, found 'C'"),
        ('split = "rest"\n', "brain.split: expected .*test.* or all, found 'rest'"),
        ('kind = "bms"\nversion = "C"\nsplit = "rest"\n', "brain.kind"),
        ('conditions = "any"\n', "brain.conditions: expected .*'file' or 'stimulus_order'"),
    ],
)
def test_what_the_data_set_does_not_have_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, text, BRAIN)


def test_keys_of_the_brain_say_what_each_data_set_has() -> None:
    fields = BrainSection.model_fields
    sets = [data_set(kind) for kind in known_kinds()]
    assert fields["kind"].description == "; ".join([f"{each.kind}: {each.title}" for each in sets])
    assert fields["version"].description == (
        f"version of the betas; bmd: A or B; mosaic: {' or '.join(data_set('mosaic').versions)}; "
        f"nsd: {' or '.join(data_set('nsd').versions)}"
    )
    selections = "; ".join([f"{each.kind}: {each.selections}" for each in sets])
    own = data_set("bmd")
    defaults = [fields[name].default for name in ("kind", "version", "split", "regions")]
    assert defaults == ["bmd", own.default_version, own.default_split, own.default_regions]
    assert fields["regions"].description == f"{selections}; or a list of names"


def test_the_noise_ceiling_snr_has_a_limit(tmp_path: Path) -> None:
    brain = '[stimuli]\npath = "videos"\n[brain]\nmin_ncsnr = '
    assert study_of(tmp_path, "0", brain).brain.min_ncsnr == 0
    with pytest.raises(BadInput, match="brain.min_ncsnr"):
        study_of(tmp_path, "-0.1", brain)


def test_a_brain_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="study.toml: brain: expected .*found 3"):
        study_of(tmp_path, "", 'brain = 3\n[stimuli]\npath = "videos"\n')
