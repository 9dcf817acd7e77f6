"""Identifiers of names that are safe in a page, in a URL and as the name of a file."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

MOST_LETTERS = 60
SHORT_HASH = 8
# Names that Windows keeps for devices, whatever their ending.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])?")


def anchors(names: Iterable[str], prefix: str) -> dict[str, str]:
    """An identifier for each name, of the letters a to z, digits and hyphens only.

    "TSN-r50 (K400)" is "network-tsn-r50-k400". A name gets a short hash of itself if its letters alone do not
    identify it: other names would have the same identifier, it is very long, or it has no such letters. The
    order of the names does not matter.

    Parameters
    ----------
    prefix : first part of the identifiers; "" for none.
    """
    distinct = dict.fromkeys(names)
    plain = {name: _plain(name) for name in distinct}
    hashed = {name for name, text in plain.items() if RESERVED.fullmatch(text) or len(text) > MOST_LETTERS}
    digits = SHORT_HASH
    while True:
        made = {name: _with_hash(name, plain[name], digits if name in hashed else 0) for name in distinct}
        counts = Counter(made.values())
        clashing = {name for name, text in made.items() if counts[text] > 1}
        if not clashing:
            break
        if clashing <= hashed:
            digits *= 2
        hashed |= clashing
    return {name: "-".join(filter(None, (prefix, text))) for name, text in made.items()}


def _plain(name: str) -> str:
    """The letters and digits of a name, without accents; other characters become hyphens."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")


def _with_hash(name: str, plain: str, digits: int) -> str:
    if not digits:
        return plain
    # A lone surrogate, as in the name of a file that is not UTF-8, has bytes too.
    number = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return "-".join(filter(None, (plain[:MOST_LETTERS].strip("-"), number)))
