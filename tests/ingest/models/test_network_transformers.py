"""Networks of transformers: what is read of tiny models, and what they are shown."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from tiny_transformers import MODELS, SIDE, TOKENS, frames, library, own

from alignhouse.ingest.features.extract import measure_widths
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build, build_network
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.ingest.models.sources.clips import uniform_clips
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.ingest.models.weights import weights_identity
from alignhouse.warehouse.errors import BadInput

IMAGE_LAYERS = {
    "vit": [
        "embeddings.patch_embeddings.projection",
        "embeddings.dropout",
        "layers.0",
        "layers.1",
        "layernorm",
    ],
    "registers": [
        "embeddings.patch_embeddings.projection",
        "embeddings.dropout",
        "encoder.layer.0",
        "encoder.layer.1",
        "layernorm",
    ],
    "clip": [
        "embeddings.patch_embedding",
        "embeddings.position_embedding",
        "pre_layrnorm",
        "encoder.layers.0",
        "encoder.layers.1",
        "post_layernorm",
    ],
    "mae": ["embeddings.patch_embeddings.projection", "layers.0", "layers.1", "layernorm"],
}
VIDEO_LAYERS = {
    "videomae": ["embeddings.patch_embeddings.projection", "encoder.layer.0", "encoder.layer.1"],
    "vjepa2": ["embeddings.patch_embeddings.proj", "layer.0", "layer.1", "layernorm"],
    "timesformer": [
        "embeddings.patch_embeddings.projection",
        "embeddings.pos_drop",
        "embeddings.time_drop",
        "encoder.layer.0",
        "encoder.layer.1",
        "layernorm",
    ],
}
EXTRA_TOKENS = {"vit": 1, "registers": 4, "clip": 1, "mae": 1, "videomae": 0, "vjepa2": 0, "timesformer": 1}
# Patches of time: two frames in one, except for TimeSformer.
DEPTHS = {"videomae": 2, "vjepa2": 2, "timesformer": 4}


@pytest.mark.parametrize("name", MODELS)
def test_the_layers_of_the_encoder_are_read(name: str, saved: Callable[[str], Path]) -> None:
    network = own(saved(name))
    built = build_network(network, weights="pretrained")
    layers = layers_of(built.module, network)
    assert layers == {**IMAGE_LAYERS, **VIDEO_LAYERS}[name]
    blocks = [layer for layer in layers if layer[-1].isdigit()]
    network = network.model_copy(update={"layers": tuple(blocks)})
    shown = frames(9)
    [widths] = measure_widths(
        network, built.module, lambda: shown, [ExtractionSettings()], transform=built.transform
    )
    assert widths == dict.fromkeys(blocks, TOKENS * DEPTHS.get(name, 1) + 16 * EXTRA_TOKENS[name])


@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_an_image_is_transformed_as_the_processors_file_says(name: str, saved: Callable[[str], Path]) -> None:
    network = own(saved(name))
    transform = pickle.loads(pickle.dumps(source_of(network).transform(network, "weights")))
    image = Image.fromarray(frames(1)[0])
    found = transform(image)
    said = json.loads((saved(name) / "preprocessor_config.json").read_text())
    method = Image.Resampling(said["resample"])
    size = (50, 40)  # the short edge 40, then the middle
    plain = torch.from_numpy(np.asarray(image.resize(size, method)).copy()).permute(2, 0, 1)[:, 4:36, 9:41]
    mean, deviation = (torch.tensor(said[key]).view(3, 1, 1) for key in ("image_mean", "image_std"))
    # Pillow and torch round some pixels to neighbouring values.
    torch.testing.assert_close(found * deviation + mean, plain / 255, atol=1.01 / 255, rtol=0)


@pytest.mark.parametrize("name", VIDEO_LAYERS)
def test_a_video_is_shown_in_uniform_clips_as_the_processor_makes_them(
    name: str, saved: Callable[[str], Path]
) -> None:
    network = own(saved(name), frame_interval=2)
    assert (network.takes, network.clip_len, network.frame_interval) == ("video", 4, 2)
    transform: Any = pickle.loads(pickle.dumps(build_network(network, weights="pretrained").transform))
    video = frames(11)
    found = transform(video)
    processor = library().AutoVideoProcessor.from_pretrained(saved(name))
    for clip, indices in zip(found, uniform_clips(11, 4, 2), strict=True):
        made = processor(videos=[list(video[indices])], return_tensors="pt", do_sample_frames=False)
        assert torch.equal(clip, next(iter(made.values()))[0])
    assert found.shape == (2, 4, 3, SIDE, SIDE)


def test_an_untrained_model_needs_neither_a_folder_nor_the_hub() -> None:
    network = own("config:mobilenet_v2", weights="random")
    module = build(network, weights="random", seed=4)
    torch.manual_seed(4)
    plain = library().AutoModel.from_config(library().MobileNetV2Config()).state_dict()
    assert all(torch.equal(value, plain[key]) for key, value in module.state_dict().items())
    identity = weights_identity(network, "random", 4)
    assert identity.startswith("random:seed=4:torch=")
    assert identity.endswith(f",transformers={library().__version__}")


def test_an_untrained_model_of_a_folder_has_images_of_its_own_size(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("vit", "clip", "vjepa2"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(saved(name) / "config.json", folder)
        network = own(folder, weights="random")
        built = build_network(network, weights="random")
        transform: Any = built.transform or source_of(network).transform(network, "weights")
        shown = frames(4) if network.takes == "video" else Image.fromarray(frames(1)[0])
        assert transform(shown).shape[-2:] == (SIDE, SIDE)
        with pytest.raises(BadInput, match=r"transform of network mine: expected preprocessor_config.json"):
            own(folder)


def test_masked_autoencoders_are_shown_the_whole_image_in_order(saved: Callable[[str], Path]) -> None:
    network = own(saved("mae"))
    module: Any = build(network, weights="pretrained")
    image = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    seen: list[torch.Tensor] = []
    module.layers[0].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    source_of(network).forward(module, image)
    patches = module.embeddings.patch_embeddings(image) + module.embeddings.position_embeddings[:, 1:]
    torch.testing.assert_close(seen[0][:, 1:], patches)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"id": "config:vti"}, r"transformers has no model type 'vti' \(did you mean .*vit"),
        (
            {"id": "config:bert"},
            "config:bert: expected a model of images or videos, which takes pixel_values",
        ),
        ({"id": "config:vit", "clip_len": 8}, "config:vit takes images: expected no clip_len"),
        (
            {"id": "config:dinov2_with_registers"},
            "a default image processor of dinov2_with.*name a model whose",
        ),
        ({"id": "no_folder"}, r"expected a folder with config.json, a name of the hub .*found no_folder"),
    ],
)
def test_what_cannot_be_used_says_why(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        own(**{"identifier": declared.pop("id"), "weights": "random", **declared})


def test_a_model_of_videos_must_say_how_many_frames_a_clip_has(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vjepa2"), tmp_path / "copy")
    file = folder / "config.json"
    file.write_text(file.read_text().replace('"frames_per_clip": 4', '"frames_per_clip": 0'))
    with pytest.raises(BadInput, match="does not say how many frames.*expected clip_len in .networks.own"):
        own(folder)
    assert own(folder, clip_len=6).clip_len == 6


def test_a_model_may_use_the_transform_of_another() -> None:
    network = own("config:dinov2_with_registers", weights="random", transform="config:vit")
    transform: Any = source_of(network).transform(network, "weights")
    assert type(transform.processor).__name__ == "ViTImageProcessor"
    assert network.identity()["own"]["transform"] == "config:vit"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"id": "config:vit"}, r'config:... has no weights: set weights = "random"'),
        ({"id": "a/b", "weights": "mine.safetensors"}, "is given as id"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OwnNetwork.model_validate({"source": "transformers", **declared})


def test_a_folder_without_a_usable_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a configuration .*config.json, found none"):
        own(tmp_path)
    ran = tmp_path / "ran"
    (tmp_path / "code.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: pass\n")
    auto = {"AutoConfig": "code.Config", "AutoModel": "code.Config"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "strange", "auto_map": auto}))
    with pytest.raises(BadInput, match="expected a configuration of a model of transformers itself"):
        own(tmp_path)
    assert not ran.exists(), "no code of the folder is run"
