"""Settings of jobs as typed records."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from alignhouse.warehouse.jobs import Job


class JobSettings(BaseModel):
    """Everything that changes the result of a job; a subclass declares the fields of its method.

    A job's function reads its settings only with `of(job)`. So a setting that is not in the key of the job
    cannot change the result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """The settings as plain JSON values; their canonical text is part of the job's key."""
        return self.model_dump(mode="json")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The settings of a job."""
        return cls.model_validate(dict(job.settings))
