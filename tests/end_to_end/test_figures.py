"""Every figure of a real warehouse shows the values of its query, is written to a file, and never fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from mini_study import ONE_PROTOCOL
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr

from alignhouse.analysis.figures.catalog import Drawn, answers, figures, make, planned
from alignhouse.analysis.figures.rdm_conditions import SIDE
from alignhouse.analysis.figures.request import MOST_REGIONS, Request, chosen_scope, scopes
from alignhouse.analysis.figures.save import write_figure
from alignhouse.analysis.figures.theme import WIDTH, is_empty
from alignhouse.analysis.report.gather import report_state
from alignhouse.analysis.report.pictures import planned_figures
from alignhouse.analysis.statistics.condition_order import clustered_order
from alignhouse.analysis.statistics.mds import classical_mds
from alignhouse.stimulus_pictures import StimulusFolder
from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.vectors import read_vectors

SIDES = '["V1", "EBA", "lV1", "rV1", "lEBA", "rEBA"]'
NETWORKS = ("AlexNet", "vit_base_patch16_224", "my_own", "ResNet50", "x3d_s", "MViT_v2_S")
# Figure -> the columns of its query that identify rows and are drawn.
DRAWN = {
    "best_layer": ["model", "roi", "rho", "group_median"],
    "depth": ["group_name", "roi", "depth", "rho", "lower", "upper"],
    "depth_networks": ["model", "roi", "layer", "depth", "rho", "lower", "upper"],
    "complexity": ["model", "roi", "figure", "value", "rho", "correlation"],
    "ranking": ["model", "roi", "subject", "subject_rho", "rho", "place"],
    "training_dataset": ["model", "roi", "rho", "dataset_median"],
    "protocol_difference": ["model", "roi", "difference", "group_median"],
    "hemispheres": ["model", "roi", "hemisphere", "rho", "lower"],
    "profile": ["model", "roi", "rho"],
    "signature": ["model", "roi", "deviation"],
}


@pytest.fixture(scope="module")
def study(run_once: Callable[..., Any]) -> Any:
    """Six networks, two regions and their four hemispheres; read-only."""
    return run_once(
        ('["V1", "EBA"]', SIDES),
        ("permutations = 50", "permutations = 50\nbootstraps = 30\nhalvings = 2"),
        networks=NETWORKS[3:],
    )


@pytest.fixture
def warehouse(study: Any) -> Iterator[Warehouse]:
    with Warehouse.open(study.warehouse) as opened:
        yield opened


def plain_rows(frame: pl.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    """The sorted rows, rounded, because sums over threads may differ in the last digit."""
    plain = [
        pl.col(name).round(12) if frame.schema[name].is_float() else pl.col(name).cast(pl.String)
        for name in columns
    ]
    return sorted(frame.select(plain).rows(), key=str)


def check_what_it_says(drawn: Drawn) -> None:
    assert not is_empty(drawn.plot)
    assert "sound" in drawn.title
    assert "mini, test" in drawn.title
    labels: Any = drawn.plot.labels
    assert labels.subtitle == "synthetic brains"
    assert "network" in drawn.caption
    assert "3 subjects" in drawn.caption


@pytest.mark.parametrize("name", DRAWN)
def test_what_a_figure_draws_is_what_its_query_answers(warehouse: Warehouse, name: str) -> None:
    drawn = make(warehouse, name)
    check_what_it_says(drawn)
    request = Request()
    scope = chosen_scope(scopes(warehouse), request)
    answer = answers(warehouse, figures()[name].queries[:1], scope, request)[0]
    plot: Any = drawn.plot
    if figures()[name].few_regions:
        # Six regions are too many: the one of each group in which networks align best.
        medians = warehouse.ask("best_layer").pl().group_by("roi_group", "roi").agg(pl.col("rho").median())
        shown = medians.sort("rho", descending=True).unique("roi_group", keep="first", maintain_order=True)
        assert medians.height > MOST_REGIONS >= shown.height
        answer = answer.filter(pl.col("roi").is_in(shown["roi"].to_list()))
    if name == "complexity":
        answer = answer.drop_nulls("value")
    assert answer.height > 0
    assert plain_rows(plot.data, DRAWN[name]) == plain_rows(answer, DRAWN[name])


SUFFIXES = ("pdf", "svg", "png")


# The study has no voxel encoding; test_variance_partition.py draws these figures.
OF_VOXELS = {name for name, each in figures().items() if each.of_voxels}
# The format in which the tests that are not slow write a figure. PDF takes the longest time, because it has a
# part of each font. test_figure_of_networks.py draws the figures that are missing here.
WRITTEN = {
    "best_layer": "svg",
    "depth": "png",
    "signature": "png",
    "protocol_difference": "svg",
    "hemispheres": "png",
    "rdms": "pdf",
    "rdm_map": "svg",
}
# Every figure in every format.
AS_FILES = [
    pytest.param(suffix, name, marks=[] if suffix == WRITTEN.get(name) else [pytest.mark.slow])
    for name in figures()
    for suffix in SUFFIXES
    if name not in OF_VOXELS
]


@pytest.mark.parametrize(("suffix", "name"), AS_FILES)
def test_every_figure_says_what_it_is_of_and_is_a_file(
    warehouse: Warehouse, tmp_path: Any, name: str, suffix: str
) -> None:
    drawn = make(warehouse, name, Request(width=3.5 if suffix == "svg" else 7.2))
    check_what_it_says(drawn)
    path = tmp_path / f"figure.{suffix}"
    write_figure(drawn.plot, path, dpi=40)
    begin = {"pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG"}[suffix]
    assert path.read_bytes().startswith(begin)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def stored_rdms(study: Any, kind: str, name: str) -> tuple[list[str], np.ndarray]:
    column, field = ("layer", "model") if kind == "model" else ("subject", "roi")
    [file] = (study.warehouse / "rdms" / f"kind={kind}").rglob(f"{field}={name}/*.parquet")
    names, rdms = read_vectors(file, "rdm")
    return names[column].to_list(), rdms


def test_pictures_are_the_stored_rdms_of_the_best_layers(study: Any, warehouse: Warehouse) -> None:
    plot: Any = make(warehouse, "rdms", Request(rois=["EBA"])).plot
    best = warehouse.ask("best_layer", roi="EBA").pl().sort("rho").row(-1, named=True)
    layers, rdms = stored_rdms(study, "model", best["model"])
    _, brains = stored_rdms(study, "brain", "EBA")
    expected = [
        rankdata(rdm) / rdm.size
        for rdm in (np.mean([rankdata(each) for each in brains], axis=0), rdms[layers.index(best["layer"])])
    ]
    order = clustered_order(expected[0])
    assert sorted(order) == list(range(12)) != list(order)
    for panel in (0, 1):
        cells = plot.data.filter(panel=panel).sort("row", "column")
        square = cells["percentile"].to_numpy().reshape(12, 12)
        np.testing.assert_allclose(np.nan_to_num(square), squareform(expected[panel])[np.ix_(order, order)])
    shown = plot.data.filter(panel=1).select("name", "layer").unique().rows()
    assert shown == [(best["model"], best["layer"])]


def test_a_layer_that_is_best_for_several_regions_is_shown_once(warehouse: Warehouse) -> None:
    request = Request(rois=["V1", "EBA"], models=["AlexNet"], layers=["layer1"])
    plot: Any = make(warehouse, "rdms", request).plot
    shown = plot.data.select("panel", "name", "layer", pl.col("rois").list.join(" and ")).unique()
    assert sorted(shown.rows()) == [
        (0, "EBA", None, "EBA"),
        (0, "V1", None, "V1"),
        (1, "AlexNet", "layer1", "V1 and EBA"),
    ]


def test_thumbnails_are_the_stimuli_of_their_rows(study: Any, warehouse: Warehouse) -> None:
    folder = study.folder / "stimuli"
    plot: Any = make(warehouse, "rdms", Request(rois=["EBA"], stimuli=StimulusFolder(folder))).plot
    [layer] = [each for each in plot.layers if type(each.geom).__name__ == "GeomPictures"]
    _, brains = stored_rdms(study, "brain", "EBA")
    order = clustered_order(np.mean([rankdata(each) for each in brains], axis=0))
    left = layer._data.filter(pl.col("column") < -0.5).unique(["row", "picture"]).sort("row")
    assert left["row"].to_list() == list(range(12))
    for place, number in left.select("row", "picture").iter_rows():
        with Image.open(folder / f"{1001 + order[int(place)]}.png") as image:
            expected = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(layer.geom.params["pictures"][number], expected)


def test_a_report_has_thumbnails_if_the_stimuli_are_named(study: Any, warehouse: Warehouse) -> None:
    def caption(stimuli: StimulusFolder | None) -> str:
        request = Request(protocol="sound", stimuli=stimuli)
        found = planned_figures(warehouse, request, ["model_type"], ("first protocol",))
        [rdms] = [each for each in found if each.figure == "rdms"]
        return rdms.draw(Silent(), [WIDTH])[0].caption

    assert "stimuli are shown beside their rows" in caption(StimulusFolder(study.folder / "stimuli"))
    assert "are shown beside" not in caption(None)
    dataset, split = chosen_scope(scopes(warehouse), Request()).source.split(", ")
    with_pictures, without = (
        report_state(warehouse, dataset, split, [], None, with_pictures=given) for given in (True, False)
    )
    assert with_pictures != without


def test_the_command_draws_thumbnails_or_says_why_not(finished: Any, tmp_path: Any) -> None:
    study = finished
    done = study.alignhouse(
        "figure", "rdms", "--stimuli", "stimuli", "--dpi", "60", "-o", "pictures/rdms.png"
    )
    assert done.returncode == 0, done.stderr
    assert (study.folder / "pictures" / "rdms.png").exists()
    refused = study.alignhouse("figure", "rdms", "--stimuli", str(tmp_path), "-o", "pictures/none.png")
    assert refused.returncode == 2
    assert "none of the stimuli is in" in refused.stderr
    refused = study.alignhouse("figure", "depth", "--stimuli", "stimuli")
    assert refused.returncode == 2
    assert "figure depth has no option stimuli" in refused.stderr


def test_layers_are_chosen_by_name_or_glob(study: Any, warehouse: Warehouse) -> None:
    request = Request(models=["AlexNet", "my_own"], layers=["layer[01]"], rois=["V1"])
    plot: Any = make(warehouse, "rdm_map", request).plot
    names = plot.data.filter(kind="layer")["name"].to_list()
    assert names == ["AlexNet, layer0", "AlexNet, layer1", "my_own, layer0", "my_own, layer1"]
    picture: Any = make(warehouse, "rdms", request).plot
    scores = warehouse.sql("from layer_score where protocol = 'sound' and roi = 'V1'").pl()
    best = (
        scores.filter(
            pl.col("model").is_in(["AlexNet", "my_own"]), pl.col("layer").is_in(["layer0", "layer1"])
        )
        .sort("rho")
        .row(-1, named=True)
    )
    shown = picture.data.filter(panel=1).select("name", "layer").unique().rows()
    assert shown == [(best["model"], best["layer"])]
    with pytest.raises(BadInput, match="no scores of layer 'layer9'.*did you mean layer"):
        make(warehouse, "rdms", Request(layers=["layer9"]))


def test_the_map_is_of_the_distances_between_the_stored_rdms(study: Any, warehouse: Warehouse) -> None:
    plot: Any = make(warehouse, "rdm_map", Request(models=["AlexNet"], rois=["V1", "EBA"])).plot
    brains = [
        np.mean([rankdata(each) for each in stored_rdms(study, "brain", roi)[1]], axis=0)
        for roi in ("V1", "EBA")
    ]
    layers, rdms = stored_rdms(study, "model", "AlexNet")
    distances = 1 - spearmanr(np.vstack([*brains, rdms]).T).statistic
    np.fill_diagonal(distances, 0)
    expected = classical_mds((distances + distances.T) / 2).coordinates
    assert plot.data["name"].to_list() == ["V1", "EBA", *(f"AlexNet, {layer}" for layer in layers)]
    found = plot.data.select("x", "y").to_numpy()
    np.testing.assert_allclose(pdist(found), pdist(expected), atol=1e-8)


@pytest.mark.parametrize(
    "group_by",
    [
        *("family", "protocol"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("model_type", "arch_type")),
        pytest.param("training_dataset", marks=pytest.mark.slow),
    ],
)
def test_figures_can_group_by_anything_that_is_known_of_networks(warehouse: Warehouse, group_by: str) -> None:
    names = ["best_layer", "depth"] if group_by == "protocol" else ["best_layer", "complexity", "profile"]
    for name in names:
        plot: Any = make(warehouse, name, Request(group_by=group_by)).plot
        assert plot.data["group"].n_unique() > 1


def test_every_figure_is_planned_once_for_each_grouping_and_drawn(warehouse: Warehouse) -> None:
    grouped = [name for name, each in figures().items() if "group_by" in each.options]
    wanted = planned(group_by=["model_type", "arch_type"])
    assert list(dict.fromkeys(each.name for each, _ in wanted)) == list(figures())
    assert len(wanted) == len(figures()) + len(grouped)
    titles = [make(warehouse, each.name, own).title for each, own in wanted if own.group_by == "arch_type"]
    assert len(titles) == len(grouped)
    assert any(title.startswith("Best layer by architecture") for title in titles)


def test_options_are_checked(warehouse: Warehouse) -> None:
    with pytest.raises(BadInput, match="no figure is called 'best_layers'.*did you mean best_layer"):
        make(warehouse, "best_layers")
    with pytest.raises(BadInput, match="no scores in region 'V2'.*did you mean V1"):
        make(warehouse, "best_layer", Request(rois=["V2"]))
    with pytest.raises(BadInput, match="no scores of network 'AlexNut'.*did you mean AlexNet"):
        make(warehouse, "best_layer", Request(models=["AlexNut"]))
    with pytest.raises(BadInput, match="group by 'modeltype'.*did you mean model_type"):
        make(warehouse, "best_layer", Request(group_by="modeltype"))
    with pytest.raises(BadInput, match="no scores in region 'lV1'.*did you mean V1"):
        make(warehouse, "hemispheres", Request(rois=["lV1"]))
    with pytest.raises(BadInput, match="figure ranking shows one protocol"):
        make(warehouse, "ranking", Request(group_by="protocol"))
    with pytest.raises(BadInput, match="figure hemispheres has no option group_by"):
        make(warehouse, "hemispheres", Request(group_by="family"))
    with pytest.raises(BadInput, match="no scores under protocol 'loud'.*did you mean sound"):
        make(warehouse, "depth", Request(protocol="loud"))
    with pytest.raises(BadInput, match="no scores on data set bmd.*found mini .test"):
        make(warehouse, "depth", Request(dataset="bmd"))


def test_networks_are_chosen_by_glob(warehouse: Warehouse) -> None:
    plot: Any = make(warehouse, "ranking", Request(models=["*Net*", "x3d_s"], rois=["V1"])).plot
    assert sorted(plot.data["model"].unique()) == ["AlexNet", "ResNet50", "x3d_s"]


def test_the_command_lists_figures_and_writes_one(finished: Any) -> None:
    study = finished
    listed = study.alignhouse("figure")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in figures())
    arguments = ("best_layer", "--group-by", "arch_type", "--roi", "V1", "--width", "89", "--height", "70")
    done = study.alignhouse("figure", *arguments, "--dpi", "100", "--out", "pictures/best.png")
    assert done.returncode == 0, done.stderr
    head = (study.folder / "pictures" / "best.png").read_bytes()[:24]
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    assert size == pytest.approx((89 / 25.4 * 100, 70 / 25.4 * 100), abs=1)
    assert study.alignhouse("figure", "ranking", "--roi", "V1").returncode == 0
    assert (study.folder / "ranking.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("dept",), "no figure is called 'dept' (did you mean depth"),
        (("depth", "--out", "depth.jpg"), "expected format pdf, png, svg, found jpg"),
        (("depth", "--out", "depth"), "found a name without suffix"),
        (("depth", "--model", "nobody"), "no scores of network 'nobody'"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_no_file(
    study: Any, arguments: tuple[str, ...], error: str
) -> None:
    before = sorted(path.name for path in study.folder.iterdir())
    done = study.alignhouse("figure", *arguments)
    assert done.returncode == 2
    assert error in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in study.folder.iterdir()) == before


@pytest.mark.parametrize(
    "written",
    [("best_layer", "depth", "hemispheres"), pytest.param(tuple(figures()), marks=pytest.mark.slow)],
)
def test_one_network_of_which_nothing_is_known_one_subject_and_one_region_leave_figures_that_say_so(
    make_study: Callable[..., Any], tmp_path: Any, written: tuple[str, ...]
) -> None:
    study = make_study("lonely")
    for name in ("AlexNet", "vit_base_patch16_224"):
        (study.folder / "models" / name / "rdms.npz").unlink()
        (study.folder / "models" / name).rmdir()
    study.change('regions = ["V1", "EBA"]', 'regions = ["V1"]\nsubjects = ["sub-02"]')
    study.change(*ONE_PROTOCOL)
    assert study.run().returncode == 0
    said, empty = {}, set()
    with Warehouse.open(study.warehouse) as opened:
        for each in [make(opened, name) for name in figures()]:
            if each.name in written:
                write_figure(each.plot, tmp_path / f"{each.name}.png", dpi=40)
            said[each.name] = each.caption
            assert each.plot.labels.subtitle == "synthetic brains"
            if is_empty(each.plot):
                empty.add(each.name)
    assert empty == {"protocol_difference", "hemispheres"} | OF_VOXELS
    refused = study.alignhouse("figure", "hemispheres")
    assert refused.returncode == 2
    assert "hemispheres has nothing to show: found no region was scored separately" in refused.stderr
    assert not (study.folder / "hemispheres.pdf").exists()
    for name in ("best_layer", "ranking"):
        assert "There is no noise ceiling" in said[name]
    assert "1 network, 1 subject." in said["best_layer"]
    assert "fewer than 3 networks have no band (1 of 1)" in said["depth"]
    assert "No intervals of layers are known" in said["depth_networks"]
    assert "GFLOPs: 1" in said["complexity"]


def test_several_data_sets_are_listed_and_one_is_to_be_named(copy_finished: Callable[..., Any]) -> None:
    study = copy_finished(ONE_PROTOCOL)
    study.change("permutations = 50", "permutations = 20\nbootstraps = 0\nhalvings = 0")
    study.change('dataset = "mini"', 'dataset = "other"')
    assert study.run().returncode == 0
    with Warehouse.open(study.warehouse) as opened:
        with pytest.raises(
            BadInput, match=r"which data set and split is meant.*mini \(test\); other \(test\)"
        ):
            make(opened, "depth")
        for name in figures():
            plot = make(opened, name, Request(dataset="other")).plot
            assert "other, test" in " ".join(plot.labels.title.split())


def test_stored_rdms_outside_the_warehouse_are_not_read(finished: Any) -> None:
    with duckdb.connect(str(finished.warehouse / SNAPSHOT)) as connection:
        connection.execute("update artifact set path = '../elsewhere/' || path where path like 'rdms/%'")
    outside = pytest.raises(BrokenWarehouse, match=r"expected a file in .*, found \.\./elsewhere/rdms")
    with Warehouse.open(finished.warehouse) as opened, outside:
        make(opened, "rdms")
