"""Kill every command many times, and print what was lost: `make kills`, or
`python tests/kills/run.py --kills 200 --out table.csv`.

Each command is killed (SIGKILL, its whole process group) at moments spread evenly over the time that it
takes, up to three times in a row. Then it runs to its end, and everything is compared with an undisturbed
study.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

from kill_cycle import STAGES, Count, Kills  # noqa: E402

COLUMNS = ("stage", "kills", "repeated to the end", "rows equal", "bit for bit", "mixed reports")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of all stages together")
    parser.add_argument(
        "--stage", action="append", help="only this stage, or all whose name begins so; can be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of the damaged bytes")
    parser.add_argument("--out", type=Path, help="the table as a CSV file")
    asked = parser.parse_args()
    stages = [each for each in STAGES if not asked.stage or each.name in asked.stage]
    stages = stages or [each for each in STAGES if each.name.startswith(tuple(asked.stage))]
    if not stages:
        parser.error("no such stage; there are: " + "; ".join(each.name for each in STAGES))
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    kills = Kills(folder, asked.seed)
    counts: dict[str, Count] = {}
    for number, stage in enumerate(stages):
        share = asked.kills // len(stages) + (number < asked.kills % len(stages))
        began = time.monotonic()
        counts[stage.name] = count = kills.kill(stage, share)
        print(
            f"{stage.name}: {count.kills} kills in {time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        for line in count.wrong:
            print(f"  {line}", file=sys.stderr, flush=True)
    table = [
        (
            name,
            each.kills,
            each.repeated,
            each.equal,
            each.bit_for_bit,
            each.mixed if name == "report" else "",
        )
        for name, each in counts.items()
    ]
    total = [sum(row[column] for row in table) for column in (1, 2, 3, 4)]
    table.append(("all", *total, ""))
    for row in (COLUMNS, *table):
        print(f"{row[0]:26}" + "".join(f"{each!s:>21}" for each in row[1:]))
    if asked.out:
        with asked.out.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows((COLUMNS, *table))
    failed = any(each.wrong for each in counts.values())
    if not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
