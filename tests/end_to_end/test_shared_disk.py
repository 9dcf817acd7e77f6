"""Studies on a disk that shows files of other machines late, or that has no locks: stand-ins for NFS.

A small library, loaded with LD_PRELOAD, hides files that another process has just written, or lets `flock`
fail (tests/support/shared_disk.c).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import SUPPORT, dask_cluster
from mini_study import RUN, MiniStudy

from alignhouse.warehouse.artifacts import files

MILLISECONDS = 1200
# The same command line, but nobody waits for a file of another machine.
IMPATIENT = """
import sys
from alignhouse.cli.app import main
from alignhouse.warehouse.executors.remote import Dask
Dask.__init__.__kwdefaults__["late"] = 0.0
main()
"""


HOLDER = """
import sys
from pathlib import Path
from alignhouse.warehouse.lock import writing
with writing(Path(sys.argv[1]), "a test"):
    print("holds", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def shared_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    if not sys.platform.startswith("linux") or shutil.which("cc") is None:
        pytest.skip("the stand-in for a shared disk needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("disk") / "shared_disk.so"
    source = SUPPORT / "shared_disk.c"
    done = subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl", "-lpthread"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return library


def on(library: Path, **settings: str) -> dict[str, str]:
    """The environment of a process on the stand-in."""
    return {**os.environ, "LD_PRELOAD": str(library), **settings}


def run(
    study: MiniStudy, environment: dict[str, str], *options: str, code: str = ""
) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-c", code] if code else [sys.executable, "-m", "alignhouse"]
    return subprocess.run(
        [*start, *RUN, *options], cwd=study.folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_machines_that_see_each_other_s_files_late_make_the_same_files(
    make_study: Any, run_once: Any, shared_disk: Path, tmp_path: Path
) -> None:
    study = make_study(resamples=True)
    late = on(shared_disk, LATE_ROOT=str(study.warehouse), LATE_MS=str(MILLISECONDS))
    with dask_cluster(tmp_path / "dask", workers=0) as cluster:
        for _ in range(2):
            cluster.add_worker(environment=late)
        impatient = run(study, late, "--scheduler", cluster.address, code=IMPATIENT)
        assert impatient.returncode == 2, "the stand-in hides the lease that a worker reads"
        assert "at this path, found another folder" in impatient.stderr
        done = run(study, late, "--scheduler", cluster.address)
    assert done.returncode == 0, done.stderr
    assert study.registered() == run_once().registered()


@pytest.mark.slow
def test_where_locks_hold_on_each_machine_alone_a_second_writer_is_told_who_counts(
    make_study: Any, shared_disk: Path
) -> None:
    study = make_study()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(study.warehouse)],
        env=on(shared_disk, LOCAL_LOCKS="1", HOST="one"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"holds\n"
    there = on(shared_disk, LOCAL_LOCKS="1", HOST="two")
    second = run(study, there)
    assert second.returncode == 2
    assert f"by another process: found process {holder.pid} of" in second.stderr
    assert "on one, a test, since" in second.stderr
    assert not list(files(study.warehouse))
    holder.communicate(b"\n")
    assert run(study, there).returncode == 0


def test_a_disk_without_locks_is_refused_before_anything_is_written(
    make_study: Any, shared_disk: Path
) -> None:
    study = make_study()
    done = run(study, on(shared_disk, NO_LOCKS="1"))
    assert done.returncode == 2
    [line] = [each for each in done.stderr.splitlines() if each.startswith("alignhouse:")]
    assert "file locks do not work here, so a second writer could do damage: found No locks available" in line
    assert "use a folder on a local disk, or mount this one with locks" in line
    assert not list(files(study.warehouse))
