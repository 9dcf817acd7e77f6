"""What `doctor` says about a study with networks: weights, scratch, memory, and the disk's free space."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from study_files import study_of

from alignhouse.ingest.features import extract
from alignhouse.ingest.models import build, weights
from alignhouse.study import doctor
from alignhouse.study.doctor import ON_TOP, Finding, diagnosis
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.sizes import size_in_words

EXPECTED_WIDTHS = Path(__file__).parents[1] / "networks" / "expected_widths.csv"
STUDY = '[brain]\nkind = "rdms"\npath = "brain"\ndataset = "mine"\n[stimuli]\npath = "images"\n'
N_STIMULI = 4
BYTES_OF_A_FEATURE = 4
# The published name of the file of AlexNet's weights.
OF_ALEXNET = "alexnet-owt-7be5be79.pth"

Findings = dict[str, Finding]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Findings]:
    """What doctor finds for a study with this text, by subject; no hub answers, and no weights are there."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_answers", lambda address: False)
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (N_STIMULI, 8, 8, 3), dtype=np.uint8)
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / "images" / f"{number}.png")
    monkeypatch.chdir(tmp_path)

    def of(text: str) -> Findings:
        study = study_of(tmp_path, f'[study]\nwarehouse = "mine.alignhouse"\n{text}', STUDY)
        return {each.what: each for each in diagnosis(study, Silent())}

    return of


def downloaded(folder: Path, file: str) -> None:
    cache = folder / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / file).touch()


def features_of_alexnet() -> list[int]:
    """The number of features of each layer, under the protocol `sound`."""
    with EXPECTED_WIDTHS.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["network"] == "AlexNet"]
    return [int(row["width"]) for row in rows if row["protocol"] == "sound"]


def test_scratch_is_that_of_all_features_of_all_stimuli(
    found: Callable[[str], Findings], tmp_path: Path
) -> None:
    downloaded(tmp_path, OF_ALEXNET)
    said = found('[networks]\ninclude = ["AlexNet"]\n')
    assert said["weights"] == Finding("weights", "of 1 networks: there, or their hub answers")
    megabytes = N_STIMULI * BYTES_OF_A_FEATURE * sum(features_of_alexnet()) / 1e6
    assert said["scratch"] == Finding("scratch", f"up to {megabytes:.1f} MB at once (AlexNet)")
    assert "AlexNet" not in said
    assert "networks" not in said


def test_missing_weights_are_named_and_no_network_is_built(
    found: Callable[[str], Findings], tmp_path: Path
) -> None:
    downloaded(tmp_path, OF_ALEXNET)
    said = found('[networks]\ninclude = ["AlexNet", "ResNet34"]\n')
    assert said["networks"].advice == "mend this first"
    assert "weights of 1 network are missing" in said["networks"].found
    assert "ResNet34" in said["networks"].found
    assert "AlexNet:" not in said["networks"].found
    assert "weights" not in said
    assert "scratch" not in said


@pytest.fixture
def quickly_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks with two layers of a thousand and of nine thousand features, that nobody needs to build."""
    widths = [{"narrow": 1000, "wide": 9000}]
    monkeypatch.setattr(extract, "measure_widths", lambda *arguments, **options: widths)
    monkeypatch.setattr(
        build, "build_network", lambda network, weights: SimpleNamespace(module=None, transform=None)
    )


RANDOM = '[networks]\ninclude = ["AlexNet"]\nweights = "random"\n'
# 10,000 features of 4 bytes for 4 stimuli.
OF_FEATURES = 160_000


@pytest.mark.usefixtures("quickly_measured")
def test_a_full_disk_is_found_before_the_features_are_written(
    found: Callable[[str], Findings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    advice = "free space, lower compute.scratch, or move the warehouse"
    for free, expected in ((OF_FEATURES, ""), (OF_FEATURES - 1, advice)):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: SimpleNamespace(free=free))
        said = found(RANDOM)
        assert said["scratch"] == Finding("scratch", "up to 160.0 kB at once (AlexNet)", expected)
        assert said["disk"].found == f"160.0 kB free in {tmp_path}"


@pytest.mark.usefixtures("quickly_measured")
def test_scratch_is_at_most_what_the_study_allows(found: Callable[[str], Findings]) -> None:
    said = found(f'{RANDOM}[compute]\nscratch = "150KB"\n')
    assert said["scratch"].found == "up to 150.0 kB at once (AlexNet)"
    assert "AlexNet" not in said


@pytest.mark.usefixtures("quickly_measured")
@pytest.mark.parametrize(
    ("setting", "what", "kind"),
    [
        ('scratch = "143KB"', "4 stimuli: expected at most 143.0 kB of scratch, found 144.0 kB", "scratch"),
        # One stimulus may take three quarters; each of its features takes 16 bytes while it is shown.
        ('memory = "40KB"', "one stimulus: expected at most 30.0 kB of memory, found 144.0 kB", "memory"),
    ],
)
def test_a_layer_that_does_not_fit_is_named_with_what_it_needs(
    found: Callable[[str], Findings], setting: str, what: str, kind: str
) -> None:
    said = found(f"{RANDOM}[compute]\n{setting}\n")["AlexNet"]
    assert f"features of layer wide of network AlexNet, {what}" in said.found
    assert f"raise compute.{kind}" in said.found
    assert said.advice == "raise compute.memory or compute.scratch, or exclude it"


@pytest.mark.parametrize(
    ("networks", "base", "words"),
    [
        ('include = ["AlexNet", "ResNet34"]', 800, "programs 800.0 MB, a network its weights and one call"),
        ('rdms = "models"', 450, "programs 450.0 MB"),
    ],
)
def test_memory_is_that_of_buffers_and_programs_with_or_without_networks(
    found: Callable[[str], Findings], monkeypatch: pytest.MonkeyPatch, networks: str, base: int, words: str
) -> None:
    needed = (1000 + base) * 10**6
    for free, advice in ((needed, ""), (needed - 1, "lower compute.memory, or --memory")):
        monkeypatch.setattr(doctor, "available_memory", lambda free=free: free)
        said = found(f'[networks]\n{networks}\n[compute]\nmemory = "1GB"\n')["memory"]
        expected = f"{size_in_words(free)} available; buffers may take 1.0 GB, {words}; {ON_TOP}"
        assert said == Finding("memory", expected, advice), free
