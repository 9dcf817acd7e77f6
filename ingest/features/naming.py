"""Errors about a network say which network it is, and what to change in the study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alignhouse.ingest.models.layers import key_of_layers
from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import AlignhouseError, BadInput, error_in_words
from alignhouse.warehouse.faults import fault_of_machine


@contextmanager
def naming_network(network: Network, doing: str = "") -> Iterator[None]:
    """A block whose errors get the name of the network, and those about layers the key that lists them.

    Parameters
    ----------
    doing : what the block does with code of the network ("forward pass"): any error of it becomes `BadInput`,
        unless the machine is at fault; "" leaves errors that are not of alignhouse as they are.
    """
    try:
        yield
    except AlignhouseError as error:
        if f"network {network.name}" not in error.failed:
            error.failed += f" of network {network.name}"
        key = key_of_layers(network)
        if "layer" in error.failed and key not in (error.hint or ""):
            error.hint = f"{error.hint}, or change {key}" if error.hint else f"change {key}"
        raise
    except Exception as error:
        if not doing or _is_of_machine(error):
            raise
        raise BadInput(
            f"{doing} of network {network.name}",
            found=error_in_words(error),
            hint=_hint(network),
        ) from error


def _is_of_machine(error: Exception) -> bool:
    import torch

    # Out of memory on a device is answered by a smaller batch.
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or fault_of_machine(error) is not None


def _hint(network: Network) -> str:
    if network.declared_in is None:
        return f"exclude it: networks.exclude = [{network.name!r}]"
    return f"correct {network.declared_in} or its code, or exclude the network"
