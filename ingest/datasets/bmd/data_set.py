"""The data set BOLD Moments (Lahner et al. 2024; OpenNeuro ds005165): ten subjects watched 1,102 videos."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.datasets.bmd.annotation_jobs import annotations_batch
from alignhouse.ingest.datasets.bmd.annotations import find_annotations
from alignhouse.ingest.datasets.bmd.layout import find_beta_files, subjects_by_version
from alignhouse.ingest.datasets.bmd.manifest import select_files
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas
from alignhouse.ingest.datasets.bmd.regions import LATEST_VERSION, VERSIONS, hemisphere_of, resolve
from alignhouse.ingest.datasets.bmd.stimulus_set import require_videos, unpack_stimuli
from alignhouse.ingest.datasets.bmd.videos import SPLITS, find_videos, has_layout, missing_videos
from alignhouse.ingest.datasets.dataset import AnnotationSource, BetaSource, DataSet, StimulusSet
from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.warehouse.errors import BadInput


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

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        by_version = subjects_by_version(folder)
        if not by_version:
            return None
        version = max(by_version)  # the latest
        subjects = by_version[version]
        taken = [f"layout: BOLD Moments, version {version}", names_in_line(subjects, "subjects")]
        keys: dict[str, object] = {"version": version}
        regions = self.regions("study", version, folder)
        there = [each for each in regions if not _lacks(folder, version, each)]
        if len(there) < len(regions):
            keys["regions"] = [each.name for each in there]
        taken.append(names_in_line([each.name for each in there], "regions with all their files"))
        unknown = [] if there else ["which regions to use: none of those of the study has all its files"]
        return FolderSummary(keys, taken, unknown)

    def recognises(self, folder: Path) -> bool:
        return has_layout(folder)

    def methods(self, version: str | None) -> str:
        return (
            f"Brain data are betas in the layout of BOLD Moments, version {version}, averaged over "
            "repetitions; a region's RDM is 1 − Pearson's correlation of its voxels between stimuli."
        )

    def split_in_words(self, split: str) -> str:
        return {"test": "of the test split", "train": "of the training split"}.get(split, "of both splits")


def _lacks(folder: Path, version: str, region: Region) -> bool:
    """Whether a subject has no file of a part of the region."""
    try:
        find_beta_files(folder, version, region.parts)
    except BadInput:
        return True
    return False


BMD = BoldMoments()
