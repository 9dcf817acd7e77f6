"""The spool keeps rows exactly, gives them back in blocks, names what is wrong, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.features.spool import Spool
from warehouse.errors import BadInput

ROWS = np.random.default_rng(1).normal(size=(5, 37)).astype(np.float32)


def filled(scratch: Path) -> Spool:
    spool = Spool(scratch)
    for index, row in enumerate(ROWS):
        spool.append({"conv": row, "fc": row[:4] + 1}, f"video {index}")
    return spool


@pytest.mark.parametrize("memory", [1, 5 * 20 * 10, 1e9])
def test_blocks_hold_every_column_once_within_the_memory_given(tmp_path: Path, memory: float) -> None:
    with filled(tmp_path) as spool:
        conv, fc = spool.layers
        blocks = [block.copy() for block in conv.blocks(memory)]
        widths = {1: [1] * 37, 1000: [10, 10, 10, 7], 1e9: [37]}[memory]
        assert [block.shape[1] for block in blocks] == widths
        np.testing.assert_array_equal(np.hstack(blocks), ROWS.astype(np.float64))
        np.testing.assert_array_equal(np.hstack(list(fc.blocks(1e9))), (ROWS[:, :4] + 1).astype(np.float64))


def test_row_means_are_those_of_the_stored_values(tmp_path: Path) -> None:
    with filled(tmp_path) as spool:
        np.testing.assert_allclose(spool.layers[0].means, ROWS.astype(np.float64).mean(axis=1), rtol=1e-14)


def test_layers_keep_the_order_of_the_first_stimulus(tmp_path: Path) -> None:
    with filled(tmp_path) as spool:
        assert [(layer.name, layer.width) for layer in spool.layers] == [("conv", 37), ("fc", 4)]


def test_nothing_is_left_in_scratch_after_success_or_failure(tmp_path: Path) -> None:
    with filled(tmp_path):
        assert len(list(tmp_path.rglob("*.f32"))) == 2
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
        spool.append({"conv": row, "fc": ROWS[0, :4]}, "video 9")


def test_other_layers_than_the_first_stimulus_had_are_an_error(tmp_path: Path) -> None:
    with (
        filled(tmp_path) as spool,
        pytest.raises(BadInput, match="layers read for video 9: expected conv, fc"),
    ):
        spool.append({"conv": ROWS[0]}, "video 9")


def test_a_scratch_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="scratch folder"):
        Spool(tmp_path / "nowhere")
