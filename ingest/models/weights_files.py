"""The folder of downloaded checkpoint files.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from alignhouse.ingest.models.network import Network

FETCH_THEM = "alignhouse ingest weights"
FOLDER_VARIABLE = "ALIGNHOUSE_WEIGHTS"
# torch's hub writes the first digits of a file's sha256 at the end of its name.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.pth$")


def weights_folder() -> Path:
    """The folder of checkpoints: $ALIGNHOUSE_WEIGHTS, else a folder in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "alignhouse" / "weights"


def checkpoint_file(network: Network, folder: Path | None = None) -> Path:
    """The path of a network's checkpoint in `folder`, by default in `weights_folder()`."""
    return (folder or weights_folder()) / network.weights


def torch_hub_file(address: str) -> Path:
    """Where torch's hub keeps the file of an address after the download."""
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints" / address.rsplit("/", 1)[1]


def sha_prefix_in_name(address: str) -> str | None:
    """The first digits of a file's sha256 that its address ends with, if it does."""
    digits = _HASH_IN_NAME.search(address)
    return digits[1] if digits else None
