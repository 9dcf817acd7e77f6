"""Reads stimuli ahead as inputs of a network, in threads or in other processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.inputs import Frames, InputMaker, NetworkInputs, check_frames
from alignhouse.ingest.features.options import How, Video
from alignhouse.ingest.features.prefetch import made_ahead, reader_processes
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.stimuli.videos import Decoder, is_image, read_frames
from alignhouse.warehouse.errors import AlignhouseError

# Settings with equal keys show the network the same input.
InputKey = tuple[str, ...]
Inputs = dict[InputKey, NetworkInputs]


@dataclass(frozen=True)
class StimulusReader:
    """Decodes a stimulus once with each decoder, and makes each distinct kind of input of it.

    makers : one for each kind. read_frames : see `options.How`.
    """

    makers: Mapping[InputKey, InputMaker]
    read_frames: Callable[[Path, Decoder], Frames] | None

    def __call__(self, item: tuple[int, Video]) -> Inputs:
        """The inputs of a stimulus. item : its position, for error messages, and where it comes from."""
        _, video = item
        by_decoder: dict[Decoder, list[InputKey]] = {}
        for key, make in self.makers.items():
            # Arrays and images need no decoder, so one reading serves all makers.
            needs_one = not callable(video) and not is_image(video)
            by_decoder.setdefault(make.decoder if needs_one else "av", []).append(key)
        made: Inputs = {}
        for decoder, keys in by_decoder.items():
            frames = self.frames(item, decoder)
            made |= {key: self.makers[key](frames) for key in keys}
        return made

    def frames(self, item: tuple[int, Video], decoder: Decoder) -> Frames:
        """The decoded frames of a stimulus; `item` as in a call."""
        index, video = item
        return check_frames(self._frames(video, decoder), stimulus_name(video, index))

    def _frames(self, video: Video, decoder: Decoder) -> Frames:
        if callable(video):
            return video()
        return (self.read_frames or read_frames)(video, decoder)


def inputs_ahead(
    reader: StimulusReader, videos: Sequence[Video], bytes_of_stimulus: int, options: How
) -> Generator[Inputs]:
    """The inputs of each stimulus in order, read ahead within the limit of memory.

    Threads share one interpreter with the network's own calls, which a fast GPU has to wait for. So for a GPU
    `options["reader_processes"]` uses processes, if reader and stimuli can be sent to them.
    """
    n_readers = options["readers"] or devices.readers(options["device"])
    items = list(enumerate(videos))
    ahead = devices.read_ahead(bytes_of_stimulus, options["memory"], n_readers)
    packed = _packed(reader, items) if options["reader_processes"] else None
    if packed is None:
        yield from made_ahead(reader, items, workers=n_readers, ahead=ahead)
        return
    pool, make = reader_processes(n_readers), partial(_as_arrays, packed)
    try:
        with closing(made_ahead(make, items, workers=n_readers, ahead=ahead, pool=pool)) as stimuli:
            for arrays in stimuli:
                yield {key: _as_tensors(inputs) for key, inputs in arrays.items()}
    except BrokenProcessPool:
        reader_processes.cache_clear()
        raise AlignhouseError(
            "a process that reads stimuli died",
            hint="did the machine run out of memory? then run the same command again to continue; a script "
            'of your own needs `if __name__ == "__main__":`, because new processes import it',
        ) from None


def stimulus_name(video: Video, index: int) -> str:
    """The name of a stimulus in error messages."""
    return video.name if isinstance(video, Path) else f"stimulus {index + 1}"


def _packed(reader: StimulusReader, items: Sequence[tuple[int, Video]]) -> bytes | None:
    """The reader as bytes. None if a user's transform or functions that return frames cannot be pickled."""
    try:
        pickle.dumps(items)
        return pickle.dumps(reader)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


@lru_cache(maxsize=1)
def _unpacked(reader: bytes) -> StimulusReader:
    # Transforms of torchvision and timm need this import, which may have to be mended.
    load_torchvision()
    unpacked: StimulusReader = pickle.loads(reader)
    return unpacked


def _as_arrays(packed: bytes, item: tuple[int, Video]) -> Inputs:
    """The inputs of a stimulus with numpy arrays instead of tensors; runs in a reader process.

    Parts of one shape become one array: torch would send each part through a file of its own.
    """
    found = {}
    for key, inputs in _unpacked(packed)(item).items():
        arrays: Any = [part.numpy() for part in inputs.parts]
        stacked: Any = np.stack(arrays) if len({each.shape for each in arrays}) == 1 else arrays
        values: Any = None if inputs.values is None else inputs.values.numpy()
        found[key] = replace(inputs, parts=stacked, values=values)
    return found


def _as_tensors(inputs: NetworkInputs) -> NetworkInputs:
    import torch

    # The arrays came through a pipe, and belong to nobody else.
    parts = [torch.from_numpy(part) for part in inputs.parts]
    values: Any = inputs.values
    return replace(inputs, parts=parts, values=None if values is None else torch.from_numpy(values))
