"""The sections of a report on voxel encoding and variance partitioning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import listed
from alignhouse.analysis.figures.labels import over_others
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.report.content import ReportContent, VoxelResults, voxel_results
from alignhouse.analysis.report.downloads import FOLDER as DATA
from alignhouse.analysis.report.gaps import encoding_gaps, partition_gaps
from alignhouse.analysis.report.partition_words import partition_in_words
from alignhouse.analysis.report.parts import PagePart, Pictures
from alignhouse.analysis.report.tables import Table, table_of, without_repeated_remark
from alignhouse.analysis.report.voxel_methods import encoding_methods, partition_methods
from alignhouse.analysis.report.voxel_words import encoding_in_words


@dataclass(frozen=True)
class _Kind:
    """What a section shows.

    name : of its table among the downloads. by : the column whose highest value a region's best network has,
    and `highest` what that is. columns : of the tables, in their order; those without values are left out.
    """

    what: str
    name: str
    by: str
    highest: str
    columns: tuple[str, ...]


ENCODING = _Kind(
    "Voxel encoding",
    "encoding",
    "score",
    "score",
    (
        *("roi", "model", "weights", "layer", "depth", "votes", "r", "r_normalised", "lower", "upper"),
        *("p_value", "permutations", "r_by_chance", "n_voxels", "n_left_out", "n_subjects"),
        *("rsa_layer", "rho", "remark"),
    ),
)
PARTITION = _Kind(
    "Variance partitioning",
    "variance_partition",
    "unique_network",
    "unique part",
    (
        *("roi", "model", "layer", "unique_network", "unique_network_lower", "unique_network_upper"),
        *("unique_controls", "unique_controls_lower", "unique_controls_upper", "shared"),
        *("r2_network", "r2_controls", "r2_both", "n_voxels", "n_subjects", "reason", "remark"),
    ),
)
OF_R = (
    "r is the median over voxels of the correlation of predicted and measured responses, normalised r the "
    "same after division by the voxel's noise ceiling."
)
OF_P = (
    "p is that of the network's own test, one-sided, and not corrected for the number of networks and "
    "regions."
)
OVER_FOLDS = (
    "Over folds, compare the score with r by chance, its mean under permutations, instead of 0. votes is the "
    "share of folds that chose the layer; r is not stored if they chose several."
)
OF_A_SPLIT = "Chance is 0: the test stimuli were not fitted."
OF_PARTS = (
    "R squared is of stimuli that were not fitted. Unique: what the joint model explains more than the other "
    "set alone. Medians over voxels do not add up exactly. Values below 0 are kept: the joint model predicts "
    "worse than one set alone. A unique part of 0 does not show that a set has nothing of its own. If its "
    "interval is also from 0 to 0, the joint model gave the set no weight in most voxels. Fits stay as they "
    "are, so intervals are not about other training stimuli."
)
PARTS_OVER_FOLDS = (
    "The layer of a network was not chosen without the scored stimuli of each fold, so R squared of the "
    "network is slightly too high."
)
SHARED_WEIGHTS = "Voxels of a region of a subject share weights and penalty."
OF_SEVERAL = "The highest of several networks is too high by chance, the more so the more networks there are."


def voxel_sections(content: ReportContent, remark: str, pictures: Pictures) -> list[PagePart]:
    """The sections of each voxel encoding, then of each variance partition; [] without results.

    Parameters
    ----------
    remark : of the page; tables leave out a column that repeats it.
    """
    found = list(enumerate(voxel_results(content), start=1))
    encodings = [
        PagePart(
            **_names(each, ENCODING, alone=len(found) == 1),
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
        PagePart(
            **_names(each, PARTITION, alone=len(found) == 1),
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


def _names(results: VoxelResults, kind: _Kind, *, alone: bool) -> dict[str, Any]:
    """The texts that name a section. alone : whether the report has a single encoding."""
    whole = f"{kind.what}: {results.protocol} protocol, {results.source}"
    short = kind.what if alone else f"{kind.what} ({results.protocol})"
    return {
        "link": short,
        "heading": whole,
        "description": str(results.settings.get("description", "")),
        "methods_heading": f"{kind.what} under the {results.protocol} protocol",
    }


def _encoding_tables(results: VoxelResults, remark: str) -> list[Table]:
    rows = results.encoding
    over_folds = _is_over_folds(results)
    notes = [OF_R, _bounds_note(rows), OF_P, OVER_FOLDS if over_folds else OF_A_SPLIT]
    shown = rows if over_folds else rows.drop("r_by_chance", "votes")
    return _tables(results, shown, ENCODING, remark, notes)


def _partition_tables(results: VoxelResults, remark: str) -> list[Table]:
    rows = results.variance_partition
    notes = [OF_PARTS, _bounds_note(rows)]
    if _is_over_folds(results):
        notes.append(PARTS_OVER_FOLDS)
    if (rows["weights_per"] == "region").all():
        notes.append(SHARED_WEIGHTS)
    return _tables(results, rows, PARTITION, remark, notes)


def _tables(
    results: VoxelResults, rows: pl.DataFrame, kind: _Kind, remark: str, notes: list[str]
) -> list[Table]:
    """The best network of each region; then all, if there are several."""
    where = f"({results.protocol} protocol, {results.source})"
    if rows["model"].n_unique() == 1:
        return [_table(rows, kind, remark, f"{kind.what} in each region {where}", notes)]
    caption = f"{kind.what}: the network with the highest {kind.highest} in each region {where}"
    highest = _table(highest_of_regions(rows, kind.by), kind, remark, caption, [*notes, OF_SEVERAL])
    # A row that several networks share is about none of them alone.
    alone = set(rows["model"].cast(pl.String))
    return [
        replace(highest, networks=[name if name in alone else "" for name in highest.networks]),
        _table(rows, kind, remark, f"{kind.what}: all networks {where}", []),
    ]


def highest_of_regions(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """The row with the highest value in column `by` of each region, in the order of `rows`.

    If several networks share it, the row names them, and holds only what is the same for all of them.
    """
    known = rows.with_columns(pl.col("roi", "model").cast(pl.String))
    is_highest = pl.col(by).eq_missing(pl.col(by).max().over("roi"))
    shared = pl.all().exclude("roi", "model")
    return (
        known.filter(is_highest)
        .group_by("roi", maintain_order=True)
        .agg(pl.when(shared.n_unique() == 1).then(shared.first()), pl.col("model"))
        .with_columns(pl.col("model").map_elements(lambda names: listed(names.to_list()), pl.String))
    )


def _table(rows: pl.DataFrame, kind: _Kind, remark: str, caption: str, notes: list[str]) -> Table:
    shown = without_repeated_remark(rows, remark)
    known = [name for name in kind.columns if name in shown.columns and _says_something(shown[name])]
    if "weights" in known and shown["weights"].n_unique() == 1:
        known.remove("weights")
    table = table_of(shown.select(known), caption, rest=f"All of them: {DATA}/{kind.name}.csv")
    return replace(table, note=" ".join(filter(None, [table.note, *notes])))


def _says_something(column: pl.Series) -> bool:
    return bool(column.cast(pl.String).fill_null("").ne("").any())


def _bounds_note(rows: pl.DataFrame) -> str:
    """What the interval of a table is; "" without intervals."""
    known = rows.drop_nulls("resampled")
    if known.is_empty():
        return ""
    over = over_others(*known["resampled"].unique())
    return f"From and to: {percent_of(known['level'][0])} interval{over}."


def _is_over_folds(results: VoxelResults) -> bool:
    return bool((results.encoding["chosen_on"] == "folds").any())
