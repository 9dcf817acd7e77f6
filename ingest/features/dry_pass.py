"""The dry pass: shows a network two made-up stimuli, and finds out which layers can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from alignhouse.ingest.features.fingerprints import Fingerprint, fingerprint
from alignhouse.ingest.features.inputs import Frames
from alignhouse.ingest.features.naming import naming_network
from alignhouse.ingest.features.options import How, Video
from alignhouse.ingest.features.pooling import Pooling, finding_layouts, pools
from alignhouse.ingest.features.readable_layers import ReadableLayers, readable_layers
from alignhouse.ingest.features.recipe import Recipe
from alignhouse.ingest.features.showing import Showing
from alignhouse.ingest.features.taps import Seen, Taps
from alignhouse.ingest.models.network import Network

if TYPE_CHECKING:
    import torch

_SEEDS = (0, 1)
_COARSE = 8


def choose_by_dry_pass(
    network: Network,
    showing: Showing,
    recipes: Sequence[Recipe],
    video: Video,
    options: How,
    *,
    choosing: bool = True,
) -> None:
    """Decide which layers each recipe reads, and find out how their outputs are pooled.

    Nothing is done for networks whose layers are known, if nothing is pooled. The made-up stimuli have the
    shape of `video`, and pass through the network's own transform.

    Parameters
    ----------
    choosing : False: the layers are known, and only pooling is prepared.

    Raises
    ------
    BadInput : see `readable_layers.readable_layers`.
    """
    choosing = choosing and network.tries_layers
    pooled = [recipe for recipe in recipes if pools(network, recipe.settings)]
    if not choosing and not pooled:
        return
    options["doing"]("trying the layers")
    shape = showing.frames_of(video, recipes[0]).shape
    for recipe in pooled:
        prepare_pooling(network, showing, recipe, shape)
    if not choosing:
        return
    choices: dict[tuple[object, ...], ReadableLayers] = {}
    for recipe in recipes:
        how = recipe.settings
        key = (recipe.input_key, how.tap, how.pooling, how.time, tuple(recipe.candidates))
        if key not in choices:
            listed, skip_bad = frozenset(network.layers), options["skip_bad"]
            choices[key] = try_layers(network, showing, recipe, shape, listed=listed, skip_bad=skip_bad)
        recipe.choose(choices[key])
    if options["say"] is not None:
        name = options["model"] or network.name
        for line in dict.fromkeys(choice.said(name) for choice in choices.values()):
            if line:
                options["say"](line)


def prepare_pooling(network: Network, showing: Showing, recipe: Recipe, shape: Sequence[int]) -> None:
    """Find the layouts of the network's outputs, which the recipe's pooling needs."""
    with finding_layouts(recipe.module) as layouts:
        showing.show_alone(noise(shape, _SEEDS[0]), recipe)
    recipe.pool = Pooling(network, recipe.settings, layouts)


def noise(shape: Sequence[int], seed: int) -> Frames:
    """Made-up frames, (frames, height, width, 3) uint8: patches of random colours below random pixels.

    Patches survive the blurring of a resize, and differ more than pixels after an average over space.
    """
    random = np.random.default_rng(seed)
    n_frames, height, width, channels = shape
    patches = random.integers(0, 128, (n_frames, _COARSE, _COARSE, channels), dtype=np.uint8)
    rows, columns = (np.arange(size) * _COARSE // size for size in (height, width))
    pixels = random.integers(0, 128, tuple(shape), dtype=np.uint8)
    pixels += patches[:, rows][:, :, columns]
    return pixels


def try_layers(
    network: Network,
    showing: Showing,
    recipe: Recipe,
    shape: Sequence[int],
    *,
    listed: frozenset[str],
    skip_bad: bool,
) -> ReadableLayers:
    """The layers that a recipe can read, from two made-up stimuli.

    A module may use its parts without calling them, as torch's attention does. The automatic rule names only
    these parts; the module is then read in their place.

    Parameters
    ----------
    shape : of the stimuli, (frames, height, width, 3). listed, skip_bad : see `readable_layers`.
    """
    automatic = not network.layers
    candidates = list(recipe.candidates)
    with _counting_calls(recipe.module) as calls:
        seen = _look(network, showing, recipe, shape, candidates)
    if automatic and (instead := _instead_of_parts(candidates, seen[0].calls, calls)):
        names = [name for name, _ in recipe.module.named_modules()]
        candidates = sorted([*candidates, *instead], key=names.index)
        seen = _look(network, showing, recipe, shape, candidates)
    return readable_layers(
        network,
        *seen,
        listed=listed,
        automatic=automatic,
        skip_bad=skip_bad,
        rounded=recipe.pool is not None,
    )


def _look(
    network: Network, showing: Showing, recipe: Recipe, shape: Sequence[int], candidates: Sequence[str]
) -> tuple[Seen[Fingerprint], Seen[Fingerprint]]:
    """What two made-up stimuli show of the candidates."""
    seen: list[Seen[Fingerprint]] = []
    taps = Taps(recipe.module, candidates, recipe.settings.tap, muted=True, pool=recipe.pool)
    with naming_network(network), taps:
        for seed in _SEEDS:
            with taps.inspecting(fingerprint) as found:
                showing.show_alone(noise(shape, seed), recipe)
            seen.append(found)
    first, second = seen
    return first, second


def _instead_of_parts(
    candidates: Sequence[str], of_candidates: Mapping[str, int], calls: Mapping[str, int]
) -> list[str]:
    """The innermost modules that are called themselves, but none of the candidates inside them.

    Parameters
    ----------
    of_candidates : candidate -> number of its calls. calls : module -> number of its calls, if any.
    """
    found: set[str] = set()
    for name in candidates:
        outer = name.rpartition(".")[0]
        while outer and not of_candidates[name]:
            inside = [each for each in candidates if each.startswith(f"{outer}.")]
            if any(of_candidates[each] for each in inside):
                break
            if calls.get(outer):
                found.add(outer)
                break
            outer = outer.rpartition(".")[0]
    return [name for name in found if not any(each.startswith(f"{name}.") for each in found)]


@contextmanager
def _counting_calls(module: torch.nn.Module) -> Iterator[dict[str, int]]:
    """Counts the calls of a network's modules inside the block: name -> calls, without those never called."""
    calls: dict[str, int] = {}

    def count(name: str) -> Callable[..., None]:
        def hook(inner: torch.nn.Module, arguments: Any) -> None:
            calls[name] = calls.get(name, 0) + 1

        return hook

    hooks = [each.register_forward_pre_hook(count(name)) for name, each in module.named_modules()]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()
