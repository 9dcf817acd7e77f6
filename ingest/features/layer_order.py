"""The order of the layers of precomputed model RDMs, whose files come in no order that can be trusted."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.models.catalog import layer_order
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput

LAYERS_FILE = "layers.csv"
"""The file in a network's folder that lists its layers, first to last, under the heading `layer`.

A column `depth` may say how deep each layer lies, from 0 (first) to 1 (last).
"""
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class LayerOrder:
    """Layers from the first to the last.

    layers : None if the order is not known. said : where it is from. depths : of each layer, in [0, 1]; None
    for equal steps.
    """

    layers: tuple[str, ...] | None
    said: str
    depths: tuple[float, ...] | None = None


def order_of_layers(network: str, layers: Sequence[str], folder: Path) -> LayerOrder:
    """The order of a network's layers.

    The first of these that gives an order: the file `LAYERS_FILE` of the folder; the catalog, if it knows the
    network and all of the layers (dots may be written as underscores); the numbers in the names, if each name
    starts with another number, or if names differ only in numbers. A single layer needs no order.

    Parameters
    ----------
    layers : names, each once. folder : of the network's RDMs.

    Raises
    ------
    BadInput : `LAYERS_FILE` cannot be read, does not list exactly these layers, or has depths that are no
        numbers from 0 to 1 in ascending order.
    """
    file = folder / LAYERS_FILE
    if file.exists():
        return _listed(file, layers)
    known = {_flat(name): place for place, name in enumerate(layer_order(network))}
    flat = {name: _flat(name) for name in layers}
    if all(name in known for name in flat.values()) and len(set(flat.values())) == len(layers):
        return LayerOrder(tuple(sorted(layers, key=lambda name: known[flat[name]])), "from the catalog")
    if len(layers) == 1:
        return LayerOrder(tuple(layers), "a single layer")
    if _numbered(layers):
        return LayerOrder(tuple(sorted(layers, key=natural_key)), "by the numbers in their names")
    return LayerOrder(None, "not known")


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _numbered(layers: Sequence[str]) -> bool:
    leading = [_DIGITS.match(name) for name in layers]
    if all(leading):
        return len({int(match[0]) for match in leading if match}) == len(layers)
    # Without their numbers, all names must be the same; the numbers then differ, unless by leading zeros.
    numbers = {tuple(map(int, _DIGITS.findall(name))) for name in layers}
    return len({_DIGITS.sub("#", name) for name in layers}) == 1 and len(numbers) == len(layers)


def _listed(file: Path, layers: Sequence[str]) -> LayerOrder:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} cannot be read", expected="a table with the column layer") from error
    if not rows or "layer" not in rows[0]:
        raise BadInput(f"{file}", expected="a column layer, with a layer in each row, first to last")
    names = [(row["layer"] or "").strip() for row in rows]
    repeated = sorted({name for name in names if names.count(name) > 1}, key=natural_key)
    missing, extra = sorted(set(layers) - set(names)), sorted(set(names) - set(layers))
    for wrong, what in ((repeated, "more than once"), (missing, "not listed"), (extra, "of no RDM")):
        if wrong:
            raise BadInput(
                f"layers in {file}", expected="each layer of the RDMs once", found=f"{wrong[0]} {what}"
            )
    return LayerOrder(tuple(names), f"from {file.name}", _depths(file, rows))


def _depths(file: Path, rows: Sequence[dict[str, str]]) -> tuple[float, ...] | None:
    if "depth" not in rows[0]:
        return None
    last = 0.0
    depths = []
    for row in rows:
        try:
            depth = float(row["depth"] or "")
        except ValueError:
            depth = math.nan
        if not last <= depth <= 1:
            raise BadInput(
                f"depth of layer {row['layer']} in {file}",
                expected="numbers from 0 to 1, none below the one before",
                found=row["depth"],
            )
        depths.append(depth)
        last = depth
    return tuple(depths)
