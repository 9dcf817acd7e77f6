from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alignhouse.analysis.report import bars
from alignhouse.analysis.report.bars import Ceiling, bar, bar_scale, simplified, spark_scale, sparkline
from alignhouse.warehouse.errors import BadInput

MACROS = Path(bars.__file__).parent
CEILING = Ceiling(0.2, 0.3, True)


def drawn(macro: str, value: object) -> dict[str, ElementTree.Element]:
    """The elements of a drawing by their class, and its text alternative."""
    templates = Environment(loader=FileSystemLoader(MACROS), autoescape=True, undefined=StrictUndefined)
    source = f'{{% from "macros/bars.html.j2" import {macro} %}}{{{{ {macro}(value) }}}}'
    svg = ElementTree.fromstring(templates.from_string(source).render(value=value).strip())
    assert all("style" not in each.attrib for each in svg.iter())
    return {each.get("class", each.tag): each for each in svg.iter()}


def test_a_bar_draws_every_value_at_its_place_on_the_scale() -> None:
    scale = bar_scale([0.0, 0.4])
    made = bar(0.1, (0.05, 0.2), CEILING, scale, level=0.95)
    # 114 pixels for 0.4, after a margin of 3.
    assert (made.zero, made.dot, made.interval) == (3.0, 31.5, (17.2, 60.0))
    assert (made.ceiling, made.band, made.is_weak) == (60.0, (60.0, 88.5), False)
    elements = drawn("show_bar", made)
    assert elements["d"].get("cx") == "31.5"
    assert elements["i"].get("d") == "M17.2 7H60"
    assert elements["c"].get("d") == "M60 0v14"
    assert elements["b"].get("d") == "M60 1H88.5V13H60"
    text = "rho 0.100, 95 % interval 0.050 to 0.200; lower noise ceiling 0.200"
    assert elements["title"].text == text
    assert elements["bar"].get("role") == "img"


def test_a_bar_without_interval_and_ceiling_has_a_dot_alone() -> None:
    elements = drawn("show_bar", bar(-0.1, None, None, bar_scale([-0.1, 0.1]), score="CKA"))
    assert elements.keys() == {"bar", "title", "o", "d"}
    assert elements["title"].text == "CKA -0.100"
    assert elements["d"].get("cx") == "3"
    assert elements["o"].get("d") == "M60 0v14"


def test_an_unreliable_ceiling_is_dashed_without_a_band() -> None:
    made = bar(0.1, (0.0, 0.2), Ceiling(0.2, 0.3, False), bar_scale([0.4]))
    assert (made.band, made.is_weak) == (None, True)
    elements = drawn("show_bar", made)
    assert "b" not in elements
    assert "c w" in elements
    assert made.label == (
        "rho 0.100, interval 0.000 to 0.200; lower noise ceiling 0.200, not reliably above chance"
    )


def test_a_value_off_the_scale_is_drawn_at_its_end() -> None:
    made = bar(0.1, None, Ceiling(0.2, 0.9), bar_scale([0.1, 0.2]))
    assert made.band == (117.0, 117.0)


@pytest.mark.parametrize("values", [[], [None], [0.0], [-0.2, 0.3], [0.1, None]])
def test_a_scale_contains_zero_and_has_a_length(values: list[float | None]) -> None:
    scale = bar_scale(values)
    assert scale.low <= 0 <= scale.high
    assert scale.low < scale.high


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_refused(bad: float) -> None:
    scale = bar_scale([1.0])
    for make in (
        lambda: bar_scale([0.1, bad]),
        lambda: bar(bad, None, None, scale),
        lambda: bar(0.1, (0.0, bad), None, scale),
        lambda: bar(0.1, None, Ceiling(bad), scale),
        lambda: bar(0.1, None, Ceiling(0.1, bad), scale),
        lambda: sparkline([0.0, bad], [0.1, 0.2], None, None, scale),
        lambda: sparkline([0.0, 1.0], [0.1, bad], None, None, scale),
    ):
        with pytest.raises(BadInput, match="finite numbers"):
            make()


def test_a_line_over_depth_has_its_layers_its_best_layer_and_the_ceiling() -> None:
    scale = spark_scale([0.0, 0.4])
    made = sparkline([0.0, 0.5, 1.0], [0.0, 0.4, 0.2], 0.5, CEILING, scale)
    assert made.points == "3,19 42,3 81,11"
    assert (made.dot, made.ceiling, made.zero) == ((42.0, 3.0), 11.0, 19.0)
    assert made.label == "rho 0.000 at depth 0.00, 0.400 at 0.50, the best layer, 0.200 at 1.00"
    elements = drawn("show_sparkline", made)
    assert elements["l"].get("points") == made.points
    assert (elements["d"].get("cx"), elements["d"].get("cy")) == ("42", "3")
    assert elements["c"].get("d") == "M3 11h78"


def test_a_line_of_one_layer_or_without_a_best_layer_is_drawn() -> None:
    made = sparkline([0.25], [0.1], 0.25, None, spark_scale([0.1]))
    assert made.label == "rho 0.100 at depth 0.25, one layer"
    assert drawn("show_sparkline", made).keys() == {"spark", "title", "o", "l", "d"}
    assert sparkline([0.0, 1.0], [0.1, 0.2], None, None, spark_scale([0.2])).dot is None
    assert sparkline([], [], None, None, spark_scale([])).label == "no rho over depth"


def test_points_that_lie_on_the_line_are_left_out_and_peaks_stay() -> None:
    straight = [(float(x), 2.0 * x) for x in range(20)]
    assert simplified(straight) == [straight[0], straight[-1]]
    peaked = [(0.0, 0.0), (1.0, 0.0), (2.0, 5.0), (3.0, 0.0), (4.0, 0.0)]
    assert simplified(peaked) == peaked


def test_labels_are_escaped() -> None:
    made = bar(0.1, None, None, bar_scale([0.1]), score='<script>"')
    assert drawn("show_bar", made)["title"].text == '<script>" 0.100'
