"""Missing weights are found before any network is built, and one error lists them all."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.selection import select
from alignhouse.ingest.models.weights import check_weights, checkpoint_file, weights_folder, weights_identity
from alignhouse.warehouse.errors import BadInput


def test_random_weights_are_identified_by_their_seed() -> None:
    versions = f"torch={version('torch')},mmaction2={version('mmaction2')}"
    assert weights_identity(catalog()["x3d_s"], "random", 4) == f"random:seed=4:{versions}"


def test_pretrained_weights_are_identified_by_source_name_and_hash() -> None:
    identity = weights_identity(catalog()["AlexNet"], "pretrained")
    assert identity == "pretrained:torchvision:AlexNet_Weights.IMAGENET1K_V1:sha256-prefix=7be5be79"
    assert weights_identity(catalog()["cait_xxs24_224"], "pretrained", 9) == (
        "pretrained:timm:cait_xxs24_224.fb_dist_in1k"
    )


def test_every_networks_pretrained_weights_have_an_identity_of_their_own() -> None:
    identities = {weights_identity(network, "pretrained") for network in catalog().values()}
    assert len(identities) == len(catalog())


def test_the_weights_folder_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALIGNHOUSE_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path
    assert checkpoint_file(catalog()["x3d_s"]).parent == tmp_path
    monkeypatch.delenv("ALIGNHOUSE_WEIGHTS")
    assert weights_folder().parts[-2:] == ("alignhouse", "weights")


def test_all_missing_checkpoints_are_named_at_once(tmp_path: Path) -> None:
    networks = select(["x3d_*", "uniformer_S"])
    (tmp_path / catalog()["x3d_m"].weights).touch()
    with pytest.raises(BadInput) as caught:
        check_weights(networks, "pretrained", folder=tmp_path)
    message = str(caught.value)
    assert "weights of 2 networks are missing" in message
    assert "x3d_s" in message
    assert "uniformer_S" in message
    assert "x3d_m" not in message
    assert "random" in message


def test_a_hub_that_does_not_answer_is_asked_once_and_all_its_networks_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked: list[str] = []

    def silent(address: str) -> bool:
        asked.append(address)
        return False

    with pytest.raises(BadInput, match=r"AlexNet.*ResNet34.*download.pytorch.org does not answer"):
        check_weights(select(["AlexNet", "ResNet34"]), "pretrained", reachable=silent)
    assert asked == ["https://download.pytorch.org"]


def test_cached_weights_of_a_hub_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / "alexnet-owt-7be5be79.pth").touch()
    check_weights(select(["AlexNet"]), "pretrained", reachable=lambda address: False)


def test_a_hub_that_answers_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    check_weights(select(["AlexNet"]), "pretrained", reachable=lambda address: True)
    assert not list(tmp_path.rglob("*.pth"))


def test_random_weights_need_neither_files_nor_network(tmp_path: Path) -> None:
    check_weights(select(["x3d_s", "AlexNet"]), "random", folder=tmp_path, reachable=lambda address: False)


def test_missing_packages_are_named_for_random_weights_too() -> None:
    lacking = catalog()["x3d_s"].model_copy(update={"needs": "no_such_package"})
    with pytest.raises(BadInput, match=r"packages for x3d_s: expected no_such_package"):
        check_weights([catalog()["AlexNet"], lacking], "random")
