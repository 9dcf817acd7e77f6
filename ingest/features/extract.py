"""A network, stimuli and settings in; one RDM a layer out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from ingest.features.inputs import Frames, NetworkInputs, check_frames
from ingest.features.options import DEFAULTS, How, Video
from ingest.features.passes import Plan, plan_passes
from ingest.features.precision import at_precision
from ingest.features.recipe import Features, NetworkRdms, Recipe
from ingest.features.settings import ExtractionSettings
from ingest.features.taps import LeadingSum
from ingest.models.catalog import Network
from warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

FEWEST_STIMULI = 3


def extract_rdms(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    settings: ExtractionSettings,
    **how: Unpack[How],
) -> NetworkRdms:
    """RDMs of every layer of `network` over `videos`: `extract_rdms_together` for one set of settings."""
    [rdms] = extract_rdms_together(network, module, videos, [settings], **how)
    return rdms


def extract_rdms_together(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    settings: Sequence[ExtractionSettings],
    **how: Unpack[How],
) -> list[NetworkRdms]:
    """RDMs of every layer of `network` over `videos`, under each of several settings.

    Every video is decoded once a pass (there is one, where scratch and memory allow), and settings that show
    the network the same input share its forward passes, so that a second protocol costs little. The same
    input gives the same bytes on the same CPU.

    Parameters
    ----------
    module : the built network, in evaluation mode.
    videos : stimuli in the order of the RDMs' conditions: paths, or functions that give the frames, each
        (frames, height, width, 3) uint8 RGB.
    how : see `How`.

    Raises
    ------
    BadInput : fewer than three stimuli, too little scratch or memory for one layer, frames that are none,
        features that are constant or not finite (names layer and stimulus), a layer that is the same for all
        stimuli, or no layer left.
    """
    if len(videos) < FEWEST_STIMULI:
        raise BadInput("stimuli for RDMs", expected=f"at least {FEWEST_STIMULI}", found=len(videos))
    options = cast(How, DEFAULTS | how)
    module = module.to(options["device"])
    with ExitStack() as stack:
        recipes = [stack.enter_context(Recipe(network, module, each, options)) for each in settings]
        plan = _plan(network, module, videos, recipes, options)
        for number, layers in enumerate(plan.passes):
            with ExitStack() as spools:
                taking_part = [
                    spools.enter_context(recipe.keeping(names))
                    for recipe, names in zip(recipes, layers, strict=True)
                    if names
                ]
                for index in range(len(videos)):
                    _show(network, module, videos, index, taking_part, options)
                    if options["on_stimulus"] is not None:
                        done = number * len(videos) + index + 1
                        options["on_stimulus"](done, len(plan.passes) * len(videos))
                for recipe in taking_part:
                    recipe.make_rdms()
        return [recipe.rdms(plan) for recipe in recipes]


def measure_widths(
    network: Network,
    module: torch.nn.Module,
    video: Video,
    settings: Sequence[ExtractionSettings],
    *,
    device: str = "cpu",
    transform: Callable[[Any], torch.Tensor] | None = None,
) -> list[dict[str, int]]:
    """Layer -> number of features, in the network's order, under each of several settings.

    One forward pass, and no features are kept. `transform` is the network's own, see `How`.
    """
    module = module.to(device)
    options = cast(How, DEFAULTS | {"device": device, "transform": transform})
    with ExitStack() as stack:
        recipes = [stack.enter_context(Recipe(network, module, each, options)) for each in settings]
        _measure(network, module, video, recipes, options)
        return [recipe.widths for recipe in recipes]


def _measure(
    network: Network, module: torch.nn.Module, video: Video, recipes: Sequence[Recipe], options: How
) -> None:
    """Find out the widths of the layers that recipes read."""
    import torch

    frames = check_frames(_read(video, options["read_frames"]), _name(video, 0))
    for inputs, sharing in _by_input(recipes, frames):
        with torch.inference_mode(), ExitStack() as measuring:
            found = [measuring.enter_context(recipe.taps.measuring()) for recipe in sharing]
            # A single frame is enough, and fits where a batch might not.
            _forward(network, module, inputs.calls[0][:1] if network.takes == "frames" else inputs.calls[0])
        for recipe, widths in zip(sharing, found, strict=True):
            recipe.widths = widths


def _plan(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    recipes: Sequence[Recipe],
    options: How,
) -> Plan:
    _measure(network, module, videos[0], recipes, options)
    plan = plan_passes(
        [recipe.widths for recipe in recipes],
        len(videos),
        scratch_bytes=options["scratch_bytes"],
        memory=options["memory"],
        what=network.name,
    )
    if len(plan.passes) > 1 and options["say"] is not None:
        options["say"](plan.in_words(network.name, options["scratch_bytes"]))
    return plan


def _show(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    index: int,
    recipes: Sequence[Recipe],
    options: How,
) -> None:
    """Show the network one stimulus and keep what the recipes ask for."""
    stimulus = _name(videos[index], index)
    frames = check_frames(_read(videos[index], options["read_frames"]), stimulus)
    for inputs, sharing in _by_input(recipes, frames):
        features = _features_within_memory(network, module, inputs, sharing, frames, options)
        for recipe, of_recipe in zip(sharing, features, strict=True):
            recipe.keep(stimulus, inputs, of_recipe)


def _features_within_memory(
    network: Network,
    module: torch.nn.Module,
    inputs: NetworkInputs,
    recipes: Sequence[Recipe],
    frames: Frames,
    options: How,
) -> list[Features]:
    """The features of one stimulus; where a device runs out of memory, in smaller and smaller batches."""
    import torch

    while True:
        try:
            return _stimulus_features(network, module, inputs.calls, recipes)
        except torch.OutOfMemoryError:
            batch = recipes[0].make.batch // 2
            if network.takes != "frames" or batch < 1:
                raise
        # Outside the handler, whose error holds on to what did not fit.
        for recipe in recipes:
            recipe.make.batch = batch
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if options["say"] is not None:
            options["say"](f"{network.name}: out of memory, so {batch} frames at a time from here on")
        inputs = recipes[0].make(frames)


def _by_input(recipes: Sequence[Recipe], frames: Frames) -> list[tuple[NetworkInputs, list[Recipe]]]:
    """The recipes of each distinct input and precision; inputs are compared value by value."""
    import torch

    groups: list[tuple[NetworkInputs, list[Recipe]]] = []
    for recipe in recipes:
        inputs = recipe.make(frames)
        for known, sharing in groups:
            if (
                sharing[0].settings.precision == recipe.settings.precision
                and len(known.calls) == len(inputs.calls)
                and all(map(torch.equal, known.calls, inputs.calls))
            ):
                sharing.append(recipe)
                break
        else:
            groups.append((inputs, [recipe]))
    return groups


def _stimulus_features(
    network: Network, module: torch.nn.Module, calls: Iterable[torch.Tensor], recipes: Sequence[Recipe]
) -> list[Features]:
    """One stimulus' pattern in every layer that each recipe taps, each (width,) float32.

    Image networks: the mean over all frames of all calls. Networks of mmaction2: the mean over a call's
    leading dimension, then over the calls as `clip_average` says.
    """
    import torch

    totals: list[dict[str, torch.Tensor]] = [{} for _ in recipes]
    counts: list[dict[str, int]] = [{} for _ in recipes]
    precision, device = recipes[0].settings.precision, recipes[0].options["device"]
    with torch.inference_mode(), at_precision(precision, device), ExitStack() as listening:
        for recipe in recipes:
            listening.enter_context(recipe.taps.listening())
        for call in calls:
            _forward(network, module, call)
            for recipe, total, count in zip(recipes, totals, counts, strict=True):
                for name, read in recipe.taps.collect().items():
                    part, weight = _part(network, read)
                    if name not in total:
                        total[name], count[name] = part, weight
                    elif recipe.averages_clips_pairwise:
                        total[name] = (total[name] + part) / 2
                    else:
                        total[name] = total[name] + part
                        count[name] += weight
        return [
            {
                name: (value / count[name]).to(device="cpu", dtype=torch.float32).numpy()
                for name, value in total.items()
            }
            for total, count in zip(totals, counts, strict=True)
        ]


def _part(network: Network, read: LeadingSum) -> tuple[torch.Tensor, int]:
    """What one call adds to a stimulus' mean: frames count singly, a clip counts once."""
    return (read.total, read.rows) if network.takes == "frames" else (read.total / read.rows, 1)


def _forward(network: Network, module: torch.nn.Module, call: torch.Tensor) -> None:
    if network.takes == "clips":
        module(call, mode="tensor", stage="head")
    else:
        module(call)


def _read(video: Video, read_frames: Callable[[Path], Frames] | None) -> Frames:
    if callable(video):
        return video()
    if read_frames is not None:
        return read_frames(video)
    from ingest.stimuli import videos

    return videos.read_frames(video)


def _name(video: Video, index: int) -> str:
    return video.name if isinstance(video, Path) else f"stimulus {index + 1}"
