"""Layers that are chosen on one set of stimuli and scored on another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignhouse.analysis.jobs.network_batches import NetworkSettings, network_batch
from alignhouse.analysis.jobs.network_rdms import BYTES_PER_PAIR, StackedRdms, read_networks
from alignhouse.analysis.jobs.scope import (
    Brains,
    Model,
    Scope,
    read_brains,
)
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.layer_choice import (
    ChoosingAndScoring,
    ChosenOn,
    LayerChoice,
    choice_from_scores,
    scores_on_halves,
    scores_on_train,
)
from alignhouse.analysis.statistics.partial_rsa import rho_of_subjects
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1


class LayerChoiceSettings(NetworkSettings):
    """Settings of one network's layer choices.

    Either train : the stimuli to choose layers on; or seed, halvings : of random halves of all stimuli.
    """

    train: tuple[str, ...] | None = None
    seed: int | None = None
    halvings: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in super().as_json().items() if value is not None}


@dataclass(frozen=True)
class _Chosen:
    """The layer choices of one network, and its scores R (L,) on all stimuli, by region."""

    layers: list[str]
    choices: Mapping[str, LayerChoice]
    scores: Mapping[str, FloatArray]


def layer_choice_batch(
    scope: Scope,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    train: frozenset[str],
    halvings: int,
    seed: int,
    memory: int,
) -> Batch:
    """Choose each network's layer on one set of stimuli and score it on another, in all regions.

    The job also stores how often each layer was chosen.

    Parameters
    ----------
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    train : the stimuli to choose layers on; if empty, all stimuli are halved `halvings` times.
    """
    on: dict[str, Any] = {"train": tuple(sorted(train))} if train else {"seed": seed, "halvings": halvings}

    return network_batch(
        "layer_choice",
        VERSION,
        LayerChoiceSettings,
        {**dict(scope), **on},
        models,
        brains,
        choose_layers,
        bytes_per_pair=BYTES_PER_PAIR,
        memory=memory,
    )


def choose_layers(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
) -> Iterator[list[Output]]:
    """Choose layers for the networks of `jobs`; all settings except the network must be equal."""
    each = [LayerChoiceSettings.of(job) for job in jobs]
    chosen_on: ChosenOn = "train" if each[0].train else "halves"
    brain = read_brains(brains)
    networks = read_networks([settings.model for settings in each], rdms, brain)
    resampled = _scores(networks, brain, each[0], memory, reporter)
    plain = {
        roi: rho.mean(axis=1)
        for roi, rho in rho_of_subjects(
            networks.rdms, brain.rdms, brain.seen, networks.labels, each[0].settings.measure
        ).items()
    }
    for settings in each:
        part = networks.rows[settings.model]
        choices = {
            roi: choice_from_scores(choosing[part], scoring[part], chosen_on)
            for roi, (choosing, scoring) in resampled.items()
        }
        chosen = _Chosen(
            networks.layers[settings.model], choices, {roi: of[part] for roi, of in plain.items()}
        )
        yield list(_outputs(settings, chosen))


def _scores(
    networks: StackedRdms, brain: Brains, settings: LayerChoiceSettings, memory: int, reporter: Reporter
) -> Mapping[str, ChoosingAndScoring]:
    if settings.train:
        train = set(settings.train)
        is_train = [each in train for each in brain.conditions]
        return scores_on_train(
            networks.rdms,
            brain.rdms,
            is_train,
            measure=settings.settings.measure,
            seen=brain.seen,
            precision="float32",
            memory=memory,
            layer_names=networks.labels,
        )
    assert settings.halvings is not None
    assert settings.seed is not None
    return scores_on_halves(
        networks.rdms,
        brain.rdms,
        halvings=settings.halvings,
        seed=settings.seed,
        measure=settings.settings.measure,
        seen=brain.seen,
        precision="float32",
        memory=memory,
        layer_names=networks.labels,
        tick=reporter.step,
    )


def _outputs(settings: LayerChoiceSettings, chosen: _Chosen) -> Iterator[Output]:
    choices, layers = chosen.choices, chosen.layers
    highest = {roi: int(each.argmax()) for roi, each in chosen.scores.items()}
    columns = {
        "model": [settings.model] * len(choices),
        "roi": list(choices),
        "chosen_on": [each.chosen_on for each in choices.values()],
        "layer": [layers[each.layer] for each in choices.values()],
        "votes": [float(each.votes[each.layer]) for each in choices.values()],
        "rho": [each.score for each in choices.values()],
        "highest_layer": [layers[highest[roi]] for roi in choices],
        "highest_rho": [float(chosen.scores[roi][highest[roi]]) for roi in choices],
        "choices": [each.choices for each in choices.values()],
        # A choice on train stimuli is not random.
        "seed": [settings.seed or 0] * len(choices),
    }
    yield settings.facts("layer_choice", columns, settings.remark, ("model", "roi"))
    votes = {
        "model": [settings.model] * (len(choices) * len(layers)),
        "roi": [roi for roi in choices for _ in layers],
        "layer": layers * len(choices),
        "votes": np.concatenate([each.votes for each in choices.values()]),
    }
    yield settings.facts("layer_vote", votes, settings.remark, ("model", "roi"))
