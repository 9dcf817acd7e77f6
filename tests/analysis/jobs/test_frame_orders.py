"""The job that compares a network with itself in another order of frames: keys, rows, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stored_rdms import CONDITIONS, N_PAIRS, SUBJECTS, Stored, artifacts_of, store_rdms

from alignhouse.analysis.jobs.frame_orders import frame_order_batch
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.statistics.bootstrap import bootstrap_scores
from alignhouse.analysis.statistics.frame_order import COMPARISONS, order_difference
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.kept import forget

HOW: dict[str, Any] = {"draws": 25, "level": 0.9, "seed": 3, "memory": 10**8}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results of another test's RDMs are kept until a stage ends."""
    forget()


@pytest.fixture
def rdms() -> NDArray[Any]:
    return np.random.default_rng(8).random((2, 3, N_PAIRS))


def orders_of(
    stored: Stored, rdms: NDArray[Any], layers: tuple[str, ...] = ("conv", "pool", "fc")
) -> dict[str, Model]:
    """The network `a` with shuffled frames and with frozen ones, which lack the first layer."""
    named = {"shuffled": list(layers), "frozen": list(layers[1:])}
    found = {}
    for (order, names), rows in zip(named.items(), rdms, strict=True):
        artifact = store_rdms(stored.root, {"layer": names}, rows[-len(names) :], CONDITIONS)
        found[order] = Model(f"a@{order}", artifact, "")
    return found


def rows_of(stored: Stored, scope: Scope, orders: dict[str, Model], **how: Any) -> list[dict[str, Any]]:
    batch = frame_order_batch(scope, stored.models[0], orders, stored.brains, **{**HOW, **how})
    [[artifact]] = artifacts_of(stored.root, batch).values()
    return artifact.rows().to_dicts()


def test_rows_are_the_differences_of_the_layers_that_both_orders_have(
    stored: Stored, scope: Scope, rdms: NDArray[Any]
) -> None:
    found = rows_of(stored, scope, orders_of(stored, rdms))
    assert len(found) == 2 * len(SUBJECTS) * len(COMPARISONS)
    how: dict[str, Any] = {"draws": 25, "seed": 3, "precision": "float32"}
    for row in found:
        kept = slice(0, 3) if row["frame_order"] == "shuffled" else slice(1, 3)
        layers = ["conv", "pool", "fc"][kept]
        usual = bootstrap_scores(stored.model_rdms["a"][kept], stored.brain_rdms, **how)[row["roi"]]
        moved = rdms[["shuffled", "frozen"].index(row["frame_order"])][kept]
        other = bootstrap_scores(moved, stored.brain_rdms, **how)[row["roi"]]
        expected = order_difference(usual, other, row["comparison"], 0.9)
        assert (row["layer"], row["layer_in_order"]) == (
            layers[expected.layer],
            layers[expected.layer_in_order],
        )
        numbers = {
            "rho": expected.rho,
            "rho_in_order": expected.rho_in_order,
            "difference": expected.difference,
            "lower": expected.interval.lower[0],
            "upper": expected.interval.upper[0],
            "p_value": expected.p_value,
            "level": 0.9,
            "n_subjects": len(SUBJECTS[row["roi"]]),
            "draws": 25,
            "seed": 3,
        }
        assert {name: row[name] for name in numbers} == pytest.approx(numbers, abs=1e-5)
        assert (row["model"], row["protocol"], row["method"]) == ("a", scope.protocol, "dual")
        assert row["remark"] == "remark of a"
    assert {row["layer"] == row["layer_in_order"] for row in found} == {True, False}


def test_the_key_holds_all_inputs(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    orders = orders_of(stored, rdms)
    [job] = frame_order_batch(scope_of("sound"), stored.models[0], orders, stored.brains, **HOW).jobs
    assert dict(job.inputs) == {
        "model": stored.models[0].rdms.artifact,
        **{f"order/{order}": each.rdms.artifact for order, each in orders.items()},
        **{f"brain/{roi}": each.artifact for roi, each in stored.brains.items()},
    }
    for name, value in {"draws": 26, "level": 0.8, "seed": 4}.items():
        other = frame_order_batch(
            scope_of("sound"), stored.models[0], orders, stored.brains, **{**HOW, name: value}
        )
        assert other.jobs[0].key != job.key, name


def test_orders_without_a_common_layer_are_refused(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    orders = orders_of(stored, rdms, ("conv", "x", "y"))
    with pytest.raises(BadInput, match="layers of a with frozen frames"):
        rows_of(stored, scope_of("sound"), orders)
