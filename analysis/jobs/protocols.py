"""The rows that describe protocols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output, canonical
from alignhouse.warehouse.tables import rows_output

VERSION = 1


def protocol_batch(name: str, settings: Mapping[str, Any]) -> Batch:
    """The row that describes a protocol, with all its settings.

    Parameters
    ----------
    settings : of the extraction and the analysis, as plain JSON values.
    """
    job = Job(
        method="protocol",
        version=VERSION,
        settings={"protocol": name, **settings},
        inputs={},
        label=f"protocol {name}",
    )
    return single(job, describe_protocol)


def describe_protocol(job: Job, reporter: Reporter) -> Iterator[Output]:
    """The row of `protocol`; see `protocol_batch`."""
    settings = dict(job.settings)
    name = settings.pop("protocol")
    columns = {"protocol": [name], "settings": [canonical(settings)]}
    yield rows_output("protocol", columns, ("protocol",))
