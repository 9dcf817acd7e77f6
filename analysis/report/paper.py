"""The parts of a report in the order of a paper: regions, groups, depth, what explains it, robustness.

To show a new table or figure, add it to the function of its part. A part without content is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from alignhouse.analysis.figures.score_names import protocol_measure, score_name
from alignhouse.analysis.report.content import ReportContent, Results
from alignhouse.analysis.report.leaderboard import best_layer_table, leaderboard_table
from alignhouse.analysis.report.parts import PagePart, Pictures
from alignhouse.analysis.report.tables import Table, table_of, without_repeated_remark
from alignhouse.analysis.report.words import best_networks, change_between, sentences, summary

SCOPE = ("protocol", "dataset", "split")
# Question -> the part that shows its answer, and the caption.
ANSWERS = {
    "alignment_by_model_type": ("groups", "Alignment by model type"),
    "alignment_by_architecture": ("groups", "Alignment by architecture"),
    "alignment_by_objective": ("groups", "Alignment by training objective"),
    "alignment_by_weights": ("groups", "Alignment of trained and untrained networks"),
    "alignment_by_layer_depth": ("depth", "Alignment by depth of the layer"),
    "measure_agreement": ("robustness", "Agreement of rankings between measures"),
}


def paper_parts(
    content: ReportContent,
    results: Sequence[Results],
    voxels: Sequence[PagePart],
    pictures: Pictures,
    remark: str,
) -> list[PagePart]:
    """The parts before the networks, those of the first protocol first; [] without scores.

    Parameters
    ----------
    results : of each protocol. voxels : the part of each voxel encoding or variance partition.
    pictures : gives the figures of a protocol in one place of the report.
    remark : of the page; tables leave out a column that repeats it.
    """
    if not results or results[0].best_layer.is_empty():
        return []
    first = results[0]
    said = sentences(first)
    answers = _answers(content, remark)
    parts = [
        _regions(content, first, said["regions"], pictures, remark),
        PagePart(
            "groups",
            "Groups of networks",
            "Groups",
            sentences=said["groups"],
            pictures=pictures(first.protocol, "groups"),
            tables=[*_group_tables(first, remark), *answers["groups"]],
        ),
        PagePart(
            "depth",
            "Depth of layers",
            "Depth",
            sentences=said["depth"],
            pictures=pictures(first.protocol, "depth"),
            tables=answers["depth"],
            chart="depth" if _has_depths(content.layer_score, first.protocol) else "",
        ),
        PagePart(
            "explains",
            "What differs between networks",
            "Differences",
            sentences=said["explains"],
            pictures=pictures(first.protocol, "explains"),
            tables=_explaining_tables(first, remark),
        ),
        *voxels,
        _robustness(content, results, answers["robustness"], pictures, remark),
    ]
    return [each for each in parts if not each.is_empty()]


def _regions(
    content: ReportContent, first: Results, said: Sequence[str], pictures: Pictures, remark: str
) -> PagePart:
    tables = [table_of(best_networks(first.best_layer, first.noise_ceiling), "Best network of each region")]
    if not first.noise_ceiling.is_empty():
        ceilings = without_repeated_remark(first.noise_ceiling, remark)
        tables.append(table_of(_told(ceilings), "Noise ceilings of the regions, with their tests"))
    return PagePart(
        "regions",
        "Regions",
        "Regions",
        sentences=said,
        # The first of them is on the first screen.
        pictures=pictures(first.protocol, "regions")[1:],
        tables=_with_rows(
            [
                *tables,
                leaderboard_table(content.leaderboard, content.best_layer, content.noise_ceiling),
                best_layer_table(content.best_layer),
            ]
        ),
    )


def _group_tables(results: Results, remark: str) -> list[Table]:
    if results.group_comparison.is_empty():
        return []
    compared = without_repeated_remark(results.group_comparison, remark).drop("level", "resampled", "n_pairs")
    return [table_of(_told(compared), "Medians of groups of networks, and their differences")]


def _explaining_tables(results: Results, remark: str) -> list[Table]:
    frames = (
        (results.complexity, "Alignment against parameters, GFLOPs and top-1 accuracy"),
        (results.controls, "Control models"),
        (results.beyond_controls, "Networks given the control models"),
        (results.frame_order, "Networks shown frames in another order"),
    )
    return [
        table_of(_told(without_repeated_remark(frame, remark)), caption)
        for frame, caption in frames
        if not frame.is_empty()
    ]


def _robustness(
    content: ReportContent,
    results: Sequence[Results],
    answers: Sequence[Table],
    pictures: Pictures,
    remark: str,
) -> PagePart:
    """What changes under other protocols and measures, and the results of each other protocol."""
    first, *others = results
    return PagePart(
        "robustness",
        "Robustness",
        "Robustness",
        sentences=_changes(content, [each.protocol for each in results]),
        pictures=pictures(first.protocol, "robustness"),
        tables=answers,
        parts=[
            PagePart(
                f"protocol-{number}",
                f"Under the {each.protocol} protocol, {each.source}",
                is_open=False,
                description=description_of(content, each.protocol),
                sentences=summary(each) or ["There are no rows to summarise."],
                pictures=[
                    picture
                    for place in ("regions", "groups", "depth")
                    for picture in pictures(each.protocol, place)
                ],
                tables=_with_rows(
                    [
                        table_of(
                            best_networks(each.best_layer, each.noise_ceiling),
                            f"Best network of each region under {each.protocol}",
                        ),
                        *_group_tables(each, remark),
                        *_explaining_tables(each, remark),
                    ]
                ),
            )
            for number, each in enumerate(others, start=2)
        ],
    )


def _has_depths(layer_score: pl.DataFrame, protocol: str) -> bool:
    """Whether the order of some network's layers is known, so that there are curves to draw."""
    if layer_score.is_empty():
        return False
    of_protocol = layer_score.filter(pl.col("protocol").cast(pl.String) == protocol)
    return bool(of_protocol["depth"].is_not_null().any())


def description_of(content: ReportContent, protocol: str) -> str:
    """The sentence of a protocol's settings that says what it is; "" without one."""
    return str(content.protocols.get(protocol, {}).get("description", ""))


def _answers(content: ReportContent, remark: str) -> dict[str, list[Table]]:
    """PagePart -> the answers that it shows."""
    found: dict[str, list[Table]] = {part: [] for part, _ in ANSWERS.values()}
    for name, answer in content.group_answers.items():
        part, caption = ANSWERS[name]
        if not answer.is_empty():
            shown = without_repeated_remark(answer, remark)
            found[part].append(table_of(shown, caption, rest=f"All of them: alignhouse ask {name}"))
    return found


def _changes(content: ReportContent, protocols: Sequence[str]) -> list[str]:
    """How the first protocol's scores differ from those of the others by the same measure."""
    measures = {name: protocol_measure(content.protocols.get(name, {})) for name in dict.fromkeys(protocols)}
    first, *others = measures
    changes = [
        change_between(content.best_layer, first, each, score_name(measures[first]))
        for each in others
        if measures[each] == measures[first]
    ]
    return [each for each in changes if each]


def _told(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of one protocol, data set and split without the columns that say so."""
    return frame.drop(*SCOPE, "roi_order", strict=False)


def _with_rows(tables: Sequence[Table]) -> list[Table]:
    return [each for each in tables if each.rows]
