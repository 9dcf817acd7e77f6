"""What the keys of `[brain]` say about a lab's own betas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.sessions import ZSCORE

AXIS, STIMULUS_COLUMN = "axis", "stimulus_column"
KEYS = (AXIS, REPETITIONS, ZSCORE, STIMULUS_COLUMN)


@dataclass(frozen=True)
class Options:
    """How betas are read; the fields are the keys of `[brain]`, with their defaults."""

    axis: str | None = None
    repetitions: str = "all"
    zscore: str = "none"
    stimulus_column: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Options:
        return cls(**given)
