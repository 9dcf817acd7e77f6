"""The folder of downloaded checkpoint files.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
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


def cached_from_hub(repository: str, names: Iterable[str], revision: str | None = None) -> Path | None:
    """The first of these files of a repository in the cache of the Hugging Face hub; None if it has none."""
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repository, name, revision=revision) for name in names)
    # A file that the hub is known to lack is no path either.
    return next((Path(path) for path in found if isinstance(path, str)), None)


def torch_hub_file(address: str) -> Path:
    """Where torch's hub keeps the file of an address after the download."""
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints" / address.rsplit("/", 1)[1]


def sha_prefix_in_name(address: str) -> str | None:
    """The first digits of a file's sha256 that its address ends with, if it does."""
    digits = _HASH_IN_NAME.search(address)
    return digits[1] if digits else None
