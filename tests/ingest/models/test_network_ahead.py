"""Networks are made one ahead, in order, and what goes wrong comes with the network it goes wrong for."""

from __future__ import annotations

import threading

import pytest
import torch

from alignhouse.ingest.models.ahead import BuiltAhead
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.warehouse.errors import BadInput

FOUR = [catalog()[name] for name in ("AlexNet", "ResNet34", "x3d_s", "VGG11")]


class Workshop:
    """Makes networks, and keeps a list of which and where."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.elsewhere: set[str] = set()
        self.begun = {network.name: threading.Event() for network in FOUR}

    def __call__(self, network: Network) -> Built:
        self.made.append(network.name)
        self.begun[network.name].set()
        if threading.current_thread() is not threading.main_thread():
            self.elsewhere.add(network.name)
        if network.name == "ResNet34":
            raise BadInput("weights of ResNet34", found="none")
        return Built(torch.nn.Identity())


def test_the_next_network_is_made_while_this_one_is_used_and_never_more() -> None:
    workshop = Workshop()
    with BuiltAhead(workshop, ahead=True) as built:
        built.expect(FOUR[2:])
        built(FOUR[2])
        assert workshop.begun["VGG11"].wait(10)
        assert workshop.made == ["x3d_s", "VGG11"]
        built(FOUR[3])
    assert workshop.made == ["x3d_s", "VGG11"]
    assert workshop.elsewhere == {"VGG11"}


def test_what_fails_ahead_is_told_when_it_is_asked_for_and_the_others_go_on() -> None:
    workshop = Workshop()
    with BuiltAhead(workshop, ahead=True) as built:
        built.expect(FOUR)
        assert isinstance(built(FOUR[0]), Built)
        with pytest.raises(BadInput, match="weights of ResNet34"):
            built(FOUR[1])
        assert isinstance(built(FOUR[2]), Built)
    assert workshop.made[:3] == ["AlexNet", "ResNet34", "x3d_s"]


def test_on_a_cpu_nothing_is_made_before_it_is_wanted() -> None:
    workshop = Workshop()
    with BuiltAhead(workshop, ahead=False) as built:
        built.expect(FOUR)
        built(FOUR[0])
        built(FOUR[2])
    assert workshop.made == ["AlexNet", "x3d_s"]
    assert workshop.elsewhere == set()


def test_one_that_is_passed_over_is_not_kept() -> None:
    workshop = Workshop()
    with BuiltAhead(workshop, ahead=True) as built:
        built.expect([FOUR[0], FOUR[2], FOUR[3]])
        built(FOUR[0])
        assert workshop.begun["x3d_s"].wait(10)
        built(FOUR[3])
        assert built._begun == {}
