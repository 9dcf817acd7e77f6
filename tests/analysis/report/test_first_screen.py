"""The first screen, and the parts below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report.content import ReportContent, results_by_protocol
from alignhouse.analysis.report.first_screen import FirstScreen, first_screen
from alignhouse.analysis.report.gather import chart_groupings, few_regions
from alignhouse.analysis.report.page import charts_of
from alignhouse.analysis.report.paper import paper_parts

Content = Callable[..., ReportContent]
ANCHORS = {name: name.lower() for name in ("AlexNet", "ViT", "TSN")}


def screen(content: ReportContent) -> FirstScreen:
    [first, *_] = results_by_protocol(content)
    return first_screen(content, first, charts_of(content, first, ANCHORS), [])


def parts(content: ReportContent) -> dict[str, Any]:
    results = results_by_protocol(content)
    return {each.anchor: each for each in paper_parts(content, results, [], lambda *place: [], "")}


def test_the_data_are_one_line(content: Content) -> None:
    assert screen(content()).data == (
        "3 networks, 3 regions, 10 subjects, 102 videos; bmd, test; sound protocol, scores are rho."
    )
    assert screen(content(best_layer=content().best_layer.clear())).data == "There are no scores."


def test_leaders_are_in_the_order_of_the_mean_rank_with_a_bar_for_each_region(content: Content) -> None:
    made = screen(content())
    assert [(each.place, each.name, each.mean) for each in made.leaders] == [
        ("1", "TSN", "1.0"),
        ("2", "ViT", "2.0"),
        ("3", "AlexNet", "3.0"),
    ]
    first = made.leaders[0]
    assert [text for _, text in filter(None, first.scores)] == ["0.300", "0.290", "0.280"]
    labels = [bar.label for bar, _ in filter(None, first.scores)]
    assert labels[0] == "rho 0.300, interval 0.000 to 0.400; lower noise ceiling 0.350"
    assert (first.look, first.group) == ("g-0-1", "video action recognition")


def test_equal_mean_ranks_share_a_place(content: Content) -> None:
    ranked = content().leaderboard
    tied = ranked.with_columns(
        mean_place=pl.when(pl.col("model") == "AlexNet").then(2.5).otherwise(pl.col("mean_place"))
    ).with_columns(mean_place=pl.when(pl.col("model") == "ViT").then(2.5).otherwise(pl.col("mean_place")))
    assert [(each.place, each.name) for each in screen(content(leaderboard=tied)).leaders] == [
        ("1", "TSN"),
        ("2", "AlexNet"),
        ("2", "ViT"),
    ]


def test_a_network_that_lacks_a_region_has_no_place_and_comes_last(content: Content) -> None:
    lacking = (pl.col("model") == "TSN") & (pl.col("roi") == "V2")
    made = content()
    n_regions = pl.when(pl.col("model") == "TSN").then(2).otherwise(3)
    ranked = made.leaderboard.filter(~lacking).with_columns(n_regions=n_regions)
    made = replace(made, leaderboard=ranked, best_layer=made.best_layer.filter(~lacking))
    last = screen(made).leaders[-1]
    assert (last.name, last.place, last.mean) == ("TSN", "–", "–")
    assert last.scores[1] is None


def test_marks_that_are_not_drawn_are_not_explained(content: Content) -> None:
    note = screen(content()).note
    assert note.startswith("Dot: the score; bar: its interval")
    bare = content().best_layer.drop("rho_lower", "rho_upper")
    made = content(best_layer=bare, noise_ceiling=content().noise_ceiling.clear())
    assert screen(made).note == "Dot: the score."


def test_parts_come_in_the_order_of_a_paper_and_are_absent_without_content(content: Content) -> None:
    assert list(parts(content())) == ["regions", "groups", "depth"]
    control = {"protocol": "sound", "dataset": "bmd", "split": "test", "control": "gist", "network": None}
    control |= {"roi": "V1", "rho": 0.1, "p_value": 0.01, "permutations": 999}
    made = content(protocols=("paper", "sound"), controls=pl.DataFrame([control]))
    found = parts(made)
    assert list(found) == ["regions", "groups", "depth", "explains", "robustness"]
    assert [each.caption for each in found["explains"].tables] == ["Control models"]
    [other] = found["robustness"].parts
    assert other.heading == "Under the paper protocol, bmd, test"
    assert not other.is_open


def test_there_is_no_chart_over_depth_where_no_order_of_layers_is_known(content: Content) -> None:
    assert parts(content())["depth"].chart == "depth"
    scores = content().layer_score
    unordered = scores.with_columns(depth=pl.lit(None, pl.Float64))
    for given in (unordered, scores.clear(), scores.with_columns(protocol=pl.lit("paper"))):
        assert parts(content(layer_score=given))["depth"].chart == ""


def test_answers_stand_in_their_parts(content: Content) -> None:
    rows = pl.DataFrame({"roi": ["V1"], "median_rho": [0.1]})
    given = {
        "alignment_by_architecture": rows,
        "alignment_by_layer_depth": rows,
        "measure_agreement": rows,
        "alignment_by_weights": rows.clear(),
    }
    found = parts(content(group_answers=given))
    captions = {name: [each.caption for each in part.tables] for name, part in found.items()}
    assert captions["groups"] == ["Alignment by architecture"]
    assert captions["depth"] == ["Alignment by depth of the layer"]
    assert captions["robustness"] == ["Agreement of rankings between measures"]


def test_charts_group_by_everything_with_a_few_groups() -> None:
    many = [f"f{number}" for number in range(9)]
    best = pl.DataFrame(
        {
            "model": many,
            "model_type": ["image-in1k"] * 9,
            "weights": ["random"] * 4 + ["pretrained"] * 5,
            "family": many,
            "objective": ["supervised"] * 9,
            "protocol": ["sound"] * 5 + ["paper"] * 4,
        }
    )
    assert chart_groupings(best, ["model_type"]) == ["model_type", "weights"]


@pytest.mark.parametrize(("regions", "shown"), [(4, ["a", "b", "c", "d"]), (5, ["b", "d"])])
def test_of_many_regions_the_first_of_each_group_is_shown(regions: int, shown: list[str]) -> None:
    rows = pl.DataFrame({"roi": list("abcde"), "place": [2, 1, 3, 1, 2]}).head(regions)
    assert few_regions(rows) == shown
