"""The report shows every figure of the catalog, unless the catalog gives a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from alignhouse.analysis.figures import catalog
from alignhouse.analysis.figures.catalog import figures
from alignhouse.analysis.figures.entries import InReport
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.report.pictures import planned_figures
from alignhouse.warehouse.errors import BadInput

REQUEST = Request(protocol="sound", dataset="mini", split="test")
GROUPINGS = ["model_type", "family"]


PLACES = [place for place in get_args(InReport) if place != "no"]


def planned_names(*places: InReport) -> list[str]:
    # Planning reads no data, so any object can replace the warehouse.
    warehouse: Any = object()
    return [each.name for each in planned_figures(warehouse, REQUEST, GROUPINGS, places)]


def name_in_report(figure: str) -> str:
    return f"sound mini test {figure}".replace("_", " ")


def shown(figure: str, names: list[str]) -> int:
    """How often a figure is in the report."""
    own = name_in_report(figure)
    return sum(each == own or each.startswith(f"{own} by ") for each in names)


@pytest.mark.parametrize("name", sorted(figures()))
def test_every_figure_is_in_the_report_or_the_catalog_says_why_not(name: str) -> None:
    times = shown(name, planned_names(*PLACES))
    assert times > 0 or figures()[name].not_in_report.strip()
    assert times == 0 or not figures()[name].not_in_report


def test_the_report_of_today_shows_these_figures_in_this_order() -> None:
    of_every_protocol = [
        f"{name_in_report(name)} by {group.replace('_', ' ')}"
        for name in ("best_layer", "depth")
        for group in GROUPINGS
    ]
    once = [
        "profile by model type",
        "ranking by model type",
        "depth networks",
        "training dataset by model type",
        "complexity by model type",
        "protocol difference by model type",
        "hemispheres",
        "rdms",
        "rdm map",
    ]
    of_voxels = ["encoding by model type", "encoding rsa by model type", "variance partition"]
    assert planned_names("every protocol") == of_every_protocol
    assert planned_names(*PLACES[:2]) == of_every_protocol + [name_in_report(each) for each in once]
    assert planned_names(*PLACES[2:]) == [name_in_report(each) for each in of_voxels]


def test_a_new_figure_is_in_the_report_unless_its_entry_says_why_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = replace(figures()["rdms"], name="brand_new")
    monkeypatch.setattr(catalog, "FIGURES", (*catalog.FIGURES, new))
    assert shown("brand_new", planned_names(*PLACES)) == 1
    left_out = replace(new, in_report="no", not_in_report="takes an hour to draw")
    monkeypatch.setattr(catalog, "FIGURES", (*catalog.FIGURES[:-1], left_out))
    assert shown("brand_new", planned_names(*PLACES)) == 0


def test_a_figure_is_not_left_out_without_a_reason() -> None:
    with pytest.raises(BadInput, match="figure rdms: expected a place in the report"):
        replace(figures()["rdms"], in_report="no")
    with pytest.raises(BadInput, match="not_in_report='too large'"):
        replace(figures()["rdms"], not_in_report="too large")
