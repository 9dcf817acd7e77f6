"""Taps read a layer's own output, or the content of its memory after later layers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from alignhouse.ingest.features.taps import Taps, leading_sum
from alignhouse.warehouse.errors import AlignhouseError, BadInput


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
    torch.testing.assert_close(read["linear"].total * read["linear"].scale, expected.mean(0))
    torch.testing.assert_close(read["relu"].total * read["relu"].scale, own.relu().mean(0))


def test_each_tensor_of_several_is_a_layer_and_other_parts_are_ignored() -> None:
    module = Overwritten()
    with torch.inference_mode(), Taps(module, ["pair", "linear"], "output") as taps:
        module(X)
        read = taps.collect()
    assert list(read) == ["pair_0", "pair_1", "linear"]
    assert [part.total.shape for part in read.values()] == [(4,), (2,), (4,)]


@pytest.mark.parametrize(
    "output",
    [
        torch.randn(4, 3, 5, 6),
        torch.randn(4, 3, 5, 6).contiguous(memory_format=torch.channels_last),
        torch.randn(4, 3, 2, 5, 6).contiguous(memory_format=torch.channels_last_3d),
        torch.randn(4, 5, 6).transpose(1, 2),
        torch.randn(4, 3, 1).expand(4, 3, 5),
        torch.randn(4, 7).half(),
        torch.randn(4, 7).double(),
        torch.randn(4),
    ],
    ids=["plain", "last", "last 3d", "transposed", "expanded", "half", "double", "flat"],
)
@pytest.mark.parametrize("weights", [[0.25] * 4, [0.125, 0.125, 0.25, 0.5], [1.0]])
def test_parts_of_a_call_are_summed_with_their_weights_however_they_lie_in_memory(
    output: torch.Tensor, weights: list[float]
) -> None:
    read = leading_sum(output, weights)
    rows = output.double().reshape(4, -1).numpy()
    # One part with four rows (crops, tokens): the mean of the rows.
    expected = np.array(weights if len(weights) == 4 else [0.25] * 4) @ rows
    np.testing.assert_allclose(read.total.double().numpy() * read.scale, expected, rtol=1e-6, atol=1e-6)
    assert read.total.dtype == (torch.float64 if output.dtype == torch.float64 else torch.float32)


def test_a_single_row_is_a_copy_that_later_layers_cannot_change() -> None:
    output = torch.ones(1, 3)
    read = leading_sum(output, [0.5])
    output.zero_()
    assert (read.total * read.scale).tolist() == [0.5, 0.5, 0.5]


def test_rows_that_are_not_the_parts_of_a_call_are_an_error() -> None:
    with pytest.raises(AlignhouseError, match="expected 2 rows, one a part, found 4"):
        leading_sum(torch.ones(4, 3), [0.5, 0.5])


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
