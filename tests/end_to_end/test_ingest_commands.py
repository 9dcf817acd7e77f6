"""The commands of `alignhouse ingest`, with the arguments that a user types."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from rich.console import Console

from alignhouse.cli import fetching
from alignhouse.cli.progress import ByteBars
from alignhouse.ingest.datasets.bmd.manifest import known_files
from alignhouse.ingest.downloads.outcome import Fetched
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse import Warehouse


@pytest.fixture
def test_videos(tmp_path: Path) -> Path:
    """The 102 stimuli of the test split, as pictures."""
    folder = tmp_path / "set" / "test"
    folder.mkdir(parents=True)
    for number in range(1001, 1103):
        Image.new("RGB", (8, 6), (number % 256, 0, 0)).save(folder / f"{number}.png")
    return folder.parent


def test_a_dry_run_lists_what_would_be_fetched_and_how_much_it_is(study: Any) -> None:
    options = [
        "--to",
        "data",
        "--dry-run",
        "--subjects",
        "sub-03",
        "--regions",
        "V1,IPS1-2-3",
        "--no-annotations",
    ]
    listed = study.alignhouse("ingest", "fetch", "bmd", *options)
    assert listed.returncode == 0, listed.stderr
    parts = ["lV1v", "rV1v", "lV1d", "rV1d", "lIPS1-2-3", "rIPS1-2-3"]
    lines = listed.stdout.strip().splitlines()
    sizes = {file.path: file.bytes for file in known_files()}
    total = 0
    for line, part in zip(lines[:-1], parts, strict=True):
        size, path, _ = line.split(maxsplit=2)
        assert path.endswith(f"sub-03/sub-03_roi-{part}_betas_normalized.pkl")
        assert int(size.replace(",", "")) == sizes[path]
        total += sizes[path]
    assert lines[-1] == f"6 files, {total / 1e6:.1f} MB: 0 verified, 6 to fetch ({total / 1e6:.1f} MB)"
    assert not (study.folder / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bdm"], "no data set 'bdm' can be fetched (did you mean bmd?)"),
        (["bmd", "--subjects", "sub-11"], "sub-11"),
        (["bmd", "--regions", "V9"], "unknown region 'V9'"),
        (["bmd", "--version", "A", "--regions", "MT"], "unknown region 'MT' in version A"),
    ],
)
def test_invalid_selections_are_refused_before_any_download(
    study: Any, arguments: list[str], message: str
) -> None:
    tried = study.alignhouse("ingest", "fetch", *arguments, "--to", "data")
    assert tried.returncode == 2
    assert message in tried.stderr
    assert not (study.folder / "data").exists()


def test_verified_files_are_printed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    sizes = {"a/x": 2_000_000, "a/y": 2_000_000, "a/z": 2_000_000, "b": 500}
    files = [RemoteFile(path, f"https://server/{path}", size, digest) for path, size in sizes.items()]
    done = Fetched(
        verified=files[:2],
        fetched=files[2:],
        bytes_fetched=2_000_500,
        replaced=files[3:],
        proofs=dict.fromkeys(sizes, "sha256"),
    )
    monkeypatch.setattr(fetching, "fetch", lambda *args, **options: done)
    fetching.fetch_dataset(files, tmp_path, allow_http=False, workers=2)
    printed = capsys.readouterr().out
    assert f"     3 files  {tmp_path / 'a'}" in printed
    assert f"Replaced, because its content was not the data set's: {tmp_path / 'b'}" in printed
    assert "Verified by sha256: 4 files, 6.0 MB; 2 fetched now (2.0 MB)." in printed


def test_bars_of_bytes_tell_rate_and_time_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = iter([0.0, 0.0, 2.0, 6.0, 8.0])
    monkeypatch.setattr("alignhouse.cli.progress.time.monotonic", lambda: next(clock))
    with (tmp_path / "said").open("w+") as file:
        shown = ByteBars(Console(file=file, width=100))
        shown.begin(100_000_000, 3)
        shown.advance(10_000_000)
        shown.advance(30_000_000)
        shown.file_done("one")
        file.seek(0)
        said = file.read().splitlines()
    assert said == [
        "Fetching 3 files, 100.0 MB",
        "  40.0 MB of 100.0 MB, 6.7 MB/s, 0:09 left, 0 of 3 files done",
    ]


def test_stimuli_are_registered_and_annotations_with_them(
    study: Any, test_videos: Path, test_data: Path
) -> None:
    options = ["-w", "mini.alignhouse", "--split", "test", "--annotations", str(test_data / "bmd_metadata")]
    done = study.alignhouse("ingest", "stimuli", str(test_videos), *options)
    assert done.returncode == 0, done.stderr
    with Warehouse.open(study.warehouse) as opened:
        rows = opened.sql("select * from stimulus order by stimulus_order").pl()
        sentences = opened.sql("select count(*), count(distinct stimulus) from stimulus_sentence").fetchall()
    assert rows["stimulus"].to_list() == [str(number) for number in range(1001, 1103)]
    first = rows.row(0, named=True)
    path = test_videos / "test/1001.png"
    assert first["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (first["split"], first["media"], first["frames"]) == ("test", "image", 1)
    assert (first["width"], first["height"], first["bytes"]) == (8, 6, path.stat().st_size)
    assert sentences == [(5510, 1102)]


def test_missing_videos_are_named(study: Any, test_videos: Path) -> None:
    (test_videos / "test/1050.png").unlink()
    (test_videos / "test/1102.png").unlink()
    command = ["ingest", "stimuli", str(test_videos), "-w", "mini.alignhouse", "--split", "test"]
    refused = study.alignhouse(*command)
    assert refused.returncode == 2
    assert "2 of the 102 videos" in refused.stderr
    assert "1050, 1102" in refused.stderr
    assert not study.warehouse.exists()
    taken = study.alignhouse(*command, "--skip-missing")
    assert taken.returncode == 0
    assert "Missing 2 videos: 1050, 1102" in taken.stderr
    both = study.alignhouse("ingest", "stimuli", str(test_videos), "-w", "mini.alignhouse")
    assert both.returncode == 2
    assert "1,002 of the 1,102 videos" in both.stderr


def test_a_folder_without_annotations_is_refused_and_nothing_is_kept(study: Any, test_videos: Path) -> None:
    command = ["ingest", "stimuli", str(test_videos), "-w", "mini.alignhouse", "--split", "test"]
    refused = study.alignhouse(*command, "--annotations", str(test_videos))
    assert refused.returncode == 2
    assert "no annotations in" in refused.stderr
    assert not study.warehouse.exists()


def test_a_zip_is_unpacked_once_and_its_password_kept_nowhere(study: Any, test_data: Path) -> None:
    import pyzipper

    clips = sorted((test_data / "more_clips/short102").rglob("*.mp4"))[:3]
    assert clips
    with pyzipper.AESZipFile(
        study.folder / "set.zip", "w", encryption=pyzipper.WZ_AES, compression=pyzipper.ZIP_STORED
    ) as archive:
        archive.setpassword(b"secret-word")
        for clip in clips:
            archive.write(clip, f"stimulus_set/mp4_h264/{clip.name}")
    command = ["ingest", "stimuli", "set.zip", "-w", "mini.alignhouse", "--split", "test", "--skip-missing"]
    assert "password" in study.alignhouse(*command).stderr
    assert study.alignhouse(*command, "--password", "wrong").returncode == 2
    done = study.alignhouse(*command, "--password", "secret-word")
    assert done.returncode == 0, done.stderr
    for clip in clips:
        assert (study.folder / "set/mp4_h264" / clip.name).read_bytes() == clip.read_bytes()
    with Warehouse.open(study.warehouse) as opened:
        rows = opened.sql("select stimulus, frames, fps, width from stimulus order by all").pl()
        runs = opened.sql("select command, study from run").pl()
    assert rows["stimulus"].to_list() == [clip.stem for clip in clips]
    assert set(rows["frames"]) == {8}
    assert set(rows["width"]) == {268}
    assert runs["command"].to_list() == [f"alignhouse {' '.join(command)} --password ***"]
    written = b"".join(path.read_bytes() for path in study.warehouse.rglob("*") if path.is_file())
    assert b"secret-word" not in written
    assert "Nothing to do" in study.alignhouse(*command, "--password=secret-word").stdout


def test_betas_of_simulated_brains_are_known_as_such(study: Any) -> None:
    (study.folder / "betas" / "SYNTHETIC.json").write_text("{}")
    study.alignhouse("ingest", "betas", "betas", "-w", "mini.alignhouse", "--regions", "EBA")
    study.alignhouse("ingest", "brain-rdms", "-w", "mini.alignhouse", "--regions", "EBA")
    answer = study.alignhouse(
        "ask", "reliability", "-w", "mini.alignhouse", "--format", "csv", "--out", "r.csv"
    )
    assert answer.returncode == 0, answer.stderr
    assert set(pl.read_csv(study.folder / "r.csv")["remark"]) == {"synthetic brains"}


def test_betas_that_are_not_stored_are_named(study: Any) -> None:
    empty = study.alignhouse("ingest", "brain-rdms", "-w", "mini.alignhouse", "--regions", "EBA")
    assert empty.returncode == 2
    assert "no betas of bmd, version B" in empty.stderr
    store = ["ingest", "betas", "betas", "-w", "mini.alignhouse", "--regions", "EBA", "--split", "test"]
    assert study.alignhouse(*store).returncode == 0
    for options, message in (
        (["--regions", "V1"], "no test betas of lV1v in sub-01 are stored (store them with"),
        (["--regions", "EBA", "--split", "train"], "no train betas of lEBA"),
        (["--regions", "EBA", "--subjects", "sub-09"], "no betas of sub-09"),
        (["--regions", "EBA", "--version", "A"], "no betas of bmd, version A"),
    ):
        refused = study.alignhouse("ingest", "brain-rdms", "-w", "mini.alignhouse", *options)
        assert refused.returncode == 2
        assert message in refused.stderr


def test_files_that_a_fetch_verified_are_not_hashed_again(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignhouse.ingest.downloads.destination import LEDGER
    from alignhouse.study import hashing
    from alignhouse.warehouse.hashes import Hashes
    from alignhouse.warehouse.progress import Silent

    folder = study.folder / "betas"
    paths = sorted(folder.rglob("*.pkl"))
    ledger = Hashes(folder, LEDGER)
    expected = {path: ledger.of(path) for path in paths}
    ledger.save()
    shutil.copy(paths[1], paths[0])
    expected[paths[0]] = expected[paths[1]]
    read: list[Path] = []
    plainly = hashing.Hashes.of.__defaults__[0]
    monkeypatch.setattr(hashing.Hashes.of, "__defaults__", (lambda path: read.append(path) or plainly(path),))
    assert hashing.hash_files(paths, Hashes(study.folder / "w"), Silent(), folder) == expected
    assert read == [paths[0]], "only the file that was replaced since"
