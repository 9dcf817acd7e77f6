"""One word for one thing: stored codes and column names appear in a report in words of the field."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from empty_warehouse import empty_warehouse
from voxel_rows import encodings, partitions

from alignhouse.analysis.figures.labels import group_labels
from alignhouse.analysis.report.column_words import WORDS, column_words, read_column_words
from alignhouse.analysis.report.gather import FRAMES, QUESTIONS
from alignhouse.analysis.report.leaderboard import best_layer_table, leaderboard_table
from alignhouse.analysis.report.tables import column_of, table_of
from alignhouse.analysis.report.value_words import LABELS, read_value_labels, value_label
from alignhouse.analysis.report.words import best_networks
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.schema import sql_files

Content = Callable[..., Any]
MORE_QUESTIONS = (
    "alignment_by_objective",
    "alignment_by_training_data",
    "alignment_by_weights",
    "coverage",
    "measure_agreement",
    "noise_ceilings",
    "training_effect",
)
HEADER_OF_WORDS = "column,beside,heading,hint\n"
HEADER_OF_LABELS = "column,value,label\n"
COMPARED = {
    "protocol": "sound", "dataset": "bmd", "split": "test", "group_by": "model_type",
    "group_a": "image-in1k", "n_a": 2, "roi": "V1", "roi_group": "early", "roi_order": 0,
    "lower": -0.2, "upper": -0.05, "level": 0.95, "resampled": "both",
    "p_value": 0.01, "p_adjusted": 0.01, "correction": "holm", "permutations": 1000, "n_pairs": 1,
    "remark": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """The answer to every query whose columns a report shows, from a warehouse without rows."""
    queries = sql_files("report")
    found = {}
    with Warehouse(empty_warehouse(tmp_path_factory.mktemp("empty") / "w")) as warehouse:
        for name in (*FRAMES, "inputs", "last_run", "runs"):
            needed = {key: "x" for key in ("dataset", "split") if f"${key}" in queries[name]}
            found[name] = warehouse.sql(queries[name], needed).pl()
        for name in (*QUESTIONS, *MORE_QUESTIONS):
            found[name] = warehouse.ask(name).pl()
    found["best networks"] = best_networks(pl.DataFrame(), pl.DataFrame())
    return found


@pytest.fixture(scope="module")
def folder(content: Content, write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with model types in every place: tables, filters, sentences and gaps."""
    weights = pl.when(pl.col("model") == "TSN").then(pl.lit("random")).otherwise(pl.lit("pretrained"))
    made = content()
    types = made.best_layer.select("model", "model_type").unique(maintain_order=True)
    compared = [
        COMPARED | {"group_b": "video-k400", "n_b": 1, "statistic": -0.15},
        COMPARED | {"group_b": None, "n_b": None, "statistic": 0.15, "p_adjusted": None},
    ]
    answer = {"roi": ["V1"], "model_type": ["video-k400"], "median_rho": [0.25]}
    depths = {"roi": ["V1"], "group_name": ["video-k400"], "depth": [0.5]}
    made = content(
        best_layer=made.best_layer.with_columns(weights=weights),
        leaderboard=made.leaderboard.with_columns(weights=weights),
        networks=made.networks.join(types, on="model").with_columns(weights=weights),
        group_comparison=pl.DataFrame(compared, infer_schema_length=None),
        group_answers={
            "alignment_by_model_type": pl.DataFrame(answer),
            "alignment_by_layer_depth": pl.DataFrame(depths),
        },
        inputs=pl.DataFrame({"kind": ["brain_rdm"], "name": ["a"], "sha256": ["ab"], "bytes": [1]}),
        encoding=encodings(("AlexNet", "V1", 0.3), ("TSN", "V1", 0.2)),
        variance_partition=partitions(("AlexNet", "V1", 0.3, 0.1), ("TSN", "V1", 0.2, 0.1)),
    )
    folder = tmp_path_factory.mktemp("words")
    write(made, folder, briefly=True, n_figures=0)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path, read: Callable[[str], Any]) -> str:
    """All texts of the page in `folder`, those of attributes included."""
    html = read((folder / "index.html").read_text(encoding="utf-8"))
    attributes = [
        text
        for _, given in html.elements
        for name, text in given.items()
        if name in ("alt", "aria-label", "title")
    ]
    [body] = html.texts["body"]
    # The libraries that draw charts have words of their own.
    for script in html.texts["script"][1:]:
        body = body.replace(script, "")
    return "\n".join([body, *map(str, attributes)])


def test_no_stored_model_type_is_a_text_of_the_page(page: str) -> None:
    # "Random" is also a word of sentences.
    codes = [code for code in group_labels() if "-" in code]
    found = {code for code in codes if re.search(rf"(?<![\w-]){code}(?![\w-])", page)}
    assert found == set()
    assert page.count("video action recognition") > 10


def test_every_heading_of_a_column_has_a_hint(folder: Path, read: Callable[[str], Any]) -> None:
    html = read((folder / "index.html").read_text(encoding="utf-8"))
    heads = [given for tag, given in html.elements if tag == "th" and given.get("scope") == "col"]
    assert len(heads) > 100
    without = [given for given in heads if not given.get("title") and given.get("class") != "chosen"]
    assert without == []


def test_other_codes_are_in_words_too(page: str) -> None:
    lines = page.splitlines()
    assert "untrained" in lines
    # "Random" is also a word of sentences.
    assert "random" not in lines
    for code in ("holm", "model_type", "group_a", "p_value", "brain_rdm"):
        assert not re.search(rf"(?<![\w-]){code}(?![\w-])", page), code
    for label in ("Holm", "model type", "corrected p", "stimuli and subjects", "brain RDM"):
        assert label in page, label


def test_sentences_name_groups_as_tables_do(page: str) -> None:
    assert (
        "in V1 the median rho of video action recognition (1 network) is 0.150 above that of image object "
        "recognition (2 networks)"
    ) in page
    assert "By model type, the group video action recognition has a single network." in page


def test_downloads_keep_the_stored_codes(folder: Path) -> None:
    stored = pl.read_csv(folder / "data" / "best_layer.csv")
    assert set(stored["model_type"]) == {"image-in1k", "video-k400"}
    assert set(stored["weights"]) == {"pretrained", "random"}


def test_every_column_of_a_report_has_a_heading_and_a_hint(answers: dict[str, pl.DataFrame]) -> None:
    known = read_column_words(WORDS)
    lacking = {
        f"{name}.{column}" for name, frame in answers.items() for column in set(frame.columns) - set(known)
    }
    assert lacking == set()
    without = {
        f"{name}.{column}"
        for name, frame in answers.items()
        for column in frame.columns
        if not column_words(column, frame.columns).hint
    }
    assert without == set()


def test_every_entry_is_that_of_a_column(answers: dict[str, pl.DataFrame]) -> None:
    known = read_column_words(WORDS)
    tables = [set(frame.columns) for frame in answers.values()]
    unused = {
        (column, neighbour)
        for column, entries in known.items()
        for neighbour in entries
        if not any({column, neighbour} - {""} <= table for table in tables)
    }
    assert unused == {("setting", ""), ("value", "")}


def test_no_two_columns_of_a_table_have_the_same_heading(answers: dict[str, pl.DataFrame]) -> None:
    for name, frame in answers.items():
        headings = [column_words(column, frame.columns).heading for column in frame.columns]
        assert len(set(headings)) == len(headings), name
        assert not [each for each in headings if "_" in each], name


def test_a_name_means_what_the_other_columns_say() -> None:
    ceiling = ["roi", "lower", "upper", "interval_lower", "interval_upper"]
    assert column_words("lower", ceiling).heading == "noise ceiling, lower"
    assert column_words("lower", ["roi", "rho", "lower"]).heading == "interval from"
    unknown = column_words("my_column", ["my_column"])
    assert (unknown.heading, unknown.hint) == ("my column", "")
    frame = pl.DataFrame({"lower": [0.1], "interval_lower": [0.0]})
    assert table_of(frame, "x").columns[0].title == "noise ceiling, lower"
    assert column_of("gflops").hint == "Billions of multiply-adds for one frame or clip."


@pytest.mark.parametrize(
    ("column", "value", "label"),
    [
        ("model_type", "video-k400", "video action recognition"),
        ("group_by", "arch_type", "architecture"),
        ("resampled", "both", "stimuli and subjects"),
        ("measure", "kendall_tau_a", "Kendall's tau-a"),
        ("measure", "mine", "mine"),
        ("given", "gflops, top1", "GFLOPs, top-1 accuracy"),
        ("given", "", ""),
        ("weights", "random", "untrained"),
        ("weights", "pretrained", "pretrained"),
        # A network of that name keeps it.
        ("model", "random", "random"),
    ],
)
def test_codes_in_words(column: str, value: str, label: str) -> None:
    assert value_label(column, value) == label


def test_groups_of_a_row_are_named_by_its_property() -> None:
    rows = pl.DataFrame(
        {
            "group_by": ["weights", "correction", "model_type"],
            "group_a": ["random", "holm", "image-in1k"],
            "group_b": [None, None, "holm"],
        }
    )
    assert table_of(rows, "x").rows == [
        ["weights", "untrained", "–"],
        ["correction", "Holm", "–"],
        ["model type", "image object recognition", "holm"],
    ]


def test_a_row_about_groups_says_which_it_is_about() -> None:
    pairs = {"group_by": ["model_type"] * 2, "group_a": ["image-in1k"] * 2, "group_b": [None, "video-k400"]}
    groups = [["image object recognition"], ["image object recognition", "video action recognition"]]
    assert table_of(pl.DataFrame(pairs), "x").groups == groups
    answer = pl.DataFrame({"roi": ["V1"], "weights": ["random"], "median_rho": [0.1]})
    assert table_of(answer, "x").groups == [["untrained"]]
    # A row about a network is found by its name.
    assert table_of(answer.with_columns(model=pl.lit("TSN")), "x").groups == []


def test_a_row_says_which_network_and_region_it_is_about(content: Content) -> None:
    made = content()
    table = table_of(pl.DataFrame({"roi": ["V1", None], "model": ["TSN", "ViT"]}), "x")
    assert (table.networks, table.regions) == (["TSN", "ViT"], ["V1", ""])
    neither = table_of(pl.DataFrame({"kind": ["betas"]}), "x")
    assert (neither.networks, neither.regions) == ([], [])
    best = best_layer_table(made.best_layer)
    assert list(zip(best.networks, best.regions, strict=True))[:2] == [("TSN", "V1"), ("ViT", "V1")]
    board = leaderboard_table(made.leaderboard, made.best_layer, made.noise_ceiling)
    assert board.networks == ["TSN", "ViT", "AlexNet"]
    assert board.regions == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("column,heading,hint\n", "header of words.csv"),
        (HEADER_OF_WORDS + "rho,,rho,\n", "line 2 of words.csv"),
        (HEADER_OF_WORDS + "rho,,rho,no sentence\n", "words.csv, rho: expected a sentence"),
        (HEADER_OF_WORDS + "rho,,rho\n", "line 2 of words.csv"),
        (HEADER_OF_WORDS + "rho,,rho,A, comma.\n", "line 2 of words.csv"),
        (HEADER_OF_WORDS + "rho,,rho,Rho.\nrho,,r,Another.\n", "line 3 of words.csv"),
    ],
)
def test_a_faulty_file_of_column_words_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_column_words(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value,label\n", "header of labels.csv"),
        (HEADER_OF_LABELS + "weights,random,\n", "line 2 of labels.csv"),
        (HEADER_OF_LABELS + "weights,random\n", "line 2 of labels.csv"),
        (HEADER_OF_LABELS + "weights,random,untrained,more\n", "line 2 of labels.csv"),
        (HEADER_OF_LABELS + "weights,random,untrained\nweights,random,x\n", "line 3 of labels.csv"),
    ],
)
def test_a_faulty_file_of_value_labels_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_value_labels(path)


def test_labelled_columns_exist(answers: dict[str, pl.DataFrame]) -> None:
    columns = {column for frame in answers.values() for column in frame.columns}
    assert {column for column, _ in read_value_labels(LABELS)} <= columns
