"""From a warehouse to a report: the queries of `sql/report`, and the page made of their answers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.figures.frames import joined_remarks
from analysis.report.page import ReportContent, write_report
from warehouse.errors import BadInput
from warehouse.files import write_text
from warehouse.jobs import canonical
from warehouse.schema import sql_files
from warehouse.store import Warehouse

QUESTIONS = ("alignment_by_model_type", "alignment_by_architecture", "alignment_by_layer_depth")
# What the page beside it was made from; a report that would come out the same is not made again.
STATE_FILE = ".made-from"
Say = Callable[[str], None]


def write_report_of(
    warehouse: Warehouse,
    folder: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    group_by: Sequence[str] | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Write the report of one data set and split to `folder`/index.html; left alone where it is up to date.

    Parameters
    ----------
    dataset, split : needed only where the warehouse has several.
    group_by : columns of `best_layer` that figures group networks by; default: model type and architecture.
    say : told, a line each, what takes time.

    Raises
    ------
    BadInput : nothing was scored, or it is not clear which data set is meant.
    """
    dataset, split = _scope(warehouse, dataset, split)
    groups = list(group_by or ("model_type", "arch_type"))
    state = _state(warehouse, dataset, split, groups)
    page, state_file = folder / "index.html", folder / STATE_FILE
    if page.is_file() and state_file.is_file() and state_file.read_text(encoding="utf-8") == state:
        return page
    content = gather(warehouse, dataset, split, groups)
    say("Writing the report")
    page = write_report(content, folder, lambda step, done, total: say(f"  {step} ({done + 1} of {total})"))
    write_text(state_file, state)
    return page


def gather(warehouse: Warehouse, dataset: str, split: str, group_by: Sequence[str]) -> ReportContent:
    """All that the report of one data set and split shows, from the warehouse alone."""
    queries = sql_files("report")
    scope = {"dataset": dataset, "split": split}
    best, ceilings, depth, networks = (
        warehouse.sql(queries[name], scope).pl()
        for name in ("best_layer", "noise_ceiling", "depth_profile", "networks")
    )
    protocols = {name: json.loads(text) for name, text in warehouse.sql(queries["protocols"]).fetchall()}
    used = set(best["protocol"].unique())
    protocols = {name: settings for name, settings in protocols.items() if name in used}
    answers = {
        name: warehouse.ask(name, protocol=next(iter(protocols)))
        .pl()
        .filter(dataset=dataset, split=split)
        .drop("dataset", "split")
        for name in QUESTIONS
    }
    run = warehouse.sql(queries["last_run"], {"dataset": dataset}).pl().row(0, named=True)
    return ReportContent(
        title=f"{dataset}: alignment of {len(networks)} networks with {ceilings['roi'].n_unique()} regions",
        remark=joined_remarks(best["remark"].unique().sort().to_list()),
        best_layer=best,
        noise_ceiling=ceilings,
        depth_profile=depth,
        networks=networks,
        group_answers=answers,
        settings=json.loads(run["study"]),
        protocols=protocols,
        inputs=warehouse.sql(queries["inputs"], {"dataset": dataset}).pl(),
        run={key: _shown(value) for key, value in run.items() if key != "study"},
        group_by=list(group_by),
    )


def _scope(warehouse: Warehouse, dataset: str | None, split: str | None) -> tuple[str, str]:
    scopes = warehouse.sql(sql_files("report")["scopes"]).fetchall()
    fitting = [(d, s) for d, s, _ in scopes if dataset in (None, d) and split in (None, s)]
    if len(fitting) == 1:
        return fitting[0]
    named = ", ".join(f"{d} ({s})" for d, s, _ in scopes) or "nothing yet"
    if not fitting:
        raise BadInput(f"no scores to report in {warehouse.folder}", found=named)
    raise BadInput("which data set and split is meant?", found=named, hint="name them: --dataset, --split")


def _state(warehouse: Warehouse, dataset: str, split: str, group_by: Sequence[str]) -> str:
    [(held,)] = warehouse.sql(sql_files("report")["state"]).fetchall()
    version = importlib.metadata.version("alignhouse")
    text = canonical([held, dataset, split, list(group_by), version])
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="seconds") if hasattr(value, "isoformat") else value
