"""Write the page of a report: the answer first, then the parts of a paper, methods, provenance and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.score_names import axis_name, protocol_measure
from alignhouse.analysis.kernels.measure_names import SPEARMAN
from alignhouse.analysis.report.chart_data import chart_data, group_colours
from alignhouse.analysis.report.content import ReportContent, Results, page_remark, results_by_protocol
from alignhouse.analysis.report.downloads import FOLDER as DATA
from alignhouse.analysis.report.downloads import write_downloads
from alignhouse.analysis.report.first_screen import first_screen
from alignhouse.analysis.report.gaps import gaps
from alignhouse.analysis.report.methods import protocol_methods, section_of, study_methods
from alignhouse.analysis.report.network_parts import NetworkPart, network_parts
from alignhouse.analysis.report.paper import paper_parts
from alignhouse.analysis.report.parts import PagePart
from alignhouse.analysis.report.publish import PAGE, staged
from alignhouse.analysis.report.scripts import as_json, csp_hash, page_scripts
from alignhouse.analysis.report.tables import (
    compared_settings,
    settings_table,
    table_of,
    without_repeated_remark,
)
from alignhouse.analysis.report.voxel_sections import voxel_sections
from alignhouse.warehouse.progress import Progress, Silent

if TYPE_CHECKING:
    from alignhouse.analysis.report.pictures import Picture, Planned

HERE = Path(__file__).parent
STYLES = ("style.css", "charts.css", "bars.css", "networks.css")
MOST_INPUTS = 200
MOST_OPEN = 12  # networks; the part with more of them is folded at first
# How an interactive chart is used, below it.
CHART_WORDS = {
    "strip": (
        "Point at a network, or focus the chart and use the arrow keys; select it with a click or Enter."
    ),
    "depth": (
        "Thick lines: means of groups, with 95 % bands if there are few groups. Thin lines: networks. Point "
        "at a line, or focus the chart and use the arrow keys."
    ),
}


def write_report(
    content: ReportContent,
    folder: Path,
    progress: Progress | None = None,
    *,
    figures: Mapping[str, Sequence[Planned]] | None = None,
    state: str = "",
) -> Path:
    """Write `folder`/index.html, which needs no other file, and beside it the figures and tables as files.

    Everything is written to a temporary folder first, so a failure leaves the old report unchanged.

    Parameters
    ----------
    figures : protocol or voxel encoding -> its figures, in the order of the page; figures without data are
        left out.
    state : identifies the results behind the report; stored beside the page.

    Raises
    ------
    BadInput : a frame lacks a column or contains NaN; also any error of drawing a figure.
    """
    shown = progress or Silent()
    with staged(folder, state) as making:
        pictures = _pictures(figures or {}, making, shown)
        shown.job("page and data")
        html = _page(content, pictures, making)
        (making / PAGE).write_text(html, encoding="utf-8")
        shown.job_done()
    return folder / PAGE


def _pictures(
    figures: Mapping[str, Sequence[Planned]], making: Path, progress: Progress
) -> dict[str, list[Picture]]:
    """Protocol or voxel encoding -> its drawn figures."""
    progress.stage("Writing the report", sum(map(len, figures.values())) + 1, 0)
    if not figures:
        return {}
    # Import plotnine only when there are figures to draw.
    from alignhouse.analysis.report.pictures import FOLDER, drawn

    made: dict[str, list[Picture]] = {}
    for protocol, planned in figures.items():
        for figure in planned:
            progress.job(f"figure: {figure.name}")
            picture = drawn(figure, making / FOLDER, progress)
            if picture is not None:
                made.setdefault(protocol, []).append(picture)
            progress.job_done()
    return made


def _page(content: ReportContent, drawn: Mapping[str, Sequence[Picture]], making: Path) -> str:
    remark = page_remark(content)
    results = results_by_protocol(content)
    first = results[0] if results else None

    def pictures(protocol: str, place: str) -> list[Picture]:
        return [each for each in drawn.get(protocol, ()) if each.section == place]

    networks = _networks(content, first)
    charts = charts_of(content, first, {each.name: each.anchor for each in networks})
    voxels = voxel_sections(content, remark, pictures)
    return _render(
        title=content.title,
        remark=remark,
        score=first.score if first else "",
        charts=charts,
        first=first_screen(content, first, charts, pictures(first.protocol, "regions") if first else []),
        parts=paper_parts(content, results, voxels, pictures, remark),
        networks=networks,
        most_open=MOST_OPEN,
        network_table=table_of(
            without_repeated_remark(content.networks, remark), "Networks and their weights"
        ),
        gaps=_gaps(content, first, voxels),
        **_methods(content, results, voxels),
        **_provenance(content),
        downloads=write_downloads(content, making / DATA),
    )


def _render(*, charts: Mapping[str, Any], **shown: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES) + group_colours(charts)
    return templates.get_template("template.html.j2").render(
        style=style,
        style_hash=csp_hash(style),
        scripts=page_scripts(with_charts=bool(charts)),
        charts=charts,
        chart_json=as_json(charts),
        chart_words=CHART_WORDS,
        **shown,
    )


def _networks(content: ReportContent, first: Results | None) -> list[NetworkPart]:
    if first is None:
        return []
    return network_parts(
        first.best_layer,
        content.layer_score,
        first.noise_ceiling,
        content.networks,
        first.leaderboard,
        first.protocol,
        score=first.score,
    )


def charts_of(content: ReportContent, first: Results | None, anchors: Mapping[str, str]) -> dict[str, Any]:
    """The data of the interactive charts; anchors : network -> the anchor of its part of the page."""
    if first is None:
        return {}
    measure = protocol_measure(content.protocols.get(first.protocol, {}))
    return chart_data(
        first,
        content.layer_score,
        content.bands,
        list(content.bands) or content.group_by,
        content.shown_regions,
        anchors,
        axis=axis_name(measure),
    )


def _gaps(content: ReportContent, first: Results | None, voxels: Sequence[PagePart]) -> list[str]:
    """What the first protocol and the voxel encodings lack."""
    of_first = gaps(first, content.group_by) if first else []
    return [*of_first, *(sentence for each in voxels for sentence in each.gaps)]


def _methods(
    content: ReportContent, results: Sequence[Results], voxels: Sequence[PagePart]
) -> dict[str, Any]:
    """The methods of the study, of each protocol and encoding, and their settings."""
    described: list[tuple[str, Sequence[str]]] = [
        (
            f"Under the {each.protocol} protocol",
            protocol_methods(
                content.protocols.get(each.protocol, {}),
                _row_of(content.chance, each.protocol),
                extracted=not _given_rdms(content.settings),
            ),
        )
        for each in results
    ]
    described += [(each.methods_heading, each.methods) for each in voxels]
    return {
        "methods": study_methods(
            content.settings,
            content.stimuli,
            only_rho=all(protocol_measure(each) == SPEARMAN for each in content.protocols.values()),
        ),
        "protocol_methods": [(heading, sentences) for heading, sentences in described if sentences],
        "protocols": compared_settings(
            {name: _without(each, "description") for name, each in content.protocols.items()},
            "Settings of the protocols",
        ),
        "encodings": compared_settings(
            # The other settings are those of the protocol that has the same features.
            {name: {"encoding": section_of(each, "encoding")} for name, each in content.encodings.items()},
            "Settings of voxel encoding",
        ),
    }


def _provenance(content: ReportContent) -> dict[str, Any]:
    return {
        # The sentences of the data set are among the methods.
        "settings": settings_table(_without(content.settings, "data_set"), "Settings of the study"),
        "inputs": table_of(
            content.inputs,
            "Inputs, with the hash of their content",
            most_rows=MOST_INPUTS,
            rest=f"All of them: {DATA}/inputs.csv",
        ),
        "run": settings_table(content.run, "The run that computed these results"),
        "runs": table_of(content.runs, "Runs that added to the warehouse"),
    }


def _row_of(frame: pl.DataFrame, protocol: str) -> dict[str, Any]:
    rows = frame.filter(protocol=protocol) if not frame.is_empty() else frame
    return rows.row(0, named=True) if not rows.is_empty() else {}


def _given_rdms(settings: Mapping[str, Any]) -> bool:
    networks = settings.get("networks")
    return isinstance(networks, Mapping) and bool(networks.get("rdms"))


def _without(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}
