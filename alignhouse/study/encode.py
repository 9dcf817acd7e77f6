"""The stage that predicts voxels from layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignhouse.analysis.jobs.encoding import encoding_batch
from alignhouse.analysis.jobs.network_partition import NetworkPair, network_partition_batch
from alignhouse.analysis.jobs.protocols import protocol_batch
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.variance_partition import partition_batch
from alignhouse.analysis.kernels.ridge import FEWEST_TRAINING_STIMULI
from alignhouse.analysis.statistics.encoding import FEWEST_TEST_STIMULI
from alignhouse.ingest.betas.stored import open_region
from alignhouse.ingest.controls.names import CONTROLS
from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.study.analyse import MOST_MEMORY, described_protocol, remark_of_all
from alignhouse.study.brain import BrainVoxels
from alignhouse.study.file import Study
from alignhouse.study.pairs import Pair
from alignhouse.study.protocol import SQUARED, Protocol
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.executors.local import writing_behind
from alignhouse.warehouse.runs import Run

# Fewer stimuli leave too few in each fold.
FEWEST_STIMULI = 2 * max(FEWEST_TRAINING_STIMULI, FEWEST_TEST_STIMULI)


def encoding_protocols(study: Study, protocols: Mapping[str, Protocol]) -> dict[str, Protocol]:
    """The protocols of the encoding: `sound-encoding`, with the same features; {} if none is asked for.

    Ridge regression needs the inner products of features, which their squared Euclidean distances hold.

    Parameters
    ----------
    protocols : those that the study names, without their measures.

    Raises
    ------
    BadInput : the data set has no betas, subjects saw other stimuli or are averaged; no protocol uses whole
        feature patterns; or a protocol has the name of an encoding.
    """
    if not study.encoding.voxels:
        return {}
    _refuse_brains(study)
    found = {}
    for name, protocol in protocols.items():
        if protocol.extraction.reduction != "none":
            continue
        of_encoding = f"{name}-encoding"
        if of_encoding in protocols:
            raise BadInput(f"[protocols.{of_encoding}]", found="the name of an encoding: encoding.voxels")
        extraction = {**dict(protocol.extraction), "distance": SQUARED, "centering": "none"}
        found[of_encoding] = Protocol(
            description=f"{name}, voxel encoding",
            extraction=ExtractionSettings.model_validate(extraction),
            analysis=protocol.analysis,
        )
    if not found:
        raise BadInput(
            "encoding.voxels",
            expected="a protocol that uses whole feature patterns, such as sound",
            found=", ".join(protocols),
        )
    return found


def _refuse_brains(study: Study) -> None:
    brain = study.brain
    wrong = {
        f'brain.kind = "{brain.kind}", which has no betas': data_set(brain.kind).betas is None,
        'brain.stimuli = "own"': brain.stimuli == "own",
        "brain.average_subjects = true": brain.average_subjects,
    }
    for found, is_wrong in wrong.items():
        if is_wrong:
            raise BadInput(
                "encoding.voxels", expected="betas of single subjects who saw the same stimuli", found=found
            )


def encode_voxels(
    run: Run,
    study: Study,
    protocols: Mapping[str, Protocol],
    models: Mapping[str, Mapping[str, Model]],
    brain: BrainVoxels,
    training: frozenset[str],
    controls: Mapping[str, Artifact],
    pairs: Sequence[Pair],
    *,
    memory: int,
) -> None:
    """Encode the voxels of all regions from all networks, and partition their variance.

    Parameters
    ----------
    protocols : of `encoding_protocols`. models : protocol -> name -> model.
    training : the stimuli that the data set has for training; if too few or all are, fits are
        cross-validated over folds of all stimuli.
    controls : control -> its RDM, of all stimuli. pairs : networks that are partitioned, see `network_pairs`.
    memory : bytes that one batch may use.

    Raises
    ------
    BadInput : too few stimuli.
    """
    stimuli = tuple(
        (split, name) for split in brain.conditions.splits for name in brain.conditions.by_split[split]
    )
    if len(stimuli) < FEWEST_STIMULI:
        raise BadInput("stimuli of an encoding", expected=f"at least {FEWEST_STIMULI}", found=len(stimuli))
    fitted = [name for _, name in stimuli if name in training]
    has_split = FEWEST_TRAINING_STIMULI <= len(fitted) <= len(stimuli) - FEWEST_TEST_STIMULI
    asked = study.analysis
    how: dict[str, Any] = {
        **study.encoding.settings(),
        "regions": {region.name: tuple(region.parts) for region in brain.regions},
        "stimuli": stimuli,
        "train": tuple(fitted) if has_split else (),
        "min_ncsnr": study.brain.min_ncsnr,
        "permutations": asked.permutations,
        "draws": asked.bootstraps,
        "level": asked.level,
        "seed": asked.seed,
    }
    # These belong to variance partitions, whose settings and inputs have them.
    asked_of_encoding = study.encoding.model_dump(mode="json", exclude={"weights_per", "pairs"})
    run.do(
        "Describing protocols",
        [
            protocol_batch(name, {**described_protocol(each), "encoding": asked_of_encoding})
            for name, each in protocols.items()
        ],
    )
    scopes = {
        name: Scope(
            protocol=name, settings=each.analysis, dataset=study.brain.dataset, split=study.brain.split
        )
        for name, each in protocols.items()
        if models.get(name)
    }
    each_protocol = {name: list(models[name].values()) for name in scopes}
    memory = min(memory // 2, MOST_MEMORY)
    batches = {
        name: encoding_batch(scope, each_protocol[name], brain.betas, open_region, how, memory=memory)
        for name, scope in scopes.items()
    }
    done = run.do("Encoding voxels", batches.values(), writing_behind)
    best = {
        name: {model.name: done[job.key] for model, job in zip(each_protocol[name], batch.jobs, strict=True)}
        for name, batch in batches.items()
    }
    of_both: dict[str, Any] = {
        "betas": brain.betas,
        "open_region": open_region,
        "how": {**how, "weights_per": study.encoding.weights_per},
        "memory": memory,
    }
    given = {name: (rdm, CONTROLS[name].distance) for name, rdm in controls.items()}
    partitions = [
        partition_batch(scope, each_protocol[name], best[name], given, **of_both)
        for name, scope in scopes.items()
        if given
    ]
    partitions += [
        network_partition_batch(scope, its, best[name], **of_both)
        for name, scope in scopes.items()
        if (its := _pairs_of(models[name], pairs))
    ]
    if partitions:
        run.do("Partitioning the variance of voxels", partitions, writing_behind)


def _pairs_of(models: Mapping[str, Model], pairs: Sequence[Pair]) -> list[NetworkPair]:
    """The pairs of a protocol. A network that failed has none; its failure is reported by itself."""
    return [
        NetworkPair(models[one], models[other], remark_of_all([models[one], models[other]]))
        for one, other in pairs
        if one in models and other in models
    ]
