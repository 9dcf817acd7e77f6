"""Every check finds its fault in each row, and finds nothing in a correct warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from made_up_warehouse import made_up_warehouse

from alignhouse.warehouse import Warehouse, checks
from alignhouse.warehouse.checks import MOST_ROWS, broken_rules, rule_faults
from alignhouse.warehouse.schema import sql_files
from alignhouse.warehouse.store import WORKING, Writer

INTERVAL = (
    "'sound', 'd', 'test', 'a', 'l0', 'V1', 'layer', 'stimuli', 'percentile', 0.95, 0.1, {}, {}, 9, 0, '',"
    " (select any_value(artifact) from alignment)"
)
RELIABILITY = "'d', 's1', 'V1', 'test', 10, 9, 10, 0.2, {}, '', (select any_value(artifact) from alignment)"

BEYOND = (
    "insert into beyond_controls by name select protocol, dataset, split, model, layer, roi, remark,"
    " artifact, 'gist' as controls, 1 as n_controls, 3 as n_subjects, {} as partial_rho, 0.1 as r2_both,"
    " '' as reason, 9 as permutations, 0 as draws, 0 as seed from alignment"
    " where model = 'd' and protocol = 'sound' and {}"
)

ORDER_DIFFERENCE = (
    "insert into frame_order_difference by name select 'sound' as protocol, 'd' as dataset, 'test' as split,"
    " 'c' as model, 'frozen' as frame_order, 'same_layer' as comparison, 'l0' as layer,"
    " 'l0' as layer_in_order, 0.3 as rho, 0.1 as rho_in_order, {} as difference, 0.1 as lower,"
    " 0.3 as upper, 0.95 as level,"
    " 'both' as resampled, 'dual' as method, 0.01 as p_value, 3 as n_subjects, 9 as draws, 0 as seed,"
    " '' as remark, any_value(artifact) as artifact, '{}' as roi from alignment;"
)

PARTITION = (
    "insert into network_partition by name select 'sound-encoding' as protocol, 'd' as dataset,"
    " 'test' as split, '{}' as model, 'l0' as layer, '{}' as other_model, 'l1' as other_layer,"
    " 'V1' as roi, 0.3 as r2_network, 0.2 as r2_other, 0.4 as r2_both, 0.2 as unique_network,"
    " 0.1 as unique_other, 0.1 as shared, {} as shared_lower, 0.2 as shared_upper, true as is_normalised,"
    " 3 as n_subjects, 90 as n_voxels, 9 as candidates, 'region' as weights_per, 0.95 as level,"
    " 'both' as resampled, 'dual' as method, 9 as draws, 0 as seed, '' as remark,"
    " any_value(artifact) as artifact from alignment;"
)

# check -> a statement that breaks its rule, the first line of the report, the number of broken rows
FAULTS = {
    "alignment_has_a_ceiling": ("delete from noise_ceiling where roi = 'MT'", "roi = MT", 2),
    "alignment_is_unique": (
        "insert into alignment from alignment where model = 'd' and roi = 'V1' and protocol = 'sound'",
        "times = 2",
        3,
    ),
    "alignment_refers_to_what_is_known": ("delete from model where model = 'd'", "fault = unknown model", 30),
    "beyond_controls_in_range": (BEYOND.format("null::double", "subject = 's1'"), "partial_rho = None", 5),
    "beyond_controls_is_unique": (BEYOND.format("0.1", "roi = 'V1'"), "times = 3", 1),
    "dimensions_are_unique": ("insert into model from model where model = 'a'", "key = a, times = 2", 1),
    "frame_order_difference_in_range": (
        ORDER_DIFFERENCE.format("0.3 - 0.1", "MT")
        + ORDER_DIFFERENCE.format("0.1", "V1")
        + 2 * ORDER_DIFFERENCE.format("0.3 - 0.1", "EBA"),
        "difference = 0.1",
        3,
    ),
    "intervals_in_order": (
        f"insert into score_interval values ({INTERVAL.format(0.3, 0.2)});{PARTITION.format('a', 'b', 0.3)}",
        "what = shared of a and b, resampled = both, method = dual, lower = 0.3",
        2,
    ),
    "layers_in_order": (
        "update layer set layer_index = 7 where layer = 'l1' and model = 'b'",
        "layer_index = 7",
        2,
    ),
    "lower_ceiling_below_upper": (
        "update noise_ceiling set lower = 0.99 where roi = 'V1'",
        "lower = 0.99",
        2,
    ),
    "network_partition_is_unique": (
        2 * PARTITION.format("a", "b", 0) + PARTITION.format("c", "b", 0) + PARTITION.format("b", "d", 0),
        "model = a, other_model = b, roi = V1, times = 2",
        2,
    ),
    "p_in_range": (
        "update significance set p_value = 1.2 where model = 'd' and test = 'best_layer'",
        "p_value = 1.2",
        10,
    ),
    "reliability_in_range": (
        f"insert into region_reliability values ({RELIABILITY.format(1.5)})",
        "rdm_reliability = 1.5",
        1,
    ),
    "rho_in_range": (
        "update alignment set rho = 'nan' where model = 'd' and subject = 's2'",
        "rho = nan",
        10,
    ),
    "rows_have_an_artifact": (
        "update alignment set artifact = 'nobody' where model = 'a'",
        "artifact = nobody",
        1,
    ),
    "significance_is_of_the_alignment": (
        "update significance set statistic = statistic + 0.001 where model = 'd' and test = 'layer'",
        "model = d",
        10,
    ),
    "significance_is_unique": (
        "insert into significance from significance where model = 'a' and test = 'best_layer' and roi = 'V1'",
        "test = best_layer",
        2,
    ),
    "synthetic_is_called_synthetic": (
        "update alignment set remark = '' where model = 'a'",
        "is_synthetic = True",
        1,
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_warehouse(tmp_path_factory)


def test_every_check_is_tested() -> None:
    assert set(FAULTS) == set(sql_files("checks"))


def test_a_correct_warehouse_breaks_no_rule(whole: Path) -> None:
    with Warehouse.open(whole) as opened:
        assert broken_rules(opened) == []


@pytest.fixture(scope="module")
def connection(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the writer's file of a copy; tests roll back what they change."""
    copy = shutil.copyfile(whole / WORKING, tmp_path_factory.mktemp("broken") / WORKING.name)
    with duckdb.connect(str(copy)) as opened:
        yield opened


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that leaves out all checks but one: together, they take ten times as long."""

    def leave(check: str) -> None:
        monkeypatch.setattr(checks, "sql_files", lambda *folders: {check: sql_files(*folders)[check]})

    return leave


def faults_after(connection: duckdb.DuckDBPyConnection, *statements: str) -> list[str]:
    """What the checks find after some statements, which are rolled back."""
    connection.execute("begin")
    for statement in statements:
        connection.execute(statement)
    found = rule_faults(connection)
    connection.execute("rollback")
    return found


@pytest.mark.parametrize("check", FAULTS)
def test_a_check_reports_every_faulty_row(
    connection: duckdb.DuckDBPyConnection, only: Callable[[str], None], check: str
) -> None:
    statement, said, rows = FAULTS[check]
    only(check)
    assert rule_faults(connection) == []
    found = faults_after(connection, statement)
    assert any(said in line for line in found)
    assert len(found) == min(rows, MOST_ROWS) + (rows > MOST_ROWS)
    if rows > MOST_ROWS:
        assert found[-1].endswith(f"and {rows - MOST_ROWS} more rows")


def test_a_network_whose_layers_have_no_depth_is_no_fault_but_one_without_some_is(
    connection: duckdb.DuckDBPyConnection, only: Callable[[str], None]
) -> None:
    only("layers_in_order")
    for layers, is_fault in (("true", False), ("layer = 'l0'", True)):
        found = faults_after(
            connection,
            "update layer set depth = layer_index / 99 where model = 'b'",
            f"update layer set depth = null where model = 'b' and {layers}",
        )
        assert bool(found) == is_fault


def test_a_fault_is_found_in_an_opened_warehouse(whole: Path, tmp_path: Path) -> None:
    statement, said, rows = FAULTS["layers_in_order"]
    broken = Path(shutil.copytree(whole, tmp_path / "w"))
    with Writer(broken, "test") as writer:
        writer.connection.execute(statement)
        writer.mark_changed()
    with Warehouse.open(broken) as opened:
        found = broken_rules(opened)
    assert (len(found), said in found[0]) == (rows, True)
    assert all(line.startswith("layers_in_order: ") for line in found)
