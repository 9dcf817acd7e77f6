"""Correlation of alignment with the cost and accuracy of networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alignhouse.analysis.jobs.best_layers import BestLayers, Scores, jobs_of
from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.statistics.complexity import complexity_correlations
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output

VERSION = 2


class ComplexitySettings(Scope):
    """Settings of the correlations. figures : property of networks -> model -> value, None if unknown."""

    seed: int
    draws: int
    level: float
    figures: dict[str, dict[str, float | None]]
    remark: str


def complexity_batch(
    scope: Scope,
    scores: Scores,
    figures: Mapping[str, Mapping[str, float | None]],
    remark: str,
    *,
    draws: int,
    level: float,
    seed: int,
) -> Batch:
    """Correlations of best-layer scores with numeric properties of the networks, in each region.

    Parameters
    ----------
    figures : property of networks -> model -> value, None if unknown. A network without parameters or
        multiply-adds, such as one of pixels, is left out like an unknown one: 0 has no logarithm.
    """
    job = Job(
        method="complexity",
        version=VERSION,
        settings={
            **ComplexitySettings(
                **dict(scope), seed=seed, draws=draws, level=level, figures={}, remark=remark
            ).as_json(),
            # Keep the types of the warehouse: integers must stay integers in the job's key.
            "figures": {
                name: {model: value or None for model, value in of_model.items()}
                for name, of_model in figures.items()
            },
        },
        inputs=jobs_of(scores),
        label=f"complexity, protocol {scope.protocol}",
    )
    return single(job, correlate_complexity, scores=scores)


def correlate_complexity(job: Job, reporter: Reporter, scores: Scores) -> Iterator[Output]:
    """The rows of `complexity`; see `complexity_batch`."""
    settings, best = ComplexitySettings.of(job), BestLayers(scores)
    values = {name: [of_model[model] for model in best.models] for name, of_model in settings.figures.items()}
    found = []
    for done, (roi, of_region) in enumerate(best.scores.items()):
        for each in complexity_correlations(
            of_region, values, draws=settings.draws, seed=settings.seed, level=settings.level
        ):
            found.append((roi, each))
        reporter.step(done + 1, len(best.tests))
    columns = {
        "roi": [roi for roi, _ in found],
        "figure": [each.figure for _, each in found],
        "given": [", ".join(each.given) for _, each in found],
        "method": [each.method for _, each in found],
        **{name: [getattr(each, name) for _, each in found] for name in ("correlation", "lower", "upper")},
        "level": [settings.level] * len(found),
        "n_networks": [each.n_networks for _, each in found],
        "n_left_out": [each.n_left_out for _, each in found],
        "draws": [each.draws for _, each in found],
        "seed": [settings.seed] * len(found),
    }
    yield settings.facts("complexity", columns, settings.remark, ("roi",))
