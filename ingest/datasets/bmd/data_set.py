"""The data set BOLD Moments (Lahner et al. 2024; OpenNeuro ds005165): ten subjects watched 1,102 videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.datasets.bmd.annotation_jobs import annotations_batch
from alignhouse.ingest.datasets.bmd.annotations import find_annotations
from alignhouse.ingest.datasets.bmd.layout import find_beta_files
from alignhouse.ingest.datasets.bmd.manifest import select_files
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas
from alignhouse.ingest.datasets.bmd.regions import LATEST_VERSION, VERSIONS, hemisphere_of, resolve
from alignhouse.ingest.datasets.bmd.stimulus_set import require_videos, unpack_stimuli
from alignhouse.ingest.datasets.bmd.videos import SPLITS, find_videos, has_layout, missing_videos
from alignhouse.ingest.datasets.dataset import AnnotationSource, BetaSource, DataSet, StimulusSet
from alignhouse.ingest.stimuli.videos import Stimulus


class BoldMoments(DataSet):
    """Betas in the layout of BOLD Moments."""

    kind = "bmd"
    title = "betas in the layout of BOLD Moments"
    splits = SPLITS
    versions = VERSIONS
    default_version = LATEST_VERSION
    default_regions = "study"
    selections = "study (the 17 merged regions), hemispheres, parts or all"
    betas = BetaSource(find_beta_files, open_pickled_betas)
    stimulus_set = StimulusSet(unpack_stimuli, missing_videos, require_videos)
    annotations = AnnotationSource(
        find_annotations,
        annotations_batch,
        expected="annotations.json in it or in derivatives/stimuli_metadata",
        hint="get them with `alignhouse ingest fetch bmd`",
    )
    remote_files = staticmethod(select_files)

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        return resolve(selection, version or LATEST_VERSION)

    def hemisphere_of(self, part: str) -> Hemisphere:
        return hemisphere_of(part)

    def find_stimuli(self, folder: Path, split: str) -> list[Stimulus]:
        return find_videos(folder, split)

    def recognises(self, folder: Path) -> bool:
        return has_layout(folder)

    def methods(self, version: str | None) -> str:
        return (
            f"Brain data are betas in the layout of BOLD Moments, version {version}, averaged over "
            "repetitions; a region's RDM is 1 − Pearson's correlation of its voxels between stimuli."
        )

    def split_in_words(self, split: str) -> str:
        return {"test": "of the test split", "train": "of the training split"}.get(split, "of both splits")


BMD = BoldMoments()
