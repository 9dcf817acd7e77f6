"""The warehouses of a site: what each is called, and what keeps their data sets apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.schema import sql_files


@dataclass(frozen=True)
class SiteSource:
    """A warehouse, with a name that no other warehouse of the site has. state : of its contents, as a hash.

    datasets : name of each data set with scores -> what the site calls it.
    """

    label: str
    state: str
    warehouse: Warehouse
    datasets: dict[str, str]


def sources(warehouses: Sequence[Warehouse]) -> list[SiteSource]:
    """The warehouses in the given order.

    A data set is part of one warehouse: results of two warehouses are never mixed. If several have a data set
    of the same name, the site adds the name of the warehouse to it.

    Raises
    ------
    BadInput : no warehouse is given, one is given twice (or a copy of it), or one has no scores.
    """
    if not warehouses:
        raise BadInput("a site needs a warehouse", hint="name it with --warehouse; it can be repeated")
    folders = [each.folder.resolve() for each in warehouses]
    labels = unique_labels(folders)
    states: dict[str, str] = {}
    found: list[list[str]] = []
    for warehouse, label in zip(warehouses, labels, strict=True):
        scopes = warehouse.sql(sql_files("report")["scopes"]).fetchall()
        if not scopes:
            raise BadInput(f"no scores to show in {warehouse.folder}", found="nothing yet")
        [(state,)] = warehouse.sql(sql_files("report")["state"]).fetchall()
        if str(state) in states:
            raise BadInput(
                f"warehouse {warehouse.folder}",
                expected="other contents than the other warehouses",
                found=f"the contents of {states[str(state)]}",
                hint="name each warehouse once",
            )
        states[str(state)] = label
        found.append(list(dict.fromkeys(str(dataset) for dataset, *_ in scopes)))
    counts = Counter(name for names in found for name in names)
    return [
        SiteSource(
            label=label,
            state=state,
            warehouse=warehouse,
            datasets={name: name if counts[name] == 1 else f"{name} ({label})" for name in names},
        )
        for warehouse, label, state, names in zip(warehouses, labels, states, found, strict=True)
    ]


def unique_labels(folders: Sequence[Path]) -> list[str]:
    """The name of each folder, with as many of its parents as make it unique.

    Raises
    ------
    BadInput : a folder is given twice.
    """
    for folder, count in Counter(folders).items():
        if count > 1:
            raise BadInput(f"warehouse {folder} is given {count} times", hint="name each warehouse once")
    for parts in range(1, max(len(folder.parts) for folder in folders)):
        labels = [str(Path(*folder.parts[-parts:])) for folder in folders]
        if len(set(labels)) == len(labels):
            return labels
    return list(map(str, folders))
