"""Checkpoints that are junk, or small and costly, are one clear line; torch never sees the costly ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from alignhouse.ingest.downloads.part import read_version, version_file
from alignhouse.ingest.models import checkpoint_pickles
from alignhouse.ingest.models.checkpoint_files import OnceSeen
from alignhouse.ingest.models.checkpoint_pickles import check_pickles
from alignhouse.warehouse.errors import BadInput

DEEP = b")" + b"\x85" * 150_000
SHARED = b")" + b"".join(b"q%ch%ch%c\x86" % (i, i, i) for i in range(60))


def zipped(pickle: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint in torch's zip format with this pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        file.writestr("x/data.pkl", b"\x80\x02" + pickle)
        file.writestr("x/version", "3\n")
    return content.getvalue()


def legacy(pickle: bytes) -> bytes:
    """A checkpoint in the format before the zip."""
    return b"\x80\x02K\x01." * 3 + b"\x80\x02" + pickle + b"\x80\x02]."


@pytest.mark.parametrize("packed", [zipped, legacy])
@pytest.mark.parametrize("value", [DEEP, SHARED])
@pytest.mark.parametrize("place", [b"}%bNs.", b"}(%bNu.", b"(%bNd.", b"](%be."])
def test_nested_tuples_are_refused_before_torch_hashes_them(tmp_path, packed, value, place):
    file = tmp_path / "w.pth"
    file.write_bytes(packed(place % value))
    with pytest.raises(BadInput, match=r"weights file .*w\.pth.*: .*tuples in tuples that no checkpoint has"):
        check_pickles(file)


def test_too_many_instructions_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_pickles, "MOST_INSTRUCTIONS", 1000)
    file = tmp_path / "w.pth"
    file.write_bytes(zipped(b"(" + b"]" * 2000 + b"l."))
    with pytest.raises(BadInput, match="more than 1,000 instructions"):
        check_pickles(file)


def test_compressed_members_are_refused(tmp_path):
    file = tmp_path / "w.pth"
    file.write_bytes(zipped(b"}.", zipfile.ZIP_DEFLATED))
    with pytest.raises(BadInput, match="whose members are not compressed"):
        check_pickles(file)


@pytest.mark.parametrize("old", [False, True])
def test_checkpoints_of_torch_pass(tmp_path, old):
    torch = pytest.importorskip("torch")
    from alignhouse.ingest.models.states import read_state

    file = tmp_path / "w.pth"
    content = {"meta": {"epoch": (3, (4, 5)), "name": "x"}, "state_dict": {"a": torch.ones(2, 3)}}
    torch.save(content, file, _use_new_zipfile_serialization=not old)
    check_pickles(file)
    assert read_state(file, "mine")["a"].tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "\xff", "null"])
def test_absurd_records_of_checkpoints_and_downloads_are_recognised(tmp_path, text):
    (tmp_path / "checkpoints.json").write_text(text)
    with pytest.raises(BadInput, match=r"checkpoints\.json"):
        OnceSeen(tmp_path)
    version_file(tmp_path / "x").write_text(text)
    assert read_version(tmp_path / "x") is None


JUNK = (
    b"",
    b"junk" * 100,
    b"\x00" * 500,
    b"PK\x03\x04junk",
    b"{}",
    b"\x80\x02}.",
    DEEP + b".",
    b"\x1f\x8b" * 99,
)


@pytest.mark.parametrize(
    "content", [*JUNK, *(zipped(each) for each in (b"K\x01.", b"h\x05.", b"0.", b"}", b"}K\x01Ns."))]
)
def test_a_junk_checkpoint_is_one_clear_line(tmp_path, content):
    pytest.importorskip("torch")
    from alignhouse.ingest.models.states import read_state

    file: Path = tmp_path / "w.pth"
    file.write_bytes(content)
    with pytest.raises(
        BadInput, match=r"weights file .*w\.pth of network mine: expected a (checkpoint|state_dict)"
    ) as refused:
        read_state(file, "mine")
    assert len(str(refused.value)) < 700
