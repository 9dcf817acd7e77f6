"""Reads RDM files in a process of its own, with limits of memory and CPU time.

HDF5 and MATLAB files are read by C libraries. A damaged or hostile file can make them crash, run for ever, or
allocate any amount of memory; here, this ends the reading process and becomes one error. numpy files are read
in this process: their sizes are checked before anything is allocated.

The limits grow with the file, because its sender does not choose what a small file may cost.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np

from alignhouse.ingest.arrays.limits import MOST_BYTES, unpacked_bytes
from alignhouse.ingest.betas.brain_rdms import RdmFile
from alignhouse.ingest.datasets.rdms.files import NUMPY_SUFFIXES, read_rdm_file
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.sizes import size_in_words

# The libraries take some hundred MB. An array is held as it is stored, as float64, and while it is compared.
_BASE_BYTES, _COPIES = 2**29, 4
_BASE_SECONDS, _BYTES_PER_SECOND = 60, 2**20
_LONGEST_HEAD = 2**28


def read_rdm_file_apart(
    path: Path, n: int | None = None, *, most_bytes: int = MOST_BYTES, rdm_form: str | None = None
) -> RdmFile:
    """Read brain RDMs as `read_rdm_file` does; HDF5 and MATLAB files in a process with limits.

    Raises
    ------
    BadInput : as `read_rdm_file`; also if reading takes too much memory or time, or crashes.
    """
    path = Path(path)
    if path.suffix.lower() in NUMPY_SUFFIXES or not path.is_file():
        return read_rdm_file(path, n, most_bytes=most_bytes, rdm_form=rdm_form)
    # Without -P, Python would import modules from the working folder.
    given = [str(path), "" if n is None else str(n), str(most_bytes), rdm_form or ""]
    command = [sys.executable, "-P", "-m", __name__, *given]
    # Each thread of a BLAS library takes memory, which would count.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        read = _received(process.stdout)
        process.stdout.close()
        status = process.wait()
    if isinstance(read, BadInput):
        raise read
    if read is None or status:
        memory, seconds = _limits(path, most_bytes)
        raise BadInput(
            f"{path} cannot be read",
            expected=f"RDMs that take at most {size_in_words(memory)} of memory and {seconds} s to read",
            found="a crash" if status >= 0 else f"its reader was ended by {signal.Signals(-status).name}",
            hint="the file is damaged, or made to do harm",
        )
    return read


def _received(stream: IO[bytes]) -> RdmFile | BadInput | None:
    """What the process sent: a line of JSON, then the RDMs; None if it ended before."""
    head = stream.readline(_LONGEST_HEAD)
    if not head.endswith(b"\n"):
        return None
    said = json.loads(head)
    if "failed" in said:
        return BadInput(said["failed"], expected=said["expected"], found=said["found"], hint=said["hint"])
    rdms = np.empty(said["shape"])
    view = rdms.reshape(-1).data.cast("B")
    while view:
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return None
        view = view[count:]
    names = [None if said[key] is None else tuple(said[key]) for key in ("conditions", "subjects")]
    return RdmFile(rdms, *names)


def _limits(path: Path, most_bytes: int) -> tuple[int, int]:
    """Bytes of memory and seconds of CPU time that reading a file may take."""
    size = path.stat().st_size
    return _BASE_BYTES + _COPIES * unpacked_bytes(path, most_bytes), _BASE_SECONDS + size // _BYTES_PER_SECOND


def _main(path: Path, n: int | None, most_bytes: int, rdm_form: str | None = None) -> None:
    """Read one file and write it to standard output; only this process's own results may go there."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    memory, seconds = _limits(path, most_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))  # SIGXCPU, then SIGKILL
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        read = read_rdm_file(path, n, most_bytes=unpacked_bytes(path, most_bytes), rdm_form=rdm_form)
    except AlignhouseError as error:
        fields = ("failed", "expected", "found", "hint")
        said = {key: None if (value := getattr(error, key)) is None else str(value) for key in fields}
        out.write(json.dumps(said).encode() + b"\n")
    else:
        names = {"conditions": read.conditions, "subjects": read.subjects}
        out.write(json.dumps({"shape": read.rdms.shape, **names}).encode() + b"\n")
        out.write(np.ascontiguousarray(read.rdms).data.cast("B"))
    out.flush()


if __name__ == "__main__":
    _path, _n, _most_bytes, _form = sys.argv[1:]
    _main(Path(_path), int(_n) if _n else None, int(_most_bytes), _form or None)
