"""Run a small study through a real SLURM of one node on this machine: `make test-slurm`.

Installs Debian's slurm-wlm and munge if they are missing, and starts munged, slurmctld and slurmd. Runs the
study by `executor = "slurm"` and in this process, and compares all registered files. Where a machine does not
allow one of these steps, it says which one and ends with exit code 1. All daemons end with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

from mini_study import RUN, MiniStudy, mini_study  # noqa: E402

from alignhouse.warehouse.cores import cores  # noqa: E402

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
SECONDS = 60.0
SLURM_CONF = """
ClusterName=alone
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={control_port}
SlurmdPort={node_port}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName={host} CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
SECTION = """
[compute]
executor = "slurm"
memory = "500MB"
[slurm]
workers = 2
partition = "all"
walltime = "00:20:00"
cores = 1
memory = "1GB"
[report]"""


class NotAllowed(Exception):
    """A step that this machine does not allow."""


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        _install()
        with _slurm(folder) as environment:
            os.environ.update(environment)
            here, there = mini_study(folder / "here"), mini_study(folder / "there")
            _run(here)
            there.change("[report]", SECTION)
            began = time.monotonic()
            said = _run(there)
            print(said.strip())
            if here.registered() != there.registered():
                print(f"The files differ from those of a run in one process; see {folder}")
                return 1
            jobs = len(there.registered())
            print(f"Through SLURM: {jobs} files, equal to the byte, in {time.monotonic() - began:.0f} s")
    except NotAllowed as error:
        print(f"make test-slurm: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _install() -> None:
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        return
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    for words in (["update", "-qq"], ["install", "-y", "-qq", "slurm-wlm", "munge"]):
        _must([*as_root, "apt-get", *words], f"{', '.join(missing)} cannot be installed")


def _must(command: list[str], what: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAllowed(f"{what}: {error}") from error
    if done.returncode:
        raise NotAllowed(f"{what}: {' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


@contextlib.contextmanager
def _slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A SLURM of one node; yields the environment for its commands."""
    host = socket.gethostname().split(".")[0]
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    for path, mode in ((folder, 0o755), (key, 0o400)):
        path.chmod(mode)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    conf = folder / "slurm.conf"
    user = "root" if os.getuid() == 0 else os.environ.get("USER", "root")
    ports = [_free_port() for _ in range(2)]
    conf.write_text(
        SLURM_CONF.format(
            host=host, user=user, folder=folder, cores=cores(), control_port=ports[0], node_port=ports[1]
        )
    )
    environment = {"SLURM_CONF": str(conf)}
    munge = [
        *("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"),
        *(f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log"),
        f"--seed-file={folder}/munged.seed",
    ]
    with contextlib.ExitStack() as running:
        _daemon(running, folder, munge, {})
        _wait(lambda: (folder / "munge.socket").exists(), "munged opened no socket", folder, "munged")
        _daemon(running, folder, ["slurmctld", "-D", "-f", str(conf)], environment)
        _daemon(running, folder, ["slurmd", "-D", "-f", str(conf), "-N", host], environment)

        def is_idle() -> bool:
            asked = ["sinfo", "--noheader", "-o", "%T"]
            done = subprocess.run(
                asked, env={**os.environ, **environment}, capture_output=True, text=True, timeout=30
            )
            return done.stdout.strip() == "idle"

        _wait(is_idle, "the node did not become idle", folder, "slurmctld", "slurmd")
        yield environment


def _daemon(
    running: contextlib.ExitStack, folder: Path, command: list[str], environment: dict[str, str]
) -> None:
    log = running.enter_context((folder / f"{command[0]}.out").open("wb"))
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
    )

    def end() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()

    running.callback(end)


def _wait(is_there, what: str, folder: Path, *daemons: str) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + SECONDS
    while not is_there():
        if time.monotonic() > ends:
            said = " / ".join(
                f"{name}: {(path.read_text(errors='replace').strip().splitlines() or ['nothing'])[-1]}"
                for name in daemons
                for path in (folder / f"{name}.out", folder / f"{name}.log")
                if path.exists()
            )
            raise NotAllowed(f"{what} within {SECONDS:.0f} s: {said}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _run(study: MiniStudy) -> str:
    done = study.process(*RUN)
    if done.returncode:
        raise NotAllowed(f"the study failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stderr


if __name__ == "__main__":
    sys.exit(main())
