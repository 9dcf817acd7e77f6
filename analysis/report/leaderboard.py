"""The two large tables of a report: the leaderboard, and the best layer of each network in each region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import ordered_regions
from alignhouse.analysis.report.tables import (
    MISSING,
    PLAIN_P,
    Column,
    Filter,
    Table,
    cell,
    decimal,
    p_text,
    sort_key,
)

ALL_REGIONS = "all regions"
SIGNIFICANT = 0.05
SHADES = 6
# Marks noise ceilings that are not reliably above chance.
WEAK = "†"

# Column of the best layers -> its title and its meaning. Columns without values are left out.
BEST_LAYER_COLUMNS = {
    "rho_lower": ("rho from", "lower bound of the bootstrap interval of rho"),
    "rho_upper": ("rho to", "upper bound of the bootstrap interval of rho"),
    "p_value": ("p", "permutation test of the best layer"),
    "q_value": ("q", "p corrected over all networks and regions (Benjamini-Hochberg)"),
    "share_of_ceiling": (
        "of ceiling",
        "rho as a share of the lower noise ceiling, if that is reliable",
    ),
    "chosen_layer": ("chosen elsewhere", "the layer chosen most often on other stimuli"),
    "chosen_rho": ("its rho", "mean rho of the chosen layers on stimuli not used to choose them"),
}


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
        return Table(caption, [Column("network")], [])
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
            names += [cell(first["model_type"]), cell(first["arch_type"])]
            names += [cell(first["weights"])] if with_weights else []
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
    filters = _filters(columns, rows, ["protocol", "model type", "architecture", "weights"])
    if groups:
        filters.insert(0, Filter("region group", None, [ALL_REGIONS, *groups], ALL_REGIONS))
    return Table(
        caption=caption,
        columns=columns,
        rows=rows,
        keys=keys,
        shades=shades,
        foot=foot,
        filters=filters,
        sorted_by=[each.title for each in columns].index("mean rank"),
        note=_leaderboard_note(bool(significant), has_weak=any(WEAK in text for row in foot for text in row)),
    )


def best_layer_table(best_layer: pl.DataFrame) -> Table:
    """One row per protocol, network and region, with the best layer and its statistics."""
    caption = "Best layer of each network in each region"
    if best_layer.is_empty():
        return Table(caption, [Column("network")], [])
    regions = ordered_regions(best_layer)
    known = [
        name
        for name in BEST_LAYER_COLUMNS
        if name in best_layer.columns and best_layer[name].null_count() < best_layer.height
    ]
    protocols = _in_order(best_layer["protocol"])
    text = [Column("network"), *([Column("protocol")] if len(protocols) > 1 else [])]
    weights = ["weights"] if _has_several(best_layer, "weights") else []
    text += [
        Column("model type"),
        Column("architecture"),
        *map(Column, weights),
        Column("region"),
        Column("region group"),
        Column("layer"),
    ]
    names = ["model", *(["protocol"] if len(protocols) > 1 else []), "model_type", "arch_type", *weights]
    names += ["roi", "roi_group", "layer", "depth", "rho", *known]
    columns = [
        *text,
        Column("depth", numeric=True, hint="of the layer: 0 the first, 1 the last"),
        Column("rho", numeric=True, descends=True, hint="mean over subjects"),
        *(_extra_column(name, best_layer) for name in known),
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
    counts = ordered["permutations"] if "permutations" in ordered.columns else [None] * ordered.height
    for values, permutations in zip(ordered.select(names).iter_rows(), counts, strict=True):
        texts = [
            _best_layer_cell(value, name, permutations) for value, name in zip(values, names, strict=True)
        ]
        rows.append(texts)
        keys.append([sort_key(value, text) for value, text in zip(values, texts, strict=True)])
    filters = _filters(
        columns, rows, ["protocol", "region group", "region", "model type", "architecture", "weights"]
    )
    hints = "; ".join(f"{each.title}: {each.hint}" for each in columns if each.hint)
    return Table(caption, columns, rows, keys=keys, filters=filters, note=f"{hints[0].upper()}{hints[1:]}.")


def _leaderboard_columns(
    regions: pl.DataFrame, groups: list[str], *, with_protocol: bool, with_weights: bool
) -> list[Column]:
    columns = [Column("network"), *([Column("protocol")] if with_protocol else [])]
    columns += [Column("model type"), Column("architecture")]
    columns += [Column("weights")] if with_weights else []
    columns.append(Column("mean rank", numeric=True, sets=(ALL_REGIONS,) if groups else ()))
    columns += [Column(f"mean rank, {group}", numeric=True, sets=(group,)) for group in groups]
    for roi, group in regions.select("roi", pl.col("roi_group").cast(pl.String)).iter_rows():
        columns.append(
            Column(roi, numeric=True, sets=(ALL_REGIONS, group) if groups else (), descends=True, hint=group)
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


def _extra_column(name: str, best_layer: pl.DataFrame) -> Column:
    title, hint = BEST_LAYER_COLUMNS[name]
    dtype = best_layer[name].dtype
    return Column(title, dtype.is_numeric(), descends=name in ("share_of_ceiling", "chosen_rho"), hint=hint)


def _best_layer_cell(value: object, name: str, permutations: int | None) -> str:
    if name == "share_of_ceiling" and isinstance(value, float):
        return share_in_percent(value)
    if name in ("p_value", "q_value") and isinstance(value, float):
        return p_text(value, permutations if name in PLAIN_P else None)
    if name == "depth" and isinstance(value, float):
        return f"{value:.2f}"
    return cell(value, name)


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


def _filters(columns: list[Column], rows: list[list[str]], titles: Iterable[str]) -> list[Filter]:
    """A filter for each listed column that exists and has several values.

    The page opens with the first protocol selected, because ranks of different protocols are not comparable.
    """
    places = {column.title: index for index, column in enumerate(columns)}
    filters = []
    for title in titles:
        if title not in places:
            continue
        options = list(dict.fromkeys(row[places[title]] for row in rows))
        if len(options) > 1:
            ordered = options if title in ("protocol", "region", "region group") else sorted(options)
            initial = options[0] if title == "protocol" else ""
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
