"""Too large a study by Kendall's tau-a is refused; layers and sets of stimuli are counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.statistics.kendall_work import tau_a_work
from alignhouse.study.measures import with_measures
from alignhouse.study.protocol import shipped
from alignhouse.study.sign_work import LAYERS_A_NETWORK, refuse_too_many_signs
from alignhouse.warehouse.errors import BadInput

STIMULI = [f"s{number}" for number in range(40)]


def rdms(subjects: list[str], unseen: dict[str, list[str]]) -> Any:
    """The part of an artifact of brain RDMs that is read."""
    table = pl.DataFrame({"subject": subjects})
    return SimpleNamespace(about={"conditions": STIMULI, "unseen": unseen}, rows=lambda columns: table)


def study(limit: float) -> Any:
    asked = SimpleNamespace(permutations=100, bootstraps=50, halvings=10, tau_a_limit=limit)
    return SimpleNamespace(analysis=asked)


def inputs(given: Any = None) -> Any:
    brains = {
        "V1": rdms(["a", "b", "c"], {"b": STIMULI[:5]}),
        "IT": rdms(["a", "b"], {"b": STIMULI[:5]}),
    }
    return SimpleNamespace(brain_rdms_of={"correlation": brains}, stimuli=STIMULI, given_networks=given)


# Two subjects of V1 and one of IT saw all 40, one of each saw 35.
GROUPS = [(40, [2, 1]), (35, [1, 1])]


@pytest.mark.parametrize("given", [None, SimpleNamespace(rdms={"x": SimpleNamespace(n_rows=7)})])
def test_a_study_is_refused_from_its_limit_on(given: Any) -> None:
    protocols = with_measures(shipped(["sound"]), ["rho_a", "kendall_tau_a"])
    n_layers = 7 if given else 3 * LAYERS_A_NETWORK
    needed = tau_a_work(n_layers, GROUPS, permutations=100, draws=50, halvings=10)
    refuse_too_many_signs(study(needed), protocols, inputs(given), 3)
    with pytest.raises(
        BadInput, match=f"kendall_tau_a of {n_layers} layers, 2 regions, 40 stimuli, .*use rho_a"
    ):
        refuse_too_many_signs(study(needed * 0.99), protocols, inputs(given), 3)
    # Other measures have no limit, and each protocol by tau-a counts.
    refuse_too_many_signs(study(1), with_measures(shipped(["sound"]), ["rho_a"]), inputs(given), 3)
    two = protocols | {"again": protocols["sound-kendall_tau_a"]}
    with pytest.raises(BadInput, match="kendall_tau_a"):
        refuse_too_many_signs(study(needed * 1.99), two, inputs(given), 3)
