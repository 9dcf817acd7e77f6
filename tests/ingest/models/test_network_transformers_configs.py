"""A declared configuration: untrained networks of any size, and a check of the trained ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_transformers import SIDE, TINY, frames, library, own, save, vision

from alignhouse.ingest.models.build import build, build_network
from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.ingest.models.sources.transformers_files import CONFIG
from alignhouse.ingest.models.weights import check_weights, weights_identity
from alignhouse.warehouse.errors import BadInput

HUB_ID = "tiny/videomae"
VIDEO = {"model_type": "videomae", **TINY, "num_frames": 4}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny" / "videomae", "videomae")


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants
    from huggingface_hub import HfApi

    def no_connection(*given: Any, **more: Any) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(HfApi, "model_info", no_connection)


def test_an_untrained_network_has_the_declared_size_and_the_initialisation_of_its_type() -> None:
    module = build(own("config:vit", weights="random", config=TINY), weights="random", seed=4)
    torch.manual_seed(4)
    plain = library().AutoModel.from_config(vision("vit")).state_dict()
    assert module.state_dict().keys() == plain.keys()
    assert all(torch.equal(value, plain[key]) for key, value in module.state_dict().items())


def test_what_is_declared_of_a_part_leaves_the_rest_of_the_part_as_it_is() -> None:
    text = {key: TINY[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    config = {"vision_config": TINY, "text_config": text}
    network = own("config:clip", weights="random", config=config)
    module: Any = build(network, weights="random")
    assert (module.config.hidden_size, module.config.num_channels) == (16, 3)


def test_a_declaration_with_its_model_type_needs_the_hub_for_trained_weights_only(saved: Path) -> None:
    network = own(HUB_ID, config=VIDEO, processor={"image_mean": [0.0] * 3, "image_std": [1.0] * 3})
    assert (network.clip_len, network.weights_url) == (4, f"https://huggingface.co/{HUB_ID}")
    built = build_network(network, weights="random")
    assert built.transform is not None
    white = np.full((4, 40, 50, 3), 255, dtype=np.uint8)
    torch.testing.assert_close(built.transform(white), torch.ones(1, 4, 3, SIDE, SIDE))
    with pytest.raises(BadInput, match="mine: tiny/videomae not cached and https.*does not answer"):
        check_weights([network], "pretrained", reachable=lambda address: False)
    with pytest.raises(BadInput, match=r"mine: https://huggingface.co/tiny/videomae.*no route to the hub"):
        weights_identity(network, "pretrained")


def test_the_trained_network_is_that_of_its_files_and_its_key_holds_their_description(
    saved: Path, tmp_path: Path
) -> None:
    plain, declared = own(saved), own(saved, config=VIDEO)
    one, other = (build_network(network, weights="pretrained") for network in (plain, declared))
    assert all(
        torch.equal(value, one.module.state_dict()[key]) for key, value in other.module.state_dict().items()
    )
    assert one.transform is not None
    assert other.transform is not None
    assert torch.equal(one.transform(frames(4)), other.transform(frames(4)))
    assert other.found_weights == weights_identity(declared, "pretrained")
    assert other.found_weights.startswith(f"{one.found_weights}:described=")
    changed = shutil.copytree(saved, tmp_path / "changed")
    processor = next(changed.glob("*processor*.json"))
    processor.write_text(json.dumps(json.loads(processor.read_text()) | {"image_mean": [0, 0, 0]}))
    assert weights_identity(own(changed, config=VIDEO), "pretrained") != other.found_weights
    assert own(changed, config=VIDEO).identity()["own"] == declared.identity()["own"]


@pytest.mark.parametrize("config", [{**VIDEO, "hidden_size": 32}, {"hidden_size": 32}])
def test_trained_weights_of_another_configuration_are_an_error(saved: Path, config: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"network mine: expected hidden_size = 32, as declared, found 16 in"):
        build(own(saved, config=config), weights="pretrained")


def test_trained_weights_with_another_transform_than_the_published_are_an_error(saved: Path) -> None:
    file = next(saved.glob("*preprocessor*.json"))
    mean = json.loads(file.read_text())["image_mean"]
    build_network(own(saved, processor={"image_mean": mean}), weights="pretrained")
    with pytest.raises(BadInput, match=r"processor of network mine: expected image_mean = \[0.0, 0.0, 0.0\]"):
        build_network(own(saved, processor={"image_mean": [0.0] * 3}), weights="pretrained")


def test_an_untrained_network_may_change_the_configuration_of_a_folder(saved: Path, tmp_path: Path) -> None:
    shutil.copy(saved / CONFIG, tmp_path)
    network = own(tmp_path, weights="random", config={"num_hidden_layers": 1})
    module: Any = build(network, weights="random")
    assert (len(module.encoder.layer), module.config.hidden_size) == (1, 16)


def test_config_and_processor_are_in_the_identity_of_the_network() -> None:
    def of(**declared: Any) -> Any:
        return own("config:vit", weights="random", **declared).identity()

    plain = of()
    assert not {"config", "processor"} & plain["own"].keys(), "keys of finished jobs stay"
    assert plain != of(config={"hidden_size": 48}) != of(config={"hidden_size": 96}) != plain
    assert plain != of(processor={"image_std": [1.0] * 3})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"config": {"hiden_size": 48}}, r"keys of a configuration of vit, found hiden_size .*hidden_size"),
        ({"config": {"hidden_size": "many"}}, "config of network mine: expected values of a configuration"),
        ({"processor": {"image_meen": [0.5]}}, r"settings of ViTImage.*found image_meen .*image_mean"),
    ],
)
def test_what_does_not_exist_is_an_error_with_the_nearest_name(
    declared: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        own("config:vit", weights="random", **declared)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"id": "config:vit", "config": {"model_type": "vit"}}, "model_type in config and in id"),
        ({"config": {"layer_norm_eps": float("nan")}}, "layer_norm_eps holds another value"),
        (
            {"source": "timm", "id": "test_vit", "config": {"a": 1}},
            "config only with source = 'transformers'",
        ),
    ],
)
def test_a_configuration_that_cannot_be_declared_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OwnNetwork.model_validate({"source": "transformers", "id": "a/b", "weights": "random", **declared})
