"""Checkpoint files: check their hash, read them without running code, and load them strictly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.ingest.models.checkpoint_pickles import check_pickles
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

if TYPE_CHECKING:
    import torch

_AT_MOST_NAMED = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAFETENSORS = ".safetensors"
# Where training scripts put the network's tensors in a checkpoint.
_PARTS = ("state_dict", "model")


def check_sha256(network: str, file: Path, expected: str, hint: str) -> str:
    """The sha256 of a network's weights file, checked to start with `expected`, all or part of a sha256.

    Raises
    ------
    BadInput : it starts otherwise; names both and shows `hint`.
    """
    found = sha256_of(file)
    if not found.startswith(expected):
        shown = found[: max(8, len(expected))]
        raise BadInput(
            f"weights of {network} in {file}",
            expected=f"sha256 {_cut(expected)}",
            found=_cut(shown),
            hint=hint,
        )
    return found


def sha256_of_blob(file: Path) -> str | None:
    """The sha256 that a cache of the hub gives a file as its name; None for other files, and small ones.

    The cache holds links to files that are named by their sha256, if they are large, as weights are.
    """
    name = file.resolve().name
    return name if _SHA256.fullmatch(name) else None


def check_cached_blob(network: str, file: Path, hint: str) -> None:
    """Check a file of the hub's cache against its name there; other files are not checked.

    Raises
    ------
    BadInput : the content has another sha256. The hub's client checks only sizes.
    """
    expected = sha256_of_blob(file)
    if expected is not None:
        check_sha256(network, file.resolve(), expected, hint)


def read_state(checkpoint: Path, network: str) -> dict[str, torch.Tensor]:
    """The tensors of a network's checkpoint by key. Only tensors and plain values are unpickled.

    Raises
    ------
    BadInput : the file cannot be read, holds other objects, or has no state_dict; names network and file.
    """
    try:
        return _read_state(checkpoint)
    except BadInput as error:
        error.failed += f" of network {network}"
        raise


def _read_state(checkpoint: Path) -> dict[str, torch.Tensor]:
    import torch

    if checkpoint.suffix == _SAFETENSORS:
        return _read_safetensors(checkpoint)
    if not checkpoint.is_file():
        raise BadInput(f"there is no weights file {checkpoint}")
    check_pickles(checkpoint)
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # A damaged pickle can raise any error.
        raise BadInput(
            f"weights file {checkpoint}",
            expected="a checkpoint of tensors and plain values",
            found=_first_line(error),
        ) from error
    state = content
    if isinstance(content, dict):
        state = next((content[part] for part in _PARTS if isinstance(content.get(part), dict)), content)
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise BadInput(f"weights file {checkpoint}", expected="a state_dict", found=type(content).__name__)
    return state


def load_strictly(module: torch.nn.Module, state: dict[str, torch.Tensor], network: str, file: str) -> None:
    """Load a checkpoint's tensors into a network with exactly these keys and shapes.

    Raises
    ------
    BadInput : missing keys, unexpected keys, or other shapes; names the first of them.
    """
    shapes = {key: tuple(value.shape) for key, value in module.state_dict().items() if _has_shape(value)}
    differing = [key for key in shapes if key in state and tuple(state[key].shape) != shapes[key]]
    what = f"weights of {network} in {file} do not fit the network"
    if differing:
        raise BadInput(
            what,
            expected=_some([f"{key} {shapes[key]}" for key in differing]),
            found=_some([f"{key} {tuple(state[key].shape)}" for key in differing]),
        )
    missing, unexpected = module.load_state_dict(state, strict=False)
    if missing or unexpected:
        raise BadInput(
            what,
            expected=f"also {_some(missing)}" if missing else "only the network's keys",
            found=f"also {_some(unexpected)}" if unexpected else f"{len(state)} keys",
        )


def _read_safetensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, torch.Tensor] = load_file(checkpoint)
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"weights file {checkpoint}", expected="tensors in safetensors' format", found=_first_line(error)
        ) from error
    return state


def _has_shape(value: object) -> bool:
    # A module's extra state is no tensor.
    return hasattr(value, "shape")


def _cut(digest: str) -> str:
    return digest if len(digest) == 64 else f"{digest}..."


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _some(names: list[str]) -> str:
    more = len(names) - _AT_MOST_NAMED
    return ", ".join(names[:_AT_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
