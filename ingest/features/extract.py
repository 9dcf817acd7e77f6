"""Computes an RDM for each layer of a network from stimuli and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, cast

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.dry_pass import choose_by_dry_pass
from alignhouse.ingest.features.options import DEFAULTS, How, Video
from alignhouse.ingest.features.passes import Plan, features_bytes, plan_passes
from alignhouse.ingest.features.recipe import NetworkRdms, Recipe
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.showing import Showing
from alignhouse.ingest.features.spool import KINDS
from alignhouse.ingest.features.steps import Steps
from alignhouse.ingest.features.work import one_stimulus
from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import BadInput

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
    """RDMs of every layer of `network` over `videos` under one set of settings.

    Parameters and errors as in `extract_rdms_together`.
    """
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

    Each pass decodes every video once. There is one pass if scratch and memory suffice. Settings with the
    same network input share forward passes, so that a second protocol costs little. The same input gives the
    same bytes on the same CPU.

    Parameters
    ----------
    module : the built network, in evaluation mode.
    videos : stimuli in the order of the RDMs' conditions: paths, or functions that return frames,
        (frames, height, width, 3) uint8 RGB.
    how : see `options.How`.

    Raises
    ------
    BadInput : fewer than three stimuli; too little scratch or memory for one layer; frames of another shape
        or type; features that are constant or not finite (names layer and stimulus); a layer that is the same
        for all stimuli; or no layer left.
    """
    if len(videos) < FEWEST_STIMULI:
        raise BadInput("stimuli for RDMs", expected=f"at least {FEWEST_STIMULI}", found=len(videos))
    options = cast(How, DEFAULTS | how)
    showing, recipes = _set_up(network, module, videos[0], settings, options)
    with ExitStack() as stack:
        for recipe in recipes:
            stack.enter_context(recipe)
        showing.measure(videos[0], recipes)
        plan = _plan(network, recipes, len(videos), options)
        steps = Steps(options, plan, one_stimulus(network, showing.parts, showing.frames), recipes)
        for number, layers in enumerate(plan.passes):
            with ExitStack() as spools:
                taking_part = [
                    spools.enter_context(recipe.keeping(names, on_device=plan.on_device))
                    for recipe, names in zip(recipes, layers, strict=True)
                    if names
                ]
                showing.pass_over(videos, taking_part, partial(steps.shown, number))
                for recipe in taking_part:
                    recipe.make_rdms(partial(steps.made, recipe))
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

    Runs one forward pass for each kind of input, and keeps no features; a network of the study's own is also
    tried on two made-up stimuli, see `dry_pass`.
    """
    options = cast(How, DEFAULTS | {"device": device, "transform": transform})
    showing, recipes = _set_up(network, module, video, settings, options)
    with ExitStack() as stack:
        for recipe in recipes:
            stack.enter_context(recipe)
        showing.measure(video, recipes)
        return [recipe.widths for recipe in recipes]


def bytes_of_values(settings: Sequence[ExtractionSettings]) -> list[int]:
    """Bytes of one feature on disk, for each set of settings."""
    return [KINDS[each.spool].itemsize for each in settings]


def _set_up(
    network: Network,
    module: torch.nn.Module,
    video: Video,
    settings: Sequence[ExtractionSettings],
    options: How,
) -> tuple[Showing, list[Recipe]]:
    module = module.to(options["device"])
    devices.convolutions_last(module)
    keeps = options["grams"] or [False] * len(settings)
    recipes = [
        Recipe(network, module, each, options, keeps_grams=keep)
        for each, keep in zip(settings, keeps, strict=True)
    ]
    showing = Showing(network, module, options)
    choose_by_dry_pass(network, showing, recipes, video, options)
    return showing, recipes


def _plan(network: Network, recipes: Sequence[Recipe], n_stimuli: int, options: How) -> Plan:
    widths = [recipe.widths for recipe in recipes]
    device, where = options["device"], options["features_on"]
    sizes = bytes_of_values([recipe.settings for recipe in recipes])
    room = devices.room_for_features(device, options["memory"])
    on_device = where == "device" or (
        where == "auto" and features_bytes(widths, n_stimuli, sizes) <= min(room, options["scratch_bytes"])
    )
    plan = plan_passes(
        widths,
        n_stimuli,
        scratch_bytes=room if on_device else options["scratch_bytes"],
        memory=devices.room_for_one_stimulus(device, options["memory"]),
        what=network.name,
        value_bytes=sizes,
    )
    if len(plan.passes) > 1 and options["say"] is not None:
        name = options["model"] or network.name
        options["say"](plan.described(name, room if on_device else options["scratch_bytes"]))
    return replace(plan, on_device=on_device)
