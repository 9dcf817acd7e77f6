"""Generates a warehouse with any number of alignment rows, to time questions.

    python benchmarks/questions/generate.py FOLDER [--rows 1e8]

Rows are sorted by network, like the analysis writes them. Each network has 40 layers, 100 regions and 25
subjects, so 1e8 rows are 1,000 networks. The numbers are generated, and marked as such. Prints seconds and
sizes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb

from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.schema import transaction
from alignhouse.warehouse.sizes import size_in_words
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.summaries import bring_up_to_date

HERE = Path(__file__).parent
NETWORKS_AT_A_TIME = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--regions", type=int, default=100)
    parser.add_argument("--subjects", type=int, default=25)
    arguments = parser.parse_args()
    generate(arguments.folder, int(arguments.rows), arguments.layers, arguments.regions, arguments.subjects)


def generate(folder: Path, rows: int, layers: int, regions: int, subjects: int) -> None:
    """Write the warehouse with about `rows` rows: a whole number of networks, at least one."""
    networks = max(1, round(rows / (layers * regions * subjects)))
    began = time.perf_counter()
    with Writer(folder, "benchmark") as writer:
        writer.mark_changed()
        numbers = {"networks": networks, "layers": layers, "regions": regions, "subjects": subjects}
        with transaction(writer.connection):
            execute(writer.connection, "dimensions", numbers)
            for first in range(0, networks, NETWORKS_AT_A_TIME):
                execute(writer.connection, "facts", {"first": first, "last": first + NETWORKS_AT_A_TIME - 1})
            writer.connection.execute("insert into stale_scope values (null, null, null, null)")
        written = time.perf_counter()
        bring_up_to_date(writer.connection)
        summed_up = time.perf_counter()
    size = (folder / SNAPSHOT).stat().st_size
    print(
        f"{networks * layers * regions * subjects:,} rows of alignment, {networks:,} networks: "
        f"{written - began:.1f} s to write, {summed_up - written:.1f} s to sum up, "
        f"{time.perf_counter() - summed_up:.1f} s to publish; {size_in_words(size)}"
    )


def execute(connection: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, int]) -> None:
    """Run the statements of a file, each with the parameters that it uses."""
    for text in (HERE / f"{name}.sql").read_text(encoding="utf-8").split(";\n"):
        if text.strip():
            given = {key: value for key, value in parameters.items() if f"${key}" in text}
            connection.execute(text, given or None)


if __name__ == "__main__":
    main()
