"""The last stages of a study: from stored RDMs to facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from alignhouse.analysis.jobs.best_layers import BestLayers
from alignhouse.analysis.jobs.comparisons import EVERY_NETWORK, complexity_job, difference_job
from alignhouse.analysis.jobs.interval_rows import Resampling
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.scores import (
    correction_job,
    group_job,
    noise_ceiling_job,
    rsa_job,
    scored_together,
)
from alignhouse.analysis.jobs.uncertainty import (
    bootstrap_job,
    chosen_together,
    layer_choice_job,
    resampled_together,
)
from alignhouse.analysis.kernels.similarity import FEWEST_CONDITIONS
from alignhouse.analysis.statistics.layer_choice import FEWEST_STIMULI_OF_HALVES
from alignhouse.study.file import Protocol, Study
from alignhouse.study.inputs import StudyInputs
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.executors import writing_behind
from alignhouse.warehouse.jobs import Job, Output, Tick, canonical
from alignhouse.warehouse.runs import Run

RANDOM = "random weights"
FIGURES = ("parameters", "gflops", "top1")
# Larger buffers make nothing faster, however many the stimuli.
MOST_MEMORY = 3 * 2**29

# (protocol, model) -> the artifacts of a job.
Done = dict[tuple[str, str], list[Artifact]]
# Makes the jobs of some networks under one protocol.
JobsOfNetworks = Callable[[Scope, Sequence[Model]], list[Job]]


def run_analysis(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    models: Mapping[str, Mapping[str, Model]],
    inputs: StudyInputs,
    *,
    uncertainty: bool,
) -> None:
    """Facts from stored RDMs: scores and their tests, and, with `uncertainty`, what bootstraps tell of them.

    `models` is protocol -> name -> model. What is done is left alone.
    """
    scopes = {
        name: Scope(
            root=run.writer.folder,
            protocol=name,
            settings=protocol.analysis,
            dataset=study.brain.dataset,
            split=study.brain.split,
            permutations=study.analysis.permutations,
            seed=study.analysis.seed,
        )
        for name, protocol in protocols.items()
    }
    run.do("Describing protocols", [protocol_job(name, each) for name, each in protocols.items()])
    run.do(
        "Noise ceilings",
        [noise_ceiling_job(scope, inputs.brain_rdms, inputs.remark) for scope in scopes.values()],
    )
    stage = _Stage(run, study, scopes, models, inputs)
    best_layers = stage.best_layers(stage.scored())
    stage.compared(best_layers)
    if uncertainty:
        if study.analysis.halvings:
            stage.chosen()
        if study.analysis.bootstraps:
            stage.differences(stage.bootstrapped())
            stage.complexity(best_layers)


class _Stage:
    """The stages of an analysis, each for all protocols."""

    def __init__(
        self,
        run: Run,
        study: Study,
        scopes: Mapping[str, Scope],
        models: Mapping[str, Mapping[str, Model]],
        inputs: StudyInputs,
    ) -> None:
        self.run, self.study, self.scopes, self.models = run, study, scopes, models
        self.brains, self.stimuli, self.training = inputs.brain_rdms, inputs.stimuli, inputs.training
        self.memory = min(study.compute.memory // 2, MOST_MEMORY)
        self.resampling = Resampling(
            draws=study.analysis.bootstraps,
            level=study.analysis.level,
            halvings=study.analysis.halvings,
            train=self._train(),
        )

    def scored(self) -> Done:
        def jobs(scope: Scope, models: Sequence[Model]) -> list[Job]:
            together = scored_together(scope, models, self.brains, memory=self.memory)
            return [rsa_job(scope, model, self.brains, together) for model in models]

        return self._of_networks("Scoring networks", jobs)

    def best_layers(self, scored: Done) -> dict[str, BestLayers]:
        return {
            protocol: BestLayers(scope, self._of_protocol(scored, protocol))
            for protocol, scope in self.scopes.items()
        }

    def compared(self, best_layers: Mapping[str, BestLayers]) -> None:
        corrections, groups = [], []
        for protocol, best in best_layers.items():
            remark = self._remark(protocol)
            corrections.append(correction_job(best, remark))
            for group_by in self.study.report.group_by:
                groups.append(group_job(group_by, self._labels(group_by, protocol), best, remark))
        self.run.do("Correcting for many tests", corrections)
        self.run.do("Comparing groups", groups)

    def chosen(self) -> None:
        """Not where halves would have too few stimuli to correlate, which is said."""
        if not self.resampling.train and len(self.stimuli) < FEWEST_STIMULI_OF_HALVES:
            self.run.progress.say(
                "No layers are chosen on other stimuli: expected at least "
                f"{FEWEST_STIMULI_OF_HALVES} stimuli, found {len(self.stimuli)}"
            )
            return

        def jobs(scope: Scope, models: Sequence[Model]) -> list[Job]:
            together = chosen_together(scope, self.resampling, models, self.brains, memory=self.memory)
            return [
                layer_choice_job(scope, self.resampling, model, self.brains, together) for model in models
            ]

        self._of_networks("Choosing layers on other stimuli", jobs)

    def bootstrapped(self) -> Done:
        def jobs(scope: Scope, models: Sequence[Model]) -> list[Job]:
            together = resampled_together(scope, self.resampling, models, self.brains, memory=self.memory)
            return [bootstrap_job(scope, self.resampling, model, self.brains, together) for model in models]

        return self._of_networks("Bootstrapping networks", jobs)

    def differences(self, bootstrapped: Done) -> None:
        jobs = []
        for protocol, scope in self.scopes.items():
            bootstraps = self._of_protocol(bootstrapped, protocol)
            kinds: list[str] = list(self.study.report.group_by)
            if self.study.analysis.compare_networks and len(bootstraps) > 1:
                kinds.append(EVERY_NETWORK)
            for group_by in kinds:
                labels = self._labels(group_by, protocol)
                jobs.append(
                    difference_job(
                        scope, self.resampling, group_by, labels, bootstraps, self._remark(protocol)
                    )
                )
        self.run.do("Intervals of differences", jobs)

    def complexity(self, best_layers: Mapping[str, BestLayers]) -> None:
        jobs = []
        for protocol, best in best_layers.items():
            figures = {name: self._facts_of_models(name, protocol) for name in FIGURES}
            jobs.append(complexity_job(self.resampling, figures, best, self._remark(protocol)))
        self.run.do("Relating alignment to complexity", jobs)

    def _of_networks(self, title: str, jobs: JobsOfNetworks) -> Done:
        """The artifacts of a job for each network and protocol; those to do are computed together."""
        keys, todo = {}, []
        for protocol, scope in self.scopes.items():
            models = list(self.models[protocol].values())
            of_models = jobs(scope, models)
            finished = self.run.done_among(of_models)
            wanted = []
            for model, job in zip(models, of_models, strict=True):
                keys[protocol, model.name] = job.key
                if job.key in finished:
                    todo.append(job)
                else:
                    wanted.append(model)
            todo += jobs(scope, wanted)
        done = self.run.do(title, todo, writing_behind)
        return {place: done[key] for place, key in keys.items()}

    def _of_protocol(self, done: Done, protocol: str) -> dict[str, list[Artifact]]:
        return {name: done[protocol, name] for name in self.models[protocol]}

    def _train(self) -> frozenset[str]:
        """The stimuli that layers can be chosen on, where there are others to score them on."""
        enough = FEWEST_CONDITIONS <= len(self.training) <= len(self.stimuli) - FEWEST_CONDITIONS
        return self.training if enough else frozenset()

    def _labels(self, group_by: str, protocol: str) -> dict[str, str]:
        return {name: str(value) for name, value in self._facts_of_models(group_by, protocol).items()}

    def _facts_of_models(self, column: str, protocol: str) -> dict[str, float | None]:
        """Model -> what the warehouse's own table of models says of it."""
        table = self.run.writer.connection.sql("select * from model").pl()
        values = dict(zip(table["model"], table[column], strict=True))
        return {name: values[name] for name in self.models[protocol]}

    def _remark(self, protocol: str) -> str:
        return _remark_of_all(self.models[protocol].values())


def _remark_of_all(models: Iterable[Model]) -> str:
    """One remark for what is made of several networks: theirs, or which of them are untrained."""
    remarks = {model.name: model.remark for model in models}
    if len(set(remarks.values())) == 1:
        return next(iter(remarks.values()))
    least = min(remarks.values(), key=len)
    untrained = [name for name, remark in remarks.items() if remark != least]
    return joined(least, f"{RANDOM} of {', '.join(untrained)}")


def joined(*remarks: str) -> str:
    """Remarks as one; empty ones are left out."""
    return ", ".join(each for each in remarks if each)


def protocol_job(name: str, protocol: Protocol) -> Job:
    """The row that describes a protocol, all its settings in it."""
    settings = protocol.model_dump(mode="json")

    def work(tick: Tick) -> Iterator[Output]:
        table = pa.table({"protocol": [name], "settings": [canonical(settings)]})
        yield Output(("facts", hive("table", "protocol")), table, table="protocol", slot=("protocol",))

    return Job(
        method="protocol",
        version=1,
        settings={"protocol": name, **settings},
        inputs={},
        label=f"protocol {name}",
        work=work,
    )
