"""`[networks]` of the study file: which networks are run, or whose RDMs or features are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from alignhouse.ingest.features.given.layers import GivenAs
from alignhouse.ingest.features.kept_grams import MOST_STIMULI
from alignhouse.ingest.models.network import PoolingKind
from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.study.section import Names, Section


class NetworksSection(Section):
    include: Names = Field(
        ["default"],
        description="names, globs, sources ('timm'), 'default' (the 92), 'all' (the 99) or 'modern'",
    )
    exclude: Names = Field([], description="names, globs and sources to leave out")
    weights: Literal["pretrained", "random"] = Field(
        "pretrained", description="random: untrained networks, and every result says so"
    )
    random: Names = Field(
        [], description="names and globs: networks to run untrained too, beside their pretrained selves"
    )
    seed: int = Field(0, ge=0, description="seed of random weights")
    skip_bad: bool = Field(
        False,
        description="leave out layers that are constant, not finite or equal for all stimuli, and say which",
    )
    pooling: PoolingKind = Field(
        "none",
        description="of a layer's output: none, mean or max over tokens or space, or cls, the class token; "
        "none: as the protocol says",
    )
    time: Literal["none", "mean"] = Field(
        "none", description="networks of clips: mean over the time of a clip; none: as the protocol says"
    )
    rdms: Path | None = Field(
        None, description="folder of precomputed model RDMs, <network>/<layer>.npz, used instead of networks"
    )
    features: Path | None = Field(
        None,
        description="folder of features, <network>/<layer>.npy, used instead of networks, as 1 - Pearson",
    )
    keep: list[Literal["grams"]] | None = Field(
        None,
        description='kept beside RDMs: ["grams"], from which RDMs of other distances derive, or []; default: '
        f"Gram matrices of up to {MOST_STIMULI} stimuli",
    )
    conditions: Literal["file", "stimulus_order"] = Field(
        "file",
        description="of rdms and features: files name their stimuli, or rows follow the stimuli's names",
    )
    facts: Path | None = Field(
        None,
        description="of rdms and features: a CSV with columns network, arch_type, model_type, family, ...",
    )
    own: dict[str, OwnNetwork] = Field(
        {}, description="networks of your own, [networks.own.NAME] each; all are included unless excluded"
    )

    @field_validator("random")
    @classmethod
    def _random_adds_to_pretrained(cls, random: list[str], info: ValidationInfo) -> list[str]:
        if random and info.data.get("weights") == "random":
            raise ValueError('no such key beside weights = "random", with which all networks are untrained')
        return random

    @field_validator("rdms")
    @classmethod
    def _rdms_replace_networks(cls, rdms: Path | None, info: ValidationInfo) -> Path | None:
        if rdms is not None and info.data.get("random"):
            raise ValueError("no such key beside random, for which networks are run")
        return rdms

    @field_validator("features")
    @classmethod
    def _one_kind_of_files(cls, features: Path | None, info: ValidationInfo) -> Path | None:
        if features is not None and info.data.get("rdms") is not None:
            raise ValueError("no such key beside rdms")
        return cls._rdms_replace_networks(features, info)

    @field_validator("conditions", "facts")
    @classmethod
    def _of_files(cls, value: Any, info: ValidationInfo) -> Any:
        default = cls.model_fields[info.field_name or ""].default
        if value != default and not (info.data.get("rdms") or info.data.get("features")):
            raise ValueError("no such key without rdms or features")
        return value

    @property
    def given(self) -> tuple[GivenAs, Path] | None:
        """What files give instead of networks, and their folder; None if networks are run."""
        if self.rdms is not None:
            return "rdms", self.rdms
        return None if self.features is None else ("features", self.features)
