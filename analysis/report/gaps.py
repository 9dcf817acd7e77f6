"""What is missing in the results of a report, and the command that adds it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from alignhouse.analysis.figures.frames import how_many, listed
from alignhouse.analysis.figures.labels import heading
from alignhouse.analysis.report.content import Results
from alignhouse.analysis.report.value_words import value_label

RSA = "alignhouse analyse rsa STUDY.toml"
UNCERTAINTY = "alignhouse analyse uncertainty STUDY.toml"
FIGURES = ("parameters", "gflops", "top1")


def gaps(results: Results, group_by: Sequence[str]) -> list[str]:
    """A sentence for each thing that the results of one protocol lack; [] if nothing is missing."""
    best = results.best_layer
    if best.is_empty():
        return [f"There are no scores under this protocol: run {RSA}."]
    sentences = [
        ceilings_gap(best, results.noise_ceiling),
        ceiling_tests_gap(results.noise_ceiling),
        scores_gap(best),
        depths_gap(best),
        tests_gap(best),
        *(groups_gap(best, results.group_comparison, each) for each in group_by),
        intervals_gap(best),
        choices_gap(results.layer_choice),
        *(figure_gap(results.networks, best, figure) for figure in FIGURES),
    ]
    return [sentence for sentence in sentences if sentence]


def ceilings_gap(best: pl.DataFrame, noise_ceiling: pl.DataFrame) -> str:
    """Which regions have no noise ceiling."""
    regions = best["roi"].cast(pl.String).unique(maintain_order=True).to_list()
    known = (
        set()
        if noise_ceiling.is_empty()
        else set(noise_ceiling.drop_nulls("lower")["roi"].cast(pl.String).to_list())
    )
    missing = [roi for roi in regions if roi not in known]
    if not missing:
        return ""
    where = "any region" if len(missing) == len(regions) > 1 else listed(missing)
    return f"There is no noise ceiling of {where}: it needs two subjects."


def ceiling_tests_gap(noise_ceiling: pl.DataFrame) -> str:
    """Which noise ceilings were not tested against chance, because an older version made them."""
    if noise_ceiling.is_empty():
        return ""
    untested = noise_ceiling.filter(pl.col("lower").is_not_null() & pl.col("is_reliable").is_null())
    if untested.is_empty():
        return ""
    where = listed(untested["roi"].cast(pl.String).to_list())
    return f"The noise ceiling of {where} was not tested against chance, so it has no shares: run {RSA}."


def scores_gap(best: pl.DataFrame) -> str:
    """Which networks lack a score in some region, so that their means are over fewer regions."""
    n_regions = best["roi"].n_unique()
    counts = best.drop_nulls("rho").group_by(pl.col("model").cast(pl.String)).agg(pl.col("roi").n_unique())
    fewer = counts.filter(pl.col("roi") < n_regions)["model"].sort().to_list()
    if not fewer:
        return ""
    have = "has" if len(fewer) == 1 else "have"
    return (
        f"{listed(fewer)} {have} no score in some of the {n_regions} regions; mean ranks use the regions "
        "with a score."
    )


def depths_gap(best: pl.DataFrame) -> str:
    """Which networks have no depth, so that curves over depth leave them out."""
    if "depth" not in best.columns:
        return ""
    unknown = best.filter(pl.col("depth").is_null())["model"].cast(pl.String).unique().sort().to_list()
    if not unknown:
        return ""
    return (
        f"The order of the layers of {listed(unknown)} is not known, so curves over depth leave "
        f"{'it' if len(unknown) == 1 else 'them'} out: list the layers in layers.csv."
    )


def tests_gap(best: pl.DataFrame) -> str:
    """Whether best layers have p-values, and whether these are corrected for the number of tests."""
    if best["p_value"].null_count():
        lacking = best["p_value"].null_count()
        have = "has" if lacking == 1 else "have"
        return f"{how_many(lacking, 'best layer')} {have} no p-value: run {RSA}."
    if "q_value" not in best.columns or best["q_value"].null_count() == best.height:
        return f"The p-values are not corrected for the number of tests: run {RSA}."
    return ""


def groups_gap(best: pl.DataFrame, comparison: pl.DataFrame, group_by: str) -> str:
    """Why there is no comparison of groups, or which groups have a single network."""
    if group_by not in best.columns:
        return ""
    networks = best.unique("model").select(
        group=pl.col(group_by).cast(pl.String).map_elements(partial(value_label, group_by), pl.String)
    )
    by = heading(group_by)
    if networks.height == 1:
        return ""
    sizes = networks.group_by(pl.col("group").fill_null("not stated")).len().sort("group")
    if sizes.height == 1:
        return f"All networks have the same {by}, {sizes['group'][0]}: there are no groups to compare."
    if comparison.is_empty() or comparison.filter(group_by=group_by).is_empty():
        return (
            f"Groups by {by} are drawn but not compared: add {group_by} to group_by in [report] of the "
            f"study file and run {RSA}."
        )
    single = sizes.filter(pl.col("len") == 1)["group"].to_list()
    if not single:
        return ""
    if len(single) == 1:
        return f"By {by}, the group {single[0]} has a single network."
    return f"By {by}, the groups {listed(single)} have a single network each."


def intervals_gap(best: pl.DataFrame) -> str:
    """Whether rho has intervals."""
    if "rho_lower" in best.columns and best["rho_lower"].null_count() < best.height:
        return ""
    return f"There are no intervals: run {UNCERTAINTY}, with [analysis] bootstraps above 0."


def choices_gap(choices: pl.DataFrame) -> str:
    """Whether layers were also chosen and scored on different stimuli."""
    if not choices.is_empty():
        return ""
    return (
        "Best layers are chosen and scored on the same stimuli, which makes rho too high. To choose them on "
        f"other stimuli, run {UNCERTAINTY}, with [analysis] halvings above 0 (it needs eight stimuli)."
    )


def figure_gap(networks: pl.DataFrame, best: pl.DataFrame, figure: str) -> str:
    """Which networks lack a figure that alignment is correlated with. Untrained ones have no accuracy."""
    if figure not in networks.columns:
        return ""
    if figure == "top1" and "weights" in networks.columns:
        networks = networks.filter(pl.col("weights") != "random")
    scored = best["model"].cast(pl.String).unique()
    lacking = networks.filter(
        pl.col("model").cast(pl.String).is_in(scored.implode()) & pl.col(figure).is_null()
    )
    if lacking.is_empty():
        return ""
    who = (
        "all networks"
        if lacking.height == len(scored) > 1
        else listed(lacking["model"].cast(pl.String).sort().to_list())
    )
    return f"The {value_label('figure', figure)} of {who} {'are' if figure == 'gflops' else 'is'} unknown."


def encoding_gaps(encoding: pl.DataFrame, networks: pl.DataFrame) -> list[str]:
    """A sentence for each thing that a voxel encoding lacks; [] if nothing is missing."""
    sentences = [lacking_networks_gap(encoding, networks, "encoding")]
    untested = encoding["p_value"].null_count()
    if untested:
        have = "has" if untested == 1 else "have"
        sentences.append(
            f"{how_many(untested, 'encoding')} {have} no p-value: run {UNCERTAINTY}, with refits "
            "in [encoding] (over folds) or permutations in [analysis] above 0."
        )
    sentences.append(voxel_intervals_gap(encoding["lower"]))
    return [sentence for sentence in sentences if sentence]


def partition_gaps(parts: pl.DataFrame, networks: pl.DataFrame) -> list[str]:
    """A sentence for each thing that a variance partition lacks; [] if nothing is missing."""
    if parts.is_empty():
        return []
    sentences = [lacking_networks_gap(parts, networks, "variance partition")]
    known = parts.drop_nulls("unique_network")
    if not known.is_empty():
        sentences.append(voxel_intervals_gap(known["unique_network_lower"]))
    return [sentence for sentence in sentences if sentence]


def lacking_networks_gap(rows: pl.DataFrame, networks: pl.DataFrame, what: str) -> str:
    """Which networks of the report have no row."""
    if networks.is_empty():
        return ""
    there = rows["model"].cast(pl.String).unique()
    lacking = networks.filter(~pl.col("model").cast(pl.String).is_in(there.implode()))
    if lacking.is_empty():
        return ""
    names = lacking["model"].cast(pl.String).sort().to_list()
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} no {what}: run {UNCERTAINTY}."


def voxel_intervals_gap(lower: pl.Series) -> str:
    """Whether voxel encodings or partitions have intervals, by their lower bounds."""
    if lower.null_count() < len(lower):
        return ""
    return (
        "There are no intervals: they need two subjects, or test stimuli and [analysis] bootstraps above 0."
    )
