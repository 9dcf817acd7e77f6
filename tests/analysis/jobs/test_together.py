"""Networks that are computed several at a time, for jobs of one network each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alignhouse.analysis.jobs.together import LAYERS_TOGETHER, Together, layers_together
from alignhouse.warehouse.errors import BadInput


class Computer:
    """Remembers what it was asked for; refuses networks called "bad"."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, names: Sequence[str]) -> dict[str, str]:
        self.calls.append(list(names))
        if "bad" in names:
            raise BadInput("RDMs of bad")
        return {name: name.upper() for name in names}


def test_the_first_that_is_asked_for_computes_those_after_it() -> None:
    compute = Computer()
    together = Together({"a": 3, "b": 2, "c": LAYERS_TOGETHER - 5, "d": 1}, compute)
    assert [together.result(name) for name in "abcd"] == list("ABCD")
    assert compute.calls == [["a", "b", "c"], ["d"]]


def test_one_that_is_larger_than_a_group_is_computed_alone() -> None:
    compute = Computer()
    together = Together({"large": 10 * LAYERS_TOGETHER, "a": 1}, compute)
    assert [together.result(name) for name in ("large", "a")] == ["LARGE", "A"]
    assert compute.calls == [["large"], ["a"]]


def test_any_order_of_asking_gives_the_same_results() -> None:
    compute = Computer()
    together = Together({"a": 200, "b": 200, "c": 50}, compute)
    assert [together.result(name) for name in "cab"] == list("CAB")
    assert sorted(name for call in compute.calls for name in call) == ["a", "b", "c"]


def test_bad_input_is_raised_by_the_network_that_has_it_and_by_no_other() -> None:
    compute = Computer()
    together = Together({"a": 1, "bad": 1, "c": 1}, compute)
    assert together.result("a") == "A"
    with pytest.raises(BadInput, match="RDMs of bad"):
        together.result("bad")
    assert together.result("c") == "C"


def test_fewer_layers_are_computed_at_a_time_where_their_rdms_are_large() -> None:
    assert layers_together(n_pairs=5151, bytes_a_pair=16, memory=2**30) == LAYERS_TOGETHER
    assert layers_together(n_pairs=606_651, bytes_a_pair=16, memory=2**30) == 110  # 2^30 / (16 * 606,651)
    assert layers_together(n_pairs=606_651, bytes_a_pair=4, memory=1) == 1
    compute = Computer()
    together = Together({"a": 2, "b": 2, "c": 2}, compute, most=4)
    assert [together.result(name) for name in "abc"] == list("ABC")
    assert compute.calls == [["a", "b"], ["c"]]
