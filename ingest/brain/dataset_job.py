"""The job that describes a data set: itself, its subjects, its regions and what those are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from ingest.brain.regions import Region, hemisphere_of
from warehouse.artifacts import hive
from warehouse.jobs import Job, Output, Tick


def dataset_job(
    dataset: str,
    kind: str,
    version: str | None,
    subjects: Sequence[str],
    regions: Sequence[Region],
    *,
    absent: Mapping[str, Mapping[str, str]],
    synthetic: bool,
    remark: str,
) -> Job:
    """The rows that describe a data set: itself, its subjects, regions and what those are made of.

    Parameters
    ----------
    absent : region -> subject -> why the subject does not have it.
    """
    parts = [(region, part, order) for region in regions for order, part in enumerate(region.parts)]
    pairs = [(region.name, subject) for region in regions for subject in subjects]
    reasons = [absent.get(roi, {}).get(subject) for roi, subject in pairs]
    rows = {
        "dataset": {
            "dataset": [dataset],
            "kind": [kind],
            "version": pa.array([version], pa.string()),
            "is_synthetic": [synthetic],
            "remark": [remark],
        },
        "subject": {
            "dataset": [dataset] * len(subjects),
            "subject": list(subjects),
            "subject_order": list(range(len(subjects))),
        },
        "roi": {
            "dataset": [dataset] * len(regions),
            "roi": [region.name for region in regions],
            "roi_group": [region.group for region in regions],
            "roi_order": [region.order for region in regions],
        },
        "roi_part": {
            "dataset": [dataset] * len(parts),
            "roi": [region.name for region, _, _ in parts],
            "part": [part for _, part, _ in parts],
            "part_order": [order for _, _, order in parts],
            "hemisphere": [hemisphere_of(part) for _, part, _ in parts],
        },
    }
    rows["subject_region"] = {
        "dataset": [dataset] * len(pairs),
        "subject": [subject for _, subject in pairs],
        "roi": [roi for roi, _ in pairs],
        "absent_because": pa.array(reasons, pa.string()),
    }
    slots = {"dataset": ("dataset",), "subject": ("dataset", "subject")}

    def work(tick: Tick) -> Iterator[Output]:
        for table, columns in rows.items():
            if columns["dataset"]:
                slot = slots.get(table, ("dataset", "roi"))
                yield Output(("facts", hive("table", table)), pa.table(columns), table=table, slot=slot)

    return Job(
        method="dataset",
        version=2,
        settings={
            "dataset": dataset,
            "kind": kind,
            "version": version,
            "subjects": list(subjects),
            "regions": [[region.name, region.group, region.order, list(region.parts)] for region in regions],
            "absent": {roi: dict(of_roi) for roi, of_roi in absent.items()},
            "synthetic": synthetic,
            "remark": remark,
        },
        inputs={},
        label=dataset,
        work=work,
    )
