"""Names of protocols that repeat another one by another measure. It loads no numerical library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alignhouse.analysis.kernels.measure_names import SPEARMAN

if TYPE_CHECKING:
    from alignhouse.warehouse.questions import Question

PROTOCOL, MEASURE = "protocol", "measure"
DEFAULT_PROTOCOL = "sound"

# The protocols that ship. Their measure is Spearman's.
SHIPPED = ("sound", "paper")


def protocol_by(protocol: str, measure: str) -> str:
    """The name of the protocol that repeats one by another measure than its own: `sound-cka`."""
    is_own = protocol in SHIPPED and measure == SPEARMAN
    return protocol if is_own else f"{protocol}-{measure}"


def takes_measure(asked: Question) -> bool:
    """Whether a question is about one protocol, so that `measure` may choose another one."""
    names = {each.name for each in asked.parameters}
    return PROTOCOL in names and MEASURE not in names


def with_measure(asked: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a question, with the protocol that a `measure` among them stands for."""
    found = dict(given)
    if MEASURE in found and takes_measure(asked):
        default = next(each.default for each in asked.parameters if each.name == PROTOCOL)
        protocol = found.get(PROTOCOL) or default or DEFAULT_PROTOCOL
        found[PROTOCOL] = protocol_by(protocol, found.pop(MEASURE))
    return found
