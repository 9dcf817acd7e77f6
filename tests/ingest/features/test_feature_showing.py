"""Stimuli are read ahead, in order and within limits; weights of its parts give the average."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from features_plainly import sources
from PIL import Image

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.inputs import InputMaker
from alignhouse.ingest.features.jobs import Extraction, extract, extraction_jobs
from alignhouse.ingest.features.options import DEFAULTS, How
from alignhouse.ingest.features.prefetch import made_ahead
from alignhouse.ingest.features.reading import StimulusReader, inputs_ahead
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.showing import part_weights
from alignhouse.ingest.models.build import Built, build
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Silent


def test_what_is_made_ahead_comes_in_order_and_never_more_than_asked_for() -> None:
    begun: list[int] = []
    most_ahead = 0

    def make(item: int) -> int:
        begun.append(item)
        return item * item

    made = made_ahead(make, range(20), workers=3, ahead=4)
    for taken, value in enumerate(made):
        assert value == taken * taken
        most_ahead = max(most_ahead, len(begun) - (taken + 1))
    assert sorted(begun) == list(range(20))
    assert most_ahead <= 4


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    second_begun = threading.Event()

    def make(item: int) -> int:
        if item == 1:
            second_begun.set()
        return item

    made = made_ahead(make, range(3), workers=1, ahead=2)
    assert next(made) == 0
    assert second_begun.wait(10)
    made.close()


def test_an_error_is_raised_at_its_items_position_and_no_more_items_start() -> None:
    begun: list[int] = []

    def make(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ValueError("item 2")
        return item

    made = made_ahead(make, range(50), workers=1, ahead=2)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ValueError, match="item 2"):
        next(made)
    assert max(begun) < 6


def test_reading_ahead_leaves_the_networks_threads_alone() -> None:
    before = torch.get_num_threads()
    assert list(made_ahead(lambda item: torch.get_num_threads(), range(2), workers=1, ahead=1)) == [1, 1]
    assert torch.get_num_threads() == before


def test_as_many_stimuli_are_read_ahead_as_an_eighth_of_memory_holds() -> None:
    assert devices.read_ahead(50_000_000, 8e9, 4) == 5
    assert devices.read_ahead(50_000_000, 8e8, 4) == 2
    assert devices.read_ahead(50_000_000, 1e6, 4) == 1


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
def test_weights_are_those_of_a_plain_mean_or_a_running_mean_of_pairs(n_parts: int) -> None:
    values = np.random.default_rng(0).normal(size=n_parts)
    running = values[0]
    for value in values[1:]:
        running = (running + value) / 2
    np.testing.assert_allclose(part_weights(n_parts, pairwise=True) @ values, running, rtol=1e-14)
    np.testing.assert_allclose(part_weights(n_parts, pairwise=False) @ values, values.mean(), rtol=1e-13)


@pytest.mark.parametrize("average", ["mean", "running_pairwise"])
def test_several_clips_in_a_call_give_what_one_at_a_time_gives(
    average: str, x3d: torch.nn.Module, tmp_path: Path
) -> None:
    network = catalog()["x3d_s"].model_copy(update={"resize": 32, "crop": 32})
    random = np.random.default_rng(5)
    # 160 frames make three clips of 13 x 6.
    videos = sources(
        [np.repeat(random.integers(0, 256, (16, 20, 24, 3), dtype=np.uint8), 10, axis=0) for _ in range(3)]
    )
    settings = ExtractionSettings(clip_average=average)  # type: ignore[arg-type]
    shown: list[int] = []
    x3d.register_forward_pre_hook(lambda module, arguments: shown.append(len(arguments[0])))
    one, two, four = (
        extract_rdms(network, x3d, videos, settings, scratch=tmp_path, batch=batch) for batch in (1, 2, 4)
    )
    assert shown == [1] + [1] * 9 + [1] + [2, 1] * 3 + [1] + [3] * 3
    for a, b, c in zip(one.layers, two.layers, four.layers, strict=True):
        np.testing.assert_allclose(b.rdm, a.rdm, atol=1e-6)
        np.testing.assert_allclose(c.rdm, a.rdm, atol=1e-6)


def test_features_kept_on_the_device_give_the_same_bytes_as_on_disk(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    on_disk: dict[str, list[int]] = {"disk": [], "device": []}
    found: dict[str, NetworkRdms] = {}

    def watch(where: str) -> Callable[[int, int], None]:
        return lambda done, total: on_disk[where].append(len(list(tmp_path.rglob("*.fp32"))))

    for where in ("disk", "device"):
        found[where] = extract_rdms(
            catalog()["AlexNet"],
            alexnet,
            sources(noise_videos),
            ExtractionSettings(reduction="pca"),
            scratch=tmp_path,
            features_on=where,  # type: ignore[typeddict-item]
            on_stimulus=watch(where),
        )
    assert on_disk == {"disk": [14] * 4, "device": [0] * 4}
    for a, b in zip(found["disk"].layers, found["device"].layers, strict=True):
        assert a.rdm.tobytes() == b.rdm.tobytes()


def test_features_in_float16_take_half_the_disk_and_give_nearly_the_same_rdms(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], alexnet_rdms: NetworkRdms, tmp_path: Path
) -> None:
    sizes: list[int] = []
    found = extract_rdms(
        catalog()["AlexNet"],
        alexnet,
        sources(noise_videos),
        ExtractionSettings(spool="fp16"),
        scratch=tmp_path,
        batch=2,
        features_on="disk",
        on_stimulus=lambda done, total: sizes.append(
            sum(path.stat().st_size for path in tmp_path.rglob("*.fp16"))
        ),
    )
    assert sizes[-1] <= 2 * len(noise_videos) * sum(layer.width for layer in found.layers)
    for half, whole in zip(found.layers, alexnet_rdms.layers, strict=True):
        np.testing.assert_allclose(half.rdm, whole.rdm, atol=1e-5)
    assert any(
        (half.rdm != whole.rdm).any() for half, whole in zip(found.layers, alexnet_rdms.layers, strict=True)
    )


def test_processes_read_the_same_as_threads(tmp_path: Path) -> None:
    photographs = []
    for number, pixels in enumerate(np.random.default_rng(2).integers(0, 256, (5, 60, 80, 3), np.uint8)):
        photographs.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(photographs[-1])
    network = catalog()["AlexNet"]
    module = build(network, weights="random")
    in_threads, in_processes = (
        extract_rdms(
            network,
            module,
            photographs,
            ExtractionSettings(),
            scratch=tmp_path,
            readers=1,
            reader_processes=processes,
        )
        for processes in (False, True)
    )
    for one, other in zip(in_threads.layers, in_processes.layers, strict=True):
        assert one.name == other.name
        assert (one.rdm == other.rdm).all()


def test_an_error_in_a_reader_process_names_the_file(tmp_path: Path) -> None:
    reader = StimulusReader({(): InputMaker(catalog()["AlexNet"], ExtractionSettings())}, None)
    (tmp_path / "broken.png").write_bytes(b"no photograph")
    options = cast(How, DEFAULTS | {"readers": 1, "reader_processes": True, "scratch": tmp_path})
    with pytest.raises(BadInput, match=r"broken\.png does not decode"):
        list(inputs_ahead(reader, [tmp_path / "broken.png"], 1, options))


def test_frames_of_functions_cannot_be_sent_and_are_read_in_threads(tmp_path: Path) -> None:
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    options = cast(How, DEFAULTS | {"readers": 1, "reader_processes": True, "scratch": tmp_path})
    here = threading.get_ident()
    seen: list[int] = []

    def video() -> np.ndarray:
        seen.append(threading.get_ident())
        return frames

    reader = StimulusReader({(): InputMaker(catalog()["AlexNet"], ExtractionSettings())}, None)
    shown = [inputs[()].frames_sampled for inputs in inputs_ahead(reader, [video, video], 1, options)]
    assert shown == [2, 2]
    assert len(seen) == 2
    assert here not in seen


def test_for_a_gpu_a_study_reads_in_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stimulus = Stimulus("a", "test", tmp_path / "a.png", "image")
    shared = Extraction(tmp_path, [stimulus], {"a": "0" * 64}, "random", 0, "cuda", 1, 1)
    network = catalog()["AlexNet"]
    seen: dict[str, Any] = {}

    def recorded(*arguments: object, **options: Any) -> list[NetworkRdms]:
        seen.update(options)
        return []

    monkeypatch.setattr("alignhouse.ingest.features.extract.extract_rdms_together", recorded)
    jobs = extraction_jobs(shared, network, [ExtractionSettings()], skip_bad=False)
    assert list(extract(jobs, Silent(), network, shared, Built(torch.nn.Identity()), "cuda")) == []
    assert seen["reader_processes"]
    read = pickle.loads(pickle.dumps(seen["read_frames"]))
    with pytest.raises(BadInput, match=r"there is no file .*a\.png"):
        read(stimulus.path, "av")
