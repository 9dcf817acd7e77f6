"""Sizes in bytes: reading and writing them as people do."""

from __future__ import annotations

import pytest

from alignhouse.warehouse.sizes import parse_bytes, size_in_words


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("7", 7),
        (7, 7),
        ("1kB", 1_000),
        ("2 MB", 2_000_000),
        ("1.5GB", 1_500_000_000),
        (" 3 tb ", 3_000_000_000_000),
        ("1KiB", 1_024),
        ("2 MiB", 2_097_152),
        ("10gib", 10_737_418_240),
        ("0.25 kib", 256),
    ],
)
def test_a_size_has_a_decimal_or_a_binary_unit(text: str | int, n_bytes: int) -> None:
    found = parse_bytes(text)
    assert found == n_bytes
    assert isinstance(found, int)


@pytest.mark.parametrize("text", ["", "GB", "8 XB", "-8GB", "8GB!", "eight", "8GB 2", "1.2.3MB", "x8GB"])
def test_a_text_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size such as 8GB or 512MB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (4_840_000, "4.8 MB"),
        (1_000_000_000, "1.0 GB"),
        (1_234_500_000_000, "1,234.5 GB"),
    ],
)
def test_a_size_is_written_in_the_largest_unit_that_fits(n_bytes: int, words: str) -> None:
    assert size_in_words(n_bytes) == words
