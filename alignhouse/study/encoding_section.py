"""The section [encoding] of the study file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

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
        description="weights in the joint model of a network and controls, or of two networks: of each "
        "region of a subject, or of each voxel",
    )
    pairs: list[list[str]] = Field(
        [],
        description="pairs of networks whose explained variance is partitioned, names and globs; "
        '["*", "ResNet50"]: every network beyond ResNet50',
    )

    @field_validator("alphas")
    @classmethod
    def _positive(cls, alphas: list[float]) -> list[float]:
        if any(alpha <= 0 for alpha in alphas):
            raise ValueError("numbers above 0")
        return alphas

    @field_validator("pairs")
    @classmethod
    def _pairs_of_voxels(cls, pairs: list[list[str]], info: ValidationInfo) -> list[list[str]]:
        if pairs and not info.data.get("voxels"):
            raise ValueError("no such key without voxels = true")
        known: set[frozenset[str]] = set()
        for pair in pairs:
            if len(pair) != 2:
                raise ValueError(f"two networks in each pair, not {len(pair)}")
            if (either_way := frozenset(pair)) in known:
                raise ValueError(f"each pair once, in any order; {' and '.join(pair)} is repeated")
            known.add(either_way)
        return pairs

    def settings(self) -> dict[str, Any]:
        """What changes the result of an encoding."""
        return {
            "alphas": tuple(self.alphas),
            "alpha_by": self.alpha_by,
            "alpha_per": self.alpha_per,
            "refits": self.refits,
        }
