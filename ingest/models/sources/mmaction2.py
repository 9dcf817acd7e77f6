"""Networks of mmaction2: with random weights, or from a checkpoint file."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.checkpoint_files import OnceSeen
from alignhouse.ingest.models.declaration import CHECKPOINT_SUFFIXES, Declaration
from alignhouse.ingest.models.network import CLIP_FIELDS, Network
from alignhouse.ingest.models.sources.base import LibrarySource
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction
from alignhouse.ingest.models.sources.mmaction2_configs import (
    config_sha256,
    model_config,
    own_config,
    without_downloads,
)
from alignhouse.ingest.models.sources.mmaction2_pipelines import sampling_of
from alignhouse.ingest.models.sources.source import (
    ImageTransform,
    MissingWeights,
    TransformStyle,
    refuse_missing,
)
from alignhouse.ingest.models.states import check_sha256, read_state
from alignhouse.ingest.models.weights_files import FETCH_THEM, checkpoint_file, weights_folder
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# Without it, all frames go into one call.
_OPTIONAL = "frames_per_call"


class MMAction2(LibrarySource):
    """mmaction2's recognizers, which are shown clips."""

    name = "mmaction2"
    keys = frozenset(CLIP_FIELDS)
    # A configuration of mmaction2 is a Python file.
    runs_code_of_declaration = True

    def check_declaration(self, declared: Declaration) -> None:
        if declared.origin == "source":
            suffixes = ", ".join(CHECKPOINT_SUFFIXES)
            raise ValueError(f"weights of mmaction2: a checkpoint file ({suffixes}), or random")

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        config = own_config(name, declared.id, declared.folder)
        given = {key: value for key in CLIP_FIELDS if (value := getattr(declared, key)) is not None}
        sampling = {**sampling_of(config), **given}
        missing = [key for key in CLIP_FIELDS if key not in sampling and key != _OPTIONAL]
        if missing:
            raise BadInput(
                f"network {name}: {declared.id} does not say how clips are made",
                expected=", ".join(missing),
                found=", ".join(f"{key} = {value}" for key, value in sampling.items())
                or "none of these keys",
                hint=f"set the missing keys in [networks.own.{name}]",
            )
        return {**sampling, "crop_type": "center_crop", "code": config_sha256(config["model"])}

    def check_record(self, network: Network) -> None:
        missing = [key for key in CLIP_FIELDS if getattr(network, key) is None and key != _OPTIONAL]
        if missing:
            raise ValueError(f"a network of mmaction2 needs {', '.join(missing)}")

    def build_random(self, network: Network) -> torch.nn.Module:
        """The network as its constructors initialise it: no `init_weights`, nothing is downloaded.

        Raises
        ------
        BadInput : a package that the network needs is not installed, or the wheel lacks its configuration.
        """
        _check_needs(network)
        load_mmaction()
        from mmaction.registry import MODELS
        from mmengine.registry import DefaultScope

        config = without_downloads(model_config(network))
        with DefaultScope.overwrite_default_scope("mmaction"), _quiet_construction():
            module: torch.nn.Module = MODELS.build(config)
        return module

    def build_pretrained(self, network: Network, folder: Path | None) -> torch.nn.Module:
        """The network with the weights of its checkpoint in `folder`, whose sha256 is checked.

        Raises
        ------
        BadInput : the file is missing, is not the published one, does not fit, or holds more than tensors and
            plain values.
        """
        _check_needs(network)
        refuse_missing(_missing_checkpoint(network, folder))
        checkpoint = checkpoint_file(network, folder)
        _check_checkpoint(network, checkpoint)
        return self.build_from_state(network, read_state(checkpoint, network.name), checkpoint.name)

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        return next(iter(_missing_checkpoint(network, folder)), None) if network.own is None else None

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        raise BadInput(
            f"transform of network {network.name}", expected="none: mmaction2 samples clips", found="frames"
        )

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        module(call, mode="tensor", stage="head")

    def sample_clips(self, network: Network, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from alignhouse.ingest.models.sources.mmaction2_clips import sample_clips

        return sample_clips(frames, network)

    def normalise(self, module: torch.nn.Module, parts: torch.Tensor) -> torch.Tensor:
        """The network's own preprocessor: (parts, 1, 3, frames, H, W) NCTHW or (1, frames, 3, H, W) NCHW."""
        preprocessor: Any = module.data_preprocessor
        normalised: torch.Tensor = preprocessor.preprocess(list(parts), [])[0]
        return normalised


def _missing_checkpoint(network: Network, folder: Path | None) -> list[MissingWeights]:
    file = checkpoint_file(network, folder)
    if file.is_file():
        return []
    reason = f"{network.name}: no file {file} (from {network.weights_url})"
    return [MissingWeights(reason, f"get them with `{FETCH_THEM}`")]


def _check_checkpoint(network: Network, checkpoint: Path) -> None:
    """Check the whole sha256 of a checkpoint that was downloaded here, else the start that is published."""
    seen = OnceSeen(checkpoint.parent).sha256_of(checkpoint.name)
    to = "" if checkpoint.parent == weights_folder() else f" --to {checkpoint.parent}"
    check_sha256(
        network.name,
        checkpoint,
        seen or network.weights_sha_prefix or "",
        f"download it again with `{FETCH_THEM} {network.name}{to}`",
    )


def _check_needs(network: Network) -> None:
    if network.needs and importlib.util.find_spec(network.needs) is None:
        raise BadInput(
            f"network {network.name}",
            expected=f"the package {network.needs}",
            found="not installed",
            hint=f"pip install {network.needs}, or leave the network out",
        )


@contextmanager
def _quiet_construction() -> Iterator[None]:
    """Silences TANet's log line for every parameter, and a warning about the future of meshgrid."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid: in an upcoming release")
            yield
    finally:
        logger.setLevel(level)
