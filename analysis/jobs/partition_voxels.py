"""The voxels whose variance is partitioned: several regions of all subjects at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.encoding_regions import (
    Betas,
    EncodingSettings,
    FitDesign,
    OpenRegion,
    RegionEncoder,
    SubjectVoxels,
)
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class RegionsVoxels:
    """Voxels of several regions. responses : (n, V). places : region -> subject and its columns."""

    responses: NDArray[np.float32]
    places: Mapping[str, Sequence[tuple[SubjectVoxels, slice]]]

    def groups(self, weights_per: Literal["voxel", "region"]) -> list[NDArray[np.intp]]:
        """The columns that share weights; none if each voxel has its own."""
        if weights_per == "voxel":
            return []
        return [np.arange(own.start, own.stop) for each in self.places.values() for _, own in each]

    def of(self, regions: Sequence[str]) -> NDArray[np.intp]:
        """The columns of some regions."""
        every = np.arange(self.responses.shape[1])
        return np.concatenate([every[own] for roi in regions for _, own in self.places[roi]])

    def only(self, regions: Sequence[str]) -> RegionsVoxels:
        """The voxels of some regions, in their order."""
        if list(regions) == list(self.places):
            return self
        places: dict[str, list[tuple[SubjectVoxels, slice]]] = {}
        start = 0
        for roi in regions:
            places[roi] = []
            for subject, own in self.places[roi]:
                places[roi].append((subject, slice(start, start + own.stop - own.start)))
                start = places[roi][-1][1].stop
        return RegionsVoxels(self.responses[:, self.of(regions)], places)


def regions_in_memory(
    settings: EncodingSettings, design: FitDesign, betas: Betas, open_region: OpenRegion, memory: int
) -> Iterator[RegionsVoxels]:
    """The voxels of all regions, as many regions at a time as fit into half of the memory.

    Raises BadInput for a region that does not fit.
    """
    # Responses and their copies; predictions of three models, and their copies in double precision.
    a_voxel = 4 * 3 * len(design.wanted) + (3 * 4 + 4 * 8) * len(design.scored)
    waiting: list[RegionEncoder] = []
    for roi, parts in settings.regions.items():
        region = RegionEncoder(roi, parts, settings, design, betas, open_region, memory // 4)
        if (needed := a_voxel * region.n_voxels) > memory // 2:
            raise BadInput(
                f"variance of region {roi}, {region.n_voxels:,} voxels of all subjects",
                expected=f"compute.memory of at least {4 * needed / 1e9:.1f} GB",
                found=f"too little: {memory / 1e9:.2f} GB for this step",
                hint="raise it, or keep fewer voxels with brain.min_ncsnr",
            )
        if a_voxel * sum(each.n_voxels for each in (*waiting, region)) > memory // 2:
            yield _read(waiting)
            waiting = []
        waiting.append(region)
    yield _read(waiting)


def _read(regions: Sequence[RegionEncoder]) -> RegionsVoxels:
    places: dict[str, list[tuple[SubjectVoxels, slice]]] = {}
    responses, start = [], 0
    for region in regions:
        places[region.roi] = []
        for subject in region.subjects():
            responses.append(subject.responses)
            stop = start + subject.responses.shape[1]
            places[region.roi].append((subject, slice(start, stop)))
            start = stop
    return RegionsVoxels(np.concatenate(responses, axis=1), places)
