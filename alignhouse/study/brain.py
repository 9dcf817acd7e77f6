"""From betas to brain RDMs: betas are stored once for each part, and serve every region that has the part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from alignhouse.ingest.betas.beta_jobs import BETAS_VERSION, BetasAbout, betas_batch
from alignhouse.ingest.betas.brain_rdms import CORRELATION, absent_subjects
from alignhouse.ingest.betas.conditions import Conditions
from alignhouse.ingest.betas.region_jobs import (
    BetasOfSubjects,
    RegionBetas,
    StimuliOfSubjects,
    brain_rdm_batch,
    reliability_batch,
)
from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.betas.stored import BrainDistance
from alignhouse.ingest.datasets.dataset import BetaSource, data_set
from alignhouse.ingest.datasets.job import dataset_batch
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.study.coverage import conditions_of, used_stimuli
from alignhouse.study.hashing import hash_files
from alignhouse.warehouse.artifacts import SCRATCH, Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput, near_names, some_names
from alignhouse.warehouse.executors.threaded import threaded, threads
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run

SYNTHETIC = "synthetic brains"
STORE_THEM = "store them with `alignhouse ingest betas`"


@dataclass(frozen=True)
class BrainRequest:
    """Which betas are used, and how RDMs are made of them.

    kind : of the data set, a name of the registry. dataset : what the user calls it.
    split : one of the data set's, or "all". subjects : None for all that there are.
    stimuli : which of them a subject must have betas of; see `coverage.used_stimuli`.
    skip_bad : leave out voxels with NaN or infinite values. min_ncsnr : keep only voxels that reach it.
    memory : bytes that may be used for betas and patterns. options : as in `BetaFile`.
    """

    kind: str
    dataset: str
    version: str | None
    split: str
    regions: Sequence[Region]
    subjects: Sequence[str] | None = None
    skip_bad: bool = False
    min_ncsnr: float | None = None
    average: bool = False
    memory: int = 8 * 10**9
    stimuli: StimuliOfSubjects = "all"
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[str, ...]:
        return data_set(self.kind).splits_of(self.split)

    def recorded(self) -> dict[str, Any]:
        """What a run keeps of it, if no study file describes the run."""
        return {**asdict(self), "regions": [region.name for region in self.regions]}

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(part for region in self.regions for part in region.parts))

    @property
    def betas(self) -> BetaSource:
        """How the data set reads betas.

        Raises
        ------
        BadInput : it gives ready RDMs instead.
        """
        source = data_set(self.kind).betas
        if source is None:
            raise BadInput(f"data sets of kind {self.kind!r} have no betas")
        return source

    def of_version(self) -> str:
        """The data set and its version, in words."""
        return self.dataset if self.version is None else f"{self.dataset}, version {self.version}"


@dataclass(frozen=True)
class BrainRdms:
    """The RDMs of regions.

    artifacts : region -> artifact, of 1 - Pearson. of_distance : distance -> region -> artifact, for the
    distances that were asked for. absent : region -> subject -> why the subject has no such region.
    """

    artifacts: Mapping[str, Artifact]
    of_distance: Mapping[str, Mapping[str, Artifact]]
    absent: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class BrainVoxels:
    """The stored betas of a study: subject -> part -> split -> artifact; its regions and conditions."""

    betas: BetasOfSubjects
    regions: tuple[Region, ...]
    conditions: Conditions


def store_betas(
    run: Run, root: Path, request: BrainRequest, hashes: Hashes, conditions: Conditions | None = None
) -> BetasOfSubjects:
    """Store the betas of the requested subjects, parts and splits, unless they are stored already.

    Parameters
    ----------
    conditions : the stimuli of the study. If the data set may have betas of others too, only these are
        stored. None: all are.

    Raises
    ------
    BadInput : a file is missing, damaged, or has bad values that are not to be skipped.
    """
    source = request.betas
    found = source.find(root, request.version, request.parts, request.subjects)
    used: tuple[str, ...] = ()
    if conditions is not None and data_set(request.kind).has_spare_stimuli:
        used = tuple(sorted(conditions.names))
    options: dict[str, Any] = {
        "options": request.options,
        "stimuli": used,
        "has_all_stimuli": request.stimuli == "all",
        "scratch": run.writer.folder / SCRATCH,
    }
    files = [replace(file, **options) for file in found]
    n_subjects = len({file.subject for file in files})
    run.progress.say(f"Brain data: {n_subjects} subjects, {len(request.parts)} files each")
    paths = list(dict.fromkeys(path for file in files for path in file.paths))
    sha256 = hash_files(paths, hashes, run.progress, root)
    batches = {
        (file.subject, file.part, split): betas_batch(
            file,
            sha256,
            request.dataset,
            request.version,
            split,
            open_raw=source.open,
            skip_bad=request.skip_bad,
            memory=request.memory // threads(),
        )
        for file in files
        for split in request.splits
    }
    stored: dict[str, dict[str, dict[str, Artifact]]] = {}
    for (subject, part, split), betas in run.do_named("Storing betas", batches, threaded).items():
        stored.setdefault(subject, {}).setdefault(part, {})[split] = betas
    for line in (*_skipped_voxels(stored), *_spare_stimuli(stored, request.splits)):
        run.progress.say(line)
    return stored


def find_stored_betas(run: Run, request: BrainRequest) -> BetasOfSubjects:
    """The requested betas as earlier runs stored them; the latest of each.

    Raises
    ------
    BadInput : some are not stored; the error names the first.
    """
    found = run.writer.artifacts(
        "stored_betas",
        method_version=BETAS_VERSION,
        dataset=request.dataset,
        version=request.version,
        skip_bad=request.skip_bad,
    )
    stored: dict[str, dict[str, dict[str, Artifact]]] = {}
    for artifact in found:
        subject, part, split = (artifact.settings[name] for name in ("subject", "part", "split"))
        stored.setdefault(subject, {}).setdefault(part, {})[split] = artifact
    if not stored:
        raise BadInput(f"no betas of {request.of_version()}, in {run.writer.folder}", hint=STORE_THEM)
    subjects = sorted(stored if request.subjects is None else set(request.subjects), key=natural_key)
    for subject in subjects:
        if subject not in stored:
            raise BadInput(f"no betas of {subject} are stored", hint=near_names(subject, stored))
        for part in request.parts:
            for split in request.splits:
                if split not in stored[subject].get(part, {}):
                    raise BadInput(f"no {split} betas of {part} in {subject} are stored", hint=STORE_THEM)
    return {subject: stored[subject] for subject in subjects}


def make_brain_rdms(
    run: Run,
    betas: BetasOfSubjects,
    request: BrainRequest,
    conditions: Conditions,
    remark: str,
    distances: Sequence[str] = (),
) -> BrainRdms:
    """The RDMs of every requested region, and the rows that say how reliable it is.

    Parameters
    ----------
    distances : between patterns; RDMs of 1 - Pearson are made in any case.

    Raises
    ------
    BadInput : stimuli and betas do not match, or no subject has a region.
    """
    if set(conditions.splits) != set(request.splits):
        raise BadInput(
            f"stimuli of split {request.split}",
            expected=f"stimuli of {' and '.join(request.splits)}, by folder or by name",
            found=" and ".join(conditions.splits),
        )
    regions = {
        region.name: RegionBetas(
            dataset=request.dataset,
            region=region,
            betas=betas,
            splits=conditions.splits,
            min_ncsnr=request.min_ncsnr,
            memory=request.memory // threads(),
        )
        for region in request.regions
    }
    batches = {
        (distance, name): brain_rdm_batch(
            each,
            request.split,
            conditions,
            average=request.average,
            of_subjects=request.stimuli,
            distance=distance,
        )
        for distance in cast("list[BrainDistance]", list(dict.fromkeys((CORRELATION, *distances))))
        for name, each in regions.items()
    }
    for line in _fewer_repetitions(betas, conditions.splits):
        run.progress.say(line)
    of_distance: dict[str, dict[str, Artifact]] = {}
    for (distance, name), artifact in run.do_named("Brain RDMs", batches, threaded).items():
        of_distance.setdefault(distance, {})[name] = artifact
    artifacts = of_distance[CORRELATION]
    reliability = [reliability_batch(each, remark) for each in regions.values()]
    run.do("Reliability of the regions", reliability, threaded)
    absent = {name: absent_subjects(each) for name, each in artifacts.items()}
    for name, of_region in absent.items():
        for subject, reason in of_region.items():
            run.progress.say(f"Absent: {name} of {subject} ({reason})")
    return BrainRdms(artifacts, {each: of_distance[each] for each in distances}, absent)


def description_batch(
    kind: str,
    dataset: str,
    version: str | None,
    subjects: Sequence[str],
    regions: Sequence[Region],
    *,
    absent: Mapping[str, Mapping[str, str]],
    synthetic: bool,
    remark: str,
) -> Batch:
    """The batch that describes a data set in the warehouse; see `dataset_batch`."""
    known = data_set(kind)
    return dataset_batch(
        dataset,
        kind,
        version if known.versions else None,
        subjects,
        regions,
        hemispheres={
            part: region.hemisphere if region.hemisphere != "both" else known.hemisphere_of(part)
            for region in regions
            for part in region.parts
        },
        absent=absent,
        synthetic=synthetic,
        remark=remark,
    )


def register_dataset(run: Run, request: BrainRequest, subjects: Sequence[str], *, synthetic: bool) -> None:
    """Register the data set of the stored betas, unless it is registered like this already."""
    remark = SYNTHETIC if synthetic else ""
    row = {
        "kind": request.kind,
        "version": request.version,
        "is_synthetic": synthetic,
        "remark": remark,
    }
    if run.rows("dataset_row", dataset=request.dataset) != [row]:
        batch = description_batch(
            request.kind,
            request.dataset,
            request.version,
            subjects,
            [],
            absent={},
            synthetic=synthetic,
            remark=remark,
        )
        run.do("Describing the data set", [batch])


def brain_rdms_from_stored(run: Run, request: BrainRequest) -> BrainRdms:
    """RDMs, reliability and descriptions of regions, from betas that are in the warehouse.

    Raises
    ------
    BadInput : the betas are not there, or no subject has a region.
    """
    betas = find_stored_betas(run, request)
    known = run.rows("dataset_row", dataset=request.dataset)
    synthetic, remark = (known[0]["is_synthetic"], known[0]["remark"]) if known else (False, "")
    conditions = used_stimuli(
        run,
        betas,
        conditions_of(betas, request.splits),
        how=request.stimuli,
        dataset=request.dataset,
        split=request.split,
    )
    made = make_brain_rdms(run, betas, request, conditions, remark)
    batch = description_batch(
        request.kind,
        request.dataset,
        request.version,
        list(betas),
        request.regions,
        absent=made.absent,
        synthetic=synthetic,
        remark=remark,
    )
    run.do("Describing the data set", [batch])
    return made


def _skipped_voxels(stored: BetasOfSubjects) -> Iterator[str]:
    """A line for each part with skipped voxels; they are the same in every split."""
    for subject, parts in stored.items():
        for part, of_part in parts.items():
            first = next(iter(of_part.values()))
            if dropped := BetasAbout.of(first).dropped_voxels:
                yield f"Skipped {dropped:,} voxels with NaN or infinite values: {subject}, {part}"


def _fewer_repetitions(stored: BetasOfSubjects, splits: Sequence[str]) -> Iterator[str]:
    """A line for each subject and split with fewer repetitions of each stimulus than other subjects have."""
    for split in splits:
        repetitions = {
            subject: max(BetasAbout.of(of_part[split]).repetitions for of_part in parts.values())
            for subject, parts in stored.items()
        }
        most = max(repetitions.values())
        for subject, count in repetitions.items():
            # 0: the subject has none of the regions, which is said elsewhere.
            if 0 < count < most:
                yield f"Repetitions: {subject} has {count} in split {split}, other subjects have {most}"


def _spare_stimuli(stored: BetasOfSubjects, splits: Sequence[str]) -> Iterator[str]:
    """A line for each split with betas of more stimuli than the study uses, and for each number of them."""
    for split in splits:
        by_counts: dict[tuple[int, int], list[str]] = {}
        for subject, parts in stored.items():
            about = [BetasAbout.of(of_part[split]) for of_part in parts.values()]
            used, spare = max((each.stimuli, each.spare_stimuli) for each in about)
            if spare:
                by_counts.setdefault((used, spare), []).append(subject)
        for (used, spare), subjects in by_counts.items():
            counts = f"{used + spare:,} in split {split}, {used:,} of them in the study"
            yield f"Stimuli: betas of {counts} ({some_names(subjects, 4)})"


def _artifacts(stored: BetasOfSubjects, split: str) -> Iterator[Artifact]:
    for parts in stored.values():
        for of_part in parts.values():
            yield of_part[split]
