"""The code of docs/nsd.md writes the images under the names that trials have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from documentation import ROOT, blocks
from nsd_files import N_SHARED, write_design
from PIL import Image

from alignhouse.ingest.datasets.nsd.data_set import NSD


def test_exported_images_have_the_names_of_the_design(tmp_path: Path) -> None:
    write_design(tmp_path)
    path = tmp_path / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        images = file.create_dataset("imgBrick", (73_000, 4, 4, 3), np.uint8, chunks=(1, 4, 4, 3))
        images[70_000:] = 9
    [code] = [
        block.text
        for block in blocks((ROOT / "docs" / "nsd.md").read_text(encoding="utf-8"))
        if block.language == "python"
    ]
    names: dict[str, Any] = {}
    exec(code, names)
    names["export_images"](tmp_path, tmp_path / "images")
    found = NSD.stimuli_of_study(tmp_path / "images", "test", tmp_path)
    assert len(found) == N_SHARED
    for stimulus in found:
        # nsd-70001 is the image with index 70,000.
        expected = 9 if int(stimulus.name[4:]) > 70_000 else 0
        assert np.unique(np.asarray(Image.open(stimulus.path))).tolist() == [expected]
