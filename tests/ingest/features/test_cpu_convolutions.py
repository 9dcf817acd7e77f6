"""3D convolutions on a CPU have the values of torch's own, whichever way they are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from torch import nn

from alignhouse.ingest.features.cpu_convolutions import FastConvolutions
from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog

LAST = torch.channels_last_3d
KERNELS: dict[str, dict[str, Any]] = {
    "over space": {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
    "over space, strided": {"kernel_size": (1, 3, 5), "stride": (1, 2, 2), "padding": (0, 1, 2)},
    "over space, dilated": {"kernel_size": (1, 3, 3), "dilation": (2, 2, 3), "padding": (0, 2, 2)},
    "over time": {"kernel_size": (3, 1, 1), "padding": (1, 0, 0)},
    "over time, strided": {"kernel_size": (5, 1, 1), "stride": (2, 1, 1), "padding": (2, 0, 0)},
    "over time, dilated": {"kernel_size": (3, 1, 1), "dilation": (2, 1, 1), "padding": (2, 0, 0)},
    "over channels": {"kernel_size": 1},
    "over channels, every other place": {"kernel_size": 1, "stride": (1, 2, 2)},
    "over channels, every other time": {"kernel_size": 1, "stride": (2, 1, 1)},
    "over channels, padded in time": {"kernel_size": 1, "padding": (1, 0, 0)},
    "over space, padded in time": {"kernel_size": (1, 3, 3), "padding": 1},
    "over time, padded in space": {"kernel_size": (3, 1, 1), "padding": (1, 1, 1)},
    "over all": {"kernel_size": 3, "stride": 2, "padding": 1},
    "depthwise": {"kernel_size": 3, "padding": 1, "groups": 16},
    "depthwise over space": {"kernel_size": (1, 3, 3), "padding": (0, 1, 1), "groups": 16},
    "groups over time": {"kernel_size": (3, 1, 1), "padding": (1, 0, 0), "groups": 4},
    "mirrored padding": {"kernel_size": (1, 3, 3), "padding": (0, 1, 1), "padding_mode": "reflect"},
    "same padding": {"kernel_size": (3, 1, 1), "padding": "same"},
}


def _values(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def _faster(module: nn.Module, given: torch.Tensor) -> torch.Tensor:
    with FastConvolutions(module).installed():
        made: torch.Tensor = module(given)
    return made


def _assert_close(made: torch.Tensor, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(made.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_are_those_of_a_convolution_in_float64(kernel: str, clips: int) -> None:
    torch.manual_seed(0)
    module = nn.Conv3d(16, 32, bias=clips == 1, **KERNELS[kernel])
    given = _values(clips, 16, 6, 9, 7)
    expected = module.double()(given.double())
    for layout in (torch.contiguous_format, LAST):
        made = _faster(module.float(), given.contiguous(memory_format=layout))
        assert made.dtype == torch.float32
        _assert_close(made, expected)


@pytest.mark.parametrize("kernel", ["over space", "over time", "over channels", "depthwise"])
def test_results_stay_in_channels_last_even_when_they_are_concatenated(kernel: str) -> None:
    module = nn.Conv3d(16, 16, **KERNELS[kernel])
    made = _faster(module, _values(1, 16, 6, 9, 7))
    # torch concatenates in channels last only tensors that have exactly its strides.
    assert torch.cat([made, made], dim=1).is_contiguous(memory_format=LAST)


def test_one_clip_without_a_leading_dimension_is_convolved_by_torch() -> None:
    module, given = nn.Conv3d(16, 8, (1, 3, 3)), _values(16, 4, 9, 7)
    assert torch.equal(_faster(module, given), module(given))


def test_a_class_with_its_own_convolution_is_left_alone() -> None:
    class Doubled(nn.Conv3d):
        def _conv_forward(self, *given: Any) -> torch.Tensor:
            return 2 * super()._conv_forward(*given)

    module, given = Doubled(16, 8, 1), _values(1, 16, 4, 9, 7)
    _assert_close(_faster(module, given), module(given))


def test_weights_that_a_class_prepares_for_each_call_are_used() -> None:
    class Standardised(nn.Conv3d):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            weight = self.weight - self.weight.mean(dim=(1, 2, 3, 4), keepdim=True)
            return self._conv_forward(given, weight, self.bias)

    module, given = Standardised(16, 8, (3, 1, 1), padding=(1, 0, 0)), _values(1, 16, 4, 9, 7)
    _assert_close(_faster(module, given), module(given))


def test_modules_are_as_before_after_a_failure() -> None:
    module = nn.Sequential(nn.Conv3d(16, 8, 1), nn.Conv3d(8, 8, 1))
    before = [set(vars(each)) for each in module]
    with pytest.raises(ZeroDivisionError), FastConvolutions(module).installed():
        assert [set(vars(each)) for each in module] != before
        raise ZeroDivisionError
    assert [set(vars(each)) for each in module] == before


def test_every_module_of_a_real_network_returns_the_same(x3d: nn.Module) -> None:
    backbone, clip = x3d.get_submodule("backbone"), _values(1, 3, 4, 64, 64)
    names = [name for name, each in backbone.named_modules() if isinstance(each, nn.Conv3d)]
    plain = outputs(backbone, names, lambda: backbone(clip))
    with FastConvolutions(x3d).installed():
        faster = outputs(backbone, names, lambda: backbone(clip))
    assert len(names) > 50
    for name in names:
        _assert_close(faster[name], plain[name])


def test_an_extraction_uses_them_during_forward_passes_alone(
    x3d: nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    network = catalog()["x3d_s"].model_copy(update={"resize": 64, "crop": 64})
    convolution = next(each for each in x3d.modules() if isinstance(each, nn.Conv3d))
    used: list[bool] = []
    hook = convolution.register_forward_hook(lambda *_: used.append("_conv_forward" in vars(convolution)))
    try:
        extract_rdms(network, x3d, sources(noise_videos[:3]), ExtractionSettings(), scratch=tmp_path)
    finally:
        hook.remove()
    assert used
    assert all(used)
    assert "_conv_forward" not in vars(convolution)
