"""The data set MOSAIC (Lahner et al. 2025): eight public data sets with 93 people, prepared alike.

`brain.version` says which of the eight a study uses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.datasets.mosaic.layout import DATA_SETS, SPLITS, find_trial_files, splits_in_files
from alignhouse.ingest.datasets.mosaic.looking import look_at_mosaic
from alignhouse.ingest.datasets.mosaic.reading import open_trial_betas
from alignhouse.ingest.datasets.mosaic.regions import VISUAL, select_areas, side_of
from alignhouse.ingest.datasets.mosaic.remote import mosaic_files


class Mosaic(DataSet):
    """Betas in the layout of MOSAIC, see docs/mosaic.md."""

    kind = "mosaic"
    title = "betas in the layout of MOSAIC, of one of its eight data sets"
    splits = SPLITS
    versions = DATA_SETS
    selections = "visual (26 areas of MMP 1.0), hemispheres or all (180 areas)"
    default_regions = VISUAL
    betas = BetaSource(find_trial_files, open_trial_betas)
    remote_files = staticmethod(mosaic_files)
    options = (REPETITIONS,)
    has_spare_stimuli = True

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        return select_areas(selection)

    def hemisphere_of(self, part: str) -> Hemisphere:
        return side_of(part)

    def splits_in_data(self, root: Path) -> Mapping[str, str]:
        return splits_in_files(root)

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        return look_at_mosaic(folder)

    def methods(self, version: str | None) -> str:
        return (
            f"Brain data are the betas of {version} in MOSAIC, in areas of the parcellation MMP 1.0, "
            "averaged over repetitions; a region's RDM is 1 − Pearson's correlation of its vertices between "
            "stimuli."
        )


MOSAIC = Mosaic()
