"""The data of the interactive charts, compared with the frames that they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report.chart_data import chart_data, group_colours
from alignhouse.analysis.report.content import results_by_protocol
from alignhouse.analysis.report.scripts import as_json

ANCHORS = {"AlexNet": "network-alexnet", "ViT": "network-vit", "TSN": "network-tsn"}
BANDS = pl.DataFrame(
    {
        "group_name": ["image-in1k", "video-k400"],
        "roi": ["V1", "MT"],
        "depth": [0.0, 1.0],
        "rho": [0.1, 0.2],
        "lower": [0.05, None],
        "upper": [0.15, None],
    }
)


@pytest.fixture
def data(content: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """`data(**fields)`: the chart data of a study, by model type and architecture."""

    def made(bands: pl.DataFrame = BANDS, **fields: Any) -> dict[str, Any]:
        study = content(**fields)
        [first, *_] = results_by_protocol(study)
        return chart_data(
            first,
            study.layer_score,
            {"model_type": bands},
            ["model_type", "arch_type"],
            ["MT"],
            ANCHORS,
            axis="Spearman rho",
        )

    return made


def test_regions_have_their_ceilings_in_anatomical_order(data: Callable[..., dict[str, Any]]) -> None:
    regions = data()["regions"]
    assert [each["name"] for each in regions] == ["V1", "V2", "MT"]
    assert regions[0] == {"name": "V1", "group": "early", "lower": 0.35, "upper": 0.4, "reliable": True}


def test_a_network_has_its_groups_best_layers_and_curves(data: Callable[..., dict[str, Any]]) -> None:
    made = data()
    network = next(each for each in made["networks"] if each["name"] == "TSN")
    assert network["anchor"] == "network-tsn"
    groups = [
        grouping["groups"][place]["name"]
        for grouping, place in zip(made["groupings"], network["groups"], strict=True)
    ]
    assert groups == ["video action recognition", "CNNs"]
    # rho in V1, its interval, p, layer and depth
    assert network["best"][0] == [0.3, 0.0, 0.4, "< 0.001", "fc", 0.75]
    assert network["layers"] == ["conv", "fc"]
    assert network["depths"] == [0.0, 0.75]
    assert network["curves"] == [[0.15, 0.3], [0.145, 0.29], [0.14, 0.28]]


def test_layers_follow_their_index_whatever_the_order_of_rows(
    data: Callable[..., dict[str, Any]], content: Callable[..., Any]
) -> None:
    turned = content().layer_score.sort("layer", "roi", descending=True)
    assert [each["layers"] for each in data(layer_score=turned)["networks"]] == [["conv", "fc"]] * 3


def test_a_region_without_a_score_is_null(
    data: Callable[..., dict[str, Any]], content: Callable[..., Any]
) -> None:
    lacking = (pl.col("model") == "TSN") & (pl.col("roi") == "V2")
    network = next(
        each
        for each in data(best_layer=content().best_layer.filter(~lacking))["networks"]
        if each["name"] == "TSN"
    )
    assert network["best"][1] is None
    assert network["best"][0] is not None


def test_only_rows_of_the_first_protocol_are_drawn(data: Callable[..., dict[str, Any]]) -> None:
    made = data(protocols=("paper", "sound"))
    assert {each["best"][0][4] for each in made["networks"]} == {"fc"}
    assert len(made["networks"]) == 3


def test_bands_name_groups_and_regions_by_place(data: Callable[..., dict[str, Any]]) -> None:
    made = data()
    names = [each["name"] for each in made["groupings"][0]["groups"]]
    image, video = names.index("image object recognition"), names.index("video action recognition")
    assert made["bands"] == [[[image, 0, 0.0, 0.1, 0.05, 0.15], [video, 2, 1.0, 0.2, None, None]], []]
    assert made["shown"] == [2]


def test_a_grouping_with_several_groups_comes_first(
    data: Callable[..., dict[str, Any]], content: Callable[..., Any]
) -> None:
    alike = content().best_layer.with_columns(model_type=pl.lit("image-in1k"))
    made = data(best_layer=alike, bands=BANDS.clear())
    assert [each["name"] for each in made["groupings"]] == ["architecture", "model type"]
    assert [len(each["groups"]) for each in made["groupings"]] == [2, 1]


def test_a_study_without_scores_has_no_charts(
    data: Callable[..., dict[str, Any]], content: Callable[..., Any]
) -> None:
    assert data(best_layer=content().best_layer.clear()) == {}
    assert group_colours({}) == ""


def test_the_json_can_be_read_and_ends_no_element() -> None:
    hostile = {"name": "</script><!-- & \u2028 \"'"}
    text = as_json(hostile)
    assert json.loads(text) == hostile
    assert not set("<>&") & set(text)
    with pytest.raises(ValueError, match="JSON compliant"):
        as_json({"rho": float("nan")})


def test_every_group_has_a_colour_on_light_and_on_dark_pages(data: Callable[..., dict[str, Any]]) -> None:
    made = data()
    style = group_colours(made)
    for place, grouping in enumerate(made["groupings"]):
        for index, group in enumerate(grouping["groups"]):
            assert f"--g-{place}-{index}: {group['colour']};" in style
            assert style.count(f"--g-{place}-{index}:") == 2
            assert f".g-{place}-{index} {{" in style
