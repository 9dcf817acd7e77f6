"""Built networks equal those of the libraries bit for bit; nothing is downloaded, and weights are checked."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction, package_folder
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.mmaction2_configs import model_config, without_downloads
from alignhouse.warehouse.errors import BadInput


def assert_equal_states(one: torch.nn.Module, other: torch.nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something was to be downloaded")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_random_torchvision_is_the_librarys_own_initialisation_bit_for_bit() -> None:
    load_torchvision()
    import torchvision

    torch.manual_seed(0)
    expected = torchvision.models.resnet34(weights=None)
    assert_equal_states(build(catalog()["ResNet34"], weights="random"), expected)


def test_random_timm_is_the_librarys_own_initialisation_bit_for_bit() -> None:
    load_torchvision()
    import timm

    torch.manual_seed(3)
    expected = timm.create_model("cait_xxs24_224.fb_dist_in1k", pretrained=False)
    assert_equal_states(build(catalog()["cait_xxs24_224"], weights="random", seed=3), expected)


def test_random_mmaction2_is_the_configurations_network_bit_for_bit(no_network: None) -> None:
    network = catalog()["c2d_r50_nopool_mma"]
    load_mmaction()
    from mmaction.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    config = Config.fromfile(package_folder() / ".mim" / "configs" / network.source_id)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmaction"):
        expected = MODELS.build(config.model)
    assert_equal_states(build(network, weights="random"), expected)


def test_another_seed_gives_other_weights() -> None:
    network = catalog()["x3d_s"]
    zero, one = (build(network, weights="random", seed=seed).state_dict() for seed in (0, 1))
    assert not torch.equal(zero["backbone.conv1_s.conv.weight"], one["backbone.conv1_s.conv.weight"])


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    build(catalog()["x3d_s"], weights="random", seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_a_built_network_is_in_eval_mode_without_gradients() -> None:
    module = build(catalog()["x3d_s"], weights="random")
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    "name",
    [
        "ircsn_bnfrozen_r50_ig65m",
        "MViT_v2_S_ssv2",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("TSN_d161_3", "TSN_swin_8", "tanet_r50")),
    ],
)
def test_random_networks_whose_configurations_name_checkpoints_download_nothing(
    name: str, no_network: None, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    network = catalog()[name]
    module = build(network, weights="random")
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameters_counted
    assert "INFO" not in capfd.readouterr().out
    assert not [str(warning.message) for warning in recwarn if issubclass(warning.category, UserWarning)]


def test_the_swin_backbone_of_tsn_is_told_the_shape_of_its_maps() -> None:
    assert model_config(catalog()["TSN_swin_8"])["backbone"]["feature_shape"] == "NHWC"


def test_a_configuration_loses_all_its_initial_checkpoints() -> None:
    config = {
        "pretrained": "https://a/b.pth",
        "init_cfg": {"type": "Kaiming"},
        "backbone": {"pretrained": True, "depth": 50, "parts": [{"init_cfg": {"type": "Pretrained"}}]},
    }
    assert without_downloads(config) == {
        "pretrained": None,
        "init_cfg": {"type": "Kaiming"},
        "backbone": {"pretrained": False, "depth": 50, "parts": [{}]},
    }
    assert config["pretrained"] == "https://a/b.pth"


def test_a_package_that_a_network_needs_is_named_when_missing() -> None:
    network = catalog()["x3d_s"].model_copy(update={"needs": "no_such_package"})
    with pytest.raises(BadInput, match=r"network x3d_s: expected the package no_such_package.*pip install"):
        build(network, weights="random")


def saved(folder: Path, content: Any) -> Network:
    """x3d_s with a checkpoint file in `folder`, and the sha256 prefix of that file in its record."""
    network = catalog()["x3d_s"]
    torch.save(content, folder / network.weights)
    digest = hashlib.sha256((folder / network.weights).read_bytes()).hexdigest()
    return network.model_copy(update={"weights_sha_prefix": digest[:8]})


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    return build(catalog()["x3d_s"], weights="random", seed=7).state_dict()


def test_a_checkpoint_is_loaded_from_the_weights_folder(
    tmp_path: Path, trained: dict[str, torch.Tensor]
) -> None:
    network = saved(tmp_path, {"state_dict": trained, "meta": {"epoch": 3}})
    loaded = build(network, weights="pretrained", folder=tmp_path).state_dict()
    assert all(torch.equal(loaded[key], trained[key]) for key in trained)


def test_a_missing_checkpoint_names_the_file_and_the_next_step(tmp_path: Path) -> None:
    network = catalog()["x3d_s"]
    with pytest.raises(BadInput) as caught:
        build(network, weights="pretrained", folder=tmp_path)
    message = str(caught.value)
    assert str(tmp_path / network.weights) in message
    assert str(network.weights_url) in message
    assert 'weights = "random"' in message


def test_a_checkpoint_of_another_content_is_refused(tmp_path: Path, trained: dict[str, torch.Tensor]) -> None:
    saved(tmp_path, {"state_dict": trained})
    with pytest.raises(BadInput, match=r"x3d_s.*expected sha256 623825a0"):
        build(catalog()["x3d_s"], weights="pretrained", folder=tmp_path)


def test_keys_that_do_not_fit_are_listed(tmp_path: Path, trained: dict[str, torch.Tensor]) -> None:
    state = dict(trained)
    state["backbone.conv9.weight"] = state.pop("backbone.conv1_s.conv.weight")
    network = saved(tmp_path, {"state_dict": state})
    with pytest.raises(
        BadInput, match=r"also backbone.conv1_s.conv.weight, found also backbone.conv9.weight"
    ):
        build(network, weights="pretrained", folder=tmp_path)


class Unexpected:
    """A class that only unpickling could restore."""


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    network = saved(tmp_path, {"state_dict": {}, "meta": Unexpected()})
    with pytest.raises(BadInput, match="tensors and plain values"):
        build(network, weights="pretrained", folder=tmp_path)


@pytest.mark.parametrize("name", [pytest.param("AlexNet", marks=pytest.mark.slow), "efficientnet_b3"])
def test_torchvisions_weights_are_those_of_the_catalogs_enum(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = catalog()[name]
    trained = build(network, weights="random", seed=5)
    from torchvision.models import WeightsEnum, get_weight

    asked: list[Any] = []

    def state_dict(weights: Any, *args: Any, **options: Any) -> dict[str, torch.Tensor]:
        asked.append((weights, options.get("check_hash")))
        return trained.state_dict()

    monkeypatch.setattr(WeightsEnum, "get_state_dict", state_dict)
    torch.manual_seed(11)
    assert_equal_states(build(network, weights="pretrained"), trained)
    assert asked == [(get_weight(network.weights), True)]
    assert torch.initial_seed() == 11


def test_an_unreachable_hub_names_network_and_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(
        BadInput, match=r"weights of AlexNet.*AlexNet_Weights.IMAGENET1K_V1.*no route to host"
    ):
        build(catalog()["AlexNet"], weights="pretrained")
