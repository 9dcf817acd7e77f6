"""Analyses stored RDMs of all 1,102 stimuli, whose 1,400 RDMs do not fit into memory.

    python benchmarks/statistics/many_stimuli.py FOLDER --store       # 1,400 layers, 220 brain RDMs: 8 GB
    python benchmarks/statistics/many_stimuli.py FOLDER --permutations 1        # scores alone
    python benchmarks/statistics/many_stimuli.py FOLDER --permutations 1000

Runs the jobs of `alignhouse analyse rsa`, protocol `sound`, and prints seconds and peak resident memory. RDMs
are simulated.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

from simulate import n_pairs, rdms, sizes

from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.executors.local import writing_behind
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vectors import vector_table

REMARK = "simulated RDMs"


def network_batch(name: str, layers: int, conditions: list[str], seed: int) -> Batch:
    settings = {"model": name, "conditions": conditions}
    job = Job("simulated_network", 1, settings, {"seed": str(seed)}, name)
    return single(job, _network, layers=layers, seed=seed)


def _network(job: Job, reporter: Reporter, layers: int, seed: int) -> list[Output]:
    conditions = list(job.settings["conditions"])
    names = {"layer": [f"layer{i}" for i in range(layers)]}
    table = vector_table(names, "rdm", rdms(layers, n_pairs(len(conditions)), seed=seed))
    return [Output(("rdms", "kind=model", f"model={job.label}"), table, about={"conditions": conditions})]


def brain_batch(roi: str, subjects: int, conditions: list[str], seed: int) -> Batch:
    job = Job("simulated_brain", 1, {"roi": roi, "seed": seed}, {}, roi)
    return single(job, _brain, subjects=subjects, conditions=conditions, seed=seed)


def _brain(job: Job, reporter: Reporter, subjects: int, conditions: list[str], seed: int) -> list[Output]:
    names = {"subject": [f"sub-{i + 1:02d}" for i in range(subjects)]}
    table = vector_table(names, "rdm", rdms(subjects, n_pairs(len(conditions)), seed=seed))
    return [Output(("rdms", "kind=brain", f"roi={job.label}"), table, about={"conditions": conditions})]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--stimuli", type=int, default=1102)
    parser.add_argument("--networks", type=int, default=99)
    parser.add_argument("--layers", type=int, default=1400)
    parser.add_argument("--regions", type=int, default=17)
    parser.add_argument("--brains", type=int, default=220)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--memory", type=int, default=3 * 2**29)
    given = parser.parse_args()
    conditions = [f"{number:04d}" for number in range(1, given.stimuli + 1)]
    regions = {f"region{i}": size for i, size in enumerate(sizes(given.brains, given.regions))}
    networks = {f"network{i}": size for i, size in enumerate(sizes(given.layers, given.networks))}
    folder = given.folder / "many_stimuli.alignhouse"
    with Writer(folder, "benchmark") as writer, Run(writer, "benchmark", {}) as run:
        brains: dict[str, Artifact] = {}
        for seed, (roi, size) in enumerate(regions.items()):
            batch = brain_batch(roi, size, conditions, seed)
            brains[roi] = run.do(roi, [batch])[batch.jobs[0].key][0]
        models = []
        for seed, (name, size) in enumerate(networks.items()):
            artifact = _stored_or_made(run, name, size, conditions, 1000 + seed, given.store)
            models.append(Model(name, artifact, REMARK))
        if given.store:
            print(f"stored {len(models)} networks and {len(brains)} regions")
            return
        scope = Scope(protocol="sound", settings=AnalysisSettings(), dataset="simulated", split="all")
        began = time.perf_counter()
        batch = rsa_batch(scope, models, brains, permutations=given.permutations, seed=0, memory=given.memory)
        done = run.do("Scoring networks", [batch], writing_behind)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        f"{given.stimuli:,} stimuli, {given.layers:,} layers, {given.brains} brain RDMs, "
        f"{given.permutations:,} permutations: {len(done)} networks in {seconds:.0f} s, peak {peak:,.0f} MB"
    )


def _stored_or_made(
    run: Run, name: str, size: int, conditions: list[str], seed: int, store: bool
) -> Artifact:
    batch = network_batch(name, size, conditions, seed)
    [job] = batch.jobs
    if store:
        return run.do(name, [batch])[job.key][0]
    found = run.writer.finished([job])
    if not found:
        raise SystemExit("no stored RDMs have these sizes: run the script with --store first")
    return found[job.key][0]


if __name__ == "__main__":
    main()
