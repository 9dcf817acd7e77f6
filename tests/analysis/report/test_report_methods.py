"""The methods text covers every setting of a protocol."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest

from alignhouse.analysis.report.methods import protocol_methods, setting_sentences, study_methods
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.study.protocol import shipped_protocols

SETTINGS = {"extraction": ExtractionSettings, "analysis": AnalysisSettings}


@pytest.mark.parametrize("section", SETTINGS)
def test_every_value_of_every_setting_has_its_sentence(section: str) -> None:
    choices = {
        name: set(get_args(field.annotation))
        for name, field in SETTINGS[section].model_fields.items()
        if get_origin(field.annotation) is Literal
    }
    assert len(choices) > 4
    assert {name: set(values) for name, values in setting_sentences()[section].items()} == choices


def test_numbers_of_a_protocol_stand_in_its_text() -> None:
    paper = shipped_protocols()["paper"]
    chance = {
        "permutations": 1000,
        "seed": 7,
        "draws": 500,
        "level": 0.9,
        "chosen_on": "halves",
        "choices": 200,
    }
    text = " ".join(protocol_methods(paper, chance, extracted=True))
    for expected in (
        "blue, green, red",
        "to 100 principal components",
        "rows of the networks' RDMs alone",
        "1,000 permutations (seed 7)",
        "at 90 %, from 500 bootstrap samples",
        "(200 choices)",
    ):
        assert expected in text, expected
    given = " ".join(protocol_methods(paper, {}, extracted=False))
    assert "principal components" not in given
    assert "permutations (seed" not in given


def test_a_value_without_a_known_sentence_is_printed_unchanged() -> None:
    assert protocol_methods({"analysis": {"null": "signs"}}, {}, extracted=True) == ["Null: signs."]


def test_the_study_in_words() -> None:
    settings: dict[str, Any] = {
        "brain": {
            "kind": "bmd",
            "version": "B",
            "subjects": ["sub-01", "sub-02"],
            "min_ncsnr": 0.2,
            "skip_bad": True,
            "average_subjects": True,
        },
        "networks": {"weights": "random", "seed": 3},
        "data_set": {
            "methods": data_set("bmd").methods("B"),
            "split": data_set("bmd").split_in_words("test"),
        },
    }
    text = " ".join(study_methods(settings, "102 videos"))
    for expected in (
        "shown 102 videos of the test split.",
        "version B",
        "Subjects are sub-01 and sub-02 only.",
        "noise-ceiling SNR of at least 0.2",
        "NaN or infinite",
        "scored against the average",
        "random weights, seed 3",
    ):
        assert expected in text, expected
    own = {"methods": data_set("rdms").methods(None), "split": data_set("rdms").split_in_words("test")}
    settings = {"brain": {"kind": "rdms"}, "networks": {"rdms": "m"}, "data_set": own}
    rdms = " ".join(study_methods(settings, "1 image"))
    assert "shown 1 image." in rdms
    assert "Brain RDMs were given as files. RDMs of the networks' layers were given as files." in rdms


def test_what_was_done_with_the_brain_data_and_files_is_said() -> None:
    brain = {"kind": "arrays", "stimuli": "own", "zscore": "session", "repetitions": "first"}
    networks = {"features": "things", "conditions": "stimulus_order"}
    text = " ".join(study_methods({"brain": brain, "networks": networks}, "23 images"))
    for expected in (
        "Subjects saw different stimuli: each was scored on those of them that it saw",
        "z-scored within each session",
        "Only the first repetitions of each stimulus were used",
        "RDM is 1 − Pearson's correlation of its features",
        "were matched with them by position",
        "over all pairs of stimuli that it saw, averaged over subjects",
    ):
        assert expected in text, expected
    shared = " ".join(study_methods({"brain": {"stimuli": "shared"}}, "17 images"))
    assert "Only stimuli that all subjects saw were used." in shared
    assert "Pearson" not in shared


def test_a_run_that_recorded_no_sentence_of_its_data_set_names_its_kind() -> None:
    text = " ".join(study_methods({"brain": {"kind": "bmd", "version": "B"}}, "102 videos"))
    assert "shown 102 videos. Brain data are of kind bmd, version B." in text


def test_a_rebuilt_warehouse_knows_no_study() -> None:
    [only] = study_methods({}, "")
    assert only.startswith("The score of a layer")
