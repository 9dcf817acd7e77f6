"""A whole study, stage by stage: raw files, stored vectors, alignment, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.analysis.jobs.scope import Model
from alignhouse.ingest.features.jobs import Extraction, Together, extraction_job, layers_job, model_job
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.ahead import BuiltAhead
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import check_weights
from alignhouse.study.analyse import RANDOM, joined, run_analysis
from alignhouse.study.file import Protocol, Study
from alignhouse.study.inputs import StudyInputs, ingest_inputs
from alignhouse.warehouse.artifacts import Artifact, read_metadata
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

STAGES = ("inputs", "networks", "rsa", "analysis")


@dataclass(frozen=True)
class Finished:
    """What a run did: how many jobs were done now, 0 where everything was done before.

    failed : model name -> why it could not be extracted; the others are done.
    """

    warehouse: Path
    jobs_done: int
    failed: Mapping[str, str]


def run_study(
    study: Study, *, command: str, until: str = "analysis", progress: Progress | None = None
) -> Finished:
    """Bring the warehouse of a study up to date: what is done is left alone, what is missing is done.

    Parameters
    ----------
    command : what the person typed, kept with the run.
    until : the last stage to do, one of STAGES.

    Raises
    ------
    BadInput : an input is wrong; the warehouse is as it was.
    WarehouseLocked : another process writes to it.
    """
    protocols = study.resolved_protocols()
    networks = [] if study.networks.rdms else study.chosen_networks()
    folder = study.study.warehouse
    with (
        Writer(folder, command) as writer,
        Run(writer, command, study.recorded(), progress or Silent()) as run,
        _builder(study) as build,
    ):
        hashes = Hashes(folder)
        with run.all_or_nothing():
            inputs = ingest_inputs(run, study, hashes)
            planned = _planned(run, study, protocols, networks, inputs, build) if until != "inputs" else {}
            # Known before hours of extraction, and before anything is accepted; a network whose RDMs are
            # stored needs no weights any more.
            missing = [each.together.network for each in planned.values() if each.together.wanted]
            if missing:
                check_weights(missing, study.networks.weights)
        hashes.save()
        failed: dict[str, str] = {}
        if until != "inputs":
            models, failed = _networks(run, study, protocols, planned, inputs)
            there = {name: each for name, each in protocols.items() if models[name]}
            if until != "networks" and there:
                run_analysis(run, study, there, models, inputs, uncertainty=until == "analysis")
        return Finished(folder, run.jobs_done, failed)


def _networks(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    planned: Mapping[str, _Planned],
    inputs: StudyInputs,
) -> tuple[dict[str, dict[str, Model]], dict[str, str]]:
    """Protocol -> model name -> its stored RDMs, extracted or as the user gave them; and what failed."""
    failed: dict[str, str] = {}
    if inputs.model_rdms:
        stored = {
            name: {protocol: rdms for protocol in protocols} for name, rdms in inputs.model_rdms.items()
        }
        remarks = dict.fromkeys(stored, "")
        rows = [model_job(name, name, "precomputed", "") for name in stored]
    else:
        stored, failed = _extracted(run, planned)
        done = {name: planned[name].together for name in stored}
        remarks = {name: RANDOM if each.weights == "random" else "" for name, each in done.items()}
        rows = [model_job(name, each.network, each.weights, remarks[name]) for name, each in done.items()]
    layers = [
        layers_job(protocol, name, run.writer.folder, rdms)
        for name, of_protocols in stored.items()
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


@dataclass(frozen=True)
class _Planned:
    """The extractions of one network: protocol -> job, and what they share."""

    together: Together
    jobs: Mapping[str, Job]


def _planned(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    networks: Sequence[Network],
    inputs: StudyInputs,
    build: BuiltAhead,
) -> dict[str, _Planned]:
    """Model name -> its extractions; what is done already is not among the settings wanted."""
    extraction = Extraction(
        root=run.writer.folder,
        stimuli=inputs.stimuli,
        sha256=inputs.sha256,
        weights=study.networks.weights,
        seed=study.networks.seed,
        device=study.compute.device,
        memory=study.compute.memory,
        scratch=study.compute.scratch,
        skip_bad=study.networks.skip_bad,
        say=run.progress.say,
    )
    planned = {}
    for network in networks:
        together = Together(extraction, network, build)
        jobs = {name: _extraction(run, together, each.extraction) for name, each in protocols.items()}
        together.wanted = [protocols[name].extraction for name, job in jobs.items() if not run.has(job)]
        planned[together.name] = _Planned(together, jobs)
    build.expect([each.together.network for each in planned.values() if each.together.wanted])
    return planned


def _extraction(run: Run, together: Together, settings: ExtractionSettings) -> Job:
    strict = extraction_job(together, settings)
    # What was extracted without a bad layer is what it would be if bad ones were left out.
    if not together.extraction.skip_bad or run.has(strict):
        return strict
    return extraction_job(together, settings, skip_bad=True)


def _extracted(
    run: Run, planned: Mapping[str, _Planned]
) -> tuple[dict[str, dict[str, Artifact]], dict[str, str]]:
    """Model name -> protocol -> its RDMs; and model name -> why it has none, under some protocol at least.

    Protocols that differ only in the analysis share one job.
    """
    jobs = [job for each in planned.values() for job in each.jobs.values()]
    done, failures = run.try_each("Extracting RDMs of networks", jobs)
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
        _tell_skipped_layers(run, name, of_protocols)
    return {name: rdms for name, rdms in stored.items() if rdms}, failed


def _tell_skipped_layers(run: Run, name: str, of_protocols: Mapping[str, Artifact]) -> None:
    for protocol, artifact in of_protocols.items():
        notes = read_metadata(run.writer.folder / artifact.path)["about"]["notes"]
        if skipped := notes["skipped_layers"]:
            run.progress.say(f"Skipped layers of {name}, protocol {protocol}: {', '.join(skipped)}")


def _builder(study: Study) -> BuiltAhead:
    def built(network: Network) -> Built:
        from alignhouse.ingest.models.build import build_network

        return build_network(network, weights=study.networks.weights, seed=study.networks.seed)

    return BuiltAhead(built, ahead=study.compute.device != "cpu")
