"""Saved weights are loaded bit for bit; a damaged file is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.warehouse.errors import BadInput

Saved = Callable[[], tuple[Network, Path, dict[str, torch.Tensor]]]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def flip_a_bit_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def assert_equal(loaded: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    found = loaded.state_dict()
    assert list(found) == list(state)
    for key, value in state.items():
        assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
        assert torch.equal(found[key], value)


@cache
def random_state(name: str) -> dict[str, torch.Tensor]:
    """Random weights of a network of the catalog; tests leave them as they are."""
    return build(catalog()[name], weights="random", seed=5).state_dict()


@pytest.fixture
def of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """efficientnet_b3 with weights in torch's own cache; the file's name ends in the start of its hash."""

    def saved() -> tuple[Network, Path, dict[str, torch.Tensor]]:
        load_torchvision()
        from torchvision.models import EfficientNet_B3_Weights

        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        network = catalog()["efficientnet_b3"]
        state = random_state(network.name)
        cache = tmp_path / "hub" / "checkpoints"
        cache.mkdir(parents=True)
        torch.save(state, cache / "saved.pth")
        start = sha256(cache / "saved.pth")[:8]
        path = (cache / "saved.pth").rename(cache / f"efficientnet_b3-{start}.pth")
        published = EfficientNet_B3_Weights.IMAGENET1K_V1
        url = f"https://nowhere.invalid/models/{path.name}"
        monkeypatch.setattr(published, "_value_", dataclasses.replace(published.value, url=url))
        return network.model_copy(update={"weights_url": url, "weights_sha_prefix": start}), path, state

    return saved


@pytest.fixture
def of_timm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """cait_xxs24_224 with weights in a cache like that of Hugging Face's client."""

    def saved() -> tuple[Network, Path, dict[str, torch.Tensor]]:
        import huggingface_hub.constants
        from safetensors.torch import save_file

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        network = catalog()["cait_xxs24_224"]
        state = random_state(network.name)
        repository = tmp_path / f"models--timm--{network.weights}"
        commit = "0" * 40
        for folder in ("blobs", "refs", f"snapshots/{commit}"):
            (repository / folder).mkdir(parents=True)
        save_file(state, repository / "saved")
        blob = (repository / "saved").rename(repository / "blobs" / sha256(repository / "saved"))
        (repository / "snapshots" / commit / "model.safetensors").symlink_to(blob)
        (repository / "refs" / "main").write_text(commit)
        return network, blob, state

    return saved


@pytest.mark.parametrize("source", ["of_torchvision", "of_timm"])
def test_saved_weights_are_loaded_bit_for_bit(source: str, request: pytest.FixtureRequest) -> None:
    network, _, state = request.getfixturevalue(source)()
    assert_equal(build(network, weights="pretrained"), state)


@pytest.mark.parametrize("source", ["of_torchvision", "of_timm"])
def test_a_damaged_file_of_a_hubs_cache_is_refused(source: str, request: pytest.FixtureRequest) -> None:
    network, path, _ = request.getfixturevalue(source)()
    expected = network.weights_sha_prefix or path.name
    flip_a_bit_in_the_middle(path)
    with pytest.raises(BadInput) as caught:
        build(network, weights="pretrained")
    message = str(caught.value)
    assert message.startswith(f"weights of {network.name} in {path}: expected sha256 {expected}")
    assert f"found {sha256(path)[: len(expected)]}" in message
    assert "delete the file" in message


def test_a_checkpoint_of_other_shapes_names_the_first_of_them(of_torchvision: Saved) -> None:
    from alignhouse.ingest.models.states import load_strictly

    network, _, state = of_torchvision()
    module = build(network, weights="random")
    smaller = {**state, "classifier.1.weight": torch.zeros(10, 1536), "classifier.1.bias": torch.zeros(10)}
    expected = r"expected classifier.1.weight \(1000, 1536\), .*found classifier.1.weight \(10, 1536\)"
    with pytest.raises(BadInput, match=expected):
        load_strictly(module, smaller, network.name, "smaller.pth")


def checkpoint_of_mmaction2(folder: Path) -> tuple[Network, Path, dict[str, torch.Tensor]]:
    network = catalog()["x3d_s"]
    state = random_state(network.name)
    torch.save({"state_dict": state}, folder / "saved.pth")
    start = sha256(folder / "saved.pth")[:8]
    path = (folder / "saved.pth").rename(folder / f"x3d_s-{start}.pth")
    return network.model_copy(update={"weights": path.name, "weights_sha_prefix": start}), path, state


def note_as_seen(path: Path, digest: str) -> None:
    entry = {path.name: {"sha256": digest, "bytes": path.stat().st_size}}
    path.with_name("checkpoints.json").write_text(json.dumps(entry))


def test_a_checkpoint_is_loaded_bit_for_bit_whether_or_not_its_hash_was_noted(tmp_path: Path) -> None:
    network, path, state = checkpoint_of_mmaction2(tmp_path)
    assert_equal(build(network, weights="pretrained", folder=tmp_path), state)
    assert not (tmp_path / "checkpoints.json").exists(), "a load writes nothing"
    note_as_seen(path, sha256(path))
    assert_equal(build(network, weights="pretrained", folder=tmp_path), state)


def test_a_damaged_checkpoint_is_refused_by_the_start_of_its_hash(tmp_path: Path) -> None:
    network, path, _ = checkpoint_of_mmaction2(tmp_path)
    flip_a_bit_in_the_middle(path)
    with pytest.raises(BadInput) as caught:
        build(network, weights="pretrained", folder=tmp_path)
    assert f"expected sha256 {network.weights_sha_prefix}..., found {sha256(path)[:8]}..." in str(
        caught.value
    )
    assert f"(download it again with `alignhouse ingest weights x3d_s --to {tmp_path}`)" in str(caught.value)


def test_a_checkpoint_is_refused_if_only_the_start_of_its_hash_matches(tmp_path: Path) -> None:
    network, path, _ = checkpoint_of_mmaction2(tmp_path)
    fetched = sha256(path)[:8] + "0" * 56
    note_as_seen(path, fetched)
    with pytest.raises(BadInput) as caught:
        build(network, weights="pretrained", folder=tmp_path)
    assert f"expected sha256 {fetched}, found {sha256(path)} (download it again" in str(caught.value)


def test_a_load_fails_if_the_record_of_downloads_is_damaged(tmp_path: Path) -> None:
    network, path, _ = checkpoint_of_mmaction2(tmp_path)
    path.with_name("checkpoints.json").write_text("{")
    with pytest.raises(BadInput, match=r"cannot read .*checkpoints.json"):
        build(network, weights="pretrained", folder=tmp_path)
