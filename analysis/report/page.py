"""Write the page of a report with its sections, tables and figures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.score_names import protocol_measure, score_name
from alignhouse.analysis.kernels.measure_names import SPEARMAN
from alignhouse.analysis.report.content import ReportContent, Results, page_remark, results_by_protocol
from alignhouse.analysis.report.downloads import FOLDER as DATA
from alignhouse.analysis.report.downloads import write_downloads
from alignhouse.analysis.report.gaps import gaps
from alignhouse.analysis.report.leaderboard import best_layer_table, leaderboard_table
from alignhouse.analysis.report.methods import protocol_methods, section_of, study_methods
from alignhouse.analysis.report.publish import PAGE, staged
from alignhouse.analysis.report.sections import ResultsSection
from alignhouse.analysis.report.tables import (
    Table,
    compared_settings,
    settings_table,
    table_of,
    without_repeated_remark,
)
from alignhouse.analysis.report.voxel_sections import voxel_sections
from alignhouse.analysis.report.words import best_networks, change_between, summary
from alignhouse.warehouse.progress import Progress, Silent

if TYPE_CHECKING:
    from alignhouse.analysis.figures.entries import InReport
    from alignhouse.analysis.report.pictures import Picture, Planned

HERE = Path(__file__).parent
MOST_INPUTS = 200
SCOPE = ("protocol", "dataset", "split")


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
    remark = page_remark(content)
    with staged(folder, state) as making:
        sections = _sections(content, figures or {}, remark, making, shown)
        shown.job("page and data")
        html = _page(content, remark, sections, making)
        (making / PAGE).write_text(html, encoding="utf-8")
        shown.job_done()
    return folder / PAGE


def _page(content: ReportContent, remark: str, sections: list[ResultsSection], making: Path) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("style.css", "tables.js"))
    return templates.get_template("template.html.j2").render(
        title=content.title,
        remark=remark,
        style=style,
        script=script,
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
        sections=sections,
        change=_change(content, [each.protocol for each in results_by_protocol(content)]),
        leaderboard=leaderboard_table(content.leaderboard, content.best_layer, content.noise_ceiling),
        best_layers=best_layer_table(content.best_layer),
        answers=[
            table_of(
                without_repeated_remark(answer, remark),
                name.replace("_", " ").capitalize(),
                rest=f"All of them: alignhouse ask {name}",
            )
            for name, answer in content.group_answers.items()
        ],
        networks=table_of(without_repeated_remark(content.networks, remark), "Networks and their weights"),
        methods=study_methods(
            content.settings,
            content.stimuli,
            only_rho=all(protocol_measure(each) == SPEARMAN for each in content.protocols.values()),
        ),
        protocols=compared_settings(
            {name: _without_description(each) for name, each in content.protocols.items()},
            "Settings of the protocols",
        ),
        encodings=compared_settings(
            # The other settings are those of the protocol that has the same features.
            {name: {"encoding": section_of(each, "encoding")} for name, each in content.encodings.items()},
            "Settings of voxel encoding",
        ),
        settings=settings_table(_without_words(content.settings), "Settings of the study"),
        inputs=table_of(
            content.inputs,
            "Inputs, with the hash of their content",
            most_rows=MOST_INPUTS,
            rest=f"All of them: {DATA}/inputs.csv",
        ),
        run=settings_table(content.run, "The run that computed these results"),
        runs=table_of(content.runs, "Runs that added to the warehouse"),
        downloads=write_downloads(content, making / DATA),
    )


def csp_hash(text: str) -> str:
    """The Content-Security-Policy hash that allows an inline style or script with exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _sections(
    content: ReportContent,
    figures: Mapping[str, Sequence[Planned]],
    remark: str,
    making: Path,
    progress: Progress,
) -> list[ResultsSection]:
    # Import plotnine only when there are figures to draw.
    from alignhouse.analysis.report.pictures import FOLDER, drawn

    def pictures(protocol: str, place: InReport | None = None) -> list[Picture]:
        found = []
        for figure in figures.get(protocol, ()):
            if place in (None, figure.place):
                progress.job(f"figure: {figure.name}")
                found.append(drawn(figure, making / FOLDER, progress))
                progress.job_done()
        return [each for each in found if each is not None]

    progress.stage("Writing the report", sum(map(len, figures.values())) + 1, 0)
    sections = []
    for number, results in enumerate(results_by_protocol(content), start=1):
        protocol = content.protocols.get(results.protocol, {})
        title = f"{results.protocol} protocol, {results.source}"
        sections.append(
            ResultsSection(
                anchor=f"results-{number}",
                link=f"{results.protocol} protocol",
                title=title,
                heading=f"Results: {title}",
                short=results.protocol,
                description=str(protocol.get("description", "")),
                sentences=summary(results),
                gaps=gaps(results, content.group_by),
                pictures=pictures(results.protocol),
                tables=[table for table in _tables(results, remark) if table.rows],
                methods_heading=f"Under the {results.protocol} protocol",
                methods=protocol_methods(
                    protocol,
                    _row_of(content.chance, results.protocol),
                    extracted=not _given_rdms(content.settings),
                ),
            )
        )
    return sections + voxel_sections(content, remark, pictures)


def _tables(results: Results, remark: str) -> list[Table]:
    where = f"({results.protocol} protocol, {results.source})"
    networks = best_networks(results.best_layer, results.noise_ceiling)
    best = table_of(networks, f"Best network of each region {where}")
    tables = [best]
    if not results.group_comparison.is_empty():
        compared = without_repeated_remark(results.group_comparison, remark).drop(
            *SCOPE, "roi_order", "level", "resampled", "n_pairs"
        )
        tables.append(table_of(compared, f"Medians of groups of networks, and their differences {where}"))
    for frame, caption in (
        (results.controls, "Control models"),
        (results.beyond_controls, "Networks given the control models"),
        (results.frame_order, "Networks shown frames in another order"),
    ):
        if not frame.is_empty():
            shown = without_repeated_remark(frame, remark).drop(*SCOPE, "roi_order")
            tables.append(table_of(shown, f"{caption} {where}"))
    return tables


def _row_of(frame: pl.DataFrame, protocol: str) -> dict[str, Any]:
    rows = frame.filter(protocol=protocol) if not frame.is_empty() else frame
    return rows.row(0, named=True) if not rows.is_empty() else {}


def _given_rdms(settings: Mapping[str, Any]) -> bool:
    networks = settings.get("networks")
    return isinstance(networks, Mapping) and bool(networks.get("rdms"))


def _change(content: ReportContent, protocols: list[str]) -> str:
    """How the first protocol's scores differ from those of the others by the same measure."""
    measures = {name: protocol_measure(content.protocols.get(name, {})) for name in dict.fromkeys(protocols)}
    if not measures:
        return ""
    first, *others = measures
    score = score_name(measures[first])
    changes = [
        change_between(content.best_layer, first, each, score)
        for each in others
        if measures[each] == measures[first]
    ]
    return " ".join(filter(None, changes))


def _without_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The study's settings without the sentences of its data set, which are among the methods."""
    return {name: value for name, value in settings.items() if name != "data_set"}


def _without_description(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "description"}
