"""`[brain]` of the study file, checked against the data sets that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from alignhouse.ingest.betas.region_jobs import StimuliOfSubjects
from alignhouse.ingest.datasets.dataset import DEFAULT_KIND, data_set, known_kinds
from alignhouse.study.section import Section
from alignhouse.warehouse.errors import near_names


def _known_kind(kind: str) -> str:
    known = known_kinds()
    if kind not in known:
        context = {"expected": " or ".join(known), "hint": near_names(kind, known)}
        raise PydanticCustomError("unknown_kind", "{expected}", context)
    return kind


# What the help of [brain] says of the data sets that ship.
_SETS = [data_set(kind) for kind in known_kinds()]
_KINDS = "; ".join(f"{each.kind}: {each.title}" for each in _SETS)
_SELECTIONS = "; ".join(f"{each.kind}: {each.selections}" for each in _SETS)
_VERSIONS = "; ".join(f"{each.kind}: {' or '.join(each.versions)}" for each in _SETS if each.versions)

SOME_KINDS_HAVE = ("rdm_form", "axis", "repetitions", "zscore", "stimulus_column")
"""Keys of `[brain]` that a data set must list in its `options`."""


class BrainSection(Section):
    """`[brain]`. The data set defines the splits, versions and selections of regions, and their defaults."""

    kind: Annotated[str, AfterValidator(_known_kind)] = Field(DEFAULT_KIND, description=_KINDS)
    path: Path | None = Field(
        None, description="folder of the brain data; without it, betas that are stored in the warehouse"
    )
    dataset: str = Field(
        "",
        validate_default=True,
        description="what to call the data set in tables and figures; default: its kind",
    )
    version: str | None = Field("B", description=f"version of the betas; {_VERSIONS}")
    split: str = Field("test", description="which stimuli: a split of the data set, or all")
    regions: str | list[str] = Field("study", description=f"{_SELECTIONS}; or a list of names")
    subjects: list[str] | None = Field(None, description="these subjects only, e.g. ['sub-01']; default: all")
    average_subjects: bool = Field(
        False, description="average the subjects' RDMs and score against the average"
    )
    stimuli: StimuliOfSubjects = Field(
        "all",
        description="of betas. all: every subject has betas of all stimuli, else an error; shared: only "
        "stimuli that all subjects saw; own: each subject is scored on those that it saw",
    )
    skip_bad: bool = Field(
        False, description="leave out voxels with NaN or infinite values, and say how many; else an error"
    )
    min_ncsnr: float | None = Field(
        None, ge=0, description="keep only voxels whose noise-ceiling SNR is at least this, e.g. 0.2"
    )
    conditions: Literal["file", "stimulus_order"] = Field(
        "file",
        description="of ready RDMs: the file names its conditions, or its rows follow the stimuli's names",
    )
    rdm_form: Literal["condensed"] | None = Field(
        None,
        description="rdms: condensed, if arrays (subjects, pairs) are RDMs although no name says so",
    )
    axis: Literal["rows", "columns"] | None = Field(
        None,
        description="arrays: where the stimuli are; default: rows, and a square array is an error",
    )
    repetitions: Literal["all", "mean", "first"] = Field(
        "all",
        description="arrays, mosaic, nsd, things: trials of a stimulus; all: equally many, mean: averaged, "
        "first: as many as the rarest stimulus has",
    )
    zscore: Literal["none", "session"] = Field(
        "none", description="arrays, nsd, things: session: z-scores of each voxel within each session"
    )
    stimulus_column: str | None = Field(
        None, description="arrays: column of events.tsv that names the stimulus, if several could"
    )
    synthetic: bool = Field(False, description="the brains are simulated; every page that shows them says so")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_data_set(cls, given: Any) -> Any:
        kind = given.get("kind", DEFAULT_KIND) if isinstance(given, dict) else None
        if kind not in known_kinds():
            return given
        known = data_set(kind)
        defaults = {
            "version": known.default_version,
            "split": known.default_split,
            "regions": known.default_regions,
        }
        return {**defaults, **given}

    @field_validator("dataset")
    @classmethod
    def _named_after_kind(cls, dataset: str, info: ValidationInfo) -> str:
        return dataset or str(info.data.get("kind", ""))

    @field_validator("stimuli")
    @classmethod
    def _of_betas(cls, stimuli: StimuliOfSubjects, info: ValidationInfo) -> StimuliOfSubjects:
        if stimuli == "all":
            return stimuli
        if "kind" in info.data and data_set(info.data["kind"]).betas is None:
            raise ValueError(f"all, for kind = {info.data['kind']!r}, whose files are RDMs of all subjects")
        if stimuli == "own" and info.data.get("average_subjects"):
            raise ValueError("all or shared, beside average_subjects")
        return stimuli

    @field_validator(*SOME_KINDS_HAVE)
    @classmethod
    def _only_where_the_kind_has_it(cls, value: str | None, info: ValidationInfo) -> str | None:
        assert info.field_name is not None
        if "kind" in info.data and value != cls.model_fields[info.field_name].default:
            having = [each.kind for each in _SETS if info.field_name in each.options]
            if info.field_name not in data_set(info.data["kind"]).options:
                raise ValueError(f"no such key but for kind = {' or '.join(map(repr, having))}")
        return value

    def options(self) -> dict[str, str]:
        """The keys that only some kinds have, without those at their default."""
        return {
            key: value
            for key in SOME_KINDS_HAVE
            if (value := getattr(self, key)) != type(self).model_fields[key].default
        }

    @field_validator("version")
    @classmethod
    def _known_version(cls, version: str | None, info: ValidationInfo) -> str | None:
        if "kind" not in info.data:
            return version
        versions = data_set(info.data["kind"]).versions
        if not versions:
            return None
        if version not in versions:
            raise ValueError(" or ".join(versions))
        return version

    @field_validator("split")
    @classmethod
    def _known_split(cls, split: str, info: ValidationInfo) -> str:
        if "kind" in info.data:
            splits = [*data_set(info.data["kind"]).splits, "all"]
            if split not in splits:
                raise ValueError(" or ".join(splits))
        return split
