"""A study's own networks: valid declarations, and errors for invalid ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from alignhouse.ingest.models.build import build, build_network
from alignhouse.ingest.models.catalog import Network, catalog, select_names
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction, package_folder
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.mmaction2_pipelines import sampling_of
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.ingest.models.weights import check_weights, weights_identity
from alignhouse.warehouse.errors import BadInput

TSN = "recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py"
CLIP_KEYS = ("clip_len", "frame_interval", "dense", "format_shape", "resize", "crop", "frame_multiple")


def own(name: str = "mine", **declared: Any) -> Network:
    return network_of(name, OwnNetwork.model_validate(declared))


def timm_checkpoint(folder: Path, **changed: torch.Tensor) -> Network:
    """timm's test_resnet with its own checkpoint, in which some entries are changed (None: removed)."""
    state = build(
        own(source="timm", id="test_resnet", weights="random"), weights="random", seed=5
    ).state_dict()
    state = {key: value for key, value in {**state, **changed}.items() if value is not None}
    torch.save(state, folder / "mine.pth")
    return own(source="timm", id="test_resnet", weights="mine.pth", folder=folder)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"source": "torchvison", "id": "resnet18"},
            "torchvision or timm or transformers or open_clip or mmaction2 or function",
        ),
        ({"source": "timm"}, "Field required"),
        ({"source": "timm", "id": "resnet18", "clip_len": 8}, "clip_len only with source = .*'mmaction2'"),
        (
            {"source": "torchvision", "id": "resnet18", "takes": "video"},
            "takes only with source = 'function'",
        ),
        (
            {"source": "function", "id": "a:b", "features_only": True},
            "features_only only with source = 'timm'",
        ),
        ({"source": "mmaction2", "id": TSN}, "weights of mmaction2: a checkpoint file .*or random"),
        ({"source": "function", "id": "a:b", "weights": "x.pth"}, "weights of a function: leave them out"),
        ({"source": "timm", "id": "resnet18", "sha256": "0" * 64}, "sha256 only with a checkpoint file"),
        (
            {"source": "timm", "id": "resnet18", "weights": "a.pth", "sha256": "0" * 63},
            "should match pattern",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OwnNetwork.model_validate(declared)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AlexNet", "a network of a catalog has that name"),
        ("default", "a network of a catalog has that name"),
        ("my net", "expected a name of letters"),
        ("../mine", "expected a name of letters"),
        ("mine*", "expected a name of letters"),
        ("mine-random3", "-random<seed> is added to the names of untrained networks"),
    ],
)
def test_a_name_that_is_taken_or_could_not_be_told_apart_is_refused(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        own(name, source="torchvision", id="resnet18")


def test_all_declared_networks_are_chosen_unless_excluded() -> None:
    declared = ["mine_a", "mine_b"]
    assert select_names(["VGG11", "AlexNet"], own=declared) == ["AlexNet", "VGG11", "mine_a", "mine_b"]
    assert select_names(["AlexNet", "mine_b"], ["mine_a"], declared) == ["AlexNet", "mine_b"]
    assert select_names([], ["*_a"], declared) == ["mine_b"]
    with pytest.raises(BadInput, match="unknown network 'mine_c'.*did you mean mine_"):
        select_names(["mine_c"], own=declared)
    with pytest.raises(BadInput, match="the selection of networks is empty"):
        select_names([], ["mine_*"], declared)


def test_torchvisions_own_choice_of_weights_is_named() -> None:
    network = own(source="torchvision", id="resnet50")
    assert network.weights == "ResNet50_Weights.IMAGENET1K_V2"
    assert weights_identity(network, "pretrained") == (
        "pretrained:torchvision:ResNet50_Weights.IMAGENET1K_V2:sha256-prefix=11ad3fa6"
    )


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"id": "resnet19"},
            "has no classifier of images or videos 'resnet19'.*did you mean .*resnet1",
        ),
        ({"id": "raft_small"}, "torchvision has no classifier .* 'raft_small'.*comes through a function"),
        ({"id": "resnet18", "clip_len": 8}, "torchvision's resnet18 takes images: expected no clip_len"),
        ({"id": "mvit_v2_s", "clip_len": 8}, "clip_len of torchvision's mvit_v2_s: expected 16, found 8"),
        ({"id": "s3d", "clip_len": 8}, "clip_len of torchvision's s3d: expected at least 14, found 8"),
        (
            {"id": "resnet18", "weights": "ResNet50_Weights.IMAGENET1K_V2"},
            "resnet18 has no weights 'ResNet50_.*expected ResNet18_Weights.IMAGENET1K_V1, a checkpoint",
        ),
        ({"id": "resnet18", "weights": "random", "transform": "V1"}, "resnet18 has no weights 'V1'"),
    ],
)
def test_what_torchvision_does_not_have_names_what_it_has(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        own(source="torchvision", **declared)


@pytest.mark.parametrize(
    ("transform", "edge"), [(None, 232), ("ResNet50_Weights.IMAGENET1K_V1", 256)], ids=["default", "named"]
)
def test_untrained_torchvision_takes_the_transform_of_its_default_weights_or_of_those_named(
    transform: str | None, edge: int
) -> None:
    network = own(source="torchvision", id="resnet50", weights="random", transform=transform)
    made: Any = source_of(network).transform(network, "weights")
    assert made.resize_size == [edge]
    assert network.identity()["own"]["transform"] == transform or transform is None


def test_torchvision_with_a_checkpoint_of_ones_own(tmp_path: Path) -> None:
    load_torchvision()
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_1

    torch.manual_seed(4)
    state = squeezenet1_1(weights=None).state_dict()
    save_file(state, tmp_path / "mine.safetensors")
    network = own(source="torchvision", id="squeezenet1_1", weights="mine.safetensors", folder=tmp_path)
    loaded = build(network, weights="pretrained").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_timm_identifiers_get_the_tag_of_their_weights() -> None:
    network = own(source="timm", id="test_vit")
    assert (network.source_id, network.weights) == ("test_vit.r160_in1k", "test_vit.r160_in1k")
    tagged = own(source="timm", id="resnet18", weights="resnet18.tv_in1k")
    assert weights_identity(tagged, "pretrained") == "pretrained:timm:resnet18.tv_in1k"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"id": "resnet1888"}, "timm has no 'resnet1888'.*did you mean resnet18"),
        ({"id": "resnet18.none_in1k"}, "timm has no 'resnet18.none_in1k'.*did you mean resnet18"),
        (
            {"id": "resnet18", "weights": "resnet34.a1_in1k"},
            "timm has no weights 'resnet34.a1_in1k' of resnet18: expected resnet18.*, a checkpoint file, or",
        ),
        ({"id": "test_vit4", "weights": "x"}, "timm has no weights 'x' of test_vit4"),
    ],
)
def test_what_timm_does_not_have_names_what_it_has(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        own(source="timm", **declared)


def test_every_tag_of_timm_is_known_and_has_weights() -> None:
    load_torchvision()
    import timm

    from alignhouse.ingest.models.sources.timm import published_as

    found = {tag: published_as(tag) for tag in timm.list_pretrained()}
    assert len(found) > 1500
    assert [tag for tag, known in found.items() if known is None or known.address is None] == []
    assert {tag for tag, known in found.items() if known and known.identifier != tag} == set()


def test_weights_of_timm_that_are_not_on_the_hub_have_the_hash_of_their_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = own(source="timm", id="legacy_seresnet18.in1k")
    assert str(network.weights_url).endswith("/seresnet18-4bb0ce65.pth")
    assert weights_identity(network, "pretrained").endswith(":sha256-prefix=4bb0ce65")
    asked: list[str] = []
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(BadInput, match="not cached and https://"):
        check_weights([network], "pretrained", reachable=lambda address: bool(asked.append(address)))
    assert asked == ["/".join(str(network.weights_url).split("/")[:3])]
    file = tmp_path / "checkpoints" / "seresnet18-4bb0ce65.pth"
    file.parent.mkdir()
    file.write_bytes(b"damaged")
    with pytest.raises(BadInput, match=r"expected sha256 4bb0ce65..., found .*delete the file"):
        build(network, weights="pretrained")


def test_timm_without_published_weights_needs_other_weights() -> None:
    load_torchvision()
    import timm

    from alignhouse.ingest.models.sources.timm import published_as

    untrained = next(
        name for name in timm.list_models() if (known := published_as(name)) and known.address is None
    )
    with pytest.raises(BadInput, match=f"timm has no weights of '{untrained}'"):
        own(source="timm", id=untrained)
    assert own(source="timm", id=untrained, weights="random").weights == "random"


def test_feature_maps_only_have_the_checkpoints_weights_too(tmp_path: Path) -> None:
    network = timm_checkpoint(tmp_path)
    whole = build(network, weights="pretrained")
    maps: Any = build(network.model_copy(update={"features_only": True}), weights="pretrained")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = whole.layer2(whole.layer1(whole.maxpool(whole.act1(whole.bn1(whole.conv1(image))))))
    assert any(torch.equal(each, expected) for each in maps(image))


def test_a_checkpoint_is_known_by_all_of_its_hash(tmp_path: Path) -> None:
    network = timm_checkpoint(tmp_path)
    digest = hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()
    assert weights_identity(network, "pretrained") == f"checkpoint:sha256={digest}"
    assert build_network(network, weights="pretrained").found_weights == f"checkpoint:sha256={digest}"
    check_weights([network], "pretrained", reachable=lambda address: False)


def test_a_checkpoint_with_an_undeclared_hash_gives_an_error_with_both_hashes(tmp_path: Path) -> None:
    network = timm_checkpoint(tmp_path)
    assert network.own is not None
    network = network.model_copy(update={"own": network.own.model_copy(update={"sha256": "0" * 64})})
    digest = hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()
    for use in (
        lambda: weights_identity(network, "pretrained"),
        lambda: build(network, weights="pretrained"),
    ):
        with pytest.raises(BadInput, match=f"expected sha256 {'0' * 64}, found {digest}"):
            use()


def test_a_missing_checkpoint_names_the_file(tmp_path: Path) -> None:
    network = own(source="timm", id="test_resnet", weights="gone.pth", folder=tmp_path)
    with pytest.raises(BadInput, match=r"weights of network mine: expected a checkpoint file .*gone.pth"):
        weights_identity(network, "pretrained")
    assert weights_identity(network, "random", 3).startswith("random:seed=3:torch="), "it needs none"


def test_keys_and_shapes_that_do_not_fit_are_named(tmp_path: Path) -> None:
    network = timm_checkpoint(tmp_path, **{"fc.bias": None, "head.bias": torch.zeros(3)})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"mine.pth do not fit .*expected also fc.bias, found also head.bias"):
        build(network, weights="pretrained")
    network = timm_checkpoint(tmp_path, **{"fc.bias": torch.zeros(3)})
    with pytest.raises(BadInput, match=r"expected fc.bias \(1000,\), found fc.bias \(3,\)"):
        build(network, weights="pretrained")


def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path) -> None:
    for name in ("mine.pth", "mine.safetensors"):
        (tmp_path / name).write_bytes(b"no tensors at all" * 9)
        network = own(source="timm", id="test_resnet", weights=name, folder=tmp_path)
        with pytest.raises(BadInput, match=f"weights file .*{name} of network mine: expected"):
            build(network, weights="pretrained")


def test_clips_in_configurations_equal_those_of_the_catalog() -> None:
    load_mmaction()
    from mmengine.config import Config

    said_of_all = 0
    for network in catalog().values():
        if network.source != "mmaction2":
            continue
        config = Config.fromfile(package_folder() / ".mim" / "configs" / network.source_id).to_dict()
        said = sampling_of(config)
        for key, value in said.items():
            assert value == getattr(network, key), f"{network.name}, {key}"
        said_of_all += set(said) == set(CLIP_KEYS)
    assert said_of_all == 41, "of 61; others sample in another way, or do not say how many frames they mix"


def test_a_configuration_with_missing_keys_lists_them(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected frame_multiple, found clip_len = 1, frame_interval = 1"):
        own(source="mmaction2", id=TSN, weights="random")
    preprocessor = "dict(type='ActionDataPreprocessor', mean=[0., 0., 0.], std=[1., 1., 1.])"
    model = f"dict(type='Recognizer3D', backbone=dict(type='C3D'), data_preprocessor={preprocessor})"
    (tmp_path / "bare.py").write_text(f"model = {model}\n")
    lacking = "clip_len, frame_interval, dense, format_shape, resize, crop, frame_multiple"
    with pytest.raises(BadInput, match=rf"expected {lacking}, found none of these keys \(set the missing"):
        own(source="mmaction2", id="bare.py", weights="random", folder=tmp_path)


def test_what_is_given_comes_before_what_the_configuration_says() -> None:
    network = own(
        source="mmaction2", id=TSN, weights="random", frame_multiple=3, crop=128, frames_per_call=30
    )
    assert (network.frame_multiple, network.crop, network.frames_per_call) == (3, 128, 30)
    assert (network.resize, network.clip_len, network.format_shape) == (256, 1, "NCHW")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = dict(", "SyntaxError"),
        ("model = dict(type='Recognizer2D')\n", "data_preprocessor is ActionDataPreprocessor.*found none"),
        ("epochs = 3\n", "data_preprocessor is ActionDataPreprocessor"),
    ],
)
def test_a_file_that_configures_no_network_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(BadInput, match=rf"configuration of network mine.*{message}"):
        own(source="mmaction2", id="mine.py", weights="random", folder=tmp_path)


def test_an_unknown_configuration_names_near_ones() -> None:
    with pytest.raises(
        BadInput, match=r"expected a file of \., or of mmaction2.*did you mean recognition/tsn"
    ):
        own(source="mmaction2", id=TSN.replace("1x1x3", "1x1x4"), weights="random")


def test_a_configuration_that_mmaction2_cannot_build_gives_a_clear_error(tmp_path: Path) -> None:
    text = (package_folder() / ".mim/configs/_base_/models/tsn_r50.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("type='ResNet'", "type='NoSuchBackbone'"))
    clips = {"clip_len": 1, "frame_interval": 1, "dense": False, "format_shape": "NCHW", "resize": 256}
    network = own(
        source="mmaction2",
        id="mine.py",
        weights="random",
        folder=tmp_path,
        crop=224,
        frame_multiple=1,
        **clips,
    )
    with pytest.raises(
        BadInput, match=r"network mine: expected mmaction2 to build mine.py, .*NoSuchBackbone"
    ):
        build(network, weights="random")


def test_another_configuration_under_the_same_name_is_another_network(tmp_path: Path) -> None:
    wheel = package_folder() / ".mim/configs/_base_/models/tsn_r50.py"
    clips = {"clip_len": 1, "frame_interval": 1, "dense": False, "format_shape": "NCHW", "resize": 256}
    identities = []
    for depth in (50, 101):
        (tmp_path / "mine.py").write_text(wheel.read_text().replace("depth=50", f"depth={depth}"))
        network = own(
            source="mmaction2",
            id="mine.py",
            weights="random",
            folder=tmp_path,
            crop=224,
            frame_multiple=1,
            **clips,
        )
        identities.append(network.identity())
    assert identities[0] != identities[1]
    assert str(tmp_path) not in str(identities), "where it lies does not matter"
