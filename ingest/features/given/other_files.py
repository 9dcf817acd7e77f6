"""Files that only programs for networks write: torch's, and thingsvision's tables as text."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.contents import FileContent
from alignhouse.ingest.arrays.matrices import InMemory, StoredValues, real_numbers
from alignhouse.ingest.arrays.numpy_files import UNNAMED
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

# Text takes up to 25 bytes for a number of 8.
_BYTES_OF_TEXT = 25 // 8


@contextmanager
def open_torch(path: Path, list_names: Sequence[str], memory: int) -> Iterator[FileContent]:
    """The content of a file of torch.save: a tensor, or a dict of tensors, lists and texts.

    Only tensors and plain values are loaded: the file's code is not run.

    Raises
    ------
    BadInput : torch is not installed, the file is larger than `memory`, damaged, or holds anything else.
    """
    _check_size(path, memory)
    if importlib.util.find_spec("torch") is None:
        raise BadInput(
            f"{path} cannot be read",
            expected="torch, which wrote it",
            found="none installed",
            hint="pip install 'alignhouse[networks]', or save the arrays as .npz",
        )
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=None)
    except Exception as error:  # torch raises errors of any type for damaged and hostile files
        raise BadInput(
            f"{path} cannot be read",
            expected="tensors of torch.save",
            found=(str(error).splitlines() or [type(error).__name__])[0][:160],
        ) from error
    values: Mapping[Any, Any] = loaded if isinstance(loaded, dict) else {UNNAMED: loaded}
    arrays: dict[str, StoredValues] = {}
    lists: dict[str, list[Any]] = {}
    others: dict[str, str] = {}
    for key, value in values.items():
        name = str(key)
        if name.lower() in list_names:
            lists[name.lower()] = list(value) if isinstance(value, (list, tuple)) else [value]
        elif isinstance(value, torch.Tensor) and not value.is_sparse:
            array = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
            if real_numbers(array.dtype):
                arrays[name] = InMemory(array)
            else:
                others[name] = f"dtype {array.dtype}"
        else:
            others[name] = type(value).__name__
    yield FileContent(path, arrays, lists, others)


@contextmanager
def read_text(path: Path, memory: int) -> Iterator[FileContent]:
    """The table of numbers of np.savetxt, as an unnamed array.

    Raises
    ------
    BadInput : the file needs more than `memory`, or has anything but numbers.
    """
    _check_size(path, memory * _BYTES_OF_TEXT)
    try:
        values = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise BadInput(f"{path} cannot be read", expected="numbers", found=str(error)[:160]) from error
    yield FileContent(path, {UNNAMED: InMemory(values)}, {})


def _check_size(path: Path, memory: int) -> None:
    if (size := path.stat().st_size) > memory:
        raise BadInput(
            f"{path} must be read whole",
            expected=f"at most {size_in_words(memory)}",
            found=size_in_words(size),
            hint="raise compute.memory, or save the array as .npy",
        )
