"""Warehouses of made-up numbers, and their sites."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_once import made_once, session_folder
from made_up_warehouse import made_up_tables, write_tables

from alignhouse.notebook.sites import write_site

# What may go wrong in HTML, in a link and in the name of a file.
HOSTILE = {
    "a": "<script>alert(1)</script>",
    "b": "../../x",
    "c": "\"' onclick=alert(1) </title>",
    "d": "</script><b>&amp;",
    "e": "网络 %2e%2e/#?",
    "V1": "V1 <i>&",
}
Made = Callable[..., Path]


def renamed(names: Mapping[str, str], dataset: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """The made-up tables with other names of networks, regions and the data set, and with intervals."""
    tables = made_up_tables(seed)
    kept = ("protocol", "dataset", "split", "model", "layer", "roi", "statistic", "remark")
    tables["score_interval"] = [
        {key: row[key] for key in kept}
        | {"test": "best_layer", "resampled": "both", "method": "dual", "level": 0.95}
        | {"lower": row["statistic"] - 0.1, "upper": row["statistic"] + 0.1, "draws": 9, "seed": 0}
        for row in tables["significance"]
        if row["test"] == "best_layer" and row["model"] != "e"
    ]
    for rows in tables.values():
        for row in rows:
            for column in ("model", "network", "roi"):
                if column in row:
                    row[column] = names.get(row[column], row[column])
            if "dataset" in row:
                row["dataset"] = dataset
    return tables


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`make(name, dataset=..., names=..., seed=...)`: a warehouse of five networks, made once for all."""

    def made(name: str, *, dataset: str = "d", names: Mapping[str, str] | None = None, seed: int = 0) -> Path:
        tables = renamed(names or {}, dataset, seed)
        folder = session_folder(tmp_path_factory) / "site warehouses" / name
        return made_once(folder, lambda folder: write_tables(folder, tables))

    return made


@pytest.fixture(scope="session")
def plain(make: Made) -> Path:
    return make("plain.alignhouse")


@pytest.fixture(scope="session")
def site(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the plain warehouse; tests only read it."""
    return write_site([plain], tmp_path_factory.mktemp("site") / "site").parent


@pytest.fixture(scope="session")
def hostile_site(make: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of two warehouses with a data set of the same name and names that try to break the pages."""
    warehouses = [
        make(name, dataset="d&<b>", names=HOSTILE, seed=seed)
        for seed, name in enumerate(("<one>.alignhouse", "two.alignhouse"))
    ]
    return write_site(warehouses, tmp_path_factory.mktemp("hostile") / "site").parent


@pytest.fixture
def copied(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "copy.alignhouse"))
