"""Small builders of the data frames of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

Build = Callable[..., pl.DataFrame]

NETWORKS = (
    ("AlexNet", "image-in1k", "CNNs"),
    ("ViT", "image-in1k", "Transformers"),
    ("C2D", "image-k400", "CNNs"),
    ("SlowFast", "video-k400", "CNNs"),
)
REGIONS = (("MT", "lateral", 15), ("V1", "early", 0), ("V2", "early", 1))


def _place(protocol: str, roi: str, group: str, order: int, remark: str) -> dict[str, object]:
    return {
        "protocol": protocol,
        "dataset": "bmd",
        "split": "test",
        "roi": roi,
        "roi_group": group,
        "roi_order": order,
        "remark": remark,
    }


def _best_layers(
    networks: Sequence[tuple[str, str, str]] = NETWORKS,
    *,
    protocols: Sequence[str] = ("sound",),
    remark: str = "",
) -> pl.DataFrame:
    """rho is .1 for the first network; it grows by .01 per network and by .001 per region."""
    return pl.DataFrame(
        [
            _place(protocol, roi, group, order, remark)
            | {
                "model": model,
                "model_type": model_type,
                "arch_type": arch_type,
                "layer": f"layer{n}",
                "depth": 0.5,
            }
            | {
                "rho": 0.1 + 0.01 * n + 0.001 * order,
                "p_value": 0.0004,
                "family": "a",
                "training_dataset": "b",
            }
            for protocol in protocols
            for roi, group, order in REGIONS
            for n, (model, model_type, arch_type) in enumerate(networks)
        ]
    )


def _ceilings(*, protocols: Sequence[str] = ("sound",), remark: str = "") -> pl.DataFrame:
    """V2 has no ceiling; the other regions have .2 to .3."""
    return pl.DataFrame(
        [
            _place(protocol, roi, group, order, remark)
            | {"lower": None if roi == "V2" else 0.2, "upper": None if roi == "V2" else 0.3}
            | {"is_reliable": None if roi == "V2" else True, "n_subjects": 10}
            for protocol in protocols
            for roi, group, order in REGIONS
        ]
    )


@pytest.fixture
def best_layers() -> Build:
    return _best_layers


@pytest.fixture
def ceilings() -> Build:
    return _ceilings


def _said(plot: Any) -> str:
    return " ".join(f"{plot.labels.title} {plot.labels.subtitle} {plot.labels.caption}".split())


def _drawn(plot: Any, geom: str) -> list[pl.DataFrame]:
    return [layer._data for layer in plot.layers if type(layer.geom).__name__ == geom]


@pytest.fixture
def said() -> Callable[[Any], str]:
    """Title, subtitle and caption of a plot, as one line."""
    return _said


@pytest.fixture
def drawn() -> Callable[[Any, str], list[pl.DataFrame]]:
    """`drawn(plot, "geom_point")`: the data that layers of this geom draw, in order."""
    return _drawn
