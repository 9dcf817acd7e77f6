"""Differences between devices: size of a call, available memory, memory layout of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

# More frames in a call do not fit a CPU's caches and make it slower; a GPU needs many to be busy. Those for
# "mps", the GPU of an Apple chip, are not measured.
_FRAMES_OF_A_CALL = {"cpu": 8, "cuda": 96, "mps": 32}
_CLIPS_OF_A_CALL = {"cpu": 1, "cuda": 4, "mps": 1}
_MOST_READERS = 8
# Shares of the available memory; the rest is for forward passes, blocks of features and stimuli read ahead.
# An Apple GPU shares the memory of the machine.
_SHARE_FOR_FEATURES = {"cpu": 0.25, "cuda": 0.5, "mps": 0.25}
_SHARE_FOR_ONE_STIMULUS = {"cpu": 0.75, "cuda": 0.25, "mps": 0.25}
_SHARE_FOR_READING_AHEAD = 0.125


def kind_of(device: str) -> str:
    """The kind of a device, "cpu", "cuda" or "mps", from torch's name for it, such as "cuda:1"."""
    return device.partition(":")[0]


def devices_named(asked: str) -> tuple[str, ...]:
    """The devices of `compute.device`: of "cuda", every GPU that is visible; of one GPU, "cuda" itself."""
    if asked != "cuda":
        return tuple(asked.split(","))
    import torch

    count = torch.cuda.device_count()
    return tuple(f"cuda:{number}" for number in range(count)) if count > 1 else (asked,)


def check_device(device: str) -> None:
    """Check that torch can use a device here.

    Raises
    ------
    BadInput : it cannot; says which devices it can use.
    """
    if device == "cpu":
        return
    there = usable_devices()
    if device not in there and not (device == "cuda" and "cuda:0" in there):
        raise BadInput(
            f"device {device}",
            expected=f"one that torch can use here: {', '.join(there)}",
            found="no such GPU, or a build of torch without support for it",
            hint="set compute.device, or --device",
        )


def usable_devices() -> list[str]:
    """The devices that torch can use here: "cpu", "cuda:0", ..., "mps"."""
    import torch

    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


def where_float64_is(values: torch.Tensor) -> torch.Tensor:
    """`values` on a device that has float64: their own, or the CPU for those on an Apple GPU."""
    return values.cpu() if values.device.type == "mps" else values


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device has run out of memory; for an Apple GPU, torch raises no error of that kind."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)


def free_cache(device: str) -> None:
    """Give the memory that torch keeps for reuse back to the GPU."""
    import torch

    kind = kind_of(device)
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()


def parts_of_a_call(device: str, takes: str) -> int:
    """Default number of frames or clips in a call. takes : see `Network.takes`."""
    return (_FRAMES_OF_A_CALL if takes == "frames" else _CLIPS_OF_A_CALL)[kind_of(device)]


def readers(device: str) -> int:
    """Default number of threads that read stimuli: one where the CPU runs the network, several for a GPU."""
    return 1 if kind_of(device) == "cpu" else max(1, min(_MOST_READERS, cores() - 1))


def read_ahead(bytes_of_stimulus: int, memory: float, n_readers: int) -> int:
    """How many stimuli may be read ahead within `memory` bytes; at least one."""
    fitting = int(memory * _SHARE_FOR_READING_AHEAD / max(bytes_of_stimulus, 1))
    return max(1, min(fitting, n_readers + 1))


def room_for_features(device: str, memory: float) -> float:
    """Bytes of the device's memory that may hold the features of all stimuli."""
    return _SHARE_FOR_FEATURES[kind_of(device)] * _memory(device, memory)


def room_for_one_stimulus(device: str, memory: float) -> float:
    """Bytes of the device's memory that the features of one stimulus may take while it is shown."""
    return _SHARE_FOR_ONE_STIMULUS[kind_of(device)] * _memory(device, memory)


@contextmanager
def cores_left_to_readers(device: str) -> Iterator[None]:
    """While a GPU computes, let torch use one core of the CPU.

    Otherwise its waiting threads spin on the cores that the readers need.
    """
    import torch

    before = torch.get_num_threads()
    if kind_of(device) != "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def convolutions_last(module: torch.nn.Module) -> None:
    """Convert the weights of convolutions in place to channels last, their fastest memory layout.

    The network computes the same values, up to rounding. On an Apple GPU, torch has fewer kernels for this
    layout, so a network that is there stays as it is.
    """
    import torch

    if next((each.device.type for each in module.parameters()), "cpu") == "mps":
        return
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.to(memory_format=torch.channels_last)
        elif isinstance(part, torch.nn.Conv3d):
            part.to(memory_format=torch.channels_last_3d)


def _memory(device: str, memory: float) -> float:
    """Available bytes: the user's limit on the machine's memory, or the free memory of a GPU of its own."""
    if kind_of(device) != "cuda":
        return memory
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return float(free)
