"""Stored betas of a warehouse for a notebook, with the names of their conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignhouse.notebook.choices import chosen, field_values, narrowed
from alignhouse.notebook.packages import needed
from alignhouse.notebook.rdms import ScopeRdms, stored_rdms
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.sizes import size_in_words

if TYPE_CHECKING:
    import numpy as np
    import xarray
    from numpy.typing import NDArray

    from alignhouse.ingest.betas.region_jobs import BrainRdmSettings


@dataclass(frozen=True, eq=False, repr=False)
class SubjectBetas:
    """The betas of one region in one subject.

    Attributes
    ----------
    values : (n, R, V) float32, responses of V voxels to R presentations of n stimuli.
    conditions : (n,) names of the stimuli, in the order of the rows.
    labels : roi, subject, dataset, split.
    """

    values: NDArray[np.float32]
    conditions: tuple[str, ...]
    labels: Mapping[str, str]

    def mean(self) -> NDArray[np.float64]:
        """The mean over presentations, (n, V) float64: the patterns from which the RDM is computed."""
        import numpy as np

        return self.values.mean(axis=1, dtype=np.float64)

    def to_xarray(self) -> xarray.DataArray:
        """The values with dimensions condition, repetition (from 1) and voxel (from 0).

        Raises
        ------
        BadInput : xarray is not installed.
        """
        _, repetitions, voxels = self.values.shape
        return needed("xarray").DataArray(
            self.values,
            coords={
                "condition": list(self.conditions),
                "repetition": range(1, repetitions + 1),
                "voxel": range(voxels),
            },
            dims=("condition", "repetition", "voxel"),
            name="beta",
            attrs=dict(self.labels),
        )

    def __repr__(self) -> str:
        labels = ", ".join(f"{name}={value}" for name, value in self.labels.items())
        stimuli, repetitions, voxels = self.values.shape
        return f"<SubjectBetas {labels}: {stimuli:,} stimuli, {repetitions} presentations, {voxels:,} voxels>"


@dataclass(frozen=True)
class _Source:
    """The job that made a region's RDMs from betas. split : of the stimuli, one of `settings.splits`."""

    dataset: str
    split: str
    protocol: str | None
    rdms: Artifact
    settings: BrainRdmSettings


def subject_betas(
    warehouse: Warehouse,
    roi: str | None,
    subject: str | None,
    *,
    dataset: str | None,
    split: str | None,
    protocol: str | None,
    memory: float,
) -> SubjectBetas:
    """The betas of a region in one subject; see `OpenWarehouse.betas`."""
    from alignhouse.ingest.betas.stored import open_region

    source = _source(warehouse, roi, dataset, split, protocol)
    settings, inputs = source.settings, source.rdms.inputs
    place = f" for region {settings.roi}"
    subject = chosen("subject", subject, (name.partition("/")[0] for name in inputs), place)
    names = {
        (part, each): inputs[f"{subject}/{part}/{each}"]
        for part in settings.parts
        for each in settings.splits
    }
    found = {each.artifact: each for each in warehouse.artifacts("artifacts_named", names=[*names.values()])}
    stored = [{each: found[names[part, each]] for each in settings.splits} for part in settings.parts]
    with open_region(stored, settings.parts, settings.min_ncsnr) as betas:
        if betas.absent:
            raise BadInput(f"{subject} has no betas of region {settings.roi}", found=betas.absent)
        stimuli = betas.stimuli(source.split)
        # Blocks are read beside the whole array, and stacking them needs both.
        size = 2 * 4 * len(stimuli) * betas.repetitions(source.split) * betas.n_voxels
        if size > memory:
            raise BadInput(
                f"betas of {settings.roi} in {subject}",
                expected=f"at most {size_in_words(memory)}",
                found=size_in_words(size),
                hint="allow more with memory=... (bytes)",
            )
        values = betas.read(source.split, 0, len(stimuli))
    labels = {
        "roi": settings.roi, "subject": subject, "dataset": source.dataset, "split": source.split
    }  # fmt: skip
    return SubjectBetas(values, tuple(stimuli), labels)


def _source(
    warehouse: Warehouse, roi: str | None, dataset: str | None, split: str | None, protocol: str | None
) -> _Source:
    rows = stored_rdms(warehouse, "brain")
    roi = chosen("roi", roi, (row.name for row in rows))
    scope = {"dataset": dataset, "protocol": protocol}
    rows = narrowed((row for row in rows if row.name == roi), scope, f" for {roi}", lambda left: True)
    files = {
        each.artifact: each
        for each in warehouse.artifacts("artifacts_named", names=sorted({row.artifact for row in rows}))
    }
    sources = [source for row in rows for source in _sources(row, files[row.artifact])]
    if not sources or not {row.dataset for row in rows} <= {source.dataset for source in sources}:
        known = field_values(rows, "dataset")
        if len(known) > 1:
            chosen("dataset", None, known, f" for {roi}")
        raise BadInput(
            f"the warehouse has no betas of data set {known[0]}",
            expected="a data set of betas",
            found="ready RDMs, read from files",
            hint=f"w.rdm(roi={roi!r}, subject=...) gives them",
        )
    fitting = narrowed(sources, {**scope, "split": split}, f" for {roi}", _are_one)
    # The RDMs of these stimuli alone come first, then those of several splits.
    return min(fitting, key=lambda each: each.settings.split != each.split)


def _sources(row: ScopeRdms, file: Artifact) -> list[_Source]:
    from alignhouse.ingest.betas.region_jobs import BrainRdmSettings

    if file.method != "brain_rdm":
        return []
    settings = BrainRdmSettings.model_validate(file.settings)
    return [_Source(row.dataset, split, row.protocol, file, settings) for split in settings.splits]


def _are_one(sources: list[_Source]) -> bool:
    """Whether all are the same betas."""
    kinds = {(each.dataset, each.split, each.settings.parts, each.settings.min_ncsnr) for each in sources}
    return len(kinds) == 1
