"""The section `[controls]` of a study file: control models that networks are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from alignhouse.ingest.controls.names import CONTROLS, GROUPS
from alignhouse.study.section import Names, Section
from alignhouse.warehouse.errors import near_names


class ControlsSection(Section):
    sentences: str = Field(
        "annotator", description="sentences to compare: annotator, spoken, or a captioning network"
    )
    sentence_model: str | None = Field(
        None, description="a model of sentence-transformers, for the control sentence_model"
    )
    embeddings: Path | None = Field(
        None, description="file of embeddings, .csv or .npz, for the control embeddings"
    )
    include: Names = Field(
        [],
        description=f"control models: {', '.join(GROUPS)} (groups), or {', '.join(CONTROLS)}",
    )
    orders: list[Literal["shuffled", "frozen"]] = Field(
        [], description="orders of frames in which video networks are run again: shuffled, frozen"
    )
    networks: Names = Field(
        ["*"], description="names and globs: which of the study's video networks are run in these orders"
    )

    @field_validator("include")
    @classmethod
    def _controls_are_known(cls, include: list[str], info: ValidationInfo) -> list[str]:
        for name in include:
            if name not in CONTROLS and name not in GROUPS:
                raise ValueError(f"names of controls ({near_names(name, [*CONTROLS, *GROUPS])})")
            if name in ("sentence_model", "embeddings") and info.data.get(name) is None:
                raise ValueError(f"controls.{name} beside the control {name}")
        return include
