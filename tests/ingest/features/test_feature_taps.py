"""Taps read a layer's own output, or what later layers made of its memory."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn

from ingest.features.taps import Taps
from warehouse.errors import AlignhouseError, BadInput


class Overwritten(nn.Module):
    """A linear layer whose output the next layer overwrites, a layer of two outputs, and one never called."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.relu = nn.ReLU(inplace=True)
        self.pair = Pair()
        self.idle = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, _, _ = self.pair(self.relu(self.linear(x)))
        return first


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        return x + 1, x[:, :2], 7


X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("when", ["output", "memory"])
def test_an_in_place_activation_changes_what_memory_holds_not_the_output(
    when: Literal["output", "memory"],
) -> None:
    module = Overwritten()
    with torch.inference_mode(), Taps(module, ["linear", "relu"], when) as taps:
        module(X)
        read = taps.collect()
        own = X @ module.linear.weight.T + module.linear.bias
    assert (own < 0).any()
    expected = own if when == "output" else own.relu()
    torch.testing.assert_close(read["linear"].total, expected.double().sum(0))
    torch.testing.assert_close(read["relu"].total, own.relu().double().sum(0))
    assert read["linear"].rows == 5


def test_each_tensor_of_several_is_a_layer_and_other_parts_are_ignored() -> None:
    module = Overwritten()
    with torch.inference_mode(), Taps(module, ["pair", "linear"], "output") as taps:
        module(X)
        read = taps.collect()
    assert list(read) == ["pair_0", "pair_1", "linear"]
    assert [part.total.shape for part in read.values()] == [(4,), (2,), (4,)]


def test_a_layer_that_is_never_called_is_an_error() -> None:
    module = Overwritten()
    with Taps(module, ["linear", "idle"], "output") as taps, torch.inference_mode():
        module(X)
        with pytest.raises(AlignhouseError, match="'idle' was tapped"):
            taps.collect()


def test_a_layer_that_is_called_twice_is_an_error() -> None:
    shared = nn.Identity()
    module = nn.Sequential(shared, shared)
    with Taps(module, ["0"], "output"), pytest.raises(AlignhouseError, match="'0' is called more than once"):
        module(X)


def test_taps_are_removed_at_the_end() -> None:
    module = Overwritten()
    with Taps(module, ["linear"], "output") as taps:
        module(X)
        taps.collect()
    module(X)
    with pytest.raises(AlignhouseError, match="not call"):
        taps.collect()
    assert not module.linear._forward_hooks


def test_a_layer_that_is_not_there_lists_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"'linaer'.*did you mean linear"):
        Taps(Overwritten(), ["linaer"], "output")
