"""Counts parameters and multiply-adds of a network that publishes neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alignhouse.ingest.features.inputs import Caller, InputMaker
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import source_of

_FLOPS_OF_A_MULTIPLY_ADD = 2
# Of a typical clip; only its length decides what is counted.
_CLIP_FRAMES, _FRAME_SHAPE = 90, (64, 64, 3)


@dataclass(frozen=True)
class Counts:
    """What a network costs.

    parameters : numbers in all parameters of the module that is built.
    gflops : 1e9 multiply-adds of one call, with one frame or clip: of matrix products, convolutions and
        attention, as torch's FlopCounterMode counts them.
    """

    parameters: int
    gflops: float


def count(network: Network) -> Counts:
    """The parameters and multiply-adds of a network.

    The call has shapes but no values ("meta" device), so that nothing is computed. A network that needs
    values is called on the CPU.

    Raises
    ------
    BadInput : the network cannot be built.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    built = build_network(network, weights="random")
    settings = ExtractionSettings()
    n_frames = 1 if network.takes == "frames" else _CLIP_FRAMES
    if network.takes == "video" and network.clip_len and network.frame_interval:
        n_frames = network.clip_len * network.frame_interval
    shown = InputMaker(network, settings, built.transform)(np.zeros((n_frames, *_FRAME_SHAPE), np.uint8))
    caller = Caller(network, built.module, "cpu", settings.frame_count)
    call, _ = caller.tensor(shown.parts[:1], shown.values)

    class Forward(torch.nn.Module):
        """The network's forward pass, as its source calls it."""

        def __init__(self) -> None:
            super().__init__()
            self.network = built.module

        def forward(self, call: torch.Tensor) -> None:
            source_of(network).forward(self.network, call)

    forward = Forward().eval()
    parameters = sum(each.numel() for each in built.module.parameters())
    state = {name: each.to("meta") for name, each in [*forward.named_parameters(), *forward.named_buffers()]}

    def flops(run: Any) -> int:
        # Attention in one kernel is not counted on all devices; its plain form is.
        with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            run()
        total: int = counter.get_total_flops()
        return total

    try:
        total = flops(lambda: torch.func.functional_call(forward, state, (call.to("meta"),)))
    except (NotImplementedError, RuntimeError):
        # Operators without shapes alone, values that decide what is computed, or tensors that are no buffers.
        total = flops(lambda: forward(call))
    return Counts(parameters, total / _FLOPS_OF_A_MULTIPLY_ADD / 1e9)
