"""Miniature studies with few stimuli, whose networks are functions of the user's own file."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

FEW = 4
# The beginning of a file of functions: 48 values of a picture.
TRANSFORM = """
import torch
from torch import nn


def transform(image):
    return torch.frombuffer(bytearray(image.resize((4, 4)).tobytes()), dtype=torch.uint8).view(3, 16, 1) / 255


"""


def network_study(study: Any, module: str, functions: str, *names: str, stimuli: int = FEW) -> Any:
    """Let a miniature study show few stimuli to networks of its own, instead of reading RDMs.

    Parameters
    ----------
    module : file name of the functions. A process keeps modules, so each test needs another name.
    functions : the content of the file. names : functions that build a network.
    """
    few_stimuli(study.folder, stimuli)
    study.change('rdms = "models"', 'include = []\nweights = "random"')
    (study.folder / f"{module}.py").write_text(functions, encoding="utf-8")
    own = "".join(
        f'[networks.own.{name}]\nsource = "function"\nid = "{module}:{name}"\nweights = "random"\n'
        for name in names
    )
    study.file.write_text(study.file.read_text(encoding="utf-8") + own, encoding="utf-8")
    return study


def few_stimuli(folder: Path, stimuli: int = FEW) -> None:
    """Remove the RDMs of networks, and all stimuli but the first ones."""
    shutil.rmtree(folder / "models")
    for picture in sorted((folder / "stimuli").iterdir())[stimuli:]:
        picture.unlink()
    for path in (folder / "betas").rglob("*.pkl"):
        betas = pickle.loads(path.read_bytes())
        betas["test_data_allvoxel"] = betas["test_data_allvoxel"][:stimuli]
        path.write_bytes(pickle.dumps(betas))
