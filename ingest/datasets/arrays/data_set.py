"""The data set of a lab's own betas, as plain arrays or as GLMsingle writes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.datasets.arrays.layout import (
    REGIONS_FILE,
    find_array_files,
    layout_of,
    splits_of_stimuli,
)
from alignhouse.ingest.datasets.arrays.looking import look_at_arrays
from alignhouse.ingest.datasets.arrays.options import KEYS
from alignhouse.ingest.datasets.arrays.reading import open_array_betas
from alignhouse.ingest.datasets.arrays.regions import described_regions
from alignhouse.ingest.datasets.arrays.trials import DEFAULT_SPLIT, SPLITS
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.stimuli.videos import ALL
from alignhouse.warehouse.errors import BadInput, near_names


class OwnArrays(DataSet):
    """Betas of a lab's own, see docs/own_data.md."""

    kind = "arrays"
    title = "your own betas, as arrays or from GLMsingle"
    splits = SPLITS
    default_split = DEFAULT_SPLIT
    betas = BetaSource(find_array_files, open_array_betas)
    options = KEYS
    has_spare_stimuli = True

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        asked = [selection] if isinstance(selection, str) else list(selection)
        if root is None:
            if asked == [ALL]:
                raise BadInput("brain.path is missing", expected="a folder of betas, or a list of regions")
            return described_regions(asked, None)
        known = described_regions(layout_of(root).regions, root / REGIONS_FILE)
        if asked == [ALL]:
            return known
        names = [region.name for region in known]
        for name in asked:
            if name not in names:
                raise BadInput(f"no betas of region {name!r} in {root}", hint=near_names(name, names))
        return [region for region in known if region.name in asked]

    def splits_in_data(self, root: Path) -> Mapping[str, str]:
        return splits_of_stimuli(layout_of(root))

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        return look_at_arrays(folder, shown)

    def methods(self, version: str | None) -> str:
        return (
            "Brain data are betas that were given as arrays, averaged over repetitions; a region's RDM is "
            "1 − Pearson's correlation of its voxels between stimuli."
        )

    def split_in_words(self, split: str) -> str:
        return "" if split == DEFAULT_SPLIT else super().split_in_words(split)


ARRAYS = OwnArrays()
