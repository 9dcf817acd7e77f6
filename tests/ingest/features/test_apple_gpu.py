"""Extraction on the GPU of an Apple chip: what is different there, with a stand-in for its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from alignhouse.analysis.kernels.devices import to_device
from alignhouse.ingest.features import devices
from alignhouse.ingest.features.options import DEFAULTS, How
from alignhouse.ingest.features.precision import at_precision
from alignhouse.ingest.features.recipe import layer_rdm
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.showing import Showing, _add
from alignhouse.ingest.features.spool import Spool
from alignhouse.ingest.features.taps import LeadingSum
from alignhouse.ingest.models.catalog import catalog
from alignhouse.warehouse.errors import BadInput

OF_MPS = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."


class OnApple(torch.Tensor):
    """A tensor that says it is on "mps", and refuses float64 as torch does there."""

    device = property(lambda self: torch.device("mps"))

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        plain = [each.as_subclass(torch.Tensor) if isinstance(each, OnApple) else each for each in arguments]
        if any(isinstance(each, torch.Tensor) and type(each) is torch.Tensor for each in arguments):
            raise RuntimeError("Expected all tensors to be on the same device, but found mps and cpu")
        found = function(*plain, **(options or {}))
        if function is torch.Tensor.cpu:
            return found
        made = found if isinstance(found, tuple) else (found,)
        if any(isinstance(each, torch.Tensor) and each.dtype == torch.float64 for each in made):
            raise TypeError(OF_MPS)
        return found.as_subclass(OnApple) if isinstance(found, torch.Tensor) else found


def on_apple(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).as_subclass(OnApple)


def test_the_stand_in_refuses_what_the_gpu_refuses() -> None:
    tensor = on_apple(np.ones(3, np.float32))
    assert tensor.device.type == "mps"
    with pytest.raises(TypeError, match="float64"):
        tensor.double()
    with pytest.raises(TypeError, match="float64"):
        tensor.mean(dtype=torch.float64)
    with pytest.raises(RuntimeError, match="same device"):
        tensor.add(torch.ones(3))
    assert type(tensor.cpu()) is torch.Tensor


def features(n_stimuli: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_stimuli, width)).astype(np.float32)


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize("reduction", ["none", "pca", "srp"])
def test_rdms_are_made_in_float64_on_the_cpu(tmp_path: Path, on_device: bool, reduction: str) -> None:
    rows = features(6, 50)
    made = []
    for put in (torch.from_numpy, on_apple):
        with Spool(tmp_path, on_device=on_device) as spool:
            for number, row in enumerate(rows):
                spool.append({"layer": put(row)}, f"stimulus {number}")
            [layer] = spool.layers
            settings = ExtractionSettings.model_validate({"reduction": reduction, "pca_components": 3})
            made.append(layer_rdm(layer, settings, 1e6))
    np.testing.assert_array_equal(made[0], made[1])
    if reduction == "none":
        expected = 1 - np.corrcoef(rows.astype(np.float64))[np.triu_indices(6, 1)]
        np.testing.assert_allclose(made[1], expected, atol=1e-12)


def test_several_calls_of_a_stimulus_are_averaged_in_float64_on_the_cpu() -> None:
    calls = features(3, 20)
    average: dict[str, torch.Tensor] = {}
    for call in calls:
        _add(average, "layer", LeadingSum(on_apple(call), 1 / 3), once=False)
    assert type(average["layer"]) is torch.Tensor
    assert average["layer"].dtype == torch.float64
    np.testing.assert_allclose(average["layer"].numpy(), calls.astype(np.float64).mean(axis=0), atol=1e-15)
    _add(average, "single", LeadingSum(on_apple(calls[0]), 1.0), once=True)
    assert average["single"].device.type == "mps"


def test_a_device_that_torch_cannot_use_is_refused_with_those_that_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("mps", "cuda", "cuda:1"):
        with pytest.raises(
            BadInput, match=rf"device {device}: expected one that torch can use here: cpu, fou"
        ):
            devices.check_device(device)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    devices.check_device("mps")
    with pytest.raises(BadInput, match="torch can use here: cpu, mps, found"):
        devices.check_device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for device in ("cpu", "cuda", "cuda:0"):
        devices.check_device(device)
    with pytest.raises(BadInput, match="cpu, cuda:0, mps"):
        devices.check_device("cuda:1")


def test_memory_and_calls_have_values_for_the_gpu() -> None:
    assert devices.parts_of_a_call("mps", "frames") > 1
    assert devices.parts_of_a_call("mps", "clips") == 1
    assert devices.readers("mps") >= 1
    # It has no memory of its own: the user's limit counts.
    assert devices.room_for_features("mps", 1e9) == devices.room_for_features("cpu", 1e9)
    assert 0 < devices.room_for_one_stimulus("mps", 1e9) < 1e9


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_full_precision_needs_no_autocast(precision: Any) -> None:
    with at_precision(precision, "mps"):
        assert not torch.is_autocast_enabled("cpu")
        assert torch.ones(2).matmul(torch.ones(2)).dtype == torch.float32


def test_batches_are_halved_when_the_gpu_runs_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    freed: list[str] = []
    options = cast(How, DEFAULTS | {"device": "mps", "say": said.append, "batch": 8})
    showing = Showing(catalog()["AlexNet"], torch.nn.Identity(), options)
    errors = [
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        torch.OutOfMemoryError("out of memory"),
    ]

    def shown(*arguments: object) -> tuple[list[object], int]:
        if errors:
            raise errors.pop()
        return [], 0

    monkeypatch.setattr(showing, "_features", shown)
    monkeypatch.setattr(devices, "free_cache", freed.append)
    assert showing._features_within_memory(cast(Any, None), []) == ([], 0)
    assert showing.batch == 2
    assert freed == ["mps", "mps"]
    assert "out of memory, so 2 frames at a time" in said[-1]
    errors.append(RuntimeError("another fault"))
    with pytest.raises(RuntimeError, match="another fault"):
        showing._features_within_memory(cast(Any, None), [])


def test_similarities_in_float64_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise TypeError(OF_MPS)

    monkeypatch.setattr(torch.Tensor, "to", refused)
    with pytest.raises(BadInput, match=r"device 'mps'.*float64.*mps takes float32 only"):
        to_device(np.ones(3), "mps", "float64")
