"""The job that describes a data set in the warehouse: its subjects, its regions and their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.columns import table
from alignhouse.warehouse.jobs import Job, Output, Tick

_TEXT, _COUNT = pa.string(), pa.int32()
# As in sql/schema, less `artifact`.
_SCHEMAS = {
    "dataset": pa.schema(
        {"dataset": _TEXT, "kind": _TEXT, "version": _TEXT, "is_synthetic": pa.bool_(), "remark": _TEXT}
    ),
    "subject": pa.schema({"dataset": _TEXT, "subject": _TEXT, "subject_order": _COUNT}),
    "roi": pa.schema({"dataset": _TEXT, "roi": _TEXT, "roi_group": _TEXT, "roi_order": _COUNT}),
    "roi_part": pa.schema(
        {"dataset": _TEXT, "roi": _TEXT, "part": _TEXT, "part_order": _COUNT, "hemisphere": _TEXT}
    ),
    "subject_region": pa.schema({"dataset": _TEXT, "subject": _TEXT, "roi": _TEXT, "absent_because": _TEXT}),
}


def dataset_job(
    dataset: str,
    kind: str,
    version: str | None,
    subjects: Sequence[str],
    regions: Sequence[Region],
    *,
    hemispheres: Mapping[str, Hemisphere],
    absent: Mapping[str, Mapping[str, str]],
    synthetic: bool,
    remark: str,
) -> Job:
    """The rows that describe a data set, its subjects, its regions and their parts.

    Parameters
    ----------
    hemispheres : part -> its hemisphere, for the parts of all regions.
    absent : region -> subject -> why the subject does not have it.
    """
    parts = [(region, part, order) for region in regions for order, part in enumerate(region.parts)]
    pairs = [(region.name, subject) for region in regions for subject in subjects]
    rows: dict[str, dict[str, Sequence[Any]]] = {
        "dataset": {
            "kind": [kind],
            "version": [version],
            "is_synthetic": [synthetic],
            "remark": [remark],
        },
        "subject": {"subject": list(subjects), "subject_order": list(range(len(subjects)))},
        "roi": {
            "roi": [region.name for region in regions],
            "roi_group": [region.group for region in regions],
            "roi_order": [region.order for region in regions],
        },
        "roi_part": {
            "roi": [region.name for region, _, _ in parts],
            "part": [part for _, part, _ in parts],
            "part_order": [order for _, _, order in parts],
            "hemisphere": [hemispheres[part] for _, part, _ in parts],
        },
        "subject_region": {
            "subject": [subject for _, subject in pairs],
            "roi": [roi for roi, _ in pairs],
            "absent_because": [absent.get(roi, {}).get(subject) for roi, subject in pairs],
        },
    }
    slots = {"dataset": ("dataset",), "subject": ("dataset", "subject")}

    def work(tick: Tick) -> Iterator[Output]:
        for name, columns in rows.items():
            count = len(next(iter(columns.values())))
            if count:
                data = table(_SCHEMAS[name], {"dataset": [dataset] * count, **columns})
                slot = slots.get(name, ("dataset", "roi"))
                yield Output(("facts", hive("table", name)), data, table=name, slot=slot)

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
