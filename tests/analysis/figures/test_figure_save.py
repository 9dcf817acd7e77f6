from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alignhouse.analysis.figures.best_layer import best_layer_by_group
from alignhouse.analysis.figures.depth import depth_bands
from alignhouse.analysis.figures.save import write_figure
from alignhouse.warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]
Save = Callable[[Path], dict[str, Path]]


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@pytest.fixture
def save_best(best_layers: Build, ceilings: Build) -> Save:
    """`save_best(folder)`: a figure of 4 x 3 inches in both formats, drawn anew."""

    def save(folder: Path) -> dict[str, Path]:
        plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound")
        paths = {name: folder / f"best.{name}" for name in ("pdf", "png")}
        for path in paths.values():
            write_figure(plot, path, width=4, height=3, dpi=50)
        return paths

    return save


def test_each_format_is_written_whole_and_equal_plots_are_equal_files(
    tmp_path: Path, save_best: Save
) -> None:
    paths = save_best(tmp_path / "figures")
    assert paths["pdf"].read_bytes().startswith(b"%PDF-")
    assert paths["pdf"].read_bytes().rstrip().endswith(b"%%EOF")
    assert paths["png"].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert png_size(paths["png"]) == (200, 150)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["best.pdf", "best.png"]
    for name, path in save_best(tmp_path / "again").items():
        assert path.read_bytes() == paths[name].read_bytes()
    assert b"CreationDate" not in paths["pdf"].read_bytes()


def test_drawing_warns_of_nothing(
    tmp_path: Path, best_layers: Build, ceilings: Build, recwarn: pytest.WarningsRecorder
) -> None:
    networks = [(f"net{n}", "image-in1k" if n < 6 else "video-k400", "CNNs") for n in range(8)]
    plots = {
        "a": best_layer_by_group(best_layers(networks), ceilings(), protocol="sound"),
        "b": depth_bands(pl.DataFrame(), pl.DataFrame(), protocol="sound"),
    }
    for name, plot in plots.items():
        write_figure(plot, tmp_path / f"{name}.png", dpi=50)
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


@pytest.mark.parametrize("name", ["a.gif", "a"])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str) -> None:
    plot = depth_bands(pl.DataFrame(), pl.DataFrame(), protocol="sound")
    with pytest.raises(BadInput, match="expected format pdf, png, svg"):
        write_figure(plot, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
