"""Protocols for other measures of similarity: each protocol of a study, once more for each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignhouse.analysis.kernels.measure_names import KERNEL_MEASURES, Measure
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.protocol_names import protocol_by
from alignhouse.study.protocol import SQUARED, Protocol
from alignhouse.warehouse.errors import BadInput


def with_measures(protocols: Mapping[str, Protocol], measures: Sequence[Measure]) -> dict[str, Protocol]:
    """The protocols, each followed by one for each measure that is not its own.

    Protocols whose null permutes rows only are not repeated: that null is one of ranks.

    Raises
    ------
    BadInput : no protocol can be repeated, or a protocol has the name of a repeated one.
    """
    found = dict(protocols)
    for name, protocol in protocols.items():
        if protocol.analysis.null == "rows_only":
            continue
        for measure in measures:
            if measure == protocol.analysis.measure:
                continue
            repeated = protocol_by(name, measure)
            if repeated in found:
                raise BadInput(f"[protocols.{repeated}]", found="the name of a protocol of analysis.measures")
            found[repeated] = _by(name, protocol, measure)
    if measures and all(each.analysis.null == "rows_only" for each in protocols.values()):
        raise BadInput(
            "analysis.measures",
            expected="a protocol whose null permutes rows and columns, such as sound",
            found=", ".join(protocols),
        )
    return found


def differ_by_measure(one: Protocol, other: Protocol) -> bool:
    """Whether two protocols have different measures, and agree in all else but the distances of patterns."""
    if one.analysis.measure == other.analysis.measure:
        return False
    alike = [
        (
            each.extraction.model_dump(exclude={"distance"}),
            dict(each.analysis) | {"measure": None, "brain_distance": None},
        )
        for each in (one, other)
    ]
    return alike[0] == alike[1]


def _by(name: str, protocol: Protocol, measure: Measure) -> Protocol:
    extraction: dict[str, object] = {}
    analysis: dict[str, object] = {"measure": measure}
    if measure in KERNEL_MEASURES:
        extraction["distance"] = analysis["brain_distance"] = SQUARED
    return Protocol(
        description=f"{name}, scores by {measure}",
        extraction=ExtractionSettings.model_validate({**dict(protocol.extraction), **extraction}),
        analysis=AnalysisSettings.model_validate({**dict(protocol.analysis), **analysis}),
    )
