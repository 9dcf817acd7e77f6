"""The control models of a study: their RDMs, and networks that are shown frames in another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from alignhouse.analysis.jobs.scope import Model
from alignhouse.ingest.controls.jobs import (
    TABLES,
    Annotated,
    annotation_control_batch,
    describe_batch,
    embeddings_batch,
    frame_controls_batch,
)
from alignhouse.ingest.controls.names import Control, select_controls
from alignhouse.ingest.features.jobs import Extraction
from alignhouse.ingest.models.catalog import Network
from alignhouse.study.file import Study
from alignhouse.study.inputs import StudyInputs
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run

SENTENCES = "sentences"


@dataclass(frozen=True)
class StudyControls:
    """What the analysis compares networks with.

    given : control -> artifact of its RDM. orders : protocol -> networks with frames in another order.
    usual : name of such a network -> its name with the usual order, and the order.
    """

    given: Mapping[str, Artifact] = field(default_factory=dict)
    orders: Mapping[str, Sequence[Model]] = field(default_factory=dict)
    usual: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def scored(self, protocol: str, remark: str) -> list[Model]:
        """Every model that gets a score of its own: controls and orders, with remarks."""
        controls = [Model(name, rdm, remark) for name, rdm in self.given.items()]
        return [*controls, *self.orders.get(protocol, ())]

    def in_orders(self, protocol: str) -> dict[str, dict[str, Model]]:
        """Network -> order of its frames -> the network with frames in this order."""
        found: dict[str, dict[str, Model]] = {}
        for model in self.orders.get(protocol, ()):
            network, order = self.usual[model.name]
            found.setdefault(network, {})[order] = model
        return found


def chosen_controls(study: Study, inputs: StudyInputs) -> list[Control]:
    """The controls that the study includes; BadInput as `select_controls` raises it."""
    moving = all(each.media == "video" for each in inputs.stimuli)
    return select_controls(study.controls.include, moving=moving)


def make_controls(run: Run, study: Study, inputs: StudyInputs, hashes: Hashes) -> dict[str, Artifact]:
    """Control -> artifact of its RDM, for every control that the study includes. Stimuli must be registered.

    Raises
    ------
    BadInput : annotations or embeddings lack a stimulus, a control is equal for all stimuli, or a package is
        missing.
    """
    chosen = chosen_controls(study, inputs)
    if not chosen:
        return {}
    rows = run.rows("frame_rates", dataset=study.brain.dataset)
    rates = {row["stimulus"]: row["fps"] for row in rows}
    annotated = _annotated(run, study)
    batches: list[Batch] = []
    for each in chosen:
        if each.made_from == "annotations":
            options = _options(each, study)
            batches.append(annotation_control_batch(each, inputs.stimuli, annotated, options))
        elif each.made_from == "file":
            path = study.controls.embeddings
            assert path is not None
            if not path.is_file():
                raise BadInput(f"controls.embeddings: there is no file {path}")
            batches.append(embeddings_batch(each, inputs.stimuli, path, hashes.of(path)))
    # These take seconds, and input that does not fit is found here, before all frames are read.
    with run.all_or_nothing():
        done = run.do("RDMs of annotations", batches) if batches else {}
    if of_frames := [each for each in chosen if each.made_from == "frames"]:
        batches.append(frame_controls_batch(of_frames, inputs.stimuli, inputs.sha256, rates))
        done |= run.do("RDMs of frames", batches[-1:])
    made = {str(job.settings["control"]): done[job.key][0] for batch in batches for job in batch.jobs}
    return {each.name: made[each.name] for each in chosen}


def networks_in_orders(
    study: Study, named: Mapping[str, tuple[Network, Extraction]]
) -> list[tuple[Network, Extraction]]:
    """The extractions of video networks whose frames are shown in another order.

    Parameters
    ----------
    named : model name -> the network and its usual extraction.

    Raises
    ------
    BadInput : `controls.networks` names no video network of the study.
    """
    asked = study.controls
    found = [
        (network, replace(extraction, order=order))
        for order in asked.orders
        for network, extraction in named.values()
        if network.takes != "frames" and any(fnmatchcase(network.name, each) for each in asked.networks)
    ]
    if asked.orders and not found:
        raise BadInput(
            "controls.orders",
            expected="a network that is shown videos, among those of controls.networks",
            found="none; of an image network's frames, the order cannot matter",
        )
    return found


def write_controls(
    run: Run,
    study: Study,
    inputs: StudyInputs,
    orders: Mapping[str, tuple[str, str]],
) -> None:
    """Write the rows of `control`.

    Parameters
    ----------
    orders : model name -> the name of the network with the usual order, and the order.
    """
    rows: list[dict[str, Any]] = [
        {
            "control": each.name,
            "source": each.made_from,
            "distance": each.distance,
            "description": each.description,
        }
        for each in chosen_controls(study, inputs)
    ]
    rows += [
        {
            "control": name,
            "source": "network",
            "network": network,
            "frame_order": order,
            "distance": "as the protocol says",
            "description": f"{network} with {order} frames",
        }
        for name, (network, order) in orders.items()
    ]
    if rows:
        run.do("Describing controls", [describe_batch(study.brain.dataset, study.brain.split, rows)])


def _options(control: Control, study: Study) -> dict[str, str]:
    """The options of a control that are part of its job's key."""
    asked = study.controls
    if TABLES[control.name] != TABLES[SENTENCES]:
        return {}
    options = {"source": asked.sentences}
    if control.name != SENTENCES:
        assert asked.sentence_model is not None
        try:
            options["version"] = version("sentence-transformers")
        except PackageNotFoundError:
            options["version"] = "unknown"
        options["model"] = asked.sentence_model
    return options


def _annotated(run: Run, study: Study) -> Annotated:
    rows = run.rows("annotations", dataset=study.brain.dataset, source=study.controls.sentences)
    labels: dict[str, dict[str, set[str]]] = {}
    sentences: dict[str, list[str]] = {}
    memorability: dict[str, float] = {}
    artifacts: dict[str, list[str]] = {}
    for row in rows:
        kind, stimulus = row["kind"], row["stimulus"]
        if row["artifact"] not in (known := artifacts.setdefault(TABLES[kind], [])):
            known.append(row["artifact"])
        if kind == "memorability":
            memorability[stimulus] = row["score"]
        elif kind == SENTENCES:
            sentences.setdefault(stimulus, []).append(row["text"])
        else:
            of_kind = labels.setdefault(kind, {})
            of_kind.setdefault(stimulus, set()).add(row["text"].strip().casefold())
    kinds = [name for name in TABLES if name not in ("memorability", SENTENCES, "sentence_model")]
    return Annotated(
        {kind: {name: frozenset(found) for name, found in labels.get(kind, {}).items()} for kind in kinds},
        memorability,
        sentences,
        {table: sorted(found) for table, found in artifacts.items()},
    )
