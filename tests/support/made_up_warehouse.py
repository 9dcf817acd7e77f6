"""A small warehouse of made-up numbers, and the results of polars on them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from empty_warehouse import empty_warehouse
from made_once import made_once, session_folder
from small_batches import batch_of

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

Rows = list[dict[str, Any]]

# region -> group, hemisphere of its one part
REGIONS = {
    "V1": ("early", "both"),
    "lV1": ("early", "left"),
    "rV1": ("early", "right"),
    "MT": ("lateral", "both"),
    "EBA": ("lateral", "both"),
}
# A region whose noise ceiling is not above chance.
WEAK = "EBA"
# network -> type, architecture, training data, number of layers, GFLOPs
NETWORKS = {
    "a": ("image", "CNNs", "T", 3, 1.0),
    "b": ("image", "Transformers", "T", 2, 2.0),
    "c": ("video", "CNNs", "U", 5, None),
    "d": ("video", "CNNs", "U", 1, 4.0),
    "e": ("video", "Transformers", "U", 4, 3.0),
}
# d and e are rows of an older version, which knew no objective.
OBJECTIVES = {"a": "supervised", "b": "masked", "c": "supervised"}
SUBJECTS = ("s1", "s2", "s3")
PROTOCOLS = ("sound", "paper")
SLOTS = {"roi": ("dataset",), "model": ("model",), "layer": ("protocol", "model"), "protocol": ("protocol",)}
SCOPE = {"dataset": "d", "split": "test", "remark": "made up"}


def rows_batch(table: str, rows: Rows, slot: Sequence[str], inputs: Mapping[str, str] | None = None) -> Batch:
    """A job that writes `rows` and replaces rows with the same values in the columns of `slot`."""
    output = Output(("facts", f"table={table}"), pa.Table.from_pylist(rows), table=table, slot=tuple(slot))
    return batch_of(Job(table, 1, {"rows": rows}, inputs or {}, table), output)


def made_up_tables(seed: int = 0) -> dict[str, Rows]:
    """Rows of the dimensions, of alignment, and of the tests of scores."""
    rng = np.random.default_rng(seed)
    tables: dict[str, Rows] = {
        "protocol": [{"protocol": name, "settings": "{}"} for name in PROTOCOLS],
        "dataset": [
            {"dataset": "d", "kind": "rdms", "version": None, "is_synthetic": True, "remark": "made up"}
        ],
        "subject": [{"dataset": "d", "subject": name, "subject_order": i} for i, name in enumerate(SUBJECTS)],
        "roi": [],
        "roi_part": [],
        "noise_ceiling": [],
        "model": [],
        "layer": [],
        "alignment": [],
        "significance": [],
    }
    for order, (roi, (group, side)) in enumerate(REGIONS.items()):
        tables["roi"].append({"dataset": "d", "roi": roi, "roi_group": group, "roi_order": order})
        part = {"dataset": "d", "roi": roi, "part": f"{roi} part", "part_order": 0, "hemisphere": side}
        tables["roi_part"].append(part)
        for protocol in PROTOCOLS:
            bounds: dict[str, Any] = {"lower": 0.4 + order / 20, "upper": 0.7 + order / 20}
            bounds |= {"p_value": 0.2 if roi == WEAK else 0.01, "n_subjects": len(SUBJECTS)}
            tables["noise_ceiling"].append({"protocol": protocol, **SCOPE, "roi": roi, **bounds})
    for model, (kind, architecture, training, n_layers, gflops) in NETWORKS.items():
        tables["model"].append(
            {
                "model": model,
                "network": model,
                "source": "timm",
                "model_type": kind,
                "arch_type": architecture,
                "family": "F",
                "training_dataset": training,
                "objective": OBJECTIVES.get(model),
                "gflops": gflops,
                "weights": "pretrained",
                "remark": "",
            }
        )
        for protocol, index in itertools.product(PROTOCOLS, range(n_layers)):
            place = {"layer_index": index, "depth": index / max(n_layers - 1, 1)}
            tables["layer"].append({"protocol": protocol, "model": model, "layer": f"l{index}", **place})
        for protocol, roi in itertools.product(PROTOCOLS, REGIONS):
            scope = {"protocol": protocol, **SCOPE, "model": model, "roi": roi}
            rho = rng.uniform(-0.1, 0.6, (n_layers, len(SUBJECTS)))
            for index, subject in itertools.product(range(n_layers), range(len(SUBJECTS))):
                row = {"layer": f"l{index}", "subject": SUBJECTS[subject], "rho": float(rho[index, subject])}
                tables["alignment"].append({**scope, **row})
            tables["significance"] += _tests(scope, rho.mean(axis=1), rng)
    return tables


def _tests(scope: dict[str, Any], scores: np.ndarray, rng: np.random.Generator) -> Rows:
    best = int(scores.argmax())
    chance = {"permutations": 99, "seed": 0}
    tests = [("layer", index) for index in range(len(scores))] + [("best_layer", best)]
    return [
        {
            **scope,
            **chance,
            "layer": f"l{index}",
            "test": test,
            "statistic": float(scores[index]),
            "p_value": float(rng.integers(1, 101)) / 100,
        }
        for test, index in tests
    ]


def made_up_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse of `made_up_tables`, made once per session; tests only read it, or copy it."""
    folder = session_folder(tmp_path_factory) / "made up"
    return made_once(folder, lambda folder: write_tables(folder, made_up_tables()))


def write_tables(folder: Path, tables: Mapping[str, Rows], inputs: Mapping[str, str] | None = None) -> None:
    """Write rows to the warehouse at `folder` with regular jobs, one job per table."""
    batches = [rows_batch(name, rows, SLOTS.get(name, ("dataset",)), inputs) for name, rows in tables.items()]
    with Writer(empty_warehouse(folder), "test") as writer, Run(writer, "test", {}) as run:
        run.do("tables", batches)
