"""Figures that show every network: depth, complexity, rankings, training data, profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.figures.complexity import alignment_against_complexity
from alignhouse.analysis.figures.depth_networks import depth_of_networks
from alignhouse.analysis.figures.labels import whole_name
from alignhouse.analysis.figures.profile import region_profile, signatures
from alignhouse.analysis.figures.ranking import ranking
from alignhouse.analysis.figures.save import write_figure
from alignhouse.analysis.figures.training_dataset import by_training_dataset
from alignhouse.warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]
Said = Callable[[Any], str]
Drawn = Callable[[Any, str], list[pl.DataFrame]]


def layer_scores(n_models: int = 3, *, intervals: bool = True, of_all: int | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "protocol": "sound",
                "dataset": "bmd",
                "split": "test",
                "model": f"net{n}",
                "layer_index": layer,
                "depth": layer / 2,
                "roi": roi,
                "roi_group": group,
                "roi_order": order,
                "rho": 0.1 * n + 0.01 * layer,
                "is_best": layer == 2,
                "lower": 0.1 * n - 0.1 if intervals else None,
                "upper": 0.1 * n + 0.1 if intervals else None,
                "level": 0.95,
                "resampled": "both",
                "model_place": n_models - n,
                "n_models": of_all or n_models,
                "n_subjects": 10,
                "remark": "random weights",
            }
            for n in range(n_models)
            for order, (roi, group) in enumerate((("V1", "early"), ("MT", "lateral")))
            for layer in range(3)
        ]
    )


def test_every_layer_is_where_it_scored_and_one_or_two_networks_have_bands(drawn: Drawn, said: Said) -> None:
    frame = layer_scores(2)
    plot: Any = depth_of_networks(frame, protocol="sound")
    keys = ["model", "roi", "depth", "rho", "lower", "upper"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    assert plot.data["panel"].unique(maintain_order=True).to_list() == ["V1", "MT"]
    assert plot.data["group"].unique(maintain_order=True).to_list() == ["net1", "net0"]
    (band,) = drawn(plot, "geom_ribbon")
    assert band.height == frame.height
    assert drawn(plot, "geom_linerange") == []
    assert "Band: 95 % bootstrap interval over stimuli and subjects." in said(plot)
    assert "not drawn" not in said(plot)


def test_of_three_networks_only_the_best_layers_have_intervals(drawn: Drawn, said: Said) -> None:
    frame = layer_scores(3)
    plot: Any = depth_of_networks(frame, protocol="sound")
    assert drawn(plot, "geom_ribbon") == []
    (marks,), (whiskers,) = drawn(plot, "geom_point"), drawn(plot, "geom_linerange")
    best = frame.filter(layer_index=2)
    for found in (marks, whiskers):
        columns = ["model", "roi", "depth", "rho", "lower", "upper"]
        assert sorted(found.select(columns).rows()) == sorted(best.select(columns).rows())
    # All are at depth 1, side by side.
    assert whiskers["beside"].to_list() == pytest.approx([0.98, 1, 1.02] * 2)
    assert "of the best layer alone" in said(plot)
    assert "those of other layers are not drawn" in said(plot)


def test_intervals_of_many_networks_at_one_depth_stay_in_the_panel(
    drawn: Drawn, recwarn: pytest.WarningsRecorder, tmp_path: Any
) -> None:
    plot: Any = depth_of_networks(layer_scores(20), protocol="sound")
    (whiskers,) = drawn(plot, "geom_linerange")
    assert whiskers.filter(roi="V1")["beside"].n_unique() == 20
    write_figure(plot, tmp_path / "many.png", dpi=40)
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


def test_names_of_networks_are_whole(said: Said) -> None:
    long = "a_network_with_a_name_that_is_wider_than_a_column_of_a_journal-random0"
    frame = layer_scores(2).with_columns(pl.col("model").replace("net1", long))
    plot: Any = depth_of_networks(frame, protocol="sound", width=3.5)
    first, second = plot.data["group"].dtype.categories.to_list()
    assert (first.replace("\n", ""), second) == (long, "net0")
    assert max(map(len, first.split("\n"))) <= 50
    assert whole_name("abc_def-gh", 7) == "abc_\ndef-gh"
    assert whole_name("abcdefghij", 4) == "abcd\nefgh\nij"


def test_layers_without_intervals_are_said_to_have_none(drawn: Drawn, said: Said) -> None:
    plot = depth_of_networks(layer_scores(1, intervals=False, of_all=9), protocol="sound")
    assert drawn(plot, "geom_ribbon") == drawn(plot, "geom_linerange") == []
    assert "No intervals of layers are known" in said(plot)
    assert "The 1 of 9 networks that align best" in said(plot)


def complexity(n_networks: int, *, gflops: bool = True) -> pl.DataFrame:
    """Networks with 10, 100, ... parameters have rho .1, .2, ...; r is .9, or null for too few networks."""
    rows = []
    for n in range(n_networks):
        for figure in ("parameters", "gflops", "top1"):
            known = gflops or figure != "gflops"
            x = float(n + 1) if figure != "top1" else 50.0 + n
            of_enough = known and n_networks >= 4
            rows.append(
                {
                    "protocol": "sound",
                    "dataset": "bmd",
                    "split": "test",
                    "model": f"net{n}",
                    "model_type": "image-in1k",
                    "roi": "V1",
                    "roi_group": "early",
                    "roi_order": 0,
                    "figure": figure,
                    "value": (x if figure == "top1" else 10**x) if known else None,
                    "x": x if known else None,
                    "rho": 0.1 * (n + 1),
                    "correlation": 0.9 if of_enough else None,
                    "lower": 0.5 if of_enough else None,
                    "upper": 0.95 if of_enough else None,
                    "level": 0.95,
                    "n_networks": n_networks if known else 0,
                    "n_left_out": 0 if known else n_networks,
                    "x_from": 1.0 if of_enough else None,
                    "x_to": 5.0 if of_enough else None,
                    "rho_from": 0.15 if of_enough else None,
                    "rho_to": 0.45 if of_enough else None,
                    "n_subjects": 10,
                    "remark": "",
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def test_points_line_and_r_are_those_that_are_given(drawn: Drawn) -> None:
    frame = complexity(8)
    plot: Any = alignment_against_complexity(frame, protocol="sound")
    keys = ["model", "figure", "value", "rho"]
    shown = plot.data.with_columns(pl.col("figure").cast(pl.String)).select(keys).sort(keys)
    assert shown.equals(frame.select(keys).sort(keys))
    (line,) = drawn(plot, "geom_segment")
    assert line.select("x_from", "rho_from", "x_to", "rho_to").rows() == [(1.0, 0.15, 5.0, 0.45)] * 3
    # Each column of panels has its own position on the axis; the length of the line is the same.
    assert (line["end"] - line["start"]).to_list() == [4.0] * 3
    (words,) = drawn(plot, "geom_text")
    assert words["label"].to_list() == ["r = 0.90, n = 8\n[0.50, 0.95]"] * 3


def test_networks_without_gflops_leave_a_panel_that_says_so(drawn: Drawn, said: Said) -> None:
    plot = alignment_against_complexity(complexity(8, gflops=False), protocol="sound")
    (words,) = drawn(plot, "geom_text")
    by_figure = dict(
        words.with_columns(pl.col("figure").cast(pl.String)).select("figure", "label").iter_rows()
    )
    assert by_figure["gflops"] == "no network\nhas one"
    assert by_figure["top1"].startswith("r = ")
    assert "GFLOPs: 8" in said(plot)


@pytest.mark.parametrize("number", [1, pytest.param(5, marks=pytest.mark.slow), 7])
def test_too_few_networks_have_no_line_and_no_r(drawn: Drawn, said: Said, tmp_path: Any, number: int) -> None:
    """Nor if an older version stored an interval for them."""
    plot = alignment_against_complexity(complexity(number), protocol="sound")
    assert drawn(plot, "geom_segment") == []
    (words,) = drawn(plot, "geom_text")
    assert set(words["label"]) == {f"too few networks\nfor r (n = {number})"}
    assert "r: Pearson" not in said(plot)
    write_figure(plot, tmp_path / "one.svg")
    assert (tmp_path / "one.svg").stat().st_size > 0


def test_a_network_of_one_layer_is_a_point(
    drawn: Drawn, recwarn: pytest.WarningsRecorder, tmp_path: Any
) -> None:
    plot: Any = depth_of_networks(layer_scores(2).filter(layer_index=0), protocol="sound")
    assert drawn(plot, "geom_line") == drawn(plot, "geom_ribbon") == []
    write_figure(plot, tmp_path / "points.svg")
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


@pytest.mark.parametrize(
    ("power", "label"), [(-1.0, "0.1"), (0.0, "1"), (1.0, "10"), (2.0, "100"), (6.5, "3.2M"), (9.0, "1G")]
)
def test_axes_of_logarithms_are_labelled_with_what_they_mean(power: float, label: str) -> None:
    plot: Any = alignment_against_complexity(complexity(8), protocol="sound")
    scale = next(each for each in plot.scales if "x" in each.aesthetics)
    assert scale.labels([power, 1000 + power, 2000 + 71.5]) == [label, label, "71.5"]


def subjects(n_networks: int, n_subjects: int = 3) -> pl.DataFrame:
    """Means 0, .1, .2, ... in V1, with intervals of ± .05 but for the first network."""
    return pl.DataFrame(
        [
            {
                "protocol": "sound",
                "dataset": "bmd",
                "split": "test",
                "model": f"net{n}",
                "model_type": "image-in1k",
                "subject": f"sub-{s}",
                "roi": roi,
                "roi_group": group,
                "roi_order": order,
                # In MT, the order is reversed.
                "rho": 0.1 * (n if roi == "V1" else -n),
                "lower": 0.1 * (n if roi == "V1" else -n) - 0.05 if n else None,
                "upper": 0.1 * (n if roi == "V1" else -n) + 0.05 if n else None,
                "level": 0.95 if n else None,
                "resampled": "both" if n else None,
                "subject_rho": 0.1 * (n if roi == "V1" else -n) + 0.01 * (s - 1),
                "place": n_networks - n if roi == "V1" else n + 1,
                "n_models": 7,
                "n_subjects": n_subjects,
                "remark": "",
            }
            for n in range(n_networks)
            for order, (roi, group) in enumerate((("V1", "early"), ("MT", "lateral")))
            for s in range(n_subjects)
        ],
        schema_overrides={
            "lower": pl.Float64,
            "upper": pl.Float64,
            "level": pl.Float64,
            "resampled": pl.String,
        },
    )


def test_networks_stand_in_the_order_of_each_region(ceilings: Build, drawn: Drawn, said: Said) -> None:
    frame = subjects(3)
    plot: Any = ranking(frame, ceilings(), protocol="sound")
    means = drawn(plot, "geom_point")[1]
    keys = ["model", "roi", "subject", "subject_rho"]
    shown = plot.data.with_columns(pl.col("roi").cast(pl.String)).select(keys).sort(keys)
    assert shown.equals(frame.select(keys).sort(keys))
    # An axis counts from below.
    from_below = means.sort("roi", pl.col("line").to_physical())
    assert from_below.filter(roi="V1")["model"].to_list() == ["net0", "net1", "net2"]
    assert from_below.filter(roi="MT")["model"].to_list() == ["net2", "net1", "net0"]
    assert means["rho"].to_list() == from_below["rho"].to_list()
    assert "The highest 3 of 7 networks" in said(plot)


def test_a_whisker_is_the_interval_of_a_mean_that_has_one(drawn: Drawn, said: Said) -> None:
    plot = ranking(subjects(3), pl.DataFrame(), protocol="sound")
    (whiskers,) = drawn(plot, "geom_errorbarh")
    shown = whiskers.filter(roi="V1").select("model", "lower", "upper").sort("model").rows()
    assert shown == [("net1", 0.05, pytest.approx(0.15)), ("net2", pytest.approx(0.15), 0.25)]
    assert whiskers.height == 4  # one a network and region, not one a subject
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_errorbarh") < geoms.index("geom_point")
    assert "Whisker: 95 % bootstrap interval over other stimuli and subjects." in said(plot)
    over_stimuli = subjects(2).with_columns(resampled=pl.lit("stimuli"))
    assert "interval over other stimuli." in said(ranking(over_stimuli, pl.DataFrame(), protocol="sound"))


def test_a_ranking_without_intervals_has_no_whiskers(drawn: Drawn, said: Said) -> None:
    plot = ranking(subjects(1), pl.DataFrame(), protocol="sound")
    assert drawn(plot, "geom_errorbarh") == []
    assert "No intervals of the means are known." in said(plot)


def test_ceilings_of_other_stimuli_are_refused(ceilings: Build) -> None:
    with pytest.raises(BadInput, match="expected bmd, test, found bmd, train"):
        ranking(subjects(1), ceilings().with_columns(split=pl.lit("train")), protocol="sound")


def test_a_ranking_without_ceilings_says_so(said: Said) -> None:
    assert "There is no noise ceiling" in said(ranking(subjects(1, 1), pl.DataFrame(), protocol="sound"))


def trained(*, several: bool) -> pl.DataFrame:
    """Two families of two networks; with `several`, family a was trained on two data sets."""
    rows = []
    for n, (family, data) in enumerate((("a", "K400"), ("a", "SSv2" if several else "K400"), ("b", "K400"))):
        rows.append(
            {
                "protocol": "sound",
                "dataset": "bmd",
                "split": "test",
                "model": f"net{n}",
                "model_type": "video-k400",
                "family": family,
                "training_dataset": data,
                "roi": "V1",
                "roi_group": "early",
                "roi_order": 0,
                "rho": 0.1 * (n + 1),
                "dataset_median": 0.2,
                "family_median": 0.1 * (n + 1),
                "family_datasets": 2 if several and family == "a" else 1,
                "n_subjects": 10,
                "remark": "",
            }
        )
    return pl.DataFrame(rows)


def test_a_family_that_was_trained_on_two_data_sets_is_joined(drawn: Drawn, said: Said) -> None:
    plot: Any = by_training_dataset(trained(several=True), protocol="sound")
    (line,) = drawn(plot, "geom_path")
    assert sorted(line.select("family", "training_dataset", "family_median").rows()) == [
        ("a", "K400", 0.1),
        ("a", "SSv2", 0.2),
    ]
    (bar,) = drawn(plot, "geom_segment")
    assert bar.select("training_dataset", "dataset_median").rows() == [("K400", 0.2)]
    # The mark is higher than the points are spread, and below them.
    (line_of_k400,) = bar["line"]
    assert bar.select("low", "high").row(0) == (line_of_k400 - 0.42, line_of_k400 + 0.42)
    assert plot.data.select((pl.col("at") - pl.col("line")).abs().max()).item() < 0.42
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_segment") < geoms.index("geom_point")
    assert (
        plot.data.select("model", "rho").sort("model").rows()
        == trained(several=True).select("model", "rho").rows()
    )
    alone = by_training_dataset(trained(several=False), protocol="sound")
    assert drawn(alone, "geom_path") == []
    assert "No family was trained on more than one data set" in said(alone)


def test_a_profile_has_a_tile_for_every_network_and_region(best_layers: Build, drawn: Drawn) -> None:
    frame = best_layers().with_columns(model_mean=pl.col("rho").mean().over("model"))
    plot: Any = region_profile(frame, protocol="sound")
    keys = ["model", "roi", "rho"]
    shown = plot.data.with_columns(pl.col("model", "roi").cast(pl.String)).select(keys).sort(keys)
    assert shown.equals(frame.select(keys).sort(keys))
    # From the top: groups in the order of the legend; in each group, the highest mean first.
    assert plot.data["model"].unique(maintain_order=True).to_list()[::-1] == [
        "ViT",
        "AlexNet",
        "C2D",
        "SlowFast",
    ]
    (marks,) = drawn(plot, "geom_point")
    assert marks.height == 4


def test_signatures_are_white_where_a_network_is_as_others(best_layers: Build, drawn: Drawn) -> None:
    frame = best_layers().with_columns(
        deviation=pl.col("rho") - pl.col("rho").mean().over("roi"), model_mean=pl.col("rho")
    )
    plot: Any = signatures(frame.drop("rho"), protocol="sound", score="CKA")
    shown = plot.data.with_columns(pl.col("model", "roi").cast(pl.String)).select("model", "roi", "deviation")
    assert sorted(shown.rows()) == sorted(frame.select("model", "roi", "deviation").rows())
    (fill,) = [each for each in plot.scales if "fill" in each.aesthetics and each.limits is not None]
    most = frame["deviation"].abs().max()
    assert tuple(fill.limits) == (-most, most)
    assert "CKA of the best layer minus its mean over all networks" in plot.labels.caption.replace("\n", " ")


@pytest.mark.parametrize("width", [3.5, pytest.param(7.2, marks=pytest.mark.slow)])
def test_drawing_at_the_width_of_a_column_warns_of_nothing(
    tmp_path: Any, best_layers: Build, ceilings: Build, recwarn: pytest.WarningsRecorder, width: float
) -> None:
    frame = best_layers().with_columns(model_mean=pl.col("rho"))
    plots = (
        depth_of_networks(layer_scores(), protocol="sound", width=width),
        alignment_against_complexity(complexity(8, gflops=False), protocol="sound", width=width),
        ranking(subjects(3), ceilings(), protocol="sound", width=width),
        by_training_dataset(trained(several=True), protocol="sound", width=width),
        region_profile(frame, protocol="sound", width=width),
    )
    for number, plot in enumerate(plots):
        write_figure(plot, tmp_path / f"{number}.png", dpi=40)
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


@pytest.mark.parametrize(("width", "sides"), [(3.5, ["right"]), (7.2, [])])
def test_a_legend_beside_names_ends_where_narrow_panels_end(width: float, sides: list[str]) -> None:
    plot = by_training_dataset(trained(several=False), protocol="sound", width=width)
    given = plot.theme.themeables.get("legend_justification")
    assert ([given.properties["value"]] if given else []) == sides


@pytest.mark.parametrize(
    ("draw", "frames"),
    [
        (depth_of_networks, 1),
        (alignment_against_complexity, 1),
        (ranking, 2),
        (by_training_dataset, 1),
        (region_profile, 1),
    ],
)
def test_an_empty_answer_and_a_missing_column_are_reported(draw: Any, frames: int, said: Said) -> None:
    empty = draw(*[pl.DataFrame()] * frames, protocol="sound", source="bmd, test")
    assert empty.layers[0].geom.aes_params["label"] == "no rows"
    assert "sound protocol · bmd, test" in said(empty)
    with pytest.raises(BadInput, match="expected a column"):
        draw(layer_scores().drop("lower", "model"), *[pl.DataFrame()] * (frames - 1), protocol="sound")
