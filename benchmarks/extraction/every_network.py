"""A table of networks: layers, features, seconds and peak memory, with one process per network.

    python benchmarks/extraction/every_network.py TABLE.csv [--stimuli 4] [--frames 8] [--plain]
                                                  [--protocols sound,paper] [NAME ...]

NAME : names, globs, all (the 99; the default) or modern. Networks that are already in the table are skipped,
so the script can be stopped and continued. The widths of all layers are written to TABLE.jsonl.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

from alignhouse.ingest.models.selection import select

COLUMNS = (
    "network",
    "layers_sound",
    "layers_paper",
    "features_sound",
    "seconds_to_build",
    "seconds_to_extract",
    "cpu_seconds_to_extract",
    "peak_megabytes",
    "difference_from_plain",
    "skipped_sound",
    "not_read",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("names", nargs="*", default=["all"])
    parser.add_argument("--stimuli", default="4")
    parser.add_argument("--frames", default="8")
    parser.add_argument("--protocols", default="sound,paper")
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    done = _done(arguments.table)
    options = ["--stimuli", arguments.stimuli, "--frames", arguments.frames]
    options += ["--protocols", arguments.protocols]
    options += ["--plain"] if arguments.plain else []
    failed = []
    for network in select(arguments.names):
        if network.name in done:
            continue
        command = [sys.executable, str(Path(__file__).with_name("one_network.py")), network.name, *options]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            failed.append(network.name)
            print(f"{network.name} FAILED\n{run.stderr[-2000:]}", flush=True)
            continue
        found = run.stdout.splitlines()[-1]
        row = _row(json.loads(found))
        with arguments.table.with_suffix(".jsonl").open("a") as file:
            file.write(found + "\n")
        _append(arguments.table, row)
        print(*row.values(), sep="  ", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _row(found: dict) -> dict[str, object]:
    sound = found["layers"]["sound"]
    counts = {name: len(layers) + len(found["skipped"][name]) for name, layers in found["layers"].items()}
    not_read = [line.partition("Not read: ")[2] for line in found["said"] if "Not read: " in line]
    return {
        "network": found["network"],
        "layers_sound": counts["sound"],
        "layers_paper": counts.get("paper", ""),
        "features_sound": sum(sound.values()),
        "seconds_to_build": found["seconds_to_build"],
        "seconds_to_extract": found["seconds_to_extract"],
        "cpu_seconds_to_extract": found["cpu_seconds_to_extract"],
        "peak_megabytes": found["peak_megabytes"],
        "difference_from_plain": f"{found.get('difference_from_plain', float('nan')):.1e}",
        "skipped_sound": " ".join(found["skipped"]["sound"]),
        "not_read": "; ".join(not_read),
    }


def _done(table: Path) -> set[str]:
    if not table.exists():
        return set()
    with table.open(newline="") as file:
        return {row["network"] for row in csv.DictReader(file)}


def _append(table: Path, row: dict[str, object]) -> None:
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
