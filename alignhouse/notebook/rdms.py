"""RDMs of a warehouse for a notebook, with the names of their conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from alignhouse.notebook.choices import chosen, field_values, narrowed
from alignhouse.notebook.packages import needed
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.schema import statement

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import xarray
    from numpy.typing import NDArray
    from rsatoolbox.rdm import RDMs

DISTANCES = {
    "correlation": "1 - Pearson",
    "cosine": "1 - cosine",
    "squared_euclidean": "squared euclidean",
}
FROM_A_FILE = "as given by a file"


@dataclass(frozen=True, eq=False, repr=False)
class Rdm:
    """One representational dissimilarity matrix.

    Attributes
    ----------
    values : (P,) float64, the upper triangle row by row: P = n(n-1)/2 pairs of n conditions, in the order of
        scipy's `squareform`. It is what the warehouse stores; float32 would tie ranks.
    conditions : (n,) names of the stimuli, in the order of rows and columns.
    measure : the distance, such as "1 - Pearson".
    labels : what it is the RDM of: roi, subject, dataset, split; or model, layer, dataset, split.
    """

    values: NDArray[np.float64]
    conditions: tuple[str, ...]
    measure: str
    labels: Mapping[str, str]

    def square(self) -> NDArray[np.float64]:
        """The symmetric matrix, (n, n) float64, with zeros on its diagonal."""
        from scipy.spatial.distance import squareform

        return squareform(self.values)

    def to_polars(self) -> pl.DataFrame:
        """One row per pair of conditions: first, second, dissimilarity."""
        import numpy as np
        import polars as pl

        first, second = np.triu_indices(len(self.conditions), k=1)
        names = np.array(self.conditions)
        return pl.DataFrame(
            {
                "first": names[first].tolist(),
                "second": names[second].tolist(),
                "dissimilarity": self.values,
            }
        )

    def to_rsatoolbox(self) -> RDMs:
        """An `rsatoolbox.rdm.RDMs` of one RDM, with `labels` as its descriptors.

        The pattern descriptor `conds` has the names of the conditions.

        Raises
        ------
        BadInput : rsatoolbox is not installed.
        """
        rdm = needed("rsatoolbox.rdm")
        return rdm.RDMs(
            self.values[None],
            dissimilarity_measure=self.measure,
            rdm_descriptors={name: [value] for name, value in self.labels.items()},
            pattern_descriptors={"conds": list(self.conditions)},
        )

    def to_xarray(self) -> xarray.DataArray:
        """The square matrix with dimensions condition and other_condition, `labels` as attributes.

        Raises
        ------
        BadInput : xarray is not installed.
        """
        names = list(self.conditions)
        return needed("xarray").DataArray(
            self.square(),
            coords={"condition": names, "other_condition": names},
            dims=("condition", "other_condition"),
            name="dissimilarity",
            attrs={**self.labels, "measure": self.measure},
        )

    def __repr__(self) -> str:
        labels = ", ".join(f"{name}={value}" for name, value in self.labels.items())
        first, last = self.conditions[0], self.conditions[-1]
        return (
            f"<Rdm {labels}: {len(self.values):,} pairs of {len(self.conditions):,} conditions"
            f" ({first} to {last}), {self.measure}, {self.values.min():.3f} to {self.values.max():.3f}>"
        )


class ScopeRdms(NamedTuple):
    """A file of RDMs of a region (kind brain) or of a network (kind model), and the scope of its scores.

    protocol : None for a region on which no network has been scored. artifact : the name of the file.
    """

    kind: str
    name: str
    protocol: str | None
    dataset: str
    split: str
    artifact: str


def stored_rdms(warehouse: Warehouse, kind: str) -> list[ScopeRdms]:
    """The files of RDMs behind the current scores, and those of regions without scores."""
    rows = warehouse.sql(statement("rdms_of_scopes")).fetchall()
    return [ScopeRdms(*row) for row in rows if row[0] == kind]


def brain_rdm(
    warehouse: Warehouse,
    roi: str,
    subject: str | None,
    *,
    dataset: str | None,
    split: str | None,
    protocol: str | None,
) -> Rdm:
    """The RDM of a region in one subject; see `OpenWarehouse.rdm`."""
    from alignhouse.analysis.jobs.scope import unseen

    rows = stored_rdms(warehouse, "brain")
    roi = chosen("roi", roi, (row.name for row in rows))
    row, *_ = of_one_file(rows, roi, dataset=dataset, split=split, protocol=protocol)
    [file] = warehouse.artifacts("artifacts_named", names=[row.artifact])
    names, vectors = file.vectors("rdm")
    subjects = names["subject"].to_list()
    absent = file.about["absent"].get(subject)
    if absent:
        raise BadInput(f"{subject} has no region {roi}", found=absent)
    subject = chosen("subject", subject, subjects, f" for region {roi}")
    labels = {"roi": roi, "subject": subject, "dataset": row.dataset, "split": row.split}
    measure = file.about["distance"] if file.method == "brain_rdm" else FROM_A_FILE
    values = vectors[subjects.index(subject)]
    lacking = frozenset(unseen(file).get(subject, ()))
    conditions = tuple(name for name in file.about["conditions"] if name not in lacking)
    # NaN: pairs of stimuli that the subject did not see.
    return Rdm(values[values == values] if lacking else values, conditions, measure, labels)


def model_rdm(
    warehouse: Warehouse,
    model: str,
    layer: str | None,
    *,
    dataset: str | None,
    split: str | None,
    protocol: str | None,
) -> Rdm:
    """The RDM of one layer of a network; see `OpenWarehouse.rdm`."""
    rows = stored_rdms(warehouse, "model")
    model = chosen("model", model, (row.name for row in rows))
    fitting = of_one_file(rows, model, dataset=dataset, split=split, protocol=protocol)
    row = fitting[0]
    [file] = warehouse.artifacts("artifacts_named", names=[row.artifact])
    with file.vector_file("rdm") as vectors:
        layers = [str(name) for name in vectors.names("layer")]
        layer = chosen("layer", layer, layers, f" of network {model}")
        place = layers.index(layer)
        values = vectors.read(place, place + 1)[0]
    labels = {"model": model, "layer": layer, "dataset": row.dataset, "split": row.split}
    labels["protocol"] = ", ".join(field_values(fitting, "protocol"))
    return Rdm(values, tuple(file.about["conditions"]), _measure(file), labels)


def of_one_file(
    rows: Iterable[ScopeRdms], name: str, *, dataset: str | None, split: str | None, protocol: str | None
) -> list[ScopeRdms]:
    """The rows of that name in the wanted scope; all have the same file.

    Raises
    ------
    BadInput : an unknown data set, split or protocol, or several files fit; the error lists the choices.
    """
    fitting = [row for row in rows if row.name == name]
    wanted = {"dataset": dataset, "split": split, "protocol": protocol}
    return narrowed(fitting, wanted, f" for {name}", lambda left: len({row.artifact for row in left}) == 1)


def _measure(file: Artifact) -> str:
    if file.method == "rdm_of_grams":
        derived = str(file.settings["distance"])
        return DISTANCES.get(derived, derived)
    if file.method != "extraction":
        return FROM_A_FILE
    from alignhouse.ingest.features.settings import ExtractionSettings

    extraction: dict[str, Any] = file.settings["extraction"]
    distance = ExtractionSettings.model_validate(extraction).distance
    return DISTANCES.get(distance, distance)
