"""A small demo study with synthetic clips and brains and untrained networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import alignhouse

from alignhouse.demo.data import make_demo_data
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import Warehouse

NETWORKS = """
[networks]
include = ["AlexNet"]
weights = "random"
[networks.own.moving]
source = "function"
id = "network_of_demo:moving"
weights = "random"
takes = "video"
model_type = "video-k400"
"""
STUDY = f"""
[study]
warehouse = "demo.alignhouse"
[brain]
path = "data"
dataset = "bmd-demo"
regions = ["V1", "FFA"]
synthetic = true
[stimuli]
path = "data/stimulus_set"
{NETWORKS}
[analysis]
protocols = ["sound", "paper"]
permutations = 50
bootstraps = 20
halvings = 4
"""
RUN = ("run", "study.toml", "--no-report")
# A network of the catalog for videos takes a second for each clip.
VIDEO_NETWORK = """
import numpy as np
import torch
from torch import nn


def transform(frames):
    small = np.asarray(frames[:8, ::32, ::32], np.float32) / 255
    return torch.tensor(small).permute(3, 0, 1, 2)[None]


def moving():
    return nn.Sequential(nn.Conv3d(3, 4, 1), nn.Tanh()), transform, "moving"
"""
REMARK = "synthetic brains, random weights"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo_data(folder / "data", subjects=2, test_clips=6, train_clips=2)
    (folder / "network_of_demo.py").write_text(VIDEO_NETWORK, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    done = alignhouse(*RUN, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_row_of_every_result_says_what_it_is(demo: Path) -> None:
    with Warehouse.open(demo / "demo.alignhouse") as opened:
        for table in ("alignment", "significance", "group_comparison", "layer_score", "best_layer"):
            assert opened.sql(f"select distinct remark from {table}").fetchall() == [(REMARK,)], table
        for question in ("best_layer", "alignment_by_model_type", "alignment_by_layer_depth"):
            assert set(opened.ask(question).pl()["remark"]) == {REMARK}, question
        models = opened.sql("select model, remark from model order by 1").fetchall()
        assert models == [("AlexNet-random0", "random weights"), ("moving-random0", "random weights")]
        assert opened.sql("select distinct remark from noise_ceiling").fetchall() == [("synthetic brains",)]


def test_clips_of_two_frame_rates_are_known_by_decoding_them(demo: Path) -> None:
    with Warehouse.open(demo / "demo.alignhouse") as opened:
        rows = opened.sql("select distinct frames, fps, width, height from stimulus order by all").fetchall()
    assert rows == [(8, 24.0, 268, 268), (10, 30.0, 268, 268)]


def test_both_networks_have_a_score_in_both_regions_under_both_protocols(demo: Path) -> None:
    with Warehouse.open(demo / "demo.alignhouse") as opened:
        rows = opened.sql(
            "select model, protocol, count(distinct roi) from best_layer group by all"
        ).fetchall()
    assert sorted(rows) == [
        (model, protocol, 2)
        for model in ("AlexNet-random0", "moving-random0")
        for protocol in ("paper", "sound")
    ]


def test_pretrained_weights_that_are_missing_are_named_before_anything_starts(
    demo: Path, tmp_path: Path
) -> None:
    pretrained = '[networks]\ninclude = ["x3d_s"]\nweights = "pretrained"\n'
    text = STUDY.replace(NETWORKS, pretrained)
    text = text.replace('"data', f'"{demo}/data').replace("demo.alignhouse", "other.alignhouse")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    done = alignhouse(*RUN, folder=tmp_path, environment={"ALIGNHOUSE_WEIGHTS": str(tmp_path)})
    assert done.returncode == 2
    assert "x3d_s: no file" in done.stderr
    assert 'weights = "random" on purpose' in done.stderr
    assert not (tmp_path / "other.alignhouse").exists()


def test_stored_rdms_need_no_weights_any_more(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(networks: Sequence[object]) -> None:
        assert not networks, f"weights of {networks} were asked for"

    monkeypatch.setattr("alignhouse.study.run.check_weights_of", refuse)
    study = read_study(demo / "study.toml")
    assert run_study(study, command="test").jobs_done == 0
