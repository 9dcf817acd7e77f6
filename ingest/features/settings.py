"""All settings that decide how a stimulus becomes a model RDM.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from alignhouse.ingest.features.dealing import FrameCount
from alignhouse.ingest.features.frame_order import FrameOrder
from alignhouse.ingest.inner_products import OfInnerProducts
from alignhouse.ingest.models.network import Network, PoolingKind
from alignhouse.ingest.stimuli.videos import Decoder

# Settings that came later. Descriptions of protocols leave out their defaults, and so stay the same.
ADDED_SETTINGS = ("pooling", "time", "order")


class ExtractionSettings(BaseModel):
    """How features are read from a network and turned into RDMs; a protocol is one set of values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decoder: Decoder = Field(
        default="av",
        description="what reads videos: PyAV, which turns and mirrors frames as the file says, or decord, "
        "which the published code used; their frames of ordinary videos are equal",
    )
    channel_order: Literal["rgb", "bgr"] = Field(
        default="rgb",
        description="order of the colour channels that image networks receive; video networks always get RGB",
    )
    torchvision_transform: Literal["weights", "squash224"] = Field(
        default="weights",
        description="torchvision networks: the evaluation transform published with the weights, "
        "or the frame squashed to 224 x 224 (bilinear) with ImageNet's mean and deviation",
    )
    clip_average: Literal["mean", "running_pairwise"] = Field(
        default="mean",
        description="over the clips of a video network: plain mean, or repeatedly the mean of the result so "
        "far and the next clip (later clips weigh more)",
    )
    tap: Literal["output", "memory"] = Field(
        default="output",
        description="the layer's own output, or the content of its memory after the forward pass "
        "(in-place activations overwrite some outputs)",
    )
    frame_count: FrameCount = Field(
        default="repeat_last",
        description="for networks that need a multiple of some number of frames: repeat the last frame up to "
        "the next multiple, or add zero frames (after normalisation) or cut frames to the nearest one; the "
        "latter also deals single frames into 3 calls (10 if sampling is dense), as the published code does",
    )
    reduction: Literal["none", "pca", "srp"] = Field(
        default="none",
        description="compare whole feature patterns, their scores on principal components, or a sparse "
        "random projection of them",
    )
    pca_components: int = Field(
        default=100,
        gt=0,
        description="principal components with reduction pca; at most the number of stimuli minus 2 are used",
    )
    srp_components: int = Field(default=4000, gt=0, description="components of the sparse random projection")
    srp_seed: int = Field(default=0, ge=0, description="seed of the sparse random projection")
    distance: Literal["correlation", "cosine", "euclidean", "squared_euclidean", "manhattan"] = Field(
        default="correlation",
        description="distance between patterns: 1 - Pearson, 1 - cosine, a norm, or the square of the "
        "Euclidean one",
    )
    centering: Literal["none", "across_stimuli"] = Field(
        default="none",
        description="subtract each feature's mean over the stimuli before correlating (a PCA always does)",
    )
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = Field(
        default="fp32",
        description="of the forward passes: float32, TensorFloat-32, or half precision where torch's "
        "autocast allows it; features are always averaged in float64",
    )
    spool: Literal["fp32", "fp16"] = Field(
        default="fp32",
        description="type of features on disk: fp16 halves their size, rounds them to three digits and "
        "refuses values beyond 65,504",
    )
    pooling: PoolingKind = Field(
        default="none",
        description="a layer's features: all of them, their mean or maximum over tokens or space, or those "
        "of the class token",
    )
    time: Literal["none", "mean"] = Field(
        default="none",
        description="networks of clips: all features, or their mean over the time of a clip, before pooling",
    )
    order: FrameOrder = Field(
        default="given",
        description="order of a stimulus's frames: as given, shuffled, or frozen, the first frame all along",
    )
    layer_list: Literal["sound", "paper"] = Field(
        default="sound",
        description="default layers with today's libraries, or the layers of the published lists",
    )

    def in_keys(self) -> dict[str, Any]:
        """The settings as they stand in keys of jobs, without the decoder.

        Defaults are omitted, so settings that later versions add do not change the keys of finished jobs. A
        changed default needs a new method version. Most videos give equal frames with every decoder, so the
        job of an extraction names the decoder itself where they differ.
        """
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"decoder"})

    @property
    def needs_only_grams(self) -> bool:
        """Whether the RDM is a function of the Gram matrix, the rows' means and the components' signs."""
        return self.reduction in ("none", "pca") and self.distance != "manhattan"

    @property
    def base(self) -> ExtractionSettings:
        """The settings of the extraction that serves these: one whose Gram matrices give the RDMs, if any."""
        if not self.needs_only_grams:
            return self
        return self.model_copy(update={"distance": "correlation", "centering": "none"})

    @property
    def derives(self) -> bool:
        """Whether the RDMs derive from the Gram matrices of `base`, because its own RDMs are others."""
        # A principal component analysis centres across stimuli in any case.
        centred = self.centering != "none" and self.reduction != "pca"
        return self.needs_only_grams and (self.distance != "correlation" or centred)

    @property
    def distance_of_grams(self) -> OfInnerProducts:
        """The distance, of settings that need only Gram matrices; ValueError for others."""
        if self.distance == "manhattan" or not self.needs_only_grams:
            raise ValueError(f"{self.reduction}, {self.distance}: needs the features")
        return self.distance


def settings_for(network: Network, settings: ExtractionSettings) -> ExtractionSettings:
    """The settings with the pooling that the declaration of a network of the study's own asks for."""
    if network.own is None:
        return settings
    asked = {"pooling": network.own.pooling, "time": network.own.time}
    return settings.model_copy(update={key: value for key, value in asked.items() if value is not None})
