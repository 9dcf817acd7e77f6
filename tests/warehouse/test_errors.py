"""What an error says in its one line, and its exit code."""

from __future__ import annotations

import pytest

from alignhouse.warehouse.errors import (
    AlignhouseError,
    BadInput,
    BrokenWarehouse,
    PartlyFailed,
    Stopped,
    WarehouseLocked,
    error_in_words,
    near_names,
)


def test_an_error_says_in_one_line_what_failed_was_expected_and_found_and_what_to_do() -> None:
    error = AlignhouseError("betas of\n  sub-03", expected=0, found="", hint="load  them again")
    assert str(error) == "betas of sub-03: expected 0, found (load them again)"
    assert (error.failed, error.expected, error.found) == ("betas of\n  sub-03", 0, "")
    assert error.hint == "load  them again"
    assert error.args == (error.failed,)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "it failed"),
        ({"expected": "a"}, "it failed: expected a"),
        ({"found": False}, "it failed: found False"),
        ({"hint": "h"}, "it failed (h)"),
        ({"hint": ""}, "it failed"),
    ],
)
def test_parts_that_are_not_known_are_left_out(parts: dict[str, object], line: str) -> None:
    assert str(BadInput("it failed", **parts)) == line  # type: ignore[arg-type]


def test_exit_codes_tell_bad_input_from_failures() -> None:
    kinds = (AlignhouseError, BadInput, WarehouseLocked, BrokenWarehouse, PartlyFailed, Stopped)
    assert [kind.exit_code for kind in kinds] == [1, 2, 2, 1, 1, 130]


def test_an_unexpected_error_is_shown_with_its_type_and_its_beginning() -> None:
    assert error_in_words(BadInput("x", found=1)) == "x: found 1"
    assert error_in_words(ValueError("a\n\n  b")) == "ValueError: a b"
    assert error_in_words(ValueError("x" * 301)) == "ValueError: " + "x" * 300


def test_similar_names_are_listed_the_most_similar_first() -> None:
    known = ["AlexNet", "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152", "ViT"]
    assert near_names("alexnet", known).startswith("did you mean AlexNet, ")
    assert near_names("RESNET18", iter(known)).startswith("did you mean ResNet18, ResNet")
    assert near_names("resnet", known).count("ResNet") == 4
    assert near_names("resnet", known, most=2).count("ResNet") == 2
    # 2 * 2 matching letters of 8: exactly the least similarity of 0.5.
    assert near_names("abcd", ["abxy", "axyz"]) == "did you mean abxy?"


def test_without_similar_names_some_known_ones_are_listed() -> None:
    known = [f"k{number:02}" for number in range(13)]
    assert near_names("zzz", known[:12]) == "known: " + ", ".join(known[:12])
    assert near_names("zzz", known) == "known: " + ", ".join(known[:12]) + ", ..."
