"""Studies with control models: what is added, what stays as it was, and how bad input is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_videos import write_texture
from mini_study import N_STIMULI

from alignhouse.analysis.report.gather import gather
from alignhouse.analysis.report.page import write_report
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import Warehouse

CONTROLS = """
[controls]
include = ["luminance", "hog", "annotations", "embeddings"]
embeddings = "words.csv"
"""
ADDED = {"control", "control_score", "beyond_controls", "rdms"}
OF_ANNOTATIONS = {f"stimulus_{name}" for name in ("object", "scene", "action", "sentence", "memorability")}


def annotate(folder: Path) -> None:
    """Annotations and embeddings of the pictures of the miniature study."""
    random = np.random.default_rng(1)
    names = [f"{1001 + number:04d}" for number in range(N_STIMULI)]
    labels = list("abcdef")

    def some(count: int) -> list[str]:
        return random.choice(labels, count, replace=False).tolist()

    (folder / "notes").mkdir()
    entries = {
        name: {
            "objects": [some(3)],
            "scenes": some(2),
            "actions": some(2),
            "memorability_score": float(random.random()),
            "text_descriptions": [" ".join(some(4))],
        }
        for name in names
    }
    (folder / "notes" / "annotations.json").write_text(json.dumps(entries), encoding="utf-8")
    rows = [f"{name},{random.random()},{random.random()}" for name in names]
    (folder / "words.csv").write_text("\n".join(["stimulus,x,y", *rows]), encoding="utf-8")


def artifacts(warehouse: Path) -> dict[str, str]:
    with Warehouse.open(warehouse) as opened:
        rows = opened.sql("select artifact, table_name, path from artifact where is_current").fetchall()
    return {name: table or path.split("/")[0] for name, table, path in rows}


@pytest.fixture
def controlled(copy_finished: Callable[..., Any]) -> Any:
    """A finished study to which controls were added."""
    study = copy_finished()
    annotate(study.folder)
    text = study.file.read_text(encoding="utf-8").replace(
        '[stimuli]\npath = "stimuli"', '[stimuli]\npath = "stimuli"\nannotations = "notes"'
    )
    study.file.write_text(text + CONTROLS, encoding="utf-8")
    return study


def test_controls_are_added_and_nothing_else_changes(controlled: Any) -> None:
    before = artifacts(controlled.warehouse)
    done = controlled.alignhouse("ingest", "controls", "study.toml")
    assert done.returncode == 0, done.stderr
    after = artifacts(controlled.warehouse)
    assert {kind for name, kind in after.items() if name not in before} == OF_ANNOTATIONS | {"rdms"}
    done = controlled.alignhouse("run", "study.toml", "--no-report")
    assert done.returncode == 0, done.stderr
    after = artifacts(controlled.warehouse)
    assert before.items() <= after.items()
    assert {kind for name, kind in after.items() if name not in before} == OF_ANNOTATIONS | ADDED
    assert "Nothing to do" in controlled.alignhouse("run", "study.toml", "--no-report").stdout
    with Warehouse.open(controlled.warehouse) as opened:
        names = [name for (name,) in opened.sql("select control from control order by all").fetchall()]
        shown = opened.ask("beyond_controls", protocol="paper").pl()
        content = gather(opened, "mini", "test", ["model_type"])
    assert names == [
        *("actions", "embeddings", "hog", "luminance", "memorability", "objects", "scenes", "sentences")
    ]
    assert set(shown["n_controls"]) == {8}
    assert set(shown["remark"]) == {"synthetic brains"}
    assert shown["p_family"].min() > 0
    assert controlled.alignhouse("check").returncode == 0
    page = write_report(content, controlled.folder / "report").read_text(encoding="utf-8")
    assert "Given 8 control models (luminance, hog, objects" in page
    assert "Networks given the control models" in page


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"luminance"', '"luminosity"', "did you mean luminance"),
        ('"luminance"', '"motion_energy"', "expected stimuli that are videos, found images"),
        pytest.param('"words.csv"', '"none.csv"', "there is no file", marks=pytest.mark.slow),
        ('embeddings = "words.csv"', "", "controls.embeddings beside the control embeddings"),
        ('annotations = "notes"', "", "control objects: expected a value for every stimulus"),
        pytest.param(
            '"annotations"',
            '"sentence_model"',
            "controls.sentence_model beside the control sentence_model",
            marks=pytest.mark.slow,
        ),
        ("[controls]", '[controls]\norders = ["frozen"]', "controls.orders"),
    ],
)
def test_controls_that_cannot_be_made_are_refused(controlled: Any, old: str, new: str, said: str) -> None:
    controlled.change(old, new)
    before = artifacts(controlled.warehouse)
    done = controlled.alignhouse("run", "study.toml", "--no-report")
    assert done.returncode == 2
    assert said in done.stderr
    known = set(OF_ANNOTATIONS)
    assert {kind for name, kind in artifacts(controlled.warehouse).items() if name not in before} <= known


VIDEO_STUDY = """
[study]
warehouse = "w.alignhouse"
[brain]
kind = "rdms"
path = "brains"
conditions = "stimulus_order"
rdm_form = "condensed"
split = "all"
dataset = "d"
[stimuli]
path = "videos"
[networks]
include = []
weights = "random"
[networks.own.moving]
source = "function"
id = "moving_network:moving"
weights = "random"
takes = "video"
[networks.own.still]
source = "function"
id = "moving_network:still"
weights = "random"
[controls]
orders = ["frozen", "shuffled"]
[analysis]
permutations = 20
bootstraps = 0
halvings = 0
"""
MOVING_NETWORK = """
import numpy as np
import torch
from torch import nn

class Differences(nn.Module):
    def __init__(self):
        super().__init__()
        self.between, self.all = nn.Identity(), nn.Flatten()

    def forward(self, x):
        return self.all(self.between(x[:, 1:] - x[:, :-1]) + x[:, :1])

def moving():
    transform = lambda frames: torch.tensor(np.asarray(frames[:, ::8, ::8], np.float32))[None]
    return Differences(), transform, "moving"

def still():
    transform = lambda image: torch.tensor(np.asarray(image.resize((8, 8)), np.float32)).permute(2, 0, 1)
    return nn.Sequential(nn.Flatten(), nn.ReLU()), transform, "still"
"""


def test_video_networks_are_shown_other_orders_and_are_no_further_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        write_texture(tmp_path / "videos" / f"{number}.mp4", seed=number, frames=6)
    (tmp_path / "brains").mkdir()
    np.save(tmp_path / "brains" / "V1.npy", np.random.default_rng(0).random((3, 28)))
    (tmp_path / "moving_network.py").write_text(MOVING_NETWORK, encoding="utf-8")
    (tmp_path / "study.toml").write_text(VIDEO_STUDY, encoding="utf-8")
    finished = run_study(read_study(tmp_path / "study.toml"), command="test")
    assert finished.failed == {}
    with Warehouse.open(tmp_path / "w.alignhouse") as opened:
        models = opened.sql("select model from model order by all").fetchall()
        controls = opened.sql("from control order by control").pl()
        order = opened.ask("frame_order").pl()
        assert set(opened.ask("leaderboard").pl()["model"]) == {"moving-random0", "still-random0"}
    assert models == [("moving-random0",), ("still-random0",)]
    assert controls["control"].to_list() == ["moving-random0@frozen", "moving-random0@shuffled"]
    assert set(controls["network"]) == {"moving-random0"}
    assert set(order["frame_order"]) == {"frozen", "shuffled"}
    assert (order["difference_of_best"] != 0).all()
    # Without bootstraps there is no test.
    assert order["p_value"].null_count() == order["lower_of_best"].null_count() == order.height == 2
    again = run_study(read_study(tmp_path / "study.toml"), command="test")
    assert again.jobs_done == 0
