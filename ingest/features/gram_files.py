"""Stored RDMs and Gram matrices of networks: their files, and the jobs from Gram matrices to RDMs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from alignhouse.ingest.features.kept_grams import GRAMS, LayerGram, padded_anchors
from alignhouse.ingest.inner_products import Centering, OfInnerProducts
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.vectors import vector_table, with_vectors

VERSION = 1
METHOD = "rdm_of_grams"
LAYER_COLUMNS = ("layer", "layer_index", "depth", "width")


def model_rdm_folder(model: str) -> tuple[str, ...]:
    """The folder of a network's RDMs inside a warehouse."""
    return ("rdms", "kind=model", hive("model", model))


def rdms_among(artifacts: Sequence[Artifact]) -> Artifact:
    """The RDMs among the artifacts of a job, which may have kept Gram matrices too."""
    [rdms] = [each for each in artifacts if not _has_grams(each)]
    return rdms


def grams_among(artifacts: Sequence[Artifact]) -> Artifact | None:
    """The Gram matrices among the artifacts of a job; None if it kept none."""
    return next((each for each in artifacts if _has_grams(each)), None)


def gram_output(
    model: str, names: Mapping[str, Sequence[Any]], grams: Sequence[LayerGram], about: Mapping[str, Any]
) -> Output:
    """The file of the Gram matrices of a network, one row a layer.

    Vector columns: "gram" and "means", and "anchors" (0 where a layer has fewer components) for layers that
    are reduced to principal components; see `LayerGram`.

    Parameters
    ----------
    names : column -> value of each layer, of `LAYER_COLUMNS`. about : as that of the RDMs.
    """
    table = vector_table(
        {name: values for name, values in names.items() if name != "depth"},
        "gram",
        np.stack([each.triangle for each in grams]),
    )
    # Files of other programs do not say where a layer lies in its network.
    table = table.append_column("depth", pa.array(names["depth"], pa.float64()))
    table = with_vectors(table, "means", np.stack([each.means for each in grams]))
    anchors = padded_anchors(grams)
    if anchors is not None:
        table = with_vectors(table, "anchors", anchors)
    return Output((GRAMS, "kind=model", hive("model", model)), table, about=about)


def read_grams(artifact: Artifact) -> dict[str, LayerGram]:
    """Layer -> its Gram matrix, in the order of the file."""
    names, triangles = artifact.vectors("gram")
    _, means = artifact.vectors("means")
    with artifact.vector_file("means") as file:
        is_reduced = "anchors" in file.columns
    anchors = artifact.vectors("anchors")[1] if is_reduced else [None] * len(means)
    return {
        layer: LayerGram(triangle, of_rows, width, None if signs is None else signs[signs != 0])
        for layer, width, triangle, of_rows, signs in zip(
            names["layer"], names["width"], triangles, means, anchors, strict=True
        )
    }


class RdmOfGramsSettings(JobSettings):
    """Settings of RDMs that derive from Gram matrices.

    skip_bad : leave out layers that have no such RDM; the artifact says which, and why.
    """

    model: str
    distance: OfInnerProducts
    centering: Centering
    skip_bad: bool = False

    def as_json(self) -> dict[str, Any]:
        given = super().as_json()
        if not self.skip_bad:
            del given["skip_bad"]
        return given


def rdm_of_grams_job(
    model: str, grams: str, distance: OfInnerProducts, centering: Centering, *, skip_bad: bool
) -> Job:
    """The RDMs of a network's layers from its stored Gram matrices, in the format of extracted RDMs.

    Parameters
    ----------
    grams : the name of their artifact.
    """
    settings = RdmOfGramsSettings(model=model, distance=distance, centering=centering, skip_bad=skip_bad)
    return Job(METHOD, VERSION, settings.as_json(), inputs={GRAMS: grams}, label=model)


def rdm_of_grams_batch(job: Job, grams: Artifact) -> Batch:
    """The batch of `rdm_of_grams_job`."""
    return single(job, derive_rdms, grams=grams)


def derive_rdms(job: Job, reporter: Reporter, grams: Artifact) -> Iterator[Output]:
    """The RDMs; see `rdm_of_grams_job`. They equal those of an extraction, bit for bit.

    Raises
    ------
    BadInput : a layer has no such RDM (a pattern is all zero, for example) and is not to be skipped; or no
        layer is left.
    """
    settings = RdmOfGramsSettings.of(job)
    rows = grams.rows(LAYER_COLUMNS)
    rdms: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    for number, (layer, gram) in enumerate(read_grams(grams).items(), start=1):
        try:
            rdms[layer] = gram.rdm(settings.distance, settings.centering)
        except BadInput as error:
            error.failed += f", layer {layer} of network {settings.model}"
            error.hint = "set networks.skip_bad = true"
            if not settings.skip_bad:
                raise
            skipped[layer] = str(error)
        reporter.step(number, len(rows))
    if not rdms:
        raise BadInput(
            f"RDMs of network {settings.model}", expected=f"a layer with {settings.distance}", found="none"
        )
    table = rows.filter(rows["layer"].is_in(list(rdms))).to_arrow()
    table = table.set_column(0, "layer", table.column("layer").cast(pa.string()))
    notes = dict(grams.about.get("notes", {}))
    notes["skipped_layers"] = {**notes.get("skipped_layers", {}), **skipped}
    yield Output(
        model_rdm_folder(settings.model),
        with_vectors(table, "rdm", np.stack(list(rdms.values()))),
        about={**grams.about, "notes": notes},
    )


def _has_grams(artifact: Artifact) -> bool:
    return artifact.path.startswith(f"{GRAMS}/")
