"""The methods text on voxel encoding and variance partitioning says what was computed, and only that."""

from __future__ import annotations

import re
from typing import Any, get_args

import polars as pl
from voxel_rows import FOLDS, encodings, partitions

from alignhouse.analysis.jobs.variance_partition import PartitionSettings
from alignhouse.analysis.report.content import VoxelResults
from alignhouse.analysis.report.methods import setting_sentences
from alignhouse.analysis.report.voxel_methods import encoding_methods, partition_methods
from alignhouse.study.encoding_section import EncodingSection
from alignhouse.warehouse.schema import empty_tables

# As the warehouse keeps them.
SETTINGS = {
    "encoding": EncodingSection(voxels=True).model_dump(mode="json", exclude={"weights_per"}),
    "analysis": {"p_value": "plus_one"},
}


def voxels(rows: pl.DataFrame, parts: pl.DataFrame, /, **settings: Any) -> VoxelResults:
    return VoxelResults(
        "sound-encoding", "bmd, test", rows, parts, SETTINGS | settings, networks=pl.DataFrame()
    )


def text_of_encoding(rows: pl.DataFrame, /, **settings: Any) -> str:
    return " ".join(encoding_methods(voxels(rows, pl.DataFrame(), **settings)))


def test_every_choice_of_an_encoding_has_its_sentence() -> None:
    told = setting_sentences()
    for name in ("alpha_by", "alpha_per"):
        assert set(told["encoding"][name]) == set(get_args(EncodingSection.model_fields[name].annotation))
    weights = EncodingSection.model_fields["weights_per"].annotation
    assert set(told["partition"]["weights_per"]) == set(get_args(weights))
    assert set(get_args(PartitionSettings.model_fields["weights_per"].annotation)) == set(get_args(weights))
    # The values that the schema allows.
    with empty_tables() as connection:
        rows = connection.execute(
            "select table_name, constraint_text from duckdb_constraints() where constraint_type = 'CHECK'"
        ).fetchall()
    checks = " ".join(text for table, text in rows if table in ("encoding_best", "variance_partition"))
    allowed = {
        name: set(re.findall(r"'(\w+)'", next(re.finditer(rf"{name}\"? IN \((.*?)\)", checks))[1]))
        for name in ("chosen_on", "method", "weights_per")
    }
    assert set(told["encoding"]["chosen_on"]) == set(told["encoding"]["test"]) == allowed["chosen_on"]
    assert set(told["encoding"]["interval"]) == allowed["method"]
    assert set(told["partition"]["weights_per"]) == allowed["weights_per"]


def test_an_encoding_of_a_split_in_words() -> None:
    text = text_of_encoding(encodings(("A", "V1", 0.3)))
    for expected in (
        "the features that the sound protocol describes",
        "fitted on the training stimuli and scored on the test stimuli",
        "generalised cross-validation on the fitted stimuli (Golub, Heath & Wahba 1979) for each voxel, "
        "among 10 values from 0.0001 to 100000 times the mean eigenvalue",
        "divided by the voxel's noise ceiling",
        "(Allen et al. 2022)",
        "99 permutations of the responses to the test stimuli against the predictions (seed 7), one-sided; p "
        "is not corrected",
        "p is (1 + c) / (1 + permutations)",
        "Intervals are at 95 %, from 200 bootstrap samples of both subjects and test stimuli",
    ):
        assert expected in text, expected
    assert "folds" not in text


def test_an_encoding_over_folds_in_words() -> None:
    rows = encodings(("A", "V1", 0.3), **FOLDS, is_normalised=False)
    other = {"alphas": [1.0], "alpha_by": "folds", "alpha_per": "region"}
    text = text_of_encoding(rows, encoding=other)
    for expected in (
        "Each of up to 5 folds of stimuli was predicted",
        "cross-validation over folds of the fitted stimuli for all voxels of a region of a subject together, "
        "which is 1 times the mean eigenvalue",
        "No noise ceiling is known",
        "99 permutations of the responses before the fit (seed 7), one-sided; every permutation was fitted",
        "Intervals at 95 % are Student's, over subjects. They are not about other stimuli.",
    ):
        assert expected in text, expected
    assert "Allen" not in text
    assert "bootstrap" not in text


def test_what_was_not_computed_of_an_encoding_is_not_described() -> None:
    rows = encodings(("A", "V1", 0.3), p_value=None, method=None, resampled=None)
    text = text_of_encoding(rows, encoding={})
    for word in ("permutation", "Interval", "Penalties", "p is"):
        assert word not in text, word
    assert encoding_methods(voxels(pl.DataFrame(), pl.DataFrame())) == []
    mixed = encodings(("A", "V1", 0.3), ("A", "V2", 0.3), is_normalised=[True, False])
    assert "where noise ceilings are known" in text_of_encoding(mixed)
    assert "Rule of p: other." in text_of_encoding(mixed, analysis={"p_value": "other"})


def test_a_variance_partition_in_words() -> None:
    rows = encodings(("A", "V1", 0.3))
    text = " ".join(partition_methods(voxels(rows, partitions(("A", "V1", 0.2, 0.1)))))
    for expected in (
        "banded ridge regression",
        "random search over 60 weight vectors (Dirichlet, concentrations 1 and 0.1; seed 7)",
        "All voxels of a region of a subject share weights and penalty.",
        "(de Heer et al. 2017; Lescroart et al. 2015)",
        "divided by the squared noise ceiling of the voxel; tables",
        "200 bootstrap samples of both subjects and test stimuli",
    ):
        assert expected in text, expected
    other = partitions(("A", "V1", 0.2, 0.1), weights_per="voxel", is_normalised=False, method="student")
    text = " ".join(partition_methods(voxels(rows, other)))
    for expected in ("Each voxel has its own weights", "so R squared is not divided by it", "Student's"):
        assert expected in text, expected
    nothing = partitions(("A", "V1", None, None), r2_both=None)
    for parts in (pl.DataFrame(), nothing):
        assert partition_methods(voxels(rows, parts)) == []
