"""Real brains: a study of 15 subjects, 78 photographs and four networks."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from command_line import alignhouse

from alignhouse.warehouse import Warehouse

EXAMPLE = Path(__file__).parents[2] / "examples" / "cichy78.toml"
# Published with the data: `sound` equals rsatoolbox's boot_noise_ceiling (spearman).
CEILINGS = {
    ("paper", "EVC"): (0.0825691279, 0.2529321929),
    ("paper", "IT"): (0.0527723944, 0.2544273004),
    ("sound", "EVC"): (0.0180012251, 0.2609297475),
    ("sound", "IT"): (0.0064141525, 0.2560756484),
}


PROTOCOLS = 'protocols = ["sound", "paper"]'
IN_SMALL = {
    PROTOCOLS: f"{PROTOCOLS}\npermutations = 50\nbootstraps = 20\nhalvings = 2",
    'include = ["AlexNet", "ResNet34", "seresnet50", "deit_small_patch16_224"]': "include = []",
}
SMALL_NETWORK = """
[networks.own.small]
source = "function"
id = "small_network:small"
weights = "random"
"""
FUNCTION = """
import torch
from torch import nn

def transform(image):
    return torch.frombuffer(bytearray(image.resize((8, 8)).tobytes()), dtype=torch.uint8).view(3, 64, 1) / 255

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 60), nn.ReLU(), nn.Linear(60, 40)), transform, "small"
"""


@pytest.fixture(scope="module", params=["in small", pytest.param("in full", marks=pytest.mark.slow)])
def warehouse(
    test_data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """The example's study: reduced to one small network and few draws, or unchanged."""
    folder = tmp_path_factory.mktemp("cichy78")
    study = folder / "cichy78.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    for whole, small in IN_SMALL.items() if request.param == "in small" else ():
        assert whole in text
        text = text.replace(whole, small)
    if request.param == "in small":
        text += SMALL_NETWORK
        (folder / "small_network.py").write_text(FUNCTION, encoding="utf-8")
    study.write_text(text, encoding="utf-8")
    environment = {"CICHY78": str(test_data / "cichy78")}
    done = alignhouse("run", str(study), "--no-report", folder=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return folder / "cichy78.alignhouse"


def test_the_noise_ceilings_of_both_protocols_are_the_published_ones(warehouse: Path) -> None:
    with Warehouse.open(warehouse) as opened:
        rows = opened.sql("select protocol, roi, lower, upper, n_subjects from noise_ceiling").fetchall()
    assert len(rows) == len(CEILINGS)
    for protocol, roi, lower, upper, n_subjects in rows:
        assert n_subjects == 15
        assert (lower, upper) == pytest.approx(CEILINGS[protocol, roi], abs=1e-8)


def test_every_network_is_scored_with_every_subject_and_says_that_it_is_untrained(warehouse: Path) -> None:
    with Warehouse.open(warehouse) as opened:
        counts = opened.sql(
            "select protocol, model, roi, count(distinct subject), any_value(remark)"
            " from alignment group by all"
        ).fetchall()
        query = "select count(*), min(frames), max(frames), max(fps) from stimulus"
        stimuli = opened.sql(query).fetchall()
    study = tomllib.loads(warehouse.with_name("cichy78.toml").read_text(encoding="utf-8"))
    networks = [*study["networks"]["include"], *study["networks"].get("own", {})]
    models = {f"{network}-random0" for network in networks}
    assert len(counts) == 2 * len(models) * 2
    assert {model for _, model, *_ in counts} == models
    assert {count for *_, count, _ in counts} == {15}
    assert {remark for *_, remark in counts} == {"random weights"}
    assert stimuli == [(78, 1, 1, None)]


def test_the_example_says_which_variable_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CICHY78", raising=False)
    done = alignhouse("run", str(EXAMPLE), "--no-report", folder=tmp_path)
    assert done.returncode == 2
    assert "variable $CICHY78 is not set" in done.stderr
