"""After a kill, extraction continues with the next network and notices changes."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_networks import TRANSFORM, network_study

EXTRACT = ("ingest", "networks", "study.toml")
EXTRACTING = "Extracting RDMs of networks"
# While there is a file `hold` in the working folder, the second network waits for a kill.
FUNCTIONS = f"""{TRANSFORM}
import os
import time


class Held(nn.Flatten):
    def forward(self, images):
        while os.path.exists("hold"):
            time.sleep(0.01)
        return super().forward(images)


def first():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 5)), transform, "first"


def second():
    return nn.Sequential(Held(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 5)), transform, "second"


def wide():
    layers = [nn.Upsample(scale_factor=(16, 256)), nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    return nn.Sequential(*layers), transform, "wide"
"""


@pytest.fixture
def networks(study: Any, tmp_path: Path) -> Any:
    """A study of two small networks."""
    return network_study(study, tmp_path.name, FUNCTIONS, "first", "second")


def stored(study: Path) -> dict[str, bytes]:
    """Files of RDMs and Gram matrices of models in the folder of a study, by path."""
    folder = study / "mini.alignhouse"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("*/kind=model/**/*.parquet"))
    }


def extract(study: Any) -> str:
    """Extract missing RDMs; returns the output."""
    done = study.alignhouse(*EXTRACT)
    assert done.returncode == 0, done.stderr
    said: str = done.stderr
    return said


def test_a_killed_extraction_goes_on_at_the_next_network(networks: Any) -> None:
    said = extract(networks)
    assert f"{EXTRACTING}: 4 to do" in said
    assert "Storing betas" in said
    undisturbed = stored(networks.folder)
    shutil.rmtree(networks.warehouse)
    (networks.folder / "hold").touch()
    process = networks.start(*EXTRACT)
    while len(stored(networks.folder)) < len(undisturbed) / 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert all("model=first" in path for path in stored(networks.folder))
    (networks.folder / "hold").unlink()
    continued = extract(networks)
    assert f"{EXTRACTING}: 2 to do" in continued, "what is done is not done again"
    assert "Storing betas" not in continued, "the inputs were safe before the kill"
    assert stored(networks.folder) == undisturbed, "the same bytes, whether or not it was killed"
    assert list((networks.warehouse / "scratch").rglob("*")) == []
    assert "Nothing to do" in networks.alignhouse(*EXTRACT).stdout


def test_a_changed_stimulus_or_setting_is_noticed_and_only_what_it_touches_is_done(networks: Any) -> None:
    study = networks
    extract(study)
    before = stored(study.folder)
    picture = sorted((study.folder / "stimuli").iterdir())[0]
    noise = np.random.default_rng(9).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture)
    assert f"{EXTRACTING}: 4 to do" in extract(study)
    assert set(before) < set(stored(study.folder)), "what was there stays until it is vacuumed"
    study.change('protocols = ["sound", "paper"]', 'protocols = ["sound", "near"]')
    near = '[protocols.near]\nextraction = { distance = "manhattan" }\n'
    study.file.write_text(study.file.read_text() + near)
    assert f"{EXTRACTING}: 2 to do, 2 done before" in extract(study)


def test_limits_on_the_command_line_override_those_of_the_study(study: Any, tmp_path: Path) -> None:
    network_study(study, tmp_path.name, FUNCTIONS, "wide")
    refused = study.alignhouse(*EXTRACT, "--scratch", "1MB", "--memory", "4MB")
    assert refused.returncode == 1
    assert "at most 1.0 MB of scratch" in refused.stdout
    assert "raise compute.scratch" in refused.stdout
    assert not stored(study.folder)
    parted = study.alignhouse(*EXTRACT, "--scratch", "8MB", "--memory", "8MB")
    assert parted.returncode == 0, parted.stderr
    assert "passes over groups of layers" in parted.stderr
    wrong = study.alignhouse(*EXTRACT, "--memory", "much")
    assert wrong.returncode == 2
    assert "memory: expected a size such as 8GB or 512MB, found 'much'" in wrong.stderr


def test_a_name_that_is_not_a_device_is_refused(networks: Any) -> None:
    refused = networks.alignhouse(*EXTRACT, "--device", "gpu")
    assert refused.returncode == 2
    assert "device" in refused.stderr
