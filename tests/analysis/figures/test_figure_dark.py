"""Figures for a dark page: what can be read on white paper can be read on dark paper too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text

from alignhouse.analysis.figures.best_layer import best_layer_by_group
from alignhouse.analysis.figures.dark import INK, PAPER, RGB, contrast, darken, mixed, on_dark, rgb
from alignhouse.analysis.figures.depth import depth_bands
from alignhouse.analysis.figures.drawing import drawing
from alignhouse.analysis.figures.labels import OKABE_ITO
from alignhouse.analysis.figures.profile import region_profile

Build = Callable[..., pl.DataFrame]
# Lines behind the data, and ticks in colour bars; they are weak on white paper too.
GUIDES = {on_dark(rgb(colour)) for colour in ("#E4E4E4", "#E5E5E5", "#EEEEEE", "#CCCCCC")}
EIGHT = [(f"net{n}", f"group {n % 8}", "CNNs") for n in range(16)]


def plots(best_layers: Build, ceilings: Build) -> Iterator[Any]:
    best = best_layers(EIGHT, remark="random weights").with_columns(
        group_median=pl.lit(0.15),
        group_p=pl.lit(0.0001),
        model_mean=pl.lit(0.1),
        p_value=pl.when(pl.col("model") < "net3").then(0.5).otherwise(0.001),
    )
    yield best_layer_by_group(best, ceilings(), protocol="sound", width=5)
    yield region_profile(best, protocol="sound", width=5)
    depths = pl.DataFrame({"depth": [0.0, 1.0]})
    bands = best.rename({"model_type": "group_name"}).drop("depth", "model").join(depths, how="cross")
    bands = bands.unique(["group_name", "roi", "depth"]).with_columns(
        lower=pl.col("rho") - 0.1, upper=pl.col("rho") + 0.1, n_models=pl.lit(3), n_subjects=pl.lit(10)
    )
    yield depth_bands(bands, ceilings(), protocol="sound", width=5)


@pytest.fixture
def dark_figures(best_layers: Build, ceilings: Build) -> Iterator[list[Figure]]:
    import matplotlib.pyplot as plt

    drawn = [plot.draw(show=False) for plot in plots(best_layers, ceilings)]
    for figure in drawn:
        darken(figure)
    yield drawn
    for figure in drawn:
        plt.close(figure)


def on_paper(colour: Any) -> RGB:
    """The colour that a reader sees."""
    red, green, blue, opacity = to_rgba(colour)
    return mixed(rgb(PAPER), (round(255 * red), round(255 * green), round(255 * blue)), opacity)


def marks(figure: Figure) -> Iterator[Any]:
    """The colours of points and lines of data, without those that let the paper show on purpose."""
    for artist in figure.findobj(lambda each: isinstance(each, Line2D | PathCollection | LineCollection)):
        if isinstance(artist, Line2D):
            has_line = artist.get_linewidth() > 0 and artist.get_linestyle() != "None"
            colours = [artist.get_color()] if has_line else []
            if artist.get_marker() not in ("None", None, ""):
                colours.append(artist.get_markeredgecolor())
        else:
            assert isinstance(artist, Collection)
            colours = list(artist.get_edgecolor())
        yield from (each for each in colours if to_rgba(each)[3] > 0)


def seen(colour: Any) -> RGB:
    red, green, blue = (round(255 * each) for each in to_rgba(colour)[:3])
    return red, green, blue


def test_text_and_marks_of_dark_figures_stand_out_from_the_paper(dark_figures: list[Figure]) -> None:
    paper = rgb(PAPER)
    for figure in dark_figures:
        texts = [each for each in figure.findobj(Text) if each.get_text().strip()]
        assert len(texts) > 20
        for text in texts:
            assert contrast(on_paper(text.get_color()), paper) >= 4.5, text
        found = [each for each in marks(figure) if seen(each) not in GUIDES]
        assert len(found) > 10
        for colour in found:
            assert contrast(on_paper(colour), paper) >= 3, colour
        assert seen(figure.get_facecolor()) == paper


def test_guides_are_weak_but_visible(dark_figures: list[Figure]) -> None:
    assert all(1.1 < contrast(colour, rgb(PAPER)) < 2 for colour in GUIDES)
    used = {seen(each) for figure in dark_figures for each in marks(figure)}
    assert used & GUIDES


def test_eight_groups_have_eight_colours_on_dark_paper(dark_figures: list[Figure]) -> None:
    colours = {on_dark(rgb(colour)) for colour in OKABE_ITO}
    assert len(colours) == 8
    # Points of large groups are pale.
    assert all(contrast(mixed(rgb(PAPER), colour, 0.6), rgb(PAPER)) >= 3 for colour in colours)
    assert colours <= {seen(each) for each in marks(dark_figures[0])}
    # Blue stays the bluest channel, vermilion the reddest.
    assert [int(np.argmax(on_dark(rgb(colour)))) for colour in ("#0072B2", "#D55E00", "#009E73")] == [2, 0, 1]
    assert on_dark(rgb("#56B4E9")) == rgb("#56B4E9"), "it is bright enough"


def test_colours_of_maps_and_images_stay() -> None:
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2)
    photograph = np.full((2, 2, 3), 255, dtype=np.uint8)
    image = left.imshow(photograph)
    tiles = right.pcolormesh(np.arange(4.0).reshape(2, 2), cmap="Greys")
    tiles.update_scalarmappable()
    before = tiles.get_facecolor().copy()
    darken(figure)
    plt.close(figure)
    assert isinstance(image, AxesImage)
    np.testing.assert_array_equal(image.get_array(), photograph)
    tiles.update_scalarmappable()
    np.testing.assert_array_equal(tiles.get_facecolor(), before)
    viridis = (68, 1, 84)
    assert on_dark(viridis) == viridis


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    # Known examples: the lightest grey for text on white, and pure blue.
    assert contrast(rgb("#767676"), (255, 255, 255)) == pytest.approx(4.54, abs=0.005)
    assert contrast((255, 255, 255), (0, 0, 255)) == pytest.approx(8.59, abs=0.005)


def test_a_grey_keeps_its_contrast_and_black_becomes_ink() -> None:
    assert on_dark((0, 0, 0)) == rgb(INK)
    assert on_dark((255, 255, 255)) == rgb(PAPER)
    for colour in ("#555555", "#8C8C8C", "#E4E4E4"):
        kept = contrast(on_dark(rgb(colour)), rgb(PAPER))
        assert kept == pytest.approx(contrast(rgb(colour), (255, 255, 255)), rel=0.03)


def test_one_drawing_is_written_light_and_dark(best_layers: Build, ceilings: Build) -> None:
    plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound", width=4)
    with drawing(plot, dpi=50) as once:
        light = {wanted: once.encoded(wanted) for wanted in ("svg", "png")}
        assert once.encoded("png") == light["png"], "the same figure is the same file"
        once.darken()
        dark = {wanted: once.encoded(wanted) for wanted in ("svg", "png")}
        twice = once.small_webp(100)
    assert PAPER.encode() in dark["svg"]
    assert PAPER.encode() not in light["svg"]
    # Only colours differ: another marker, outline or text would change the paths.
    paths = [re.findall(rb' d="([^"]*)"', each) for each in (light["svg"], dark["svg"])]
    assert len(paths[0]) > 50
    assert paths[0] == paths[1]
    assert pixels(twice).shape[1] == 2 * pixels(dark["png"]).shape[1]


def test_a_palette_makes_a_picture_smaller_and_changes_no_colour_much(
    best_layers: Build, ceilings: Build
) -> None:
    plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound", width=4)
    with drawing(plot, dpi=100) as once:
        png = once.encoded("png")
        small = once.small_webp(100)
        assert small == once.small_webp(100)
    assert len(small) < 0.5 * len(png)
    difference = np.abs(pixels(small).astype(int) - pixels(png))
    assert difference.mean() < 1
    assert difference.max() < 60


def pixels(png: bytes) -> Any:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))
