"""Shows a network its stimuli: reads them ahead, groups them into calls, passes features on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.inputs import Caller, Frames, InputMaker, NetworkInputs
from alignhouse.ingest.features.naming import naming_network
from alignhouse.ingest.features.options import How, Video
from alignhouse.ingest.features.precision import at_precision
from alignhouse.ingest.features.reading import (
    InputKey,
    Inputs,
    StimulusReader,
    inputs_ahead,
    stimulus_name,
)
from alignhouse.ingest.features.taps import LeadingSum
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import source_of

if TYPE_CHECKING:
    import torch

    from alignhouse.ingest.features.recipe import Recipe


class Showing:
    """Shows stimuli to one network.

    Attributes
    ----------
    batch : frames or clips in one call; halved when the device runs out of memory.
    """

    def __init__(self, network: Network, module: torch.nn.Module, options: How) -> None:
        self._network, self._module, self._options = network, module, options
        self.batch = options["batch"] or devices.parts_of_a_call(options["device"], network.takes)
        self._makers: dict[InputKey, InputMaker] = {}
        self._bytes_of_stimulus = 0
        # Of one stimulus: frames that are decoded, and calls of one part.
        self.frames = self.parts = 1

    def measure(self, video: Video, recipes: Sequence[Recipe]) -> None:
        """Measure the widths of the layers that recipes read, with one frame or clip."""
        self._options["doing"]("measuring the layers")
        prepared = self._reader(recipes)((0, video))
        self._bytes_of_stimulus = sum(part.nbytes for inputs in prepared.values() for part in inputs.parts)
        self.frames = max(inputs.frames_sampled for inputs in prepared.values())
        self.parts = max(len(inputs.parts) for inputs in prepared.values())
        stackable = True
        for (key, _, _), sharing in _by_input(recipes, prepared).items():
            with naming_network(self._network), ExitStack() as measuring:
                found = [measuring.enter_context(recipe.taps.measuring()) for recipe in sharing]
                self._show_first_part(prepared[key], sharing[0])
            for recipe, measures in zip(sharing, found, strict=True):
                recipe.measured(measures)
                stackable = stackable and all(measures[name].rows == 1 for name in recipe.widths)
        if not stackable:
            # Rows may be crops or tokens. With several parts in a call, their rows could not be separated.
            self.batch = 1

    def frames_of(self, video: Video, recipe: Recipe) -> Frames:
        """The decoded frames of a stimulus."""
        return self._reader([recipe]).frames((0, video), recipe.settings.decoder)

    def show_alone(self, frames: Frames, recipe: Recipe) -> None:
        """Show the network the first frame or clip of these frames, as the recipe does, and keep nothing."""
        prepared = self._reader([recipe])((0, lambda: frames))
        self._show_first_part(prepared[recipe.input_key], recipe)

    def _show_first_part(self, inputs: NetworkInputs, recipe: Recipe) -> None:
        import torch

        tensor, _ = self._caller(recipe).tensor(inputs.parts[:1], inputs.values)
        with torch.inference_mode():
            self._forward(tensor)

    def pass_over(
        self, videos: Sequence[Video], recipes: Sequence[Recipe], on_stimulus: Callable[[int], None]
    ) -> None:
        """Show every stimulus once to the recipes. on_stimulus : called with the number of stimuli shown."""
        reader = self._reader(recipes)
        stimuli = inputs_ahead(reader, videos, self._bytes_of_stimulus, self._options)
        with devices.cores_left_to_readers(self._options["device"]), closing(stimuli):
            doing = self._options["doing"]
            doing("decoding")
            for index, prepared in enumerate(stimuli):
                doing("running the network")
                self._show(stimulus_name(videos[index], index), prepared, recipes)
                on_stimulus(index + 1)
                doing("decoding")

    def _reader(self, recipes: Sequence[Recipe]) -> StimulusReader:
        """The reader of what these recipes show; sets up each transform once."""
        for recipe in recipes:
            if recipe.input_key not in self._makers:
                maker = InputMaker(self._network, recipe.settings, self._options["transform"])
                self._makers[recipe.input_key] = maker
        makers = {recipe.input_key: self._makers[recipe.input_key] for recipe in recipes}
        return StimulusReader(makers, self._options["read_frames"])

    def _show(self, stimulus: str, prepared: Inputs, recipes: Sequence[Recipe]) -> None:
        for (key, _, _), sharing in _by_input(recipes, prepared).items():
            inputs = prepared[key]
            features, added = self._features_within_memory(inputs, sharing)
            for recipe, of_recipe in zip(sharing, features, strict=True):
                recipe.keep(stimulus, inputs, added, of_recipe)

    def _features_within_memory(
        self, inputs: NetworkInputs, recipes: Sequence[Recipe]
    ) -> tuple[list[dict[str, torch.Tensor]], int]:
        """The features of one stimulus, with smaller batches whenever the device runs out of memory."""
        while True:
            try:
                return self._features(inputs, recipes)
            except RuntimeError as error:
                if self.batch == 1 or not devices.is_out_of_memory(error):
                    raise
            # Outside the except block: its error still references the tensors that did not fit.
            self.batch //= 2
            devices.free_cache(self._options["device"])
            if self._options["say"] is not None:
                what = "frames" if self._network.takes == "frames" else "clips"
                self._options["say"](
                    f"{self._network.name}: out of memory, so {self.batch} {what} at a time from here on"
                )

    def _features(
        self, inputs: NetworkInputs, recipes: Sequence[Recipe]
    ) -> tuple[list[dict[str, torch.Tensor]], int]:
        """The features of one stimulus: for each recipe, layer -> (width,) float32 on the device.

        Also the number of frames added to fit the network.
        """
        import torch

        averages: list[dict[str, torch.Tensor]] = [{} for _ in recipes]
        caller, n_parts, added = self._caller(recipes[0]), len(inputs.parts), 0
        weights = [part_weights(n_parts, pairwise=recipe.averages_clips_pairwise) for recipe in recipes]
        precision, device = recipes[0].settings.precision, self._options["device"]
        with torch.inference_mode(), at_precision(precision, device), ExitStack() as listening:
            for recipe in recipes:
                listening.enter_context(recipe.taps.listening())
            for parts in _in_calls(n_parts, self.batch):
                tensor, more = caller.tensor(inputs.parts[parts], inputs.values)
                added += more
                for recipe, each in zip(recipes, weights, strict=True):
                    recipe.taps.weights = each[parts]
                self._forward(tensor)
                for recipe, average in zip(recipes, averages, strict=True):
                    with naming_network(self._network):
                        collected = recipe.taps.collect()
                    for name, read in collected.items():
                        _add(average, name, read, once=n_parts <= self.batch)
            return [{name: each.float() for name, each in average.items()} for average in averages], added

    def _caller(self, recipe: Recipe) -> Caller:
        return Caller(self._network, self._module, self._options["device"], recipe.settings.frame_count)

    def _forward(self, call: torch.Tensor) -> None:
        with naming_network(self._network, "forward pass"):
            source_of(self._network).forward(self._module, call)


def part_weights(n_parts: int, *, pairwise: bool) -> list[float]:
    """The weight of each frame or clip in the average of a stimulus.

    Equal weights, or the weights of a running pairwise mean, ((a + b) / 2 + c) / 2 and so on: 1/2 for the
    last clip, 1/4 for the one before, and so on; the first two have equal weights.
    """
    if not pairwise or n_parts == 1:
        return [1 / n_parts] * n_parts
    return [0.5 ** (n_parts - 1), *(0.5 ** (n_parts - place) for place in range(1, n_parts))]


def _by_input(
    recipes: Sequence[Recipe], prepared: Inputs
) -> dict[tuple[InputKey, str, str | None], list[Recipe]]:
    """Group recipes that share forward passes: same input, same precision, same rule for added frames."""
    groups: dict[tuple[InputKey, str, str | None], list[Recipe]] = {}
    for recipe in recipes:
        settings, lacking = recipe.settings, prepared[recipe.input_key].frames_lacking
        rule = settings.frame_count if lacking else None
        groups.setdefault((recipe.input_key, settings.precision, rule), []).append(recipe)
    return groups


def _in_calls(n_parts: int, batch: int) -> Iterator[slice]:
    for start in range(0, n_parts, batch):
        yield slice(start, min(start + batch, n_parts))


def _add(average: dict[str, torch.Tensor], name: str, read: LeadingSum, *, once: bool) -> None:
    """Add a call's share to an average, in float64 unless there is only one call."""
    if once:
        average[name] = read.total if read.scale == 1.0 else read.total * read.scale
    elif name in average:
        average[name].add_(devices.where_float64_is(read.total), alpha=read.scale)
    else:
        average[name] = devices.where_float64_is(read.total).double().mul_(read.scale)
