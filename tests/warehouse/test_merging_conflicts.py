"""Warehouses that contradict each other are not merged; what they differ in is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from labs import STIMULI, Lab
from merged_labs import A, jobs_of, made_by, merge, unchanged
from small_batches import batch_of
from small_studies import do, vectors

from alignhouse.warehouse.jobs import Output
from alignhouse.warehouse.merging import Conflicting, to_merge
from alignhouse.warehouse.rebuild import MOST_NAMED

# Of each lab, the jobs of one method.
CONTRADICTIONS = {
    "rsa": (
        Lab(("n3",), seed=1),
        r"rsa \(protocol sound, dataset d, split test\).*seed = 0 in .*, seed = 1 in",
    ),
    "model": (Lab(("n1",), gflops=2.0), r"model \(model n1\): gflops = 1.0 in .*, gflops = 2.0 in"),
    "stimuli": (
        Lab(("n3",), stimuli="f1"),
        r"stimulus \(dataset d, split test\): input 1001 = f0, input 1002",
    ),
    "protocol": (
        Lab(("n3",), null="other"),
        r'protocol \(protocol sound\): settings = \{"null":"rows"\} in',
    ),
    "brain_rdm": (
        Lab(("n3",), brain="b1"),
        r"brain_rdm \(dataset d, split test, roi V1\): input raw = b0 .* = b1",
    ),
}


def test_every_contradiction_is_named(here: Path) -> None:
    do(
        here / "c",
        [each for kind, (lab, _) in CONTRADICTIONS.items() for each in jobs_of(lab, kind)],
    )
    with unchanged(here / "a"):
        found = to_merge(here / "a", [here / "c"], "test").conflicts
    for _, words in CONTRADICTIONS.values():
        assert len([line for line in found if re.search(words, line)]) == 1, (words, found)
    assert len(found) == len(CONTRADICTIONS)
    assert all(_names_both(here, "c", line) for line in found)


def _names_both(here: Path, name: str, line: str) -> bool:
    return all(f"{here / each} (run 1, alignhouse run)" in line for each in ("a", name))


def test_contradictions_refuse_the_merge_and_nothing_is_added(here: Path) -> None:
    name = made_by(here, Lab(("n1",), seed=1))
    words = r"alignment, significance \(.*model n1, roi V1\): seed = 0 .*, seed = 1"
    with unchanged(here / "a"), pytest.raises(Conflicting, match=words) as raised:
        merge(here, "a", name)
    assert all(_names_both(here, name, line) for line in raised.value.conflicts)
    assert to_merge(here / "a", [here / name], "test").conflicts == raised.value.conflicts
    assert (raised.value.exit_code, "run one study again" in str(raised.value)) == (2, True)


def test_an_equal_study_is_no_contradiction_and_adds_nothing(here: Path) -> None:
    assert merge(here, "a", made_by(here, A)).artifacts == 0


def test_sources_that_contradict_each_other_are_refused(here: Path) -> None:
    empty, other = made_by(here, Lab((), grouped=())), made_by(here, Lab(("n1",), gflops=2.0), "model")
    with unchanged(here / empty), pytest.raises(Conflicting, match="gflops = 1.0 in .*, gflops = 2.0 in"):
        merge(here, empty, "a", other)


def test_one_name_in_two_splits_of_a_data_set_is_a_contradiction(here: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(STIMULI, "train", ("1001", "2001"))
    other = made_by(here, Lab((), split="train"), "stimuli")
    with unchanged(here / "a"), pytest.raises(Conflicting, match=r"stimulus \(dataset d, stimulus 1001\): "):
        merge(here, "a", other)


def test_the_same_job_with_another_file_is_a_contradiction(here: Path) -> None:
    """As when two machines compute the same job and differ in the last bits."""
    [extraction] = [batch for batch in A.batches() if batch.jobs[0].settings == {"model": "n1"}][:1]
    do(here / "c", [batch_of(extraction.jobs[0], Output(("rdms", "kind=model"), vectors(5).data))])
    words = r"extraction \(model n1\), rdms/kind=model/\S+: the same job made another file, sha256 \w{8} in"
    with unchanged(here / "a"), pytest.raises(Conflicting, match=words):
        merge(here, "a", "c")


def test_all_contradictions_are_counted_and_the_first_are_listed(here: Path) -> None:
    networks = tuple(f"x{number:02d}" for number in range(MOST_NAMED + 5))
    for name, gflops in (("c", 1.0), ("d", 2.0)):
        do(here / name, jobs_of(Lab(networks, gflops=gflops), "model"))
    with pytest.raises(Conflicting) as raised:
        merge(here, "c", "d")
    assert len(raised.value.conflicts) == len(networks)
    said = str(raised.value)
    assert [f"model (model {name})" in said for name in networks] == [True] * MOST_NAMED + [False] * 5
    assert "nothing was merged into" in said
    assert f"{len(networks)} conflicts: found " in said
    assert "; and 5 more (keep the warehouses apart, or run one study again" in said
