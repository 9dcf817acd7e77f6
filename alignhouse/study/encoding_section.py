"""The section [encoding] of the study file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from alignhouse.analysis.kernels.ridge import ALPHAS
from alignhouse.study.section import Section


class EncodingSection(Section):
    voxels: bool = Field(
        False, description="predict every voxel from every layer, by ridge regression (docs/encoding.md)"
    )
    alphas: list[float] = Field(
        ALPHAS.tolist(), min_length=1, description="penalties, in units of a layer's mean eigenvalue"
    )
    alpha_by: Literal["generalised", "folds"] = Field(
        "generalised", description="how a penalty is chosen: by generalised cross-validation, or by folds"
    )
    alpha_per: Literal["voxel", "region"] = Field("voxel", description="a penalty of each voxel, or of all")
    refits: int = Field(
        100,
        ge=0,
        description="permutations of the best layer's test where there is no train split; each fits again",
    )
    weights_per: Literal["region", "voxel"] = Field(
        "region",
        description="weights of controls and networks in their joint model: of each region of a subject, "
        "or of each voxel",
    )

    @field_validator("alphas")
    @classmethod
    def _positive(cls, alphas: list[float]) -> list[float]:
        if any(alpha <= 0 for alpha in alphas):
            raise ValueError("numbers above 0")
        return alphas

    def settings(self) -> dict[str, Any]:
        """What changes the result of an encoding."""
        return {
            "alphas": tuple(self.alphas),
            "alpha_by": self.alpha_by,
            "alpha_per": self.alpha_per,
            "refits": self.refits,
        }
