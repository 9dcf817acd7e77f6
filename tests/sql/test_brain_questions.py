"""The questions about brain data, against values computed by hand."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from empty_warehouse import empty_warehouse
from made_up_warehouse import rows_batch

from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.checks import broken_rules
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

# (region, split) -> subject -> voxels kept, median ncsnr, reliability
DATA = {
    ("V1", "test"): {"s1": (10, 0.5, 0.9), "s2": (12, 0.3, 0.2), "s3": (11, 0.4, 0.8)},
    ("V1", "train"): {"s1": (10, 0.25, 0.4), "s2": (12, 0.15, 0.5), "s3": (11, 0.2, None)},
    ("TOS", "test"): {"s1": (4, 0.7, 0.6), "s3": (6, 0.9, 0.1)},
}
REPETITIONS = {"test": 10, "train": 3}


# subject -> of each of five stimuli: used, seen and not used (x), or not seen (-)
COVERAGE = {"s1": "uuux-", "s2": "uu-x-", "s3": "-uu-x"}


def reliability_rows(most: float = 1.0) -> list[dict[str, object]]:
    return [
        {
            "dataset": "d",
            "subject": subject,
            "roi": roi,
            "split": split,
            "voxels": kept + 3,
            "voxels_kept": kept,
            "repetitions": REPETITIONS[split],
            "ncsnr_median": ncsnr,
            "rdm_reliability": reliability if reliability is None else reliability * most,
            "remark": "made up",
        }
        for (roi, split), subjects in DATA.items()
        for subject, (kept, ncsnr, reliability) in subjects.items()
    ]


def jobs(most: float = 1.0) -> list[Batch]:
    regions = [("V1", "early", 0), ("TOS", "lateral", 1)]
    parts = [("V1", "lV1v", 0), ("V1", "rV1v", 1), ("TOS", "TOS", 0)]
    subjects = [(roi, subject) for roi, _, _ in regions for subject in ("s1", "s2", "s3")]
    return [
        rows_batch("region_reliability", reliability_rows(most), ("dataset",)),
        rows_batch(
            "dataset",
            [{"dataset": "d", "kind": "bmd", "version": "A", "is_synthetic": True, "remark": "made up"}],
            ("dataset",),
        ),
        rows_batch(
            "roi",
            [{"dataset": "d", "roi": roi, "roi_group": group, "roi_order": i} for roi, group, i in regions],
            ("dataset",),
        ),
        rows_batch(
            "roi_part",
            [
                {"dataset": "d", "roi": roi, "part": part, "part_order": i, "hemisphere": "both"}
                for roi, part, i in parts
            ],
            ("dataset",),
        ),
        rows_batch(
            "subject_region",
            [
                {
                    "dataset": "d",
                    "subject": subject,
                    "roi": roi,
                    "absent_because": "TOS has no voxels" if (roi, subject) == ("TOS", "s2") else None,
                }
                for roi, subject in subjects
            ],
            ("dataset",),
        ),
        rows_batch(
            "subject_stimulus",
            [
                {
                    "dataset": "d",
                    "split": "test",
                    "subject": subject,
                    "stimulus": stimulus,
                    "is_seen": mark in "ux",
                    "is_used": mark == "u",
                }
                for subject, marks in COVERAGE.items()
                for stimulus, mark in zip("abcde", marks, strict=True)
            ],
            ("dataset", "split"),
        ),
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("questions") / "w"
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("tables", jobs())
    with Warehouse.open(folder) as opened:
        yield opened


def test_coverage_counts_what_each_subject_saw(warehouse: Warehouse) -> None:
    answer = warehouse.ask("coverage", dataset="d").pl()
    assert answer.select("split", "subject", "used", "seen_by_all", "not_seen", "not_used").rows() == [
        ("test", "s1", 3, 1, 0, 1),
        ("test", "s2", 2, 1, 1, 1),
        ("test", "s3", 2, 1, 1, 1),
    ]


def test_reliability_is_given_over_subjects(warehouse: Warehouse) -> None:
    answer = warehouse.ask("reliability").pl()
    assert answer.select("roi", "split").rows() == [("V1", "test"), ("TOS", "test"), ("V1", "train")]
    for row in answer.iter_rows(named=True):
        kept, ncsnr, found = zip(*DATA[row["roi"], row["split"]].values(), strict=True)
        reliabilities = [each for each in found if each is not None]
        assert row["subjects"] == len(kept)
        assert row["repetitions"] == REPETITIONS[row["split"]]
        assert row["voxels_median"] == statistics.median(kept)
        assert row["ncsnr_median"] == pytest.approx(statistics.median(ncsnr))
        assert row["rdm_reliability_median"] == pytest.approx(statistics.median(reliabilities))
        assert row["rdm_reliability_least"] == min(reliabilities)
        assert row["rdm_reliability_most"] == max(reliabilities)
        assert row["remark"] == "made up"
    assert warehouse.ask("reliability", roi="TOS").pl()["roi"].to_list() == ["TOS"]
    assert warehouse.ask("reliability", split="train").pl()["roi"].to_list() == ["V1"]
    with pytest.raises(BadInput, match="no dataset called 'other'"):
        warehouse.ask("reliability", dataset="other")


def test_regions_list_their_parts_and_the_subjects_without_them(warehouse: Warehouse) -> None:
    answer = warehouse.ask("regions").pl()
    columns = ["roi_group", "roi", "parts", "subjects", "voxels_least", "voxels_most", "absent", "remark"]
    assert answer.select(columns).rows() == [
        ("early", "V1", "lV1v + rV1v", 3, 13, 15, None, "made up"),
        ("lateral", "TOS", "TOS", 2, 7, 9, "s2 (TOS has no voxels)", "made up"),
    ]
    with pytest.raises(BadInput, match="no dataset called 'other'"):
        warehouse.ask("regions", dataset="other")


def test_a_reliability_outside_its_range_is_found(tmp_path: Path, warehouse: Warehouse) -> None:
    assert not [fault for fault in broken_rules(warehouse) if fault.startswith("reliability_in_range")]
    with Writer(empty_warehouse(tmp_path / "w"), "test") as writer, Run(writer, "test", {}) as run:
        run.do("tables", jobs(most=1.5))
    with Warehouse.open(tmp_path / "w") as broken:
        found = [fault for fault in broken_rules(broken) if fault.startswith("reliability_in_range")]
    assert len(found) == 2
    assert all(
        f"subject = s{i}, roi = V1, split = test" in fault
        for i, fault in zip((1, 3), sorted(found), strict=True)
    )
