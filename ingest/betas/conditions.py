"""The conditions of a study's RDMs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Conditions:
    """The conditions of a study's RDMs: its stimuli by split, splits in the order of the data set."""

    by_split: Mapping[str, tuple[str, ...]]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.by_split)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for split in self.splits for name in self.by_split[split])
