"""Activations are the outputs of layers, and the RDMs of a study are computed from the same numbers."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from PIL import Image
from scipy.spatial.distance import pdist

from alignhouse.ingest.features.activations import Activations, features
from alignhouse.ingest.features.inputs import Caller, InputMaker
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.errors import BadInput

LAYERS = ["features.0", "features.4", "classifier.6"]


@pytest.fixture(scope="module")
def images(noise_videos: list[np.ndarray]) -> np.ndarray:
    return np.stack([video[0] for video in noise_videos])


def test_activations_are_the_averages_of_the_outputs_over_frames(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], alexnet_features: dict[str, np.ndarray]
) -> None:
    found = features("AlexNet", noise_videos, module=alexnet)
    assert list(found) == list(alexnet_features)
    assert found["features.0"].shape[2:] == (55, 55)
    for layer, expected in alexnet_features.items():
        assert found[layer].dtype == np.float32
        np.testing.assert_allclose(found[layer].reshape(4, -1), expected, atol=1e-5)


def test_the_rdms_of_a_study_are_those_of_the_activations(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], alexnet_rdms: NetworkRdms
) -> None:
    found = features("AlexNet", noise_videos, module=alexnet, layers=LAYERS)
    of_layers = {layer.name: layer.rdm for layer in alexnet_rdms.layers}
    for layer in LAYERS:
        rdm = pdist(found[layer].reshape(4, -1).astype(np.float64), "correlation")
        np.testing.assert_allclose(rdm, of_layers[layer], atol=1e-6)


def test_paths_pil_images_arrays_and_functions_give_the_same(
    alexnet: torch.nn.Module, images: np.ndarray, tmp_path: Path
) -> None:
    paths = [tmp_path / f"img_{number}.png" for number in range(4)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    expected = features("AlexNet", images, module=alexnet, layers=LAYERS[:1])["features.0"]
    kinds = {
        "paths": (paths, "img_0"),
        "texts": ([str(path) for path in paths], "img_0"),
        "PIL": ([Image.open(path) for path in paths], "image_1"),
        "palette": ([Image.fromarray(image).convert("RGBA") for image in images], "image_1"),
        "arrays": (list(images), "image_1"),
        "functions": (sources([image[None] for image in images]), "image_1"),
    }
    for kind, (given, first) in kinds.items():
        found = features("AlexNet", given, module=alexnet, layers=LAYERS[:1])
        np.testing.assert_array_equal(found["features.0"], expected, err_msg=kind)
        assert found.conditions[0] == first, kind
        assert len(found.conditions) == 4


def test_layers_are_in_the_networks_order_and_may_be_modules(
    alexnet: torch.nn.Module, images: np.ndarray
) -> None:
    found = features("AlexNet", images[:2], module=alexnet, layers=["avgpool", "features.3", "features"])
    assert list(found) == ["features", "features.3", "avgpool"]
    np.testing.assert_allclose(
        torch.nn.AdaptiveAvgPool2d((6, 6))(torch.from_numpy(found["features"])).numpy(), found["avgpool"]
    )


def test_a_module_that_returns_several_tensors_gives_a_layer_each(images: np.ndarray) -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.mean(dim=(2, 3)), x.amax(dim=(2, 3))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = Two()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(x)[0]

    network = catalog()["AlexNet"].model_copy(update={"layers": ("two",)})
    both = features(network, images[:3], module=Net(), layers=["two"])
    assert {name: each.shape for name, each in both.items()} == {"two_0": (3, 3), "two_1": (3, 3)}
    one = features(network, images[:3], module=Net(), layers=["two_1"])
    assert list(one) == ["two_1"]
    np.testing.assert_array_equal(one["two_1"], both["two_1"])


def test_a_network_of_clips_gives_its_average_over_clips(
    x3d: torch.nn.Module, noise_videos: list[np.ndarray]
) -> None:
    network = catalog()["x3d_s"].model_copy(update={"resize": 64, "crop": 64})
    layer = layers_of(x3d, network)[-1]
    video = np.concatenate([noise_videos[0]] * 15 + [noise_videos[1]] * 12)  # 93 frames
    found = features(network, [video], module=x3d, layers=[layer])[layer][0]
    parts = InputMaker(network, ExtractionSettings())(video).parts
    assert len(parts) > 1
    caller = Caller(network, x3d, "cpu", "repeat_last")
    clips = []
    for part in parts:
        call, _ = caller.tensor([part])
        seen = outputs(x3d, [layer], lambda call=call: source_of(network).forward(x3d, call))  # type: ignore[misc]
        clips.append(seen[layer].mean(dim=0).double().numpy())
    np.testing.assert_allclose(found, np.mean(clips, axis=0), atol=1e-5)


def test_weights_are_random_only_on_request(images: np.ndarray) -> None:
    assert inspect.signature(features).parameters["weights"].default == "pretrained"
    one, same, other = (
        features("AlexNet", images[:1], weights="random", seed=seed, layers=["features.0"])
        for seed in (0, 0, 1)
    )
    assert one.weights == "random"
    np.testing.assert_array_equal(one["features.0"], same["features.0"])
    assert not np.array_equal(one["features.0"], other["features.0"])
    assert repr(one) == ("<Activations AlexNet (random), 1 image, 774.4 kB>\n  features.0  (1, 64, 55, 55)")


def test_more_than_the_memory_is_refused_before_the_images_are_shown(
    alexnet: torch.nn.Module, thinner: int, images: np.ndarray
) -> None:
    size = 4 * 4 * 55 * 55 * (64 // thinner)
    assert features("AlexNet", images, module=alexnet, layers=LAYERS[:1], memory=size)
    with pytest.raises(BadInput, match=r"4 images, 1 layers: expected at most .*found .*folder="):
        features("AlexNet", images, module=alexnet, layers=LAYERS[:1], memory=size - 1)


def test_a_folder_holds_what_memory_does_not(
    alexnet: torch.nn.Module, images: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "activations"
    stored = features("AlexNet", images, module=alexnet, layers=LAYERS, memory=1, folder=folder)
    expected = features("AlexNet", images, module=alexnet, layers=LAYERS)
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{layer}.npy" for layer in LAYERS)
    for layer in LAYERS:
        assert isinstance(stored[layer], np.memmap)
        assert not stored[layer].flags.writeable
        np.testing.assert_array_equal(stored[layer], expected[layer])
        np.testing.assert_array_equal(np.load(folder / f"{layer}.npy"), expected[layer])
    with pytest.raises(BadInput, match=r"expected none of these files, found features.0.npy"):
        features("AlexNet", images, module=alexnet, layers=LAYERS[:1], folder=folder)


def test_a_failure_leaves_no_files(alexnet: torch.nn.Module, images: np.ndarray, tmp_path: Path) -> None:
    given = [images[0], images[1].astype(np.float32)]
    with pytest.raises(BadInput, match="frames of stimulus 2: expected .* uint8"):
        features("AlexNet", given, module=alexnet, layers=LAYERS[:1], folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_noticed_before(
    alexnet: torch.nn.Module, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignhouse.ingest.features import activations

    monkeypatch.setattr(activations.shutil, "disk_usage", lambda folder: type("", (), {"free": 10})())
    with pytest.raises(BadInput, match="found 10 bytes free"):
        features("AlexNet", images, module=alexnet, layers=LAYERS[:1], folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


BAD = {
    "an unknown network": (
        ("AlexNt", ["x.png"]),
        {},
        r"no network is called 'AlexNt' \(did you mean AlexNet",
    ),
    "one path": (("AlexNet", "x.png"), {}, r"expected a list of images, found str .*\[image\]"),
    "no image": (("AlexNet", []), {}, "expected at least one"),
    "no file": (("AlexNet", ["nothing.png"]), {}, "image 1: expected a file, found nothing.png"),
    "another thing": (("AlexNet", [7]), {}, "image 1: expected a path, .* found int"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_shown_is_refused(case: str, alexnet: torch.nn.Module) -> None:
    given, more, message = BAD[case]
    with pytest.raises(BadInput, match=message):
        features(*given, module=alexnet, **more)  # type: ignore[arg-type]


def test_an_unknown_layer_lists_those_with_similar_names(
    alexnet: torch.nn.Module, images: np.ndarray
) -> None:
    with pytest.raises(BadInput, match=r"there is no layer 'features.99' \(did you mean features"):
        features("AlexNet", images, module=alexnet, layers=["features.0", "features.99"])
    found = Activations("AlexNet", "random", ("a",), {"conv": np.zeros((1, 2), np.float32)})
    assert "conv" in found
    assert "fc" not in found
    with pytest.raises(BadInput, match="there are no activations of layer 'cnv' .*did you mean conv"):
        found["cnv"]
