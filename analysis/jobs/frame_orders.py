"""Differences between video networks and the same networks that saw frames in another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from alignhouse.analysis.jobs.network_rdms import StackedRdms, read_networks
from alignhouse.analysis.jobs.scope import Model, Scope, read_brains
from alignhouse.analysis.statistics.bootstrap import BootstrapScores, bootstrap_scores, some_scores
from alignhouse.analysis.statistics.frame_order import COMPARISONS, order_difference
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1


class FrameOrderSettings(Scope):
    """Settings of the differences of one network. orders : of the frames. draws : resamples."""

    model: str
    orders: tuple[str, ...]
    draws: int
    level: float
    seed: int
    remark: str


def frame_order_batch(
    scope: Scope,
    model: Model,
    orders: Mapping[str, Model],
    brains: Mapping[str, Artifact],
    *,
    draws: int,
    level: float,
    seed: int,
    memory: int,
) -> Batch:
    """What a network loses with frames in another order, with intervals and tests: one job.

    All orders are scored with the same resampled stimuli and subjects, so differences are computed draw by
    draw.

    Parameters
    ----------
    orders : order of the frames -> the same network with frames in this order.
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    """
    settings = FrameOrderSettings(
        **dict(scope),
        model=model.name,
        orders=tuple(orders),
        draws=draws,
        level=level,
        seed=seed,
        remark=model.remark,
    )
    job = Job(
        "frame_order",
        VERSION,
        settings.as_json(),
        inputs={
            "model": model.rdms.artifact,
            **{f"order/{order}": each.rdms.artifact for order, each in orders.items()},
            **{f"brain/{roi}": each.artifact for roi, each in brains.items()},
        },
        label=f"{model.name}, protocol {scope.protocol}",
    )
    rdms = {model.name: model.rdms, **{order: each.rdms for order, each in orders.items()}}
    return single(job, compare_orders, rdms=rdms, brains=brains, memory=memory)


def compare_orders(
    job: Job,
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
) -> Iterator[Output]:
    """The rows of `frame_order_difference`; see `frame_order_batch`.

    Raises BadInput if two orders have no layer in common, as where all of these were bad and skipped.
    """
    settings = FrameOrderSettings.of(job)
    brain = read_brains(brains)
    networks = read_networks(list(rdms), rdms, brain)
    reporter.doing("resampling")
    scores = bootstrap_scores(
        networks.rdms,
        brain.rdms,
        draws=settings.draws,
        seed=settings.seed,
        seen=brain.seen,
        precision="float32",
        memory=memory,
        layer_names=networks.labels,
        tick=reporter.step,
    )
    rows: list[dict[str, Any]] = []
    for order in settings.orders:
        layers = _in_common(networks, settings.model, order)
        for roi, of_roi in scores.items():
            usual, other = (_layers(of_roi, networks, name, layers) for name in (settings.model, order))
            for comparison in COMPARISONS:
                found = order_difference(usual, other, comparison, settings.level)
                rows.append(
                    {
                        "model": settings.model,
                        "frame_order": order,
                        "roi": roi,
                        "comparison": comparison,
                        "layer": layers[found.layer],
                        "layer_in_order": layers[found.layer_in_order],
                        "rho": found.rho,
                        "rho_in_order": found.rho_in_order,
                        "difference": found.difference,
                        "lower": float(found.interval.lower[0]),
                        "upper": float(found.interval.upper[0]),
                        "level": settings.level,
                        "resampled": found.resampled,
                        "method": found.method,
                        "p_value": found.p_value,
                        "n_subjects": of_roi.n_subjects,
                        "draws": settings.draws,
                        "seed": settings.seed,
                    }
                )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    yield settings.facts("frame_order_difference", columns, settings.remark, ("model", "roi"))


def _in_common(networks: StackedRdms, model: str, order: str) -> list[str]:
    """The layers that both have, in the order of the network's layers."""
    layers = [layer for layer in networks.layers[model] if layer in networks.layers[order]]
    if not layers:
        raise BadInput(
            f"layers of {model} with {order} frames",
            expected="some of the layers that it has with frames in their own order",
            found="none of them",
        )
    return layers


def _layers(
    scores: BootstrapScores, networks: StackedRdms, name: str, layers: Sequence[str]
) -> BootstrapScores:
    """The scores of some layers of one of the stacked networks."""
    start, places = networks.rows[name].start, networks.layers[name]
    rows = np.array([start + places.index(layer) for layer in layers])
    return some_scores(scores, rows)
