"""Read a small warehouse with Spark in local mode, and compare with DuckDB: `make test-spark`.

Installs Debian's Java if none is there. Runs the commands and the Python of docs/cluster.md, then reads every
current file with Spark. Rows of tables and vectors must be those that alignhouse gives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

import polars as pl  # noqa: E402
import pytest  # noqa: E402
from documentation import Block, run_commands, run_python  # noqa: E402
from documentation import blocks as blocks_of  # noqa: E402
from mini_study import RUN, MiniStudy, mini_study  # noqa: E402

from alignhouse.warehouse import Warehouse  # noqa: E402

TITLE = "## Spark and Trino"
# Names of folders escape some of these signs, and engines must read them alike.
ODD_NAME = "spatial, 100 % a=b:c"
VECTORS = {"betas": "beta", "rdms/kind=brain": "rdm", "rdms/kind=model": "rdm", "nulls": "null"}


def main() -> int:
    _install_java()
    folder = Path(tempfile.mkdtemp(prefix="spark-"))
    study = mini_study(folder)
    study.add_network(ODD_NAME, seed=9)
    study.change("mini.alignhouse", "my.alignhouse")
    _run(study)
    # The second run leaves replaced files in the folders.
    study.change("permutations = 50", "permutations = 60")
    _run(study)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in _documented():
            run_python(block) if block.language == "python" else run_commands(block, patch)
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        with Warehouse.open(folder / "my.alignhouse") as opened:
            tables, rows = _compare_tables(spark, opened)
            vectors = sum(_compare_vectors(spark, opened, kind, column) for kind, column in VECTORS.items())
        spark.stop()
    print(f"Spark read {rows} rows of {tables} tables and {vectors} vectors; all equal those of DuckDB")
    shutil.rmtree(folder)
    return 0


def _run(study: MiniStudy) -> None:
    done = study.process(*RUN)
    if done.returncode:
        sys.exit(done.stderr)


def _install_java() -> None:
    if shutil.which("java"):
        return
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    for words in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "default-jre-headless"],
    ):
        subprocess.run([*as_root, "apt-get", *words], check=True, stdout=subprocess.DEVNULL)


def _documented() -> list[Block]:
    """The commands and the Python of the section, as it stands in the page."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    found = [each for each in blocks_of(page[page.index(TITLE) :]) if each.language != "sql"]
    assert [each.language for each in found] == ["", "python", ""], "the section has other blocks"
    return found


def _current(opened: Warehouse, where: str) -> list[Path]:
    """The current files whose path begins with `where`."""
    paths = opened.sql(
        f"select path from artifact where is_current and starts_with(path, '{where}')"
    ).fetchall()
    assert paths, f"no file in {where}"
    return [opened.folder / path for (path,) in paths]


def _read(spark: Any, opened: Warehouse, where: str) -> pl.DataFrame:
    """The rows of these files, as Spark reads them."""
    found = spark.read.option("basePath", str(opened.folder)).parquet(*map(str, _current(opened, where)))
    return pl.DataFrame(found.toArrow())


def _compare_tables(spark: Any, opened: Warehouse) -> tuple[int, int]:
    names = opened.sql(
        "select distinct table_name from artifact where is_current and table_name is not null"
    ).fetchall()
    rows = 0
    for (table,) in names:
        expected = opened.sql(f"select * exclude (artifact) from {table}").pl()
        found = _read(spark, opened, f"facts/table={table}/").select(expected.columns)
        assert _counted(found.iter_rows()) == _counted(expected.iter_rows()), table
        rows += len(expected)
    return len(names), rows


def _compare_vectors(spark: Any, opened: Warehouse, where: str, column: str) -> int:
    found = _read(spark, opened, f"{where}/")
    # Polars reads files and names of folders by itself.
    expected = pl.concat(
        [pl.read_parquet(path, hive_partitioning=True, glob=False) for path in _current(opened, f"{where}/")],
        how="diagonal_relaxed",
    )
    text = [name for name in expected.columns if expected[name].dtype == pl.String]
    chosen = [*text, column]
    alike = [
        frame.select(chosen).with_columns(pl.col(column).cast(pl.List(pl.Float64)))
        for frame in (found, expected)
    ]
    assert _counted(alike[0].iter_rows()) == _counted(alike[1].iter_rows()), where
    return len(found)


def _counted(rows: Iterable[tuple[Any, ...]]) -> Counter[str]:
    return Counter(map(repr, rows))


if __name__ == "__main__":
    sys.exit(main())
