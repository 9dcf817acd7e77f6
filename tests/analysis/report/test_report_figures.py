"""The report shows every figure of the catalog, unless the catalog gives a reason."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import PIL.Image
import pytest

from alignhouse.analysis.figures import catalog
from alignhouse.analysis.figures.best_layer import best_layer_by_group
from alignhouse.analysis.figures.catalog import Drawn, figures
from alignhouse.analysis.figures.entries import InReport, Section
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.report import pictures
from alignhouse.analysis.report.pictures import Image, Planned, drawn, planned_figures
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Progress, Silent

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


def test_each_figure_has_its_part_of_the_paper() -> None:
    warehouse: Any = object()
    found = {
        (each.figure, each.group_by): each.section
        for each in planned_figures(warehouse, REQUEST, GROUPINGS, PLACES)
    }
    assert found[("best_layer", "model_type")] == "regions"
    assert found[("best_layer", "family")] == "groups"
    assert (
        found[("depth", "model_type")]
        == found[("depth", "family")]
        == found[("depth_networks", "")]
        == "depth"
    )
    by_section = {
        part: {name for (name, _), its in found.items() if its == part} for part in get_args(Section)
    }
    assert by_section == {
        "regions": {"best_layer", "profile", "ranking", "hemispheres", "rdms", "rdm_map"},
        "depth": {"depth", "depth_networks"},
        "groups": {"best_layer"},
        "explains": {"training_dataset", "complexity"},
        "robustness": {"protocol_difference"},
        "encoding": {"encoding", "encoding_rsa"},
        "variance partition": {"variance_partition"},
    }


def test_a_picture_is_wide_and_narrow_light_and_dark(best: Callable[[float], Any], tmp_path: Path) -> None:
    widths: list[float] = []

    def draw(progress: Progress, asked: Sequence[float]) -> list[Drawn]:
        widths.extend(asked)
        return [Drawn("best_layer", "Best", "Points.", best(width)) for width in asked]

    planned = Planned("sound best", "About.", draw, section="groups", figure="best_layer", group_by="family")
    picture = drawn(planned, tmp_path, Silent())
    assert picture is not None
    assert (picture.name, picture.group_by, picture.section) == ("best_layer", "family", "groups")
    assert [round(width * 25.4) for width in widths] == [183, 89]
    assert list(picture.images) == ["wide_light", "wide_dark", "narrow_light", "narrow_dark"]
    # Files and the image for print are wide and light.
    light = picture.images["wide_light"]
    assert decoded(light) == (tmp_path / "sound-best.svg").read_bytes()
    assert (picture.image, picture.width, picture.height) == (light.uri, light.width, light.height)
    assert light.width == round(183 / 25.4 * 150)
    # A narrow figure is shown at its size: 89 mm at 96 pixels an inch. Screens have twice as many.
    narrow = picture.images["narrow_light"]
    assert narrow.width == 336
    for name, width in {"wide_dark": 1081, "narrow_light": 672, "narrow_dark": 672}.items():
        image = picture.images[name]
        size, paper = pixels(decoded(image))
        assert abs(size[0] - width) <= 1
        assert abs(size[1] / size[0] - image.height / image.width) < 0.01
        assert paper == ((22, 24, 28) if name.endswith("dark") else (255, 255, 255))
    assert (narrow.width, narrow.height) == (
        picture.images["narrow_dark"].width,
        picture.images["narrow_dark"].height,
    )


def test_a_light_image_of_many_points_is_pixels(
    best: Callable[[float], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES_OF_SVG", 10)
    monkeypatch.setattr(pictures, "_narrow_images", lambda narrow: {})
    planned = Planned("b", "", lambda _, widths: [Drawn("b", "B", "", best(width)) for width in widths])
    picture = drawn(planned, tmp_path, Silent())
    assert picture is not None
    assert pixels(decoded(picture.images["wide_light"]))[1] == (255, 255, 255)


def decoded(image: Image) -> bytes:
    return base64.b64decode(image.uri.partition(",")[2])


def pixels(content: bytes) -> tuple[tuple[int, int], Any]:
    """Size and first pixel."""
    with PIL.Image.open(io.BytesIO(content)) as image:
        return image.size, image.convert("RGB").getpixel((0, 0))


@pytest.fixture
def best(content: Callable[..., Any]) -> Callable[[float], Any]:
    """A figure of a few points at a width."""
    made = content()
    return lambda width: best_layer_by_group(
        made.best_layer, made.noise_ceiling, protocol="sound", width=width
    )
