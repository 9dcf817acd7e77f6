"""Settings of jobs: typed records that a job's key is made of."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.settings import JobSettings


class Counting(JobSettings):
    names: tuple[str, ...]
    most: int = 3


def test_settings_come_back_from_the_job_they_were_given_to() -> None:
    settings = Counting(names=("a", "b"))
    assert settings.as_json() == {"names": ["a", "b"], "most": 3}
    job = Job("count", 1, settings.as_json(), {}, "count")
    assert Counting.of(job) == settings


def test_a_setting_that_the_method_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="least"):
        Counting.of(Job("count", 1, {"names": [], "least": 1}, {}, "count"))


def test_settings_do_not_change() -> None:
    settings = Counting(names=())
    with pytest.raises(ValidationError, match="frozen"):
        settings.most = 4  # type: ignore[misc]
