"""THINGS-fMRI (Hebart et al. 2023, doi 10.7554/eLife.82580): three people, 8,740 images of 720 concepts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.betas.sessions import ZSCORE
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.datasets.things.layout import (
    SPLITS,
    find_response_files,
    read_things_trials,
    tables_in,
)
from alignhouse.ingest.datasets.things.looking import look_at_things
from alignhouse.ingest.datasets.things.reading import open_responses
from alignhouse.ingest.datasets.things.regions import VISUAL, select_columns, side_of_column
from alignhouse.ingest.datasets.things.remote import things_files


class ThingsFmri(DataSet):
    """Betas of THINGS-fMRI, see docs/things.md."""

    kind = "things"
    title = "THINGS-fMRI, from figshare or OpenNeuro"
    splits = SPLITS
    selections = "visual (20 regions), hemispheres (8 of them, left and right) or all"
    default_regions = VISUAL
    betas = BetaSource(find_response_files, open_responses)
    remote_files = staticmethod(things_files)
    options = (REPETITIONS, ZSCORE)
    has_spare_stimuli = True

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        return select_columns(selection)

    def hemisphere_of(self, part: str) -> Hemisphere:
        return side_of_column(part)

    def splits_in_data(self, root: Path) -> Mapping[str, str]:
        splits: dict[str, str] = {}
        for person in tables_in(root):
            trials = read_things_trials(person.stimuli)
            splits |= dict(zip(trials.stimuli, trials.splits, strict=True))
        return splits

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        return look_at_things(folder)

    def methods(self, version: str | None) -> str:
        return (
            "Brain data are the single-trial betas of THINGS-fMRI, averaged over repetitions; a region's RDM "
            "is 1 − Pearson's correlation of its voxels between stimuli."
        )


THINGS_FMRI = ThingsFmri()
