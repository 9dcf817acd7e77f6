"""Networks from functions: how a function is found and called, and how its result is checked."""

from __future__ import annotations

import datetime
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import nn

from alignhouse.ingest.features.taps import Taps
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.function import state_sha256
from alignhouse.ingest.models.weights import refuse_trained_functions, weights_identity
from alignhouse.warehouse.errors import AlignhouseError, BadInput

GOOD = """
import torch
from torch import nn

def transform(image):
    return torch.zeros(3, 4, 4)

def give():
    return nn.Sequential(nn.Linear(2, 3), nn.Dropout()), transform, "mine"
"""

Declare = Callable[..., Network]


@pytest.fixture
def declare(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Writes a module and declares a network of its function. Each test has its own module name."""
    module = "own_" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]

    def declared(text: str = GOOD, function: str = "give", **more: Any) -> Network:
        (tmp_path / f"{module}.py").write_text(text)
        given = {"source": "function", "id": f"{module}:{function}", "folder": tmp_path, **more}
        return network_of("mine", OwnNetwork.model_validate(given))

    return declared


def imports_anew(network: Network) -> None:
    """Forget the imported module, like a new process, which usually runs a changed file."""
    from alignhouse.ingest.models.sources import function as functions

    del sys.modules[network.source_id.partition(":")[0]]
    functions._imported.clear()


def test_the_function_gives_module_and_transform_and_its_folder_is_not_left_behind(
    declare: Declare, tmp_path: Path
) -> None:
    before = list(sys.path)
    built = build_network(declare(), weights="pretrained")
    assert sys.path == before
    assert isinstance(built.module, nn.Sequential)
    assert not built.module.training
    assert not any(parameter.requires_grad for parameter in built.module.parameters())
    assert built.transform is not None
    assert built.transform(Image.new("RGB", (4, 4))).shape == (3, 4, 4)


def test_a_function_may_import_its_neighbours_while_it_runs(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "own_neighbour.py").write_text("WIDTH = 7\n")
    network = declare(GOOD.replace("def give():", "def give():\n    from own_neighbour import WIDTH"))
    assert build_network(network, weights="pretrained").found_weights


def test_the_identity_is_of_the_file_and_of_the_tensors(declare: Declare) -> None:
    network = declare()
    built = build_network(network, weights="pretrained", seed=3)
    torch.manual_seed(3)
    linear = nn.Linear(2, 3)
    content = b"".join(
        f"0.{name}\0torch.float32\0{shape}\0".encode() + tensor.detach().numpy().tobytes()
        for name, shape, tensor in (("weight", (3, 2), linear.weight), ("bias", (3,), linear.bias))
    )
    code = hashlib.sha256(GOOD.encode()).hexdigest()
    expected = f"function:{code}:state={hashlib.sha256(content).hexdigest()}"
    assert weights_identity(network, "pretrained", 3) == built.found_weights == expected


def test_other_code_or_other_weights_are_another_identity(declare: Declare) -> None:
    network = declare()
    first = weights_identity(network, "pretrained")
    assert weights_identity(network, "pretrained", seed=1) != first, "torch's generator is seeded for it"
    imports_anew(network)
    changed = declare(GOOD.replace("torch.zeros", "torch.ones"))
    code, state = (weights_identity(changed, "pretrained").split(":state=")[part] for part in (0, 1))
    assert code != first.split(":state=")[0]
    assert state == first.split(":state=")[1]
    assert changed.identity() != network.identity()


def test_every_kind_of_tensor_counts_in_the_identity() -> None:
    class Kinds(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.register_buffer("brain_float", torch.tensor([[1.0, value]], dtype=torch.bfloat16))
            self.register_buffer("count", torch.tensor(3))
            self.register_buffer("empty", torch.zeros(0, 4))
            self.register_buffer("truth", torch.tensor([True]))

        def get_extra_state(self) -> dict[str, int]:
            return {"version": 2}

        def set_extra_state(self, state: object) -> None:
            raise NotImplementedError

    assert state_sha256(Kinds(2.0)) == state_sha256(Kinds(2.0))
    assert state_sha256(Kinds(2.0)) != state_sha256(Kinds(2.5))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nn.Linear(2, 2)", r"expected \(module, transform\) or \(module, transform, name\), found Linear"),
        ("(nn.Linear(2, 2),)", r"expected \(module, transform\) or .*, found tuple of 1"),
        ("(nn.Linear(2, 2), transform, 'mine', 1)", "found tuple of 4"),
        ("('net', transform, 'mine')", "expected a torch.nn.Module first, found str"),
        ("(nn.Linear, transform, 'mine')", "expected a torch.nn.Module first, found type"),
        ("(nn.Linear(2, 2), None, 'mine')", "expected a transform that can be called second, found NoneType"),
        (
            "(nn.Linear(2, 2), transform, 'yours')",
            "the name 'mine' third.* or no name, found 'yours'",
        ),
        ("1 / 0", "found ZeroDivisionError: division by zero"),
    ],
)
def test_the_result_of_a_function_is_checked(declare: Declare, given: str, message: str) -> None:
    network = declare(GOOD + f"\ndef other():\n    return {given}\n", "other")
    with pytest.raises(BadInput, match=rf"function own_\w+:other of network mine: .*{message}"):
        build_network(network, weights="pretrained")


MANY = """
import torch
from torch import nn

def transform(image):
    return torch.zeros(3, 4, 4)

def give(width, *, depth: int = 1, names=()):
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth))), transform
"""


def test_one_function_gives_many_networks_without_naming_them(declare: Declare) -> None:
    declared = [{"width": 2}, {"width": 2, "depth": 3}, {"width": 2, "names": ["a", {"b": 1.5}]}]
    networks = [declare(MANY, arguments=arguments) for arguments in declared]
    shapes = [
        [tuple(each.shape) for each in build_network(network, weights="pretrained").module.parameters()]
        for network in networks
    ]
    assert shapes == [[(2, 2), (2,)], [(2, 2), (2,)] * 3, [(2, 2), (2,)]]
    identities = [network.identity() for network in networks]
    assert [each["own"]["arguments"] for each in identities] == declared, "they are in job keys"
    assert weights_identity(networks[0], "pretrained") == weights_identity(networks[2], "pretrained")


def test_a_function_without_arguments_keeps_the_identity_of_earlier_versions(declare: Declare) -> None:
    plain, empty = declare(), declare(arguments={})
    code = hashlib.sha256(GOOD.encode()).hexdigest()
    assert plain.identity()["own"] == {"takes": "frames", "code": code}
    assert empty.identity() == plain.identity()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widht": 2}, r"parameters \(width, \*, depth: int = 1, names=\(\)\), found .*did you mean width"),
        (None, r"parameters \(width, .*found missing a required argument: 'width'"),
        ({"width": 2, "depth": 1, "name": "x"}, r"unexpected keyword argument 'name' \(did you mean names"),
    ],
)
def test_arguments_that_a_function_does_not_take_are_refused_before_it_is_called(
    declare: Declare, arguments: dict[str, Any] | None, message: str
) -> None:
    with pytest.raises(BadInput, match=rf"function own_\w+:give of network mine: expected .*{message}"):
        declare(MANY, arguments=arguments)


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), float("nan"), [{"deep": float("inf")}]])
def test_arguments_that_a_job_key_cannot_hold_are_refused(declare: Declare, value: Any) -> None:
    with pytest.raises(ValidationError, match="finite numbers, .*; width holds another value"):
        declare(MANY, arguments={"width": value})


@pytest.mark.parametrize(
    ("text", "function", "message"),
    [
        (GOOD, "giv", r"expected a function giv in .*\.py, found none of that name \(did you mean give\?\)"),
        (GOOD, "torch", "expected a function torch in .*found module"),
        ("import no_such_package", "give", "found ModuleNotFoundError: No module named 'no_such_package'"),
        ("def give(:", "give", "found SyntaxError"),
        ("raise RuntimeError('on purpose')", "give", "found RuntimeError: on purpose"),
    ],
)
def test_a_function_that_cannot_be_found_says_why(
    declare: Declare, text: str, function: str, message: str
) -> None:
    before = list(sys.path)
    with pytest.raises(BadInput, match=message) as caught:
        declare(text, function)
    assert sys.path == before
    assert (caught.value.__cause__ is None) == ("in .*" in message), "the import's own error is kept"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("own_functions", "network mine, id: expected package.module:function, found 'own_functions'"),
        (":give", "expected package.module:function"),
        ("no.such.module:give", "No module named 'no'.*searched in /.*, then in sys.path"),
        ("sys:exit", "network mine: expected a function that is defined in a file, found <built-in"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(address: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        network_of("mine", OwnNetwork(source="function", id=address, folder=tmp_path))


def test_a_module_of_the_same_name_that_is_loaded_already_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "hashlib.py").write_text(GOOD)
    with pytest.raises(BadInput, match=r"module hashlib .*expected /.*hashlib.py, found .*already loaded"):
        network_of("mine", OwnNetwork(source="function", id="hashlib:give", folder=tmp_path))


def test_a_file_that_changed_since_it_was_imported_is_refused(declare: Declare) -> None:
    network = declare()
    with pytest.raises(BadInput, match="found a file that has changed since .restart Python"):
        declare(GOOD + "\n# changed\n")
    with pytest.raises(BadInput, match="changed since"):
        build_network(network, weights="pretrained")


@pytest.mark.parametrize(
    ("made", "takes", "message"),
    [
        ("image", "frames", r"expected a tensor \(3, height, width\) for a frame, found Image"),
        ("torch.zeros(1, 3, 4, 4)", "frames", r"found Tensor \(1, 3, 4, 4\)"),
        ("torch.zeros(3, 4, 4).numpy()", "frames", r"found ndarray \(3, 4, 4\)"),
        ("torch.zeros(0, 3, 4)", "video", r"expected a tensor \(clips, ...\).*found Tensor \(0, 3, 4\)"),
        ("[torch.zeros(3, 4)]", "video", "found list"),
    ],
)
def test_what_a_transform_makes_is_checked(declare: Declare, made: str, takes: str, message: str) -> None:
    network = declare(GOOD.replace("torch.zeros(3, 4, 4)", made), takes=takes)
    transform: Any = build_network(network, weights="pretrained").transform
    given = Image.new("RGB", (4, 4)) if takes == "frames" else np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(BadInput, match=f"transform of network mine: .*{message}"):
        transform(given)


def test_in_a_study_of_random_weights_a_function_must_declare_random_weights(declare: Declare) -> None:
    refuse_trained_functions([declare(weights="random")])
    with pytest.raises(
        BadInput, match=r'"random", but network mine .*expected weights = "random" in its decl'
    ):
        refuse_trained_functions([declare()])


def test_arguments_give_the_untrained_self_of_a_network(declare: Declare) -> None:
    network = declare(MANY, arguments={"width": 5}, untrained={"width": 7})
    refuse_trained_functions([network])
    widths = {
        weights: build_network(network, weights=weights).module[0].out_features
        for weights in ("pretrained", "random")
    }
    assert widths == {"pretrained": 5, "random": 7}
    assert network.identity() == declare(MANY, arguments={"width": 5}).identity(), (
        "the trained self is the same"
    )
    assert weights_identity(network, "pretrained") != weights_identity(network, "random")


def test_arguments_of_an_untrained_self_are_checked(declare: Declare) -> None:
    with pytest.raises(BadInput, match=r"arguments that fit its parameters.*wide"):
        declare(MANY, arguments={"width": 5}, untrained={"wide": 7})
    with pytest.raises(ValidationError, match="untrained already"):
        declare(MANY, untrained={}, weights="random")


class Mapped(nn.Module):
    """Returns a mapping with some values that are not tensors."""

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"last_hidden_state": x + 1, "cache": None, "pooled": x[:, :2]}


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(3, 3)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(2))
        self.mapped = Mapped()
        self.silent = Silent()


class Silent(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"loss": None}


def test_each_tensor_of_a_mapping_is_a_layer() -> None:
    module, x = Nested(), torch.rand(4, 3)
    with torch.inference_mode(), Taps(module, ["mapped"], "output") as taps:
        module.mapped(x)
        read = taps.collect()
    assert list(read) == ["mapped_last_hidden_state", "mapped_pooled"]
    mapped = read["mapped_last_hidden_state"]
    torch.testing.assert_close(mapped.total * mapped.scale, (x + 1).mean(0))
    with (
        Taps(module, ["silent"], "output"),
        pytest.raises(AlignhouseError, match="'silent' .*returns no tensor"),
    ):
        module.silent(x)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["mapped", "stem"], ["stem", "mapped"]),
        (["blocks.*"], ["blocks.0", "blocks.1"]),
        (["blocks.?.0"], ["blocks.0.0", "blocks.1.0"]),
        (["blocks.**"], ["blocks.0", "blocks.0.0", "blocks.0.1", "blocks.1", "blocks.1.0", "blocks.1.1"]),
        (["**.1"], ["blocks.0.1", "blocks.1", "blocks.1.1"]),
        (["*", "blocks.1"], ["stem", "blocks", "blocks.1", "mapped", "silent"]),
        ([], ["stem", "blocks.0", "blocks.1", "mapped", "silent"]),
    ],
)
def test_layers_are_named_or_matched_in_the_networks_order(
    declare: Declare, wanted: list[str], found: list[str]
) -> None:
    network = declare(layers=wanted)
    assert layers_of(Nested(), network, "sound") == layers_of(Nested(), network, "paper") == found


@pytest.mark.parametrize("wanted", ["block.0", "blocks.*.2", "stem.*"])
def test_a_name_or_glob_that_matches_nothing_names_near_ones(declare: Declare, wanted: str) -> None:
    with pytest.raises(BadInput, match=r"layer '.*' of network mine: .*did you mean .*(blocks|stem)"):
        layers_of(Nested(), declare(layers=["mapped", wanted]))


def test_a_network_without_named_modules_has_no_layers(declare: Declare) -> None:
    with pytest.raises(BadInput, match="layers of network mine: expected named modules, found none"):
        layers_of(nn.Linear(2, 2), declare())
