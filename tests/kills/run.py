"""Kill every command many times, and print what was lost: `make kills`, or
`python tests/kills/run.py --kills 200 --out table.csv`.

Each command is killed (SIGKILL, its whole process group), up to three times in a row: half of the times at
moments spread evenly over the time that it takes, half at its changes of files and of the DuckDB file. Then
it runs to its end, and everything is compared with an undisturbed study.

Columns of the table: kills, what the commands were doing when they were killed, how often they were repeated
to the end, how many of these ends had the rows and files of an undisturbed study, and how many of these were
equal bit for bit. `mixed` counts kills after which a report had files of the former and of the new one.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

from kill_cluster import TARGETS, ClusterKills  # noqa: E402
from kill_cycle import Count, Kills  # noqa: E402
from kill_stages import STAGES, Stage  # noqa: E402
from kill_starts import Starts  # noqa: E402
from kill_steps import LANDED  # noqa: E402

from alignhouse.warehouse.cores import cores  # noqa: E402

COLUMNS = ("stage", "kills", *LANDED, "repeated", "equal", "bit for bit", "mixed")
MOST_LINES = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of all stages together")
    parser.add_argument(
        "--stage", action="append", help="only this stage, or all whose name begins so; can be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of the damaged bytes")
    parser.add_argument(
        "--at-once", type=int, default=cores(), help="so many stages (default: the number of cores)"
    )
    parser.add_argument("--stop", action="store_true", help="end a stage at the first fault")
    parser.add_argument("--out", type=Path, help="the table as a CSV file")
    parser.add_argument(
        "--cluster", type=int, default=0, help="kills of workers, schedulers and coordinators of a cluster"
    )
    asked = parser.parse_args()
    stages = [each for each in STAGES if not asked.stage or each.name in asked.stage]
    stages = stages or [each for each in STAGES if each.name.startswith(tuple(asked.stage))]
    if asked.kills == 0:
        stages = []
    elif not stages:
        parser.error("no such stage; there are: " + "; ".join(each.name for each in STAGES))
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    starts = Starts(folder)
    shares = [asked.kills // len(stages) + (n < asked.kills % len(stages)) for n in range(len(stages))]

    def counted(stage: Stage, kills: int) -> Count:
        began = time.monotonic()
        try:
            count = Kills(stage, starts, asked.seed, stop_at_first=asked.stop).kill(kills)
        except Exception:  # the other stages go on
            count = Count(wrong=[traceback.format_exc()])
        found = f"; the first fault after {count.first_wrong}" if count.wrong else ""
        lines = [f"{stage.name}: {count.kills} kills in {time.monotonic() - began:.0f} s{found}"]
        lines += [f"  {line}" for line in count.wrong[:MOST_LINES]]
        print("\n".join(lines), file=sys.stderr, flush=True)
        return count

    # The commands run in their own processes.
    with ThreadPoolExecutor(asked.at_once) as pool:
        found = list(pool.map(counted, stages, shares))
    counts = {stage.name: count for stage, count in zip(stages, found, strict=True)}
    table = [_row(name, each) for name, each in counts.items()]
    table.append(("all", *(sum(row[column] for row in table) for column in range(1, len(COLUMNS)))))
    for row in (COLUMNS, *table):
        print(f"{row[0]:24}" + "".join(f"{each!s:>12}" for each in row[1:]))
    if asked.out:
        with asked.out.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows((COLUMNS, *table))
    failed = any(each.wrong for each in counts.values())
    if asked.cluster:
        failed |= _cluster(starts, folder / "dask", asked.cluster, asked.seed)
    if not failed:
        shutil.rmtree(folder)
    return int(failed)


def _cluster(starts: Starts, folder: Path, kills: int, seed: int) -> bool:
    """Kill the processes of a cluster, and print what happened; whether anything was wrong."""
    count = ClusterKills(starts, folder, seed).kill(kills)
    for line in count.wrong[:MOST_LINES]:
        print(f"  {line}", file=sys.stderr)
    of_targets = ", ".join(f"{count.kills[each]} of the {each}" for each in TARGETS)
    print(
        f"cluster: {count.kills.total()} kills ({of_targets}), {count.equal} ends as undisturbed; "
        f"{count.finished.total()} commands came to their end all the same"
    )
    return bool(count.wrong)


def _row(name: str, count: Count) -> tuple[Any, ...]:
    places = [count.landed[place] for place in LANDED]
    return (name, count.kills, *places, count.repeated, count.equal, count.bit_for_bit, count.mixed)


if __name__ == "__main__":
    sys.exit(main())
