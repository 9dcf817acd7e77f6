"""The data of the page's interactive charts, as one JSON object that the page embeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from alignhouse.analysis.figures.dark import on_dark, rgb
from alignhouse.analysis.figures.frames import ordered_regions
from alignhouse.analysis.figures.labels import group_label, group_styles, heading
from alignhouse.analysis.report.content import Results
from alignhouse.analysis.report.tables import p_text

DIGITS = 4  # of scores, bounds and depths; the pointer shows three


def chart_data(
    results: Results,
    layer_score: pl.DataFrame,
    bands: Mapping[str, pl.DataFrame],
    group_by: Sequence[str],
    shown_regions: Sequence[str],
    anchors: Mapping[str, str],
    *,
    axis: str,
) -> dict[str, Any]:
    """What the charts of one protocol, data set and split show; {} without scores.

    Parameters
    ----------
    layer_score : the answer to that query of `sql/report`; rows of other protocols are ignored.
    bands : grouping -> the answer to `sql/figures/depth_band.sql` for it.
    group_by : columns of best_layer that group networks. shown_regions : regions that the charts begin with.
    anchors : network -> the anchor of its part of the page. axis : name of the scores on an axis.

    Returns
    -------
    regions : name, group and noise ceiling. shown : places of shown_regions.
    groupings : name and groups, each with its colour and marker.
    networks : name, anchor, place of its group in each grouping, layers and their depths; per region `best`
        (rho, lower, upper, p, layer, depth) and `curves` (rho of each layer); null for none.
    bands : per grouping rows of group, region, depth, mean, lower, upper.
    """
    best = results.best_layer
    best = best if best.is_empty() else best.drop_nulls("rho")
    if best.is_empty():
        return {}
    regions = ordered_regions(best)
    names = regions["roi"].to_list()
    groupings = [_grouping(best, column) for column in group_by if column in best.columns]
    # A chart begins with a grouping that tells networks apart, if there is one.
    groupings.sort(key=lambda each: len(each["groups"]) < 2)
    layers = _layers(layer_score, results)
    of_networks = best.with_columns(pl.col("model", "roi", "layer").cast(pl.String)).partition_by(
        "model", as_dict=True, maintain_order=True
    )
    networks = []
    for (model,), rows in of_networks.items():
        first = rows.row(0, named=True)
        networks.append(
            {
                "name": str(model),
                "anchor": anchors[str(model)],
                "groups": [_place_of(each, first[each["column"]]) for each in groupings],
                "best": _best(rows, names),
                **_curves(layers.get(str(model)), names),
            }
        )
    return {
        "score": axis,
        "short": results.score,
        "regions": _regions(regions, results.noise_ceiling),
        "shown": [names.index(roi) for roi in shown_regions if roi in names] or list(range(len(names)))[:4],
        "groupings": [{"name": each["name"], "groups": each["groups"]} for each in groupings],
        "networks": networks,
        "bands": [_bands(bands.get(each["column"]), each, names) for each in groupings],
    }


def group_colours(charts: Mapping[str, Any]) -> str:
    """Style rules that give each group its colour, on light and on dark pages: `--g-0-1`, class `g-0-1`."""
    light, dark, classes = [], [], []
    for place, grouping in enumerate(charts.get("groupings", ())):
        for index, group in enumerate(grouping["groups"]):
            name = f"g-{place}-{index}"
            light.append(f"--{name}: {group['colour']};")
            dark.append(f"--{name}: {_on_dark(group['colour'])};")
            classes.append(f".{name} {{ color: var(--{name}); }}\n")
    if not classes:
        return ""
    return (
        f":root {{ {' '.join(light)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {' '.join(dark)} }} }}\n"
        + "".join(classes)
    )


def _on_dark(colour: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*on_dark(rgb(colour)))


def _grouping(best: pl.DataFrame, column: str) -> dict[str, Any]:
    labels = {group_label(value) for value in best[column].unique().to_list()}
    groups = [
        {"name": label, "colour": style.colour, "marker": style.marker}
        for label, style in group_styles(labels).items()
    ]
    return {"column": column, "name": heading(column), "groups": groups}


def _place_of(grouping: Mapping[str, Any], value: object) -> int:
    """The place of a value's group in its grouping."""
    return [group["name"] for group in grouping["groups"]].index(group_label(value))


def _regions(regions: pl.DataFrame, ceiling: pl.DataFrame) -> list[dict[str, Any]]:
    bounds = {} if ceiling.is_empty() else {str(row["roi"]): row for row in ceiling.iter_rows(named=True)}
    return [
        {
            "name": roi,
            "group": group,
            "lower": _rounded(bounds.get(roi, {}).get("lower")),
            "upper": _rounded(bounds.get(roi, {}).get("upper")),
            "reliable": bounds.get(roi, {}).get("is_reliable"),
        }
        for roi, group in regions.select("roi", pl.col("roi_group").cast(pl.String)).iter_rows()
    ]


def _best(rows: pl.DataFrame, names: Sequence[str]) -> list[list[Any] | None]:
    """Per region: rho, bounds of its interval, p in words, layer and depth."""
    found = {row["roi"]: row for row in rows.iter_rows(named=True)}
    best: list[list[Any] | None] = []
    for roi in names:
        row = found.get(roi)
        if row is None:
            best.append(None)
            continue
        p = row["p_value"]
        best.append(
            [
                _rounded(row["rho"]),
                _rounded(row.get("rho_lower")),
                _rounded(row.get("rho_upper")),
                None if p is None else p_text(p, row.get("permutations")),
                row["layer"],
                _rounded(row.get("depth")),
            ]
        )
    return best


def _layers(layer_score: pl.DataFrame, results: Results) -> dict[str, dict[str, Any]]:
    """Network -> names and depths of its layers in their order, and region -> rho of each."""
    if layer_score.is_empty():
        return {}
    of_protocol = layer_score.filter(pl.col("protocol").cast(pl.String) == results.protocol)
    columns = pl.col("model", "layer", "roi").cast(pl.String), "layer_index", "depth", "rho"
    found: dict[str, dict[str, Any]] = {}
    for (model,), rows in of_protocol.select(*columns).group_by("model", maintain_order=True):
        layers = rows.unique("layer", maintain_order=True).sort("layer_index", nulls_last=True)
        order = {name: index for index, name in enumerate(layers["layer"])}
        scores: dict[str, list[float | None]] = {}
        for layer, roi, rho in rows.select("layer", "roi", "rho").iter_rows():
            scores.setdefault(roi, [None] * len(order))[order[layer]] = _rounded(rho)
        found[str(model)] = {
            "layers": list(order),
            "depths": [_rounded(depth) for depth in layers["depth"]],
            "scores": scores,
        }
    return found


def _curves(layers: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    if layers is None:
        return {"layers": [], "depths": [], "curves": []}
    curves = [layers["scores"].get(roi) for roi in names]
    return {"layers": layers["layers"], "depths": layers["depths"], "curves": curves}


def _bands(band: pl.DataFrame | None, grouping: Mapping[str, Any], names: Sequence[str]) -> list[list[Any]]:
    if band is None or band.is_empty():
        return []
    rows = band.select(pl.col("group_name", "roi").cast(pl.String), "depth", "rho", "lower", "upper")
    return [
        [_place_of(grouping, group), names.index(roi), *map(_rounded, numbers)]
        for group, roi, *numbers in rows.iter_rows()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)
