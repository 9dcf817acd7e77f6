"""The steps of an extraction: stimuli that were shown, and layers whose RDMs were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alignhouse.ingest.features.work import one_rdm

if TYPE_CHECKING:
    from alignhouse.ingest.features.options import How
    from alignhouse.ingest.features.passes import Plan
    from alignhouse.ingest.features.recipe import Recipe


class Steps:
    """Counts steps and reports them; a layer counts as many steps as stimuli could be shown meanwhile.

    Parameters
    ----------
    of_stimulus : work of one stimulus, see `work.one_stimulus`.
    """

    def __init__(self, options: How, plan: Plan, of_stimulus: float, recipes: Sequence[Recipe]) -> None:
        self._options, self._n_stimuli = options, plan.n_stimuli
        self._to_show = len(plan.passes) * plan.n_stimuli
        self._of_layer = {
            (id(recipe), name): one_rdm(plan.n_stimuli, width) / of_stimulus
            for recipe in recipes
            for name, width in recipe.widths.items()
        }
        self._shown, self._made = 0, 0.0

    def shown(self, passes_done: int, stimuli: int) -> None:
        """So many stimuli were shown in the current pass."""
        self._shown = passes_done * self._n_stimuli + stimuli
        if self._options["on_stimulus"] is not None:
            self._options["on_stimulus"](self._shown, self._to_show)
        self._report()

    def made(self, recipe: Recipe, layer: str) -> None:
        """The RDM of a layer was made."""
        self._made += self._of_layer[id(recipe), layer]
        self._report()

    def _report(self) -> None:
        if self._options["on_step"] is not None:
            total = self._to_show + sum(self._of_layer.values())
            self._options["on_step"](round(self._shown + self._made), max(1, round(total)))
