"""Runs a whole study stage by stage: raw files, stored vectors, alignment, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from alignhouse.analysis.figures.frames import RANDOM_WEIGHTS
from alignhouse.analysis.jobs.scope import Model
from alignhouse.ingest.features.description_jobs import layers_batch, model_batch
from alignhouse.ingest.features.jobs import Extraction, model_name
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import WeightsKind, weights_kind
from alignhouse.ingest.optional_packages import is_installed
from alignhouse.study.analyse import joined, run_analysis
from alignhouse.study.controls import (
    StudyControls,
    make_controls,
    networks_in_orders,
    write_controls,
)
from alignhouse.study.encode import encode_voxels, encoding_protocols
from alignhouse.study.executors import StudyExecutors, executors_of
from alignhouse.study.extractions import (
    PlannedNetwork,
    extracted,
    keeps_grams,
    plan_extractions,
    rdms_of_chosen,
    with_work_of,
)
from alignhouse.study.file import Study
from alignhouse.study.given_networks import refuse_what_files_lack
from alignhouse.study.inputs import StudyInputs, ingest_inputs
from alignhouse.study.machine import check_decord_reads, check_machine, check_packages
from alignhouse.study.networks import check_weights_of, model_names, weighted_networks
from alignhouse.study.pairs import network_pairs
from alignhouse.study.protocol import Protocol
from alignhouse.study.sign_work import refuse_too_many_signs
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer


class Until(StrEnum):
    """The last stage of a run; members are in the order of the stages."""

    INPUTS = "inputs"
    CONTROLS = "controls"
    NETWORKS = "networks"
    RSA = "rsa"
    ANALYSIS = "analysis"

    def includes(self, stage: Until) -> bool:
        """Whether a run until this stage also does `stage`."""
        order = list(Until)
        return order.index(stage) <= order.index(self)


@dataclass(frozen=True)
class Finished:
    """The result of a run: the number of jobs done, 0 if everything was done before.

    failed : model name -> why it could not be extracted; all other models are done.
    """

    warehouse: Path
    jobs_done: int
    failed: Mapping[str, str]


def run_study(
    study: Study, *, command: str, until: Until | str = Until.ANALYSIS, progress: Progress | None = None
) -> Finished:
    """Bring the warehouse of a study up to date: keep finished jobs and do missing ones.

    Parameters
    ----------
    command : the command line, stored with the run.
    until : the last stage to do.

    Raises
    ------
    BadInput : an input is wrong, a protocol needs what files do not hold, or the stage is unknown; the
        warehouse is unchanged.
    WarehouseLocked : another process writes to it.
    """
    until = _stage(until)
    scored = study.resolved_protocols()
    encoded = encoding_protocols(study, study.named_protocols())
    protocols = {**scored, **encoded}
    refuse_what_files_lack(study, protocols)
    networks = [] if study.networks.given else weighted_networks(study)
    asked_pairs = study.encoding.pairs
    pairs = network_pairs(asked_pairs, model_names(study, networks)) if asked_pairs else []
    folder = study.study.warehouse
    if until.includes(Until.NETWORKS):
        _check_machine_first(study, protocols, networks)
    progress = progress or Silent()
    with (
        executors_of(study, progress) as executors,
        Writer(folder, command, memory=study.compute.memory) as writer,
        Run(writer, command, study.recorded(), progress, executors.every) as run,
    ):
        if executors.cluster is not None:
            executors.cluster.admit(folder)
        hashes = Hashes(folder)
        memory = study.compute.memory // executors.workers
        planned: dict[str, PlannedNetwork] = {}
        with run.all_or_nothing():
            inputs = ingest_inputs(run, study, hashes, protocols)
            if until.includes(Until.NETWORKS):
                planned = _planned(run, study, protocols, networks, inputs, executors)
            if until.includes(Until.RSA):
                refuse_too_many_signs(study, scored, inputs, len(planned))
            # Checked before hours of extraction, and before any input is accepted. A network with stored RDMs
            # needs neither its weights nor its library.
            missing = run.missing(job for each in planned.values() for job in each.batch.jobs)
            to_do = [each for each in planned.values() if each.protocols_among(missing)]
            asked = {
                name: protocols[name]
                for name in protocols
                if any(name in each.protocols_among(missing) for each in to_do)
            }
            check_machine(study, asked, [each.network for each in to_do])
            if any(each.extraction.decoder == "decord" for each in asked.values()):
                check_decord_reads(inputs.stimuli, inputs.unlike_decord)
            check_weights_of([(each.network, each.weights) for each in to_do])
        hashes.save()
        failed: dict[str, str] = {}
        given = make_controls(run, study, inputs, hashes) if until.includes(Until.CONTROLS) else {}
        if until.includes(Until.NETWORKS):
            names = [each.name for each in inputs.stimuli]
            planned = with_work_of(run, planned, study.brain.dataset, names)
            models, failed = _networks(run, study, protocols, planned, inputs, executors.extraction)
            controls = _controls(run, study, inputs, models, planned, given)
            there = {name: each for name, each in scored.items() if models[name]}
            uncertainty = until.includes(Until.ANALYSIS)
            if until.includes(Until.RSA) and there:
                run_analysis(
                    run, study, there, models, inputs, controls, memory=memory, uncertainty=uncertainty
                )
            if encoded and uncertainty and inputs.voxels is not None:
                encode_voxels(
                    run,
                    study,
                    encoded,
                    models,
                    inputs.voxels,
                    inputs.training,
                    given,
                    pairs,
                    memory=memory,
                )
        return Finished(folder, run.jobs_done, failed)


def _stage(name: str) -> Until:
    if name not in list(Until):
        raise BadInput(f"there is no stage {name!r}", hint=near_names(name, Until))
    return Until(name)


def _check_machine_first(
    study: Study, protocols: Mapping[str, Protocol], networks: Sequence[tuple[Network, WeightsKind]]
) -> None:
    """Check what can be checked before the stimuli are read.

    A warehouse that exists may have the RDMs of some networks already; they need nothing of this machine. But
    the key of random weights holds the version of their library.
    """
    if not study.study.warehouse.exists():
        check_machine(study, protocols, [network for network, _ in networks])
    random = [network for network, kind in networks if weights_kind(network, kind) == "random"]
    check_packages(study, {}, random)


def _planned(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    networks: Sequence[tuple[Network, WeightsKind]],
    inputs: StudyInputs,
    executors: StudyExecutors,
) -> dict[str, PlannedNetwork]:
    """Model name -> its extractions."""
    # Devices that extract at a time share memory and disk.
    memory = study.compute.memory // max(executors.workers, len(executors.devices))
    extraction = Extraction(
        root=run.writer.folder,
        stimuli=inputs.stimuli,
        sha256=inputs.sha256,
        weights=study.networks.weights,
        seed=study.networks.seed,
        device=executors.devices[0],
        memory=memory,
        scratch=study.compute.scratch * memory // study.compute.memory,
        unlike_decord=frozenset(inputs.unlike_decord),
        decord_asked=is_installed("decord")
        and any(each.extraction.decoder == "decord" for each in protocols.values()),
    )
    # An own network of random weights is untrained in a study of pretrained ones too.
    named = {
        model_name(network.name, weights_kind(network, kind), extraction.seed): (
            network,
            replace(extraction, weights=kind),
        )
        for network, kind in networks
    }
    for network, its in networks_in_orders(study, named):
        kind = weights_kind(network, its.weights)
        named[model_name(network.name, kind, its.seed, its.order)] = (network, its)
    return plan_extractions(
        run,
        named,
        {name: each.extraction for name, each in protocols.items()},
        skip_bad=study.networks.skip_bad,
        keep=keeps_grams(study.networks.keep, len(inputs.stimuli)),
    )


def _networks(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    planned: Mapping[str, PlannedNetwork],
    inputs: StudyInputs,
    executor: Executor | None,
) -> tuple[dict[str, dict[str, Model]], dict[str, str]]:
    """Protocol -> model name -> its stored RDMs, extracted or provided by the user; and the failures.

    executor : extracts the networks, instead of that of the run.
    """
    skip_bad = study.networks.skip_bad
    if inputs.given_networks is not None:
        given = inputs.given_networks
        found, failed = rdms_of_chosen(run, given.chosen, given.done, skip_bad=skip_bad)
        stored = {name: rdms for name, rdms in found.items() if rdms}
        remarks = dict.fromkeys(stored, "")
        rows = [model_batch(name, name, "precomputed", "", inputs.facts.get(name)) for name in stored]
    else:
        stored, failed = extracted(run, planned, skip_bad=skip_bad, executor=executor)
        done = {name: planned[name] for name in stored}
        remarks = {name: RANDOM_WEIGHTS if each.weights == "random" else "" for name, each in done.items()}
        rows = [
            model_batch(name, each.network, each.weights, remarks[name])
            for name, each in done.items()
            if each.order == "given"
        ]
    layers = [
        layers_batch(protocol, name, rdms, inputs.layer_orders.get(name))
        for name, of_protocols in stored.items()
        if name not in planned or planned[name].order == "given"
        for protocol, rdms in of_protocols.items()
    ]
    run.do("Describing networks", [*rows, *layers])
    models = {
        protocol: {
            name: Model(name, of_protocols[protocol], joined(inputs.remark, remarks[name]))
            for name, of_protocols in stored.items()
            if protocol in of_protocols
        }
        for protocol in protocols
    }
    return models, failed


def _controls(
    run: Run,
    study: Study,
    inputs: StudyInputs,
    models: dict[str, dict[str, Model]],
    planned: Mapping[str, PlannedNetwork],
    given: Mapping[str, Artifact],
) -> StudyControls:
    """Describe the controls, and take networks whose frames have another order out of `models`."""
    in_orders = {name: each for name, each in planned.items() if each.order != "given"}
    orders = {
        protocol: [its.pop(name) for name in in_orders if name in its] for protocol, its in models.items()
    }
    usual = {name: (each.usual, each.order) for name, each in in_orders.items()}
    write_controls(run, study, inputs, usual)
    return StudyControls(given, orders, usual)
