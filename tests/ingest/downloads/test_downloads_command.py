"""`alignhouse ingest fetch` with the shipped manifest, against a server that has some of the real files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alignhouse.ingest.downloads import s3

FOLDER = "derivatives/stimuli_metadata/"
REAL = ("README.txt", "annotations_fieldnames.json", "llm_frame_annotations.json")


@pytest.fixture
def real(server, test_data: Path) -> Path:
    """Puts real annotations where the data set has them; gives the folder that they come from."""
    server.prefix = s3.PREFIX
    for name in REAL:
        server.put(FOLDER + name, (test_data / "bmd_metadata" / name).read_bytes())
    return test_data / "bmd_metadata"


def fetch(server, to: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alignhouse", "ingest", "fetch", "bmd", "--to", str(to)]
    command += ["--subjects", "sub-01", "--regions", "V3v", "--endpoint-url", server.url, *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_real_files_are_verified_and_those_that_the_server_lacks_are_named(server, real, tmp_path):
    first = fetch(server, tmp_path / "bmd")
    assert first.returncode == 2
    last = first.stderr.strip().splitlines()[-1]
    assert "8 of 11 files could not be fetched" in last
    assert "3 files are verified and safe" in last
    assert "Verified by sha256: 3 files" in first.stdout
    for name in REAL:
        assert (tmp_path / "bmd" / FOLDER / name).read_bytes() == (real / name).read_bytes()
    asked = {path for path, _ in server.gets}
    assert (
        "derivatives/versionB/MNI152/prepared_allvoxel_pkl/sub-01/sub-01_roi-lV3v_betas_normalized.pkl"
        in asked
    )
    server.gets.clear()
    fetch(server, tmp_path / "bmd")
    assert not {FOLDER + name for name in REAL} & {path for path, _ in server.gets}, "verified already"


def test_a_dry_run_tells_what_is_verified_already(server, real, tmp_path):
    fetch(server, tmp_path / "bmd")
    server.gets.clear()
    dry = fetch(server, tmp_path / "bmd", "--dry-run")
    assert dry.returncode == 0
    assert server.gets == []
    verified = [line.split()[1] for line in dry.stdout.splitlines() if line.endswith("(verified)")]
    assert verified == [FOLDER + name for name in REAL]
    listed = {
        path: int(size.replace(",", "")) for size, path, *_ in map(str.split, dry.stdout.splitlines()[:-1])
    }
    left = sum(listed.values()) - sum((real / name).stat().st_size for name in REAL)
    assert dry.stdout.splitlines()[-1] == (
        f"11 files, {sum(listed.values()) / 1e6:.1f} MB: 3 verified, 8 to fetch ({left / 1e6:.1f} MB)"
    )
