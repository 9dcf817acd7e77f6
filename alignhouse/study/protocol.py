"""A protocol: a named set of settings, from frames to p-values; and those that ship."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from alignhouse.analysis.kernels.measure_names import KERNEL_MEASURES
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.warehouse.errors import BadInput, near_names

# The distance of centred kernel alignment, because it holds inner products.
SQUARED = "squared_euclidean"


class Protocol(BaseModel):
    """A named set of settings, from frames to p-values."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str
    extraction: ExtractionSettings
    analysis: AnalysisSettings

    @model_validator(mode="after")
    def _distances_fit_measure(self) -> Self:
        if self.analysis.measure in KERNEL_MEASURES:
            distances = (self.extraction.distance, self.analysis.brain_distance)
            if distances != (SQUARED, SQUARED):
                raise ValueError(
                    f"extraction.distance and analysis.brain_distance {SQUARED} with measure "
                    f"{self.analysis.measure}, instead of {distances[0]} and {distances[1]}"
                )
        return self


def shipped(names: Sequence[str]) -> dict[str, Protocol]:
    """Protocols that ship, by name.

    Raises
    ------
    BadInput : none of that name ships.
    """
    known = shipped_protocols()
    for name in names:
        if name not in known:
            raise BadInput(f"no protocol called {name!r} ships", hint=near_names(name, known))
    return {name: Protocol.model_validate(known[name]) for name in names}


def shipped_protocols() -> dict[str, dict[str, Any]]:
    """The protocols of protocols.toml, as plain data."""
    return tomllib.loads(files("alignhouse.study").joinpath("protocols.toml").read_text(encoding="utf-8"))
