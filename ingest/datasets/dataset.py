"""What a data set is to the rest of the package, and the registry of known data sets.

A data set knows its own files, names and numbers; nothing outside its folder does. Its optional parts (betas,
ready RDMs, a stimulus set, annotations, files to download) are functions of a module, so that jobs which use
them can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from alignhouse.ingest.betas.reading import BetaFile, OpenRawBetas
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.datasets.rdm_job import ReadRdms
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.ingest.stimuli.videos import (
    ALL,
    Stimulus,
    find_in_split_folders,
    find_stimuli,
    stimuli_with_splits,
)
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput, near_names

DEFAULT_KIND = "bmd"
"""The kind of data set of a study file that names none."""
_SHIPPED = {
    "bmd": "alignhouse.ingest.datasets.bmd.data_set:BMD",
    "rdms": "alignhouse.ingest.datasets.rdms.data_set:RDMS",
    "mosaic": "alignhouse.ingest.datasets.mosaic.data_set:MOSAIC",
    "nsd": "alignhouse.ingest.datasets.nsd.data_set:NSD",
    "things": "alignhouse.ingest.datasets.things.data_set:THINGS_FMRI",
    # Last, because it takes almost any folder for its own: errors of the others say more.
    "arrays": "alignhouse.ingest.datasets.arrays.data_set:ARRAYS",
}
_registered: dict[str, DataSet] = {}


@dataclass(frozen=True)
class BetaSource:
    """How betas are found and read.

    find : (root, version, parts, subjects or None) -> the files of every part in every subject, by subject.
        Raises BadInput for what is missing.
    open : opens one of these files.
    """

    find: Callable[[Path, str | None, Sequence[str], Sequence[str] | None], list[BetaFile]]
    open: OpenRawBetas


@dataclass(frozen=True)
class RdmSource:
    """How ready RDMs are found and read.

    find : root -> region -> its file, in the order of the regions. read : reads one of these files.
    """

    find: Callable[[Path], Mapping[str, Path]]
    read: ReadRdms


@dataclass(frozen=True)
class StimulusSet:
    """A stimulus set of known content, which comes as a zip.

    unpack : (zip, folder to unpack to, password=, progress=) -> the folder that `find_stimuli` reads.
    missing : (names, split) -> the names of the split that are not there.
    require : (names, split); raises BadInput unless all are there.
    """

    unpack: Callable[..., Path]
    missing: Callable[[Iterable[str], str], list[str]]
    require: Callable[[Iterable[str], str], None]


@dataclass(frozen=True)
class AnnotationSource:
    """How annotations of the stimuli are found and stored.

    find : folder -> name -> file; {} if there are none. batch : (data set, files, hashes by name) -> the
    batch that stores them. expected, hint : for the error if there are none.
    """

    find: Callable[[Path], Mapping[str, Path]]
    batch: Callable[[str, Mapping[str, Path], Mapping[str, str]], Batch]
    expected: str
    hint: str | None = None


class SelectFiles(Protocol):
    """Selects the remote files of a data set that a study needs.

    subjects : None for all. regions : as in `DataSet.regions`; None for no betas.
    annotations, motion_energy : also those of the stimuli.
    endpoint_url : a mirror; None for the data set's own address.

    Raises BadInput for an unknown name.
    """

    def __call__(
        self,
        version: str | None,
        subjects: Sequence[str] | None,
        regions: str | Sequence[str] | None,
        *,
        annotations: bool,
        motion_energy: bool,
        endpoint_url: str | None,
    ) -> list[RemoteFile]: ...


class DataSet(Protocol):
    """A kind of brain data. Subclass it, set the attributes, and `register` an instance.

    kind : its name in the study file. title : a few words for the study file's help.
    splits : the splits of the stimuli, in the order that conditions of RDMs have when all are used.
    training_split : the split to choose layers on; None for none.
    versions : the versions of the data; () for none. default_version : one of them.
    selections : the named selections of regions, for the study file's help.
    default_split, default_regions : what a study uses if it names none.
    betas, rdms : where brain RDMs come from; one of the two is set.
    stimulus_set, annotations, remote_files : None if the data set has none.
    access : where a user gets the files, if they cannot be fetched.
    options : the keys of `[brain]` that only some kinds have, and this one has.
    has_spare_stimuli : there may be betas of stimuli that a study does not use; its reader reads only
        `BetaFile.stimuli`. Otherwise, they are an error.
    """

    kind: str
    title: str
    splits: tuple[str, ...] = ("train", "test")
    default_split: str = "test"
    training_split: str | None = "train"
    versions: tuple[str, ...] = ()
    default_version: str | None = None
    selections: str = ALL
    default_regions: str = ALL
    betas: BetaSource | None = None
    rdms: RdmSource | None = None
    stimulus_set: StimulusSet | None = None
    annotations: AnnotationSource | None = None
    remote_files: SelectFiles | None = None
    access: str = ""
    options: tuple[str, ...] = ()
    has_spare_stimuli: bool = False

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        """The selected regions, in their order.

        Parameters
        ----------
        selection : a named selection of this data set, one name, or a list of names.
        root : the folder of the brain data; None if its betas are already stored.

        Raises
        ------
        BadInput : an unknown region.
        """
        raise NotImplementedError

    def hemisphere_of(self, part: str) -> Hemisphere:
        """The hemisphere of a part of a region."""
        return "both"

    def find_stimuli(self, folder: Path, split: str) -> list[Stimulus]:
        """The stimuli of a split, or of all, in natural order of their names.

        By default, `folder` has a folder for each split, or all its files are of the split asked for.

        Raises
        ------
        BadInput : there are none, or the folder is ambiguous.
        """
        return find_stimuli(folder, split, self.splits)

    def stimuli_of_study(self, folder: Path, split: str, root: Path | None) -> list[Stimulus]:
        """As `find_stimuli`; without folders named after splits, `splits_in_data` says what is in which."""
        splits: Mapping[str, str] = {}
        if root is not None and not find_in_split_folders(folder, self.splits):
            splits = self.splits_in_data(root)
        return stimuli_with_splits(folder, split, splits) if splits else self.find_stimuli(folder, split)

    def splits_in_data(self, root: Path) -> Mapping[str, str]:
        """Stimulus -> its split, as the brain data in `root` say it; {} if they do not say it."""
        return {}

    def recognises(self, folder: Path) -> bool:
        """Whether stimuli in `folder` are laid out as only this data set has them."""
        return False

    def look(self, folder: Path, shown: Collection[str]) -> FolderSummary | None:
        """What the brain data in `folder` are taken for; None if they are not of this kind.

        Parameters
        ----------
        shown : names of the stimuli that there are; () if they are not known.

        Raises
        ------
        BadInput : the folder is of this kind, but cannot be read.
        """
        return None

    def splits_of(self, split: str) -> tuple[str, ...]:
        """The splits that a study means by `split`, in the order of the data set."""
        return self.splits if split == ALL else (split,)

    def methods(self, version: str | None) -> str:
        """A sentence for the methods of a report: what the brain data are, and how RDMs were made of them."""
        return f"Brain data are {self.title}."

    def split_in_words(self, split: str) -> str:
        """A split as the report's methods call it ("of the test split"); "" to leave it out."""
        return f"of split {split}" if split != ALL else "of all splits"


def register(data_set: DataSet) -> None:
    """Make a data set known under its kind.

    Raises
    ------
    BadInput : the kind is taken, or the data set gives neither betas nor RDMs, or both.
    """
    if data_set.kind in known_kinds():
        raise BadInput(f"a data set of kind {data_set.kind!r} is registered already")
    if (data_set.betas is None) == (data_set.rdms is None):
        raise BadInput(f"data set {data_set.kind!r}", expected="either betas or ready RDMs")
    _registered[data_set.kind] = data_set


def unregister(kind: str) -> None:
    """Undo `register`; data sets that ship stay."""
    _registered.pop(kind, None)


def known_kinds() -> list[str]:
    """The kinds of data sets: those that ship, then the registered ones."""
    return [*_SHIPPED, *_registered]


def data_set(kind: str) -> DataSet:
    """The data set of a kind.

    Raises
    ------
    BadInput : there is none; close names are listed.
    """
    if kind in _registered:
        return _registered[kind]
    if kind not in _SHIPPED:
        raise BadInput(f"no kind of data set is called {kind!r}", hint=near_names(kind, known_kinds()))
    module, name = _SHIPPED[kind].split(":")
    found: DataSet = getattr(import_module(module), name)
    return found


def other_data_sets(kind: str) -> list[DataSet]:
    """Every known data set but that of `kind`."""
    return [data_set(each) for each in known_kinds() if each != kind]


def annotation_sources(kind: str) -> list[AnnotationSource]:
    """The readers of annotations to try: that of the data set, else those of all others.

    Ready RDMs may be of another data set's stimuli, and so may annotations.
    """
    own = data_set(kind).annotations
    return [own] if own else [each.annotations for each in other_data_sets(kind) if each.annotations]
