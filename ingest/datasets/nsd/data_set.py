"""The Natural Scenes Dataset (Allen et al. 2022, doi 10.1038/s41593-021-00962-x), prepared by its makers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.betas.sessions import ZSCORE
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.datasets.nsd.design import SPLITS, read_design
from alignhouse.ingest.datasets.nsd.layout import GET_IT, VERSIONS, design_file, find_session_files
from alignhouse.ingest.datasets.nsd.looking import look_at_nsd
from alignhouse.ingest.datasets.nsd.reading import open_session_betas
from alignhouse.ingest.datasets.nsd.regions import VISUAL, select_regions, side_of_part


class NaturalScenes(DataSet):
    """Prepared betas of NSD, see docs/nsd.md."""

    kind = "nsd"
    title = "the prepared betas of the Natural Scenes Dataset"
    splits = SPLITS
    versions = VERSIONS
    default_version = VERSIONS[0]
    selections = (
        "visual (13 regions of its pRF and fLoc experiments), hemispheres, streams, Kastner2015 or all"
    )
    default_regions = VISUAL
    betas = BetaSource(find_session_files, open_session_betas)
    access = GET_IT
    options = (REPETITIONS, ZSCORE)
    has_spare_stimuli = True

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        return select_regions(selection)

    def hemisphere_of(self, part: str) -> Hemisphere:
        return side_of_part(part)

    def splits_in_data(self, root: Path) -> Mapping[str, str]:
        return read_design(design_file(root)).splits

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        return look_at_nsd(folder)

    def methods(self, version: str | None) -> str:
        return (
            f"Brain data are the single-trial betas of the Natural Scenes Dataset ({version}, 1.8 mm), "
            "averaged over repetitions; a region's RDM is 1 − Pearson's correlation of its voxels between "
            "stimuli."
        )


NSD = NaturalScenes()
