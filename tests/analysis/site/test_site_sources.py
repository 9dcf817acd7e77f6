"""Which warehouses a site can show together, and what keeps their data sets apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from empty_warehouse import empty_warehouse

import alignhouse
from alignhouse.analysis.site.sources import sources, unique_labels
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import Warehouse


def test_labels_are_the_shortest_names_that_differ() -> None:
    assert unique_labels([Path("/x/a.alignhouse"), Path("/y/b.alignhouse")]) == [
        "a.alignhouse",
        "b.alignhouse",
    ]
    assert unique_labels([Path("/x/a"), Path("/y/a"), Path("/y/b")]) == ["x/a", "y/a", "y/b"]
    assert unique_labels([Path("/a"), Path("/y/a")]) == ["/a", "y/a"]


def test_a_folder_that_is_given_twice_is_refused(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(plain)
    with pytest.raises(BadInput, match=r"plain.alignhouse is given 2 times"):
        alignhouse.write_site([plain, tmp_path / "link"], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_copy_of_a_warehouse_is_refused(plain: Path, copied: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"copy.alignhouse.*found the contents of plain.alignhouse"):
        alignhouse.write_site([plain, copied], tmp_path / "site")


def test_a_data_set_of_the_same_name_is_called_by_its_warehouse_too(
    plain: Path, make: Callable[..., Path]
) -> None:
    with Warehouse.open(plain) as one, Warehouse.open(make("other.alignhouse", seed=1)) as other:
        named = sources([one, other])
        alone = sources([one])
    assert [each.datasets for each in named] == [
        {"d": "d (plain.alignhouse)"},
        {"d": "d (other.alignhouse)"},
    ]
    assert alone[0].datasets == {"d": "d"}


def test_other_data_sets_keep_their_names(plain: Path, make: Callable[..., Path]) -> None:
    with Warehouse.open(plain) as one, Warehouse.open(make("e.alignhouse", dataset="e")) as other:
        assert [each.datasets for each in sources([one, other])] == [{"d": "d"}, {"e": "e"}]


def test_a_warehouse_without_scores_is_refused_by_name(plain: Path, tmp_path: Path) -> None:
    nothing = empty_warehouse(tmp_path / "nothing.alignhouse")
    with pytest.raises(BadInput, match=r"no scores to show in .*nothing.alignhouse"):
        alignhouse.write_site([plain, nothing], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_folder_without_a_warehouse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a folder with warehouse.duckdb"):
        alignhouse.write_site([tmp_path], tmp_path / "site")
    with pytest.raises(BadInput, match="a site needs a warehouse"):
        alignhouse.write_site([], tmp_path / "site")
