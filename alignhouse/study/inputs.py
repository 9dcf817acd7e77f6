"""The first stage: stimuli, brain data and ready model RDMs are all accepted, or none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from alignhouse.ingest.betas.brain_rdms import CORRELATION
from alignhouse.ingest.betas.conditions import Conditions
from alignhouse.ingest.betas.region_jobs import BetasOfSubjects
from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.datasets.dataset import DataSet, RdmSource, data_set
from alignhouse.ingest.datasets.rdm_job import RdmFileAbout, rdm_file_batch
from alignhouse.ingest.features.given.facts import read_model_facts
from alignhouse.ingest.features.layer_order import LAYERS_FILE, LayerOrder, order_of_layers
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.study.brain import (
    SYNTHETIC,
    BrainRequest,
    BrainVoxels,
    description_batch,
    find_stored_betas,
    make_brain_rdms,
    store_betas,
)
from alignhouse.study.coverage import used_stimuli
from alignhouse.study.file import Study
from alignhouse.study.given_networks import GivenNetworks, given_networks
from alignhouse.study.protocol import Protocol
from alignhouse.study.stimuli import register_annotations, register_stimuli
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput, some_names
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run


@dataclass(frozen=True)
class StudyInputs:
    """What the later stages read.

    stimuli : in the order of every RDM's conditions; sha256 : stimulus -> hash of its file; unlike_decord :
    stimulus -> why decord may show other frames of it than PyAV.
    training : names of the stimuli that the data set has for training.
    brain_rdms_of : distance -> region -> artifact, for each distance that a protocol asks for; RDMs of files
    count as 1 - Pearson. voxels : the betas; None if there are only RDMs.
    given_networks : RDMs or features of networks, if the user gave them; layer_orders : network -> the order
    of its layers, for these networks; facts : network -> column -> value, as the user states them.
    remark : why results on these brains are no findings ("synthetic brains"), or "".
    """

    stimuli: Sequence[Stimulus]
    training: frozenset[str]
    sha256: Mapping[str, str]
    unlike_decord: Mapping[str, str]
    brain_rdms_of: Mapping[str, Mapping[str, Artifact]]
    voxels: BrainVoxels | None
    given_networks: GivenNetworks | None
    layer_orders: Mapping[str, LayerOrder]
    facts: Mapping[str, Mapping[str, object]]
    remark: str


def ingest_inputs(run: Run, study: Study, hashes: Hashes, protocols: Mapping[str, Protocol]) -> StudyInputs:
    """Read and check every raw file of a study; see `StudyInputs`.

    Parameters
    ----------
    protocols : that need RDMs of networks.

    Raises
    ------
    BadInput : a file is missing, damaged, or does not fit the others.
    """
    known = data_set(study.brain.kind)
    distances = list(dict.fromkeys(each.analysis.brain_distance for each in protocols.values()))
    stimuli = known.stimuli_of_study(study.stimuli.path, study.brain.split, study.brain.path)
    conditions = _conditions(stimuli, known)
    by_name = {each.name: each for each in stimuli}
    # Quick checks come before decoding and extraction.
    regions = known.regions(study.brain.regions, study.brain.version, study.brain.path)
    if known.rdms is not None:
        brain = _from_rdm_files(run, study, hashes, conditions, known.rdms, regions)
    else:
        brain = _from_betas(run, study, hashes, conditions, regions, distances)
    stimuli = [by_name[name] for name in brain.conditions.names]
    registered = register_stimuli(run, study.brain.dataset, stimuli, hashes)
    if (annotations := _annotations(study, known)) is not None:
        register_annotations(run, study.brain.kind, study.brain.dataset, annotations, hashes)
    remark = _remark(study)
    description = description_batch(
        study.brain.kind,
        study.brain.dataset,
        study.brain.version,
        brain.subjects,
        regions,
        absent=brain.absent,
        synthetic=study.brain.synthetic,
        remark=remark,
    )
    run.do("Describing the data set", [description])
    training = frozenset(each.name for each in stimuli if each.split == known.training_split)
    given = given_networks(run, study, hashes, brain.conditions.names, protocols)
    model_rdms = {} if given is None else given.rdms
    return StudyInputs(
        stimuli,
        training,
        registered.sha256,
        registered.unlike_decord,
        brain.rdms_of,
        None if brain.betas is None else BrainVoxels(brain.betas, tuple(regions), brain.conditions),
        given,
        _layer_orders(run, study, model_rdms),
        _facts(run, study, model_rdms),
        remark,
    )


@dataclass(frozen=True)
class _Brain:
    """What the data set gives.

    conditions : of its RDMs, some or all stimuli that are there. rdms_of : distance -> region -> RDMs.
    betas : subject -> part -> split -> artifact; None if it gives ready RDMs.
    """

    conditions: Conditions
    subjects: Sequence[str]
    rdms_of: Mapping[str, Mapping[str, Artifact]]
    absent: Mapping[str, Mapping[str, str]]
    betas: BetasOfSubjects | None = None


def _annotations(study: Study, known: DataSet) -> Path | None:
    """The folder of annotations: the one that the study names, or that of the brain data if it has some."""
    if study.stimuli.annotations is not None:
        return study.stimuli.annotations
    own = study.brain.path
    return own if known.annotations and own is not None and known.annotations.find(own) else None


def _remark(study: Study) -> str:
    return SYNTHETIC if study.brain.synthetic else ""


def _conditions(stimuli: Sequence[Stimulus], known: DataSet) -> Conditions:
    by_split: dict[str, list[str]] = {split: [] for split in known.splits}
    for stimulus in stimuli:
        by_split.setdefault(stimulus.split, []).append(stimulus.name)
    return Conditions({split: tuple(names) for split, names in by_split.items() if names})


def _from_betas(
    run: Run,
    study: Study,
    hashes: Hashes,
    conditions: Conditions,
    regions: Sequence[Region],
    distances: Sequence[str],
) -> _Brain:
    brain = study.brain
    request = BrainRequest(
        kind=brain.kind,
        dataset=brain.dataset,
        version=brain.version,
        split=brain.split,
        regions=regions,
        subjects=brain.subjects,
        skip_bad=brain.skip_bad,
        min_ncsnr=brain.min_ncsnr,
        average=brain.average_subjects,
        memory=study.compute.memory,
        stimuli=brain.stimuli,
        options=brain.options(),
    )
    if brain.path is None:
        betas = find_stored_betas(run, request)
    else:
        betas = store_betas(run, brain.path, request, hashes, conditions)
    used = used_stimuli(run, betas, conditions, how=brain.stimuli, dataset=brain.dataset, split=brain.split)
    made = make_brain_rdms(run, betas, request, used, _remark(study), distances)
    return _Brain(used, list(betas), made.of_distance, made.absent, betas)


def _from_rdm_files(
    run: Run,
    study: Study,
    hashes: Hashes,
    conditions: Conditions,
    source: RdmSource,
    regions: Sequence[Region],
) -> _Brain:
    brain = study.brain
    if brain.path is None:
        raise BadInput("brain.path is missing", expected=f'a folder of RDMs, for kind = "{brain.kind}"')
    files = source.find(brain.path)
    # It changes no result, only whether a file is accepted: so it is not in the key of the job.
    read = source.read if brain.rdm_form is None else partial(source.read, rdm_form=brain.rdm_form)
    batches = {
        region.name: rdm_file_batch(
            brain.dataset,
            brain.split,
            region.name,
            files[region.name],
            hashes.of(files[region.name]),
            conditions.names,
            read=read,
            in_stimulus_order=brain.conditions == "stimulus_order",
            average=brain.average_subjects,
            wanted=brain.subjects,
        )
        for region in regions
    }
    rdms = run.do_named("Brain RDMs", batches)
    subjects, absent = _subjects_of_files(rdms, files)
    return _Brain(conditions, subjects, {CORRELATION: rdms}, absent)


def _subjects_of_files(
    rdms: Mapping[str, Artifact], files: Mapping[str, Path]
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The subjects of all regions; and region -> subject -> why the subject has no such region."""
    about = {roi: RdmFileAbout.of(each) for roi, each in rdms.items()}
    named = {roi: each.subjects_are_named for roi, each in about.items()}
    if len(set(named.values())) > 1:
        first = {names: roi for roi, names in reversed(named.items())}
        raise BadInput(
            "files of brain RDMs",
            expected="all to name their subjects, or none",
            found=f"{files[first[True]].name} does, {files[first[False]].name} does not",
        )
    subjects = list(dict.fromkeys(subject for each in about.values() for subject in each.subjects))
    absent = {
        roi: {name: f"not in {files[roi].name}" for name in subjects if name not in each.subjects}
        for roi, each in about.items()
    }
    return subjects, absent


def _facts(run: Run, study: Study, model_rdms: Mapping[str, Artifact]) -> dict[str, dict[str, object]]:
    """Network -> what `networks.facts` states; says which rows belong to no network of the study."""
    if study.networks.facts is None:
        return {}
    facts = read_model_facts(study.networks.facts)
    if others := [network for network in facts if network not in model_rdms]:
        run.progress.say(
            f"Facts of networks that the study does not have, in {study.networks.facts.name}: "
            f"{some_names(others, 4)}"
        )
    return facts


def _layer_orders(run: Run, study: Study, model_rdms: Mapping[str, Artifact]) -> dict[str, LayerOrder]:
    """Network -> the order of its layers; says where each order comes from."""
    if study.networks.given is None:
        return {}
    _, folder = study.networks.given
    orders = {
        network: order_of_layers(network, rdms.rows(["layer"])["layer"].to_list(), folder / network)
        for network, rdms in model_rdms.items()
    }
    by_source: dict[str, list[str]] = {}
    for network, order in orders.items():
        by_source.setdefault(order.said if order.layers else "", []).append(network)
    for said, networks in by_source.items():
        if said:
            some = "1 network" if len(networks) == 1 else f"{len(networks)} networks"
            run.progress.say(f"Order of layers {said}: {some}")
        else:
            run.progress.say(
                f"Order of layers not known: {', '.join(networks)}. They have no depth, so curves over depth "
                f"leave them out. List the layers, first to last, in {LAYERS_FILE} in the network's folder"
            )
    return orders
