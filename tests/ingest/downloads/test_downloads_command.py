"""`alignhouse ingest fetch` with the shipped manifest, from a server that has some of the real files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import FileServer

from alignhouse.cli.app import main
from alignhouse.ingest.datasets.bmd.manifest import FOLDER

METADATA = "derivatives/stimuli_metadata/"
REAL = ("README.txt", "annotations_fieldnames.json", "llm_frame_annotations.json")


@pytest.fixture
def real(server: FileServer, test_data: Path) -> Path:
    """Serves real annotations at the data set's paths; returns the folder of the originals."""
    for name in REAL:
        server.put(f"{FOLDER}/{METADATA}{name}", (test_data / "bmd_metadata" / name).read_bytes())
    return test_data / "bmd_metadata"


@pytest.fixture
def fetch(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; returns its exit code, output and errors."""

    def run(*options: str, endpoint_url: str = "") -> tuple[int, str, str]:
        command = ["alignhouse", "ingest", "fetch", "bmd", "--to", str(tmp_path / "bmd")]
        command += ["--subjects", "sub-01", "--regions", "V3v", "--endpoint-url", endpoint_url or server.url]
        monkeypatch.setattr(sys, "argv", [*command, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_real_files_are_verified_and_those_that_the_server_lacks_are_named(server, real, fetch, tmp_path):
    code, out, err = fetch()
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert "8 of 11 files could not be downloaded" in last
    assert "3 files are verified and safe" in last
    assert "Verified by sha256: 3 files" in out
    for name in REAL:
        assert (tmp_path / "bmd" / METADATA / name).read_bytes() == (real / name).read_bytes()
    in_b = "derivatives/versionB/MNI152/prepared_allvoxel_pkl"
    wanted = f"openneuro.org/ds005165/{in_b}/sub-01/sub-01_roi-lV3v_betas_normalized.pkl"
    assert (wanted, None) in server.gets()
    server.asked.clear()
    fetch()
    assert len(server.gets()) == 8
    verified = {f"{FOLDER}/{METADATA}{name}" for name in REAL}
    assert not verified & {path for path, _ in server.gets()}


def test_a_dry_run_lists_files_that_are_already_verified(server, real, fetch):
    fetch()
    server.asked.clear()
    code, out, _ = fetch("--dry-run")
    assert code == 0
    assert server.asked == []
    verified = [line.split()[1] for line in out.splitlines() if line.endswith("(verified)")]
    assert verified == [METADATA + name for name in REAL]
    listed = {path: int(size.replace(",", "")) for size, path, *_ in map(str.split, out.splitlines()[:-1])}
    left = sum(listed.values()) - sum((real / name).stat().st_size for name in REAL)
    assert out.splitlines()[-1] == (
        f"11 files, {sum(listed.values()) / 1e6:.1f} MB: 3 verified, 8 to fetch ({left / 1e6:.1f} MB)"
    )


def test_a_server_that_is_not_there_is_an_error_of_one_line(fetch):
    code, _, err = fetch(endpoint_url="http://127.0.0.1:9")
    assert code == 2
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("alignhouse: ")
    assert "Connection refused" in err.strip().splitlines()[-1]


@pytest.mark.parametrize("url", ["ftp://mirror", "mirror", "https://user:secret@mirror"])
def test_a_mirror_that_is_not_a_web_address_is_refused(fetch, tmp_path, url):
    code, _, err = fetch(endpoint_url=url)
    assert code == 2
    assert err.startswith("alignhouse: address of the mirror: expected ")
    assert "secret" not in err
    assert not (tmp_path / "bmd").exists()
