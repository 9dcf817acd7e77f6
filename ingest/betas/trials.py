"""Which stimulus each row of betas is a response to, in any data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trials:
    """What was shown in each row of a person's betas.

    stimuli, splits : (n_trials,). sessions : (n_trials,), None if they are not known. source : where from.
    """

    stimuli: tuple[str, ...]
    splits: tuple[str, ...]
    sessions: tuple[str, ...] | None
    source: str

    def rows(self, split: str) -> dict[str, list[int]]:
        """Stimulus -> the rows of its trials in a split; stimuli in the order of their first trials."""
        found: dict[str, list[int]] = {}
        for row, (stimulus, of_split) in enumerate(zip(self.stimuli, self.splits, strict=True)):
            if of_split == split:
                found.setdefault(stimulus, []).append(row)
        return found
