"""Reads thousands of damaged and hostile pickles, and observes the process.

    python tests/ingest/datasets/bmd/fuzz_pickles.py --cases 100000 --seed 0      (or: make fuzz)
    python tests/ingest/datasets/bmd/fuzz_pickles.py --plain      with plain pickle, which must fail

A case is a realistic pickle with random changes, or a program that is small and costly: values that share
their parts, deep values, keys of any kind, many instructions. It must give arrays that fit into its file, or
one BadInput, within two seconds of CPU time. Python's audit events show every import, open file, process and
call. A case fails if there are events that the reader itself does not cause, or after any other exception or
a crash. Prints a line of JSON, with the bytes of a failed case as hexadecimal digits.
"""

from __future__ import annotations

import argparse
import collections
import json
import pickle
import pickletools
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alignhouse.ingest.datasets.bmd.pickles import open_arrays
from alignhouse.warehouse.errors import BadInput


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a pickled dict, in memory."""
    with open_arrays(path) as arrays:
        return {name: array.read() for name, array in arrays.items()}


MOST_MEMORY = 6 * 2**30
OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]
# Events of the reader itself: it opens its file, maps it, and looks up names (as placeholders).
OWN_EVENTS = {"mmap.__new__", "builtins.id"}
MOST_SECONDS = 2.0
# One case of so many is small and costly.
COSTLY = 10
HOSTILE = [
    b"cos\nsystem\n(S'true'\ntR.",
    b"cbuiltins\nexec\n(S'import os'\ntR",
    b"cbuiltins\neval\n(V1\ntR",
    b"cbuiltins\n__import__\n(Vsocket\ntR",
    b"(cos\nsystem\nVtrue\no",
    b"(Vtrue\niposix\nsystem\n",
    b"\x8c\x02os\x8c\x06system\x93",
    b"cnumpy\ndtype\n(Vf8\ntR(K\x03V<\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
    b"P1\n",
    b"K\x00Q",
    b"\x82\x01",
    b"\x97\x98",
]


def corpus(rng: np.random.Generator) -> list[bytes]:
    """Realistic pickles: betas and unknown objects, in every protocol."""
    content = {
        "train_data_allvoxel": rng.normal(size=(5, 3, 4)),
        "test_data_allvoxel": np.asfortranarray(rng.normal(size=(4, 10, 2))),
        "long": rng.normal(size=(40, 3, 8)),
        "names": ["V1", None, True, 3, 2.5, 2**70, {"a": (1, [2], {3})}, bytearray(b"ab"), frozenset([1])],
        "voxels": tuple(np.arange(5) for _ in range(3)),
        "image": collections.OrderedDict(header=collections.Counter("ab"), where=Path("x"), q=complex(1, 2)),
    }
    return [pickle.dumps(content, protocol=protocol) for protocol in range(6)]


def mutate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """The pickle with one to six random changes at random positions."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 7))):
        kind = int(rng.integers(0, 9))
        at = int(rng.integers(0, len(changed) + 1))
        span = int(rng.integers(1, 24))
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            changed[at : at + span] = rng.bytes(span)
        elif kind == 2:
            del changed[at : at + span]
        elif kind == 3:
            changed[at:at] = changed[max(0, at - span) : at]
        elif kind == 4:
            changed[at:at] = OPCODES[int(rng.integers(0, len(OPCODES)))]
        elif kind == 5 and at < len(changed):
            changed[at : at + 1] = OPCODES[int(rng.integers(0, len(OPCODES)))]
        elif kind == 6:
            changed[at:at] = HOSTILE[int(rng.integers(0, len(HOSTILE)))]
        elif kind == 7:
            number = int(rng.choice([0, 1, 255, 2**15, 2**31 - 1, 2**32 - 1, 2**62, 2**63]))
            width = int(rng.choice([1, 4, 8]))
            changed[at : at + width] = struct.pack("<Q", number)[:width]
        elif kind == 8:
            other = others[int(rng.integers(0, len(others)))]
            start = int(rng.integers(0, len(other)))
            changed[at:] = other[start:]
    return bytes(changed)


def costly(rng: np.random.Generator) -> bytes:
    """A dict of costly values, in random places: as values, keys, elements, arguments and states."""

    def size(most: int) -> int:
        return int(2 ** rng.uniform(0, np.log2(most)))

    def value() -> bytes:
        kind = int(rng.integers(0, 9))
        if kind == 0:
            return b")" + b"\x85" * size(200_000)
        if kind == 1:
            return b")" + (b"2\x86", b"22\x87", b"\x94h\x00\x86")[rng.integers(0, 3)] * size(200)
        if kind == 2:
            return b"]" + b"]" * (levels := size(100_000)) + b"a" * levels
        if kind == 3:
            return b"(" + b"]" * size(100_000) + b"l"
        if kind == 4:
            digits = int(rng.integers(1, 2**31)).to_bytes(size(4000) + 4, "little")
            return b"\x8b" + len(digits).to_bytes(4, "little") + digits
        if kind == 5:  # numbers with equal hashes
            keys = (k * (2**61 - 1) for k in range(size(20_000)))
            return b"}(" + b"".join(b"\x8a\x0a" + k.to_bytes(10, "little") + b"N" for k in keys) + b"u"
        if kind == 6:
            return b"c_codecs\nencode\n" + b")\x81" * size(3) + b"2\x86" * size(60)
        if kind == 7:
            return b"cnumpy.core.multiarray\n_reconstruct\n(" + b"N" * size(2000) + b"tR"
        return b"V" + b"x" * size(5000) + b"\n"

    places = (b"V%d\n%bs", b"%b%bs", b"V%d\n\x8f(%b\x90s", b"V%d\n(%b\x91s", b"V%d\ncos\nsystem\n%b\x85Rs")
    places += (b"V%d\n(%bNds", b"V%d\ncnumpy\ndtype\n)R%bbs", b"V%d\n(%b2\x86\x86lq\x01h\x01as")
    program = b"\x80\x04}"
    for number in range(int(rng.integers(1, 4))):
        place = places[rng.integers(0, len(places))]
        program += place % ((value(), value()) if place.startswith(b"%") else (number, value()))
    return program + b"."


class Watch:
    """Records the audit events that the reader itself does not cause, while it is on."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.path is None or event in OWN_EVENTS:
            return
        if event == "open" and str(arguments[0]) == str(self.path):
            return
        self.seen.append(f"{event} {arguments!r}"[:200])


def read_plainly(path: Path) -> dict[str, np.ndarray]:
    """Unpickle the file, which is unsafe."""
    try:
        content = pickle.loads(path.read_bytes())
        return {name: each for name, each in content.items() if isinstance(each, np.ndarray)}
    except Exception as error:
        raise BadInput(f"{path}: {error}"[:1000]) from error


def run(
    cases: int, seed: int, folder: Path, read: Callable[[Path], dict[str, np.ndarray]] = read_arrays
) -> dict[str, object]:
    """Read `cases` mutated pickles; stops at the first failure."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    rng = np.random.default_rng(seed)
    seeds = corpus(rng)
    path = folder / "case.pkl"
    # The pickle does not cause what numpy and Python import on first use.
    for data in [*seeds, b"", b"garbage"]:
        path.write_bytes(data)
        try:
            read(path)
        except BadInput:
            continue
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    watch = Watch()
    began = time.monotonic()
    for case in range(cases):
        data = mutate(seeds[case % len(seeds)], seeds, rng) if case % COSTLY else costly(rng)
        path.write_bytes(data)
        failure = None
        watch.path = path
        started = time.process_time()
        try:
            arrays = read(path)
        except BadInput as error:
            outcomes["refused"] += 1
            if str(path) not in str(error) or len(str(error)) > 2000:
                failure = f"an unclear error: {error}"
        except BaseException as error:
            failure = f"{type(error).__name__}: {error}"
        else:
            outcomes["read" if arrays else "read, no arrays"] += 1
            if any(each.nbytes > len(data) for each in arrays.values()):
                failure = "an array larger than the file"
        watch.path = None
        slowest = max(slowest, took := time.process_time() - started)
        if failure is None and took > MOST_SECONDS:
            failure = f"took {took:.1f} s"
        if failure is None and watch.seen:
            failure = f"did more than read: {watch.seen[:3]}"
        if failure:
            return {"cases": case + 1, "seed": seed, "failure": failure, "data": data.hex()[:10_000]}
    seconds = round(time.monotonic() - began, 1)
    return {
        "cases": cases,
        "seed": seed,
        "failure": None,
        "seconds": seconds,
        "slowest": round(slowest, 2),
        **outcomes,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--cases", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--plain", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(given.cases, given.seed, Path(folder), read_plainly if given.plain else read_arrays)
    print(json.dumps(result))
    sys.exit(1 if result["failure"] else 0)


if __name__ == "__main__":
    main()
