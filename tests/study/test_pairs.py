"""Pairs of networks: which of them names and globs make, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import study_of

from alignhouse.study.networks import model_names, weighted_networks
from alignhouse.study.pairs import network_pairs
from alignhouse.warehouse.errors import BadInput

NAMES = ["resnet50", "resnet18", "slowfast", "vit[16]"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], []),
        ([["slowfast", "resnet50"]], [("resnet50", "slowfast")]),
        ([["*", "vit[16]"]], [(name, "vit[16]") for name in NAMES[:3]]),
        ([["slowfast", "resnet*"]], [("resnet50", "slowfast"), ("resnet18", "slowfast")]),
        # Twice by globs is once.
        ([["resnet50", "slowfast"], ["s*", "*50"]], [("resnet50", "slowfast")]),
        ([["resnet*", "resnet*"]], [("resnet18", "resnet50")]),
    ],
)
def test_names_and_globs_make_each_pair_once(asked: list[list[str]], expected: list[tuple[str, str]]) -> None:
    assert network_pairs(asked, NAMES) == expected


def test_every_two_networks() -> None:
    found = network_pairs([["*", "*"]], NAMES)
    assert len(set(map(frozenset, found))) == len(found) == 6


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (["slowfst", "resnet50"], r"encoding.pairs: no network is called 'slowfst' .did you mean slowfast"),
        (["slowfast", "alex*"], r"encoding.pairs: no network is called 'alex\*' .known: resnet50, resnet18"),
        (["slowfast", "slow*"], "expected two networks, found slowfast beyond itself"),
    ],
)
def test_wrong_names_are_refused(pair: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        network_pairs([pair], NAMES)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ('["a", "b"]', "encoding.pairs.0: expected a list in brackets"),
        ('[["a"]]', "encoding.pairs: expected two networks in each pair, not 1"),
        ('[["a", "b", "c"]]', "encoding.pairs: expected two networks in each pair, not 3"),
        ('[["a", "b"], ["b", "a"]]', "expected each pair once, in any order; b and a is repeated"),
        ('[["*", "b"], ["*", "b"]]', r"expected each pair once, in any order; \* and b is repeated"),
    ],
)
def test_wrong_lists_are_refused_when_the_file_is_read(tmp_path: Path, pairs: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, f"[encoding]\nvoxels = true\npairs = {pairs}\n")
    with pytest.raises(BadInput, match="encoding.pairs: expected no such key without voxels = true"):
        study_of(tmp_path, '[encoding]\npairs = [["a", "b"]]\n')


def test_untrained_networks_are_paired_by_the_names_of_their_results(tmp_path: Path) -> None:
    text = '[networks]\ninclude = "AlexNet"\nrandom = "AlexNet"\nseed = 3\n'
    study = study_of(tmp_path, text)
    names = model_names(study, weighted_networks(study))
    assert network_pairs([["AlexNet", "*"]], names) == [("AlexNet", "AlexNet-random3")]
