"""Jobs from raw brain data to stored betas and brain RDMs: read, call, write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.brain.bmd import BetaFile, read_betas, stimulus_names
from ingest.brain.brain_rdms import average_subjects, brain_rdm
from ingest.brain.rdm_files import read_rdm_file
from ingest.brain.regions import Region, hemisphere_of
from ingest.rdm import n_conditions
from ingest.stimuli.videos import match_stimuli
from warehouse.artifacts import Artifact, hive
from warehouse.errors import BadInput
from warehouse.jobs import Job, Output, Tick
from warehouse.vectors import read_vectors, vector_table

BETAS_VERSION = 1
RDM_VERSION = 1
AVERAGE = "average"


@dataclass(frozen=True)
class Conditions:
    """The stimuli of a study, in the order that its RDMs follow, by split ("test", "train")."""

    by_split: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for split in sorted(self.by_split, reverse=True) for name in self.by_split[split])


def betas_job(file: BetaFile, sha256: str, dataset: str, stimuli: Conditions) -> Job:
    """The betas of one part of a region in one subject, float32, a row per stimulus and repetition.

    `stimuli` are checked against the file's rows; they are not part of what is stored.
    """

    def work(tick: Tick) -> Iterator[Output]:
        betas = read_betas(file)
        tables = []
        for split, values in betas.items():
            names = stimulus_names(split, len(values))
            if split in stimuli.by_split:
                _match(stimuli.by_split[split], names, split, file.path)
            n_stimuli, repetitions, n_voxels = values.shape
            tables.append(
                vector_table(
                    {
                        "split": [split] * (n_stimuli * repetitions),
                        "stimulus": [name for name in names for _ in range(repetitions)],
                        "repetition": list(range(repetitions)) * n_stimuli,
                    },
                    "beta",
                    values.reshape(-1, n_voxels),
                )
            )
        folder = ("betas", hive("dataset", dataset), hive("subject", file.subject), hive("part", file.part))
        about = {"repetitions": {split: values.shape[1] for split, values in betas.items()}}
        yield Output(folder, pa.concat_tables(tables), about=about)

    return Job(
        method="betas",
        version=BETAS_VERSION,
        settings={"dataset": dataset, "subject": file.subject, "part": file.part},
        inputs={file.path.name: sha256},
        label=f"{file.subject} {file.part}",
        work=work,
    )


def brain_rdm_job(
    root: Path,
    dataset: str,
    split: str,
    region: Region,
    betas: Mapping[str, Mapping[str, Artifact]],
    stimuli: Conditions,
    *,
    average: bool,
) -> Job:
    """The RDMs of one region, a row per subject (or one row, their average), from stored betas.

    Parameters
    ----------
    betas : subject -> part -> artifact of its betas; every part of the region in every subject.
    """

    def work(tick: Tick) -> Iterator[Output]:
        rdms = []
        for done, (subject, parts) in enumerate(betas.items()):
            patterns = [_patterns(root, parts[part], f"{subject}, {part}", stimuli) for part in region.parts]
            rdms.append(brain_rdm(patterns))
            tick(done + 1, len(betas))
        yield _rdm_output(dataset, split, region.name, list(betas), np.stack(rdms), stimuli.names, average)

    return Job(
        method="brain_rdm",
        version=RDM_VERSION,
        settings={
            "dataset": dataset,
            "split": split,
            "roi": region.name,
            "parts": list(region.parts),
            "conditions": list(stimuli.names),
            "average_subjects": average,
        },
        inputs={
            f"{subject}/{part}": parts[part].artifact
            for subject, parts in betas.items()
            for part in region.parts
        },
        label=f"RDMs of {region.name}",
        work=work,
    )


def rdm_file_job(
    dataset: str,
    split: str,
    roi: str,
    path: Path,
    sha256: str,
    stimuli: Conditions,
    *,
    in_stimulus_order: bool,
    average: bool,
) -> Job:
    """The RDMs of one region from another lab's file, checked and stored like our own.

    Parameters
    ----------
    in_stimulus_order : the user says that the rows follow the stimuli's names; else the file names them.
    """

    def work(tick: Tick) -> Iterator[Output]:
        stored = read_rdm_file(path)
        if stored.conditions is not None:
            rdms = _reordered(stored.rdms, stored.conditions, stimuli.names, path)
        elif not in_stimulus_order:
            raise BadInput(
                f"{path} does not name its conditions",
                expected="an array `conditions` of stimulus names",
                hint='say brain.conditions = "stimulus_order" if its rows follow the names of the stimuli',
            )
        else:
            found = n_conditions(stored.rdms.shape[1])
            if found != len(stimuli.names):
                raise BadInput(
                    f"conditions of {path}", expected=f"{len(stimuli.names)}, one a stimulus", found=found
                )
            rdms = stored.rdms
        subjects = [f"sub-{index + 1:02d}" for index in range(len(rdms))]
        yield _rdm_output(dataset, split, roi, subjects, rdms, stimuli.names, average)

    return Job(
        method="rdm_file",
        version=RDM_VERSION,
        settings={
            "dataset": dataset,
            "split": split,
            "roi": roi,
            "conditions": list(stimuli.names),
            "in_stimulus_order": in_stimulus_order,
            "average_subjects": average,
        },
        inputs={path.name: sha256},
        label=f"RDMs of {roi}",
        work=work,
    )


def dataset_job(
    dataset: str,
    kind: str,
    version: str | None,
    subjects: Sequence[str],
    regions: Sequence[Region],
    *,
    synthetic: bool,
    remark: str,
) -> Job:
    """The rows that describe a data set: itself, its subjects, regions and what those are made of."""
    parts = [(region, part, order) for region in regions for order, part in enumerate(region.parts)]
    rows = {
        "dataset": {
            "dataset": [dataset],
            "kind": [kind],
            "version": pa.array([version], pa.string()),
            "is_synthetic": [synthetic],
            "remark": [remark],
        },
        "subject": {
            "dataset": [dataset] * len(subjects),
            "subject": list(subjects),
            "subject_order": list(range(len(subjects))),
        },
        "roi": {
            "dataset": [dataset] * len(regions),
            "roi": [region.name for region in regions],
            "roi_group": [region.group for region in regions],
            "roi_order": [region.order for region in regions],
        },
        "roi_part": {
            "dataset": [dataset] * len(parts),
            "roi": [region.name for region, _, _ in parts],
            "part": [part for _, part, _ in parts],
            "part_order": [order for _, _, order in parts],
            "hemisphere": [hemisphere_of(part) for _, part, _ in parts],
        },
    }
    slots = {"dataset": ("dataset",), "subject": ("dataset", "subject")}

    def work(tick: Tick) -> Iterator[Output]:
        for table, columns in rows.items():
            if columns["dataset"]:
                slot = slots.get(table, ("dataset", "roi"))
                yield Output(("facts", hive("table", table)), pa.table(columns), table=table, slot=slot)

    return Job(
        method="dataset",
        version=1,
        settings={
            "dataset": dataset,
            "kind": kind,
            "version": version,
            "subjects": list(subjects),
            "regions": [[region.name, region.group, region.order, list(region.parts)] for region in regions],
            "synthetic": synthetic,
            "remark": remark,
        },
        inputs={},
        label=dataset,
        work=work,
    )


def _rdm_output(
    dataset: str,
    split: str,
    roi: str,
    subjects: list[str],
    rdms: np.ndarray,
    conditions: Sequence[str],
    average: bool,
) -> Output:
    if average:
        subjects, rdms = [AVERAGE], average_subjects(rdms)[np.newaxis]
    table = vector_table({"roi": [roi] * len(subjects), "subject": subjects}, "rdm", rdms)
    folder = ("rdms", "kind=brain", hive("dataset", dataset), hive("split", split), hive("roi", roi))
    return Output(folder, table, about={"conditions": list(conditions), "distance": "1 - Pearson"})


def _patterns(root: Path, artifact: Artifact, what: str, stimuli: Conditions) -> np.ndarray:
    """Betas of the study's stimuli, averaged over repetitions: (n_stimuli, 1, n_voxels) float64."""
    names, betas = read_vectors(root / artifact.path, "beta")
    means = []
    for split in sorted(stimuli.by_split, reverse=True):
        rows = np.flatnonzero((names["split"] == split).to_numpy())
        of_split = names[rows.tolist()]["stimulus"]
        ordered = of_split.unique(maintain_order=True).to_list()
        match_stimuli(stimuli.by_split[split], ordered)
        repetitions = len(rows) // len(ordered)
        values = betas[rows].reshape(len(ordered), repetitions, -1)
        means.append(values.mean(axis=1, keepdims=True, dtype=np.float64))
    return np.concatenate(means)


def _match(found: Sequence[str], expected: Sequence[str], split: str, path: Path) -> None:
    try:
        match_stimuli(found, expected)
    except BadInput as error:
        raise BadInput(f"stimuli of split {split} do not match the betas of {path}: {error}") from error


def _reordered(rdms: np.ndarray, rows: Sequence[str], wanted: Sequence[str], path: Path) -> np.ndarray:
    """Condensed RDMs (S, P) with their conditions brought from the order `rows` into the order `wanted`."""
    try:
        match_stimuli(wanted, sorted(rows))
    except BadInput as error:
        raise BadInput(f"stimuli do not match the conditions of {path}: {error}") from error
    place = {name: index for index, name in enumerate(rows)}
    order = np.array([place[name] for name in wanted])
    first, second = np.triu_indices(len(order), k=1)
    low, high = np.minimum(order[first], order[second]), np.maximum(order[first], order[second])
    n = len(order)
    return rdms[:, low * n - low * (low + 1) // 2 + high - low - 1]
