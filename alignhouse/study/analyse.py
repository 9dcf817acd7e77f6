"""The last stages of a study: compute facts from stored RDMs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from itertools import combinations
from typing import Any

from alignhouse.analysis.figures.frames import RANDOM_WEIGHTS
from alignhouse.analysis.jobs.best_layer_tests import best_layer_batch
from alignhouse.analysis.jobs.beyond_controls import beyond_batch
from alignhouse.analysis.jobs.bootstraps import bootstrap_batch
from alignhouse.analysis.jobs.comparisons import EVERY_NETWORK, difference_batch
from alignhouse.analysis.jobs.complexity import complexity_batch
from alignhouse.analysis.jobs.control_scores import control_score_batch
from alignhouse.analysis.jobs.frame_orders import frame_order_batch
from alignhouse.analysis.jobs.layer_choices import layer_choice_batch
from alignhouse.analysis.jobs.measure_agreement import MeasureAgreementSettings, measure_agreement_batch
from alignhouse.analysis.jobs.network_similarity import network_similarity_batch
from alignhouse.analysis.jobs.noise_ceilings import noise_ceiling_batch
from alignhouse.analysis.jobs.protocols import protocol_batch
from alignhouse.analysis.jobs.room import Limits
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.kernels.similarity import FEWEST_CONDITIONS, pair_count
from alignhouse.analysis.statistics.layer_choice import FEWEST_STIMULI_OF_HALVES
from alignhouse.ingest.features.settings import ADDED_SETTINGS
from alignhouse.study.controls import StudyControls
from alignhouse.study.file import Study
from alignhouse.study.inputs import StudyInputs
from alignhouse.study.measures import differ_by_measure
from alignhouse.study.protocol import Protocol
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.local import writing_behind
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.sizes import size_in_words

FIGURES = ("parameters", "gflops", "top1")
# Larger buffers are not faster, for any number of stimuli.
MOST_MEMORY = 3 * 2**29
# Stored RDMs are float64.
BYTES_OF_A_DISTANCE = 8

# Protocol -> model -> the artifacts of a job.
Done = dict[str, dict[str, list[Artifact]]]


def run_analysis(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    models: Mapping[str, Mapping[str, Model]],
    inputs: StudyInputs,
    controls: StudyControls,
    *,
    memory: int,
    uncertainty: bool,
) -> None:
    """Compute facts from stored RDMs: scores and tests, and bootstrap intervals if `uncertainty` is set.

    Scores, their nulls and noise ceilings are computed in blocks of pairs where RDMs do not fit in memory.
    Other statistics are skipped there, with a message.

    Parameters
    ----------
    models : protocol -> name -> model. controls : what these are compared with.
    memory : bytes that one batch may use.
    """
    stage = _Stages(run, study, protocols, models, inputs, memory)
    stage.described_protocol()
    scored = stage.scored()
    stage.compared(scored)
    stage.alike(scored)
    stage.scored_controls(controls)
    if uncertainty and stage.fits("layer choices and intervals", stage.of_brains_and_a_network):
        if study.analysis.halvings:
            stage.chosen()
        if study.analysis.bootstraps:
            bootstrapped = stage.bootstrapped()
            stage.differences(bootstrapped)
            stage.agreement(bootstrapped)
            stage.complexity(scored)
            stage.orders(controls)
        if controls.given:
            stage.beyond(controls)


class _Stages:
    """The stages of an analysis, each for all protocols."""

    def __init__(
        self,
        run: Run,
        study: Study,
        protocols: Mapping[str, Protocol],
        models: Mapping[str, Mapping[str, Model]],
        inputs: StudyInputs,
        memory: int,
    ) -> None:
        self.run, self.study, self.protocols, self.models = run, study, protocols, models
        self.brains, self.stimuli, self.remark = inputs.brain_rdms_of, inputs.stimuli, inputs.remark
        self.training = inputs.training
        self.memory = min(memory // 2, MOST_MEMORY)
        scratch = study.compute.scratch * memory // study.compute.memory
        self.limits = Limits(memory=memory, buffers=self.memory, scratch=scratch)
        self.scopes = {
            name: Scope(
                protocol=name,
                settings=protocol.analysis,
                dataset=study.brain.dataset,
                split=study.brain.split,
            )
            for name, protocol in protocols.items()
        }

    def described_protocol(self) -> None:
        self.run.do("Describing protocols", protocol_batches(self.protocols))
        asked = self.study.analysis
        batch = partial(
            noise_ceiling_batch,
            permutations=asked.permutations,
            seed=asked.seed,
            level=asked.level,
            memory=self.memory,
            limits=self.limits,
        )
        batches = [batch(scope, self._brains(scope), self.remark) for scope in self.scopes.values()]
        self.run.do("Noise ceilings", batches)

    def scored(self) -> Done:
        asked = self.study.analysis
        batch = partial(rsa_batch, permutations=asked.permutations, seed=asked.seed, limits=self.limits)
        return self._of_networks("Scoring networks", batch)

    def compared(self, scored: Done) -> None:
        asked = self.study.analysis
        batches = [
            best_layer_batch(
                scope,
                scored[protocol],
                {name: self._labels(name, protocol) for name in self.study.report.group_by},
                self._remark(protocol),
                permutations=asked.permutations,
                seed=asked.seed,
            )
            for protocol, scope in self.scopes.items()
        ]
        self.run.do("Testing best layers", batches)

    def fits(self, what: str, n_rdms: Callable[[str], int]) -> bool:
        """Whether so many whole RDMs fit in memory, n_rdms(protocol); says that `what` is skipped if not."""
        n_stimuli = len(self.stimuli)
        held = pair_count(n_stimuli) * BYTES_OF_A_DISTANCE * max(map(n_rdms, self.scopes))
        if held > self.limits.memory:
            self.run.progress.say(
                f"Skipped: {what}: expected at least {size_in_words(held)} of memory for RDMs of "
                f"{n_stimuli:,} stimuli, found {size_in_words(self.limits.memory)} "
                "(raise compute.memory, --memory)"
            )
        return held <= self.limits.memory

    def of_brains_and_a_network(self, protocol: str) -> int:
        """The number of RDMs of all brains and of the network with the most layers."""
        of_brains = sum(each.n_rows for each in self._brains(self.scopes[protocol]).values())
        return of_brains + self._most_layers(protocol)

    def of_networks(self, protocol: str) -> int:
        """The number of RDMs of the best layers of all networks, and of all layers of two."""
        return len(self.models[protocol]) + 2 * self._most_layers(protocol)

    def _most_layers(self, protocol: str) -> int:
        return max((each.rdms.n_rows for each in self.models[protocol].values()), default=0)

    def alike(self, scored: Done) -> None:
        if not self.fits("similarity of networks", self.of_networks):
            return
        batches = [
            network_similarity_batch(
                scope, models, scored[protocol], self._remark(protocol), memory=self.memory
            )
            for protocol, scope in self.scopes.items()
            if len(models := list(self.models[protocol].values())) > 1
        ]
        if batches:
            self.run.do("Comparing networks with networks", batches)

    def scored_controls(self, controls: StudyControls) -> None:
        asked = self.study.analysis
        batches = [
            control_score_batch(
                scope,
                there,
                self._brains(scope),
                permutations=asked.permutations,
                seed=asked.seed,
                memory=self.memory,
                limits=self.limits,
            )
            for protocol, scope in self._by_ranks().items()
            if (there := controls.scored(protocol, self.remark))
        ]
        if batches:
            self.run.do("Scoring controls", batches, writing_behind)

    def beyond(self, controls: StudyControls) -> None:
        asked = self.study.analysis
        batch = partial(
            beyond_batch,
            controls=controls.given,
            permutations=asked.permutations,
            draws=asked.bootstraps,
            level=asked.level,
            seed=asked.seed,
        )
        self._of_networks("Comparing networks with controls", batch, self._by_ranks())

    def orders(self, controls: StudyControls) -> None:
        """A network whose usual order failed is left out."""
        asked = self.study.analysis
        batches = [
            frame_order_batch(
                scope,
                self.models[protocol][network],
                orders,
                self._brains(scope),
                draws=asked.bootstraps,
                level=asked.level,
                seed=asked.seed,
                memory=self.memory,
            )
            for protocol, scope in self._by_ranks().items()
            for network, orders in controls.in_orders(protocol).items()
            if network in self.models[protocol]
        ]
        if batches:
            self.run.do("Comparing orders of frames", batches)

    def chosen(self) -> None:
        """Skipped, with a message, if halves would have too few stimuli to correlate."""
        asked, train = self.study.analysis, self._train()
        if not train and len(self.stimuli) < FEWEST_STIMULI_OF_HALVES:
            self.run.progress.say(
                "Skipped the choice of layers on other stimuli: expected at least "
                f"{FEWEST_STIMULI_OF_HALVES} stimuli, found {len(self.stimuli)}"
            )
            return

        batch = partial(layer_choice_batch, train=train, halvings=asked.halvings, seed=asked.seed)
        self._of_networks("Choosing layers on other stimuli", batch)

    def bootstrapped(self) -> Done:
        asked = self.study.analysis
        batch = partial(bootstrap_batch, draws=asked.bootstraps, level=asked.level, seed=asked.seed)
        return self._of_networks("Bootstrapping networks", batch)

    def differences(self, bootstrapped: Done) -> None:
        batches = []
        for protocol, scope in self.scopes.items():
            kinds: list[str] = list(self.study.report.group_by)
            if self.study.analysis.compare_networks and len(bootstrapped[protocol]) > 1:
                kinds.append(EVERY_NETWORK)
            batches += [
                difference_batch(
                    scope,
                    group_by,
                    self._labels(group_by, protocol),
                    bootstrapped[protocol],
                    self._remark(protocol),
                    level=self.study.analysis.level,
                )
                for group_by in kinds
            ]
        self.run.do("Intervals of differences", batches)

    def agreement(self, bootstrapped: Done) -> None:
        """Of every two protocols of the study that differ in the measure of their scores alone."""
        batches = [
            measure_agreement_batch(
                MeasureAgreementSettings(
                    protocol=one,
                    other=other,
                    dataset=self.study.brain.dataset,
                    split=self.study.brain.split,
                    level=self.study.analysis.level,
                    labels={name: self._labels(name, one) for name in self.study.report.group_by},
                    remark=self._remark(one),
                ),
                bootstrapped[one],
                bootstrapped[other],
            )
            for one, other in combinations(self.scopes, 2)
            if differ_by_measure(self.protocols[one], self.protocols[other])
            and bootstrapped[one].keys() & bootstrapped[other].keys()
        ]
        if batches:
            self.run.do("Comparing measures", batches)

    def complexity(self, scored: Done) -> None:
        asked = self.study.analysis
        batches = [
            complexity_batch(
                scope,
                scored[protocol],
                {name: self._facts_of_models(name, protocol) for name in FIGURES},
                self._remark(protocol),
                draws=asked.bootstraps,
                level=asked.level,
                seed=asked.seed,
            )
            for protocol, scope in self.scopes.items()
        ]
        self.run.do("Relating alignment to complexity", batches)

    def _of_networks(
        self, title: str, batch: Callable[..., Batch], scopes: Mapping[str, Scope] | None = None
    ) -> Done:
        """Do one job for each network and protocol; returns their artifacts.

        batch : called as batch(scope, models, brains, memory=...). scopes : of the protocols; None for all.
        """
        batches = {
            protocol: batch(
                scope, list(self.models[protocol].values()), self._brains(scope), memory=self.memory
            )
            for protocol, scope in (self.scopes if scopes is None else scopes).items()
        }
        done = self.run.do(title, batches.values(), writing_behind)
        return {
            protocol: {name: done[job.key] for name, job in zip(self.models[protocol], of.jobs, strict=True)}
            for protocol, of in batches.items()
        }

    def _brains(self, scope: Scope) -> Mapping[str, Artifact]:
        """Region -> its RDMs, by the distance of the protocol."""
        return self.brains[scope.settings.brain_distance]

    def _by_ranks(self) -> dict[str, Scope]:
        """The protocols that compare RDMs by Spearman's rho; only these are compared with controls."""
        return {name: scope for name, scope in self.scopes.items() if scope.settings.measure == "spearman"}

    def _train(self) -> frozenset[str]:
        """The training stimuli for choosing layers; empty if these or the other stimuli are too few."""
        enough = FEWEST_CONDITIONS <= len(self.training) <= len(self.stimuli) - FEWEST_CONDITIONS
        return self.training if enough else frozenset()

    def _labels(self, group_by: str, protocol: str) -> dict[str, str]:
        return {name: str(value) for name, value in self._facts_of_models(group_by, protocol).items()}

    def _facts_of_models(self, column: str, protocol: str) -> dict[str, Any]:
        """Model -> its value of `column` in the warehouse's table of models."""
        return {name: self._model_facts[name][column] for name in self.models[protocol]}

    @cached_property
    def _model_facts(self) -> dict[str, dict[str, Any]]:
        """Model -> its row in the warehouse's table of models, which no stage of the analysis changes."""
        return {row["model"]: row for row in self.run.rows("model_facts")}

    def _remark(self, protocol: str) -> str:
        return remark_of_all(self.models[protocol].values())


def protocol_batches(protocols: Mapping[str, Protocol]) -> list[Batch]:
    """The rows that describe protocols."""
    return [protocol_batch(name, described_protocol(each)) for name, each in protocols.items()]


def described_protocol(protocol: Protocol) -> dict[str, Any]:
    """All settings of a protocol, as the warehouse keeps them."""
    settings = protocol.model_dump(mode="json")
    defaults = type(protocol.extraction)().model_dump(mode="json", include=set(ADDED_SETTINGS))
    for name, default in defaults.items():
        if settings["extraction"][name] == default:
            del settings["extraction"][name]
    return settings


def remark_of_all(models: Iterable[Model]) -> str:
    """One remark for a result of several networks: their common remark, or the untrained ones."""
    remarks = {model.name: model.remark for model in models}
    if len(set(remarks.values())) == 1:
        return next(iter(remarks.values()))
    least = min(remarks.values(), key=len)
    untrained = [name for name, remark in remarks.items() if remark != least]
    return joined(least, f"{RANDOM_WEIGHTS} of {', '.join(untrained)}")


def joined(*remarks: str) -> str:
    """Remarks joined into one text, without empty ones."""
    return ", ".join(each for each in remarks if each)
