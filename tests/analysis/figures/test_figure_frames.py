from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from alignhouse.analysis.figures.frames import (
    joined_remarks,
    ordered_regions,
    remark_of,
    rows_to_draw,
    with_group,
)
from alignhouse.warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]


def test_only_the_rows_of_the_protocol_are_drawn(best_layers: Build) -> None:
    rows = rows_to_draw(best_layers(protocols=["sound", "paper"]), "best_layer", "paper", values=["rho"])
    assert rows.frame["protocol"].unique().to_list() == ["paper"]
    assert rows.source == "bmd, test"


def test_a_row_without_a_value_is_counted_as_left_out(best_layers: Build) -> None:
    frame = best_layers()
    holed = frame.with_columns(rho=pl.when(pl.col("model") != "ViT").then("rho"))
    rows = rows_to_draw(holed, "best_layer", "sound", values=["rho"])
    assert (rows.frame.height, rows.left_out) == (9, 3)


def test_nan_names_network_and_region(best_layers: Build) -> None:
    here = (pl.col("model") == "ViT") & (pl.col("roi") == "V2")
    frame = best_layers().with_columns(rho=pl.when(here).then(float("nan")).otherwise("rho"))
    with pytest.raises(BadInput, match=r"ViT, V2: .*NaN in 1 of 12 rows"):
        rows_to_draw(frame, "best_layer", "sound", values=["rho"])


def test_two_splits_in_one_figure_are_refused(best_layers: Build) -> None:
    frame = best_layers()
    both = pl.concat([frame, frame.with_columns(split=pl.lit("train"))])
    with pytest.raises(BadInput, match="found bmd, test; bmd, train"):
        rows_to_draw(both, "best_layer", "sound", values=["rho"])


def test_a_missing_column_lists_near_names(best_layers: Build) -> None:
    with pytest.raises(BadInput, match="did you mean roi_group"):
        rows_to_draw(
            best_layers().rename({"roi_group": "roi_groups"}).drop("roi_order"), "x", "sound", values=[]
        )


def test_a_column_to_group_by_that_is_missing_is_named(best_layers: Build) -> None:
    with pytest.raises(BadInput, match=r"a column model_typ.*did you mean model_type"):
        with_group(best_layers(), "best_layer", "model_typ")


def test_regions_without_groups_are_not_called_other(best_layers: Build) -> None:
    alone = best_layers().with_columns(roi_group=pl.lit("other"))
    assert ordered_regions(alone)["roi_group"].cast(pl.String).to_list() == ["regions"] * 3
    beside = alone.with_columns(roi_group=pl.when(roi="V1").then(pl.lit("early")).otherwise("roi_group"))
    assert ordered_regions(beside)["roi_group"].cast(pl.String).to_list() == ["early", "other", "other"]


def test_groups_are_sorted_by_their_lowest_order_and_stay_together() -> None:
    frame = pl.DataFrame(
        {
            "roi": ["MT", "crus", "V2", "V1", "V1", "loose"],
            "roi_group": ["lateral", "cerebellum", "early", "early", "early", "unordered"],
            "roi_order": [15, 3, 20, 1, 1, None],
        }
    )
    regions = ordered_regions(frame)
    assert regions["roi"].to_list() == ["V1", "V2", "crus", "MT", "loose"]
    assert regions["roi_group"].to_list() == ["early", "early", "cerebellum", "lateral", "unordered"]
    assert regions["slot"].to_list() == [0, 1, 0, 0, 0]
    assert regions["x"].to_list() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("remarks", "joined"),
    [
        ([], ""),
        ([None, "", "  "], ""),
        (["random weights", "random weights"], "random weights"),
        (["random weights", "synthetic brains, random weights"], "synthetic brains, random weights"),
        (["synthetic brains", "random weights"], "synthetic brains; random weights"),
    ],
)
def test_remarks_are_joined_without_repetition(remarks: list[str | None], joined: str) -> None:
    assert joined_remarks(remarks) == joined


@pytest.mark.parametrize(
    ("remarks", "remark"),
    [
        (["", "random weights"], "random weights of 1 of 2 networks"),
        (["made up", "made up, random weights"], "made up, random weights of 1 of 2 networks"),
        (["made up, random weights"] * 2, "made up, random weights"),
        (["made up"] * 2, "made up"),
    ],
)
def test_untrained_networks_beside_trained_ones_are_counted(remarks: list[str], remark: str) -> None:
    rows = pl.DataFrame({"model": ["a", "b", "a", "b"], "remark": remarks * 2})
    assert remark_of(rows) == remark
    # A map has rows of regions, too, which are no networks.
    regions = pl.DataFrame({"model": [None], "remark": [remarks[0]]}, schema_overrides={"model": pl.String})
    assert remark_of(pl.concat([rows, regions])) == remark


def test_untrained_networks_of_groups_are_counted() -> None:
    rows = pl.DataFrame(
        {
            "protocol": "sound",
            "group_name": ["CNNs", "CNNs", "other"],
            "n_models": [3, 3, 2],
            "n_random": [1, 1, 2],
            "remark": ["", "", "random weights"],
        }
    )
    assert remark_of(rows) == "random weights of 3 of 5 networks"
