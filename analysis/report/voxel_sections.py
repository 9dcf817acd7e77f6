"""The sections of a report on voxel encoding and variance partitioning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from alignhouse.analysis.figures.labels import over_others
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.report.content import ReportContent, VoxelResults, voxel_results
from alignhouse.analysis.report.downloads import FOLDER as DATA
from alignhouse.analysis.report.gaps import encoding_gaps, partition_gaps
from alignhouse.analysis.report.partition_words import partition_in_words
from alignhouse.analysis.report.sections import Section
from alignhouse.analysis.report.tables import Table, table_of, without_repeated_remark
from alignhouse.analysis.report.voxel_methods import encoding_methods, partition_methods
from alignhouse.analysis.report.voxel_words import encoding_in_words

if TYPE_CHECKING:
    from alignhouse.analysis.figures.entries import InReport
    from alignhouse.analysis.report.pictures import Picture

# Gives the figures of an encoding that the catalog has in a place of the report.
Pictures = Callable[[str, "InReport"], list["Picture"]]
# Columns of the tables, in their order; those without values are left out.
ENCODING_COLUMNS = (
    *("roi", "model", "weights", "layer", "depth", "votes", "r", "r_normalised", "lower", "upper"),
    *("p_value", "permutations", "r_by_chance", "n_voxels", "n_left_out", "n_subjects"),
    *("rsa_layer", "rho", "remark"),
)
PARTITION_COLUMNS = (
    *("roi", "model", "layer", "unique_network", "unique_network_lower", "unique_network_upper"),
    *("unique_controls", "unique_controls_lower", "unique_controls_upper", "shared"),
    *("r2_network", "r2_controls", "r2_both", "n_voxels", "n_subjects", "reason", "remark"),
)


def voxel_sections(content: ReportContent, remark: str, pictures: Pictures) -> list[Section]:
    """The sections of each voxel encoding, then of each variance partition; [] without results.

    Parameters
    ----------
    remark : of the page; tables leave out a column that repeats it.
    """
    found = list(enumerate(voxel_results(content), start=1))
    encodings = [
        Section(
            **_names(each, "Voxel encoding", alone=len(found) == 1),
            anchor=f"encoding-{number}",
            sentences=encoding_in_words(each.encoding),
            gaps=encoding_gaps(each.encoding, each.networks),
            pictures=pictures(each.protocol, "encoding"),
            tables=_encoding_tables(each, remark),
            methods=encoding_methods(each),
        )
        for number, each in found
    ]
    partitions = [
        Section(
            **_names(each, "Variance partitioning", alone=len(found) == 1),
            anchor=f"variance-partition-{number}",
            sentences=partition_in_words(each.variance_partition),
            gaps=partition_gaps(each.variance_partition, each.networks),
            pictures=pictures(each.protocol, "variance partition"),
            tables=_partition_tables(each, remark),
            methods=partition_methods(each),
        )
        for number, each in found
        if not each.variance_partition.is_empty()
    ]
    return encodings + partitions


def _names(results: VoxelResults, what: str, *, alone: bool) -> dict[str, str]:
    """The texts that name a section. alone : whether the report has a single encoding."""
    whole = f"{what}: {results.protocol} protocol, {results.source}"
    short = what if alone else f"{what} ({results.protocol})"
    return {
        "link": short,
        "short": short.lower(),
        "title": whole,
        "heading": whole,
        "description": str(results.settings.get("description", "")),
        "methods_heading": f"{what} under the {results.protocol} protocol",
    }


def _encoding_tables(results: VoxelResults, remark: str) -> list[Table]:
    note = " ".join(
        filter(
            None,
            (
                "r is the median over voxels of the correlation of predicted and measured responses, r "
                "normalised the same after division by the voxel's noise ceiling.",
                _bounds_note(results.encoding, "lower and upper"),
                "p is that of the network's own test, one-sided, and not corrected for the number of "
                "networks and regions.",
                "Over folds, compare the score with r by chance, its mean under permutations, instead of 0; "
                "votes is the share of folds that chose the layer, and r is not stored if they chose several."
                if _is_over_folds(results)
                else "Chance is 0: the test stimuli were not fitted.",
            ),
        )
    )
    rows = results.encoding
    if not _is_over_folds(results):
        rows = rows.drop("r_by_chance", "votes")
    return _tables(
        results,
        rows,
        "score",
        ENCODING_COLUMNS,
        remark,
        note=note,
        name="encoding",
        what="Voxel encoding",
        highest="score",
    )


def _partition_tables(results: VoxelResults, remark: str) -> list[Table]:
    rows = results.variance_partition
    shared_weights = (rows["weights_per"] == "region").all()
    note = " ".join(
        filter(
            None,
            (
                "R squared is of stimuli that were not fitted. Unique: what the joint model explains more "
                "than the other set alone. Medians over voxels do not add up exactly. Values below 0 are "
                "kept: the joint model predicts worse than one set alone. A unique part of 0 does not show "
                "that a set has nothing of its own.",
                _bounds_note(rows, "lower and upper"),
                "Fits stay as they are, so intervals are not about other training stimuli.",
                "The layer of a network was not chosen without the scored stimuli of each fold, so R squared "
                "of the network is slightly too high."
                if _is_over_folds(results)
                else "",
                "Voxels of a region of a subject share weights and penalty." if shared_weights else "",
            ),
        )
    )
    return _tables(
        results,
        rows,
        "unique_network",
        PARTITION_COLUMNS,
        remark,
        note=note,
        name="variance_partition",
        what="Variance partitioning",
        highest="unique part",
    )


def _tables(
    results: VoxelResults,
    rows: pl.DataFrame,
    by: str,
    columns: Sequence[str],
    remark: str,
    *,
    note: str,
    name: str,
    what: str,
    highest: str,
) -> list[Table]:
    """The network with the highest value in column `by` of each region; then all, if there are several."""
    where = f"({results.protocol} protocol, {results.source})"
    # Rows are in the order of regions.
    best = rows.sort(by, descending=True, nulls_last=True, maintain_order=True)
    first = best.unique("roi", keep="first").sort("roi_order", "roi", nulls_last=True)
    chosen = (
        "Of several networks, the highest is too high by chance, the more so the more networks there are."
        if rows["model"].n_unique() > 1
        else ""
    )
    caption = f"{what}: the network with the highest {highest} in each region {where}"
    tables = [_table(first, columns, remark, caption, f"{note} {chosen}".strip())]
    if chosen:
        tables.append(_table(rows, columns, remark, f"{what}: all networks {where}", "", name))
    return tables


def _table(
    rows: pl.DataFrame, columns: Sequence[str], remark: str, caption: str, note: str, name: str = ""
) -> Table:
    shown = without_repeated_remark(rows, remark)
    known = [each for each in columns if each in shown.columns and shown[each].null_count() < shown.height]
    if "weights" in known and shown["weights"].n_unique() == 1:
        known.remove("weights")
    if "reason" in known and not (shown["reason"] != "").any():
        known.remove("reason")
    table = table_of(shown.select(known), caption, rest=f"All of them: {DATA}/{name}.csv")
    return replace(table, note=" ".join(filter(None, (table.note, note))))


def _bounds_note(rows: pl.DataFrame, names: str) -> str:
    """What the interval of a table is; "" without intervals."""
    known = rows.drop_nulls("resampled")
    if known.is_empty():
        return ""
    resampled = known["resampled"].unique().to_list()
    over = over_others(resampled[0]) if len(resampled) == 1 else ""
    return f"{names}: {percent_of(known['level'][0])} interval{over}."


def _is_over_folds(results: VoxelResults) -> bool:
    return bool((results.encoding["chosen_on"] == "folds").any())
