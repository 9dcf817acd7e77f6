"""Which stimuli a study uses, where subjects may have seen different ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignhouse.analysis.kernels.similarity import FEWEST_CONDITIONS
from alignhouse.analysis.statistics.seen import FEWEST_SEEN
from alignhouse.ingest.betas.conditions import Conditions
from alignhouse.ingest.betas.coverage_jobs import coverage_batch, seen_stimuli
from alignhouse.ingest.betas.region_jobs import BetasOfSubjects, StimuliOfSubjects
from alignhouse.warehouse.errors import BadInput, some_names
from alignhouse.warehouse.runs import Run


def conditions_of(betas: BetasOfSubjects, splits: Sequence[str]) -> Conditions:
    """The stimuli of stored betas: those of all subjects, each in the order of the subject's rows.

    Raises
    ------
    BadInput : no subject has voxels in a split.
    """
    seen = seen_stimuli(betas, splits)
    by_split = {
        split: tuple(dict.fromkeys(name for of_subject in seen.values() for name in of_subject[split]))
        for split in splits
    }
    for split, names in by_split.items():
        if not names:
            raise BadInput(f"no {split} betas with voxels are stored")
    return Conditions(by_split)


def used_stimuli(
    run: Run,
    betas: BetasOfSubjects,
    conditions: Conditions,
    *,
    how: StimuliOfSubjects,
    dataset: str,
    split: str,
) -> Conditions:
    """The stimuli that RDMs are made of; records and says who saw which, unless all subjects must see all.

    Parameters
    ----------
    conditions : the stimuli that are there.
    how : "all": all of them; a subject without betas of one is an error of `brain.make_brain_rdms`.
        "shared": those that all subjects saw. "own": those that some subject saw; each subject's RDM is of
        its own ones.

    Raises
    ------
    BadInput : the subjects share too few stimuli ("shared"), or a subject saw too few ("own").
    """
    if how == "all":
        return conditions
    by_subject = seen_stimuli(betas, conditions.splits)
    seen = {
        subject: frozenset(name for names in by_split.values() for name in names)
        for subject, by_split in by_subject.items()
        if any(by_split.values())
    }
    if not seen:
        raise BadInput(f"betas of {dataset}", expected="a subject with voxels", found="none")
    there = (frozenset.intersection if how == "shared" else frozenset.union)(*seen.values())
    used = Conditions(
        {each: tuple(name for name in names if name in there) for each, names in conditions.by_split.items()}
    )
    if how == "shared" and len(used.names) < FEWEST_CONDITIONS:
        raise BadInput(
            f"stimuli that all {len(seen)} subjects saw",
            expected=f"at least {FEWEST_CONDITIONS} of the study's {len(conditions.names):,}",
            found=len(used.names),
            hint='leave subjects out (brain.subjects), or set brain.stimuli = "own"',
        )
    counts = {subject: sum(name in names for name in used.names) for subject, names in seen.items()}
    for subject, count in counts.items():
        if count < min(len(used.names), FEWEST_SEEN):
            raise BadInput(
                f"stimuli of the study that {subject} saw",
                expected=f"at least {FEWEST_SEEN} of {len(used.names):,}",
                found=count,
                hint=f"leave {subject} out (brain.subjects)",
            )
    left_out = [name for name in conditions.names if name not in there]
    if left_out:
        why = "not seen by all subjects" if how == "shared" else "seen by no subject"
        run.progress.say(f"Left out {len(left_out):,} stimuli, {why}: {some_names(left_out, 4)}")
    if min(counts.values()) < len(used.names):
        run.progress.say(_coverage(seen, used, list(counts.values())))
    batch = coverage_batch(
        dataset, split, conditions.splits, betas, by_subject, used=used.names, left_out=left_out
    )
    run.do("Stimuli of the subjects", [batch])
    return used


def _coverage(seen: Mapping[str, frozenset[str]], used: Conditions, counts: Sequence[int]) -> str:
    shared = sum(all(name in names for names in seen.values()) for name in used.names)
    return (
        f"Of {len(used.names):,} stimuli, each subject saw {min(counts):,} to {max(counts):,}, and all "
        f"subjects saw {shared:,}. Scores are on what a subject saw, noise ceilings on what all saw"
    )
