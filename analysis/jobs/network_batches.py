"""Batches in which several networks meet all brains at a time, with a job per network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from alignhouse.analysis.jobs.scope import Model, Scope, layers_at_a_time
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

CallOfNetworks = Callable[
    [Sequence[Job], Reporter, Mapping[str, Artifact], Mapping[str, Artifact], int], Iterator[Iterable[Output]]
]
"""(jobs, reporter, network -> its RDMs, region -> its RDMs, memory in bytes) -> the outputs of each job.

The jobs agree in all settings but the network.
"""


class NetworkSettings(Scope):
    """Settings of a job of one network."""

    model: str
    remark: str


def network_batch(
    method: str,
    version: int,
    settings: Callable[[Model], NetworkSettings],
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    call: CallOfNetworks,
    *,
    bytes_per_pair: int,
    memory: int,
) -> Batch:
    """A job per network; several networks share a call, because brains cost more to prepare than a network.

    If RDMs of one network are bad, only its own job fails.

    Parameters
    ----------
    settings : gives the settings of a network's job. brains : region -> artifact of its RDMs.
    bytes_per_pair : see `layers_at_a_time`. memory : bytes for buffers.
    """
    inputs = {f"brain/{roi}": each.artifact for roi, each in brains.items()}
    jobs = []
    for model in models:
        of_model = settings(model)
        jobs.append(
            Job(
                method=method,
                version=version,
                settings=of_model.as_json(),
                inputs={"model": model.rdms.artifact, **inputs},
                label=f"{model.name}, protocol {of_model.protocol}",
            )
        )
    return Batch(
        jobs=tuple(jobs),
        call=call,
        shared={"rdms": {model.name: model.rdms for model in models}, "brains": brains, "memory": memory},
        sizes=tuple(model.rdms.n_rows for model in models),
        most=layers_at_a_time(brains, bytes_per_pair, memory),
        divisible=True,
    )
