"""A manifest of the complete files of a data set and their hashes, saved while the files are written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of, write_text

MANIFEST = "manifest.json"


class Ledger:
    """The manifest of a data set: its complete files with their hashes."""

    def __init__(self, folder: Path, parameters: dict[str, Any], files: dict[str, str], sources: str) -> None:
        self.folder, self.parameters, self.files, self.sources = folder, parameters, files, sources
        self.made = 0
        self._changed = False
        self._checked: dict[str, bool] = {}

    @classmethod
    def open(cls, folder: Path, parameters: dict[str, Any]) -> Ledger:
        """The ledger of a folder, new if it has none; BadInput if the folder has other data."""
        path = folder / MANIFEST
        if path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                known, files = dict(found["parameters"]), dict(found["files"])
                sources = str(found["betas_made_from"])
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(
                    f"{path} is no manifest of demo data", found=str(error), hint="move it away"
                ) from error
            if known != parameters:
                changed = sorted(
                    key for key in {*known, *parameters} if known.get(key) != parameters.get(key)
                )
                raise BadInput(
                    f"{folder} holds demo data made with other parameters",
                    expected=", ".join(f"{key} {parameters.get(key)}" for key in changed),
                    found=", ".join(f"{key} {known.get(key)}" for key in changed),
                    hint="give another folder, or delete this one",
                )
            return cls(folder, parameters, files, sources)
        if folder.exists() and (
            not folder.is_dir() or any(not _is_half_a_manifest(each) for each in folder.iterdir())
        ):
            raise BadInput(
                f"cannot write demo data into {folder}",
                expected="a new or empty folder, or earlier demo data",
                found="other files",
                hint="give another folder; nothing in it was touched",
            )
        folder.mkdir(parents=True, exist_ok=True)
        ledger = cls(folder, parameters, {}, "")
        ledger._changed = True
        ledger.save()
        return ledger

    def has(self, name: str) -> bool:
        """Whether a file exists and has the listed hash."""
        if name not in self._checked:
            path = self.folder / name
            self._checked[name] = (
                name in self.files and path.is_file() and sha256_of(path) == self.files[name]
            )
        return self._checked[name]

    def make(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file and list it, unless it exists already."""
        if self.has(name):
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        self.files[name] = sha256_of(path)
        self._checked[name] = True
        self.made += 1
        self._changed = True

    def forget_unless_from(self, under: str, sources: Sequence[str]) -> None:
        """Forget the files below a folder unless they were made from these sources as they are now."""
        now = hashlib.sha256("\n".join(self.files[name] for name in sources).encode()).hexdigest()
        if now != self.sources:
            self.files = {
                name: value for name, value in self.files.items() if not name.startswith(f"{under}/")
            }
            self._checked = {}
            self.sources = now
            self._changed = True
            self.save()

    def save(self) -> None:
        """Write the manifest atomically if it has changed."""
        if not self._changed:
            return
        content = {"parameters": self.parameters, "betas_made_from": self.sources, "files": self.files}
        write_text(self.folder / MANIFEST, json.dumps(content, indent=1, sort_keys=True) + "\n")
        self._changed = False


def _is_half_a_manifest(path: Path) -> bool:
    """Whether this is a temporary file of a process that was killed while it wrote the first manifest."""
    return path.name.startswith(f".{MANIFEST}.") and path.name.endswith(".part")
