"""Data for figures of RDMs: pictures of stored RDMs, and coordinates for a map of RDMs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignhouse.analysis.figures.catalog import answers
from alignhouse.analysis.figures.rdm_conditions import ordered_conditions
from alignhouse.analysis.figures.request import FigureScope, Request, matching, network_rows
from alignhouse.analysis.jobs.scope import check_conditions
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.mds import classical_mds, second_order_distances
from alignhouse.warehouse.artifacts import read_about
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.files import inside
from alignhouse.warehouse.vectors import VectorFile, read_vectors
from alignhouse.warehouse.verified import verify

if TYPE_CHECKING:
    from alignhouse.warehouse.reader import Warehouse

Tick = Callable[[int, int], None]

MOST_CELLS = 150  # longest side of a picture in cells; a printed column cannot show more
EVERY = 10**9  # more networks than there are
MOST_NETWORKS = 4  # networks in a map by default
FIELDS = ("protocol", "dataset", "split", "remark")


class _Stored:
    """Reads the stored RDMs of one scope; all must have the same conditions as the first one read."""

    def __init__(self, warehouse: Warehouse, scope: FigureScope, request: Request) -> None:
        [rows] = answers(warehouse, ["stored_rdms"], scope, request)
        self._root = warehouse.folder
        self._files = {
            (row["kind"], row["name"]): (row["path"], row["sha256"]) for row in rows.iter_rows(named=True)
        }
        self._first: tuple[str, list[str]] | None = None

    def names(self, kind: str) -> list[str]:
        return [name for of_kind, name in self._files if of_kind == kind]

    @property
    def conditions(self) -> list[str]:
        """The stimuli, in the order of all RDMs that were read."""
        assert self._first is not None
        return self._first[1]

    def region(self, roi: str) -> tuple[FloatArray, int]:
        """The mean over subjects of the region's ranked RDMs (P,), and the number of subjects.

        A pair's mean is over the subjects who saw it; it is NaN if no subject did.
        """
        _, rdms = read_vectors(self._path("brain", roi, f"region {roi}"), "rdm")
        # A subject's ranks are scaled as if it had seen all pairs.
        ranks = np.stack(
            [np.nan_to_num(_ranks(each)) * (each.size / np.isfinite(each).sum()) for each in rdms]
        )
        counts = np.isfinite(rdms).sum(axis=0)
        mean = np.divide(ranks.sum(axis=0), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
        return mean, len(rdms)

    def layers(self, model: str) -> tuple[list[str], FloatArray]:
        """Names (L) and RDMs (L, P) of a network's layers, in the order of the file."""
        names, rdms = read_vectors(self._path("model", model, model), "rdm")
        return names["layer"].to_list(), rdms

    def layer_names(self, model: str) -> list[str]:
        """Names (L) of a network's layers, in the order of the file."""
        with VectorFile(self._path("model", model, model), "rdm") as file:
            return [str(name) for name in file.names("layer")]

    def layer(self, model: str, layer: str) -> FloatArray:
        """The RDM (P,) of one layer."""
        with VectorFile(self._path("model", model, model), "rdm") as file:
            place = file.names("layer").index(layer)
            return file.read(place, place + 1)[0]

    def _path(self, kind: str, name: str, label: str) -> Path:
        if (kind, name) not in self._files:
            raise BadInput(f"the RDMs of {label} are not stored", hint="run the study again")
        # A user may keep folders of the warehouse on another disk, behind links.
        file, sha256 = self._files[kind, name]
        if inside(self._root, file, links=True) is None:
            raise BrokenWarehouse(f"the RDMs of {label}", expected=f"a file in {self._root}", found=file)
        path = verify(self._root, file, sha256)
        found = list(read_about(path)["conditions"])
        if self._first is None:
            self._first = (label, found)
        check_conditions(label, found, self._first[0], self._first[1])
        return path


def picture_frames(
    warehouse: Warehouse, scope: FigureScope, request: Request, tick: Tick
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pictures of the RDMs of regions and of the requested layers that align best with them; and conditions.

    Of the first frame, a row is a cell: protocol, dataset, split, remark, roi, roi_group, roi_order, panel (0
    the region, 1 the layer), name (of the region or network), layer (null of a region), rois (the regions of
    a picture, a list), row, column, percentile (rank of the dissimilarity within its RDM, in [0, 1]; null on
    the diagonal), n_conditions, cell (number of conditions along a side of a cell), model, rho, n_subjects.
    A layer that aligns best with several regions has one picture; its roi is the first of them. Rows and
    columns are in the order of the second frame, which `ordered_conditions` makes.
    """
    [scores] = answers(warehouse, ["layer_score"], scope, replace(request, most=EVERY))
    if scores.is_empty():
        return pl.DataFrame(), pl.DataFrame()
    best = scores.filter(pl.col("layer").is_in(_layers(scores["layer"].unique().sort().to_list(), request)))
    stored = _Stored(warehouse, scope, request)
    chosen = best.sort("rho", "model", "layer_index", descending=[True, False, False]).unique(
        "roi", keep="first", maintain_order=True
    )
    chosen = chosen.sort("roi_order", "roi").with_columns(rois=pl.col("roi").implode().over("model", "layer"))
    layers = chosen.unique(["model", "layer"], keep="first", maintain_order=True)
    total = len(chosen) + len(layers)
    regions: list[tuple[FloatArray, int]] = []
    for row in chosen.iter_rows(named=True):
        regions.append(stored.region(row["roi"]))
        tick(len(regions), total)
    [known] = answers(warehouse, ["drawn_stimuli"], scope, request)
    mean = _mean_of_known([_ranks(rdm) for rdm, _ in regions])
    conditions = ordered_conditions(stored.conditions, mean, known, request.stimuli)
    order = conditions["stored_place"].to_numpy()
    frames = []
    for row, (rdm, n_subjects) in zip(chosen.iter_rows(named=True), regions, strict=True):
        own = {"panel": 0, "name": row["roi"], "layer": None, "rois": [row["roi"]], "n_subjects": n_subjects}
        frames.append(_with_facts(picture(rdm, order=order), row | own))
    # A layer is read when its turn comes, so that only the RDMs of regions are in memory together.
    for row in layers.iter_rows(named=True):
        rdm = stored.layer(row["model"], row["layer"])
        frames.append(_with_facts(picture(rdm, order=order), row | {"panel": 1, "name": row["model"]}))
        tick(len(frames), total)
    return pl.concat(frames), conditions


def _with_facts(cells: pl.DataFrame, row: Mapping[str, Any]) -> pl.DataFrame:
    names = (*FIELDS, "roi", "roi_group", "roi_order", "panel", "name", "layer", "rois", "model", "rho")
    kinds: dict[str, Any] = {
        "layer": pl.String,
        "rois": pl.List(pl.String),
        "n_subjects": pl.Int64,
        "roi_order": pl.Int64,
    }
    return cells.with_columns(
        pl.lit(row[name], kinds.get(name)).alias(name) for name in (*names, "n_subjects")
    )


def _mean_of_known(rdms: Sequence[FloatArray]) -> FloatArray:
    """The mean RDM (P,) of RDMs, over those that have the pair; NaN if none has it."""
    sums, counts = np.zeros_like(rdms[0]), np.zeros_like(rdms[0])
    for rdm in rdms:
        known = np.isfinite(rdm)
        sums[known] += rdm[known]
        counts[known] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def picture(
    rdm: FloatArray, most: int = MOST_CELLS, *, order: NDArray[np.integer[Any]] | None = None
) -> pl.DataFrame:
    """A condensed RDM (P,) as cells: row, column, percentile, n_conditions, cell.

    percentile is the rank of a dissimilarity divided by P, ties averaged. An RDM of more than `most`
    conditions is reduced to means of blocks of `cell` x `cell` entries, without the diagonal and NaN.
    `order` : places of the conditions (n,) in the RDM, in the order of rows and columns; default: as stored.
    """
    square = squareform(_ranks(rdm) / np.isfinite(rdm).sum())
    np.fill_diagonal(square, np.nan)
    if order is not None:
        square = square[np.ix_(order, order)]
    n = len(square)
    cell = math.ceil(n / most)
    if cell > 1:
        starts = np.arange(0, n, cell, dtype=np.intp)
        known = np.isfinite(square)
        sums = _blocks(np.where(known, square, 0.0), starts)
        counts = _blocks(known.astype(np.float64), starts)
        square = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    row, column = np.indices(square.shape)
    return pl.DataFrame(
        {
            "row": row.ravel(),
            "column": column.ravel(),
            "percentile": pl.Series(square.ravel()).fill_nan(None),
        }
    ).with_columns(n_conditions=pl.lit(n), cell=pl.lit(cell))


def _ranks(rdm: FloatArray) -> FloatArray:
    """Ranks among the finite values, ties averaged; NaN stays NaN."""
    return np.asarray(rankdata(rdm, nan_policy="omit"))


def _blocks(square: FloatArray, starts: NDArray[np.intp]) -> FloatArray:
    return np.asarray(np.add.reduceat(np.add.reduceat(square, starts, axis=0), starts, axis=1))


def map_frames(warehouse: Warehouse, scope: FigureScope, request: Request, tick: Tick) -> tuple[pl.DataFrame]:
    """Map coordinates of regions and layers; the distance of two RDMs is 1 - Spearman's rho.

    The map has all regions, and all or the requested layers of the requested networks; by default, of the
    best networks in the region groups. A row is a point: protocol, dataset, split, remark, kind ("region"
    or "layer"), name, roi_group, model, layer, layer_index (null if the order of the network's layers is not
    known), n_layers, x, y, share_x, share_y (of the axes), n_subjects.
    """
    [best] = answers(warehouse, ["best_layer"], scope, request)
    if best.is_empty():
        return (pl.DataFrame(),)
    models = request.models or _best_networks(warehouse, scope)
    stored = _Stored(warehouse, scope, request)
    chosen = _layers_of(stored, models, request)
    [scores] = answers(warehouse, ["layer_score"], scope, replace(request, most=EVERY))
    regions = best.unique("roi").sort("roi_order", "roi")
    rows, rdms = [], []
    total = len(regions) + len(models) + 1
    for region in regions.iter_rows(named=True):
        ranks, n_subjects = stored.region(region["roi"])
        rdms.append(ranks)
        rows.append(
            {
                "kind": "region",
                "name": region["roi"],
                "roi_group": region["roi_group"],
                "n_subjects": n_subjects,
            }
        )
        tick(len(rdms), total)
    for done, model in enumerate(models):
        of_layers = dict(zip(*stored.layers(model), strict=True))
        ordered, is_known = _in_order(scores.filter(model=model), chosen[model])
        rdms += [of_layers[name] for name in ordered]
        rows += list(_layer_rows(model, ordered, is_known=is_known))
        tick(len(regions) + done + 1, total)
    labels = [str(row["name"]) for row in rows]
    stack = np.stack(rdms)
    # Pairs that no subject of some region saw.
    known = np.isfinite(stack).all(axis=0)
    place = classical_mds(second_order_distances(stack if known.all() else stack[:, known], labels))
    tick(total, total)
    # A region has no remark of a network's own.
    remarks = dict(best.select("model", "remark").iter_rows())
    rows = [{**row, "remark": remarks.get(row.get("model"), scope.remark)} for row in rows]
    fields = {name: best[name][0] for name in FIELDS if name != "remark"}
    schema = {"layer_index": pl.Int64, "n_layers": pl.Int64, "model": pl.String, "layer": pl.String}
    frame = pl.DataFrame(rows, infer_schema_length=None)
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return (
        frame.with_columns(
            *missing,
            *(pl.lit(value).alias(name) for name, value in fields.items()),
            x=place.coordinates[:, 0],
            y=place.coordinates[:, 1],
            share_x=pl.lit(float(place.shares[0])),
            share_y=pl.lit(float(place.shares[1])),
        ),
    )


def _layers(names: Sequence[str], request: Request) -> list[str]:
    return list(names) if request.layers is None else matching(names, request.layers, "layer")


def _layers_of(stored: _Stored, models: Sequence[str], request: Request) -> dict[str, list[str]]:
    """Network -> the layers to show; not every network needs to have every requested layer."""
    names = {model: stored.layer_names(model) for model in models}
    every = dict.fromkeys(name for of_model in names.values() for name in of_model)
    wanted = set(_layers(list(every), request))
    return {model: [name for name in of_model if name in wanted] for model, of_model in names.items()}


def _best_networks(warehouse: Warehouse, scope: FigureScope) -> list[str]:
    """The best networks of the region groups, filled up to MOST_NETWORKS with the next best on average."""
    rows = sorted(network_rows(warehouse, scope), key=lambda row: (not row[2], -row[1], row[0]))
    return [name for name, _, _ in rows[:MOST_NETWORKS]]


def _in_order(scores: pl.DataFrame, layers: Sequence[str]) -> tuple[list[str], bool]:
    """The layers of a network from the first to the last, and whether this order is known."""
    rows = scores.filter(pl.col("layer").is_in(layers)).unique("layer").sort("layer_index")
    return rows["layer"].to_list(), rows["depth"].null_count() == 0


def _layer_rows(model: str, layers: Sequence[str], *, is_known: bool) -> Iterator[dict[str, Any]]:
    for index, layer in enumerate(layers):
        yield {
            "kind": "layer",
            "name": f"{model}, {layer}",
            "model": model,
            "layer": layer,
            "layer_index": index if is_known else None,
            "n_layers": len(layers),
        }
