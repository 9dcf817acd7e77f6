from __future__ import annotations

from pathlib import Path

import pytest

from alignhouse.analysis.figures.labels import group_label, group_labels, group_styles, plain, shortened
from alignhouse.warehouse.errors import BadInput


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("image-in1k", "image object recognition"),
        ("image-k400", "image action recognition"),
        ("video-k710", "video action recognition (K710)"),
        ("video-ssv2", "video action recognition (SSv2)"),
        ("image-dino", "images without labels (DINO)"),
        ("image-of-mine", "image-of-mine"),
        ("CNNs", "CNNs"),
        (None, "not stated"),
    ],
)
def test_known_groups_have_readable_names_and_others_keep_theirs(value: str | None, label: str) -> None:
    assert group_label(value) == label


def test_a_known_group_keeps_its_colour_next_to_any_other_groups() -> None:
    alone = group_styles(["video action recognition"])
    beside = group_styles(["CNNs", "video action recognition", "image object recognition"])
    assert alone["video action recognition"] == beside["video action recognition"]


def test_groups_that_are_tested_apart_are_drawn_apart() -> None:
    labels = group_labels()
    assert len(set(labels.values())) == len(labels)


def test_a_group_without_a_known_name_takes_a_colour_that_no_other_has() -> None:
    styles = group_styles(["image object recognition", "image action recognition", "b", "a"])
    assert list(styles)[2:] == ["a", "b"]
    assert len({style.colour for style in styles.values()}) == 4


@pytest.mark.parametrize(
    ("most", "shown"), [(10, "abcdefghij"), (9, "abcd…ghij"), (6, "abc…ij"), (5, "ab…ij")]
)
def test_long_names_keep_their_beginning_and_their_end(most: int, shown: str) -> None:
    assert shortened("abcdefghij", most) == shown


def test_forty_groups_can_all_be_told_apart() -> None:
    styles = group_styles([f"family {n}" for n in range(40)])
    assert len({(style.colour, style.marker) for style in styles.values()}) == 40


def test_known_groups_are_drawn_first() -> None:
    assert list(group_styles(["a", "video action recognition", "image object recognition"])) == [
        "image object recognition",
        "video action recognition",
        "a",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name,label\na,b\n", "header of labels.csv"),
        ("value,label\na,b\na,c\n", "line 3 of labels.csv"),
        ("value,label\na,\n", "line 2 of labels.csv"),
    ],
)
def test_a_broken_file_of_labels_names_the_line(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=error):
        group_labels(path)


def test_dollar_signs_are_not_read_as_a_formula() -> None:
    assert plain("a $x$ b") == r"a \$x\$ b"
