"""The number of cores is that of this process, or of the machine where a process has no limit."""

from __future__ import annotations

import os

import pytest

from alignhouse.warehouse.cores import cores


def test_a_process_uses_the_cores_that_it_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0: {2, 5, 7}}[process], raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores() == 3


@pytest.mark.parametrize(("count", "expected"), [(12, 12), (None, 1)])
def test_without_a_limit_all_cores_count(
    monkeypatch: pytest.MonkeyPatch, count: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert cores() == expected
