"""What the pages say, against the answers to the queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alignhouse.analysis.site.boards import shared_remark
from alignhouse.analysis.site.content import Site, read_site
from alignhouse.analysis.site.embedded import board_data, compared_data
from alignhouse.analysis.site.sources import sources
from alignhouse.analysis.site.tables import network_list, region_facts, region_ranking, standings
from alignhouse.warehouse.reader import Warehouse


@pytest.fixture(scope="module")
def opened(plain: Path) -> Iterator[Warehouse]:
    with Warehouse.open(plain) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def read(opened: Warehouse) -> Site:
    return read_site(sources([opened]))


def best(opened: Warehouse, model: str, roi: str, columns: str) -> tuple[object, ...]:
    query = f"select {columns} from best_layer where protocol = 'sound' and model = $model and roi = $roi"
    [row] = opened.sql(query, {"model": model, "roi": roi}).fetchall()
    return tuple(row)


def test_there_is_a_board_for_each_protocol_and_sound_comes_first(read: Site) -> None:
    assert [board.name for board in read.boards] == ["d, test, sound protocol", "d, test, paper protocol"]
    assert [read.board_page(board) for board in read.boards] == [
        "index.html",
        "leaderboards/d-test-paper.html",
    ]
    assert read.title == "d: alignment of 5 networks with 5 regions"
    assert read.boards[0].remark == "made up"


def test_the_leaderboard_has_the_order_and_the_ranks_of_the_query(read: Site, opened: Warehouse) -> None:
    query = (
        "select model, avg(place) from network_place where protocol = 'sound' group by model order by 2, 1"
    )
    expected = [(model, f"{place:.1f}") for model, place in opened.sql(query).fetchall()]
    assert [(row.name, row.place) for row in standings(read, read.boards[0], 100)] == expected
    assert [row.name for row in standings(read, read.boards[0], 2)] == [name for name, _ in expected[:2]]


def test_a_region_is_ranked_by_its_scores(read: Site, opened: Warehouse) -> None:
    query = "select model, rho from best_layer where protocol = 'sound' and roi = 'MT' order by rho desc"
    expected = [
        (model, f"{rho:.3f}", str(n)) for n, (model, rho) in enumerate(opened.sql(query).fetchall(), 1)
    ]
    found = [(each.name, each.row.rho, each.place) for each in region_ranking(read, read.boards[0], "MT")]
    assert found == expected


def test_a_region_has_its_ceiling_its_test_and_its_best_network(read: Site) -> None:
    facts = {each.roi: each for each in region_facts(read, read.boards[0])}
    assert [*facts] == ["V1", "lV1", "rV1", "MT", "EBA"]
    first = facts["V1"]
    assert (first.lower, first.upper, first.p, first.verdict, first.subjects) == (
        "0.400",
        "0.700",
        "0.010",
        "above chance",
        "3",
    )
    assert first.best == region_ranking(read, read.boards[0], "V1")[0].name
    assert facts["EBA"].verdict == "not above chance"


def test_embedded_scores_are_those_of_the_warehouse(read: Site, opened: Warehouse) -> None:
    data = board_data(read, read.boards[0])
    assert data["groups"] == ["early", "lateral"]
    assert data["level"] == 0.95
    assert data["regions"][0] == ["V1", "early", 0.4, 0.7, False]
    assert data["regions"][-1] == ["EBA", "lateral", 0.6, 0.9, True]
    networks = {network[0]: network for network in data["networks"]}
    [rho] = best(opened, "c", "MT", "rho")
    assert isinstance(rho, float)
    assert networks["c"][7][3] == pytest.approx([rho, rho - 0.1, rho + 0.1], rel=1e-5)
    assert networks["e"][7][3][1:] == [None, None]
    query = """
        select avg(place) from network_place
        where protocol = 'sound' and model = 'c' and roi_group = 'early'
    """
    [(place,)] = opened.sql(query).fetchall()
    assert networks["c"][6][0] == pytest.approx(place, rel=1e-5)


def test_embedded_profiles_are_those_of_the_layers(read: Site, opened: Warehouse) -> None:
    name, depths, rows, remark = compared_data(read, read.boards[0])["networks"]["c"]
    query = """
        select depth, rho from layer_score
        where protocol = 'sound' and model = 'c' and roi = 'MT' order by layer_index
    """
    layers = opened.sql(query).fetchall()
    assert (name, remark) == ("c", "made up")
    assert depths == [round(1000 * depth) for depth, _ in layers]
    assert rows[3][5] == [round(1000 * rho) for _, rho in layers]
    assert (rows[3][3], rows[3][4]) == best(opened, "c", "MT", "layer, depth")
    assert len(rows[3]) == 6


def test_every_network_is_in_the_list_once(read: Site) -> None:
    rows = network_list(read)
    assert [row["name"] for row in rows] == ["a", "b", "c", "d", "e"]
    assert rows[1]["page"] == "networks/b.html"
    assert (rows[1]["architecture"], rows[1]["boards"]) == ("Transformers", "2")


def test_a_remark_that_is_not_true_of_all_data_sets_names_its_own() -> None:
    both = [("real", ""), ("made", "synthetic brains"), ("made", "synthetic brains, random weights")]
    assert shared_remark(both) == "made: synthetic brains, random weights"
    assert shared_remark([("a", "synthetic brains"), ("b", "synthetic brains")]) == "synthetic brains"
    assert shared_remark([("real", ""), ("other", "")]) == ""
