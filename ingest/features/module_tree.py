"""The modules of a network: what each returns, whether a study reads it, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from alignhouse.ingest.features.description_jobs import FRAME_SHAPE, frames_of_a_clip
from alignhouse.ingest.features.dry_pass import noise, prepare_pooling, try_layers
from alignhouse.ingest.features.options import DEFAULTS, How
from alignhouse.ingest.features.pooling import pools
from alignhouse.ingest.features.readable_layers import NEVER_CALLED, ReadableLayers
from alignhouse.ingest.features.recipe import Recipe
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.showing import Showing
from alignhouse.ingest.features.taps import Measure, Seen, Taps, measure_of
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.layers import left_out
from alignhouse.ingest.models.network import Network


@dataclass(frozen=True)
class ModuleRow:
    """One module of a network.

    module, type : its name and class. calls : in a forward pass.
    shape : of what it returns for one frame or clip, "1x64x56x56"; several tensors or calls with commas.
    is_read : whether it gives layers. layers : their names, if they are not that of the module.
    why_not : why it gives none; "" if it does.
    """

    module: str
    type: str
    calls: int
    shape: str
    is_read: bool
    layers: str
    why_not: str


def module_tree(network: Network, built: Built, settings: ExtractionSettings) -> list[ModuleRow]:
    """All named modules of a network, in its order; shown two made-up stimuli on the CPU.

    Layers that a study lists and that cannot be read are no error here, but say why.
    """
    options = cast(How, DEFAULTS | {"transform": built.transform})
    recipe = Recipe(network, built.module, settings, options)
    showing = Showing(network, built.module, options)
    shape = (frames_of_a_clip(network), *FRAME_SHAPE)
    names = [name for name, _ in built.module.named_modules() if name]
    with Taps(built.module, names, settings.tap, muted=True) as taps, taps.inspecting(measure_of) as seen:
        showing.show_alone(noise(shape, 0), recipe)
    choice = None
    if pools(network, recipe.settings):
        prepare_pooling(network, showing, recipe, shape)
    if network.tries_layers:
        choice = try_layers(network, showing, recipe, shape, listed=frozenset(), skip_bad=True)
    reasons = left_out(built.module, network, settings.layer_list)
    types = dict(built.module.named_modules())
    return [_row(name, type(types[name]).__name__, seen, choice, reasons.get(name)) for name in names]


def _row(
    name: str, kind: str, seen: Seen[Measure], choice: ReadableLayers | None, not_named: str | None
) -> ModuleRow:
    returned = seen.layers_of[name]
    shapes = dict.fromkeys(_in_words(seen.found[each]) for each in returned)
    if choice is not None and name in choice.modules:
        # The dry pass may read a module in place of its parts.
        not_named = None
    if not_named is not None:
        layers, why_not = [], not_named
    elif choice is None:
        layers, why_not = returned, ""
    else:
        layers = [each for each in returned if each in choice.layers]
        dropped = {each: choice.dropped[each] for each in (name, *returned) if each in choice.dropped}
        wordless = [choice.dropped[call] for call in seen.wordless if call.partition("@")[0] == name]
        why_not = "" if layers else ", ".join(dict.fromkeys([*dropped.values(), *wordless]))
    if not seen.calls[name] and not_named is not None and not not_named.startswith("its parts"):
        why_not = f"{NEVER_CALLED}, {not_named}"
    return ModuleRow(
        module=name,
        type=kind,
        calls=seen.calls[name],
        shape=", ".join(shapes),
        is_read=bool(layers),
        layers="" if layers == [name] else ", ".join(layers),
        why_not=why_not,
    )


def _in_words(found: Measure) -> str:
    return "x".join(map(str, (found.rows, *found.shape)))
