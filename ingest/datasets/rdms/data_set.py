"""The data set of a folder of ready brain RDMs, with a file for each region."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.datasets.dataset import DataSet, RdmSource, other_data_sets
from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.datasets.rdms.apart import read_rdm_file_apart
from alignhouse.ingest.datasets.rdms.files import find_rdm_files
from alignhouse.ingest.rdm import n_conditions
from alignhouse.ingest.stimuli.videos import ALL, Stimulus
from alignhouse.warehouse.errors import BadInput, near_names

GROUP = "other"
"""The group of all regions, because files have no information on anatomy."""
# The default in study files of every kind.
_ALL_REGIONS = (ALL, "study")


class RdmFolder(DataSet):
    """Ready RDMs; the folder of stimuli may have the layout of any known data set."""

    kind = "rdms"
    title = "a file of RDMs per region"
    rdms = RdmSource(find_rdm_files, read_rdm_file_apart)
    options = ("rdm_form",)

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        if root is None:
            raise BadInput("brain.path is missing", expected='a folder of RDM files, for kind = "rdms"')
        files = find_rdm_files(root)
        if isinstance(selection, str):
            wanted = list(files) if selection in _ALL_REGIONS else [selection]
        else:
            wanted = list(selection)
        for name in wanted:
            if name not in files:
                raise BadInput(f"no RDMs of region {name!r} in {root}", hint=near_names(name, files))
        return [Region(roi, GROUP, order, ()) for order, roi in enumerate(wanted)]

    def find_stimuli(self, folder: Path, split: str) -> list[Stimulus]:
        for other in other_data_sets(self.kind):
            if other.recognises(folder):
                return other.find_stimuli(folder, split)
        return super().find_stimuli(folder, split)

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        try:
            files = find_rdm_files(folder)
        except BadInput:
            return None
        if any(roi.startswith("sub-") for roi in files):
            return None  # files of people rather than of regions
        read = {roi: read_rdm_file_apart(path, len(shown) or None) for roi, path in files.items()}
        first = next(iter(read.values()))
        keys: dict[str, object] = {}
        unknown = []
        taken = ["layout: a file of RDMs for each region", names_in_line(list(files), "regions")]
        if first.subjects is None:
            taken.append(f"subjects: {len(first.rdms)}, called sub-01, sub-02, ...")
        else:
            taken.append(names_in_line(first.subjects, "subjects"))
        if first.conditions is None:
            n = n_conditions(first.rdms.shape[1])
            line = f'which stimuli the {n} conditions are; set conditions = "stimulus_order" if in order'
            unknown.append(line)
        else:
            taken.append(names_in_line(first.conditions, "stimuli"))
        return FolderSummary(keys, taken, unknown, first.conditions or ())

    def methods(self, version: str | None) -> str:
        return "Brain RDMs were given as files."

    def split_in_words(self, split: str) -> str:
        return ""


RDMS = RdmFolder()
