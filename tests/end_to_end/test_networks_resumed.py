"""After a kill, extraction continues with the next network and notices changes."""

from __future__ import annotations

import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_once import made_once, session_folder
from PIL import Image

NETWORKS = ('rdms = "models"', 'include = ["AlexNet", "cait_xxs24_224"]\nweights = "random"')
EXTRACT = ("ingest", "networks", "study.toml")
FEW = 4
EXTRACTING = "Extracting RDMs of networks"


@pytest.fixture
def networks(make_study: Callable[[str], Any]) -> Callable[[str], Any]:
    """Makes a study of two untrained networks and few stimuli."""

    def make(name: str) -> Any:
        study = make_study(name)
        shutil.rmtree(study.folder / "models")
        study.change(*NETWORKS)
        for picture in sorted((study.folder / "stimuli").iterdir())[FEW:]:
            picture.unlink()
        for path in (study.folder / "betas").rglob("*.pkl"):
            betas = pickle.loads(path.read_bytes())
            betas["test_data_allvoxel"] = betas["test_data_allvoxel"][:FEW]
            path.write_bytes(pickle.dumps(betas))
        return study

    return make


@pytest.fixture
def extracted(networks: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that study after its networks were extracted; tests copy it or leave it as it is."""

    def make(folder: Path) -> None:
        study = networks("undisturbed")
        assert f"{EXTRACTING}: 4 to do" in extract(study)
        shutil.copytree(study.folder, folder)

    return made_once(session_folder(tmp_path_factory) / "networks_resumed", make)


def stored(study: Path) -> dict[str, bytes]:
    """Files of model RDMs in the folder of a study, by path."""
    folder = study / "mini.alignhouse" / "rdms"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("kind=model/**/*.parquet"))
    }


def extract(study: Any) -> str:
    """Extract missing RDMs; returns the output."""
    done = study.alignhouse(*EXTRACT)
    assert done.returncode == 0, done.stderr
    said: str = done.stderr
    return said


def test_a_killed_extraction_goes_on_at_the_next_network(
    networks: Callable[[str], Any], extracted: Path
) -> None:
    study = networks("killed")
    process = study.start(*EXTRACT)
    while not any("model=AlexNet" in path for path in stored(study.folder)):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    said = extract(study)
    assert f"{EXTRACTING}: 4 to do" not in said, "what is done is not done again"
    assert EXTRACTING in said
    assert stored(study.folder) == stored(extracted), "the same bytes, whether or not it was killed"
    assert list((study.warehouse / "scratch").rglob("*")) == []
    assert "Nothing to do" in study.alignhouse(*EXTRACT).stdout


def test_a_changed_stimulus_or_setting_is_noticed_and_only_what_it_touches_is_done(
    networks: Callable[[str], Any], extracted: Path
) -> None:
    study = networks("changed")
    shutil.copytree(extracted, study.folder, dirs_exist_ok=True)
    before = stored(study.folder)
    picture = sorted((study.folder / "stimuli").iterdir())[0]
    noise = np.random.default_rng(9).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture)
    assert f"{EXTRACTING}: 4 to do" in extract(study)
    assert set(before) < set(stored(study.folder)), "what was there stays until it is vacuumed"
    study.change('protocols = ["sound", "paper"]', 'protocols = ["sound", "near"]')
    study.file.write_text(study.file.read_text() + '[protocols.near]\nextraction = { distance = "cosine" }\n')
    assert f"{EXTRACTING}: 2 to do, 2 done before" in extract(study)


def test_limits_on_the_command_line_override_those_of_the_study(networks: Callable[[str], Any]) -> None:
    study = networks("limited")
    study.change('"AlexNet", "cait_xxs24_224"', '"AlexNet"')
    refused = study.alignhouse(*EXTRACT, "--scratch", "1MB", "--memory", "4MB")
    assert refused.returncode == 1
    assert "at most 1.0 MB of scratch" in refused.stdout
    assert "raise compute.scratch" in refused.stdout
    assert not stored(study.folder)
    parted = study.alignhouse(*EXTRACT, "--scratch", "12MB", "--memory", "16MB")
    assert parted.returncode == 0, parted.stderr
    assert "passes over groups of layers" in parted.stderr
    wrong = study.alignhouse(*EXTRACT, "--memory", "much")
    assert wrong.returncode == 2
    assert "memory: expected a size such as 8GB or 512MB, found 'much'" in wrong.stderr


def test_a_name_that_is_not_a_device_is_refused(networks: Callable[[str], Any], tmp_path: Path) -> None:
    study = networks("device")
    refused = study.alignhouse(*EXTRACT, "--device", "gpu")
    assert refused.returncode == 2
    assert "device" in refused.stderr
