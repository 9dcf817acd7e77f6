"""Finds the files of networks whose RDMs or features were computed elsewhere."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.arrays.contents import SUFFIXES
from alignhouse.ingest.features.layer_order import LAYERS_FILE
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput

TORCH, TEXT = (".pt",), (".txt",)
FILE_NAMES = "file_names.txt"
"""thingsvision's list of the images that its features are of, one a line."""
_PICKLES = (".pkl", ".pickle")


def find_given(folder: Path, what: str) -> dict[str, list[Path]]:
    """The files of each network in `folder`/NETWORK, or one folder deeper; both in natural order.

    Parameters
    ----------
    what : "model RDMs" or "features of networks", for errors.

    Raises
    ------
    BadInput : the folder is missing or has no networks, or a network has no files.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected=f"{what}, one folder per network")
    networks = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if not networks:
        raise BadInput(f"no networks in {folder}", expected=f"a folder for each, with {what}")
    found = {}
    for network in sorted(networks, key=lambda path: natural_key(path.name)):
        inside = sorted(network.rglob("*"), key=lambda path: natural_key(str(path.relative_to(network))))
        found[network.name] = [path for path in inside if _is_data(path, network)]
        if not found[network.name]:
            pickled = next((path for path in inside if path.suffix.lower() in _PICKLES), None)
            raise BadInput(
                f"no {what} in {network}",
                expected=", ".join(SUFFIXES + TORCH),
                found=pickled.name if pickled else "none",
                hint="pickles are not read: save arrays as .npz" if pickled else None,
            )
    return found


def _is_data(path: Path, network: Path) -> bool:
    parts = path.relative_to(network).parts
    hidden = any(part.startswith(".") for part in parts)
    # A link that leads nowhere is a file that is missing, which is said when it is read.
    is_there = path.is_file() or (path.is_symlink() and not path.exists())
    if hidden or len(parts) > 2 or path.name == LAYERS_FILE or not is_there:
        return False
    suffix = path.suffix.lower()
    is_list = path.name == FILE_NAMES or (suffix in TEXT and path.stem.startswith("features"))
    return suffix in SUFFIXES + TORCH or is_list
