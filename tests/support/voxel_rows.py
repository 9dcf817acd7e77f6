"""Rows of voxel encodings and variance partitions, as the queries of the report and of figures give them."""

from __future__ import annotations

from typing import Any

import polars as pl

SCOPE = {"protocol": "sound-encoding", "dataset": "bmd", "split": "test", "remark": ""}
NUMBERS = dict.fromkeys(
    ("score", "r", "r_normalised", "lower", "upper", "p_value", "r_by_chance", "mean_by_chance", "rho"),
    pl.Float64,
)
# Columns of a study over folds.
FOLDS: dict[str, Any] = {"chosen_on": "folds", "resampled": "subjects", "method": "student", "draws": 0}
PARTS = ("unique_network", "unique_controls", "shared")


def encodings(*rows: tuple[str, str, float | None], **more: Any) -> pl.DataFrame:
    """Rows of (network, region, score) on a training and a test split; `more` columns, one value or a list.

    Regions V are early, others lateral. p is .02, the interval reaches .1 to each side of the score.
    """
    models, regions, scores = zip(*rows, strict=True)
    columns: dict[str, Any] = {
        **SCOPE,
        "model": models,
        "model_type": [f"image-{model}" for model in models],
        "arch_type": "CNNs",
        "weights": "pretrained",
        "roi": regions,
        "roi_group": ["early" if roi[0] == "V" else "lateral" for roi in regions],
        "roi_order": [ord(roi[0]) == ord("M") for roi in regions],
        "layer": "fc",
        "depth": 1.0,
        "votes": 1.0,
        "chosen_on": "train",
        "score": scores,
        "r": [None if each is None else each / 2 for each in scores],
        "r_normalised": scores,
        "is_normalised": True,
        "n_subjects": 3,
        "n_voxels": 90,
        "n_left_out": 10,
        "r_by_chance": 0.001,
        "mean_by_chance": 0.001,
        "p_value": 0.02,
        "permutations": 99,
        "lower": [None if each is None else each - 0.1 for each in scores],
        "upper": [None if each is None else each + 0.1 for each in scores],
        "level": 0.95,
        "resampled": "both",
        "method": "dual",
        "draws": 200,
        "seed": 7,
        "group_median": scores,
        "rsa_layer": "fc",
        "rho": scores,
        **more,
    }
    return pl.DataFrame(columns, schema_overrides=NUMBERS).with_columns(pl.col("roi_order").cast(pl.Int64))


def partitions(
    *rows: tuple[str, str, float | None, float | None], half: float | None = 0.01, **more: Any
) -> pl.DataFrame:
    """Rows of (network, region, unique part of the network, of the controls), with intervals of ± `half`."""
    models, regions, *unique = zip(*rows, strict=True)
    bounds = {
        f"{name}_{bound}": [None if each is None or half is None else each + sign * half for each in values]
        for name, values in zip(PARTS, unique, strict=False)
        for bound, sign in (("lower", -1), ("upper", 1))
    }
    columns: dict[str, Any] = {
        **SCOPE,
        "model": models,
        "roi": regions,
        "roi_group": ["early" if roi[0] == "V" else "lateral" for roi in regions],
        "roi_order": [ord(roi[0]) == ord("M") for roi in regions],
        "layer": "fc",
        "unique_network": unique[0],
        "unique_controls": unique[1],
        **bounds,
        "shared": 0.05,
        "r2_network": 0.2,
        "r2_controls": 0.1,
        "r2_both": 0.25,
        "is_normalised": True,
        "n_subjects": 3,
        "n_voxels": 90,
        "controls": "hog, gist",
        "n_controls": 2,
        "candidates": 60,
        "weights_per": "region",
        "level": 0.95,
        "resampled": "both",
        "method": "dual",
        "draws": 200,
        "seed": 7,
        "reason": "",
        **more,
    }
    numbers = dict.fromkeys((*PARTS, *bounds, "r2_network", "r2_controls", "r2_both"), pl.Float64)
    return pl.DataFrame(columns, schema_overrides=numbers).with_columns(pl.col("roi_order").cast(pl.Int64))
