"""Brain RDMs of other labs: conditions are matched by name, and by order only if the user allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listening import Listening
from mini_study import ONE_PROTOCOL, WITHOUT_RESAMPLES

from alignhouse.analysis.jobs import scores
from alignhouse.analysis.report.gather import gather
from alignhouse.study.file import read_study, with_compute
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

N_SUBJECTS = 3


def squares(n: int) -> np.ndarray:
    """(subjects, n, n): symmetric, zero on the diagonal."""
    half = np.triu(np.random.default_rng(5).random((N_SUBJECTS, n, n)), 1)
    return half + half.transpose(0, 2, 1)


@pytest.fixture
def lab(study: Any) -> Any:
    study.change('kind = "bmd"\npath = "betas"', 'kind = "rdms"\npath = "lab"')
    study.change('regions = ["V1", "EBA"]\n', "")
    study.change(*ONE_PROTOCOL)
    (study.folder / "lab").mkdir()
    return study


def alignment(study: Any) -> list[tuple[Any, ...]]:
    run_study(read_study(study.file), command="test", until="rsa")
    return stored_alignment(study)


def stored_alignment(study: Any) -> list[tuple[Any, ...]]:
    with Warehouse.open(study.warehouse) as opened:
        query = "select protocol, model, layer, roi, subject, rho from alignment order by all"
        return opened.sql(query).fetchall()


def test_named_conditions_may_come_in_any_order(lab: Any) -> None:
    names = np.array([str(1001 + number) for number in range(12)])
    rdms = squares(12)
    file: Path = lab.folder / "lab" / "fmri_EVC_RDMs.npz"
    np.savez(file, rdms=rdms, conditions=names)
    in_order = alignment(lab)
    order = np.random.default_rng(1).permutation(12)
    np.savez(file, rdms=rdms[:, order][:, :, order], conditions=names[order])
    assert alignment(lab) == in_order
    np.savez(file, rdms=rdms[:, order][:, :, order], conditions=names)
    assert alignment(lab) != in_order


def test_rows_follow_the_stimuli_only_where_the_user_says_so(lab: Any) -> None:
    np.save(lab.folder / "lab" / "EVC.npy", squares(12))
    with pytest.raises(BadInput, match="does not name its conditions.*stimulus_order"):
        alignment(lab)
    lab.change('dataset = "mini"', 'dataset = "mini"\nconditions = "stimulus_order"')
    assert len(alignment(lab)) == 3 * 4 * N_SUBJECTS


@pytest.mark.parametrize(
    ("n", "names", "message"),
    [
        (11, None, "conditions of .*EVC.npz: expected 12, one per stimulus, found 11"),
        (12, [str(1001 + number) for number in range(11)] + ["2000"], "do not match.*(1012|2000)"),
        (12, None, None),
    ],
    ids=["another number", "another name", "fits"],
)
def test_conditions_that_do_not_fit_the_stimuli_are_refused(
    lab: Any, n: int, names: list[str] | None, message: str | None
) -> None:
    lab.change('dataset = "mini"', 'dataset = "mini"\nconditions = "stimulus_order"')
    arrays = {"rdms": squares(n)} | ({"conditions": np.array(names)} if names else {})
    np.savez(lab.folder / "lab" / "EVC.npz", **arrays)
    if message is None:
        assert alignment(lab)
        return
    with pytest.raises(BadInput, match=message):
        alignment(lab)
    assert not lab.warehouse.exists()


def test_a_region_that_has_no_file_lists_those_that_do(lab: Any) -> None:
    np.save(lab.folder / "lab" / "EVC.npy", squares(12))
    lab.change('dataset = "mini"', 'dataset = "mini"\nregions = ["EVD"]')
    with pytest.raises(BadInput, match="no RDMs of region 'EVD'.*did you mean EVC"):
        alignment(lab)


def test_a_report_shows_the_settings_of_its_own_data_set(lab: Any) -> None:
    np.save(lab.folder / "lab" / "EVC.npy", squares(12))
    lab.change('dataset = "mini"', 'dataset = "first"\nconditions = "stimulus_order"')
    alignment(lab)
    lab.change('dataset = "first"', 'dataset = "second"')
    lab.change("permutations = 50", "permutations = 60")
    alignment(lab)
    with Warehouse.open(lab.warehouse) as opened:
        for dataset, permutations in (("first", 50), ("second", 60)):
            content = gather(opened, dataset, "test", ["model_type"])
            assert content.settings["brain"]["dataset"] == dataset
            assert content.settings["analysis"]["permutations"] == permutations


def test_rdms_beyond_the_memory_are_scored_in_blocks_with_the_same_numbers(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(lab.folder / "lab" / "EVC.npy", squares(12))
    lab.change('dataset = "mini"', 'dataset = "mini"\nconditions = "stimulus_order"')
    whole = alignment(lab)
    called: list[int] = []
    in_blocks = scores.score_in_blocks

    def listened(*given: Any, room: Any, **how: Any) -> Any:
        called.append(room.memory)
        return in_blocks(*given, room=room, **how)

    monkeypatch.setattr(scores, "score_in_blocks", listened)
    # Other permutations are other jobs. Networks are extracted already, with more memory.
    lab.change("permutations = 50", "permutations = 60")
    run_study(with_compute(read_study(lab.file), memory="6KB"), command="test", until="rsa")
    found = stored_alignment(lab)
    with Warehouse.open(lab.warehouse) as opened:
        assert opened.sql("select distinct permutations from significance").fetchall() == [(60,)]
    assert called
    assert set(called) == {6000}
    assert [row[:-1] for row in found] == [row[:-1] for row in whole]
    np.testing.assert_allclose([row[-1] for row in found], [row[-1] for row in whole], rtol=0, atol=1e-12)
    assert not (lab.warehouse / "scratch").exists()


def test_statistics_of_whole_rdms_are_skipped_where_these_do_not_fit(lab: Any) -> None:
    np.save(lab.folder / "lab" / "EVC.npy", squares(12))
    lab.change('dataset = "mini"', 'dataset = "mini"\nconditions = "stimulus_order"')
    lab.change(*reversed(WITHOUT_RESAMPLES))
    run_study(read_study(lab.file), command="test", until="rsa")
    heard = Listening()
    run_study(with_compute(read_study(lab.file), memory="3KB"), command="test", progress=heard)
    # 66 distances of 8 bytes, of 3 best layers and twice 4 layers; of 3 brains and 4 layers.
    assert [line for line in heard.lines if line.startswith("Skipped")] == [
        f"Skipped: {what}: expected at least {needed} of memory for RDMs of 12 stimuli, found 3.0 kB "
        "(raise compute.memory, --memory)"
        for what, needed in (("similarity of networks", "5.8 kB"), ("layer choices and intervals", "3.7 kB"))
    ]
    rows = "select count(*) from score_interval"
    with Warehouse.open(lab.warehouse) as opened:
        assert opened.sql(rows).fetchall() == [(0,)]
    run_study(read_study(lab.file), command="test")
    with Warehouse.open(lab.warehouse) as opened:
        assert opened.sql(rows).fetchall() != [(0,)]
