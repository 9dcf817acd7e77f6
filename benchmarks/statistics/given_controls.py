"""Compares scores given control RDMs with plain scores: how many times as long they take.

    python benchmarks/statistics/given_controls.py   # 102 stimuli, 1,400 layers, 220 brain RDMs, 5 controls

Each kind of score is measured on the same simulated RDMs, in turns, so that other load on the machine hits
all. Scores include 1,000 permutations of the stimuli. Given controls, they are partial correlations, unique
variances by regressions, and the tests of these. `--parts bootstraps` measures bootstraps too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from simulate import n_pairs, rdms, sizes

from alignhouse.analysis.statistics.bootstrap import bootstrap_scores
from alignhouse.analysis.statistics.partial import partial_scores, residual_brains
from alignhouse.analysis.statistics.partial_bootstrap import partial_bootstrap
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds, variance_parts
from alignhouse.analysis.statistics.rsa import rank_brains, score_networks
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.analysis.statistics.unique import linear_brains, unique_scores

MEMORY = 512 * 2**20


def in_turns(rounds: int, *work: Callable[[], Any]) -> list[float]:
    """Median seconds of each kind of work."""
    seconds: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for times, each in zip(seconds, work, strict=True):
            began = time.perf_counter()
            each()
            times.append(time.perf_counter() - began)
    return [statistics.median(times) for times in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stimuli", type=int, default=102)
    parser.add_argument("--layers", type=int, default=1400)
    parser.add_argument("--regions", type=int, default=22)
    parser.add_argument("--brains", type=int, default=220)
    parser.add_argument("--controls", type=int, default=5)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["scores", "bootstraps"])
    given = parser.parse_args()
    pairs = n_pairs(given.stimuli)
    layers = rdms(given.layers, pairs, seed=1000)
    controls = rdms(given.controls, pairs, seed=2000)
    brain = {
        f"region{index}": rdms(subjects, pairs, seed=index)
        for index, subjects in enumerate(sizes(given.brains, given.regions))
    }
    orders = stimulus_permutations(given.stimuli, given.permutations, 0)
    print(
        f"{given.stimuli} stimuli, {given.layers:,} layers, {given.brains} brains, {given.regions} regions, "
        f"{given.controls} controls"
    )

    def plain() -> Any:
        return score_networks({"all": layers}, rank_brains(brain), orders, AnalysisSettings(), memory=MEMORY)

    def partial() -> Any:
        return partial_scores(layers, residual_brains(brain, controls), orders, memory=MEMORY)

    def regressions() -> Any:
        return variance_parts(layers, brain, controls, stimulus_folds(given.stimuli, 0))

    def unique() -> Any:
        return unique_scores(layers, linear_brains(brain, controls), orders, memory=MEMORY)

    if "scores" in given.parts:
        one, *others = in_turns(given.rounds, plain, partial, regressions, unique)
        print(f"\nscores and {given.permutations:,} permutations")
        print(f"  plain                {one:8.2f} s")
        names = ("partial correlations", "regressions", "tests of these")
        for name, other in zip(names, others, strict=True):
            print(f"  {name:20} {other:8.2f} s   {other / one:.2f} x plain")
        print(f"  all given controls   {sum(others):8.2f} s   {sum(others) / one:.2f} x plain")
    if "bootstraps" in given.parts:
        few = layers[: max(1, given.layers // 10)]
        some = {roi: each.rho[: len(few)] for roi, each in partial().items()}
        one, other = in_turns(
            1,
            lambda: bootstrap_scores(few, brain, draws=given.draws, precision="float32", memory=MEMORY),
            lambda: partial_bootstrap(few, brain, controls, some, draws=given.draws, seed=0, memory=MEMORY),
        )
        print(f"\n{given.draws:,} draws of a bootstrap, {len(few)} layers")
        print(f"  plain, float32  {one:8.2f} s\n  given controls  {other:8.2f} s   {other / one:.2f} x plain")


if __name__ == "__main__":
    main()
