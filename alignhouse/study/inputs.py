"""The first stage: stimuli and brain data (and precomputed model RDMs), accepted whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from alignhouse.ingest.betas.jobs import Conditions
from alignhouse.ingest.datasets.bmd.annotations import find_annotations
from alignhouse.ingest.datasets.bmd.regions import Region, resolve
from alignhouse.ingest.datasets.job import dataset_job
from alignhouse.ingest.datasets.rdms.files import find_model_rdms, find_rdm_files, read_model_rdms
from alignhouse.ingest.datasets.rdms.jobs import rdm_file_job
from alignhouse.ingest.features.jobs import precomputed_job
from alignhouse.ingest.stimuli.videos import Stimulus, find_stimuli
from alignhouse.study.brain import SYNTHETIC, BrainRequest, find_stored_betas, make_brain_rdms, store_betas
from alignhouse.study.file import Study
from alignhouse.study.stimuli import register_annotations, register_stimuli
from alignhouse.warehouse.artifacts import Artifact, read_metadata
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.runs import Run

OTHER_GROUP = "other"


@dataclass(frozen=True)
class StudyInputs:
    """What the later stages read.

    stimuli : in the order of every RDM's conditions; sha256 : stimulus -> hash of its file.
    brain_rdms : region -> artifact. model_rdms : network -> artifact, where the user gave them.
    remark : what keeps results on these brains from being findings ("synthetic brains"), or "".
    """

    stimuli: Sequence[Stimulus]
    sha256: Mapping[str, str]
    brain_rdms: Mapping[str, Artifact]
    model_rdms: Mapping[str, Artifact]
    remark: str


def ingest_inputs(run: Run, study: Study, hashes: Hashes) -> StudyInputs:
    """Read and check every raw file of a study; see `StudyInputs`.

    Raises
    ------
    BadInput : a file is missing, damaged, or does not fit the others.
    """
    stimuli = find_stimuli(study.stimuli.path, study.brain.split)
    conditions = _conditions(stimuli)
    by_name = {each.name: each for each in stimuli}
    stimuli = [by_name[name] for name in conditions.names]
    # What is cheap to find wrong comes before what takes minutes.
    brain = _BETAS_OR_RDMS[study.brain.kind](run, study, hashes, conditions)
    sha256 = register_stimuli(run, study.brain.dataset, stimuli, hashes)
    if (annotations := _annotations(study)) is not None:
        register_annotations(run, study.brain.dataset, annotations, hashes)
    remark = _remark(study)
    run.do("Describing the data set", [_dataset(study, brain, remark)])
    return StudyInputs(stimuli, sha256, brain.rdms, _model_rdms(run, study, hashes, conditions), remark)


@dataclass(frozen=True)
class _Brain:
    subjects: Sequence[str]
    regions: Sequence[Region]
    rdms: Mapping[str, Artifact]
    absent: Mapping[str, Mapping[str, str]]


def _annotations(study: Study) -> Path | None:
    """The folder of the annotations: the one that the study names, or the data set's own, if it has some."""
    if study.stimuli.annotations is not None:
        return study.stimuli.annotations
    own = study.brain.path if study.brain.kind == "bmd" else None
    return own if own is not None and find_annotations(own) else None


def _remark(study: Study) -> str:
    return SYNTHETIC if study.brain.synthetic else ""


def _conditions(stimuli: Sequence[Stimulus]) -> Conditions:
    by_split: dict[str, list[str]] = {}
    for stimulus in stimuli:
        by_split.setdefault(stimulus.split, []).append(stimulus.name)
    return Conditions({split: tuple(names) for split, names in by_split.items()})


def _from_betas(run: Run, study: Study, hashes: Hashes, conditions: Conditions) -> _Brain:
    brain = study.brain
    request = BrainRequest(
        dataset=brain.dataset,
        version=brain.version,
        split=brain.split,
        regions=resolve(brain.regions, brain.version),
        subjects=brain.subjects,
        skip_bad=brain.skip_bad,
        min_ncsnr=brain.min_ncsnr,
        average=brain.average_subjects,
        memory=study.compute.memory,
    )
    if brain.path is None:
        betas = find_stored_betas(run, request)
    else:
        betas = store_betas(run, brain.path, request, hashes)
    made = make_brain_rdms(run, betas, request, conditions, _remark(study))
    return _Brain(list(betas), request.regions, made.artifacts, made.absent)


def _from_rdm_files(run: Run, study: Study, hashes: Hashes, conditions: Conditions) -> _Brain:
    brain = study.brain
    if brain.path is None:
        raise BadInput("brain.path is missing", expected='a folder of RDM files, for kind = "rdms"')
    files = find_rdm_files(brain.path)
    wanted = list(files) if isinstance(brain.regions, str) else brain.regions
    for name in wanted:
        if name not in files:
            raise BadInput(f"no RDMs of region {name!r} in {brain.path}", hint=near_names(name, files))
    jobs = {
        roi: rdm_file_job(
            brain.dataset,
            brain.split,
            roi,
            files[roi],
            hashes.of(files[roi]),
            conditions,
            in_stimulus_order=brain.conditions == "stimulus_order",
            average=brain.average_subjects,
            wanted=brain.subjects,
        )
        for roi in wanted
    }
    done = run.do("Brain RDMs", jobs.values())
    rdms = {roi: done[job.key][0] for roi, job in jobs.items()}
    regions = [Region(roi, OTHER_GROUP, order, ()) for order, roi in enumerate(wanted)]
    subjects, absent = _subjects_of_files(run.writer.folder, rdms, files)
    return _Brain(subjects, regions, rdms, absent)


_BETAS_OR_RDMS = {"bmd": _from_betas, "rdms": _from_rdm_files}


def _subjects_of_files(
    folder: Path, rdms: Mapping[str, Artifact], files: Mapping[str, Path]
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Every subject of any region; and region -> subject -> why it is not there."""
    about = {roi: read_metadata(folder / each.path)["about"] for roi, each in rdms.items()}
    named = {roi: each["subjects_are_named"] for roi, each in about.items()}
    if len(set(named.values())) > 1:
        first = {names: roi for roi, names in reversed(named.items())}
        raise BadInput(
            "files of brain RDMs",
            expected="all to name their subjects, or none",
            found=f"{files[first[True]].name} does, {files[first[False]].name} does not",
        )
    subjects = list(dict.fromkeys(subject for each in about.values() for subject in each["subjects"]))
    absent = {
        roi: {name: f"not in {files[roi].name}" for name in subjects if name not in each["subjects"]}
        for roi, each in about.items()
    }
    return subjects, absent


def _dataset(study: Study, brain: _Brain, remark: str) -> Job:
    return dataset_job(
        study.brain.dataset,
        study.brain.kind,
        study.brain.version if study.brain.kind == "bmd" else None,
        brain.subjects,
        brain.regions,
        absent=brain.absent,
        synthetic=study.brain.synthetic,
        remark=remark,
    )


def _model_rdms(run: Run, study: Study, hashes: Hashes, conditions: Conditions) -> dict[str, Artifact]:
    folder = study.networks.rdms
    if folder is None:
        return {}
    jobs = {
        network: precomputed_job(
            network,
            partial(read_model_rdms, network, files),
            {path.name: hashes.of(path) for path in files},
            conditions.names,
        )
        for network, files in find_model_rdms(folder).items()
    }
    done = run.do("Model RDMs", jobs.values())
    return {network: done[job.key][0] for network, job in jobs.items()}
