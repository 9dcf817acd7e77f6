from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignhouse.analysis.report.anchors import anchors

SAFE = re.compile(r"network-[a-z0-9]+(-[a-z0-9]+)*")


@pytest.mark.parametrize(
    ("name", "anchor"),
    [
        ("AlexNet", "network-alexnet"),
        ("TSN-r50 (K400)", "network-tsn-r50-k400"),
        ("  Réseau__9 ", "network-reseau-9"),
        ("../../x", "network-x"),
        ("<script>alert('1')</script>", "network-script-alert-1-script"),
        ('a"b', "network-a-b"),
        ("a/b\\c?d#e%20", "network-a-b-c-d-e-20"),
    ],
)
def test_an_anchor_has_the_letters_and_digits_of_the_name(name: str, anchor: str) -> None:
    assert anchors([name, "another"], "network")[name] == anchor


def test_names_that_would_be_equal_get_a_hash_of_their_own_in_any_order() -> None:
    names = ["ViT B", "vit-b", "ViT-L"]
    made = anchors(names, "network")
    assert made["ViT-L"] == "network-vit-l"
    assert re.fullmatch(r"network-vit-b-[0-9a-f]{8}", made["ViT B"])
    assert len(set(made.values())) == 3
    assert anchors(reversed(names), "network") == made


def test_a_name_that_looks_like_a_hash_of_another_stays_apart() -> None:
    like = anchors(["a b", "A b"], "")["a b"]
    made = anchors(["a b", "A b", like], "")
    assert len(set(made.values())) == 3
    assert made["a b"] != made[like]


@pytest.mark.parametrize("name", ["", "。", "网络", "///", "CON", "lpt1", "\ud800"])
def test_a_name_without_usable_letters_is_its_hash(name: str) -> None:
    [made] = anchors([name], "").values()
    assert re.fullmatch(r"([a-z0-9]+-)?[0-9a-f]{8}", made)


def test_a_very_long_name_is_cut_and_keeps_a_hash() -> None:
    long = "x" * 5000
    made = anchors([long, long + "y"], "network")
    assert len(set(made.values())) == 2
    assert max(map(len, made.values())) < 80


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=90), max_size=12), st.sampled_from("aA- é/"))
def test_anchors_are_unique_and_safe_for_any_names(names: list[str], ending: str) -> None:
    names = [*names, *(name + ending for name in names)]
    made = anchors(names, "network")
    assert made.keys() == set(names)
    assert len(set(made.values())) == len(made)
    assert all(SAFE.fullmatch(each) and len(each) < 160 for each in made.values())
