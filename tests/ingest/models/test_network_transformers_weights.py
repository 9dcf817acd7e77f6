"""Weights of transformers: safetensors of a folder or of a made-up cache of the hub."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_transformers import SIDE, library, own

from alignhouse.ingest.models.build import build, build_network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.weights import check_weights, weights_identity
from alignhouse.warehouse.errors import BadInput


def test_the_identity_changes_with_any_weight_and_the_key_with_the_description(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "copy")
    network = own("copy", folder=tmp_path)
    file = folder / "model.safetensors"
    before = weights_identity(network, "pretrained")
    assert before == f"pretrained:transformers:sha256={hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert build_network(network, weights="pretrained").found_weights == before
    state = load_file(file)
    state["layernorm.bias"][3] += 1
    save_file(state, file, metadata={"format": "pt"})
    assert weights_identity(network, "pretrained") != before
    assert build(network, weights="pretrained").state_dict()["layernorm.bias"][3] == 1
    described = folder / "preprocessor_config.json"
    described.write_text(described.read_text().replace('"shortest_edge": 40', '"shortest_edge": 50'))
    assert own("copy", folder=tmp_path).identity() != network.identity()


def test_weights_in_several_files_are_all_part_of_the_identity(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = build(own(saved("vit")), weights="pretrained").state_dict()
    folder = shutil.copytree(saved("vit"), tmp_path / "shards")
    model = library().AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 1
    network = own(folder)
    state = build(network, weights="pretrained").state_dict()
    assert all(torch.equal(value, whole[key]) for key, value in state.items())
    lines = "".join(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in shards)
    expected = f"pretrained:transformers:sha256={hashlib.sha256(lines.encode()).hexdigest()}"
    assert weights_identity(network, "pretrained") == expected
    shards[1].unlink()
    with pytest.raises(BadInput, match=rf"weights of network mine: expected .*{shards[1].name}, found none"):
        build(network, weights="pretrained")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../a.safetensors"}}')
    with pytest.raises(BadInput, match=r"expected names of safetensors files, found ../a.safetensors"):
        build(network, weights="pretrained")


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def only_pickles(file: Path) -> None:
    torch.save(load_file(file), file.with_name("pytorch_model.bin"))
    file.unlink()


def without_a_tensor(file: Path) -> None:
    state = load_file(file)
    del state["layernorm.bias"]
    save_file(state, file, metadata={"format": "pt"})


def of_another_shape(file: Path) -> None:
    state = load_file(file)
    state["layernorm.bias"] = torch.zeros(5)
    save_file(state, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Path.unlink, "expected .*model.safetensors, found none"),
        (
            only_pickles,
            r"found only pickles \(pytorch_model.bin\), which are not loaded \(save the model again",
        ),
        (damage, "expected tensors in safetensors' format, found SafetensorError"),
        (without_a_tensor, "expected all tensors of vit, found no layernorm.bias"),
        (of_another_shape, "expected those of vit, found .*"),
    ],
)
def test_weights_that_cannot_be_loaded_say_why(
    change: Callable[[Path], None], message: str, saved: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "copy")
    network = own(folder)
    change(folder / "model.safetensors")
    with pytest.raises(BadInput, match=rf"(?s)weights .*network mine.*: .*{message}"):
        build(network, weights="pretrained")
    if not (folder / "model.safetensors").exists():
        with pytest.raises(BadInput, match="weights of 1 network are missing: found mine: no .*but"):
            check_weights([network], "pretrained", reachable=lambda address: False)


def test_a_pooler_without_weights_is_left_out(saved: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "copy")
    state = {
        key: value for key, value in load_file(folder / "model.safetensors").items() if key[:6] != "pooler"
    }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    module = build(own(folder), weights="pretrained")
    assert not any(name.startswith("pooler") for name, _ in module.named_modules())
    with torch.inference_mode():
        module(pixel_values=torch.zeros(1, 3, SIDE, SIDE))


@pytest.fixture
def cached(saved: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up cache of the hub with the model tiny/vit; returns the file of its weights."""
    import huggingface_hub.constants
    import huggingface_hub.file_download

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository, commit = tmp_path / "models--tiny--vit", "0" * 40
    for part in ("blobs", "refs", f"snapshots/{commit}"):
        (repository / part).mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    snapshot = repository / "snapshots" / commit
    for file in saved("vit").iterdir():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        blob = repository / "blobs" / (digest if file.suffix == ".safetensors" else digest[:40])
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(blob)
    return (snapshot / "model.safetensors").resolve()


def test_a_cached_model_of_the_hub_needs_no_connection(cached: Path, saved: Callable[[str], Path]) -> None:
    network = own("tiny/vit")
    assert network.weights_url == "https://huggingface.co/tiny/vit"
    check_weights([network], "pretrained", reachable=lambda address: False)
    built = build_network(network, weights="pretrained")
    assert built.found_weights == f"pretrained:transformers:sha256={cached.name}"
    assert weights_identity(own(saved("vit")), "pretrained") == built.found_weights, "as from a folder"


def test_a_damaged_file_of_the_cache_is_refused(cached: Path) -> None:
    network = own("tiny/vit")
    content = bytearray(cached.read_bytes())
    content[-1] ^= 1
    cached.write_bytes(bytes(content))
    with pytest.raises(BadInput, match=rf"weights of mine .*expected sha256 {cached.name}.*delete the file"):
        build(network, weights="pretrained")


def test_weights_that_are_not_cached_need_the_hub(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import HfApi

    network = own("tiny/vit")
    for link in cached.parents[1].glob("snapshots/*/model.safetensors"):
        link.unlink()
    check_weights([network], "pretrained", reachable=lambda address: True)
    with pytest.raises(BadInput, match=r"not cached and https://huggingface.co does not answer"):
        check_weights([network], "pretrained", reachable=lambda address: False)

    def no_connection(*given: Any, **more: Any) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(HfApi, "model_info", no_connection)
    for use in (
        lambda: weights_identity(network, "pretrained"),
        lambda: build(network, weights="pretrained"),
        lambda: own("tiny/other"),
    ):
        with pytest.raises(BadInput, match=r"mine: https://huggingface.co/tiny/.*no route to the hub"):
            use()


def test_a_lost_connection_names_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils import _http

    from alignhouse.ingest.models.sources.timm import Timm

    client: Any = next(vars(_http)[name] for name in ("httpx", "httpx2") if name in vars(_http))

    def lost(*given: Any) -> None:
        raise client.ConnectError("no route to the hub")

    monkeypatch.setattr(Timm, "build_from_hub", lost)
    network = network_of("mine", OwnNetwork(source="timm", id="test_vit"))
    with pytest.raises(BadInput, match=r"weights of mine: .*found no route to the hub .*connect"):
        build(network, weights="pretrained")
