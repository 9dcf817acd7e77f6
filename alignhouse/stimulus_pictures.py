"""Pictures of stimuli from a folder that the user names, for the thumbnails of figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.warehouse.errors import BadInput, some_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class StimulusFolder:
    """Reads stimuli that are in a folder, or in the folders directly in it, by their names.

    Files are found by listing the folder: no path from a warehouse is opened.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def __call__(self, wanted: Mapping[str, str | None]) -> dict[str, NDArray[np.uint8]]:
        """Stimulus -> its RGB picture (height, width, 3), uint8, of those of `wanted` that the folder has.

        An image as it is; of a video, the middle frame, or that of its first 500 frames.

        Parameters
        ----------
        wanted : stimulus -> the sha256 of its file; None if it is not recorded.

        Raises
        ------
        BadInput : the folder does not exist, or has none of the stimuli; a file does not decode, or has
            another hash; or two files have the name of a stimulus without a recorded hash.
        """
        files = self._files()
        if files.keys().isdisjoint(wanted):
            raise BadInput(
                f"none of the stimuli is in {self._folder}",
                expected=f"images or videos called {some_names(list(wanted), 3)}",
                found=f"{some_names(list(files), 3)}" if files else "no images or videos",
                hint="name the folder of the stimuli",
            )
        return {
            name: _picture(self._chosen(name, files[name], sha256))
            for name, sha256 in wanted.items()
            if name in files
        }

    def _files(self) -> dict[str, list[Path]]:
        """Stimulus -> its files, sorted."""
        from alignhouse.ingest.stimuli.videos import media_files

        if not self._folder.is_dir():
            raise BadInput(f"there is no folder {self._folder}", expected="the folder of the stimuli")
        folders = [self._folder, *(each for each in self._folder.iterdir() if each.is_dir())]
        files: dict[str, list[Path]] = {}
        for path in sorted(path for folder in folders for path, _ in media_files(folder)):
            files.setdefault(path.stem, []).append(path)
        return files

    def _chosen(self, name: str, files: list[Path], sha256: str | None) -> Path:
        from alignhouse.warehouse.files import sha256_of

        if sha256 is None:
            if len(files) > 1:
                raise BadInput(
                    f"two files are called {name}",
                    expected="one file",
                    found=" and ".join(map(str, files[:2])),
                )
            return files[0]
        hashes = {path: sha256_of(path) for path in files}
        same = [path for path, found in hashes.items() if found == sha256]
        if not same:
            raise BadInput(
                f"{files[0]} is not the stimulus {name} of the warehouse",
                expected=f"sha256 {sha256[:12]}",
                found=hashes[files[0]][:12],
                hint="name the folder with the files that the study used",
            )
        return same[0]


def _picture(path: Path) -> NDArray[np.uint8]:
    from alignhouse.ingest.stimuli.pictures import read_middle_picture
    from alignhouse.ingest.stimuli.videos import is_image, read_frames

    if not is_image(path):
        return read_middle_picture(path)
    picture: NDArray[np.uint8] = read_frames(path)[0]
    return picture
