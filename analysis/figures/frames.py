"""From a query result to the rows of one figure: checked, of one protocol and set of stimuli, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from alignhouse.analysis.figures.labels import PROTOCOL, group_label
from alignhouse.warehouse.errors import BadInput, near_names


@dataclass(frozen=True)
class Rows:
    """The rows that one figure draws, and what its title and subtitle say about them.

    frame : the rows of the protocol that have every value needed.
    source : data set and split in words, "bmd, test"; empty where there are no rows.
    left_out : how many rows have no value to draw.
    """

    frame: pl.DataFrame
    source: str
    remark: str
    left_out: int

    @property
    def counts(self) -> str:
        """How many networks and subjects the rows are of: "40 networks, 10 subjects." """
        return counted(self.frame)


def joined_remarks(remarks: Iterable[str | None]) -> str:
    """One line of all distinct remarks; one that another already contains is not repeated."""
    distinct = list(dict.fromkeys(remark.strip() for remark in remarks if remark and remark.strip()))
    kept = [each for each in distinct if not any(each != other and each in other for other in distinct)]
    return "; ".join(kept)


def need_columns(frame: pl.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Raise BadInput, naming the first missing column and its near ones, unless `frame` has all `columns`."""
    for column in columns:
        if column not in frame.columns:
            raise BadInput(
                f"frame {name}",
                expected=f"a column {column}",
                found=", ".join(frame.columns) or "no columns",
                hint=near_names(column, frame.columns) if frame.columns else None,
            )


def rows_to_draw(frame: pl.DataFrame, name: str, protocol: str | None, *, values: Sequence[str]) -> Rows:
    """The rows of `protocol` whose `values` (float columns) are all there; null ones are counted, not drawn.

    `protocol` None: of all protocols.

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
        _refuse_nan(rows, name, column)
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
        remark=joined_remarks(rows["remark"].cast(pl.String).unique().sort().to_list()),
        left_out=rows.height - drawn.height,
    )


def counted(frame: pl.DataFrame) -> str:
    """How many networks and subjects a frame's rows are of, in words, as far as its columns tell."""
    words = []
    if "model" in frame.columns:
        words.append(how_many(frame["model"].n_unique(), "network"))
    elif "n_models" in frame.columns and not frame.is_empty():
        # Groups of one protocol are of different networks.
        groups = frame.group_by("protocol", "group_name").agg(pl.col("n_models").max())
        totals = groups.group_by("protocol").agg(pl.col("n_models").sum())["n_models"]
        words.append(how_many(int(totals.to_numpy().max()), "network"))
    words.append(subjects_in_words(frame))
    return ", ".join(filter(None, words)) + "." if any(words) else ""


def subjects_in_words(frame: pl.DataFrame) -> str:
    """How many subjects a frame's rows are of, "9 to 10 subjects"; nothing where it does not say."""
    found = (
        frame["n_subjects"].drop_nulls().unique().sort().to_list() if "n_subjects" in frame.columns else []
    )
    if not found:
        return ""
    return " to ".join(dict.fromkeys([str(found[0]), str(found[-1])])) + f" subject{'s' * (found[-1] != 1)}"


def how_many(number: int, noun: str) -> str:
    """A number of things: "1 network", "40 networks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def protocols_drawn(group_by: str, protocol: str) -> tuple[str | None, str]:
    """Which protocol's rows a figure draws (None: all), and what its title says of that."""
    return (None, "every") if group_by == PROTOCOL else (protocol, protocol)


def with_group(frame: pl.DataFrame, name: str, group_by: str) -> pl.DataFrame:
    """`frame` with a column `group`, the readable name of what `group_by` holds."""
    need_columns(frame, name, [group_by])
    labels = [group_label(value) for value in frame[group_by].to_list()]
    return frame.with_columns(pl.Series("group", labels, dtype=pl.String))


def ordered_regions(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per region: roi, roi_group, slot (in its group) and x (over all), both from 0.

    Groups are sorted by the lowest order of their regions, regions by their order in the group.
    """
    regions = frame.select(
        pl.col("roi").cast(pl.String), pl.col("roi_group").cast(pl.String), pl.col("roi_order")
    ).unique(subset="roi", keep="first", maintain_order=True)
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


def _refuse_nan(rows: pl.DataFrame, name: str, column: str) -> None:
    bad = rows.filter(pl.col(column).is_nan())
    if not bad.is_empty():
        where = ", ".join(str(bad[0, key]) for key in ("model", "roi") if key in bad.columns)
        raise BadInput(
            f"frame {name}, column {column}, {where}",
            expected="numbers or nulls",
            found=f"NaN in {bad.height} of {rows.height} rows",
        )
