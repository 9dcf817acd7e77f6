"""Which rows of a file are read: those of the study's stimuli, and which of their repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignhouse.ingest.betas.reading import OTHER_STIMULI, BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.warehouse.errors import BadInput, near_names, some_names

REPETITIONS = "repetitions"
"""The key of `[brain]` that says what to do if stimuli were shown differently often."""


@dataclass(frozen=True)
class ReadingPlans:
    """What is read of a file.

    rows : split -> stimulus -> the rows of its repetitions, as many for each stimulus unless they are
    averaged. spare : split -> how many stimuli are not read. averages : repetitions are averaged.
    """

    rows: Mapping[str, Mapping[str, Sequence[int]]]
    spare: Mapping[str, int]
    averages: bool

    @property
    def all_rows(self) -> list[int]:
        """The rows that are read, ascending."""
        return sorted(row for plan in self.rows.values() for each in plan.values() for row in each)


def plans_of(trials: Trials, file: BetaFile, repetitions: str) -> ReadingPlans:
    """What is read of the trials of a file.

    Parameters
    ----------
    repetitions : the key of `[brain]`.

    Raises
    ------
    BadInput : see `rows_to_read` and `plan_of_repetitions`.
    """
    rows = rows_to_read(trials, file)
    plans = {
        split: plan_of_repetitions(each, split, repetitions, file, trials) for split, each in rows.items()
    }
    spare = {split: len(trials.rows(split)) - len(each) for split, each in rows.items()}
    return ReadingPlans(plans, spare, averages=repetitions == "mean")


def rows_to_read(trials: Trials, file: BetaFile) -> dict[str, dict[str, list[int]]]:
    """Split -> stimulus -> rows, of the stimuli of the study.

    Raises
    ------
    BadInput : one has no betas, unless `file.has_all_stimuli` is false, or none has.
    """
    found = {split: trials.rows(split) for split in dict.fromkeys(trials.splits)}
    if not file.stimuli:
        return found
    named, wanted = set(trials.stimuli), set(file.stimuli)
    missing = [name for name in file.stimuli if name not in named]
    if missing and (file.has_all_stimuli or not named & wanted):
        raise BadInput(
            f"no betas of {file.subject}, {file.part}, stimulus {some_names(missing, 4)}",
            expected=f"betas of all {len(wanted):,} stimuli of the study, named by {trials.source}",
            found=f"betas of {len(named):,}, {len(named & wanted):,} of them of the study",
            hint=f"{near_names(missing[0], list(dict.fromkeys(trials.stimuli)))}; {OTHER_STIMULI}",
        )
    of_study = {
        split: {name: each for name, each in rows.items() if name in wanted} for split, rows in found.items()
    }
    return {split: rows for split, rows in of_study.items() if rows}


def plan_of_repetitions(
    rows: dict[str, list[int]], split: str, repetitions: str, file: BetaFile, trials: Trials
) -> dict[str, list[int]]:
    """Stimulus -> the rows that are its repetitions.

    Parameters
    ----------
    rows : stimulus -> the rows of all its trials. repetitions : the key of `[brain]`.

    Raises
    ------
    BadInput : stimuli have different numbers of trials, and `repetitions` is "all".
    """
    counts = {stimulus: len(each) for stimulus, each in rows.items()}
    fewest, most = min(counts.values()), max(counts.values())
    if repetitions == "first":
        return {stimulus: each[:fewest] for stimulus, each in rows.items()}
    if fewest == most or repetitions == "mean":
        return rows
    rare, frequent = (next(name for name, count in counts.items() if count == n) for n in (fewest, most))
    raise BadInput(
        f"repetitions of {file.subject} in split {split} differ ({trials.source})",
        expected="equally many trials of each stimulus",
        found=f"{fewest} of {rare} and {most} of {frequent}",
        hint='say brain.repetitions = "mean" to average them, or "first" to use the first ones of each',
    )
