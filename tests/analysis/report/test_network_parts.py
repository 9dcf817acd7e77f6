"""The parts of networks: cells against the frames that they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alignhouse.analysis.report import bars
from alignhouse.analysis.report.bars import bar_scale
from alignhouse.analysis.report.network_parts import network_columns, network_facts, network_parts
from alignhouse.analysis.report.tables import MISSING
from alignhouse.warehouse.errors import BadInput

MACROS = Path(bars.__file__).parent


@pytest.fixture
def frames(content: Callable[..., Any]) -> dict[str, pl.DataFrame]:
    """The frames of the small study, with three layers per network and region."""
    made = content(protocols=("sound", "paper"))
    depths = pl.DataFrame({"layer": ["a", "b", "fc"], "layer_index": [0, 1, 2], "at": [0.0, 0.5, 0.75]})
    layers = made.best_layer.drop("layer", "depth").join(depths, how="cross")
    return {
        "best_layer": made.best_layer.with_columns(permutations=pl.lit(1000), level=pl.lit(0.95)),
        "layer_score": layers.with_columns(depth="at", rho=pl.col("rho") * pl.col("at") / 0.75),
        "noise_ceiling": made.noise_ceiling,
        "networks": made.networks,
        "leaderboard": made.leaderboard,
    }


def html(parts: list[Any]) -> str:
    templates = Environment(
        loader=FileSystemLoader(MACROS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = '{% from "macros/network.html.j2" import show_network %}'
    source += "{% for part in parts %}{{ show_network(part) }}{% endfor %}"
    return templates.from_string(source).render(parts=parts)


def changed(frame: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """The frame with other values for TSN in V1."""
    here = (pl.col("model") == "TSN") & (pl.col("roi") == "V1")
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_networks_are_in_the_order_of_the_leaderboard_and_regions_in_that_of_the_brain(
    frames: dict[str, pl.DataFrame],
) -> None:
    parts = network_parts(**frames, protocol="sound")
    assert [(part.name, part.place, part.anchor) for part in parts] == [
        ("TSN", "1.0", "network-tsn"),
        ("ViT", "2.0", "network-vit"),
        ("AlexNet", "3.0", "network-alexnet"),
    ]
    assert parts[0].kind == "video action recognition"
    assert parts[0].scored == "3 of 3 regions"
    assert [(row.region, row.group) for row in parts[0].rows] == [
        ("V1", "early"),
        ("V2", "early"),
        ("MT", "lateral"),
    ]


def test_a_row_has_the_values_of_the_best_layer(frames: dict[str, pl.DataFrame]) -> None:
    row = network_parts(**frames, protocol="sound")[0].rows[0]
    assert (row.layer, row.depth, row.rho, row.p, row.share) == ("fc", "0.75", "0.300", "< 0.001", "50 %")
    assert row.bar is not None
    assert row.bar.label == "rho 0.300, 95 % interval 0.000 to 0.400; lower noise ceiling 0.350"
    scale = bar_scale([0.4])
    assert (row.bar.dot, row.bar.ceiling) == (scale.at(0.3), scale.at(0.35))
    assert row.spark is not None
    assert row.spark.label == "rho 0.000 at depth 0.00, 0.300 at 0.75"
    assert row.spark.dot is not None


def test_rows_are_those_of_the_protocol(frames: dict[str, pl.DataFrame]) -> None:
    [first, *_] = network_parts(**frames, protocol="paper")
    assert first.rows[0].layer == "conv"
    assert network_parts(**frames, protocol="other") == []


def test_the_score_is_called_by_its_name(frames: dict[str, pl.DataFrame]) -> None:
    [first, *_] = network_parts(**frames, protocol="sound", score="CKA")
    assert first.rows[0].bar is not None
    assert first.rows[0].bar.label.startswith("CKA 0.300")
    assert [each.title for each in network_columns("CKA")][2] == "CKA over depth"
    assert "rho" not in html([first])


def test_a_plain_p_of_zero_is_a_bound_by_its_permutations(frames: dict[str, pl.DataFrame]) -> None:
    frames["best_layer"] = changed(frames["best_layer"], p_value=0.0)
    assert network_parts(**frames, protocol="sound")[0].rows[0].p == "< 0.001"
    frames["best_layer"] = frames["best_layer"].with_columns(permutations=pl.lit(50))
    assert network_parts(**frames, protocol="sound")[0].rows[0].p == "< 0.02"


def test_what_is_missing_is_a_dash(frames: dict[str, pl.DataFrame]) -> None:
    frames["best_layer"] = changed(
        frames["best_layer"], rho_lower=None, p_value=None, share_of_ceiling=None, depth=None
    )
    no_ceilings = frames | {"noise_ceiling": pl.DataFrame(), "layer_score": pl.DataFrame()}
    row = network_parts(**no_ceilings, protocol="sound")[0].rows[0]
    assert (row.depth, row.p, row.share, row.spark) == (MISSING, MISSING, MISSING, None)
    assert row.bar is not None
    assert (row.bar.interval, row.bar.ceiling, row.bar.label) == (None, None, "rho 0.300")
    assert "<td>–</td>" in html(network_parts(**no_ceilings, protocol="sound"))


def test_a_region_without_a_score_stays_in_the_table(frames: dict[str, pl.DataFrame]) -> None:
    here = (pl.col("model") == "TSN") & (pl.col("roi") == "V1")
    frames["best_layer"] = frames["best_layer"].filter(~here)
    [first, *_] = network_parts(**frames, protocol="sound")
    assert (first.rows[0].region, first.rows[0].rho, first.rows[0].bar) == ("V1", MISSING, None)
    assert first.scored == "2 of 3 regions"


def test_a_network_without_a_rank_comes_last(frames: dict[str, pl.DataFrame]) -> None:
    frames["leaderboard"] = frames["leaderboard"].filter(pl.col("model") != "TSN")
    parts = network_parts(**frames, protocol="sound")
    assert [(part.name, part.place) for part in parts][-1] == ("TSN", MISSING)
    without = network_parts(**frames | {"leaderboard": pl.DataFrame()}, protocol="sound")
    assert [part.name for part in without] == ["AlexNet", "TSN", "ViT"]


def test_an_unreliable_ceiling_is_marked(frames: dict[str, pl.DataFrame]) -> None:
    frames["noise_ceiling"] = frames["noise_ceiling"].with_columns(is_reliable=pl.lit(False))
    row = network_parts(**frames, protocol="sound")[0].rows[0]
    assert row.bar is not None
    assert row.bar.is_weak
    assert row.bar.band is None


@pytest.mark.parametrize("column", ["rho", "rho_lower", "p_value", "share_of_ceiling", "depth"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_refused_by_name(
    frames: dict[str, pl.DataFrame], column: str, bad: float
) -> None:
    frames["best_layer"] = changed(frames["best_layer"], **{column: bad})
    with pytest.raises(BadInput, match=f"best_layer, column {column}, TSN, V1"):
        network_parts(**frames, protocol="sound")


@pytest.mark.parametrize("name", ["layer_score", "noise_ceiling"])
def test_bad_numbers_of_other_frames_are_refused(frames: dict[str, pl.DataFrame], name: str) -> None:
    column = "lower" if name == "noise_ceiling" else "rho"
    frames[name] = frames[name].with_columns(pl.lit(float("nan")).alias(column))
    with pytest.raises(BadInput, match=f"{name}, column {column}"):
        network_parts(**frames, protocol="sound")


def test_two_data_sets_are_refused(frames: dict[str, pl.DataFrame]) -> None:
    other = frames["best_layer"].with_columns(dataset=pl.lit("other"))
    frames["best_layer"] = pl.concat([frames["best_layer"], other])
    with pytest.raises(BadInput, match="one data set"):
        network_parts(**frames, protocol="sound")


def test_facts_are_in_words_and_unknown_ones_are_left_out() -> None:
    facts = network_facts(
        {"model": "TSN", "model_type": "video-k400", "arch_type": "CNNs", "objective": "supervised"}
        | {"training_dataset": "Kinetics-400", "weights": "pretrained", "parameters": 24_300_000}
        | {"gflops": 33.0, "top1": 73.83, "resolution": 224, "licence": None, "family": ""}
    )
    assert dict(facts) == {
        "type": "video action recognition",
        "architecture": "CNNs",
        "objective": "supervised",
        "training data": "Kinetics-400",
        "weights": "pretrained",
        "parameters": "24,300,000",
        "GFLOPs": "33.000",
        "top-1 accuracy": "73.8 %",
        "input": "224 x 224 pixels",
    }


def test_an_untrained_network_says_so_and_names_no_training() -> None:
    facts = network_facts({"weights": "random", "objective": "none", "training_dataset": "none"})
    assert facts == [("weights", "untrained")]
    assert network_facts({}) == []


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\"' onclick=x", "</details>", "../../x", ""])
def test_hostile_names_are_escaped(content: Callable[..., Any], name: str) -> None:
    made = content(best_network=name)
    hostile = made.best_layer.with_columns(layer=pl.lit(name), roi_group=pl.lit(f"g{name}"))
    parts = network_parts(
        hostile, pl.DataFrame(), made.noise_ceiling, made.networks, made.leaderboard, "sound"
    )
    page = html(parts)
    assert parts[0].name == name
    assert "<script" not in page
    assert page.count("<details") == page.count("</details>") == 3
    assert "' onclick" not in page


def test_ninety_nine_networks_are_a_small_part_of_a_page() -> None:
    page = html(network_parts(**many_networks(99, 17, 14), protocol="sound"))
    assert page.count("<tr data-region") == 99 * 17
    assert len(page) < 1_800_000


def many_networks(n_networks: int, n_regions: int, n_layers: int) -> dict[str, pl.DataFrame]:
    """Frames of a study of that size; scores follow a curve over depth."""
    place = {"protocol": "sound", "dataset": "d", "split": "test", "remark": ""}
    depths = [layer / (n_layers - 1) for layer in range(n_layers)]
    layers = pl.DataFrame(
        [
            place
            | {"model": f"net{n:03d}", "roi": f"R{r:02d}", "roi_group": "g", "roi_order": r}
            | {"layer": f"layer{number}", "layer_index": number, "depth": depth}
            | {"rho": 0.1 + 0.2 * depth * (1 - depth) + 0.001 * ((n * 7 + r * 3 + number * 5) % 19)}
            for n in range(n_networks)
            for r in range(n_regions)
            for number, depth in enumerate(depths)
        ]
    )
    best = layers.sort("rho").unique(["model", "roi"], keep="last", maintain_order=True)
    best = best.with_columns(
        p_value=0.001, share_of_ceiling=0.4, rho_lower=pl.col("rho") - 0.05, rho_upper=pl.col("rho") + 0.05
    )
    return {
        "best_layer": best.with_columns(model_type=pl.lit("image-in1k")),
        "layer_score": layers,
        "noise_ceiling": best.unique("roi").with_columns(lower=0.35, upper=0.45, is_reliable=True),
        "networks": best.unique("model").select("model", weights=pl.lit("pretrained")),
        "leaderboard": best.with_columns(mean_place=pl.col("model").str.tail(3).cast(pl.Float64)),
    }
