"""Figures of a warehouse as plotnine plots, which a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from alignhouse.notebook.choices import chosen, options_as_parameters
from alignhouse.protocol_names import DEFAULT_PROTOCOL, MEASURE, PROTOCOL, protocol_by
from alignhouse.stimulus_pictures import StimulusFolder
from alignhouse.warehouse.reader import Warehouse

if TYPE_CHECKING:
    from plotnine import ggplot

STIMULI = "stimuli"  # a folder, from which thumbnails are read
# Parameters that take one name or several -> the field of `Request`.
_LISTS = {"roi": "rois", "model": "models", "layer": "layers"}


def plot_of(warehouse: Warehouse, name: str, options: dict[str, Any]) -> ggplot:
    """A figure of the catalog; see `OpenWarehouse.figure`."""
    from alignhouse.analysis.figures.catalog import figures, make, refuse_empty
    from alignhouse.analysis.figures.entries import OPTIONS
    from alignhouse.analysis.figures.request import Request

    figure = figures()[chosen("figure", name, figures())]
    short = {value: key for key, value in _LISTS.items()}
    # The options of all figures, then those of this one.
    general = [each.name for each in fields(Request) if each.name not in OPTIONS]
    known = [*general, *(short.get(each, each) for each in figure.options)]
    given: dict[str, Any] = {}
    measure = options.pop(MEASURE, None)
    for key, value in options.items():
        chosen("option", key, known, f" of figure {name}")
        given[_LISTS.get(key, key)] = _as_list(value) if key in _LISTS else value
    if given.get(STIMULI) is not None:
        given[STIMULI] = StimulusFolder(given[STIMULI])
    if measure is not None:
        given[PROTOCOL] = protocol_by(given.get(PROTOCOL) or DEFAULT_PROTOCOL, measure)
    with options_as_parameters():
        drawn = make(warehouse, name, Request(**given))
    refuse_empty(drawn)
    return drawn.plot


def _as_list(value: str | Sequence[str] | None) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)
