"""Jobs whose RDMs do not fit in memory: the rule, and results that equal those of whole RDMs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stored_rdms import CONDITIONS, N_PAIRS, SUBJECTS, Stored, artifacts_of, store_rdms
from tiny_blocks import make_blocks_tiny

from alignhouse.analysis.jobs.control_scores import control_score_batch
from alignhouse.analysis.jobs.noise_ceilings import noise_ceiling_batch
from alignhouse.analysis.jobs.room import Limits, blocks_if_needed, room_if_needed
from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.warehouse.artifacts import SCRATCH
from alignhouse.warehouse.store import Writer

# Enough to rank one RDM, but not for the RDMs of all brains.
LITTLE = Limits(memory=3_000, buffers=100, scratch=10**6)
MEMORY = 10**8


@pytest.fixture
def sound_scope(scope_of: Callable[[str], Scope]) -> Scope:
    return scope_of("sound")


def held(layers: int) -> int:
    """Bytes that whole RDMs take: dissimilarities and ranks of five brains, means of two regions, layers."""
    return N_PAIRS * (5 * (8 + 4) + 2 * (8 + 4) + 4 * layers)


def test_whole_rdms_are_used_if_they_fit_beside_the_buffers(stored: Stored, sound_scope: Scope) -> None:
    for buffers in (0, 500):
        fits, short = (Limits(held(3) + buffers - less, buffers, 10**6) for less in (0, 1))
        assert blocks_if_needed(sound_scope, stored.models, stored.brains, fits, permutations=9) is None
        found = blocks_if_needed(sound_scope, stored.models, stored.brains, short, permutations=9)
        assert found is not None
        assert (found.room.memory, found.room.scratch) == (short.memory, 10**6)
        assert found.room.folder == stored.root / SCRATCH
    assert blocks_if_needed(sound_scope, stored.models, stored.brains, None, permutations=9) is None


def test_what_needs_whole_rdms_gets_them(stored: Stored, scope_of: Callable[[str], Scope]) -> None:
    paper = scope_of("paper")
    assert blocks_if_needed(paper, stored.models, stored.brains, LITTLE, permutations=9) is None
    rdms = stored.brain_rdms["EBA"].copy()
    rdms[0, : len(CONDITIONS) - 1] = np.nan
    partly = store_rdms(
        stored.root, {"subject": SUBJECTS["EBA"]}, rdms, CONDITIONS, {"sub-01": CONDITIONS[:1]}
    )
    assert room_if_needed("spearman", {**stored.brains, "EBA": partly}, LITTLE, 0) is None
    assert room_if_needed("spearman", stored.brains, LITTLE, 0) is not None
    assert room_if_needed("kendall_tau_a", stored.brains, LITTLE, 0) is None


@pytest.mark.parametrize(
    ("scratch", "permutations", "most"),
    [(10**6, 1, 23), (10**6, 3, 7), (6 * 45 * 4 + 2 * 400, 1, 6), (1, 1, 1), (10**6, 10**6, 1)],
)
def test_a_call_has_as_many_layers_as_scratch_and_memory_hold(
    stored: Stored, sound_scope: Scope, scratch: int, permutations: int, most: int
) -> None:
    """A null of two regions takes 32 bytes a layer and permutation, of a quarter of 3,000 bytes."""
    limits = Limits(LITTLE.memory, LITTLE.buffers, scratch)
    how: dict[str, Any] = {"permutations": permutations, "seed": 0, "memory": MEMORY}
    assert rsa_batch(sound_scope, stored.models, stored.brains, **how, limits=limits).most == most


@pytest.mark.parametrize("make", [rsa_batch, control_score_batch])
def test_scores_in_blocks_are_the_same_rows_of_the_same_jobs(
    monkeypatch: pytest.MonkeyPatch, stored: Stored, sound_scope: Scope, make: Any
) -> None:
    make_blocks_tiny(monkeypatch)
    how: dict[str, Any] = {"permutations": 19, "seed": 3, "memory": MEMORY}
    whole = make(sound_scope, stored.models, stored.brains, **how)
    blocks = make(sound_scope, stored.models, stored.brains, **how, limits=LITTLE)
    assert "room" in blocks.shared
    assert "room" not in whole.shared
    assert [job.key for job in blocks.jobs] == [job.key for job in whole.jobs]
    expected, found = artifacts_of(stored.root, whole), None
    expected_rows = {key: [each.rows() for each in made] for key, made in expected.items()}
    found = artifacts_of(stored.root, blocks)
    for key, tables in expected_rows.items():
        for table, artifact in zip(tables, found[key], strict=True):
            rows = artifact.rows()
            assert rows.columns == table.columns
            for name in table.columns:
                if table[name].dtype.is_float():
                    np.testing.assert_allclose(rows[name], table[name], rtol=0, atol=1e-12)
                elif name == "null":
                    np.testing.assert_allclose(rows[name].to_numpy(), table[name].to_numpy(), atol=2e-7)
                else:
                    assert rows[name].to_list() == table[name].to_list()
    assert not list((stored.root / SCRATCH).iterdir())


@pytest.mark.parametrize("protocol", ["sound", "paper"])
def test_noise_ceilings_in_blocks_are_the_same_rows(
    monkeypatch: pytest.MonkeyPatch, stored: Stored, scope_of: Callable[[str], Scope], protocol: str
) -> None:
    make_blocks_tiny(monkeypatch)
    scope = scope_of(protocol)
    single = store_rdms(stored.root, {"subject": ["sub-09"]}, stored.brain_rdms["V1"][:1], CONDITIONS)
    brains = {"one": single, **stored.brains}
    how: dict[str, Any] = {"permutations": 19, "seed": 5, "level": 0.9, "memory": MEMORY}
    whole = noise_ceiling_batch(scope, brains, "", **how)
    blocks = noise_ceiling_batch(scope, brains, "", **how, limits=LITTLE)
    assert "room" in blocks.shared
    assert [job.key for job in blocks.jobs] == [job.key for job in whole.jobs]
    [[expected]] = artifacts_of(stored.root, whole).values()
    wanted = expected.rows().to_dicts()
    [[found]] = artifacts_of(stored.root, blocks).values()
    for row, other in zip(found.rows().to_dicts(), wanted, strict=True):
        assert row == {
            name: pytest.approx(value, abs=1e-11) if isinstance(value, float) else value
            for name, value in other.items()
        }


def test_what_a_killed_process_left_is_removed_by_the_next_writer(stored: Stored) -> None:
    left = stored.root / SCRATCH / "vectors-left"
    left.mkdir(parents=True)
    (left / "vectors").write_bytes(b"ranks")
    with Writer(stored.root, "test"):
        assert not left.exists()
