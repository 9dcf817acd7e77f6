"""The job that describes a data set in the warehouse: its subjects, its regions and their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

VERSION = 2
_SLOTS = {"dataset": ("dataset",), "subject": ("dataset", "subject")}


class DatasetSettings(JobSettings):
    """Settings of the description of a data set.

    regions : name, group, order and parts of each. absent : region -> subject -> why it is not there.
    """

    dataset: str
    kind: str
    version: str | None
    subjects: tuple[str, ...]
    regions: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    absent: dict[str, dict[str, str]]
    synthetic: bool
    remark: str


def dataset_batch(
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
) -> Batch:
    """The rows that describe a data set, its subjects, its regions and their parts.

    Parameters
    ----------
    hemispheres : part -> its hemisphere, for the parts of all regions.
    absent : region -> subject -> why the subject does not have it.
    """
    settings = DatasetSettings(
        dataset=dataset,
        kind=kind,
        version=version,
        subjects=tuple(subjects),
        regions=tuple((region.name, region.group, region.order, region.parts) for region in regions),
        absent={roi: dict(of_roi) for roi, of_roi in absent.items()},
        synthetic=synthetic,
        remark=remark,
    )
    job = Job(method="dataset", version=VERSION, settings=settings.as_json(), inputs={}, label=dataset)
    return single(job, describe_data_set, hemispheres=dict(hemispheres))


def describe_data_set(
    job: Job, reporter: Reporter, hemispheres: Mapping[str, Hemisphere]
) -> Iterator[Output]:
    """The rows of `dataset`, `subject`, `roi`, `roi_part` and `subject_region`; see `dataset_batch`."""
    settings = DatasetSettings.of(job)
    parts = [(roi, part, order) for roi, _, _, of in settings.regions for order, part in enumerate(of)]
    pairs = [(roi, subject) for roi, _, _, _ in settings.regions for subject in settings.subjects]
    rows: dict[str, dict[str, Sequence[Any]]] = {
        "dataset": {
            "kind": [settings.kind],
            "version": [settings.version],
            "is_synthetic": [settings.synthetic],
            "remark": [settings.remark],
        },
        "subject": {
            "subject": settings.subjects,
            "subject_order": range(len(settings.subjects)),
        },
        "roi": {
            "roi": [roi for roi, _, _, _ in settings.regions],
            "roi_group": [group for _, group, _, _ in settings.regions],
            "roi_order": [order for _, _, order, _ in settings.regions],
        },
        "roi_part": {
            "roi": [roi for roi, _, _ in parts],
            "part": [part for _, part, _ in parts],
            "part_order": [order for _, _, order in parts],
            "hemisphere": [hemispheres[part] for _, part, _ in parts],
        },
        "subject_region": {
            "subject": [subject for _, subject in pairs],
            "roi": [roi for roi, _ in pairs],
            "absent_because": [settings.absent.get(roi, {}).get(subject) for roi, subject in pairs],
        },
    }
    for name, columns in rows.items():
        count = len(next(iter(columns.values())))
        if count:
            yield rows_output(
                name,
                {"dataset": [settings.dataset] * count, **columns},
                _SLOTS.get(name, ("dataset", "roi")),
            )
