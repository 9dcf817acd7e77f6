"""Which jobs give a study the RDMs of its networks: extractions, and RDMs from stored Gram matrices."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from alignhouse.ingest.features.frame_order import FrameOrder
from alignhouse.ingest.features.gram_files import (
    grams_among,
    rdm_of_grams_batch,
    rdm_of_grams_job,
    rdms_among,
)
from alignhouse.ingest.features.jobs import (
    Extraction,
    extraction_batch,
    extraction_jobs,
    model_name,
    skipped_layers,
)
from alignhouse.ingest.features.kept_grams import GRAMS, MOST_STIMULI
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.work import with_work
from alignhouse.ingest.inner_products import Centering, OfInnerProducts
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import WeightsKind, weights_identity, weights_kind
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import some_names
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.runs import Run


@dataclass(frozen=True)
class Derivation:
    """How RDMs derive from Gram matrices."""

    distance: OfInnerProducts
    centering: Centering


@dataclass(frozen=True)
class Candidates:
    """The jobs that can give a protocol the RDMs of a network.

    Each of them with all layers, then without bad ones if the study leaves them out.

    plain : of the protocol's own settings, without Gram matrices. keeping : with Gram matrices, from which
    the RDMs derive by `derivation`, or which has them itself (None); () if the features are needed.
    base : as `keeping`, without Gram matrices.
    """

    plain: Sequence[Job]
    keeping: Sequence[Job] = ()
    derivation: Derivation | None = None
    base: Sequence[Job] = ()

    def chosen(self, done: Container[str], *, keep: bool) -> Chosen:
        """The job to use: a finished one if there is any.

        Parameters
        ----------
        done : keys of finished jobs. keep : whether new jobs keep Gram matrices.
        """
        for job in self.plain:
            if job.key in done:
                return Chosen(job)
        for job in self.keeping:
            if job.key in done:
                return Chosen(job, self.derivation)
        if keep and self.keeping:
            return Chosen(self.keeping[-1], self.derivation, again=any(job.key in done for job in self.base))
        return Chosen(self.plain[-1])


@dataclass(frozen=True)
class Chosen:
    """The job that gives a protocol the RDMs of a network; its own, or those that derive from its Grams.

    again : the same RDMs are stored, but without the Gram matrices that the protocol needs.
    """

    job: Job
    derivation: Derivation | None = None
    again: bool = False


@dataclass(frozen=True)
class PlannedNetwork:
    """The extractions of one network: protocol -> job, and one batch with all of them.

    usual : the model's name with the frames as they are; `order` is theirs here.
    """

    network: Network
    weights: WeightsKind
    usual: str
    order: FrameOrder
    chosen: Mapping[str, Chosen]
    batch: Batch

    def protocols_among(self, keys: Container[str]) -> list[str]:
        """The protocols whose extraction has one of these keys."""
        return [name for name, each in self.chosen.items() if each.job.key in keys]


def keeps_grams(asked: Sequence[str] | None, n_stimuli: int) -> bool:
    """Whether Gram matrices are kept. asked : `networks.keep` of the study file."""
    return n_stimuli <= MOST_STIMULI if asked is None else GRAMS in asked


def extraction_candidates(
    extraction: Extraction,
    network: Network,
    settings: Mapping[str, ExtractionSettings],
    *,
    skip_bad: bool,
) -> dict[str, Candidates]:
    """Protocol -> the jobs that can give its RDMs. settings : of each protocol."""
    # Of some networks, only a call of the user's function tells the weights: it is made once.
    identity = weights_identity(network, extraction.weights, extraction.seed)
    # What was extracted with all layers is what it would be if bad ones were left out.
    leniencies = (False, True) if skip_bad else (False,)

    def jobs(each: ExtractionSettings, *, grams: bool) -> list[Job]:
        made = (
            extraction_jobs(extraction, network, [each], skip_bad=lenient, grams=grams, weights=identity)
            for lenient in leniencies
        )
        return [job for [job] in made]

    def of_protocol(each: ExtractionSettings) -> Candidates:
        plain = jobs(each, grams=False)
        if not each.needs_only_grams:
            return Candidates(plain)
        derivation = Derivation(each.distance_of_grams, each.centering) if each.derives else None
        base = jobs(each.base, grams=False)
        return Candidates(plain, jobs(each.base, grams=True), derivation, base if each.derives else ())

    return {name: of_protocol(each) for name, each in settings.items()}


def plan_extractions(
    run: Run,
    named: Mapping[str, tuple[Network, Extraction]],
    settings: Mapping[str, ExtractionSettings],
    *,
    skip_bad: bool,
    keep: bool,
) -> dict[str, PlannedNetwork]:
    """Model name -> its extractions; says which networks are extracted again for their Gram matrices.

    Parameters
    ----------
    named : model name -> the network and its extraction. settings : of each protocol.
    keep : whether new extractions keep Gram matrices.
    """
    candidates = {
        name: extraction_candidates(its, network, settings, skip_bad=skip_bad)
        for name, (network, its) in named.items()
    }
    done = finished_among(run, (each for of_network in candidates.values() for each in of_network.values()))
    chosen = {
        name: {protocol: each.chosen(done, keep=keep) for protocol, each in of_network.items()}
        for name, of_network in candidates.items()
    }
    say_what_is_made_again(run, chosen, "Extracting")
    planned = {}
    for name, (network, its) in named.items():
        kind = weights_kind(network, its.weights)
        jobs = {each.job.key: each.job for each in chosen[name].values()}
        planned[name] = PlannedNetwork(
            network,
            kind,
            model_name(network.name, kind, its.seed),
            its.order,
            chosen[name],
            extraction_batch(its, network, list(jobs.values())),
        )
    return planned


def finished_among(run: Run, candidates: Iterable[Candidates]) -> set[str]:
    """The keys of all finished jobs of candidates."""
    jobs = [job for each in candidates for job in (*each.plain, *each.keeping, *each.base)]
    return {job.key for job in jobs} - run.missing(jobs)


def say_what_is_made_again(run: Run, chosen: Mapping[str, Mapping[str, Chosen]], doing: str) -> None:
    """Say which stored RDMs are made again, because a protocol needs the Gram matrices that they lack.

    Parameters
    ----------
    chosen : model name -> protocol -> its job. doing : "Extracting" or "Reading".
    """
    again = {name: [key for key, each in its.items() if each.again] for name, its in chosen.items()}
    models = [name for name, protocols in again.items() if protocols]
    if models:
        protocols = list(dict.fromkeys(key for of_network in again.values() for key in of_network))
        run.progress.say(
            f"{doing} again, because RDMs were stored without the Gram matrices that protocol "
            f"{', '.join(protocols)} needs: {some_names(models, 4)}"
        )


def with_work_of(
    run: Run, planned: Mapping[str, PlannedNetwork], dataset: str, stimuli: Sequence[str]
) -> dict[str, PlannedNetwork]:
    """The same extractions, with the work of their batches; the stimuli must be registered."""
    [row] = run.rows("frames_of_stimuli", dataset=dataset, stimuli=list(stimuli))
    return {
        name: replace(each, batch=with_work(each.batch, each.network, len(stimuli), row["frames"] or 1.0))
        for name, each in planned.items()
    }


def extracted(
    run: Run,
    planned: Mapping[str, PlannedNetwork],
    *,
    skip_bad: bool,
    executor: Executor | None = None,
) -> tuple[dict[str, dict[str, Artifact]], dict[str, str]]:
    """Model name -> protocol -> its RDMs; and model name -> error, if any of its protocols failed.

    Protocols that differ only in the analysis share one job.

    executor : used instead of that of the run.
    """
    batches = [each.batch for each in planned.values()]
    done, failures = run.try_each("Extracting RDMs of networks", batches, executor)
    failed = {
        name: failures[next(iter(keys))]
        for name, each in planned.items()
        if (keys := [one.job.key for one in each.chosen.values() if one.job.key in failures])
    }
    chosen = {
        name: {protocol: one for protocol, one in each.chosen.items() if one.job.key in done}
        for name, each in planned.items()
    }
    stored, more = rdms_of_chosen(run, chosen, done, skip_bad=skip_bad)
    for name, of_protocols in stored.items():
        for protocol, rdms in of_protocols.items():
            if skipped := skipped_layers(rdms):
                run.progress.say(f"Skipped layers of {name}, protocol {protocol}: {', '.join(skipped)}")
    return {name: rdms for name, rdms in stored.items() if rdms}, {**more, **failed}


def rdms_of_chosen(
    run: Run,
    chosen: Mapping[str, Mapping[str, Chosen]],
    done: Mapping[str, Sequence[Artifact]],
    *,
    skip_bad: bool,
) -> tuple[dict[str, dict[str, Artifact]], dict[str, str]]:
    """Model name -> protocol -> its RDMs, derived from Gram matrices where that is chosen; and the failures.

    Parameters
    ----------
    chosen : model name -> protocol -> its job, all finished. done : key -> artifacts of these jobs.
    """
    grams = {
        each.job.key: found
        for its in chosen.values()
        for each in its.values()
        if each.derivation and (found := grams_among(done[each.job.key]))
    }
    derived = dict(_derived_jobs(chosen, grams, skip_bad=False))
    if skip_bad:
        missing = run.missing(derived.values())
        lenient = dict(_derived_jobs(chosen, grams, skip_bad=True))
        derived = {key: lenient[key] if job.key in missing else job for key, job in derived.items()}
    batches = {
        job.key: rdm_of_grams_batch(job, grams[chosen[name][protocol].job.key])
        for (name, protocol), job in derived.items()
    }
    made, failures = run.try_each("RDMs from Gram matrices", batches.values()) if batches else ({}, {})
    stored: dict[str, dict[str, Artifact]] = {name: {} for name in chosen}
    failed: dict[str, str] = {}
    for name, its in chosen.items():
        for protocol, each in its.items():
            job = derived.get((name, protocol))
            if job is None:
                stored[name][protocol] = rdms_among(done[each.job.key])
            elif job.key in made:
                stored[name][protocol] = rdms_among(made[job.key])
            else:
                failed[name] = failures[job.key]
    return stored, failed


def _derived_jobs(
    chosen: Mapping[str, Mapping[str, Chosen]], grams: Mapping[str, Artifact], *, skip_bad: bool
) -> Iterator[tuple[tuple[str, str], Job]]:
    """(Model name, protocol) and the job of its RDMs, where they derive from Gram matrices."""
    job = partial(rdm_of_grams_job, skip_bad=skip_bad)
    for name, its in chosen.items():
        for protocol, each in its.items():
            if each.derivation is not None:
                found = grams[each.job.key].artifact
                yield (name, protocol), job(name, found, each.derivation.distance, each.derivation.centering)
