"""The two large tables of a report: the leaderboard, and the best layer of each network in each region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import ordered_regions
from alignhouse.analysis.report.column_words import heading_of
from alignhouse.analysis.report.tables import (
    MISSING,
    PLAIN_P,
    Column,
    Filter,
    Table,
    cell_in_words,
    column_of,
    decimal,
    names_of_rows,
    p_text,
    sort_key,
)

ALL_REGIONS = "all regions"
SIGNIFICANT = 0.05
SHADES = 6
# Marks noise ceilings that are not reliably above chance.
WEAK = "†"

# Columns of the best layers that are left out if they have no values.
STATISTICS = (
    "rho_lower",
    "rho_upper",
    "p_value",
    "q_value",
    "share_of_ceiling",
    "chosen_layer",
    "chosen_rho",
)


def leaderboard_table(leaderboard: pl.DataFrame, best_layer: pl.DataFrame, ceiling: pl.DataFrame) -> Table:
    """Networks by regions: rho of the best layer, and the mean rank over regions, of each protocol.

    Parameters
    ----------
    leaderboard, best_layer, ceiling : answers to the queries of these names in `sql/report`. `best_layer`
        marks significant scores, `ceiling` gives the rows below the table.

    A missing score is a dash. Shades range from the lowest to the highest rho of a region under a protocol.
    """
    caption = "Leaderboard: rho of each network's best layer"
    if leaderboard.is_empty():
        return Table(caption, [column_of("model")], [])
    regions = ordered_regions(leaderboard)
    groups = regions["roi_group"].cast(pl.String).unique(maintain_order=True).to_list()
    groups = groups if len(groups) > 1 else []
    protocols = _in_order(leaderboard["protocol"])
    with_weights = _has_several(leaderboard, "weights")
    columns = _leaderboard_columns(
        regions, groups, with_protocol=len(protocols) > 1, with_weights=with_weights
    )
    significant = _significant(best_layer)
    ranges = {
        (protocol, roi): (low, high)
        for protocol, roi, low, high in leaderboard.group_by("protocol", "roi")
        .agg(low=pl.col("rho").min(), high=pl.col("rho").max())
        .iter_rows()
    }
    rows: list[list[str]] = []
    keys: list[list[str]] = []
    shades: list[list[int]] = []
    for protocol in protocols:
        ranked = leaderboard.filter(pl.col("protocol") == protocol).sort("mean_place", "model")
        for (model,), scores in ranked.group_by("model", maintain_order=True):
            of_region = {row["roi"]: row for row in scores.iter_rows(named=True)}
            first = next(iter(of_region.values()))
            of_group = {row["roi_group"]: row["mean_place_in_group"] for row in of_region.values()}
            places = [first["mean_place"], *(of_group.get(group) for group in groups)]
            rhos = [of_region[roi]["rho"] if roi in of_region else None for roi in regions["roi"]]
            marks = ["*" if (protocol, model, roi) in significant else "" for roi in regions["roi"]]
            names = [str(model), *([protocol] if len(protocols) > 1 else [])]
            names += [cell_in_words(first, "model_type"), cell_in_words(first, "arch_type")]
            names += [cell_in_words(first, "weights")] if with_weights else []
            texts = [MISSING if each is None else f"{each:.1f}" for each in places]
            scored = [
                MISSING if rho is None else f"{rho:.3f}{mark}" for rho, mark in zip(rhos, marks, strict=True)
            ]
            rows.append([*names, *texts, *scored])
            keys.append([""] * len(names) + _keys([*places, *rhos], [*texts, *scored]))
            shades.append(
                [0] * (len(names) + len(places))
                + [
                    _shade(rho, ranges.get((protocol, roi)))
                    for roi, rho in zip(regions["roi"], rhos, strict=True)
                ]
            )
    foot = _ceiling_rows(ceiling, regions, protocols, columns)
    filters = _filters(columns, rows, ["protocol", "model_type", "arch_type", "weights"])
    if groups:
        filters.insert(0, Filter(heading_of("roi_group"), None, [ALL_REGIONS, *groups], ALL_REGIONS))
    return Table(
        caption=caption,
        columns=columns,
        rows=rows,
        keys=keys,
        shades=shades,
        foot=foot,
        filters=filters,
        sorted_by=[each.title for each in columns].index(heading_of("mean_place")),
        note=_leaderboard_note(bool(significant), has_weak=any(WEAK in text for row in foot for text in row)),
        networks=[row[0] for row in rows],
        anchor="leaderboard",
    )


def best_layer_table(best_layer: pl.DataFrame) -> Table:
    """One row per protocol, network and region, with the best layer and its statistics."""
    caption = "Best layer of each network in each region"
    if best_layer.is_empty():
        return Table(caption, [column_of("model")], [])
    regions = ordered_regions(best_layer)
    known = [
        name
        for name in STATISTICS
        if name in best_layer.columns and best_layer[name].null_count() < best_layer.height
    ]
    protocols = _in_order(best_layer["protocol"])
    names = ["model", *(["protocol"] if len(protocols) > 1 else []), "model_type", "arch_type"]
    names += ["weights"] if _has_several(best_layer, "weights") else []
    names += ["roi", "roi_group", "layer", "depth", "rho", *known]
    columns = [
        column_of(
            name,
            numeric=best_layer[name].dtype.is_numeric(),
            descends=name in ("rho", "share_of_ceiling", "chosen_rho"),
        )
        for name in names
    ]
    ordered = (
        best_layer.drop("roi_group")
        .with_columns(pl.col("roi", "model", "protocol").cast(pl.String))
        .join(regions.with_columns(pl.col("roi_group").cast(pl.String)), on="roi")
        .with_columns(
            turn=pl.col("protocol").replace_strict(protocols, range(len(protocols)), return_dtype=pl.Int64)
        )
        .sort("turn", "x", "rho", "model", descending=[False, False, True, False], nulls_last=True)
    )
    rows, keys = [], []
    for row in ordered.iter_rows(named=True):
        texts = [_best_layer_cell(row, name) for name in names]
        rows.append(texts)
        keys.append([sort_key(row[name], text) for name, text in zip(names, texts, strict=True)])
    filters = _filters(columns, rows, ["protocol", "roi_group", "roi", "model_type", "arch_type", "weights"])
    explained = [column_of(name) for name in ("depth", "rho", *known)]
    return Table(
        caption,
        columns,
        rows,
        keys=keys,
        filters=filters,
        anchor="best-layers",
        note=" ".join(f"{each.title[0].upper()}{each.title[1:]}: {each.hint}" for each in explained),
        networks=names_of_rows(ordered, "model"),
        regions=names_of_rows(ordered, "roi"),
    )


def _leaderboard_columns(
    regions: pl.DataFrame, groups: list[str], *, with_protocol: bool, with_weights: bool
) -> list[Column]:
    names = ["model", *(["protocol"] if with_protocol else []), "model_type", "arch_type"]
    columns = [column_of(name) for name in [*names, *(["weights"] if with_weights else [])]]
    mean_rank = replace(column_of("mean_place", numeric=True), sets=(ALL_REGIONS,) if groups else ())
    columns.append(mean_rank)
    for group in groups:
        in_group = column_of("mean_place_in_group", numeric=True)
        columns.append(replace(in_group, title=f"{mean_rank.title}, {group}", sets=(group,)))
    for roi, group in regions.select("roi", pl.col("roi_group").cast(pl.String)).iter_rows():
        hint = f"Rho of the network's best layer in {roi}, a region of the group {group}."
        columns.append(
            Column(roi, numeric=True, sets=(ALL_REGIONS, group) if groups else (), descends=True, hint=hint)
        )
    return columns


def _leaderboard_note(is_tested: bool, *, has_weak: bool) -> str:
    note = (
        "Mean rank: over the regions in which a network has a score. Rank 1 is the highest rho; equal values "
        "share their average rank. Colour: from the lowest to the highest rho of the region."
    )
    starred = f" *: q below {SIGNIFICANT}, corrected over all networks and regions (Benjamini-Hochberg)."
    weak = f" {WEAK}: the noise ceiling is not reliably above chance: the brain data are weak."
    return note + (starred if is_tested else "") + (weak if has_weak else "")


def _best_layer_cell(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if name == "share_of_ceiling" and isinstance(value, float):
        return share_in_percent(value)
    if name in ("p_value", "q_value") and isinstance(value, float):
        return p_text(value, row.get("permutations") if name in PLAIN_P else None)
    if name == "depth" and isinstance(value, float):
        return f"{value:.2f}"
    return cell_in_words(row, name)


def share_in_percent(share: float) -> str:
    """A share in whole per cent; a positive share that would round to 0 is "< 1 %"."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:,.0f} %"


def _ceiling_rows(
    ceiling: pl.DataFrame, regions: pl.DataFrame, protocols: list[str], columns: list[Column]
) -> list[list[str]]:
    """A row per protocol and bound, aligned with the columns of regions; none without bounds."""
    if ceiling.is_empty():
        return []
    before = len(columns) - regions.height
    rows = []
    for protocol in protocols:
        of_region = {row["roi"]: row for row in ceiling.filter(protocol=protocol).iter_rows(named=True)}
        for bound in ("upper", "lower"):
            texts = [_ceiling_cell(of_region.get(roi), bound) for roi in regions["roi"]]
            if any(text != MISSING for text in texts):
                names = [f"{bound} noise ceiling", *([protocol] if len(protocols) > 1 else [])]
                rows.append([*names, *[""] * (before - len(names)), *texts])
    return rows


def _ceiling_cell(row: Mapping[str, Any] | None, bound: str) -> str:
    if row is None or row[bound] is None:
        return MISSING
    return decimal(row[bound]) + (WEAK if row["is_reliable"] is False else "")


def _filters(columns: list[Column], rows: list[list[str]], names: Iterable[str]) -> list[Filter]:
    """A filter for each listed column that exists and has several values.

    The page opens with the first protocol selected, because ranks of different protocols are not comparable.
    """
    places = {column.title: index for index, column in enumerate(columns)}
    filters = []
    for name in names:
        title = heading_of(name)
        if title not in places:
            continue
        options = list(dict.fromkeys(row[places[title]] for row in rows))
        if len(options) > 1:
            ordered = options if name in ("protocol", "roi", "roi_group") else sorted(options)
            initial = options[0] if name == "protocol" else ""
            filters.append(Filter(title, places[title], ordered, initial))
    return filters


def _has_several(frame: pl.DataFrame, column: str) -> bool:
    """Whether the frame has the column, with more than one value."""
    return column in frame.columns and frame[column].n_unique() > 1


def _in_order(protocols: pl.Series) -> list[str]:
    return sorted(protocols.cast(pl.String).unique(), key=lambda name: (name != "sound", name))


def _significant(best_layer: pl.DataFrame) -> set[tuple[str, ...]]:
    if best_layer.is_empty() or "q_value" not in best_layer.columns:
        return set()
    kept = best_layer.filter(pl.col("q_value") < SIGNIFICANT)
    return set(kept.select(pl.col("protocol", "model", "roi").cast(pl.String)).iter_rows())


def _keys(values: list[float | None], texts: list[str]) -> list[str]:
    return [sort_key(value, text) for value, text in zip(values, texts, strict=True)]


def _shade(rho: float | None, span: tuple[float, float] | None) -> int:
    """The position of rho between the lowest and the highest value, as 1 to SHADES; 0 if undefined."""
    if rho is None or span is None or span[0] == span[1]:
        return 0
    low, high = span
    return min(SHADES, 1 + int(SHADES * (rho - low) / (high - low)))
