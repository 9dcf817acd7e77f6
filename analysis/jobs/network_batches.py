"""Batches in which several networks meet all brains at a time, with a job per network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from alignhouse.analysis.jobs.room import Blocks
from alignhouse.analysis.jobs.scope import Model, Scope, layers_at_a_time
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.jobs import Job, Output

CallOfNetworks = Callable[..., Iterator[Iterable[Output]]]
"""(jobs, reporter, rdms, brains, memory) -> the outputs of each job; `controls` and `room` too, if given.

rdms : network -> its RDMs. brains : region -> its RDMs. memory : bytes. controls : control -> its RDM. The
jobs agree in all settings but the network.
"""


class NetworkSettings(Scope):
    """Settings of a job of one network."""

    model: str
    remark: str

    @property
    def label(self) -> str:
        """The job's name in progress bars."""
        return f"{self.model}, protocol {self.protocol}"


def network_job(
    method: str,
    version: int,
    kind: type[NetworkSettings],
    common: Mapping[str, object],
    model: Model,
    inputs: Mapping[str, str],
    **own: object,
) -> Job:
    """The job of one network.

    Parameters
    ----------
    kind : the settings of the job. common : their fields that all networks share. own : those of this one.
    inputs : besides the network's RDMs.
    """
    settings = kind.model_validate({**common, "model": model.name, "remark": model.remark, **own})
    return Job(
        method=method,
        version=version,
        settings=settings.as_json(),
        inputs={"model": model.rdms.artifact, **inputs},
        label=settings.label,
    )


def network_batch(
    method: str,
    version: int,
    kind: type[NetworkSettings],
    common: Mapping[str, object],
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    call: CallOfNetworks,
    *,
    bytes_per_pair: int,
    memory: int,
    controls: Mapping[str, Artifact] | None = None,
    blocks: Blocks | None = None,
) -> Batch:
    """A job per network; several networks share a call, because brains cost more to prepare than a network.

    If RDMs of one network are bad, only its own job fails.

    Parameters
    ----------
    kind : the settings of a network's job. common : their fields that all networks share.
    brains : region -> artifact of its RDMs.
    bytes_per_pair : see `layers_at_a_time`. memory : bytes for buffers.
    controls : control -> artifact of its RDM, of all jobs.
    blocks : if RDMs do not fit in memory; the call is then given `room`.
    """
    inputs = {f"brain/{roi}": each.artifact for roi, each in brains.items()}
    inputs |= {f"control/{name}": each.artifact for name, each in (controls or {}).items()}
    return Batch(
        jobs=tuple(network_job(method, version, kind, common, model, inputs) for model in models),
        call=call,
        shared={
            "rdms": {model.name: model.rdms for model in models},
            "brains": brains,
            "memory": memory,
            **({} if controls is None else {"controls": controls}),
            **({} if blocks is None else {"room": blocks.room}),
        },
        sizes=tuple(model.rdms.n_rows for model in models),
        most=layers_at_a_time(brains, bytes_per_pair, memory) if blocks is None else blocks.most_layers,
        divisible=True,
    )
