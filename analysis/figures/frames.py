"""Check query results and select the rows of one figure: one protocol, one data set and split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from alignhouse.analysis.figures.labels import PROTOCOL, group_label
from alignhouse.warehouse.errors import BadInput, near_names

UNGROUPED = "other"  # the group of regions that a data set puts into no group
WITHOUT_GROUPS = "regions"  # the only group of a data set whose regions are in no group
RANDOM_WEIGHTS = "random weights"  # the part of a remark that says a network is untrained


@dataclass(frozen=True)
class Rows:
    """The rows that one figure draws, with the facts for its title and subtitle.

    frame : the rows of the protocol that have all required values.
    source : data set and split in words, "bmd, test"; "" without rows.
    left_out : number of rows that lack a value.
    """

    frame: pl.DataFrame
    source: str
    remark: str
    left_out: int

    @property
    def counts(self) -> str:
        """The numbers of networks and subjects: "40 networks, 10 subjects." """
        return counted(self.frame)


def joined_remarks(remarks: Iterable[str | None]) -> str:
    """All distinct remarks on one line, without those that another remark contains."""
    distinct = list(dict.fromkeys(remark.strip() for remark in remarks if remark and remark.strip()))
    kept = [each for each in distinct if not any(each != other and each in other for other in distinct)]
    return "; ".join(kept)


def remark_of(frame: pl.DataFrame) -> str:
    """The remark on all rows of a frame; untrained networks are counted if others are trained."""
    remarks = frame["remark"].cast(pl.String).unique().sort().to_list()
    untrained, total = untrained_of(frame)
    if not 0 < untrained < total:
        return joined_remarks(remarks)
    counted = f"{RANDOM_WEIGHTS} of {untrained:,} of {how_many(total, 'network')}"
    return ", ".join(filter(None, (joined_remarks(map(without_random, remarks)), counted)))


def untrained_of(frame: pl.DataFrame) -> tuple[int, int]:
    """The numbers of untrained networks, by their remarks or the column n_random, and of all networks."""
    if frame.is_empty():
        return 0, 0
    if "model" in frame.columns:
        untrained = pl.col("remark").cast(pl.String).str.split(", ").list.contains(RANDOM_WEIGHTS)
        of_models = frame.drop_nulls("model").group_by("model").agg(untrained.any())
        return int(of_models["remark"].sum()), of_models.height
    if "n_random" in frame.columns:
        # The groups of one protocol have no network in common.
        groups = frame.group_by("protocol", "group_name").agg(pl.col("n_random", "n_models").max())
        sums = groups.group_by("protocol").agg(pl.col("n_random", "n_models").sum())
        random, total = sums.sort("n_models", "n_random").select("n_random", "n_models").row(-1)
        return int(random), int(total)
    return 0, 0


def without_random(remark: str | None) -> str:
    """A remark without the part that says a network is untrained."""
    return ", ".join(part for part in (remark or "").split(", ") if part != RANDOM_WEIGHTS)


def need_columns(frame: pl.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Raise BadInput for the first of `columns` that `frame` lacks, with similar names as a hint."""
    for column in columns:
        if column not in frame.columns:
            raise BadInput(
                f"frame {name}",
                expected=f"a column {column}",
                found=", ".join(frame.columns) or "no columns",
                hint=near_names(column, frame.columns) if frame.columns else None,
            )


def rows_to_draw(frame: pl.DataFrame, name: str, protocol: str | None, *, values: Sequence[str]) -> Rows:
    """The rows of `protocol` (None: of all) without nulls in `values`, which are float columns.

    Rows with nulls are counted as left out.

    Raises
    ------
    BadInput : a column is missing, a value is NaN (it names the row), or the rows mix data sets or splits.
    """
    if frame.is_empty():
        return Rows(frame, "", "", 0)
    need_columns(
        frame, name, ["protocol", "dataset", "split", "roi", "roi_group", "roi_order", "remark", *values]
    )
    asked = pl.lit(True) if protocol is None else pl.col("protocol").cast(pl.String) == protocol
    rows = frame.filter(asked).with_columns(pl.col(column).cast(pl.Float64) for column in values)
    for column in values:
        refuse_numbers(rows, name, column, pl.col(column).is_nan(), "numbers or nulls")
    sources = rows.select(pl.concat_str(["dataset", "split"], separator=", ")).to_series().unique().sort()
    if len(sources) > 1:
        raise BadInput(
            f"frame {name}, protocol {protocol}",
            expected="one data set and split in a figure",
            found="; ".join(sources),
            hint="filter the frame first",
        )
    drawn = rows.drop_nulls(list(values)) if values else rows
    return Rows(
        frame=drawn,
        source=sources[0] if len(sources) else "",
        remark=remark_of(rows),
        left_out=rows.height - drawn.height,
    )


def counted(frame: pl.DataFrame) -> str:
    """The numbers of networks and subjects in a frame, in words, if its columns give them."""
    words = []
    if "model" in frame.columns:
        words.append(how_many(frame["model"].n_unique(), "network"))
    elif "n_models" in frame.columns and not frame.is_empty():
        # The groups of one protocol have no network in common.
        groups = frame.group_by("protocol", "group_name").agg(pl.col("n_models").max())
        totals = groups.group_by("protocol").agg(pl.col("n_models").sum())["n_models"]
        words.append(how_many(int(totals.to_numpy().max()), "network"))
    words.append(subjects_in_words(frame))
    return ", ".join(filter(None, words)) + "." if any(words) else ""


def subjects_in_words(frame: pl.DataFrame) -> str:
    """The number of subjects in a frame, "9 to 10 subjects"; "" if it is unknown."""
    found = (
        frame["n_subjects"].drop_nulls().unique().sort().to_list() if "n_subjects" in frame.columns else []
    )
    if not found:
        return ""
    return " to ".join(dict.fromkeys([str(found[0]), str(found[-1])])) + f" subject{'s' * (found[-1] != 1)}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as a list in words, "A, B and C"; with more than `most` names, "A, B, C and 5 others"."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def how_many(number: int, noun: str) -> str:
    """A number and its noun: "1 network", "1,683 networks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def protocols_drawn(group_by: str, protocol: str) -> tuple[str | None, str]:
    """The protocol whose rows a figure draws (None: all), and its name in the title."""
    return (None, "every") if group_by == PROTOCOL else (protocol, protocol)


def with_group(frame: pl.DataFrame, name: str, group_by: str) -> pl.DataFrame:
    """`frame` with a column `group`, the readable name of the value in column `group_by`."""
    need_columns(frame, name, [group_by])
    labels = [group_label(value) for value in frame[group_by].to_list()]
    return frame.with_columns(pl.Series("group", labels, dtype=pl.String))


def ordered_regions(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per region: roi, roi_group, slot (in its group) and x (over all), both from 0.

    Groups are sorted by the lowest order of their regions, regions by their order in the group. If no region
    is in a group, that of all is called WITHOUT_GROUPS, because "other" would be others than none.
    """
    regions = frame.select(
        pl.col("roi").cast(pl.String), pl.col("roi_group").cast(pl.String), pl.col("roi_order")
    ).unique(subset="roi", keep="first", maintain_order=True)
    if (regions["roi_group"] == UNGROUPED).all():
        regions = regions.with_columns(roi_group=pl.lit(WITHOUT_GROUPS))
    groups = (
        regions.group_by("roi_group")
        .agg(pl.col("roi_order").min())
        .sort("roi_order", "roi_group", nulls_last=True)["roi_group"]
    )
    return (
        regions.with_columns(pl.col("roi_group").cast(pl.Enum(groups)))
        .sort("roi_group", "roi_order", "roi", nulls_last=True)
        .with_columns(
            slot=pl.int_range(pl.len()).over("roi_group"),
            x=pl.int_range(pl.len()),
        )
        .drop("roi_order")
    )


def refuse_numbers(rows: pl.DataFrame, name: str, column: str, is_bad: pl.Expr, expected: str) -> None:
    """Raise BadInput for the first row with `is_bad`; the error names its network, region and value."""
    bad = rows.filter(is_bad)
    if not bad.is_empty():
        where = ", ".join(str(bad[0, key]) for key in ("model", "roi") if key in bad.columns)
        value = bad[0, column]
        raise BadInput(
            f"frame {name}, column {column}, {where}",
            expected=expected,
            found=f"{'NaN' if math.isnan(value) else value} in {bad.height} of {rows.height} rows",
        )
