"""The folder of a lab's own betas: what belongs to whom.

In `sub-*/` there is a file for each region, or what GLMsingle wrote, with masks or an atlas. Or there is one
file for each person, `sub-01.h5`, whose arrays are named after regions. A folder has one of these layouts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignhouse.ingest.arrays.contents import PICKLES, SUFFIXES, open_content
from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.betas.reading import MEMORY, BetaFile
from alignhouse.ingest.datasets.arrays.trials import (
    LIST_NAMES,
    SPLIT,
    STIMULI_FILE,
    STIMULUS,
    is_trial_file,
    trial_files,
)
from alignhouse.ingest.datasets.arrays.volumes import VOLUMES, masks_beside, regions_of_masks
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.ingest.stimuli.videos import stimulus_of
from alignhouse.warehouse.errors import BadInput, near_names, some_names

Form = Literal["regions", "people", "glmsingle"]
FORMS: dict[Form, str] = {
    "regions": "a folder for each person with a file for each region",
    "people": "a file for each person with an array for each region",
    "glmsingle": "a folder for each person with the betas of GLMsingle",
}
REGIONS_FILE = "regions.csv"
_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
# Of GLMsingle's models, D is the last one; the others are steps on the way to it.
_GLMSINGLE = re.compile(r"TYPED_.*", re.IGNORECASE)
_STEPS_OF_GLMSINGLE = re.compile(r"TYPE[ABC]_.*|DESIGNINFO.*|RUNWISE.*", re.IGNORECASE)
# Files beside betas that are no betas.
_TABLES = (REGIONS_FILE, "labels.csv", "labels.tsv", "participants.tsv")
_TO_HDF5 = (
    "pickles are not read: run GLMsingle with opt['wanthdf5'] = 1, or save its betasmd with np.save or h5py"
)
_SAVE_AS = "pickles are not read: save arrays with np.save, or as HDF5"


@dataclass(frozen=True)
class Person:
    """The files of a person. regions : region -> its file. also : further files that its betas depend on."""

    name: str
    regions: Mapping[str, Path]
    also: tuple[Path, ...]


@dataclass(frozen=True)
class Layout:
    """A folder of betas. people : in natural order."""

    root: Path
    form: Form
    people: tuple[Person, ...]

    @property
    def regions(self) -> list[str]:
        """The regions of all people, in natural order."""
        return sorted({name for each in self.people for name in each.regions}, key=natural_key)


def layout_of(root: Path, subjects: Sequence[str] | None = None) -> Layout:
    """Look at a folder of betas; reads names and shapes, but no betas.

    Parameters
    ----------
    subjects : these people only; None for all.

    Raises
    ------
    BadInput : there are no people, layouts are mixed, a region has two files, or a file is a pickle.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput(f"there is no folder {root}", expected="betas, in sub-01, sub-02, ...")
    folders = {path.name: path for path in root.iterdir() if path.is_dir() and _SUBJECT.fullmatch(path.name)}
    files: dict[str, list[Path]] = {}
    for path in sorted(root.iterdir()):
        if path.is_file() and _SUBJECT.fullmatch(path.stem) and path.suffix.lower() in SUFFIXES + PICKLES:
            files.setdefault(path.stem, []).append(path)
    if files and (filled := [name for name, path in folders.items() if _data_files(path)]):
        raise BadInput(
            f"{root} mixes two layouts",
            expected=f"{FORMS['regions']}, or {FORMS['people']}",
            found=f"folder {filled[0]} and file {next(iter(files.values()))[0].name}",
        )
    present = sorted(files or folders, key=natural_key)
    if not present:
        raise BadInput(
            f"no betas in {root}",
            expected="folders sub-01, sub-02, ... with a file for each region, or a file for each person",
            found=some_names(sorted(path.name for path in root.iterdir()), 4) or "nothing",
        )
    wanted = present if subjects is None else sorted(set(subjects), key=natural_key)
    for name in wanted:
        if name not in present:
            raise BadInput(f"there is no subject {name} in {root}", hint=near_names(name, present))
    if files:
        found: list[tuple[Form, Person]] = [("people", _of_file(root, name, files[name])) for name in wanted]
    else:
        found = [_of_folder(root, name, folders[name]) for name in wanted]
    first = found[0] if found else None
    if first is None:
        raise BadInput("no subjects are selected", expected=f"some of {', '.join(present)}")
    for form, person in found:
        if form != first[0]:
            raise BadInput(
                f"{root} mixes two layouts",
                expected=FORMS[first[0]],
                found=f"{first[1].name} has it, {person.name} has {FORMS[form]}",
            )
    return Layout(root, first[0], tuple(person for _, person in found))


def find_array_files(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The file of every region in every person; see `BetaSource.find`. A region is one part.

    Raises
    ------
    BadInput : see `layout_of`; a person lacks a region.
    """
    layout = layout_of(root, subjects)
    files = []
    for person in layout.people:
        for part in dict.fromkeys(parts):
            if part not in person.regions:
                raise BadInput(
                    f"{person.name} has no betas of {part} in {root}",
                    hint=f"{near_names(part, person.regions)} or leave the region or the subject out",
                )
            files.append(BetaFile(person.name, part, person.regions[part], person.also))
    return files


def _of_file(root: Path, name: str, paths: Sequence[Path]) -> Person:
    if len(paths) > 1:
        raise BadInput(f"two files of {name} in {root}", found=f"{paths[0].name} and {paths[1].name}")
    [path] = paths
    _refuse_pickle(path)
    with open_content(path, LIST_NAMES, MEMORY) as content:
        arrays = list(content.arrays)
        if "" in arrays or "arr_0" in arrays:
            raise BadInput(
                f"{path} does not name its regions",
                expected="an array for each region, named after it",
                found="one array without a name",
                hint=f"save a .npz, HDF5 or MATLAB file, or {FORMS['regions']}: {name}/V1{path.suffix}",
            )
        if not arrays:
            found = ", ".join(f"{key} ({what})" for key, what in content.others.items())
            raise BadInput(f"{path} has no betas", expected="an array for each region", found=found or "none")
    folder = root / name
    trials = trial_files(root, name, folder if folder.is_dir() else None)
    return Person(name, dict.fromkeys(arrays, path), trials)


def _of_folder(root: Path, name: str, folder: Path) -> tuple[Form, Person]:
    files = _data_files(folder)
    of_glmsingle = [path for path in files if _GLMSINGLE.fullmatch(path.stem)]
    trials = trial_files(root, name, folder)
    if not of_glmsingle:
        by_region = _unique(files, folder, lambda path: path.stem)
        if not by_region:
            raise BadInput(f"no betas in {folder}", expected="a file for each region: V1.npy, V1.h5, ...")
        return "regions", Person(name, by_region, trials)
    if len(of_glmsingle) < len(files):
        other = next(path.name for path in files if path not in of_glmsingle)
        raise BadInput(
            f"{folder} mixes two layouts",
            expected="the betas of GLMsingle alone, or files of regions alone",
            found=f"{of_glmsingle[0].name} and {other}",
        )
    if len(of_glmsingle) > 1:
        raise BadInput(
            f"two files of GLMsingle in {folder}", found=" and ".join(path.name for path in of_glmsingle[:2])
        )
    [path] = of_glmsingle
    if path.suffix == ".npy":
        raise BadInput(
            f"{path} cannot be read", expected="HDF5 or .mat v7.3", found="a pickle", hint=_TO_HDF5
        )
    masks = masks_beside(folder, root)
    return "glmsingle", Person(name, dict.fromkeys(regions_of_masks(masks), path), (*trials, *masks))


def _data_files(folder: Path) -> list[Path]:
    """The files of betas in a person's folder, in natural order."""
    return sorted(
        (
            path
            for path in folder.iterdir()
            if path.is_file()
            and not path.name.startswith(".")
            and path.suffix.lower() in SUFFIXES + PICKLES
            and not is_trial_file(path)
            and path.name not in _TABLES
            and not path.name.endswith(VOLUMES)
            and not _STEPS_OF_GLMSINGLE.fullmatch(path.stem)
        ),
        key=lambda path: natural_key(path.name),
    )


def _unique(paths: Iterable[Path], folder: Path, name: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        _refuse_pickle(path)
        if name(path) in found:
            raise BadInput(
                f"two files of region {name(path)} in {folder}",
                found=f"{found[name(path)].name} and {path.name}",
            )
        found[name(path)] = path
    return found


def _refuse_pickle(path: Path) -> None:
    if path.suffix.lower() in PICKLES:
        raise BadInput(
            f"{path} cannot be read", expected=", ".join(SUFFIXES), found="a pickle", hint=_SAVE_AS
        )


def splits_of_stimuli(layout: Layout) -> dict[str, str]:
    """Stimulus -> its split, from the files that name trials of all people; {} if they name none.

    Raises
    ------
    BadInput : a file is damaged, or people differ in the split of a stimulus.
    """
    found: dict[str, str] = {}
    for files in dict.fromkeys(_split_files(each) for each in layout.people):
        for path in files:
            table = read_texts(path)
            if STIMULUS not in table or SPLIT not in table:
                continue
            for text, split in zip(table[STIMULUS], table[SPLIT], strict=True):
                name = stimulus_of(text)
                if found.setdefault(name, split) != split:
                    raise BadInput(f"the split of {name} in {path}", expected=found[name], found=split)
    return found


def _split_files(person: Person) -> tuple[Path, ...]:
    return tuple(path for path in person.also if path.name.endswith(STIMULI_FILE))
