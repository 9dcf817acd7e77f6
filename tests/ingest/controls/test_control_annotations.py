"""Distances by annotations, against plain formulas and scikit-learn; and files of embeddings."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.feature_extraction.text import TfidfVectorizer

from alignhouse.ingest.controls.annotations import (
    angles_of_patterns,
    difference_rdm,
    jaccard_rdm,
    of_stimuli,
    read_embeddings,
    sentence_embeddings,
    tfidf,
)
from alignhouse.ingest.controls.names import CONTROLS, GROUPS, select_controls
from alignhouse.ingest.rdm import RowNames
from alignhouse.warehouse.errors import BadInput

TEXTS = ["A dog runs; a Dog barks.", "the cat sleeps", "a cat and the dog", "rain"]


def test_jaccard_is_one_minus_the_share_of_common_labels() -> None:
    sets = [frozenset("ab"), frozenset("bc"), frozenset("d"), frozenset("ab")]
    assert jaccard_rdm(sets) == pytest.approx([2 / 3, 1, 0, 1, 2 / 3, 1])


def test_scores_differ_by_their_absolute_difference() -> None:
    assert difference_rdm([0.5, 0.75, 0.25]).tolist() == [0.25, 0.25, 0.5]


def test_tfidf_equals_that_of_scikit_learn() -> None:
    vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform(TEXTS).toarray()
    ours = angles_of_patterns(tfidf(TEXTS), RowNames("text"))
    assert ours == pytest.approx(pdist(vectors, "cosine"), abs=1e-12)


def test_a_text_without_words_is_named() -> None:
    with pytest.raises(BadInput, match="text two") as error:
        angles_of_patterns(tfidf(["a dog", "?!", "a cat"]), RowNames("text", ["one", "two", "three"]))
    assert "zeros only" in str(error.value)


def test_stimuli_without_a_value_are_named() -> None:
    with pytest.raises(BadInput, match="control scenes") as error:
        of_stimuli({"0001": 1}, [f"{i:04d}" for i in range(1, 9)], "scenes")
    assert "none for 0002, 0003, 0004, 0005, 0006 and 2 more" in str(error.value)


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_embeddings_are_matched_by_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sentences{suffix}"
    if suffix == ".npz":
        np.savez(path, stimuli=["0002", "0001"], embeddings=np.array([[1.0, 2], [3, 4]]))
    else:
        path.write_text("stimulus,a,b\n0002,1,2\n0001,3,4\n", encoding="utf-8")
    found = read_embeddings(path)
    assert {name: row.tolist() for name, row in found.items()} == {"0002": [1, 2], "0001": [3, 4]}


def written(folder: Path, name: str, **arrays: Any) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"stimuli": ["a", "b"]}, "arrays `stimuli` and `embeddings`"),
        ({"stimuli": ["a", "b"], "embeddings": np.ones((3, 2))}, "a row for each of 2 stimuli"),
        ({"stimuli": ["a", "a"], "embeddings": np.ones((2, 2))}, "a twice"),
        ({"stimuli": ["a", "b"], "embeddings": np.array([{}, {}])}, "arrays of numbers as .npz or .npy"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as error:
        read_embeddings(written(tmp_path, "e.npz", **arrays))
    assert said in str(error.value)


def test_texts_in_a_csv_of_embeddings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("stimulus,a\n0001,x\n", encoding="utf-8")
    with pytest.raises(BadInput, match="embeddings in"):
        read_embeddings(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        read_embeddings(path)
    with pytest.raises(BadInput, match="no file"):
        read_embeddings(tmp_path / "none.csv")
    with pytest.raises(BadInput, match=r"\.csv or \.npz"):
        read_embeddings(Path(__file__))


def test_sentences_are_embedded_one_by_one_and_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        def __init__(self, name: str) -> None:
            if name != "small":
                raise OSError("no such model\nmore")

        def encode(self, sentences: list[str]) -> np.ndarray:
            return np.array([[len(each), 1.0] for each in sentences])

    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Encoder))
    assert sentence_embeddings([["ab", "abcd"], ["a"]], "small").tolist() == [[3, 1], [1, 1]]
    with pytest.raises(BadInput, match="no such model"):
        sentence_embeddings([["a"]], "other")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(BadInput, match="sentence-transformers") as error:
        sentence_embeddings([["a"]], "small")
    assert "the control sentences, which needs no package" in str(error.value)


def test_groups_leave_out_what_needs_videos() -> None:
    assert [each.name for each in select_controls(["pixels", "gist"], moving=True)] == [
        *GROUPS["pixels"],
        "gist",
    ]
    assert [each.name for each in select_controls(["stimuli"], moving=False)] == [
        "luminance",
        "colour",
        "hog",
        "gist",
    ]
    with pytest.raises(BadInput, match="motion_energy"):
        select_controls(["motion_energy"], moving=False)
    with pytest.raises(BadInput, match="did you mean gist"):
        select_controls(["gits"], moving=True)
    assert {name for each in GROUPS.values() for name in each} < set(CONTROLS)
