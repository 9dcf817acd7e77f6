"""An open warehouse in a notebook: values equal the stored files, and unclear requests list the choices."""

from __future__ import annotations

import base64
import html
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from mini_study import N_STIMULI, SCORE, MiniStudy
from scipy.spatial.distance import pdist, squareform

import alignhouse as ah
from alignhouse.analysis.figures.catalog import figures
from alignhouse.notebook.choices import narrowed
from alignhouse.notebook.frames import as_polars
from alignhouse.notebook.opened import OpenWarehouse
from alignhouse.notebook.packages import needed
from alignhouse.warehouse.questions import questions


@pytest.fixture(scope="module")
def study(run_once: Callable[..., MiniStudy]) -> MiniStudy:
    return run_once()


@pytest.fixture(scope="module")
def w(study: MiniStudy) -> Iterator[OpenWarehouse]:
    with ah.open(study.warehouse) as opened:
        yield opened


def stored_rdm(study: MiniStudy, folder: str, column: str, name: str) -> np.ndarray:
    """The RDM of a row of the one Parquet file under `folder`."""
    [file] = (study.warehouse / "rdms" / folder).rglob("*.parquet")
    table = pq.ParquetFile(file).read()
    return np.array(table["rdm"][table[column].to_pylist().index(name)].as_py())


def test_a_brain_rdm_is_the_stored_one_and_that_of_the_betas(study: MiniStudy, w: OpenWarehouse) -> None:
    rdm = w.rdm(roi="V1", subject="sub-02")
    stored = stored_rdm(study, "kind=brain/dataset=mini/split=test/roi=V1", "subject", "sub-02")
    np.testing.assert_array_equal(rdm.values, stored)
    assert rdm.values.dtype == np.float64
    assert rdm.conditions == tuple(str(1001 + number) for number in range(N_STIMULI))
    assert rdm.labels == {"roi": "V1", "subject": "sub-02", "dataset": "mini", "split": "test"}
    assert rdm.measure == "1 - Pearson"
    betas = w.betas(roi="V1", subject="sub-02")
    assert betas.conditions == rdm.conditions
    np.testing.assert_allclose(pdist(betas.mean(), "correlation"), rdm.values, atol=1e-12)


def test_a_model_rdm_is_the_stored_one(study: MiniStudy, w: OpenWarehouse) -> None:
    rdm = w.rdm(model="my_own", layer="layer3")
    np.testing.assert_array_equal(rdm.values, np.load(study.folder / "models/my_own/rdms.npz")["layer3"])
    assert (rdm.labels["model"], rdm.labels["layer"]) == ("my_own", "layer3")
    # Both protocols score the same file.
    assert rdm.labels["protocol"] == "sound, paper"
    assert rdm.measure == "as given by a file"


def test_square_is_scipys_squareform(w: OpenWarehouse) -> None:
    rdm = w.rdm(roi="EBA", subject="sub-01")
    square = rdm.square()
    np.testing.assert_array_equal(square, squareform(rdm.values))
    np.testing.assert_array_equal(square, square.T)
    assert not square.diagonal().any()


def test_pairs_name_their_conditions(w: OpenWarehouse) -> None:
    rdm = w.rdm(roi="EBA", subject="sub-01")
    square, place = rdm.square(), {name: index for index, name in enumerate(rdm.conditions)}
    pairs = rdm.to_polars()
    assert len(pairs) == N_STIMULI * (N_STIMULI - 1) // 2
    for first, second, dissimilarity in pairs.iter_rows():
        assert square[place[first], place[second]] == dissimilarity


def test_rsatoolbox_gets_the_same_rdm_with_its_names(w: OpenWarehouse) -> None:
    rdm = w.rdm(roi="V1", subject="sub-03")
    other = rdm.to_rsatoolbox()
    np.testing.assert_array_equal(other.dissimilarities, rdm.values[None])
    np.testing.assert_array_equal(other.get_matrices()[0], rdm.square())
    assert list(other.pattern_descriptors["conds"]) == list(rdm.conditions)
    assert {name: other.rdm_descriptors[name] for name in rdm.labels} == {
        name: [value] for name, value in rdm.labels.items()
    }
    assert other.dissimilarity_measure == "1 - Pearson"


def test_xarray_gets_named_dimensions(w: OpenWarehouse) -> None:
    rdm, betas = w.rdm(roi="V1", subject="sub-03"), w.betas(roi="V1", subject="sub-03")
    square = rdm.to_xarray()
    assert square.dims == ("condition", "other_condition")
    assert square.sel(condition="1002", other_condition="1005").item() == rdm.square()[1, 4]
    assert square.attrs == {**rdm.labels, "measure": rdm.measure}
    array = betas.to_xarray()
    assert array.dims == ("condition", "repetition", "voxel")
    np.testing.assert_array_equal(
        array.sel(condition="1003", repetition=2).values, betas.values[2, 1], strict=True
    )


@pytest.mark.parametrize("package", ["rsatoolbox", "xarray"])
def test_a_missing_package_is_named(package: str, w: OpenWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    rdm = w.rdm(roi="V1", subject="sub-03")
    with pytest.raises(ah.BadInput, match=f"the package {package} is not installed .*pip install {package}"):
        getattr(rdm, f"to_{package}")()


def test_an_import_error_inside_an_optional_package_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import what_it_needs\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        needed("half_there")


def test_betas_are_those_of_the_file_in_the_order_of_the_parts(study: MiniStudy, w: OpenWarehouse) -> None:
    betas = w.betas(roi="V1", subject="sub-02")
    raw = [
        np.load(study.betas(2, part), allow_pickle=True)["test_data_allvoxel"]
        for part in ("lV1v", "rV1v", "lV1d", "rV1d")
    ]
    np.testing.assert_array_equal(betas.values, np.concatenate(raw, axis=2).astype(np.float32))
    assert repr(betas) == (
        "<SubjectBetas roi=V1, subject=sub-02, dataset=mini, split=test:"
        " 12 stimuli, 10 presentations, 80 voxels>"
    )


def test_betas_above_the_limit_are_refused(w: OpenWarehouse) -> None:
    size = 2 * 12 * 10 * 80 * 4
    assert w.betas(roi="V1", subject="sub-01", memory=size).values.size == 12 * 10 * 80
    with pytest.raises(ah.BadInput, match="betas of V1 in sub-01: expected at most 76.8 kB, found 76.8 kB"):
        w.betas(roi="V1", subject="sub-01", memory=size - 1)


UNCLEAR: dict[str, tuple[Callable[[OpenWarehouse], object], str]] = {
    "a subject is missing": (
        lambda w: w.rdm(roi="V1"),
        "no subject was named for region V1: expected one of sub-01, sub-02, sub-03 (name it: subject=...)",
    ),
    "an unknown region": (
        lambda w: w.rdm(roi="V2", subject="sub-01"),
        "there is no roi 'V2': expected one of EBA, V1 (did you mean V1?)",
    ),
    "an unknown subject": (
        lambda w: w.rdm(roi="V1", subject="Fred"),
        "there is no subject 'Fred' for region V1: expected one of sub-01, sub-02, sub-03",
    ),
    "an unknown network": (
        lambda w: w.rdm(model="ResNet", layer="layer0"),
        "there is no model 'ResNet': expected one of AlexNet, my_own, vit_base_patch16_224"
        " (did you mean AlexNet?)",
    ),
    "a layer is missing": (
        lambda w: w.rdm(model="AlexNet"),
        "no layer was named of network AlexNet: expected one of layer0, layer1, layer2, layer3"
        " (name it: layer=...)",
    ),
    "an unknown data set": (
        lambda w: w.rdm(roi="V1", subject="sub-01", dataset="other"),
        "there is no dataset 'other' for V1: expected one of mini",
    ),
    "an unknown split": (
        lambda w: w.betas(roi="V1", subject="sub-01", split="train"),
        "there is no split 'train' for V1: expected one of test",
    ),
    "an unknown protocol": (
        lambda w: w.rdm(roi="V1", subject="sub-01", protocol="mine"),
        "there is no protocol 'mine' for V1: expected one of sound, paper",
    ),
    "brain and network at once": (
        lambda w: w.rdm(roi="V1", model="AlexNet"),
        "which RDM is meant?: expected roi and subject, or model and layer",
    ),
    "neither": (lambda w: w.rdm(), "which RDM is meant?"),
    "a subject of a network": (lambda w: w.rdm(model="AlexNet", subject="sub-01"), "which RDM is meant?"),
    "betas without a region": (
        lambda w: w.betas(subject="sub-01"),
        "no roi was named: expected one of EBA, V1",
    ),
    "a figure's region": (lambda w: w.figure("depth", roi="V9"), "no scores in region 'V9' of mini, test"),
    "a figure's option": (
        lambda w: w.figure("depth", most=3),
        "there is no option 'most' of figure depth: expected one of protocol, dataset, split, width,"
        " group_by, roi, model",
    ),
    "a figure's grouping": (lambda w: w.figure("depth", group_by="size"), "group by 'size': expected"),
    "an empty figure": (
        lambda w: w.figure("hemispheres"),
        "figure hemispheres has nothing to show: found no region was scored separately left and right",
    ),
    "a question's parameter": (
        lambda w: w.ask("best_layer", region="V1"),
        "there is no parameter 'region' of question best_layer: expected one of protocol, roi, model",
    ),
    "a question's value": (lambda w: w.ask("best_layer", roi="V2"), "no roi called 'V2'"),
    "a parameter that is needed": (
        lambda w: w.ask("network_versus_network"),
        "question network_versus_network needs a=... (",
    ),
    "wrong SQL": (lambda w: w.sql("selec 1"), "the SQL was refused"),
    "SQL that fails when it runs": (lambda w: w.sql("select error('no good')"), "no good"),
    "SQL that writes": (
        lambda w: w.sql("delete from alignment"),
        "expected a query that reads the warehouse",
    ),
    "SQL that reads a file": (
        lambda w: w.sql("from read_csv('/etc/passwd')"),
        "expected a query that reads only the warehouse: no files",
    ),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_an_unclear_request_lists_the_choices(case: str, w: OpenWarehouse) -> None:
    request, message = UNCLEAR[case]
    with pytest.raises(ah.BadInput) as refused:
        request(w)
    assert message in str(refused.value)


def test_wanted_values_are_applied_before_anything_is_asked_for() -> None:
    @dataclass(frozen=True)
    class Row:
        dataset: str
        protocol: str | None
        file: str

    rows = [Row("d", "sound", "1"), Row("d", "paper", "2"), Row("e", "sound", "1"), Row("d", None, "3")]

    def find(dataset: str | None, protocol: str | None) -> list[Row]:
        wanted = {"dataset": dataset, "protocol": protocol}
        return narrowed(rows, wanted, " for V1", lambda left: len({row.file for row in left}) == 1)

    assert find("d", "paper") == [rows[1], rows[3]] == find(None, "paper")[:2]
    assert find("e", None) == [rows[2]]
    with pytest.raises(ah.BadInput, match="no protocol was named for V1: expected one of sound, paper"):
        find("d", None)
    with pytest.raises(ah.BadInput, match="no dataset was named for V1: expected one of d, e"):
        find(None, None)
    with pytest.raises(ah.BadInput, match="there is no protocol 'x' for V1"):
        find("e", "x")


def test_unknown_questions_and_figures_list_all_there_are(w: OpenWarehouse) -> None:
    with pytest.raises(ah.BadInput) as refused:
        w.ask("best_layr")
    assert f"expected one of {', '.join(questions())} (did you mean best_layer" in str(refused.value)
    with pytest.raises(ah.BadInput) as refused:
        w.figure("dpth")
    assert f"expected one of {', '.join(figures())} (did you mean depth?)" in str(refused.value)


def test_answers_are_dataframes_equal_to_those_of_the_reader(w: OpenWarehouse) -> None:
    best = w.ask("best_layer", roi="V1")
    assert best.equals(w.warehouse.ask("best_layer", roi="V1").pl())
    assert len(best) == 3
    count = w.sql(
        "select count(*) as n from alignment where roi = $roi and protocol = $p", roi="V1", p="sound"
    )
    assert count["n"].to_list() == [3 * 4 * 3]
    assert w.sql("select 1 as one")["one"].to_list() == [1]


def test_the_nouns_are_tables(w: OpenWarehouse) -> None:
    assert sorted(w.networks["model"]) == ["AlexNet", "my_own", "vit_base_patch16_224"]
    assert w.regions["roi"].to_list() == ["V1", "EBA"]
    assert w.results.is_empty()
    assert w.questions["question"].to_list() == list(questions())
    asked = w.questions.filter(question="best_layer")
    assert asked["parameters"].to_list() == ["protocol, roi, model"]


def test_a_figure_is_that_of_the_catalog_and_a_notebook_displays_it(w: OpenWarehouse) -> None:
    from alignhouse.analysis.figures.catalog import make
    from alignhouse.analysis.figures.request import Request

    plot = w.figure("depth", roi="V1", group_by="arch_type")
    drawn = make(w.warehouse, "depth", Request(rois=["V1"], group_by="arch_type")).plot
    assert plot.data.equals(drawn.data)
    data, _ = plot._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    several = w.figure("depth", roi=["V1", "EBA"])
    assert set(several.data["roi"]) == {"V1", "EBA"}


def test_the_warehouse_says_what_is_in_it(study: MiniStudy, w: OpenWarehouse) -> None:
    lines = repr(w).splitlines()
    assert lines[0] == f"alignhouse warehouse {study.warehouse}"
    assert "  data sets   mini: 3 subjects, 2 regions, 12 stimuli (synthetic brains)" in lines
    assert "  regions     2: V1, EBA" in lines
    assert "  protocols   sound, paper" in lines
    assert f"  alignments  {2 * 3 * 4 * 2 * 3}" in lines
    assert lines[-1].startswith("  last run    alignhouse run study.toml --no-report, 20")
    assert lines[-1].endswith(" UTC, finished")
    page = w._repr_html_()
    for line in lines[1:]:
        assert html.escape(line.split("  ")[-1].strip()) in page


def test_html_of_names_is_shown_as_text() -> None:
    from alignhouse.notebook.contents import as_html

    assert "<script>" not in as_html("<script>", {"<script>": "<script>&"})


def test_a_statistic_is_added_and_seen_at_once(copy_finished: Callable[..., MiniStudy]) -> None:
    study = copy_finished()
    with ah.open(study.warehouse) as w, ah.open(study.warehouse) as older:
        frame = pl.DataFrame({"roi": ["V1", "EBA"], "size": [1.5, 2.5]}).with_columns(
            pl.col("roi").cast(pl.Enum(["V1", "EBA"]))
        )
        assert w.add_results(frame, name="sizes", description="by hand").table == "results.sizes"
        assert w.sql("select roi, size from results.sizes order by size").rows() == [
            ("V1", 1.5),
            ("EBA", 2.5),
        ]
        assert "  results     results.sizes" in repr(w).splitlines()
        with pytest.raises(ah.BadInput, match="the name of a table or view"):
            w.add_results(frame, name="model", description="by hand")
        # Another reader keeps the version that it has opened.
        assert older.results.is_empty()
        older.refresh()
        assert older.results["result"].to_list() == ["sizes"]
    asked = study.alignhouse("sql", "select sum(size) as total from results.sizes", "--format", "csv")
    assert asked.stdout.splitlines() == ["total", "4.0"]
    assert "sizes" in study.alignhouse("ask", "results", "--format", "csv").stdout
    assert "All checks passed" in study.alignhouse("check").stdout
    assert "Nothing to do" in study.run().stdout


def test_tables_of_other_libraries_are_taken() -> None:
    import pandas as pd
    import pyarrow as pa

    expected = pl.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    columns = {"a": ["x", "y"], "b": [1, 2]}
    for frame in (
        columns,
        [{"a": "x", "b": 1}, {"a": "y", "b": 2}],
        pa.table(columns),
        pd.DataFrame(columns),
        expected.lazy(),
        expected.with_columns(pl.col("a").cast(pl.Categorical)),
    ):
        assert as_polars(frame).equals(expected), type(frame)
    with pytest.raises(ah.BadInput, match="expected a DataFrame"):
        as_polars({"a": [1, 2], "b": [1]})
    with pytest.raises(ah.BadInput, match="found int"):
        as_polars(7)


def test_a_data_set_of_ready_rdms_has_no_betas(
    copy_finished: Callable[..., MiniStudy], tmp_path: Path
) -> None:
    study = copy_finished()
    brain = tmp_path / "brain"
    brain.mkdir()
    rng = np.random.default_rng(0)
    np.savez(brain / "V1.npz", rdms=rng.random((2, 66)), conditions=[str(1001 + i) for i in range(12)])
    study.change(
        'kind = "bmd"\npath = "betas"\ndataset = "mini"\nregions = ["V1", "EBA"]',
        f'kind = "rdms"\npath = "{brain}"\ndataset = "ready"',
    )
    assert study.alignhouse(*SCORE).returncode == 0
    with ah.open(study.warehouse) as w:
        with pytest.raises(ah.BadInput, match="no betas of data set ready: expected a data set of betas"):
            w.betas(roi="V1", subject="sub-01", dataset="ready")
        rdm = w.rdm(roi="V1", subject="sub-02", dataset="ready")
        assert rdm.measure == "as given by a file"
        # Now two data sets have a V1: nothing is guessed.
        for request in (w.rdm, w.betas):
            with pytest.raises(ah.BadInput, match="no dataset was named for V1: expected one of mini, ready"):
                request(roi="V1", subject="sub-02")
        assert w.rdm(roi="V1", subject="sub-02", dataset="mini").measure == "1 - Pearson"


def test_a_damaged_file_is_not_read(copy_finished: Callable[..., MiniStudy]) -> None:
    study = copy_finished()
    [file] = (study.warehouse / "rdms/kind=brain/dataset=mini/split=test/roi=V1").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with ah.open(study.warehouse) as w, pytest.raises(ah.AlignhouseError, match="another content"):
        w.rdm(roi="V1", subject="sub-01")


def test_the_report_takes_either_warehouse(w: OpenWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from alignhouse.analysis.report import gather

    given = []
    monkeypatch.setattr(
        gather, "write_report_of", lambda reader, folder, **how: given.append((reader, folder, how))
    )
    for warehouse in (w, w.warehouse):
        ah.write_report(warehouse, "report", dataset="mini")
    [one, other] = given
    assert one == other
    assert one[:2] == (w.warehouse, Path("report"))
    assert one[2]["dataset"] == "mini"


def test_opening_loads_no_other_library_than_duckdb(study: MiniStudy) -> None:
    code = (
        "import sys, alignhouse as ah\n"
        f"w = ah.open({str(study.warehouse)!r})\n"
        "repr(w)\n"
        "heavy = {'numpy', 'polars', 'pyarrow', 'pandas', 'scipy', 'plotnine', 'matplotlib', 'torch',"
        " 'rsatoolbox', 'xarray'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "w.ask('best_layer')\n"
        "w.rdm(roi='V1', subject='sub-01').square()\n"
        "print(sorted({'plotnine', 'matplotlib', 'torch', 'rsatoolbox', 'xarray'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "[]"], "")
