"""Scores one network against brain RDMs of 10,000 stimuli, in blocks of pairs, and prints time and memory.

    python benchmarks/statistics/in_blocks.py FOLDER --store          # 1 layer, 10 brain RDMs: 4 GB
    python benchmarks/statistics/in_blocks.py FOLDER --memory 4e9     # 10 regions: 100 brain RDMs

Everything is synthetic: random numbers. To spare disk, all regions have the same stored RDMs. Each is still
read, ranked and compared for every region. The job is that of `alignhouse analyse rsa`, protocol `sound`.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from simulate import n_pairs, rdms

from alignhouse.analysis.jobs.room import Limits
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vectors import vector_batch, vector_schema


def stored_rdms(names: str, rows: int, stimuli: int, seed: int) -> Batch:
    """RDMs with a column `names`, written one at a time."""
    job = Job("synthetic_rdms", 1, {"stimuli": stimuli, "rows": rows, "seed": seed}, {}, names)
    return single(job, _write, names=names, rows=rows, stimuli=stimuli, seed=seed)


def _write(job: Job, reporter: Reporter, names: str, rows: int, stimuli: int, seed: int) -> list[Output]:
    pairs = n_pairs(stimuli)
    schema = vector_schema({names: pa.string()}, "rdm", pairs, np.float64)

    def batches() -> Iterator[pa.RecordBatch]:
        for row in range(rows):
            yield vector_batch(schema, {names: [f"{names}{row}"]}, rdms(1, pairs, seed=1000 * seed + row))

    about = {"conditions": [f"{number:05d}" for number in range(stimuli)]}
    return [Output(("rdms", f"kind={names}"), (schema, batches()), about=about)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--stimuli", type=int, default=10_000)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--subjects", type=int, default=10)
    parser.add_argument("--regions", type=int, default=10)
    parser.add_argument("--permutations", type=int, default=100)
    parser.add_argument("--memory", type=float, default=4e9)
    parser.add_argument("--scratch", type=float, default=1e11)
    given = parser.parse_args()
    batches = {
        "network": stored_rdms("layer", given.layers, given.stimuli, 1),
        "brains": stored_rdms("subject", given.subjects, given.stimuli, 2),
    }
    with (
        Writer(given.folder / "in_blocks.alignhouse", "benchmark") as writer,
        Run(writer, "benchmark", {}) as run,
    ):
        if given.store:
            for name, batch in batches.items():
                run.do(name, [batch])
            print(
                f"stored {given.layers} layers and {given.subjects} brain RDMs of {given.stimuli:,} stimuli"
            )
            return
        found: dict[str, Artifact] = {}
        for name, batch in batches.items():
            there = writer.finished(batch.jobs)
            if not there:
                raise SystemExit("no stored RDMs have these sizes: run the script with --store first")
            [[found[name]]] = there.values()
        buffers = int(given.memory) // 2
        batch = rsa_batch(
            Scope(protocol="sound", settings=AnalysisSettings(), dataset="synthetic", split="all"),
            [Model("network", found["network"], "synthetic RDMs")],
            {f"region{number}": found["brains"] for number in range(given.regions)},
            permutations=given.permutations,
            seed=0,
            memory=buffers,
            limits=Limits(int(given.memory), buffers, int(given.scratch)),
        )
        began, began_cpu = time.perf_counter(), time.process_time()
        run.do("Scoring", [batch], local)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        f"{given.stimuli:,} stimuli, {given.layers} layers, {given.regions * given.subjects} synthetic brain "
        f"RDMs, {given.permutations} permutations, in {'blocks' if 'room' in batch.shared else 'memory'}: "
        f"{time.perf_counter() - began:,.0f} s, {time.process_time() - began_cpu:,.0f} CPU seconds, "
        f"peak {peak:,.0f} MB at memory = {given.memory / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
