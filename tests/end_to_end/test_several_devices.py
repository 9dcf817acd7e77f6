"""A study whose networks are extracted by one worker process for each device; here, the devices are CPUs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mini_study import ONE_PROTOCOL

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.devices import devices_named
from alignhouse.ingest.features.jobs import Extraction, extract, extraction_jobs
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import catalog
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.progress import Silent

NETWORK = """
[networks.own.NAME]
source = "function"
id = "MODULE:NAME"
weights = "random"
"""
FUNCTIONS = """
import os
import torch
from torch import nn


def transform(image):
    return torch.frombuffer(bytearray(image.resize((4, 4)).tobytes()), dtype=torch.uint8).view(3, 16, 1) / 255


def one(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(48, width), nn.ReLU(), nn.Linear(width, 5))


def first():
    return one(7), transform, "first"


def second():
    return one(9), transform, "second"


def last():
    if os.environ.get("ENDS_ITS_WORKER"):
        os._exit(9)
    return one(11), transform, "last"
"""


@pytest.fixture
def networks(study: Any, tmp_path: Path) -> Any:
    shutil.rmtree(study.folder / "models")
    study.change('rdms = "models"', 'include = []\nweights = "random"')
    study.change(*ONE_PROTOCOL)
    (study.folder / f"{tmp_path.name}.py").write_text(FUNCTIONS, encoding="utf-8")
    own = "".join(
        NETWORK.replace("MODULE:NAME", f"{tmp_path.name}:{name}").replace("NAME", name)
        for name in ("first", "second", "last")
    )
    study.file.write_text(study.file.read_text(encoding="utf-8") + own, encoding="utf-8")
    return study


def stored(study: Any) -> dict[str, bytes]:
    folder = study.warehouse
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("*/kind=model/**/*.parquet"))
    }


def test_two_devices_make_the_files_of_one(networks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    extract_all = ("ingest", "networks", "study.toml")
    assert networks.alignhouse(*extract_all).returncode == 0
    alone = stored(networks)
    shutil.rmtree(networks.warehouse)
    monkeypatch.setenv("ENDS_ITS_WORKER", "")
    done = networks.alignhouse(*extract_all, "--device", "cpu,cpu")
    assert done.returncode == 0, done.stderr
    assert stored(networks) == alone
    assert len(alone) >= 3
    assert "Nothing to do" in networks.alignhouse(*extract_all).stdout, "no key has the device"


# tests/warehouse/test_devices.py has the default case: a lost worker is named with its device and job.
@pytest.mark.slow
def test_a_network_that_ends_its_worker_is_named_with_the_device(
    networks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignhouse.study import run

    checked = run.check_weights_of

    def then_end(*arguments: Any) -> None:
        checked(*arguments)
        monkeypatch.setenv("ENDS_ITS_WORKER", "1")

    monkeypatch.setattr(run, "check_weights_of", then_end)
    done = networks.alignhouse("ingest", "networks", "study.toml", "--device", "cpu,cpu")
    assert done.returncode == 1
    [line] = [each for each in done.stderr.splitlines() if each.startswith("alignhouse:")]
    assert "worker cpu (worker " in line
    assert "was lost during last-random0: found its process died" in line


def test_all_visible_gpus_are_used_and_one_stays_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, names in ((0, ("cuda",)), (1, ("cuda",)), (3, ("cuda:0", "cuda:1", "cuda:2"))):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert devices_named("cuda") == names
    assert devices_named("cuda:2,cuda:0") == ("cuda:2", "cuda:0")
    assert devices_named("cpu") == ("cpu",)


def test_a_device_without_memory_is_named_with_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: Any, **options: Any) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    monkeypatch.setattr("alignhouse.ingest.features.extract.extract_rdms_together", without_memory)
    extraction = Extraction(tmp_path, (), {}, "random", 0, "cuda", 1, 1)
    network = catalog()["AlexNet"]
    jobs = extraction_jobs(extraction, network, [ExtractionSettings()], skip_bad=False)
    message = "network AlexNet-random0: too little memory on device cuda:3: found tried to allocate"
    with pytest.raises(AlignhouseError, match=message):
        list(extract(jobs, Silent(), network, extraction, Built(torch.nn.Identity()), "cuda:3"))
    assert devices.is_out_of_memory(torch.OutOfMemoryError())
