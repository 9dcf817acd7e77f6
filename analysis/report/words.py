"""What the best layers say in sentences, and the table of the best network of each region."""

from __future__ import annotations

import polars as pl

from analysis.figures.frames import ordered_regions
from analysis.report.tables import decimal, p_text

KEYS = ["protocol", "dataset", "split"]


def summary(best_layer: pl.DataFrame, noise_ceiling: pl.DataFrame) -> list[str]:
    """Sentences about the best layers of one protocol, data set and split; none where there are no rows.

    The best network of a region group has the highest mean of its best layers' rho over the group's regions;
    a network without a score in one of the regions is passed over.
    """
    best = best_layer if best_layer.is_empty() else best_layer.drop_nulls("rho")
    if best.is_empty():
        return []
    sentences = [
        f"{_count(best['model'].n_unique(), 'network')}, {_count(best['roi'].n_unique(), 'region')}"
        f"{_subjects(noise_ceiling)}."
    ]
    top = best.sort("rho", "model", descending=[True, False]).row(0, named=True)
    sentences.append(
        f"The highest alignment of all is that of {top['model']} with {top['roi']}, at its layer "
        f"{top['layer']} (rho = {decimal(top['rho'])}{_significance(top['p_value'])})."
    )
    regions = ordered_regions(best)
    for group in regions["roi_group"].unique(maintain_order=True):
        names = regions.filter(pl.col("roi_group") == group)["roi"].to_list()
        sentences.append(_best_of_group(group, names, best, noise_ceiling))
    return sentences


def change_between(best_layer: pl.DataFrame, protocol: str, other: str) -> str:
    """A sentence on how two protocols differ over the network-region pairs that both scored; or nothing."""
    if best_layer.is_empty():
        return ""
    pair = ["dataset", "split", "model", "roi"]
    sides = [
        best_layer.filter(pl.col("protocol").cast(pl.String) == name)
        .drop_nulls("rho")
        .select(pl.col(pair).cast(pl.String), pl.col("layer").cast(pl.String), pl.col("rho"))
        for name in (protocol, other)
    ]
    both = sides[0].join(sides[1], on=pair, suffix="_other")
    if both.is_empty():
        return ""
    difference = float((both["rho"] - both["rho_other"]).to_numpy().mean())
    same = (both["layer"] == both["layer_other"]).sum()
    size = "less than 0.001" if abs(difference) < 0.001 else decimal(abs(difference))
    word = "higher" if difference >= 0 else "lower"
    return (
        f"Over the {both.height:,} pairs of a network and a region that both protocols scored, rho of the "
        f"best layer is on average {size} {word} under {protocol} than under {other}; "
        f"the best layer is the same in {same:,} of them."
    )


def best_networks(best_layer: pl.DataFrame, noise_ceiling: pl.DataFrame) -> pl.DataFrame:
    """One row per region, in anatomical order: its best network and layer beside the noise ceiling."""
    names = ["roi", "roi_group", "model", "layer", "depth", "rho", "p_value"]
    if best_layer.is_empty():
        return pl.DataFrame(schema=[*names, "ceiling_lower", "ceiling_upper"])
    best = best_layer.drop_nulls("rho").with_columns(pl.col("roi").cast(pl.String))
    top = best.sort("rho", "model", descending=[True, False]).unique("roi", keep="first", maintain_order=True)
    ceilings = (
        noise_ceiling.select(
            pl.col("roi").cast(pl.String), ceiling_lower=pl.col("lower"), ceiling_upper=pl.col("upper")
        )
        if not noise_ceiling.is_empty()
        else pl.DataFrame(schema={"roi": pl.String, "ceiling_lower": pl.Float64, "ceiling_upper": pl.Float64})
    )
    return (
        top.select(names)
        .join(ceilings, on="roi", how="left")
        .join(ordered_regions(best).select("roi", "x"), on="roi")
        .sort("x")
        .drop("x")
    )


def _best_of_group(group: str, regions: list[str], best: pl.DataFrame, noise_ceiling: pl.DataFrame) -> str:
    means = (
        best.filter(pl.col("roi").cast(pl.String).is_in(regions))
        .group_by(pl.col("model").cast(pl.String))
        .agg(pl.col("rho").mean(), pl.col("roi").n_unique().alias("n_regions"))
        .filter(pl.col("n_regions") == len(regions))
        .sort("rho", "model", descending=[True, False])
    )
    if means.is_empty():
        return f"{group.capitalize()} regions: no network has a score in all {len(regions)}."
    over = f"mean rho over {len(regions)} regions" if len(regions) > 1 else "rho"
    return (
        f"{group.capitalize()} regions: {means['model'][0]} aligns best ({over} {decimal(means['rho'][0])}"
        f"{_ceiling(regions, noise_ceiling)})."
    )


def _ceiling(regions: list[str], noise_ceiling: pl.DataFrame) -> str:
    if noise_ceiling.is_empty():
        return ""
    lower = noise_ceiling.filter(pl.col("roi").cast(pl.String).is_in(regions)).drop_nulls("lower")["lower"]
    if lower.len() < len(regions):
        return ""
    return f"; lower noise ceiling {decimal(float(lower.to_numpy().mean()))}"


def _significance(p_value: float | None) -> str:
    if p_value is None:
        return ""
    text = p_text(p_value)
    return f", p {text}" if text.startswith("<") else f", p = {text}"


def _subjects(noise_ceiling: pl.DataFrame) -> str:
    counts = (
        [] if noise_ceiling.is_empty() else noise_ceiling["n_subjects"].drop_nulls().unique().sort().to_list()
    )
    if not counts:
        return ""
    fewest_to_most = " to ".join(dict.fromkeys([str(counts[0]), str(counts[-1])]))
    return f", {fewest_to_most} subject{'' if counts[-1] == 1 else 's'}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
