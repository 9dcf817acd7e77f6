"""Measures `alignhouse analyse` on a study of `generate.py`: time and peak memory of whole processes.

    python benchmarks/statistics/rsa_command.py FOLDER [--stage rsa|uncertainty] [--rounds 3]

Each round starts from a copy of a warehouse that has stored RDMs but no analysis. Then the same command runs
again and finds everything done.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import measured

TABLES = ("alignment", "significance", "noise_ceiling", "group_comparison", "corrected_significance")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stage", choices=("rsa", "uncertainty"), default="rsa")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    command = [sys.executable, "-m", "alignhouse", "analyse", given.stage, "study.toml"]
    first, again = [], []
    with tempfile.TemporaryDirectory(dir=given.folder.parent) as scratch:
        for number in range(given.rounds):
            copy = Path(scratch) / f"round{number}"
            shutil.copytree(given.folder, copy, copy_function=_linked)
            first.append(measured(command, copy))
            again.append(measured(command, copy))
            for table in TABLES if number == 0 else ():
                with duckdb.connect(
                    str(copy / "statistics.alignhouse" / "warehouse.duckdb"), read_only=True
                ) as db:
                    [(count,)] = db.sql(f"select count(*) from {table}").fetchall()
                    print(f"{table}: {count:,} rows")
            shutil.rmtree(copy)
    for name, rounds in (("first", first), ("once more", again)):
        seconds = ", ".join(f"{each:.1f}" for each, _ in rounds)
        print(
            f"analyse {given.stage}, {name}: median {statistics.median(each for each, _ in rounds):.1f} s "
            f"({seconds}), peak {max(peak for _, peak in rounds):.0f} MB"
        )


def _linked(source: str, copy: str) -> None:
    """Link Parquet files, because they are never changed, and copy all other files."""
    if source.endswith(".parquet"):
        os.link(source, copy)
    else:
        shutil.copy2(source, copy)


if __name__ == "__main__":
    main()
