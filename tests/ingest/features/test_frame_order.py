"""Networks that are shown the frames of a video in another order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignhouse.ingest.features.frame_order import with_order
from alignhouse.ingest.features.inputs import InputMaker
from alignhouse.ingest.features.jobs import Extraction, extraction_jobs, model_name
from alignhouse.ingest.features.recipe import input_key
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog

FRAMES = np.arange(30, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)


def test_frozen_frames_repeat_the_first() -> None:
    assert with_order(FRAMES, "frozen").shape == FRAMES.shape
    assert set(with_order(FRAMES + 3, "frozen").ravel()) == {3}


def test_shuffled_frames_are_all_there_in_another_order() -> None:
    places = with_order(FRAMES, "shuffled")[:, 0, 0, 0]
    assert sorted(places.tolist()) == list(range(30))
    # Stored scores depend on this order.
    assert places.tolist()[:6] == [2, 22, 7, 25, 20, 28]
    for count in range(2, 9):
        assert with_order(FRAMES[:count], "shuffled")[:, 0, 0, 0].tolist() != list(range(count))


def test_a_single_frame_has_one_order() -> None:
    assert np.array_equal(with_order(FRAMES[:1], "shuffled"), FRAMES[:1])


def extraction(order: str) -> Extraction:
    return Extraction(
        root=Path("w"),
        stimuli=(),
        sha256={},
        weights="random",
        seed=0,
        device="cpu",
        memory=1,
        scratch=1,
        order=order,  # type: ignore[arg-type]
    )


def test_another_order_makes_another_model_and_the_usual_one_keeps_its_key() -> None:
    network = catalog()["x3d_s"]
    settings = [ExtractionSettings()]
    [usual] = extraction_jobs(extraction("given"), network, settings, skip_bad=False)
    [frozen] = extraction_jobs(extraction("frozen"), network, settings, skip_bad=False)
    assert usual.settings["model"] == "x3d_s-random0"
    assert usual.settings["extraction"] == {}
    assert frozen.settings["model"] == frozen.label == "x3d_s-random0@frozen"
    assert frozen.settings["extraction"] == {"order": "frozen"}
    assert model_name("SlowFast", "pretrained", 0, "shuffled") == "SlowFast@shuffled"


def test_orders_do_not_share_inputs() -> None:
    network = catalog()["x3d_s"]
    keys = {
        input_key(network, ExtractionSettings(order=order), {"transform": None})  # type: ignore[arg-type, typeddict-item]
        for order in ("given", "shuffled", "frozen")
    }
    assert len(keys) == 3


def test_a_network_is_shown_the_frames_in_the_order_of_its_settings() -> None:
    network = catalog()["AlexNet"]
    torch = pytest.importorskip("torch")
    shown = {
        order: torch.stack(
            InputMaker(
                network,
                ExtractionSettings(order=order),  # type: ignore[arg-type]
                lambda image: torch.tensor(float(image.getpixel((0, 0))[0])),
            )(FRAMES).parts
        ).tolist()
        for order in ("given", "shuffled", "frozen")
    }
    assert shown["given"] == list(range(30))
    assert shown["shuffled"] == with_order(FRAMES, "shuffled")[:, 0, 0, 0].tolist()
    assert shown["frozen"] == [0] * 30
