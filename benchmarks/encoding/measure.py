"""Compares voxel encoding with himalaya's KernelRidgeCV, and measures its memory and its tests.

    python benchmarks/encoding/measure.py            # 1,000 + 102 stimuli, 50,000 voxels, 10 alphas

All ways run in one process, in turns, so that other load on the machine hits each. himalaya has no
generalised cross-validation. It cross-validates over folds, and so do we in the second comparison, with the
same folds. Its layers are independent calls, so one layer per round is timed. Ours take all layers together,
and times are per layer. Memory is that of a process of its own for each setting.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from himalaya.kernel_ridge import KernelRidgeCV
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit

from alignhouse.analysis.kernels.ridge import ridge_layers
from alignhouse.analysis.kernels.ridge_fits import in_memory, ridge_fit, ridge_fits
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.analysis.statistics.bootstrap import resample_counts
from alignhouse.analysis.statistics.encoding import encode_split, region_voxels
from alignhouse.analysis.statistics.encoding_bootstrap import resampled_medians
from alignhouse.analysis.statistics.encoding_null import permutation_null
from alignhouse.analysis.statistics.permutation import stimulus_permutations

Array = NDArray[Any]
N_FOLDS = 5
# Voxels of a block that is streamed.
BLOCK = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--test", type=int, default=102)
    parser.add_argument("--voxels", type=int, default=50_000)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--region", type=int, default=5_000, help="voxels of the region that is tested")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=2_000, help="himalaya's n_targets_batch")
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--memory", type=float, nargs="+", default=[16, 64, 256], help="MiB")
    parser.add_argument("--parts", nargs="+", default=["fits", "rate", "inference", "memory"])
    parser.add_argument("--stream", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stream is not None:
        stream(given)
        return
    print(f"{given.train} + {given.test} stimuli, {given.voxels:,} voxels, 10 alphas, {given.layers} layers")
    for part in given.parts:
        PARTS[part](given)


def grams(given: argparse.Namespace) -> list[Array]:
    """Grams of wide features whose directions differ in size, as in networks."""
    rng = np.random.default_rng(0)
    sizes = np.geomspace(10, 0.1, 3000)
    features = (rng.normal(size=(given.train + given.test, 3000)) * sizes for _ in range(given.layers))
    return [each @ each.T for each in features]


def responses(gram: Array, n_voxels: int) -> Array:
    """Responses (n, voxels) float32: some signal of the layer of `gram`, and noise."""
    rng = np.random.default_rng(1)
    values, vectors = np.linalg.eigh(gram)
    signal = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    signal = signal @ rng.standard_normal((len(gram), n_voxels), np.float32)
    noise = rng.standard_normal(signal.shape, np.float32) * np.geomspace(0.5, 10, n_voxels, dtype=np.float32)
    return np.asarray(signal / signal.std() + noise)


def in_turns(
    rounds: int, work: dict[str, Callable[[int], Any]], clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[str, list[float]], Any]:
    """Seconds of each kind of work in each round, and the last results."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    found = {}
    for number in range(rounds):
        for name, each in work.items():
            began = clock()
            found[name] = each(number)
            seconds[name].append(clock() - began)
            print(f"    round {number + 1}, {name}: {seconds[name][-1]:.2f} s", flush=True)
    return seconds, found


def fits(given: argparse.Namespace) -> None:
    layers = grams(given)
    names = [f"layer {index}" for index in range(given.layers)]
    brain = responses(layers[0], given.voxels)
    train, test = np.arange(given.train), np.arange(given.train, given.train + given.test)
    fitted, held_out = brain[train], brain[test]
    folds = np.arange(given.train) % N_FOLDS

    def ours(number: int, **settings: Any) -> Any:
        return ridge_fit(ridge_layers(layers, train, test, names=names, **settings), in_memory(fitted))

    alphas = ridge_layers(layers[:1], train, test, names=names[:1])[0].alphas.astype(np.float32)

    def theirs(number: int) -> Array:
        gram = layers[0].astype(np.float32)
        model = KernelRidgeCV(
            alphas=alphas,
            kernel="precomputed",
            cv=PredefinedSplit(folds),
            fit_intercept=True,
            solver_params={"n_targets_batch": given.batch, "n_targets_batch_refit": given.batch},
        )
        model.fit(gram[: given.train, : given.train], fitted)
        return np.asarray(model.predict(gram[given.train :, : given.train]))

    seconds, found = in_turns(
        given.rounds,
        {
            "gcv": ours,
            "k folds": lambda number: ours(number, folds=folds),
            "himalaya": theirs,
        },
    )
    a_layer = {name: [each / given.layers for each in seconds[name]] for name in ("gcv", "k folds")}
    a_layer.update(himalaya=seconds["himalaya"])
    for name, times in a_layer.items():
        print(f"  {name:10} {statistics.median(times):8.2f} s a layer   rounds {rounded(times)}")
    for name in ("gcv", "k folds"):
        ratios = [b / a for a, b in zip(a_layer[name], a_layer["himalaya"], strict=True)]
        print(f"  himalaya / {name}: {statistics.median(ratios):.1f}   rounds {rounded(ratios)}")
    r = {name: r_of(found[name].predictions[0].T, held_out) for name in ("gcv", "k folds")}
    r["himalaya"] = r_of(found["himalaya"], held_out)
    for name in ("gcv", "k folds"):
        differs = np.abs(r[name] - r["himalaya"])
        print(
            f"  test r, {name} and himalaya in float32: medians {np.median(r[name]):.5f} and "
            f"{np.median(r['himalaya']):.5f}; differs by {np.median(differs):.1e} (median), "
            f"{differs.max():.1e} (largest)"
        )


def rate(given: argparse.Namespace) -> None:
    """The rate of the whole fit, decompositions included, beside that of plain float32 products.

    Both in CPU seconds, which other programs on the machine change less than seconds.
    """
    layers = grams(given)
    brain = responses(layers[0], given.voxels)
    train, test = np.arange(given.train), np.arange(given.train, given.train + given.test)
    fitted, names = brain[train], [""] * given.layers
    rows = np.ascontiguousarray(fitted.T)
    square = np.random.default_rng(2).standard_normal((given.train, given.train), np.float32)
    out = np.empty_like(rows)

    def products(_: int) -> None:
        """U'y of every layer, into an array that exists."""
        for _ in range(given.layers):
            in_threads(lambda some: np.matmul(rows[some], square, out=out[some]), slices(len(rows), 2048))

    seconds, _ = in_turns(
        given.rounds,
        {
            "products": products,
            "gcv": lambda _: ridge_fit(ridge_layers(layers, train, test, names=names), in_memory(fitted)),
        },
        time.process_time,
    )
    # The fit also predicts the test stimuli.
    work = 1 + given.test / given.train
    rates = [work * a / b for a, b in zip(seconds["products"], seconds["gcv"], strict=True)]
    flops = 2e-9 * given.train**2 * given.voxels * given.layers / statistics.median(seconds["products"])
    print(
        f"  gcv reaches {statistics.median(rates):.0%} of the rate of products ({flops:.0f} GFLOP/s a core); "
        f"rounds {rounded(rates)}"
    )


def r_of(predictions: Array, held_out: Array) -> Array:
    """Pearson's r of each voxel, from two arrays (stimuli, voxels)."""
    a, b = (each - each.mean(axis=0) for each in (predictions, held_out))
    return np.asarray((a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0)))


def inference(given: argparse.Namespace) -> None:
    layers = grams(given)
    brain = responses(layers[0], given.region)
    train, test = np.arange(given.train), np.arange(given.train, given.train + given.test)
    ready = ridge_layers(layers, train, test, names=[""] * given.layers)
    voxels = region_voxels(encode_split(ready, in_memory(brain[train])), brain[test])
    orders = stimulus_permutations(given.test, given.permutations, 0)
    counts = resample_counts(given.test, given.permutations, 0, 0, fewest=3)
    seconds, _ = in_turns(
        given.rounds,
        {
            "fit": lambda _: ridge_fit(ready, in_memory(brain[train])),
            "permutations": lambda _: permutation_null(voxels, orders),
            "bootstrap": lambda _: resampled_medians(voxels, counts),
        },
    )
    print(f"a region of {given.region:,} voxels, all layers, {given.permutations:,} permutations and draws")
    for name, times in seconds.items():
        print(f"  {name:12} {statistics.median(times):8.2f} s   rounds {rounded(times)}")


def memory(given: argparse.Namespace) -> None:
    """What processes of their own need to read and fit one block after the other, beside their layers."""
    shared = [
        "--train",
        given.train,
        "--test",
        given.test,
        "--layers",
        given.layers,
        "--voxels",
        given.voxels,
    ]
    command = [sys.executable, __file__, *map(str, shared)]
    block = 4e-6 * min(BLOCK, given.voxels) * given.train
    result = 4e-6 * min(BLOCK, given.voxels) * given.layers * (given.test + 4)
    print(f"memory of a stream of blocks; a block takes {block:.0f} MB, its result {result:.0f} MB")
    for setting in given.memory:
        done = subprocess.run(
            [*command, "--stream", str(setting)], capture_output=True, text=True, check=True
        )
        megabytes = setting * 1.048576
        print(
            f"  memory {megabytes:5.0f} MB: {float(done.stdout):5.0f} MB beside the layers, "
            f"of at most {block + result + megabytes:5.0f} MB"
        )


def stream(given: argparse.Namespace) -> None:
    """Fit blocks of random responses, keep only the errors, and print the megabytes that it took (Linux)."""
    layers = grams(given)
    train, test = np.arange(given.train), np.arange(given.train, given.train + given.test)
    ready = ridge_layers(layers, train, test, names=[""] * given.layers)
    del layers

    def blocks() -> Iterator[Array]:
        rng = np.random.default_rng(3)
        for start in range(0, given.voxels, BLOCK):
            yield rng.standard_normal((given.train, min(BLOCK, given.voxels - start)), np.float32)

    Path("/proc/self/clear_refs").write_text("5")  # Forget the peak so far.
    before = resident("VmRSS")
    for fit in ridge_fits(ready, blocks(), memory=int(given.stream * 2**20)):
        assert np.isfinite(fit.errors).all()
        del fit
    print(resident("VmHWM") - before)


def resident(what: str) -> float:
    """Megabytes of this process, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(what)]
    return int(line.split()[1]) * 1.024e-3


def rounded(values: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in values)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "fits": fits,
    "rate": rate,
    "inference": inference,
    "memory": memory,
}

if __name__ == "__main__":
    main()
