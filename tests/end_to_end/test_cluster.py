"""Studies on the workers of a Dask scheduler, in real processes on this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import start_alignhouse
from dask_cluster import DaskCluster, dask_cluster
from listening import Listening
from mini_study import ONE_PROTOCOL, RUN, MiniStudy
from working_batches import number_batch, numbers

from alignhouse.warehouse import BadInput
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.executors.remote import ATTEMPTS, Dask, dask_client
from alignhouse.warehouse.executors.worker import STEPS
from alignhouse.warehouse.progress import Silent

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers, and one after the test that kills a worker; the tests after it need no more."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def executor(cluster: DaskCluster) -> Iterator[Dask]:
    with dask_client(cluster.address, cluster.address) as client:
        yield Dask(client, cluster.address)


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[DaskCluster]:
    """One worker, of a scheduler that the test may end."""
    with dask_cluster(tmp_path / "dask", workers=1) as running:
        yield running


def wait_for(path: Path) -> None:
    ends = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < ends, f"{path} does not come"
        time.sleep(0.02)


def test_a_study_on_workers_makes_the_same_files_to_the_byte(
    cluster: DaskCluster, run_once: Any, make_study: Any
) -> None:
    here, there = run_once(ONE_PROTOCOL), make_study(resamples=True)
    there.change(*ONE_PROTOCOL)
    done = there.alignhouse(*RUN, "--scheduler", cluster.address)
    assert done.returncode == 0, done.stderr
    assert there.registered() == here.registered()
    assert "lost" not in done.stderr
    assert "Nothing to do" in there.alignhouse(*RUN).stdout


def test_batches_run_in_the_workers_and_their_lines_and_errors_come_back(
    tmp_path: Path, executor: Dask, cluster: DaskCluster
) -> None:
    heard = Listening()
    batches = [number_batch(kind, number) for number, kind in enumerate(("process", "fail", "odd", "say"))]
    found = dict(
        (job.settings["kind"], made)
        for job, made in executor(tmp_path, batches, lambda job: heard, keep_going=True)
    )
    assert found["process"][0].about["pid"] in {each.pid for each in cluster.workers}
    assert heard.lines == ["3 says something"]
    bad = found["fail"]
    assert isinstance(bad, BadInput)
    assert (bad.failed, bad.expected, bad.found, bad.hint) == ("number 1", "1", "0", "use another")
    assert 'raise BadInput(f"number {number}"' in "".join(bad.__notes__), "with the worker's traceback"
    assert "Unsendable: has a lock" in str(found["odd"])
    [(_, made)] = executor(tmp_path, [numbers(5, 1)], lambda job: heard)
    assert not isinstance(made, Exception)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_steps_of_a_batch_in_a_worker_are_shown_while_it_runs(tmp_path: Path, executor: Dask) -> None:
    seen = tmp_path / "seen"

    class Showing(Listening):
        def step(self, done: int, total: int) -> None:
            super().step(done, total)
            # The worker waits for this file.
            seen.touch()

    heard = Showing()
    [(_, made)] = executor(tmp_path / "w", [number_batch("steps", str(seen))], lambda job: heard)
    assert not isinstance(made, Exception)
    assert heard.steps == [STEPS // 4]


def test_a_batch_for_a_gpu_is_refused_where_no_worker_has_one(tmp_path: Path, executor: Dask) -> None:
    [job] = number_batch("number", 1).jobs
    batch = Batch((job,), local, device="cuda")
    with pytest.raises(
        BadInput, match=r"number 1 computes on cuda: expected a Dask worker with the resource GPU"
    ):
        list(executor(tmp_path, [batch], lambda job: Silent()))


def test_another_version_is_refused_before_any_batch_runs(study: MiniStudy, cluster: DaskCluster) -> None:
    fake = study.folder / "fake" / "alignhouse-9.9.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: alignhouse\nVersion: 9.9\n")
    paths = os.pathsep.join([str(fake.parent), os.environ.get("PYTHONPATH", "")])
    cluster.add_worker(environment={"PYTHONPATH": paths})
    done = study.alignhouse(*RUN, "--scheduler", cluster.address)
    cluster.end_last_worker()
    assert done.returncode == 2
    [line] = [each for each in done.stderr.splitlines() if each.startswith("alignhouse:")]
    assert re.search(
        r"Dask worker tcp://\S+: expected alignhouse 0.*, found alignhouse 9.9 .install there", line
    )
    assert not study.warehouse.exists() or not list(files(study.warehouse))


def test_a_worker_that_does_not_see_the_warehouse_is_refused(
    tmp_path: Path, cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lease that the worker reads is another one than the coordinator wrote, as on another disk.
    monkeypatch.setattr("alignhouse.warehouse.executors.remote.Lease", _ElsewhereLease)
    message = "expected the warehouse .*w, at this path, found another folder"
    with (
        dask_client(cluster.address, cluster.address) as client,
        pytest.raises(BadInput, match=message),
    ):
        Dask(client, cluster.address).admit(tmp_path / "w")


class _ElsewhereLease:
    def __init__(self, root: Path) -> None:
        self.token, self.file = "other", root / "scratch" / "lease"

    def take_back(self) -> None:
        """Nothing was written."""


def test_a_killed_worker_s_batch_is_done_by_another(tmp_path: Path, cluster: DaskCluster) -> None:
    heard = Listening()
    seen = tmp_path / "seen"
    with dask_client(cluster.address, cluster.address) as client:
        batch = number_batch("kill once", str(seen))
        running = Dask(client, cluster.address)
        [(_, made)] = running(tmp_path / "w", [batch], lambda job: heard)
    assert not isinstance(made, Exception)
    assert [each for each in heard.lines if "was lost during kill once" in each]


@pytest.mark.slow
def test_a_batch_that_kills_every_worker_is_named(tmp_path: Path, fragile: DaskCluster) -> None:
    for _ in range(ATTEMPTS - 1):
        fragile.add_worker()
    message = rf"worker tcp://\S+ was lost during die 5, and {ATTEMPTS - 1} before it"
    with (
        dask_client(fragile.address, fragile.address) as client,
        pytest.raises(AlignhouseError, match=message),
    ):
        list(Dask(client, fragile.address)(tmp_path, [number_batch("die", 5)], lambda job: Silent()))


@pytest.mark.slow
def test_without_a_scheduler_or_workers_one_line_says_so(
    study: MiniStudy, fragile: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignhouse.warehouse.executors.remote.SECONDS_TO_CONNECT", 1)
    done = study.alignhouse(*RUN, "--scheduler", "tcp://127.0.0.1:9")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "Dask scheduler tcp://127.0.0.1:9" in done.stderr
    fragile.workers[0].kill()
    message = "no worker at the Dask scheduler .*dask worker"
    with (
        dask_client(fragile.address, fragile.address) as client,
        pytest.raises(AlignhouseError, match=message),
    ):
        Dask(client, fragile.address, patience=1).admit(study.folder / "w")


@pytest.mark.slow
def test_the_scheduler_dies_and_a_rerun_finishes(
    full_study: MiniStudy, run_once: Any, fragile: DaskCluster
) -> None:
    study = full_study
    process = _started(study, fragile.address)
    _until(process, "Storing betas")
    fragile.scheduler.kill()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    [line] = [each for each in said.splitlines() if each.startswith("alignhouse:")]
    assert "the Dask scheduler tcp://" in line
    assert "no longer answers" in line
    assert "run the same command again" in line
    assert study.run().returncode == 0
    assert study.registered() == run_once().registered()


def test_ctrl_c_takes_remote_batches_back_and_a_second_coordinator_is_told_who_writes(
    tmp_path: Path, study: MiniStudy, cluster: DaskCluster
) -> None:
    hold = tmp_path / "hold"
    script = tmp_path / "coordinator.py"
    script.write_text(
        COORDINATOR.format(address=cluster.address, hold=str(hold), root=str(study.warehouse)), "utf-8"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(hold)
    second = study.alignhouse(*RUN, "--scheduler", cluster.address)
    assert second.returncode == 2
    assert f"is being written by another process: found process {process.pid} of" in second.stderr
    assert list((study.warehouse / "scratch").glob("lease-*"))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert not list((study.warehouse / "scratch").glob("lease-*"))
    wait_for(hold.with_suffix(".stopped"))
    assert not list(files(study.warehouse))


COORDINATOR = """
from pathlib import Path
from alignhouse.warehouse.executors.remote import Dask, dask_client
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.store import Writer
from working_batches import number_batch

if __name__ == "__main__":
    root = Path({root!r})
    with Writer(root, "alignhouse run first.toml"), dask_client({address!r}, "scheduler") as client:
        list(Dask(client, "scheduler")(root, [number_batch("hold", {hold!r})], lambda job: Silent()))
"""


def _started(study: MiniStudy, address: str) -> subprocess.Popen[str]:
    return start_alignhouse(*RUN, "--scheduler", address, folder=study.folder, stderr=subprocess.PIPE)


def _until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended before {words!r}")
