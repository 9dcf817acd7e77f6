"""The sections on voxel encoding and variance partitioning: where they are, and what their tables hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from one_format import one_format
from voxel_rows import FOLDS, encodings, partitions

from alignhouse.analysis.figures.catalog import Drawn
from alignhouse.analysis.figures.variance_partition import partition_by_region
from alignhouse.analysis.figures.voxel_encoding import encoding_by_region
from alignhouse.analysis.report.content import page_remark, voxel_results
from alignhouse.analysis.report.page import write_report
from alignhouse.analysis.report.pictures import Planned
from alignhouse.analysis.report.voxel_sections import highest_of_regions, voxel_sections
from alignhouse.warehouse.progress import Progress

SETTINGS = {"description": "sound, voxel encoding", "encoding": {"alpha_by": "generalised", "refits": 7}}
ENCODING = encodings(("AlexNet", "V1", 0.3), ("TSN", "V1", 0.2), ("AlexNet", "MT", 0.1), ("TSN", "MT", 0.4))
PARTS = partitions(("AlexNet", "V1", 0.3, 0.1), ("TSN", "V1", 0.2, 0.1), ("TSN", "MT", 0.4, 0.2))
Content = Callable[..., Any]


def sections(content: Content, encoding: pl.DataFrame, parts: pl.DataFrame | None = None) -> Any:
    made = content(
        encoding=encoding,
        variance_partition=pl.DataFrame() if parts is None else parts,
        encodings={"sound-encoding": SETTINGS},
    )
    return voxel_sections(made, "", lambda protocol, place: [])


def headers(table: Any) -> list[str]:
    return [column.title for column in table.columns]


@pytest.fixture(scope="module")
def page(content: Content, read: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = content(encoding=ENCODING, variance_partition=PARTS, encodings={"sound-encoding": SETTINGS})

    def drawn(name: str, progress: Progress, widths: Sequence[float]) -> list[Drawn]:
        if name == "encoding":
            plot = encoding_by_region(ENCODING, protocol="sound-encoding")
        else:
            parts = PARTS.with_columns(part=pl.lit("shared"), share="shared", part_median="shared")
            parts = parts.with_columns(lower=pl.lit(None, pl.Float64), upper=pl.lit(None, pl.Float64))
            plot = partition_by_region(parts, protocol="sound-encoding")
        return [Drawn(name, f"Picture of {name}", "Points.", plot)] * len(widths)

    places = {"encoding": "encoding", "variance": "variance partition"}
    figures = {
        "sound-encoding": [
            Planned(f"picture of {name}", "About.", partial(drawn, name), section=place)  # type: ignore[arg-type]
            for name, place in places.items()
        ]
    }
    folder = tmp_path_factory.mktemp("voxels")
    with one_format():
        html = write_report(made, folder, figures=figures).read_text(encoding="utf-8")
    return folder, html, read(html)


def test_encoding_and_partition_follow_the_results_of_rsa(page: Any) -> None:
    _, _, read = page
    assert read.texts["h2"][:6] == [
        "Regions",
        "Groups of networks",
        "Depth of layers",
        "Voxel encoding: sound-encoding protocol, bmd, test",
        "Variance partitioning: sound-encoding protocol, bmd, test",
        "Networks",
    ]
    # In the bar of parts, and in the methods.
    for link, anchor in (("Voxel encoding", "encoding-1"), ("Variance partitioning", "variance-partition-1")):
        assert link in read.texts["a"]
        assert f"#{anchor}" in read.links
        assert f"{link} under the sound-encoding protocol" in read.texts["h3"]
    assert any(each.startswith("The highest encoding is that of TSN for MT") for each in read.texts["li"])
    assert any(each.startswith("The variance that is unique to a network") for each in read.texts["li"])
    assert "ViT has no encoding: run alignhouse analyse uncertainty STUDY.toml." in read.texts["li"]


def test_every_section_has_its_own_figure(page: Any) -> None:
    _, html, _ = page
    encoding, partition, networks = (
        html.index(f'id="{anchor}"') for anchor in ("encoding-1", "variance-partition-1", "networks")
    )
    parts = {"encoding": html[encoding:partition], "variance": html[partition:networks]}
    for own, part in parts.items():
        found = {name for name in parts if f"Picture of {name}." in part}
        assert found == {own}


def test_the_tables_are_downloads_and_the_settings_of_the_encoding_are_listed(page: Any) -> None:
    folder, _, read = page
    for name, frame in (("encoding", ENCODING), ("variance_partition", PARTS)):
        assert pl.read_parquet(folder / "data" / f"{name}.parquet").equals(frame)
        assert f"data/{name}.csv" in read.links
    # Those of features and of the analysis are in the table of the protocols.
    assert {"encoding.alpha_by", "generalised", "encoding.refits"} <= set(read.texts["td"] + read.texts["th"])
    assert "Settings of voxel encoding" in " ".join(read.texts["caption"])


def test_without_an_encoding_there_is_no_heading(
    content: Content, write: Callable[..., Path], tmp_path: Path
) -> None:
    html = write(content(), tmp_path, briefly=True, n_figures=0).read_text(encoding="utf-8")
    for word in ("encoding", "Variance", "voxel"):
        assert word not in html, word
    # An encoding without controls has no partition.
    only = sections(content, ENCODING)
    assert [each.anchor for each in only] == ["encoding-1"]


def test_the_table_of_each_region_comes_before_that_of_all_networks(content: Content) -> None:
    encoding, partition = sections(content, ENCODING, PARTS)
    best, every = encoding.tables
    assert [row[:2] for row in best.rows] == [["V1", "AlexNet"], ["MT", "TSN"]]
    assert len(every.rows) == 4
    row = dict(zip(headers(best), best.rows[0], strict=True))
    expected = {
        "layer": "fc", "r": "0.150", "normalised r": "0.300", "score from": "0.200", "score to": "0.400",
        "p": "0.020", "voxels": "90", "voxels left out": "10", "subjects": "3", "rho of RSA": "0.300",
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    for said in ("Chance is 0", "95 % interval over other stimuli and subjects", "not corrected", "too high"):
        assert said in best.note, said
    best, every = partition.tables
    assert [row[:2] for row in best.rows] == [["V1", "AlexNet"], ["MT", "TSN"]]
    row = dict(zip(headers(best), best.rows[1], strict=True))
    expected = {"unique to network": "0.400", "unique to network from": "0.390"}
    expected |= {"unique to controls to": "0.210"}
    expected |= {"shared": "0.050", "R squared, both": "0.250", "voxels": "90"}
    assert {key: row[key] for key in expected} == expected
    for said in ("share weights", "do not add up", "not about other training stimuli", "too high by chance"):
        assert said in best.note, said
    assert "slightly too high" not in best.note


def test_over_folds_chance_has_a_column_and_the_notes_say_so(content: Content) -> None:
    rows = ENCODING.with_columns(**{key: pl.lit(value) for key, value in FOLDS.items()}, votes=0.6)
    parts = PARTS.with_columns(weights_per=pl.lit("voxel"), resampled=pl.lit("subjects"))
    encoding, partition = sections(content, rows.with_columns(r=pl.lit(None, pl.Float64)), parts)
    best = encoding.tables[0]
    assert {"r by chance", "votes"} <= set(headers(best))
    assert "r" not in headers(best)
    assert "compare the score with r by chance" in best.note
    assert "Chance is 0" not in best.note
    assert "95 % interval over other subjects." in best.note
    note = partition.tables[0].note
    assert "R squared of the network is slightly too high." in note
    assert "share weights" not in note


def test_a_single_network_has_one_table_and_columns_without_values_are_left_out(content: Content) -> None:
    [section] = sections(content, ENCODING.filter(model="TSN").with_columns(lower=None, resampled=None))
    [table] = section.tables
    assert table.caption == "Voxel encoding in each region (sound-encoding protocol, bmd, test)"
    assert "too high" not in table.note
    assert "interval" not in table.note
    assert not {"score from", "weights", "remark", "r by chance", "votes"} & set(headers(table))


def test_networks_that_share_the_highest_value_are_all_named() -> None:
    tied = PARTS.with_columns(unique_network=pl.lit(0.0), layer=pl.Series(["conv", "fc", "fc"]))
    found = highest_of_regions(tied, "unique_network")
    assert found.select("roi", "model", "layer", "unique_network", "n_voxels").rows() == [
        ("V1", "AlexNet and TSN", None, 0.0, 90),
        ("MT", "TSN", "fc", 0.0, 90),
    ]
    unknown = tied.with_columns(unique_network=pl.lit(None, pl.Float64))
    assert highest_of_regions(unknown, "unique_network")["model"].to_list() == ["AlexNet and TSN", "TSN"]


def test_several_encodings_are_told_apart(content: Content) -> None:
    pooled = ENCODING.with_columns(protocol=pl.lit("pooled-encoding"))
    every = sections(content, pl.concat([pooled, ENCODING]), PARTS)
    assert [each.link for each in every] == [
        "Voxel encoding (sound-encoding)",
        "Voxel encoding (pooled-encoding)",
        "Variance partitioning (sound-encoding)",
    ]
    assert [each.anchor for each in every] == ["encoding-1", "encoding-2", "variance-partition-1"]


def test_remarks_of_encodings_are_those_of_the_page(content: Content) -> None:
    made = content(encoding=ENCODING.with_columns(remark=pl.lit("synthetic brains")))
    assert page_remark(made) == "synthetic brains"
    assert voxel_results(content()) == []
