"""The job that says which stimuli each subject has betas of, where subjects saw different ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alignhouse.ingest.betas.region_jobs import BetasOfSubjects
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

VERSION = 1


class CoverageSettings(JobSettings):
    """Settings of the stimuli of subjects.

    split : of the study. splits : of the betas that it includes. used : the conditions of the study's RDMs.
    left_out : stimuli that are there and not used.
    """

    dataset: str
    split: str
    splits: tuple[str, ...]
    used: tuple[str, ...]
    left_out: tuple[str, ...]


def seen_stimuli(betas: BetasOfSubjects, splits: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Subject -> split -> the stimuli that it has betas of, in the order of the rows; none without voxels."""
    found: dict[str, dict[str, list[str]]] = {}
    for subject, parts in betas.items():
        found[subject] = {}
        for split in splits:
            first = next((part[split] for part in parts.values() if part[split].n_rows), None)
            found[subject][split] = []
            if first is not None:
                with first.vector_file("beta") as file:
                    found[subject][split] = list(dict.fromkeys(file.names("stimulus")))
    return found


def coverage_batch(
    dataset: str,
    split: str,
    splits: Sequence[str],
    betas: BetasOfSubjects,
    seen: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    used: Sequence[str],
    left_out: Sequence[str],
) -> Batch:
    """The rows of `subject_stimulus`: which stimuli each subject saw, and which the study uses.

    Parameters
    ----------
    seen : the stimuli of these betas, as `seen_stimuli` gives them. used, left_out : see `CoverageSettings`.
    """
    settings = CoverageSettings(
        dataset=dataset, split=split, splits=tuple(splits), used=tuple(used), left_out=tuple(left_out)
    )
    inputs = {
        f"{subject}/{part}/{each}": of_splits[each].artifact
        for subject, parts in betas.items()
        for part, of_splits in parts.items()
        for each in splits
    }
    job = Job(
        method="subject_stimuli",
        version=VERSION,
        settings=settings.as_json(),
        inputs=inputs,
        label=f"stimuli of the subjects of {dataset}",
    )
    return single(job, describe_coverage, seen=seen)


def describe_coverage(
    job: Job, reporter: Reporter, seen: Mapping[str, Mapping[str, Sequence[str]]]
) -> Iterator[Output]:
    """The rows; see `coverage_batch`."""
    settings = CoverageSettings.of(job)
    rows = []
    used = frozenset(settings.used)
    for subject, by_split in seen.items():
        own = {name for names in by_split.values() for name in names}
        for name in dict.fromkeys([*settings.used, *settings.left_out, *sorted(own)]):
            rows.append((subject, name, name in own, name in own and name in used))
    subjects, stimuli, is_seen, is_used = zip(*rows, strict=True)
    columns: dict[str, Sequence[object]] = {
        "dataset": [settings.dataset] * len(rows),
        "split": [settings.split] * len(rows),
        "subject": subjects,
        "stimulus": stimuli,
        "is_seen": is_seen,
        "is_used": is_used,
    }
    yield rows_output("subject_stimulus", columns, ("dataset", "split"))
