"""What trials say about who saw what how often, in the lines of `alignhouse init --from`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alignhouse.ingest.betas.trials import Trials

# More different numbers than these are said as a range.
_FEW = 6


@dataclass(frozen=True)
class WhoSawWhat:
    """taken, unknown : lines, as in `FolderSummary`. stimuli : of all subjects."""

    taken: list[str]
    unknown: list[str]
    stimuli: list[str]


def who_saw_what(people: Sequence[Trials], named_by: str) -> WhoSawWhat:
    """Compare the trials of people.

    Parameters
    ----------
    named_by : what names the stimuli, for the line about them.
    """
    seen: list[Counter[str]] = []
    differ = False
    for trials in people:
        seen.append(Counter(trials.stimuli))
        for split in set(trials.splits):
            differ |= len({len(rows) for rows in trials.rows(split).values()}) > 1
    stimuli = list(dict.fromkeys(name for each in seen for name in each))
    taken = [f"stimuli: {len(stimuli)}, named by {named_by}; their splits too"]
    unknown = []
    if any(each.keys() != seen[0].keys() for each in seen):
        shared = set(stimuli).intersection(*seen)
        unknown.append(
            f"who is compared on which stimuli: all subjects saw {len(shared)} of {len(stimuli)}; "
            'set stimuli = "shared" or "own"'
        )
    counts = sorted({count for each in seen for count in each.values()})
    said = " or ".join(map(str, counts)) if len(counts) < _FEW else f"{counts[0]} to {counts[-1]}"
    taken.append(f"repetitions: {said}")
    if differ:
        unknown.append(
            "what to do with stimuli of a split that a subject saw differently often; "
            'set repetitions = "mean" or "first"'
        )
    return WhoSawWhat(taken, unknown, stimuli)
