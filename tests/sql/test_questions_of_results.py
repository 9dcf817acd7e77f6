"""The question about users' statistics, and which RDMs belong to which scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from empty_warehouse import empty_warehouse
from small_batches import batch_of
from small_studies import do

import alignhouse as ah
from alignhouse.notebook.rdms import stored_rdms
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.results import add_result
from alignhouse.warehouse.vectors import vector_table

CONDITIONS = ["a", "b", "c"]


def test_results_give_the_provenance_of_each_statistic(tmp_path: Path) -> None:
    import polars as pl

    folder = empty_warehouse(tmp_path / "w")
    for name, author in (("second", "me"), ("first", "you")):
        rows = pl.DataFrame({"x": [1.0, 2.0]})
        add_result(folder, rows, name, description=f"the {name}", author=author, replace=False)
    with Warehouse(folder) as warehouse:
        answer = warehouse.ask("results").pl()
        files = dict(warehouse.sql("select path, sha256 from artifact").fetchall())
    assert answer.select("result", "description", "author", "command", "rows").rows() == [
        ("first", "the first", "you", "add_results(name='first')", 2),
        ("second", "the second", "me", "add_results(name='second')", 2),
    ]
    assert all(files[row["path"]] == row["sha256"] for row in answer.to_dicts())
    assert all(f"results.{row['result']}" in row["path"] for row in answer.to_dicts())


def rdms(method: str, names: dict[str, list[str]], value: float, **settings: str) -> Batch:
    """A job that stores one RDM whose values are all `value`."""
    table = vector_table(names, "rdm", np.full((1, 3), value))
    about = {"conditions": CONDITIONS, "distance": "1 - Pearson", "absent": {}}
    job = Job(method, 1, {**settings, "value": value}, {}, method)
    return batch_of(job, Output(("rdms",), table, about=about))


def brain(value: float, dataset: str, split: str, roi: str = "V1") -> Batch:
    names = {"roi": [roi], "subject": ["s1"]}
    return rdms("brain_rdm", names, value, dataset=dataset, split=split, roi=roi)


def network(value: float) -> Batch:
    return rdms("precomputed_rdms", {"layer": ["conv"]}, value, model="net")


def scores(of: Batch, brains: dict[str, Batch], protocol: str, dataset: str, split: str) -> Batch:
    """A job that scores the network; its settings and inputs are those of the real one."""
    place = {"protocol": protocol, "dataset": dataset, "split": split, "model": "net"}
    inputs = {"model": artifact(of)} | {f"brain/{roi}": artifact(each) for roi, each in brains.items()}
    row = {**place, "layer": "conv", "subject": "s1", "rho": 0.5, "remark": ""}
    rows = [{**row, "roi": roi} for roi in brains]
    slot = ("protocol", "dataset", "split", "model", "roi")
    output = Output(("facts", "table=alignment"), pa.Table.from_pylist(rows), table="alignment", slot=slot)
    return batch_of(Job("rsa", 1, place, inputs, "rsa"), output)


def artifact(batch: Batch) -> str:
    return f"{batch.jobs[0].key[:20]}-0"


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two protocols with one brain RDM and two model RDMs, a second data set, and a region without scores."""
    folder = tmp_path_factory.mktemp("several") / "w"
    old, new, other, alone = (
        brain(1, "d", "test"),
        brain(2, "d", "test"),
        brain(3, "e", "test"),
        brain(4, "d", "test", "MT"),
    )
    sound, paper = network(5), network(6)
    do(folder, [old, sound, scores(sound, {"V1": old}, "sound", "d", "test")])
    # The same scope with newer brains replaces the first scores.
    do(
        folder,
        [
            *(new, other, alone, paper),
            scores(sound, {"V1": new}, "sound", "d", "test"),
            scores(paper, {"V1": new}, "paper", "d", "test"),
            scores(sound, {"V1": other}, "sound", "e", "test"),
        ],
    )
    return folder


def test_the_rdms_of_a_scope_are_those_behind_its_current_scores(several: Path) -> None:
    with Warehouse(several) as warehouse:
        found = {
            (row.kind, row.name, row.protocol, row.dataset): row.artifact
            for kind in ("brain", "model")
            for row in stored_rdms(warehouse, kind)
        }
    new, sound = artifact(brain(2, "d", "test")), artifact(network(5))
    assert found == {
        ("brain", "V1", "sound", "d"): new,
        ("brain", "V1", "paper", "d"): new,
        ("brain", "V1", "sound", "e"): artifact(brain(3, "e", "test")),
        ("brain", "MT", None, "d"): artifact(brain(4, "d", "test", "MT")),
        ("model", "net", "sound", "d"): sound,
        ("model", "net", "paper", "d"): artifact(network(6)),
        ("model", "net", "sound", "e"): sound,
    }


def test_a_choice_is_asked_for_only_where_files_differ(several: Path) -> None:
    with ah.open(several) as w:
        assert w.rdm(roi="V1", dataset="d").values.tolist() == [2, 2, 2]
        assert w.rdm(roi="V1", dataset="d", protocol="paper").values.tolist() == [2, 2, 2]
        assert w.rdm(roi="V1", dataset="e").values.tolist() == [3, 3, 3]
        assert w.rdm(roi="MT").values.tolist() == [4, 4, 4]
        assert w.rdm(model="net", protocol="paper").values.tolist() == [6, 6, 6]
        assert w.rdm(model="net", dataset="e").values.tolist() == [5, 5, 5]
        with pytest.raises(ah.BadInput, match="no dataset was named for V1: expected one of d, e"):
            w.rdm(roi="V1")
        with pytest.raises(ah.BadInput, match="no protocol was named for net: expected one of sound, paper"):
            w.rdm(model="net", dataset="d")
