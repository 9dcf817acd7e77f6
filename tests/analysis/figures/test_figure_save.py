from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alignhouse.analysis.figures import best_layer
from alignhouse.analysis.figures.best_layer import best_layer_by_group
from alignhouse.analysis.figures.depth import depth_bands
from alignhouse.analysis.figures.save import save_figure
from alignhouse.warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_each_format_is_written_whole_and_nothing_else_stays(
    tmp_path: Path, best_layers: Build, ceilings: Build
) -> None:
    plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound")
    paths = save_figure(plot, tmp_path / "figures", "best", width=4, height=3, dpi=50)
    assert paths["pdf"].read_bytes().startswith(b"%PDF-")
    assert paths["pdf"].read_bytes().rstrip().endswith(b"%%EOF")
    assert paths["png"].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert png_size(paths["png"]) == (200, 150)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["best.pdf", "best.png"]


def test_equal_plots_are_equal_files(tmp_path: Path, best_layers: Build, ceilings: Build) -> None:
    for name in ("one", "two"):
        plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound")
        save_figure(plot, tmp_path / name, "best", dpi=50)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert b"CreationDate" not in (tmp_path / "one" / "best.pdf").read_bytes()


def test_drawing_warns_of_nothing(
    tmp_path: Path, best_layers: Build, ceilings: Build, recwarn: pytest.WarningsRecorder
) -> None:
    networks = [(f"net{n}", "image-in1k" if n < 6 else "video-k400", "CNNs") for n in range(8)]
    save_figure(
        best_layer_by_group(best_layers(networks), ceilings(), protocol="sound"), tmp_path, "a", dpi=50
    )
    save_figure(depth_bands(pl.DataFrame(), protocol="sound"), tmp_path, "b", dpi=50)
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


@pytest.mark.parametrize(("name", "formats"), [("a/b", ("png",)), ("a", ("gif",))])
def test_a_name_with_a_folder_or_an_unknown_format_is_refused(
    tmp_path: Path, name: str, formats: tuple[str, ...]
) -> None:
    plot = depth_bands(pl.DataFrame(), protocol="sound")
    with pytest.raises(BadInput):
        save_figure(plot, tmp_path, name, formats=formats)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_figures_and_the_report_loads_no_plotting_library() -> None:
    figures = Path(best_layer.__file__).parent
    modules = ", ".join(
        [
            *(f"alignhouse.analysis.figures.{each.stem}" for each in figures.glob("[a-z]*.py")),
            "alignhouse.analysis.report.page",
        ]
    )
    heavy = ("plotnine", "matplotlib", "pandas", "jinja2")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
