"""Jobs that say how sure one network's scores are: bootstraps, and layers chosen on other stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.interval_rows import Resampling, bounds, chance
from alignhouse.analysis.jobs.scope import (
    Brains,
    Model,
    Scope,
    as_single,
    facts,
    find_layers,
    pairs_of,
    read_brains,
)
from alignhouse.analysis.jobs.together import Together, layers_together
from alignhouse.analysis.kernels.similarity import FloatArray, correlate, rank
from alignhouse.analysis.statistics.bootstrap import BootstrapScores, bootstrap_scores, some_scores
from alignhouse.analysis.statistics.intervals import RESAMPLINGS
from alignhouse.analysis.statistics.layer_choice import (
    ChoosingAndScoring,
    ChosenOn,
    LayerChoice,
    choice_from_scores,
    scores_on_halves,
    scores_on_train,
)
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.vectors import vector_table

VERSION = 1
# A layer's RDM in double precision, in single what is made of it, and room for what is made on the way.
BYTES_A_PAIR = 16


@dataclass(frozen=True)
class Resampled:
    """The bootstraps of one network: of each layer, and of the best, region by region."""

    layers: list[str]
    scores: Mapping[str, BootstrapScores]


@dataclass(frozen=True)
class Chosen:
    """The layer choices of one network, and its plain scores R (L,), region by region."""

    layers: list[str]
    choices: Mapping[str, LayerChoice]
    scores: Mapping[str, FloatArray]


def resampled_together(
    scope: Scope,
    resampling: Resampling,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    memory: int,
) -> Together[Resampled]:
    """What the `bootstrap_job`s of `models` ask for: networks are resampled several at a time."""
    source = _Source(scope, models, brains)

    def compute(names: Sequence[str]) -> dict[str, Resampled]:
        layers, rows, labels = source.read(names)
        scores = bootstrap_scores(
            rows,
            source.brains.rdms,
            draws=resampling.draws,
            seed=scope.seed,
            precision="float32",
            memory=memory,
            layer_names=labels,
        )
        found, start = {}, 0
        for name, own in layers.items():
            part = slice(start, start + len(own))
            found[name] = Resampled(own, {roi: some_scores(each, part) for roi, each in scores.items()})
            start += len(own)
        return found

    most = layers_together(pairs_of(scope.root, brains), BYTES_A_PAIR, memory)
    return Together({model.name: model.rdms.rows for model in models}, compute, most)


def chosen_together(
    scope: Scope,
    resampling: Resampling,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    memory: int,
) -> Together[Chosen]:
    """What the `layer_choice_job`s of `models` ask for."""
    source = _Source(scope, models, brains)
    chosen_on: ChosenOn = "train" if resampling.train else "halves"

    def scores(rows: NDArray[Any], labels: list[str]) -> dict[str, ChoosingAndScoring]:
        rdms = source.brains.rdms
        if resampling.train:
            is_train = [each in resampling.train for each in source.brains.conditions]
            return scores_on_train(
                rows, rdms, is_train, precision="float32", memory=memory, layer_names=labels
            )
        return scores_on_halves(
            rows,
            rdms,
            halvings=resampling.halvings,
            seed=scope.seed,
            precision="float32",
            memory=memory,
            layer_names=labels,
        )

    def compute(names: Sequence[str]) -> dict[str, Chosen]:
        layers, rows, labels = source.read(names)
        resampled = scores(rows, labels)
        ranks = rank(rows, labels)
        plain = {roi: correlate(ranks, rank(each)).mean(axis=1) for roi, each in source.brains.rdms.items()}
        found, start = {}, 0
        for name, own in layers.items():
            part = slice(start, start + len(own))
            choices = {
                roi: choice_from_scores(choosing[part], scoring[part], chosen_on)
                for roi, (choosing, scoring) in resampled.items()
            }
            found[name] = Chosen(own, choices, {roi: each[part] for roi, each in plain.items()})
            start += len(own)
        return found

    most = layers_together(pairs_of(scope.root, brains), BYTES_A_PAIR, memory)
    return Together({model.name: model.rdms.rows for model in models}, compute, most)


def bootstrap_job(
    scope: Scope,
    resampling: Resampling,
    model: Model,
    brains: Mapping[str, Artifact],
    together: Together[Resampled],
) -> Job:
    """Intervals of one network's scores in all regions, and the bootstrap distribution of its best layer.

    The best layer is chosen anew in each resample; its distribution is stored, in float32, for differences.
    """

    def work(tick: Tick) -> Iterator[Output]:
        resampled = together.result(model.name)
        best = {roi: each.best_layer() for roi, each in resampled.scores.items()}
        samples = {
            (roi, kind): getattr(each, kind)[0]
            for roi, each in best.items()
            for kind in RESAMPLINGS
            if getattr(each, kind) is not None
        }
        about = {
            "n_stimuli": next(iter(best.values())).n_stimuli,
            "n_subjects": {roi: each.n_subjects for roi, each in best.items()},
        }
        folder = ("bootstraps", *(hive(*each) for each in _place(scope, model)))
        names = {"roi": [roi for roi, _ in samples], "resampled": [kind for _, kind in samples]}
        yield Output(
            folder, vector_table(names, "best_layer", as_single(list(samples.values()))), about=about
        )
        tables = []
        for roi, each in resampled.scores.items():
            highest = resampled.layers[int(each.observed.argmax())]
            tables.append(_interval_columns(each, resampling, roi, resampled.layers, "layer"))
            tables.append(_interval_columns(best[roi], resampling, roi, [highest], "best_layer"))
        columns = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
        count = len(columns["roi"])
        yield facts(
            scope,
            "score_interval",
            {"model": [model.name] * count, **columns, **chance(scope, resampling, count)},
            model.remark,
            ("model", "roi"),
        )

    return Job(
        method="bootstrap",
        version=VERSION,
        settings={
            **scope.describe_without_chance(),
            "seed": scope.seed,
            "draws": resampling.draws,
            "level": resampling.level,
            "model": model.name,
            "remark": model.remark,
        },
        inputs=_inputs(model, brains),
        label=f"{model.name}, protocol {scope.protocol}",
        work=work,
    )


def layer_choice_job(
    scope: Scope,
    resampling: Resampling,
    model: Model,
    brains: Mapping[str, Artifact],
    together: Together[Chosen],
) -> Job:
    """One network's layer chosen on other stimuli than it is scored on, in all regions; all layers' votes."""

    def work(tick: Tick) -> Iterator[Output]:
        chosen = together.result(model.name)
        choices, layers = chosen.choices, chosen.layers
        highest = {roi: int(each.argmax()) for roi, each in chosen.scores.items()}
        columns = {
            "model": [model.name] * len(choices),
            "roi": list(choices),
            "chosen_on": [each.chosen_on for each in choices.values()],
            "layer": [layers[each.layer] for each in choices.values()],
            "votes": [float(each.votes[each.layer]) for each in choices.values()],
            "rho": [each.score for each in choices.values()],
            "highest_layer": [layers[highest[roi]] for roi in choices],
            "highest_rho": [float(chosen.scores[roi][highest[roi]]) for roi in choices],
            "choices": [each.choices for each in choices.values()],
            "seed": [scope.seed] * len(choices),
        }
        yield facts(scope, "layer_choice", columns, model.remark, ("model", "roi"))
        votes = {
            "model": [model.name] * (len(choices) * len(layers)),
            "roi": [roi for roi in choices for _ in layers],
            "layer": layers * len(choices),
            "votes": np.concatenate([each.votes for each in choices.values()]),
        }
        yield facts(scope, "layer_vote", votes, model.remark, ("model", "roi"))

    return Job(
        method="layer_choice",
        version=VERSION,
        settings={
            **scope.describe_without_chance(),
            **(
                {"train": sorted(resampling.train)}
                if resampling.train
                else {"seed": scope.seed, "halvings": resampling.halvings}
            ),
            "model": model.name,
            "remark": model.remark,
        },
        inputs=_inputs(model, brains),
        label=f"{model.name}, protocol {scope.protocol}",
        work=work,
    )


class _Source:
    """Reads networks' RDMs, and the brains' once."""

    def __init__(self, scope: Scope, models: Sequence[Model], brains: Mapping[str, Artifact]) -> None:
        self._root, self._artifacts = scope.root, brains
        self._models = {model.name: model for model in models}

    @cached_property
    def brains(self) -> Brains:
        return read_brains(self._root, self._artifacts)

    def read(self, names: Sequence[str]) -> tuple[dict[str, list[str]], NDArray[Any], list[str]]:
        """Network -> names of its layers; RDMs (L, P) of all, one below the other; what errors call them."""
        layers, rdms = {}, []
        for name in names:
            layers[name], rows = find_layers(self._root, self._models[name], self.brains)
            rdms.append(rows)
        labels = [f"{name}, layer {layer}" for name in names for layer in layers[name]]
        return layers, np.concatenate(rdms), labels


def _interval_columns(
    scores: BootstrapScores, resampling: Resampling, roi: str, layers: Sequence[str], test: str
) -> dict[str, NDArray[Any]]:
    """Columns of `score_interval` that are not the same in all rows, of all layers in one region."""
    columns = bounds(scores, resampling.level)
    count = len(columns["lower"])
    return {
        "layer": np.tile(np.array(layers, dtype=object), count // len(layers)),
        "roi": np.full(count, roi, dtype=object),
        "test": np.full(count, test, dtype=object),
        **columns,
    }


def _place(scope: Scope, model: Model) -> tuple[tuple[str, str], ...]:
    return (("protocol", scope.protocol), ("dataset", scope.dataset), ("model", model.name))


def _inputs(model: Model, brains: Mapping[str, Artifact]) -> dict[str, str]:
    return {
        "model": model.rdms.artifact,
        **{f"brain/{roi}": each.artifact for roi, each in brains.items()},
    }
