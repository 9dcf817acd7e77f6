"""Compares the ingest of betas with `pickle.load` of the same files: time and peak memory of processes.

    python benchmarks/betas/measure.py FOLDER [--regions all46|WB] [--rounds 5] [--cold] [--memory 8GB]

--cold (only as root) empties the system's file cache before each round, like after mounting a disk. Without
it, the files are in memory, like after a download.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from alignhouse.ingest.downloads.destination import LEDGER
from alignhouse.warehouse.hashes import Hashes

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import measured

HERE = Path(__file__).parent
STUDY_REGIONS = "V1,V2,V3v,V3d,hV4,OFA,LOC,FFA,PPA,V3ab,IPS0,IPS1-2-3,RSC,EBA,TOS,MT,STS,7AL,BA2,PFt,PFop"
PLAIN = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy
for path in sorted(Path(sys.argv[1]).rglob(sys.argv[3])):
    with path.open("rb") as file:
        content = pickle.load(file)
    assert content["train_data_allvoxel"].shape[:2] == (1000, 3)
"""


def empty_cache() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--regions", default="all46")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--cold", action="store_true")
    arguments.add_argument("--memory", default="8GB")
    arguments.add_argument("--fetched", action="store_true", help="a download has already verified the files")
    given = arguments.parse_args()
    regions = STUDY_REGIONS if given.regions == "all46" else given.regions
    pattern = "*_roi-[lr]*.pkl" if given.regions == "all46" else f"*_roi-{given.regions}_*.pkl"
    sizes = [path.stat().st_size for path in given.folder.rglob(pattern)]
    ledger = given.folder / LEDGER
    ledger.unlink(missing_ok=True)
    if given.fetched:
        verified = Hashes(given.folder, LEDGER)
        for path in given.folder.rglob(pattern):
            verified.of(path)
        verified.save()
    results: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        warehouse = Path(scratch) / "bench.alignhouse"
        ingest = [sys.executable, "-m", "alignhouse", "ingest", "betas", str(given.folder)]
        ingest += ["-w", str(warehouse), "--regions", regions, "--memory", given.memory, "--dataset", "bench"]
        commands = {
            "pickle.load": [sys.executable, "-c", PLAIN, str(given.folder), str(HERE), pattern],
            "ingest": ingest,
            "ingest, once more": ingest,
            "ingest, test split": [*ingest, "--split", "test"],
            "start of a command": [sys.executable, "-c", "import alignhouse.cli.app, alignhouse.study.brain"],
        }
        for _ in range(given.rounds):
            for name, command in commands.items():
                if name in ("ingest", "ingest, test split"):
                    shutil.rmtree(warehouse, ignore_errors=True)
                if given.cold:
                    empty_cache()
                results.setdefault(name, []).append(measured(command))
    print(f"{len(sizes)} files, {sum(sizes):,} bytes, largest {max(sizes):,}; {os.cpu_count()} cores")
    print(f"{'':20}{'seconds':>9}{'ratio':>7}{'peak MB':>9}")
    reference = statistics.median(seconds for seconds, _ in results["pickle.load"])
    for name, rounds in results.items():
        seconds = statistics.median(each for each, _ in rounds)
        peak = max(each for _, each in rounds)
        print(f"{name:20}{seconds:9.2f}{seconds / reference:7.2f}{peak:9.0f}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
