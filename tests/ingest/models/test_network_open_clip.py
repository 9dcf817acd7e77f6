"""Image towers of open_clip: a tiny model with made-up weights in a made-up cache of the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from alignhouse.ingest.models.build import build, build_network
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.ingest.models.weights import check_weights, weights_identity
from alignhouse.warehouse.errors import BadInput

WANTED = importlib.util.find_spec("open_clip") is not None
needs_open_clip = pytest.mark.skipif(not WANTED, reason="open_clip is not installed")


def own(identifier: str, **declared: Any) -> Network:
    return network_of(
        "mine", OwnNetwork.model_validate({"source": "open_clip", "id": identifier, **declared})
    )


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """open_clip with a tiny model, whose weights "made" are cached; returns the file of the weights."""
    load_torchvision()
    import huggingface_hub.constants
    import open_clip
    from open_clip import factory, pretrained

    for known in ("_MODEL_CONFIGS", "_MODEL_CONFIG_PATHS"):
        monkeypatch.setattr(factory, known, getattr(factory, known).copy())
    vision = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    config = tmp_path / "tiny-clip.json"
    config.write_text(json.dumps({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(config)
    tags = {
        "made": pretrained._slpcfg(hf_hub="tiny/clip/"),
        "quick": pretrained._pcfg(url="x", quick_gelu=True),
    }
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-clip", tags)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--tiny--clip"
    for part in ("blobs", "refs", "snapshots/0"):
        (repository / part).mkdir(parents=True)
    (repository / "refs" / "main").write_text("0")
    torch.manual_seed(7)
    save_file(open_clip.create_model("tiny-clip").state_dict(), repository / "saved")
    digest = hashlib.sha256((repository / "saved").read_bytes()).hexdigest()
    blob = (repository / "saved").rename(repository / "blobs" / digest)
    (repository / "snapshots" / "0" / "open_clip_model.safetensors").symlink_to(blob)
    return blob


@needs_open_clip
def test_only_the_image_tower_is_built_and_has_the_published_weights(tiny: Path) -> None:
    import open_clip

    network = own("tiny-clip/made")
    check_weights([network], "pretrained", reachable=lambda address: False)
    assert weights_identity(network, "pretrained") == "pretrained:open_clip:tiny-clip/made"
    assert own("tiny-clip", weights="made").identity() == network.identity()
    tower: Any = build(network, weights="pretrained")
    torch.manual_seed(7)
    expected = open_clip.create_model("tiny-clip").visual.state_dict()
    assert tower.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in tower.state_dict().items())
    layers = layers_of(tower, network)
    assert {"conv1", "transformer.resblocks.0", "transformer.resblocks.1", "ln_post"} <= set(layers)


@needs_open_clip
def test_the_transform_is_that_of_the_tag(tiny: Path) -> None:
    import open_clip

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    trained = own("tiny-clip/made")
    found = source_of(trained).transform(trained, "weights")(image)
    plain = np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC), np.float32).transpose(2, 0, 1)
    np.testing.assert_allclose(found, (plain / 255 - 0.5) / 0.5, atol=1e-6)
    untrained = own("tiny-clip", weights="random")
    _, _, expected = open_clip.create_model_and_transforms("tiny-clip")
    assert torch.equal(source_of(untrained).transform(untrained, "weights")(image), expected(image))


@needs_open_clip
def test_random_weights_have_the_seed_and_versions_in_their_identity(tiny: Path) -> None:
    network = own("tiny-clip", weights="random")
    states = [build(network, weights="random", seed=seed).state_dict() for seed in (3, 3, 4)]
    assert torch.equal(states[0]["conv1.weight"], states[1]["conv1.weight"])
    assert not torch.equal(states[0]["conv1.weight"], states[2]["conv1.weight"])
    assert "open_clip=" in weights_identity(network, "random", 3)


@needs_open_clip
def test_a_damaged_file_of_the_cache_is_refused(tiny: Path) -> None:
    content = bytearray(tiny.read_bytes())
    content[-1] ^= 1
    tiny.write_bytes(bytes(content))
    with pytest.raises(BadInput, match=rf"weights of mine .*expected sha256 {tiny.name}.*delete the file"):
        build_network(own("tiny-clip/made"), weights="pretrained")


@needs_open_clip
@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("tiny-clop/made", r"open_clip has no 'tiny-clop' \(did you mean tiny-clip"),
        ("tiny-clip/mode", "open_clip has no weights 'mode' of tiny-clip: expected made, quick, or random"),
        ("tiny-clip", "open_clip has no weights '' of tiny-clip: expected made, quick, or random"),
        ("tiny-clip/quick", r"trained with quick GELU \(use the model tiny-clip-quickgelu"),
    ],
)
def test_what_open_clip_does_not_have_names_what_it_has(identifier: str, message: str, tiny: Path) -> None:
    with pytest.raises(BadInput, match=message):
        own(identifier)


def test_without_open_clip_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "open_clip" else find(name))
    with pytest.raises(BadInput, match=r"mine: expected the package open_clip.*pip install open_clip_torch"):
        own("ViT-B-32/openai")
