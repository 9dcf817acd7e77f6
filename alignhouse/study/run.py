"""Runs a whole study stage by stage: raw files, stored vectors, alignment, report."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from alignhouse.analysis.figures.frames import RANDOM_WEIGHTS
from alignhouse.analysis.jobs.scope import Model
from alignhouse.ingest.features.description_jobs import layers_batch, model_batch
from alignhouse.ingest.features.frame_order import FrameOrder
from alignhouse.ingest.features.jobs import (
    Extraction,
    extraction_batch,
    extraction_jobs,
    model_name,
    skipped_layers,
)
from alignhouse.ingest.features.work import with_work
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
from alignhouse.study.file import Protocol, Study
from alignhouse.study.inputs import StudyInputs, ingest_inputs
from alignhouse.study.machine import check_decord_reads, check_machine, check_packages
from alignhouse.study.networks import check_weights_of, weighted_networks
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.executors.processes import Processes
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.jobs import Job
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
    BadInput : an input is wrong, or the stage is unknown; the warehouse is unchanged.
    WarehouseLocked : another process writes to it.
    """
    until = _stage(until)
    protocols = study.resolved_protocols()
    networks = [] if study.networks.given else weighted_networks(study)
    folder = study.study.warehouse
    if until.includes(Until.NETWORKS):
        _check_machine_first(study, protocols, networks)
    with (
        _executor(study) as (executor, workers),
        Writer(folder, command, memory=study.compute.memory) as writer,
        Run(writer, command, study.recorded(), progress or Silent(), executor) as run,
    ):
        hashes = Hashes(folder)
        memory = study.compute.memory // workers
        planned: dict[str, _Planned] = {}
        with run.all_or_nothing():
            inputs = ingest_inputs(run, study, hashes)
            if until.includes(Until.NETWORKS):
                planned = _planned(run, study, protocols, networks, inputs, memory)
            # Checked before hours of extraction, and before any input is accepted. A network with stored RDMs
            # needs neither its weights nor its library.
            jobs = [job for each in planned.values() for job in each.jobs.values()]
            missing = run.missing(jobs)
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
            planned = _with_work(run, study, planned, inputs)
            models, failed = _networks(run, protocols, planned, inputs)
            controls = _controls(run, study, inputs, models, planned, given)
            there = {name: each for name, each in protocols.items() if models[name]}
            if until.includes(Until.RSA) and there:
                uncertainty = until.includes(Until.ANALYSIS)
                run_analysis(
                    run, study, there, models, inputs, controls, memory=memory, uncertainty=uncertainty
                )
        return Finished(folder, run.jobs_done, failed)


def _stage(name: str) -> Until:
    if name not in list(Until):
        raise BadInput(f"there is no stage {name!r}", hint=near_names(name, Until))
    return Until(name)


@contextmanager
def _executor(study: Study) -> Iterator[tuple[Executor | None, int]]:
    """The executor of a study and its number of workers; None means this process."""
    if study.compute.executor == "local":
        yield None, 1
        return
    with Processes() as processes:
        yield processes, processes.workers


@dataclass(frozen=True)
class _Planned:
    """The extractions of one network: protocol -> job, and one batch with all of them.

    usual : the model's name with the frames as they are; `order` is theirs here.
    """

    network: Network
    weights: WeightsKind
    usual: str
    order: FrameOrder
    jobs: Mapping[str, Job]
    batch: Batch

    def protocols_among(self, keys: Container[str]) -> list[str]:
        """The protocols whose job has one of these keys."""
        return [name for name, job in self.jobs.items() if job.key in keys]


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
    memory: int,
) -> dict[str, _Planned]:
    """Model name -> its extractions."""
    extraction = Extraction(
        root=run.writer.folder,
        stimuli=inputs.stimuli,
        sha256=inputs.sha256,
        weights=study.networks.weights,
        seed=study.networks.seed,
        device=study.compute.device,
        memory=memory,
        scratch=study.compute.scratch * memory // study.compute.memory,
        unlike_decord=frozenset(inputs.unlike_decord),
        decord_asked=is_installed("decord")
        and any(each.extraction.decoder == "decord" for each in protocols.values()),
    )
    settings = [each.extraction for each in protocols.values()]
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
    jobs = {
        name: extraction_jobs(its, network, settings, skip_bad=False)
        for name, (network, its) in named.items()
    }
    if study.networks.skip_bad:
        # What was extracted with all layers is what it would be if bad ones were left out.
        missing = run.missing(job for of_network in jobs.values() for job in of_network)
        for name, (network, its) in named.items():
            strict = jobs[name]
            lenient = extraction_jobs(its, network, settings, skip_bad=True)
            jobs[name] = [
                other if job.key in missing else job for job, other in zip(strict, lenient, strict=True)
            ]
    return {
        name: _Planned(
            network,
            weights_kind(network, its.weights),
            model_name(network.name, weights_kind(network, its.weights), its.seed),
            its.order,
            dict(zip(protocols, jobs[name], strict=True)),
            extraction_batch(its, network, jobs[name]),
        )
        for name, (network, its) in named.items()
    }


def _with_work(
    run: Run, study: Study, planned: Mapping[str, _Planned], inputs: StudyInputs
) -> dict[str, _Planned]:
    """The same extractions, with the work of their batches; the stimuli must be registered."""
    names = [each.name for each in inputs.stimuli]
    [row] = run.rows("frames_of_stimuli", dataset=study.brain.dataset, stimuli=names)
    return {
        name: replace(each, batch=with_work(each.batch, each.network, len(names), row["frames"] or 1.0))
        for name, each in planned.items()
    }


def _networks(
    run: Run, protocols: Mapping[str, Protocol], planned: Mapping[str, _Planned], inputs: StudyInputs
) -> tuple[dict[str, dict[str, Model]], dict[str, str]]:
    """Protocol -> model name -> its stored RDMs, extracted or provided by the user; and the failures."""
    failed: dict[str, str] = {}
    if inputs.model_rdms:
        stored = {
            name: {protocol: rdms for protocol in protocols} for name, rdms in inputs.model_rdms.items()
        }
        remarks = dict.fromkeys(stored, "")
        rows = [model_batch(name, name, "precomputed", "", inputs.facts.get(name)) for name in stored]
    else:
        stored, failed = _extracted(run, planned)
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
    planned: Mapping[str, _Planned],
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


def _extracted(
    run: Run, planned: Mapping[str, _Planned]
) -> tuple[dict[str, dict[str, Artifact]], dict[str, str]]:
    """Model name -> protocol -> its RDMs; and model name -> error, if any of its protocols failed.

    Protocols that differ only in the analysis share one job.
    """
    done, failures = run.try_each("Extracting RDMs of networks", [each.batch for each in planned.values()])
    stored = {
        name: {protocol: done[job.key][0] for protocol, job in each.jobs.items() if job.key in done}
        for name, each in planned.items()
    }
    failed = {
        name: failures[next(job.key for job in each.jobs.values() if job.key in failures)]
        for name, each in planned.items()
        if any(job.key in failures for job in each.jobs.values())
    }
    for name, of_protocols in stored.items():
        for protocol, rdms in of_protocols.items():
            if skipped := skipped_layers(rdms):
                run.progress.say(f"Skipped layers of {name}, protocol {protocol}: {', '.join(skipped)}")
    return {name: rdms for name, rdms in stored.items() if rdms}, failed
