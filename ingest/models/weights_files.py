"""The folder of downloaded checkpoint files.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import os
from pathlib import Path

from alignhouse.ingest.models.network import Network

FETCH_THEM = "alignhouse ingest weights"
FOLDER_VARIABLE = "ALIGNHOUSE_WEIGHTS"


def weights_folder() -> Path:
    """The folder of checkpoints: $ALIGNHOUSE_WEIGHTS, else a folder in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "alignhouse" / "weights"


def checkpoint_file(network: Network, folder: Path | None = None) -> Path:
    """The path of a network's checkpoint in `folder`, by default in `weights_folder()`."""
    return (folder or weights_folder()) / network.weights
