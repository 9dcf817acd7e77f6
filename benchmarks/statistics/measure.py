"""Compares scores, permutations and bootstraps with scipy and rsatoolbox on the same simulated RDMs.

    python benchmarks/statistics/measure.py          # 102 stimuli, 1,400 layers, 220 brain RDMs in 17 regions

Slow alternatives are timed on a part of the data and extrapolated; the output says so. scipy's loop runs on
some pairs of RDMs. rsatoolbox's dual bootstrap runs a few draws on some layers of one region. It runs with
two numbers of layers, to separate the fixed cost of a draw from the cost per layer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rsatoolbox
from numpy.typing import NDArray
from scipy.stats import spearmanr
from simulate import n_pairs, rdms, sizes

from alignhouse.analysis.kernels.measures import similarity
from alignhouse.analysis.kernels.similarity import rank
from alignhouse.analysis.statistics.bootstrap import bootstrap_scores
from alignhouse.analysis.statistics.permutation import (
    mean_unit_vectors,
    null_rows_and_columns,
    null_rows_only,
    stimulus_permutations,
)

MEMORY = 512 * 2**20


def timed(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Median seconds of `rounds` calls, and the result of the last call."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stimuli", type=int, default=102)
    parser.add_argument("--layers", type=int, default=1400)
    parser.add_argument("--regions", type=int, default=17)
    parser.add_argument("--brains", type=int, default=220)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scipy-pairs", type=int, default=2000)
    parser.add_argument("--their-draws", type=int, default=3)
    parser.add_argument("--their-layers", type=int, nargs=2, default=(10, 60))
    parser.add_argument("--parts", nargs="+", default=["scores", "permutations", "bootstraps"])
    given = parser.parse_args()
    pairs = n_pairs(given.stimuli)
    layers = rdms(given.layers, pairs, seed=1000)
    brain = {
        f"region{index}": rdms(subjects, pairs, seed=index)
        for index, subjects in enumerate(sizes(given.brains, given.regions))
    }
    print(f"{given.stimuli} stimuli, {given.layers:,} layers, {given.brains} brains, {given.regions} regions")
    for part in given.parts:
        PARTS[part](given, layers, brain)


def scores(given: argparse.Namespace, layers: NDArray[Any], brain: dict[str, NDArray[Any]]) -> None:
    brains = np.concatenate(list(brain.values()))
    ours, rho = timed(lambda: similarity(layers, brains), given.rounds)
    single, rho32 = timed(lambda: similarity(layers, brains, precision="float32"), given.rounds)
    as_rdms = rsatoolbox.rdm.RDMs
    theirs, expected = timed(
        lambda: rsatoolbox.rdm.compare(as_rdms(layers), as_rdms(brains), method="spearman"),
        min(3, given.rounds),
    )
    places = np.random.default_rng(0).integers([0, 0], rho.shape, (given.scipy_pairs, 2))
    part, looped = timed(lambda: [spearmanr(layers[i], brains[j]).statistic for i, j in places], 1)
    loop = part * rho.size / given.scipy_pairs
    print(f"\nscores of {rho.size:,} pairs of RDMs, Spearman")
    print(f"  alignhouse, float64       {ours:9.3f} s")
    print(f"  alignhouse, float32       {single:9.3f} s   off by at most {np.abs(rho32 - rho).max():.1e}")
    print(
        f"  rsatoolbox compare        {theirs:9.3f} s   {theirs / ours:,.1f} x ours; "
        f"differs by at most {np.abs(expected - rho).max():.1e}"
    )
    differs = np.abs(np.array(looped) - rho[places[:, 0], places[:, 1]]).max()
    print(
        f"  scipy spearmanr, a loop   {loop:9.1f} s   {loop / ours:,.0f} x ours; extrapolated from "
        f"{given.scipy_pairs:,} pairs ({part:.2f} s); differs by at most {differs:.1e}"
    )


def permutations(given: argparse.Namespace, layers: NDArray[Any], brain: dict[str, NDArray[Any]]) -> None:
    averages = np.stack([mean_unit_vectors(rank(each)) for each in brain.values()])
    orders = stimulus_permutations(given.stimuli, given.permutations, 0)
    one = rank(layers).unit().astype(np.float32)
    rounds = min(3, given.rounds)
    together, _ = timed(lambda: null_rows_and_columns(one, averages, orders, memory=MEMORY), rounds)
    rows_only, _ = timed(lambda: null_rows_only(layers, averages, orders, memory=MEMORY), 1)
    other = np.random.default_rng(0).random((given.regions * min(128, given.permutations), one.shape[1]))
    other = other.astype(np.float32)
    product, _ = timed(lambda: one @ other.T, 5)
    rate = 2 * one.shape[0] * one.shape[1] * len(other) / product
    done = 2 * one.shape[0] * one.shape[1] * given.regions * given.permutations / together
    print(f"\n{given.permutations:,} permutations, all layers in all regions")
    print(f"  rows and columns (sound)  {together:9.2f} s")
    print(f"  rows only (paper)         {rows_only:9.2f} s")
    print(
        f"  of the rate of a float32 matrix product of these shapes ({rate / 1e9:.0f} GFLOP/s), rows and "
        f"columns reach {done / rate:.0%}"
    )


def bootstraps(given: argparse.Namespace, layers: NDArray[Any], brain: dict[str, NDArray[Any]]) -> None:
    ours, _ = timed(
        lambda: bootstrap_scores(layers, brain, draws=given.draws, precision="float32", memory=MEMORY), 1
    )
    first = next(iter(brain.values()))
    a_draw = {}
    for count in given.their_layers:
        models = [rsatoolbox.model.ModelFixed(str(i), each) for i, each in enumerate(layers[:count])]
        seconds, _ = timed(
            lambda models=models: rsatoolbox.inference.eval_dual_bootstrap(
                models, rsatoolbox.rdm.RDMs(first), method="spearman", N=given.their_draws
            ),
            1,
        )
        a_draw[count] = seconds / given.their_draws
    few, many = given.their_layers
    a_layer = (a_draw[many] - a_draw[few]) / (many - few)
    once = a_draw[few] - few * a_layer
    theirs = (once + a_layer * given.layers) * given.draws * given.regions
    print(f"\ndual bootstrap, {given.draws:,} draws, all layers in all regions")
    print(f"  alignhouse, float32       {ours:9.1f} s")
    print(
        f"  rsatoolbox                {theirs:9.0f} s   {theirs / ours:,.0f} x ours; extrapolated from "
        f"{given.their_draws} draws of {few} and of {many} layers in one region: "
        f"{a_layer * 1000:.2f} ms per layer and {once * 1000:.0f} ms fixed, per draw"
    )


PARTS = {"scores": scores, "permutations": permutations, "bootstraps": bootstraps}

if __name__ == "__main__":
    main()
