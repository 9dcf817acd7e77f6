"""The jobs of executor "slurm": their script, without a SLURM, and what does not fit a study."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from study_files import study_of

from alignhouse.study.slurm import check_slurm, job_script
from alignhouse.warehouse.errors import BadInput

SLURM = """
[compute]
executor = "slurm"
device = "cuda"
memory = "20GB"
[slurm]
workers = 8
partition = "gpu"
account = "lab"
walltime = "12:00:00"
cores = 6
memory = "48GB"
gpus = 1
directives = ["--constraint=a100"]
prologue = ["module load cuda"]
"""


def test_the_job_script_asks_for_what_the_study_file_says(tmp_path: Path) -> None:
    script = job_script(study_of(tmp_path, SLURM))
    asked = set(re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE))
    assert {
        "-p gpu",
        "-A lab",
        "-t 12:00:00",
        "--cpus-per-task=6",
        "--mem=45G",
        "--gres=gpu:1",
        "--constraint=a100",
    } <= asked
    assert script.index("module load cuda") < script.index("THIS_HOST:PORT")
    assert "export DASK_DISTRIBUTED__WORKER__DAEMON=False" in script
    assert "--resources GPU=1" in script
    assert "--nthreads 1" in script


def test_a_dry_run_prints_the_script_and_writes_nothing(study_folder: Any) -> None:
    done = study_folder.alignhouse("run", "study.toml", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#!/usr/bin/env bash\n")
    assert "GPU" not in done.stdout
    assert not study_folder.warehouse.exists()


@pytest.fixture
def study_folder(tmp_path: Path) -> Any:
    from mini_study import mini_study

    study = mini_study(tmp_path / "study")
    study.change("[report]", '[compute]\nexecutor = "slurm"\n[report]')
    return study


def test_a_dry_run_of_another_executor_says_what_it_is_for(study_folder: Any) -> None:
    study_folder.change('"slurm"', '"local"')
    done = study_folder.alignhouse("run", "study.toml", "--dry-run")
    assert done.returncode == 2
    assert 'expected executor "slurm"' in done.stderr
    assert "ingest networks --dry-run" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gpus = 1", "gpus = 0", "slurm.gpus = 0 with compute.device = 'cuda'"),
        ('device = "cuda"', 'device = "cpu"', "slurm.gpus = 1 with compute.device = 'cpu'"),
        ('memory = "48GB"', 'memory = "20GB"', "slurm.memory: expected more than compute.memory"),
    ],
)
def test_jobs_that_do_not_fit_the_study_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SLURM
    with pytest.raises(BadInput, match=message):
        check_slurm(study_of(tmp_path, SLURM.replace(old, new)))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('executor = "dask"', 'a scheduler if, and only if, executor is "dask"'),
        ('scheduler = "tcp://head:8786"', 'a scheduler if, and only if, executor is "dask"'),
        ('executor = "dask"\nscheduler = "head"', "compute.scheduler"),
        ('executor = "slurm"\ndevice = "cuda:0,cuda:1"', "each worker of slurm has a GPU of its own"),
        ('device = "cuda:1,cuda:1"', "each GPU once"),
        ('device = "cuda,cuda:1"', "compute.device"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, f"[compute]\n{keys}\n")
