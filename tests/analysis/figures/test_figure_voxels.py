"""Figures of voxel encodings and variance partitions draw the rows of their queries, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from voxel_rows import FOLDS, encodings, partitions

from alignhouse.analysis.figures.by_region import MOST_LINES
from alignhouse.analysis.figures.save import write_figure
from alignhouse.analysis.figures.theme import is_empty, why_empty
from alignhouse.analysis.figures.variance_partition import PARTS, partition_by_region
from alignhouse.analysis.figures.voxel_encoding import encoding_beside_rsa, encoding_by_region
from alignhouse.warehouse.errors import BadInput

Said = Callable[[Any], str]
Drawn = Callable[[Any, str], list[pl.DataFrame]]
ROWS = (("A", "V1", 0.3), ("B", "V1", 0.2), ("A", "V2", -0.1), ("B", "V2", 0.1), ("A", "M1", 0.1))
PROTOCOL = "sound-encoding"


def long(frame: pl.DataFrame) -> pl.DataFrame:
    """The answer of the figure's query: a row per part."""
    none = pl.lit(None, pl.Float64)
    frame = frame.with_columns(shared_lower=none, shared_upper=none)
    return pl.concat(
        frame.with_columns(
            part=pl.lit(part), share=part, part_median=0.07, lower=f"{part}_lower", upper=f"{part}_upper"
        )
        for part in PARTS
    )


def test_points_lines_and_bars_are_the_rows(drawn: Drawn, said: Said) -> None:
    frame = encodings(*ROWS, p_value=[0.02, 0.05, 0.9, 0.04, None], model_type="image-in1k")
    frame = frame.with_columns(group_median=pl.lit(0.07))
    plot: Any = encoding_by_region(frame, protocol=PROTOCOL)
    keys = ["model", "roi", "score"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    filled, hollow = drawn(plot, "geom_point")
    assert sorted(filled.select("model", "roi").rows()) == [("A", "V1"), ("B", "V2")]
    # p of exactly .05, and no p at all, are hollow.
    assert hollow.height == 3
    bars, lines = drawn(plot, "geom_segment")
    assert set(bars["group_median"]) == {0.07}
    bounds = ["model", "roi", "lower", "upper"]
    assert lines.select(bounds).sort(bounds).equals(frame.select(bounds).sort(bounds))
    assert plot.labels.y == "normalised r, mean over subjects"
    for text in (
        "Voxel encoding by model type · sound-encoding protocol · bmd, test",
        "2 networks, 3 subjects.",
        "not corrected for the number of tests",
        "Line: 95 % interval over other stimuli and subjects.",
        "divided by the voxel's noise ceiling",
    ):
        assert text in said(plot), text
    assert "chance" not in said(plot)


def test_chance_is_drawn_where_it_is_not_0(drawn: Drawn, said: Said) -> None:
    frame = encodings(*ROWS, **FOLDS, mean_by_chance=[-0.1, -0.1, -0.2, -0.2, None])
    plot: Any = encoding_by_region(frame, protocol=PROTOCOL)
    chance, _ = drawn(plot, "geom_segment")
    assert chance.select("roi", "mean_by_chance").rows() == [("V1", -0.1), ("V2", -0.2)]
    level = next(each for each in plot.layers if type(each.geom).__name__ == "geom_segment").mapping
    assert (level["y"], level["yend"]) == ("mean_by_chance", "mean_by_chance")
    assert "Dotted: mean score under permutations; over folds, chance is not 0." in said(plot)
    assert "Line: 95 % interval over other subjects." in said(plot)
    beside: Any = encoding_beside_rsa(frame, protocol=PROTOCOL)
    assert "Dotted" in said(beside)
    assert "RSA on all" not in said(beside)


def test_scores_of_two_units_are_not_drawn_on_one_axis(said: Said) -> None:
    frame = encodings(*ROWS, is_normalised=[True, True, True, True, False])
    for draw in (encoding_by_region, encoding_beside_rsa):
        plot: Any = draw(frame, protocol=PROTOCOL)
        assert set(plot.data["roi"].cast(pl.String)) == {"V1", "V2"}
        assert "Left out, because no voxel has a noise ceiling: M1." in said(plot)
    neither: Any = encoding_by_region(frame.with_columns(is_normalised=pl.lit(False)), protocol=PROTOCOL)
    assert neither.labels.y == "r, mean over subjects"
    assert "noise ceiling" not in said(neither)
    assert neither.data.height == len(ROWS)


def test_a_crowd_has_no_lines_and_the_caption_says_where_they_are(drawn: Drawn, said: Said) -> None:
    networks = [(f"net{number:02d}", "V1", 0.1) for number in range(MOST_LINES + 1)]
    crowd: Any = encoding_by_region(encodings(*networks, model_type="image-in1k"), protocol=PROTOCOL)
    assert "Too many networks for lines: the table encoding has the intervals." in said(crowd)
    [bars] = drawn(crowd, "geom_segment")
    assert bars.height == 1
    few: Any = encoding_by_region(encodings(*networks[1:], model_type="image-in1k"), protocol=PROTOCOL)
    assert len(drawn(few, "geom_segment")) == 2
    unknown = encodings(*networks[:2], lower=None, upper=None)
    assert "No intervals are known." in said(encoding_by_region(unknown, protocol=PROTOCOL))


def test_encoding_lies_against_rsa(said: Said) -> None:
    frame = encodings(*ROWS, rho=[0.1, 0.2, 0.3, 0.4, None])
    plot: Any = encoding_beside_rsa(frame, protocol=PROTOCOL, score="rho-a")
    keys = ["model", "roi", "score", "rho"]
    expected = frame.drop_nulls("rho").select(keys)
    found = plot.data.with_columns(pl.col("roi").cast(pl.String)).select(keys)
    assert found.sort(keys).equals(expected.sort(keys))
    assert (plot.labels.x, plot.labels.y) == (
        "RSA: rho-a of the layer that aligns best",
        "encoding: normalised r",
    )
    assert "no common scale" in said(plot)
    assert "Encoding is scored on the test stimuli, RSA on all." in said(plot)
    assert "1 rows without a value are not drawn." in said(plot)
    nothing = encoding_beside_rsa(frame.with_columns(rho=pl.lit(None, pl.Float64)), protocol=PROTOCOL)
    assert why_empty(nothing) == "no network has both an encoding and RSA"


def test_every_part_of_the_variance_is_drawn_with_its_interval(drawn: Drawn, said: Said) -> None:
    frame = long(partitions(("A", "V1", 0.3, -0.1), ("B", "V1", 0.2, 0.0), ("A", "M1", 0.1, 0.05)))
    plot: Any = partition_by_region(frame, protocol=PROTOCOL)
    keys = ["model", "roi", "part", "share"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    _, lines = drawn(plot, "geom_segment")
    assert set(lines["part"]) == {"unique_network", "unique_controls"}
    assert lines.filter(model="A", roi="V1", part="unique_network").select("lower", "upper").row(0) == (
        pytest.approx((0.29, 0.31))
    )
    assert list(dict.fromkeys(plot.data.sort("group")["group"].cast(pl.String))) == list(PARTS.values())
    assert plot.labels.y == "share of explainable variance"
    for text in (
        "2 networks, 3 subjects.",
        "the controls are hog and gist",
        "95 % interval over other stimuli and subjects; the shared part has none.",
        "Voxels of a region of a subject share the weights",
        "Below 0",
    ):
        assert text in said(plot), text
    other = frame.with_columns(is_normalised=pl.lit(False), weights_per=pl.lit("voxel"))
    plain: Any = partition_by_region(other, protocol=PROTOCOL)
    assert plain.labels.y == "share of variance"
    assert "Each voxel has its own weights" in said(plain)
    mixed = frame.with_columns(is_normalised=pl.col("roi") == "V1")
    assert "no voxel has a noise ceiling: M1." in said(partition_by_region(mixed, protocol=PROTOCOL))


def test_without_rows_figures_say_what_they_need() -> None:
    empty = pl.DataFrame()
    assert "[encoding] voxels = true" in why_empty(encoding_by_region(empty, protocol=PROTOCOL))
    assert "[encoding] voxels = true" in why_empty(encoding_beside_rsa(empty, protocol=PROTOCOL))
    plot = partition_by_region(empty, protocol=PROTOCOL)
    assert is_empty(plot)
    assert "and [controls]" in why_empty(plot)
    # All controls were left out.
    nothing = long(partitions(("A", "V1", None, None), is_normalised=None, shared=None))
    assert is_empty(partition_by_region(nothing, protocol=PROTOCOL))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match="frame encoding: expected a column chosen_on"):
        encoding_by_region(encodings(*ROWS).drop("chosen_on"), protocol=PROTOCOL)
    with pytest.raises(BadInput, match="frame variance_partition: expected a column weights_per"):
        partition_by_region(long(partitions(("A", "V1", 0.3, 0.1))).drop("weights_per"), protocol=PROTOCOL)


@pytest.mark.parametrize("width", [3.5, pytest.param(7.2, marks=pytest.mark.slow)])
def test_figures_of_voxels_are_written_in_one_and_two_columns(tmp_path: Any, width: float) -> None:
    frame = encodings(*ROWS, **FOLDS)
    parts = long(partitions(("A", "V1", 0.3, 0.1)))
    for name, plot in (
        ("encoding", encoding_by_region(frame, protocol=PROTOCOL, width=width)),
        ("rsa", encoding_beside_rsa(frame, protocol=PROTOCOL, width=width)),
        (
            "parts",
            partition_by_region(parts, protocol=PROTOCOL, width=width),
        ),
    ):
        write_figure(plot, tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert plot.theme.getp("figure_size")[0] == width
