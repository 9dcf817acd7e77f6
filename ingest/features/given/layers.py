"""Layers in the files of a network that another program wrote, each as an RDM of the study's stimuli.

A file is a layer, or holds several (`rdm`, `features`, or an array of each layer's name). A file may also be
a stimulus that holds its features by layer. See docs/networks.md for the programs whose folders are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from alignhouse.ingest.arrays.contents import FileContent, open_content, read_whole
from alignhouse.ingest.arrays.limits import named_once
from alignhouse.ingest.arrays.matrices import StoredValues
from alignhouse.ingest.arrays.numpy_files import UNNAMED
from alignhouse.ingest.datasets.rdms.arrays import StoredRdms, checked, subjects_first
from alignhouse.ingest.features.given.features import Features, compared_features, features_of, stacked
from alignhouse.ingest.features.given.folders import FILE_NAMES, TEXT, TORCH
from alignhouse.ingest.features.given.other_files import open_torch, read_text
from alignhouse.ingest.features.given.stimuli import NAMES_HINT, identifier, places_in_order, places_of
from alignhouse.ingest.features.kept_grams import LayerGram
from alignhouse.ingest.rdm import n_conditions, reordered
from alignhouse.warehouse.errors import BadInput, some_names

GivenAs = Literal["rdms", "features"]
CONDITION_LISTS = ("conditions", "condition_names", "stimuli", "stimuli_name", "stimulus_names", "file_names")
_LAYER_NAME = "layer_name"
_LISTS = (*CONDITION_LISTS, _LAYER_NAME)
_RDM_NAMES = ("rdm", "rdms")
_FEATURE_NAMES = ("features",)
# thingsvision's files of one layer: features.npy, or parts of it, features_01.npy.
_WHOLE_OR_PART = re.compile(r"features(_[0-9]+)?")
# Prefixes of Net2Brain's files, which its layers' names follow.
_PREFIXES = re.compile(r"(RDM_|.*consolidated_)")


@dataclass(frozen=True)
class Wanted:
    """What to read.

    stimuli : of the study, in its order. given_as : what arrays are that no name says to be one or the other.
    in_stimulus_order : rows of files without names follow the stimuli, as the user says; else an error.
    memory : bytes for values.
    """

    network: str
    stimuli: Sequence[str]
    given_as: GivenAs
    in_stimulus_order: bool
    memory: int


@dataclass(frozen=True)
class GivenLayer:
    """The RDM (P,) of a layer, float64, and whether its file named the stimuli.

    gram : the Gram matrix, if the file has features.
    """

    name: str
    rdm: np.ndarray
    is_named: bool
    gram: LayerGram | None = None


def given_layers(folder: Path, files: Sequence[Path], wanted: Wanted) -> Iterator[GivenLayer]:
    """The layers of a network, in the order of its files.

    Parameters
    ----------
    folder : of the network. files : in it, of `folders.find_given`.

    Raises
    ------
    BadInput : a file is damaged, could be read in two ways, or does not name its stimuli; some are missing;
        an RDM is not finite, symmetric and zero on the diagonal; features are constant or not finite.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        by_folder.setdefault(path.parent, []).append(path)
    for inner, inside in by_folder.items():
        listed = next((path for path in inside if path.name == FILE_NAMES), None)
        names = None if listed is None else _lines(listed)
        data = [path for path in inside if path != listed]
        if not data:
            raise BadInput(f"{inner} of network {wanted.network}", expected="features", found=FILE_NAMES)
        if all(_WHOLE_OR_PART.fullmatch(path.stem) for path in data):
            layer = "features" if inner == folder else str(inner.relative_to(folder))
            yield _layer_in_parts(layer, data, names, wanted)
        elif set(wanted.stimuli) <= {identifier(path.stem) for path in data}:
            yield from _layers_of_stimuli(data, wanted)
        else:
            for path in data:
                yield from _layers_of_file(path, names, wanted)


def _layers_of_file(path: Path, names: Sequence[str] | None, wanted: Wanted) -> Iterator[GivenLayer]:
    with _opened(path, wanted.memory) as content:
        names = _stimuli(content) or names
        named = [name for name in content.arrays if name.lower() in (*_RDM_NAMES, *_FEATURE_NAMES)]
        own_name = content.lists.get(_LAYER_NAME)
        layer = str(own_name[0]) if own_name else _PREFIXES.sub("", path.stem, count=1)
        if not content.arrays:
            raise BadInput(
                f"{path} of network {wanted.network}",
                expected="arrays of numbers",
                found=some_names((f"{name} ({what})" for name, what in content.others.items()), 4) or "none",
            )
        if named:
            if len(content.arrays) > 1:
                raise BadInput(
                    f"{path} of network {wanted.network}",
                    expected=f"{named[0]} as its only array of numbers",
                    found=some_names(content.arrays, 6),
                )
            given_as: GivenAs = "rdms" if named[0].lower() in _RDM_NAMES else "features"
            yield _layer(layer, content.arrays[named[0]], path, names, given_as, wanted)
        elif set(content.arrays) <= {"", UNNAMED}:
            [array] = content.arrays.values()
            yield _layer(layer, array, path, names, wanted.given_as, wanted)
        elif set(wanted.stimuli) <= {identifier(name) for name in content.arrays}:
            arrays_of = {identifier(name): array for name, array in content.arrays.items()}
            yield _of_stimuli(layer, arrays_of, path, wanted)
        else:
            for name, array in content.arrays.items():
                yield _layer(name, array, path, names, wanted.given_as, wanted)


def _layer(
    name: str,
    array: StoredValues,
    path: Path,
    names: Sequence[str] | None,
    given_as: GivenAs,
    wanted: Wanted,
) -> GivenLayer:
    label = _label(name, path, wanted)
    if given_as == "features":
        features = features_of(array, label, wanted.memory)
        places = _places(names, features.shape[0], label, wanted)
        rdm, gram = compared_features(features, places, wanted.stimuli, label, wanted.memory)
        return GivenLayer(name, rdm, names is not None, gram)
    stack = subjects_first(read_whole(array, label, wanted.memory), label)
    if len(stack) != 1:
        raise BadInput(label, expected="one RDM", found=f"shape {array.shape}")
    [rdm], _, _ = checked(StoredRdms(stack, label), path)
    n = n_conditions(len(rdm))
    return GivenLayer(name, reordered(rdm, n, _places(names, n, label, wanted)), names is not None)


def _layer_in_parts(
    layer: str, files: Sequence[Path], names: Sequence[str] | None, wanted: Wanted
) -> GivenLayer:
    """A layer whose features are in one file, or in several, one after the other."""
    with ExitStack() as stack:
        contents = [stack.enter_context(_opened(path, wanted.memory)) for path in files]
        arrays_of = {
            identifier(name): array for content in contents for name, array in content.arrays.items()
        }
        if set(wanted.stimuli) <= set(arrays_of):
            return _of_stimuli(layer, arrays_of, files[0], wanted)
        parts = []
        for content in contents:
            arrays = content.arrays
            if len(arrays) > 1 and not all(_WHOLE_OR_PART.fullmatch(name) for name in arrays):
                raise BadInput(
                    _label(layer, content.path, wanted),
                    expected="an array of features, or one of each stimulus of the study",
                    found=some_names(arrays, 4),
                )
            names = _stimuli(content) or names
            parts += [
                features_of(array, _label(layer, content.path, wanted), wanted.memory)
                for array in arrays.values()
            ]
        label = _label(layer, files[0].parent, wanted)
        if not parts:
            raise BadInput(label, expected="features", found="no array of numbers")
        features = stacked(parts, label)
        places = _places(names, features.shape[0], label, wanted)
        rdm, gram = compared_features(features, places, wanted.stimuli, label, wanted.memory)
        return GivenLayer(layer, rdm, names is not None, gram)


def _of_stimuli(layer: str, arrays_of: Mapping[str, StoredValues], path: Path, wanted: Wanted) -> GivenLayer:
    """A layer with an array for each stimulus, whatever its shape."""
    label = _label(layer, path, wanted)
    flat = [_as_row(features_of(arrays_of[name], label, wanted.memory)) for name in wanted.stimuli]
    places = np.arange(len(flat))
    rdm, gram = compared_features(stacked(flat, label), places, wanted.stimuli, label, wanted.memory)
    return GivenLayer(layer, rdm, is_named=True, gram=gram)


def _as_row(features: Features) -> Features:
    n_rows, width = features.shape
    every = np.arange(n_rows)
    return Features((1, n_rows * width), lambda rows: features.take(every).reshape(1, -1))


def _layers_of_stimuli(files: Sequence[Path], wanted: Wanted) -> Iterator[GivenLayer]:
    """The layers of files that are a stimulus each."""
    path_of = {identifier(path.stem): path for path in files}
    paths = [path_of[name] for name in wanted.stimuli]
    with _opened(paths[0], wanted.memory) as content:
        shapes = {name: array.shape for name, array in content.arrays.items()}
    if not shapes:
        raise BadInput(f"{paths[0]} of network {wanted.network}", expected="an array per layer", found="none")
    for layer, shape in shapes.items():
        label = _label(layer, paths[0], wanted)

        def take(rows: np.ndarray, layer: str = layer, shape: tuple[int, ...] = shape) -> np.ndarray:
            taken = []
            for row in rows:
                with _opened(paths[row], wanted.memory) as content:
                    array = content.arrays.get(layer)
                    if array is None or array.shape != shape:
                        raise BadInput(
                            _label(layer, paths[row], wanted),
                            expected=f"shape {shape}, as in {paths[0].name}",
                            found="no such array" if array is None else f"shape {array.shape}",
                        )
                    taken.append(read_whole(array, _label(layer, paths[row], wanted), wanted.memory).ravel())
            return np.stack(taken)

        features = Features((len(paths), int(np.prod(shape))), take)
        places = np.arange(len(paths))
        rdm, gram = compared_features(features, places, wanted.stimuli, label, wanted.memory)
        yield GivenLayer(layer, rdm, is_named=True, gram=gram)


def _places(names: Sequence[str] | None, n_rows: int, label: str, wanted: Wanted) -> np.ndarray:
    if names is not None:
        if len(names) != n_rows:
            raise BadInput(
                f"names of the stimuli of {label}", expected=f"{n_rows:,}, one a row", found=f"{len(names):,}"
            )
        return places_of(wanted.stimuli, names, label)
    if not wanted.in_stimulus_order:
        raise BadInput(
            f"{label} does not name its stimuli",
            expected=f"an array {CONDITION_LISTS[0]} of their names in the file, or {FILE_NAMES} beside it",
            hint=NAMES_HINT,
        )
    return places_in_order(wanted.stimuli, n_rows, label)


def _stimuli(content: FileContent) -> list[str] | None:
    given = named_once([name for name in CONDITION_LISTS if name in content.lists], "stimuli", content.path)
    return None if given is None else [str(name) for name in content.lists[given]]


def _opened(path: Path, memory: int) -> AbstractContextManager[FileContent]:
    suffix = path.suffix.lower()
    if suffix in TORCH:
        return open_torch(path, _LISTS, memory)
    if suffix in TEXT:
        return read_text(path, memory)
    return open_content(path, _LISTS, memory)


def _label(layer: str, path: Path, wanted: Wanted) -> str:
    return f"layer {layer} of network {wanted.network}, {path}"


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}", expected="text in UTF-8", found=str(error)[:80]) from error
