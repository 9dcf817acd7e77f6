"""Times questions on warehouses of generated numbers, with stored summaries and from the facts.

    python benchmarks/questions/measure.py WAREHOUSE... [--rounds 5]

Prints medians of warm rounds in one process, with all rows fetched. "from the facts" is a single query that
computes the summaries like views. At the end, it times the update of the summaries after the facts of one
network are replaced. This uses a temporary copy of the working file.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from alignhouse.warehouse.questions import question
from alignhouse.warehouse.reader import SNAPSHOT, Warehouse
from alignhouse.warehouse.schema import in_order_of_need, sql_files
from alignhouse.warehouse.summaries import bring_up_to_date, definitions

OVER_ALL_NETWORKS = (
    "networks",
    "leaderboard",
    "best_layer",
    "alignment_by_model_type",
    "alignment_by_architecture",
    "alignment_by_training_data",
    "alignment_by_layer_depth",
    "depth_of_best_layer",
    "region_profile",
)
OF_ONE_REGION = ("leaderboard", "best_layer", "alignment_by_model_type", "alignment_by_layer_depth")
RAW = {
    "mean alignment of every layer with a region": (
        "select model, layer, avg(rho) as rho from alignment"
        " where protocol = 'sound' and roi = $roi group by model, layer"
    ),
    "best layer of every network in a region": (
        "select model, max_by(layer, rho) as layer, max(rho) as rho from ("
        "select model, layer, avg(rho) as rho from alignment where protocol = 'sound' and roi = $roi"
        " group by model, layer) group by model"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("warehouses", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--region", default="R7")
    parser.add_argument("--skip-facts", action="store_true", help="skip queries on the facts")
    arguments = parser.parse_args()
    print("| rows of alignment | question | of | seconds | from the facts | ratio |")
    print("|---|---|---|---|---|---|")
    for folder in arguments.warehouses:
        with Warehouse.open(folder) as warehouse:
            _measure(warehouse, arguments)
        print(f"| {_rows(folder)} | one network's facts replaced | | {_update(folder):.2f} | | |", flush=True)


def _measure(warehouse: Warehouse, arguments: argparse.Namespace) -> None:
    rows = _rows(warehouse.folder)
    asked = [(name, "all") for name in OVER_ALL_NETWORKS] + [
        (name, arguments.region) for name in OF_ONE_REGION
    ]
    for name, of in asked:
        given = {} if of == "all" else {"roi": of}
        seconds = _seconds(lambda name=name, given=given: warehouse.ask(name, **given), arguments.rounds)
        from_facts = ratio = ""
        if not arguments.skip_facts:
            text, bound = question(name).sql, question(name).bind(given)
            query = _with_summaries_as_steps(text)
            once = _seconds(lambda query=query, bound=bound: warehouse.sql(query, bound), 1)
            from_facts, ratio = f"{once:.2f}", f"{once / seconds:.0f}"
        print(f"| {rows} | {name} | {of} | {seconds:.3f} | {from_facts} | {ratio} |", flush=True)
    for name, query in RAW.items():
        bound = {"roi": arguments.region}
        seconds = _seconds(lambda query=query, bound=bound: warehouse.sql(query, bound), arguments.rounds)
        print(f"| {rows} | {name}, in SQL | {arguments.region} | {seconds:.3f} | | |", flush=True)


def _seconds(ask: Callable[[], Any], rounds: int) -> float:
    """Median seconds of `rounds` calls after a warm-up; a single round has no warm-up."""
    times = []
    for _ in range(rounds if rounds == 1 else rounds + 1):
        began = time.perf_counter()
        ask().to_arrow_table()
        times.append(time.perf_counter() - began)
    return statistics.median(times[-rounds:])


def _with_summaries_as_steps(text: str) -> str:
    """The question with all summaries, and the views on them, inlined as CTEs."""
    queries = in_order_of_need(
        {**sql_files("views", "staging"), **sql_files("views", "marts"), **definitions()}
    )
    steps = ",\n".join(f"{name} as (\n{query}\n)" for name, query in queries.items())
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return f"with {steps}\nselect * from (\n{body}\n)"


def _update(folder: Path) -> float:
    """Seconds to update the summaries after one network's facts have changed."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        copy = Path(name) / "copy.duckdb"
        shutil.copyfile(folder / SNAPSHOT, copy)
        with duckdb.connect(str(copy)) as connection:
            connection.execute("update alignment set rho = rho / 2 where model = 'network-0'")
            connection.execute("insert into stale_scope values ('sound', 'generated', 'test', 'network-0')")
            connection.execute("checkpoint")
            began = time.perf_counter()
            bring_up_to_date(connection)
            return time.perf_counter() - began


def _rows(folder: Path) -> str:
    with Warehouse.open(folder) as warehouse:
        [(count,)] = warehouse.sql("select count(*) from alignment").fetchall()
    return f"{count:,}"


if __name__ == "__main__":
    main()
