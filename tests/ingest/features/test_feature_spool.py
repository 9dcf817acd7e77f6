"""The spool stores rows exactly, returns them in blocks, names invalid rows, and removes its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alignhouse.ingest.features.spool import Spool
from alignhouse.warehouse.errors import BadInput

ROWS = np.random.default_rng(1).normal(size=(5, 37)).astype(np.float32)


def filled(scratch: Path, **options: Any) -> Spool:
    spool = Spool(scratch, **options)
    for index, row in enumerate(ROWS):
        spool.append(tensors(conv=row, fc=row[:4] + 1), f"video {index}")
    return spool


def tensors(**rows: np.ndarray) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(row.copy()) for name, row in rows.items()}


@pytest.mark.parametrize("memory", [1, 5 * 20 * 10, 1e9])
@pytest.mark.parametrize("on_device", [False, True])
def test_blocks_hold_every_column_once_within_the_memory_given(
    tmp_path: Path, memory: float, on_device: bool
) -> None:
    with filled(tmp_path, on_device=on_device) as spool:
        conv, fc = spool.layers
        blocks = [block.copy() for block in conv.blocks(memory)]
        widths = {1: [1] * 37, 1000: [10, 10, 10, 7], 1e9: [37]}[memory]
        assert [block.shape[1] for block in blocks] == widths
        np.testing.assert_array_equal(np.hstack(blocks), ROWS)
        np.testing.assert_array_equal(np.hstack(list(fc.blocks(1e9))), ROWS[:, :4] + 1)


@pytest.mark.parametrize("kind", ["fp32", "fp16"])
def test_row_means_are_those_of_the_stored_values(tmp_path: Path, kind: Any) -> None:
    stored = ROWS.astype({"fp32": np.float32, "fp16": np.float16}[kind])
    with filled(tmp_path, kind=kind) as spool:
        conv, fc = spool.layers
        np.testing.assert_allclose(conv.means, stored.astype(np.float64).mean(axis=1), rtol=1e-14)
        np.testing.assert_array_equal(np.hstack(list(conv.blocks(1e9))), stored)
        np.testing.assert_array_equal(np.hstack(list(fc.blocks(1e9))), (ROWS[:, :4] + 1).astype(stored.dtype))
        assert sum(path.stat().st_size for path in tmp_path.rglob(f"*.{kind}")) == stored.nbytes * 41 // 37


@pytest.mark.parametrize("on_device", [False, True])
def test_what_float16_cannot_hold_is_refused_not_made_infinite(tmp_path: Path, on_device: bool) -> None:
    large = ROWS[0].copy()
    large[5] = -65_600
    with Spool(tmp_path, kind="fp32", on_device=on_device) as spool:
        spool.append(tensors(conv=large), "video 1")
    with (
        Spool(tmp_path, kind="fp16", on_device=on_device) as spool,
        pytest.raises(BadInput, match=r"layer conv for video 1: expected at most 65504.*found 65600.*fp32"),
    ):
        spool.append(tensors(conv=large), "video 1")


def test_values_that_differ_only_beyond_float16_cannot_be_correlated(tmp_path: Path) -> None:
    near = np.float32(1) + np.linspace(0, 1e-5, 37, dtype=np.float32)
    with Spool(tmp_path, kind="fp16") as spool, pytest.raises(BadInput, match="found 1 in all 37"):
        spool.append(tensors(conv=near), "video 1")


def test_layers_keep_the_order_of_the_first_stimulus(tmp_path: Path) -> None:
    with filled(tmp_path) as spool:
        assert [(layer.name, layer.width) for layer in spool.layers] == [("conv", 37), ("fc", 4)]


def test_nothing_is_left_in_scratch_after_success_or_failure(tmp_path: Path) -> None:
    with filled(tmp_path):
        assert len(list(tmp_path.rglob("*.fp32"))) == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="stop"), filled(tmp_path):
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (np.full(37, 2.5, np.float32), r"layer conv for video 9.*found 2.5 in all 37"),
        (np.where(np.arange(37) == 3, np.nan, 1).astype(np.float32), r"layer conv for video 9.*1 of 37"),
        (np.where(np.arange(37) == 3, np.inf, 1).astype(np.float32), r"layer conv for video 9.*1 of 37"),
        (np.arange(36, dtype=np.float32), r"layer conv for video 9: expected 37 values, found 36"),
    ],
)
def test_a_row_that_cannot_be_correlated_names_layer_and_stimulus(
    tmp_path: Path, row: np.ndarray, message: str
) -> None:
    with filled(tmp_path) as spool, pytest.raises(BadInput, match=message):
        spool.append(tensors(conv=row, fc=ROWS[0, :4]), "video 9")


def test_other_layers_than_the_first_stimulus_had_are_an_error(tmp_path: Path) -> None:
    with (
        filled(tmp_path) as spool,
        pytest.raises(BadInput, match="layers read for video 9: expected conv, fc"),
    ):
        spool.append(tensors(conv=ROWS[0]), "video 9")


def test_a_scratch_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="scratch folder"):
        Spool(tmp_path / "nowhere")
