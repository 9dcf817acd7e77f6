"""Configurations of mmaction2: those of its wheel, and those that a study names.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction, package_folder
from alignhouse.warehouse.errors import BadInput, error_in_words, near_names

_PREPROCESSOR = "ActionDataPreprocessor"


def model_config(network: Network) -> dict[str, Any]:
    """The `model` part of the network's configuration, with fixes for today's libraries."""
    config: dict[str, Any]
    if network.own is not None:
        config = own_config(network.name, network.source_id, network.own.folder)["model"]
    else:
        load_mmaction()
        from mmengine.config import Config

        path = _configurations() / network.source_id
        if not path.is_file():
            raise BadInput(f"configuration of {network.name}", expected=str(path), found="no such file")
        config = Config.fromfile(path).model.to_dict()
    backbone = config.get("backbone")
    if not isinstance(backbone, dict) or not isinstance(backbone.get("type"), str):
        return config
    if backbone["type"].startswith("timm.swin"):
        # Since 0.9 timm's Swin returns (frames, height, width, channels); the wheel's configuration is older.
        backbone.setdefault("feature_shape", "NHWC")
    if backbone["type"].startswith("torchvision."):
        # torchvision has renamed the argument. The recognizer's checkpoint includes the backbone's weights.
        backbone.pop("pretrained", None)
        backbone["weights"] = None
    return config


def own_config(network: str, name: str, folder: Path) -> dict[str, Any]:
    """The whole configuration that a study names, as plain values.

    Parameters
    ----------
    network : name of the network, for errors.
    name : path of a file in `folder`, or among the configurations of mmaction2's wheel
        ("recognition/tsn/...py").

    Raises
    ------
    BadInput : there is no such file (lists close names), it cannot be read, or its network takes no frames.
    """
    load_mmaction()
    from mmengine.config import Config

    path = folder / name
    if not path.is_file():
        path = _configurations() / name
    if not path.is_file():
        wheel = _configurations()
        known = [each.relative_to(wheel).as_posix() for each in sorted(wheel.rglob("*.py"))]
        raise BadInput(
            f"configuration of network {network}",
            expected=f"a file of {folder}, or of mmaction2's configurations",
            found=name,
            hint=near_names(name, known),
        )
    try:
        config: dict[str, Any] = Config.fromfile(path).to_dict()
    except Exception as error:  # a configuration is Python code
        raise BadInput(
            f"configuration of network {network}", expected=path, found=error_in_words(error)
        ) from error
    model = config.get("model")
    preprocessor = model.get("data_preprocessor") if isinstance(model, dict) else None
    if not isinstance(preprocessor, dict) or preprocessor.get("type") != _PREPROCESSOR:
        raise BadInput(
            f"configuration of network {network}: {path}",
            expected=f"a model whose data_preprocessor is {_PREPROCESSOR}, with mean and std",
            found="none" if preprocessor is None else preprocessor,
        )
    return config


def config_sha256(model: Mapping[str, Any]) -> str:
    """The sha256 of the `model` part of a configuration, whichever file it comes from."""
    return hashlib.sha256(json.dumps(model, sort_keys=True, default=str).encode()).hexdigest()


def without_downloads(config: Any) -> Any:
    """A copy of a configuration without the checkpoints that mmaction2 would download to initialise from."""
    if isinstance(config, Mapping):
        clean = {key: without_downloads(value) for key, value in config.items()}
        if isinstance(clean.get("pretrained"), str):
            clean["pretrained"] = None
        elif clean.get("pretrained") is True:
            clean["pretrained"] = False
        start = clean.get("init_cfg")
        if isinstance(start, Mapping) and start.get("type") == "Pretrained":
            del clean["init_cfg"]
        return clean
    if isinstance(config, (list, tuple)):
        return type(config)(without_downloads(item) for item in config)
    return config


def _configurations() -> Path:
    return package_folder() / ".mim" / "configs"
