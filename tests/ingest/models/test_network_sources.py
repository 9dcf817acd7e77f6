"""Sources of networks: a new source needs a class and a line in the registry."""

from __future__ import annotations

import ast
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from features_plainly import sources
from pydantic import ValidationError
from scipy.spatial.distance import pdist
from torch import nn

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.catalog import CATALOG, catalog, read_catalog
from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.base import LibrarySource
from alignhouse.ingest.models.sources.registry import SOURCES, get_source
from alignhouse.ingest.models.sources.source import (
    ClipSource,
    ImageTransform,
    MissingWeights,
    TransformStyle,
)
from alignhouse.ingest.models.weights import check_weights, refuse_trained_functions, weights_identity
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names

MODELS = Path(__file__).parents[3] / "ingest" / "models"
PACKAGE = "alignhouse.ingest.models"
SERVER = "https://tiny.invalid"
SIZES = {"two": 2, "five": 5}


class Halves(nn.Module):
    """Weights the mean colours of the left and right halves of each frame: (n, 3, H, W) -> (n, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.second = nn.Linear(width, width)

    def forward(self, frames: torch.Tensor, *, doubled: bool) -> torch.Tensor:
        left, right = frames.tensor_split(2, dim=3)
        means = torch.cat([left.mean(dim=(2, 3)), right.mean(dim=(2, 3))], dim=1)
        return self.second(self.first(2 * means if doubled else means))


class Tiny(LibrarySource):
    """A library with two networks, which must be called with a special argument."""

    name: ClassVar[str] = "tiny"
    keys: ClassVar[frozenset[str]] = frozenset({"transform"})

    def versions(self) -> dict[str, str]:
        return {"torch": version("torch"), "tiny": "1.2"}

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        if declared.id not in SIZES:
            raise BadInput(
                f"network {name}: tiny has no {declared.id!r}", hint=near_names(declared.id, SIZES)
            )
        return {"transform": declared.transform}

    def build_random(self, network: Network) -> nn.Module:
        return Halves(SIZES[network.source_id])

    def build_pretrained(self, network: Network, folder: Path | None) -> nn.Module:
        module = Halves(SIZES[network.source_id])
        for parameter in module.parameters():
            nn.init.uniform_(parameter, -1, 1, generator=torch.Generator().manual_seed(8))
        return module

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        return None if answers(SERVER) else MissingWeights(f"{network.name}: no {SERVER}", "look for tiny")

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        return lambda image: torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255

    def default_layers(self, module: nn.Module) -> list[str]:
        return ["second"]

    def forward(self, module: nn.Module, call: torch.Tensor) -> None:
        module(call, doubled=True)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "tiny", f"{__name__}:Tiny")


def declared(**more: Any) -> Network:
    return network_of("mine", OwnNetwork.model_validate({"source": "tiny", "id": "five", **more}))


def videos() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (2 + index, 8, 10, 3), dtype=np.uint8) for index in range(4)]


def features(module: Any, video: np.ndarray, layers: int) -> np.ndarray:
    """The mean over frames of the first or second layer, with numpy."""
    means = np.concatenate([video[:, :, :5].mean(axis=(1, 2)), video[:, :, 5:].mean(axis=(1, 2))], axis=1)
    rows = 2 * means / 255
    for layer in [module.first, module.second][:layers]:
        rows = rows @ layer.weight.numpy().T.astype(np.float64) + layer.bias.numpy()
    mean: np.ndarray = rows.mean(axis=0)
    return mean


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(("listed", "expected"), [([], {"second": 2}), (["first", "second"], {"first": 1})])
def test_a_new_sources_network_is_extracted(
    listed: list[str], expected: dict[str, int], tmp_path: Path
) -> None:
    network = declared(layers=listed)
    built = build_network(network, weights="pretrained")
    assert not built.module.training
    found = extract_rdms(network, built.module, sources(videos()), ExtractionSettings(), scratch=tmp_path)
    assert [layer.name for layer in found.layers] == (listed or ["second"])
    for layer in found.layers:
        if layer.name in expected:
            plain = np.stack([features(built.module, each, expected[layer.name]) for each in videos()])
            np.testing.assert_allclose(layer.rdm, pdist(plain, "correlation"), atol=1e-5)


@pytest.mark.usefixtures("tiny")
def test_a_new_source_decides_on_weights_keys_and_identifiers() -> None:
    network = declared()
    assert weights_identity(network, "random", 4) == f"random:seed=4:torch={version('torch')},tiny=1.2"
    assert weights_identity(network, "pretrained") == "pretrained:tiny:unknown"
    random = build_network(network, weights="random", seed=4).module
    torch.manual_seed(4)
    assert torch.equal(random.first.weight, nn.Linear(6, 5).weight)  # type: ignore[arg-type, union-attr]
    refuse_trained_functions([network])
    check_weights([network], "pretrained", reachable=lambda address: address == SERVER)
    with pytest.raises(
        BadInput, match=r"weights of 1 network are missing: found mine: no .*\(look for tiny,"
    ):
        check_weights([network], "pretrained", reachable=lambda address: False)
    with pytest.raises(BadInput, match=r"tiny has no 'fife' \(did you mean five\?\)"):
        declared(id="fife")
    with pytest.raises(ValidationError, match="takes only with source = 'function'"):
        declared(takes="video")
    with pytest.raises(ValidationError, match="transform only with source = 'torchvision' or .*'tiny'"):
        OwnNetwork.model_validate({"source": "timm", "id": "resnet18", "transform": "x"})


def in_a_catalog(tmp_path: Path, **changed: str) -> dict[str, Network]:
    header, *rows = CATALOG.read_text(encoding="utf-8").splitlines()
    cells = dict(
        zip(header.split(","), next(row for row in rows if row[:8] == "AlexNet,").split(","), strict=True)
    )
    path = tmp_path / "mine.csv"
    path.write_text(f"{header}\n{','.join((cells | changed).values())}\n", encoding="utf-8")
    return read_catalog(path)


@pytest.mark.usefixtures("tiny")
def test_a_catalog_may_list_networks_of_a_new_source(tmp_path: Path) -> None:
    network = in_a_catalog(tmp_path, source="tiny", source_id="two", layers="", not_tapped="")["AlexNet"]
    network = network.model_copy(update={"skips": ()})
    module = build_network(network, weights="random").module
    assert layers_of(module, network) == ["second"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "tim"}, r"unknown source of networks 'tim' \(did you mean timm\?\)"),
        ({"source": "function"}, "a network of the catalog comes from a library"),
        ({"source": "timm"}, "a network of timm needs features_only"),
        ({"source": "mmaction2"}, "a network of mmaction2 needs clip_len, .*frame_multiple"),
        ({"clip_len": "8"}, "network AlexNet: expected a source that samples clips.*found torchvision"),
        ({"arch_type": "Mixers"}, "one of CNNs or Transformers"),
    ],
)
def test_a_row_that_its_source_cannot_use_is_refused(
    changed: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BrokenWarehouse, match=f"mine.csv, network 'AlexNet': .*{message}"):
        in_a_catalog(tmp_path, **changed)


def test_an_unknown_source_names_close_ones() -> None:
    with pytest.raises(BadInput, match=r"unknown source of networks 'Torchvison' \(did you mean torchvision"):
        get_source("Torchvison")


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_one_object_that_is_called_as_it_is_registered(name: str) -> None:
    assert get_source(name).name == name
    assert get_source(name) is get_source(name)
    takes_clips = {network.takes == "clips" for network in catalog().values() if network.source == name}
    assert takes_clips in ({isinstance(get_source(name), ClipSource)}, set())


def test_a_source_without_transforms_or_weights_of_its_own_says_so() -> None:
    clips = catalog()["x3d_s"]
    with pytest.raises(BadInput, match="transform of network x3d_s"):
        get_source("mmaction2").transform(clips, "weights")
    with pytest.raises(BadInput, match=r"transform of network x3d_s.*pass transform=built.transform"):
        get_source("function").transform(clips, "weights")


def module_name(path: Path) -> str:
    parts = path.relative_to(MODELS).with_suffix("").parts
    return ".".join([PACKAGE, *(part for part in parts if part != "__init__")])


def imports(path: Path, modules: set[str]) -> set[str]:
    """The modules of `modules` that a file imports anywhere, or names in a string, as the registry does."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            of_module = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            named |= of_module or {str(node.module)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named.add(node.value.partition(":")[0])
    return named & modules


def test_imports_among_the_modules_of_networks_form_no_cycle() -> None:
    files = {module_name(path): path for path in MODELS.rglob("*.py")}
    graph = {name: imports(path, set(files)) for name, path in files.items()}
    assert {address.partition(":")[0] for address in SOURCES.values()} <= graph[f"{PACKAGE}.sources.registry"]
    order = list(TopologicalSorter(graph).static_order())
    assert order.index(f"{PACKAGE}.weights") < order.index(f"{PACKAGE}.build")
    with pytest.raises(CycleError):
        TopologicalSorter({**graph, f"{PACKAGE}.network": {f"{PACKAGE}.build"}}).prepare()


def test_no_code_outside_the_sources_compares_the_name_of_a_source() -> None:
    comparisons: list[str] = []
    root = MODELS.parents[1]
    for path in (file for room in ("ingest", "alignhouse") for file in (root / room).rglob("*.py")):
        if MODELS / "sources" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Attribute) and side.attr == "source" for side in sides):
                    comparisons.append(f"{path.relative_to(root)}:{node.lineno}")
    # Checkpoint files are downloaded only for mmaction2.
    assert {line.split(":")[0] for line in comparisons} <= {
        "alignhouse/cli/fetching.py",
        "ingest/models/checkpoint_files.py",
        "ingest/models/checkpoints.py",
    }
