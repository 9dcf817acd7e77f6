"""The dry pass finds layers that cannot be read, and orders the others as the network calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from scipy.spatial.distance import pdist
from torch import nn

from alignhouse.ingest.features.activations import features
from alignhouse.ingest.features.dry_pass import noise
from alignhouse.ingest.features.extract import extract_rdms, measure_widths
from alignhouse.ingest.features.fingerprints import are_alike, fingerprint
from alignhouse.ingest.features.jobs import Extraction, extraction_jobs
from alignhouse.ingest.features.module_tree import module_tree
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import Built, build_network
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.network import Own
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.warehouse.errors import AlignhouseError, BadInput

SIDE = 6
VIDEOS = [np.random.default_rng(n).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8) for n in range(4)]


class Table(nn.Module):
    """Learned values that do not depend on the input, such as the queries of a pooling by attention."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.arange(5.0).repeat(len(x), 1)


class Returns(nn.Module):
    """Returns what `of` makes of the input."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: torch.Tensor) -> Any:
        return self.of(x)


class Odd(nn.Module):
    """All that can be wrong with a layer, and modules that are registered in another order than called."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(SIDE * SIDE * 2, 7)
        self.stem = nn.Conv2d(3, 2, 1)
        self.act = nn.ReLU()
        self.drop = nn.Dropout(0.5)
        self.skip = nn.Identity()
        self.flat = nn.Flatten()
        self.turn = Returns(lambda x: x.permute(0, 2, 3, 1))
        self.unused = nn.Linear(3, 3)
        self.query = Table()
        self.silent = Returns(lambda x: None)
        self.number = Returns(lambda x: x.sum())
        self.gap = Returns(lambda x: x.mean(dim=(1, 2, 3))[:, None])
        self.pair = Returns(lambda x: (x * 2, torch.ones_like(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(self.act(self.stem(x)))
        self.query(x), self.silent(x), self.number(x), self.gap(x), self.turn(x)
        x = self.skip(x)
        x, _ = self.pair(x)
        x = self.head(self.flat(x))
        return self.act(x)


def own(**changes: Any) -> Network:
    """A record of a network of the study's own, called mine."""
    empty = {"name": "mine", "skips": (), "not_tapped": (), "own": Own(origin="random", folder=Path())}
    return catalog()["AlexNet"].model_copy(update=empty | changes)


def as_tensor(image: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32) / 255 - 0.4).permute(2, 0, 1)


def seeded(module_class: type[nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return module_class().eval().requires_grad_(False)


def extracted(
    module: nn.Module, network: Network, folder: Path, said: list[str] | None = None, **how: Any
) -> NetworkRdms:
    given = {"scratch": folder, "transform": as_tensor, "say": None if said is None else said.append}
    return extract_rdms(network, module, sources(VIDEOS), ExtractionSettings(), **given, **how)


DROPPED = {
    "unused": "never called",
    "silent": "no tensor is returned (NoneType)",
    "number": "no tensor is returned (Tensor)",
    "drop": "equal to act@1",
    "query": "the same for every stimulus",
    "gap": "one value in all features",
    "turn": "equal to act@1",
    "skip": "equal to act@1",
    "pair_1": "one value in all features",
    "flat": "equal to pair_0",
}


def test_what_cannot_be_read_is_left_out_and_said_with_the_reason(tmp_path: Path) -> None:
    said: list[str] = []
    rdms = extracted(seeded(Odd), own(), tmp_path, said)
    layers = ["stem", "act@1", "pair_0", "head", "act@2"]
    assert [layer.name for layer in rdms.layers] == layers, "in the order of the calls"
    assert [layer.depth for layer in rdms.layers] == [0, 0.25, 0.5, 0.75, 1]
    assert rdms.notes["dropped_layers"] == DROPPED
    assert said == [
        "mine: 5 layers are read. Not read: never called: unused; no tensor is returned (NoneType): silent; "
        "no tensor is returned (Tensor): number; equal to an earlier layer: drop (= act@1), turn (= act@1), "
        "skip (= act@1), flat (= pair_0); the same for every stimulus: query; "
        "one value in all features: gap, pair_1"
    ]


def test_each_call_of_a_module_is_a_layer_of_its_own(tmp_path: Path) -> None:
    module = seeded(Odd)
    rdms = {layer.name: layer.rdm for layer in extracted(module, own(), tmp_path).layers}
    rows: dict[str, list[Any]] = {"stem": [], "head": []}
    for video in VIDEOS:
        shown = torch.stack([as_tensor(frame) for frame in video])
        seen = outputs(module, ["stem", "head"], lambda shown=shown: module(shown))  # type: ignore[misc]
        for name, output in seen.items():
            rows[name].append(output.relu().mean(0).numpy().ravel())
    for call, name in (("act@1", "stem"), ("act@2", "head")):
        np.testing.assert_allclose(rdms[call], pdist(np.stack(rows[name]), "correlation"), atol=1e-5)


def test_the_content_of_memory_is_compared_where_that_is_read(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 5)).eval()
    # One channel is positive and one negative, so that the rectifier changes what is in memory.
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None].expand(2, 3, 1, 1))
        module[0].bias.zero_()
    given: Any = {"scratch": tmp_path, "transform": as_tensor}
    for tap, layers in (("output", ["0", "1", "3"]), ("memory", ["0", "3"])):
        settings = ExtractionSettings(tap=tap)
        rdms = extract_rdms(own(), module, sources(VIDEOS), settings, **given)
        assert [layer.name for layer in rdms.layers] == layers, tap


class Attends(nn.Module):
    """torch's attention uses its projection without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.mixer = nn.ModuleDict({"attn": nn.MultiheadAttention(4, 2, batch_first=True), "idle": nn.Tanh()})
        self.spare = nn.ModuleDict({"attn": nn.MultiheadAttention(4, 2)})
        self.head = nn.Linear(4, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        x, _ = self.mixer["attn"](x, x, x, need_weights=False)
        return self.head(x)


def test_a_module_that_uses_its_parts_without_calling_them_is_read_itself(tmp_path: Path) -> None:
    module, network, said = seeded(Attends), own(layers=()), list[str]()
    rdms = {layer.name: layer.rdm for layer in extracted(module, network, tmp_path, said).layers}
    assert list(rdms) == ["stem", "mixer.attn", "head"]
    assert said[0].endswith("Not read: never called: mixer.attn.out_proj, mixer.idle, spare.attn.out_proj")
    rows = []
    for video in VIDEOS:
        shown = torch.stack([as_tensor(frame) for frame in video])
        tokens = module.stem(shown).flatten(2).transpose(1, 2)
        rows.append(module.mixer["attn"](tokens, tokens, tokens)[0].mean(0).numpy().ravel())
    np.testing.assert_allclose(rdms["mixer.attn"], pdist(np.stack(rows), "correlation"), atol=1e-5)
    given = Built(module, lambda image: as_tensor(image.resize((SIDE, SIDE))))
    tree = {row.module: row for row in module_tree(network, given, ExtractionSettings())}
    assert tree["mixer.attn"].is_read
    assert [tree[name].is_read for name in ("mixer", "mixer.attn.out_proj", "spare.attn")] == [False] * 3


def test_what_is_said_names_the_untrained_self(tmp_path: Path) -> None:
    said: list[str] = []
    extracted(seeded(Odd), own(), tmp_path, said, model="mine-random0")
    assert said[0].startswith("mine-random0: 5 layers are read.")


def test_what_a_study_lists_is_read_in_the_order_of_the_modules(tmp_path: Path) -> None:
    rdms = extracted(seeded(Odd), own(layers=("flat", "drop", "act", "head")), tmp_path)
    assert [layer.name for layer in rdms.layers] == ["head", "act@1", "act@2", "drop", "flat"]


@pytest.mark.parametrize(
    ("listed", "name", "reason"),
    [
        ("unused", "unused", "never called"),
        ("silent", "silent", "no tensor is returned"),
        ("query", "query", "the same for every stimulus"),
        ("gap", "gap", "one value in all features"),
        ("que*", "query", "the same for every stimulus"),
        ("pair", "pair_1", "one value in all features"),
    ],
)
def test_a_listed_layer_that_cannot_be_read_is_an_error_before_the_extraction(
    tmp_path: Path, listed: str, name: str, reason: str
) -> None:
    where = r"take it out of layers of \[networks.own.mine\]"
    with pytest.raises(BadInput, match=rf"layer {name} of network mine: .*{reason}.*{where}"):
        extracted(seeded(Odd), own(layers=("stem", listed)), tmp_path)


def test_layers_without_an_rdm_are_skipped_where_the_study_says_so(tmp_path: Path) -> None:
    rdms = extracted(seeded(Odd), own(layers=("stem", "query")), tmp_path, skip_bad=True)
    assert [layer.name for layer in rdms.layers] == ["stem"]
    assert list(rdms.notes["skipped_layers"]) == ["query"]


def test_a_glob_leaves_out_what_is_never_called_or_returns_no_tensor(tmp_path: Path) -> None:
    said: list[str] = []
    rdms = extracted(seeded(Odd), own(layers=("s*", "un*")), tmp_path, said)
    assert [layer.name for layer in rdms.layers] == ["stem", "skip"]
    assert rdms.notes["dropped_layers"] == {name: DROPPED[name] for name in ("unused", "silent")}
    assert said[0].startswith("mine: 2 layers are read. Not read: never called: unused;")


class Moody(nn.Module):
    """Calls its layer once more where the input is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other, self.calls = nn.Linear(3, 3), nn.Conv2d(3, 2, 1), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        for _ in range(1 + self.calls % 2):
            y = self.layer(x.mean(dim=(2, 3)))
        self.other(x)
        return y


def test_calls_that_depend_on_the_stimulus_are_an_error_that_names_the_layer(tmp_path: Path) -> None:
    where = r"list other layers in layers of \[networks.own.mine\]"
    with pytest.raises(BadInput, match=rf"layers of network mine: .*other calls of layer \({where}"):
        extracted(Moody(), own(), tmp_path)
    assert extracted(Moody(), own(layers=("other",)), tmp_path).layers[0].name == "other"


def test_a_network_without_any_layer_to_read_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="layers of network mine: .*found 0: the same for every stimulus"):
        extracted(nn.Sequential(Table()), own(), tmp_path)


def test_a_module_with_the_name_of_a_call_is_an_error(tmp_path: Path) -> None:
    act = nn.ReLU()
    module = nn.Sequential(act, nn.Conv2d(3, 3, 1), act)
    module.add_module("0@2", nn.Identity())
    with pytest.raises(
        AlignhouseError, match=r"'0' is called several times, and a module has the name .*0@2"
    ):
        extracted(module, own(), tmp_path)


def test_layers_of_the_catalog_are_not_tried(tmp_path: Path) -> None:
    of_catalog = own(own=None, layers=("head", "stem", "drop"))
    rdms = extracted(seeded(Odd), of_catalog, tmp_path)
    assert [layer.name for layer in rdms.layers] == ["head", "stem", "drop"]
    assert "dropped_layers" not in rdms.notes
    with pytest.raises(AlignhouseError, match="layer 'unused' of network AlexNet .*not_tapped of AlexNet"):
        extracted(
            seeded(Odd), of_catalog.model_copy(update={"name": "AlexNet", "layers": ("unused",)}), tmp_path
        )


def test_activations_of_all_layers_are_those_of_a_study_and_calls_can_be_named() -> None:
    module = seeded(Odd)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "alignhouse.ingest.features.inputs.InputMaker._divided_transform", lambda *arguments: None
        )
        patched.setattr(
            "alignhouse.ingest.models.sources.torchvision.Torchvision.transform",
            lambda *arguments: as_tensor,
        )
        found = features(own(), VIDEOS, module=module)
        assert list(found) == ["stem", "act@1", "pair_0", "head", "act@2"]
        assert list(features(own(), VIDEOS, module=module, layers=["act"])) == ["act@1", "act@2"]
        second = features(own(), VIDEOS, module=module, layers=["act@2", "pair_1"])
        assert list(second) == ["act@2", "pair_1"]
        np.testing.assert_array_equal(second["act@2"], found["act@2"])
        with pytest.raises(BadInput, match="no layer 'unused'"):
            features(own(), VIDEOS, module=module, layers=["unused"])


@pytest.mark.parametrize(
    ("identifier", "kept", "dropped"),
    [
        (
            "test_vit3",
            "patch_embed.proj pos_drop blocks.0 blocks.1 blocks.2 blocks.3 blocks.4 blocks.5 blocks.6 "
            "blocks.7 blocks.8 norm attn_pool.kv attn_pool.k_norm attn_pool.proj attn_pool.norm "
            "attn_pool.mlp.fc1 attn_pool.mlp.act attn_pool.mlp.fc2 fc_norm head",
            "patch_embed.norm patch_drop norm_pre attn_pool.q attn_pool.q_norm attn_pool.proj_drop "
            "attn_pool.mlp.drop1 attn_pool.mlp.norm attn_pool.mlp.drop2 head_drop",
        ),
        (
            "test_efficientnet",
            "conv_stem bn1 blocks.0 blocks.1 blocks.2 blocks.3 blocks.4 conv_head bn2 "
            "global_pool.pool classifier",
            "global_pool.flatten",
        ),
    ],
)
def test_small_networks_of_timm(identifier: str, kept: str, dropped: str) -> None:
    network = network_of("mine", OwnNetwork(source="timm", id=identifier, weights="random"))
    module = build_network(network, weights="random").module
    [widths] = measure_widths(network, module, lambda: VIDEOS[0], [ExtractionSettings()])
    assert list(widths) == kept.split()
    rule = set(layers_of(module, network))
    assert rule == {*kept.split(), *dropped.split()}


def jobs_of(network: Network) -> list[tuple[int, str]]:
    common: Any = {"root": Path(), "stimuli": (), "sha256": {}, "device": "cpu", "memory": 1, "scratch": 1}
    extraction = Extraction(weights="random", seed=0, **common)
    jobs = extraction_jobs(extraction, network, [ExtractionSettings()], skip_bad=False)
    return [(job.version, job.key) for job in jobs]


def test_only_own_networks_under_the_automatic_rule_have_new_job_keys() -> None:
    automatic = network_of("mine", OwnNetwork(source="torchvision", id="alexnet"))
    listed = automatic.model_copy(update={"layers": ("features.0",)})
    assert [version for version, _ in jobs_of(automatic)] == [4]
    assert [version for version, _ in jobs_of(listed)] == [2]
    assert [version for version, _ in jobs_of(catalog()["AlexNet"])] == [2]


def test_made_up_stimuli_are_the_same_every_time_and_differ_from_one_another() -> None:
    one = noise((2, 30, 44, 3), 0)
    assert one.shape == (2, 30, 44, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, noise((2, 30, 44, 3), 0))
    means = [noise((1, 64, 64, 3), seed)[0].reshape(8, 8, 8, 8, 3).mean((1, 3)) for seed in (0, 1)]
    assert np.abs(means[0] - means[1]).mean() > 30, "also after an average over space"


def test_fingerprints_ignore_order_and_shape_and_nothing_else() -> None:
    random = np.random.default_rng(0)
    values = torch.from_numpy(random.standard_normal((1, 4, 5)).astype(np.float32))
    same = fingerprint(values).digest
    assert fingerprint(values.flip(1).reshape(1, 20)).digest == same
    changed = values.clone()
    changed[0, 0, 0] = torch.nextafter(changed[0, 0, 0], torch.tensor(9.0))
    for other in (changed, torch.cat([values, values]), values.double(), values[:, :3]):
        assert fingerprint(other).digest != same


@pytest.mark.parametrize("difference", [1e-9, 1e-3, 1.0])
def test_stimuli_are_alike_where_their_patterns_differ_by_rounding_only(difference: float) -> None:
    random = np.random.default_rng(0)
    pattern = random.standard_normal((50, 64))
    # As after a layer normalisation: both have mean 0, feature by feature over groups of channels.
    other = pattern + difference * random.permuted(pattern, axis=1)
    one, two = (fingerprint(torch.from_numpy(each.ravel()[None])) for each in (pattern, other + 7.0))
    assert are_alike(one, two) == (difference < 1e-6)
