"""Where a model of transformers lies: a folder, a cached snapshot of the hub, or only a model type.

Only safetensors are used, and no code of a repository. Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.models.states import check_cached_blob, sha256_of_blob
from alignhouse.ingest.models.weights_files import cached_from_hub
from alignhouse.warehouse.errors import BadInput, error_in_words
from alignhouse.warehouse.files import sha256_of

HUB = "https://huggingface.co"
MAIN = "main"
MODEL_TYPE = "config:"
CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json")
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_SHARD = re.compile(r"[\w.-]+\.safetensors")
_SECONDS = 10.0


@dataclass(frozen=True)
class Place:
    """Where a model's files are.

    folder : with config.json; the snapshot, for a model of the hub.
    repository : name on the hub; None: a folder of the study's own.
    """

    folder: Path
    repository: str | None = None

    def processors(self) -> list[Path]:
        """The files that describe the transform; may be none."""
        return [self.folder / name for name in PROCESSORS if (self.folder / name).is_file()]

    def weights(self) -> list[Path]:
        """The safetensors files that the folder should hold; [] where it holds neither weights nor an index.

        Raises
        ------
        BadInput : the index cannot be read.
        """
        if (self.folder / _WEIGHTS).exists():
            return [self.folder / _WEIGHTS]
        return [self.folder / name for name in _shards(self.folder / _INDEX)]

    def has_weights(self) -> bool:
        files = self.weights()
        return bool(files) and all(file.is_file() for file in files)


def find_place(network: str, identifier: str, folder: Path, revision: str) -> Place:
    """The folder of a model, with its configuration and the description of its transform.

    Both are downloaded from the hub unless they are cached; weights are not.

    Raises
    ------
    BadInput : the identifier is neither a folder nor a name of the hub, there is no config.json, or the hub
        does not answer.
    """
    local = folder / identifier
    if local.is_dir():
        if not (local / CONFIG).is_file():
            raise BadInput(f"network {network}", expected=f"a configuration {local / CONFIG}", found="none")
        return Place(local)
    if not _REPOSITORY.fullmatch(identifier):
        raise BadInput(
            f"network {network}, id of transformers",
            expected=f"a folder with {CONFIG}, a name of the hub (owner/model), or {MODEL_TYPE}<model type>",
            found=identifier,
        )
    snapshot = _cached(identifier, CONFIG, revision)
    if snapshot is None or not Place(snapshot, identifier).processors():
        listed = _listed(network, identifier, revision, required=snapshot is None)
        for name in (CONFIG, *PROCESSORS):
            if name in listed.files:
                snapshot = _download(identifier, name, listed.commit).parent
    if snapshot is None:
        raise BadInput(f"network {network}: {HUB}/{identifier}", expected=CONFIG, found="none")
    return Place(snapshot, identifier)


def is_here(identifier: str, folder: Path, revision: str) -> bool:
    """Whether this machine has a model's configuration."""
    return (folder / identifier).is_dir() or _cached(identifier, CONFIG, revision) is not None


def description_sha256(place: Place | None, more: Any) -> str:
    """The sha256 of a model's configuration and of the description of its transform.

    Parameters
    ----------
    more : plain values that count too.
    """
    files = [] if place is None else [place.folder / CONFIG, *place.processors()]
    contents = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    return hashlib.sha256(json.dumps([contents, more], sort_keys=True).encode()).hexdigest()


def weights_sha256(network: str, place: Place) -> str:
    """The sha256 of the weights file, or of the sorted names and sha256 of several.

    Reads the files of a folder; the hub names its files by their sha256. Downloads nothing.

    Raises
    ------
    BadInput : there are no safetensors.
    """
    if place.repository is None or place.has_weights():
        files = checked_weights(network, place)
        digests = {file.name: sha256_of_blob(file) or sha256_of(file) for file in files}
    else:
        listed = _listed(network, place.repository, place.folder.name)
        digests = {name: listed.files[name] for name in _names_on_hub(network, place, listed)}
    if len(digests) == 1:
        return next(iter(digests.values()))
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def checked_weights(network: str, place: Place) -> list[Path]:
    """The safetensors files of a folder; each can be opened, and has its sha256 if it comes from the hub.

    Raises
    ------
    BadInput : there are none, one is missing, damaged, or of another sha256.
    """
    from safetensors import SafetensorError, safe_open

    files = place.weights()
    missing = next((file for file in files or [place.folder / _WEIGHTS] if not file.is_file()), None)
    if missing is not None:
        raise no_weights(network, place, missing)
    for file in files:
        check_cached_blob(network, file, "delete the file, and it is downloaded again from the hub")
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise BadInput(
                f"weights file {file} of network {network}",
                expected="tensors in safetensors' format",
                found=error_in_words(error),
            ) from error
    return files


def no_weights(network: str, place: Place, missing: Path) -> BadInput:
    """The error for a model without safetensors."""
    others = sorted(path.name for path in place.folder.glob("*.bin"))
    return BadInput(
        f"weights of network {network}",
        expected=missing,
        found=f"only pickles ({', '.join(others)}), which are not loaded" if others else "none",
        hint='save the model again with save_pretrained, or set weights = "random" on purpose',
    )


def download_weights(network: str, place: Place) -> None:
    """Download the safetensors of a snapshot that lacks them."""
    assert place.repository is not None
    listed = _listed(network, place.repository, place.folder.name)
    for name in _names_on_hub(network, place, listed):
        _download(place.repository, name, listed.commit)


@dataclass(frozen=True)
class _Listed:
    """What the hub lists at one commit. files : name -> sha256 of a large file, "" of a small one."""

    commit: str
    files: dict[str, str]


def _listed(network: str, repository: str, revision: str, *, required: bool = True) -> _Listed:
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=_SECONDS)
    except Exception as error:  # the hub's client also raises the errors of its HTTP library
        if not required:
            return _Listed(revision, {})
        raise BadInput(
            f"network {network}: {HUB}/{repository}",
            expected=f"the hub's list of files at {revision}",
            found=error_in_words(error),
            hint=f"connect to the hub, or give a folder, or {MODEL_TYPE}<model type> with random weights",
        ) from error
    files = {each.rfilename: each.lfs.sha256 if each.lfs else "" for each in info.siblings or []}
    return _Listed(str(info.sha), files)


def _names_on_hub(network: str, place: Place, listed: _Listed) -> list[str]:
    assert place.repository is not None
    if _WEIGHTS in listed.files:
        return [_WEIGHTS]
    names = _shards(_download(place.repository, _INDEX, listed.commit)) if _INDEX in listed.files else []
    if not names:
        raise BadInput(
            f"weights of network {network}",
            expected=f"{_WEIGHTS} in {HUB}/{place.repository}",
            found="no safetensors; pickles are not loaded",
            hint='choose another repository, or set weights = "random" on purpose',
        )
    return names


def _download(repository: str, name: str, commit: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repository, name, revision=commit))


def _cached(repository: str, name: str, revision: str) -> Path | None:
    """The cached snapshot that holds the file."""
    file = cached_from_hub(repository, [name], revision)
    return None if file is None else file.parent


def _shards(index: Path) -> list[str]:
    """The names of the files that an index lists; none where there is no index."""
    if not index.is_file():
        return []
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise BadInput(f"index of weights {index}", found=error_in_words(error)) from error
    strange = [name for name in names if not _SHARD.fullmatch(str(name))]
    if strange:
        raise BadInput(f"index of weights {index}", expected="names of safetensors files", found=strange[0])
    return names
