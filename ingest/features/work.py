"""The work of an extraction, for progress bars and the order of networks, in times of 1e9 multiply-adds."""

from __future__ import annotations

from dataclasses import replace

from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.batches import Batch

# 1e9 multiply-adds of one call, for networks that nobody has counted: about those of a ResNet50.
TYPICAL_CALL = 4.0
# Depthwise convolutions read and write much for each multiply-add. Measured, networks of them take four times
# as long as others on a CPU, and ten times on a GPU (extraction/networks.csv, gpu_study/h100.csv).
OF_DEPTHWISE = 4.0
_DEPTHWISE = ("EfficientNet", "X3D")
# What decoding and transforming a frame costs, in the same unit: about 20 ms of a core at 50e9 a second.
FRAME = 1.0
# Gram matrices are made in float64 from stored features: measured, a multiply-add costs as much as five.
OF_A_GRAM = 5.0
_CLIPS_OF_A_VIDEO = 4


def extraction_work(network: Network, n_stimuli: int, frames: float) -> float:
    """1e9 multiply-adds of showing `n_stimuli` stimuli, each of so many frames, to a network.

    The RDMs are left out, because the widths of layers are not known before the network is built.
    """
    return n_stimuli * one_stimulus(network, _calls(network, frames), frames)


def one_stimulus(network: Network, calls: float, frames: float) -> float:
    """1e9 multiply-adds of one stimulus. calls : of one frame or clip each. frames : that are decoded."""
    of_call = network.gflops_counted or network.gflops_published or TYPICAL_CALL
    if network.family in _DEPTHWISE:
        of_call *= OF_DEPTHWISE
    return of_call * calls + FRAME * frames


def one_rdm(n_stimuli: int, width: int) -> float:
    """What the RDM of a layer of `width` features costs, in the same unit."""
    return OF_A_GRAM * n_stimuli**2 * width / 1e9


def with_work(batch: Batch, network: Network, n_stimuli: int, frames: float) -> Batch:
    """The batch of a network's extractions, whose jobs share its work."""
    work = extraction_work(network, n_stimuli, frames) / len(batch.jobs)
    return replace(batch, work=(work,) * len(batch.jobs))


def _calls(network: Network, frames: float) -> float:
    """Calls per stimulus."""
    if network.takes == "frames":
        return frames
    clips = network.clips_for_90_frames or _CLIPS_OF_A_VIDEO
    if network.format_shape == "NCHW" and network.clip_len and network.input_shape:
        # Several clips share a call; its shape is (1, frames, 3, height, width).
        return max(1.0, clips * network.clip_len / network.input_shape[1])
    return clips
