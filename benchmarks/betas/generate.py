"""Writes one subject of BOLD Moments with files of the real sizes and random betas.

    python benchmarks/betas/generate.py FOLDER [--whole-brain] [--subjects 1]

The number of voxels of each part is computed from its size in the data set's manifest. A file has 4,662,349
bytes plus 32,184 bytes per voxel; 32,160 of these are the two arrays. The content of the rest is unknown in
the real files. Here it is an image object, of a class that readers may lack, and three indices per voxel.
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import sys
from pathlib import Path

import numpy as np

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile, known_files

sys.path.insert(0, str(Path(__file__).parent))
from mask_image import MaskImage

HEADER_BYTES, BYTES_A_VOXEL = 4_662_349, 32_184
OTHER_PARTS = ("BMDgeneral", "WB")
BETAS = re.compile(r"derivatives/versionB/.+/sub-01/sub-01_roi-(?P<part>.+)_betas_normalized\.pkl")


def files_of_a_subject(*, whole_brain: bool) -> dict[str, RemoteFile]:
    """Part -> file of sub-01: the 46 parts of regions, or only the whole brain."""
    found = {match["part"]: file for file in known_files() if (match := BETAS.fullmatch(file.path))}
    return {
        part: file
        for part, file in found.items()
        if (part == "WB" if whole_brain else part not in OTHER_PARTS)
    }


def write_part(path: Path, n_voxels: int, rng: np.random.Generator) -> None:
    """Write both arrays, float64 and z-scored like the real ones, and an image object."""
    content = {
        "train_data_allvoxel": rng.standard_normal((1000, 3, n_voxels)),
        "test_data_allvoxel": rng.standard_normal((102, 10, n_voxels)),
        "roi_mask": MaskImage(rng.bytes(HEADER_BYTES)),
        "voxel_indices": tuple(rng.integers(0, 91, n_voxels) for _ in range(3)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        pickle.dump(content, file, protocol=4)
    os.replace(part, path)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument(
        "--whole-brain", action="store_true", help="write the 3.5 GB file instead of the 46 others"
    )
    arguments.add_argument("--subjects", type=int, default=1)
    given = arguments.parse_args()
    total = 0
    for subject in range(1, given.subjects + 1):
        for part, file in files_of_a_subject(whole_brain=given.whole_brain).items():
            path = given.folder / file.path.replace("sub-01", f"sub-{subject:02d}")
            if not path.exists():
                n_voxels = round((file.bytes - HEADER_BYTES) / BYTES_A_VOXEL)
                write_part(path, n_voxels, np.random.default_rng([subject, *part.encode()]))
            total += path.stat().st_size
    print(f"{total:,} bytes in {given.folder}")


if __name__ == "__main__":
    main()
