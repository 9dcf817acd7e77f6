"""The page of a report: what is in it, in which order, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from analysis.figures.frames import joined_remarks
from analysis.report.tables import Table, compared_settings, settings_table, table_of, without_repeated_remark
from analysis.report.words import KEYS, best_networks, change_between, summary
from warehouse.files import write_text

Progress = Callable[[str, int, int], None]
"""Told before each step: what is done next, how many steps are done, how many there are."""


@dataclass(frozen=True)
class ReportContent:
    """All that a report shows; the frames are query results, the page computes no statistic of its own.

    remark : what keeps the numbers from being findings ("random weights"); at the top and in every caption.
    best_layer, noise_ceiling, depth_profile, networks : the views and the question of these names.
    group_answers : the name of a question and the table that answers it.
    settings : of the study, nested. protocols : the settings of each protocol, nested.
    inputs : kind, name, sha256, rows, bytes. run : version, started, finished, ...
    group_by : columns of best_layer (or of networks) that figures group networks by.
    """

    title: str
    remark: str
    best_layer: pl.DataFrame
    noise_ceiling: pl.DataFrame
    depth_profile: pl.DataFrame
    networks: pl.DataFrame
    group_answers: Mapping[str, pl.DataFrame]
    settings: Mapping[str, Any]
    protocols: Mapping[str, Mapping[str, Any]]
    inputs: pl.DataFrame
    run: Mapping[str, Any]
    group_by: list[str] = field(default_factory=lambda: ["model_type", "arch_type"])


@dataclass(frozen=True)
class Section:
    """The results of one protocol on one data set and split."""

    anchor: str
    protocol: str
    source: str
    description: str
    sentences: list[str]
    pictures: list[Any]
    table: Table | None


def write_report(content: ReportContent, folder: Path, progress: Progress | None = None) -> Path:
    """Write `folder`/index.html, which needs no other file, and its figures (PDF, PNG) to `folder`/figures.

    The page is replaced at the end, in one step: a report that fails leaves the old page.

    Raises
    ------
    BadInput : a frame lacks a column, holds NaN, or a name in `group_by` is a column of neither frame.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    remark = page_remark(content)
    sections = _sections(content, remark, folder / "figures", progress or _silent)
    html = templates.get_template("template.html.j2").render(
        title=content.title,
        remark=remark,
        sections=sections,
        change=_change(content, [section.protocol for section in sections]),
        answers=[
            table_of(
                without_repeated_remark(answer, remark),
                name.replace("_", " ").capitalize(),
                rest=f"All of them: alignhouse ask {name}",
            )
            for name, answer in content.group_answers.items()
        ],
        networks=table_of(
            without_repeated_remark(content.networks, remark), "Networks and the weights they were given"
        ),
        methods=compared_settings(
            {name: _without_description(each) for name, each in content.protocols.items()},
            "Settings of the protocols",
        ),
        settings=settings_table(content.settings, "Settings of the study"),
        inputs=table_of(content.inputs, "Inputs, with the hash of their content"),
        run=settings_table(content.run, "The run that made this report"),
    )
    page = folder / "index.html"
    write_text(page, html)
    return page


def page_remark(content: ReportContent) -> str:
    """The remark of the content and of every row of its frames, each once."""
    remarks = [content.remark]
    for frame in (content.best_layer, content.noise_ceiling, content.depth_profile, content.networks):
        if "remark" in frame.columns:
            remarks += frame["remark"].cast(pl.String).unique().sort().to_list()
    return joined_remarks(remarks)


def _sections(content: ReportContent, remark: str, folder: Path, progress: Progress) -> list[Section]:
    # plotnine is loaded here, with the first figure, not when this module is imported.
    from analysis.report.pictures import best_layer_picture, depth_picture

    best, ceiling, depth = (
        _with_facts(_marked(frame, remark), content.networks, content.group_by)
        for frame in (content.best_layer, content.noise_ceiling, content.depth_profile)
    )
    places = _places(content)
    total = 2 * len(places) * len(content.group_by) + 1  # the figures, and the page
    sections: list[Section] = []
    done = 0
    for number, (protocol, dataset, split) in enumerate(places, start=1):
        source = f"{dataset}, {split}" if dataset else "no rows"
        here = [_of(frame, protocol, dataset, split) for frame in (best, ceiling, depth)]
        pictures = []
        for group_by in content.group_by:
            where = {"protocol": protocol, "source": source, "group_by": group_by}
            progress(f"figure: best layer by {group_by}, {protocol}", done, total)
            pictures.append(best_layer_picture(here[0], here[1], folder, **where))
            progress(f"figure: alignment over depth by {group_by}, {protocol}", done + 1, total)
            pictures.append(depth_picture(here[2], folder, **where))
            done += 2
        table = table_of(
            best_networks(here[0], here[1]), f"Best network of each region ({protocol} protocol, {source})"
        )
        sections.append(
            Section(
                anchor=f"results-{number}",
                protocol=protocol,
                source=source,
                description=str(content.protocols.get(protocol, {}).get("description", "")),
                sentences=summary(here[0], here[1]),
                pictures=pictures,
                table=table if table.rows else None,
            )
        )
    progress("page", done, total)
    return sections


def _places(content: ReportContent) -> list[tuple[str, str, str]]:
    """Protocol, data set and split of each section: `sound` first, then by name; those without rows too."""
    frames = [frame for frame in (content.best_layer, content.depth_profile) if not frame.is_empty()]
    found = {
        row for frame in frames for row in frame.select(pl.col(KEYS).cast(pl.String)).unique().iter_rows()
    }
    empty = {(name, "", "") for name in content.protocols if name not in {row[0] for row in found}}
    return sorted(found | empty, key=lambda row: (row[0] != "sound", row))


def _of(frame: pl.DataFrame, protocol: str, dataset: str, split: str) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    wanted = zip(KEYS, (protocol, dataset, split), strict=True)
    return frame.filter(pl.col(key).cast(pl.String) == value for key, value in wanted)


def _marked(frame: pl.DataFrame, remark: str) -> pl.DataFrame:
    """The frame with the page's remark in every row: a figure that leaves the page must carry it too."""
    return frame if frame.is_empty() or not remark else frame.with_columns(remark=pl.lit(remark))


def _with_facts(frame: pl.DataFrame, networks: pl.DataFrame, group_by: list[str]) -> pl.DataFrame:
    """The frame with those columns of `group_by` that only the table of networks has."""
    wanted = [name for name in group_by if name not in frame.columns and name in networks.columns]
    if frame.is_empty() or not wanted or "model" not in frame.columns:
        return frame
    facts = networks.select(pl.col("model").cast(pl.String), *wanted).unique("model")
    return frame.with_columns(pl.col("model").cast(pl.String)).join(facts, on="model", how="left")


def _change(content: ReportContent, protocols: list[str]) -> str:
    distinct = list(dict.fromkeys(protocols))
    return " ".join(
        filter(None, (change_between(content.best_layer, distinct[0], each) for each in distinct[1:]))
    )


def _without_description(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "description"}


def _silent(what: str, done: int, total: int) -> None:
    return None
