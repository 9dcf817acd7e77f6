"""Settings in which published analyses differ, as one validated record."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from alignhouse.analysis.kernels.measure_names import Measure

CeilingCombine = Literal["mean", "rms"]
CeilingAverage = Literal["rank", "raw"]
NullKind = Literal["rows_and_columns", "rows_only"]
PValueMethod = Literal["plus_one", "share"]
BestLayerNull = Literal["max_over_layers", "chosen_layer"]
BrainDistance = Literal["correlation", "cosine", "euclidean", "squared_euclidean", "crossnobis"]
# Settings that came later: keys of jobs and descriptions of protocols leave out their defaults.
ADDED_SETTINGS = ("measure", "brain_distance")


class AnalysisSettings(BaseModel):
    """Settings of scores, noise ceilings and p-values; the defaults are those of the protocol `sound`."""

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
    measure: Measure = Field(
        default="spearman",
        description="How similar two RDMs are: by ranks (spearman; rho_a, with ties broken at random; "
        "kendall_tau_a, the order of every two pairs), by values (pearson, cosine), with errors made "
        "independent (whitened_cosine, whitened_correlation), or by centred kernel alignment of squared "
        "Euclidean distances (cka, cka_debiased).",
    )
    brain_distance: BrainDistance = Field(
        default="correlation",
        description="Distance between the brain patterns of two stimuli; crossnobis is the squared distance "
        "cross-validated over repetitions, without the bias of noise. Ready RDMs keep their own distance.",
    )

    @model_serializer(mode="wrap")
    def _without_added_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, Any] = serialize(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in given.items()
            if name not in ADDED_SETTINGS or value != fields[name].default
        }

    @model_validator(mode="after")
    def _measure_fits(self) -> Self:
        if self.null == "rows_only" and self.measure != "spearman":
            raise ValueError(f"null rows_and_columns with measure {self.measure}, instead of rows_only")
        return self
