"""Settings in which published analyses differ, as one validated record."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CeilingCombine = Literal["mean", "rms"]
CeilingAverage = Literal["rank", "raw"]
NullKind = Literal["rows_and_columns", "rows_only"]
PValueMethod = Literal["plus_one", "share"]
BestLayerNull = Literal["max_over_layers", "chosen_layer"]


class AnalysisSettings(BaseModel):
    """Settings of noise ceilings and p-values; the defaults are those of the protocol `sound`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ceiling_combine: CeilingCombine = Field(
        default="mean",
        description="How subjects' correlations become one ceiling: their mean, or the root of the mean "
        "square (never negative, so too high where the data are weak).",
    )
    ceiling_average: CeilingAverage = Field(
        default="rank",
        description="What is averaged over subjects to make the best possible model: each subject's ranks "
        "(optimal for rank correlations), or the raw dissimilarities.",
    )
    null: NullKind = Field(
        default="rows_and_columns",
        description="What a permutation of stimuli moves in the model RDM: rows and columns together (a "
        "relabelling of the stimuli), or the rows alone.",
    )
    p_value: PValueMethod = Field(
        default="plus_one",
        description="How the null becomes a p-value: (1 + count) / (1 + permutations), never zero, or the "
        "plain share of the null that is at least as large.",
    )
    best_layer_null: BestLayerNull = Field(
        default="max_over_layers",
        description="What a network's best layer is tested against: the maximum over its layers under each "
        "permutation, or that layer's own null as if it had been chosen beforehand.",
    )
