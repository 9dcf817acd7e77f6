"""The work of extractions, which the time left is computed from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from alignhouse.ingest.features.steps import Steps
from alignhouse.ingest.features.work import FRAME, OF_A_GRAM, OF_DEPTHWISE, extraction_work
from alignhouse.ingest.models.catalog import catalog


def test_work_is_multiply_adds_of_all_calls_and_decoding() -> None:
    networks = catalog()
    alexnet, clips = networks["AlexNet"], networks["x3d_s"]
    assert extraction_work(alexnet, 78, 1) == pytest.approx(78 * (0.714 + FRAME))
    assert extraction_work(alexnet, 10, 90) == pytest.approx(10 * 90 * (0.714 + FRAME))
    assert clips.clips_for_90_frames == 2
    assert extraction_work(clips, 10, 90) == pytest.approx(10 * (2 * OF_DEPTHWISE * 2.722 + 90 * FRAME))


def test_every_network_of_the_catalog_has_work() -> None:
    work = {name: extraction_work(network, 1, 90) for name, network in catalog().items()}
    assert min(work.values()) > 0
    assert work["ResNet34"] > work["AlexNet"]
    # Fewer multiply-adds, but depthwise ones: measured, it takes four times as long.
    assert work["efficientnet_b6"] > work["VGG11"] > work["ResNet50"]


def test_steps_count_stimuli_and_layers_by_what_they_cost() -> None:
    heard: list[tuple[int, int]] = []
    shown: list[tuple[int, int]] = []
    options = {"on_stimulus": lambda *at: shown.append(at), "on_step": lambda *at: heard.append(at)}
    plan = SimpleNamespace(passes=[1, 2], n_stimuli=10)
    width = int(4 * 1e9 / (OF_A_GRAM * 100))  # as much as four stimuli of work 1
    recipe = SimpleNamespace(widths={"a": width, "b": width // 2})
    steps = Steps(cast(Any, options), cast(Any, plan), 1.0, cast(Any, [recipe]))
    steps.shown(0, 10)
    steps.made(cast(Any, recipe), "a")
    steps.shown(1, 10)
    steps.made(cast(Any, recipe), "b")
    assert heard == [(10, 26), (14, 26), (24, 26), (26, 26)]
    assert shown == [(10, 20), (20, 20)]
