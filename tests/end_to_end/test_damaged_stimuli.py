"""A study with damaged videos names them, before anything is stored."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from made_up_videos import write_texture
from mini_study import SCORE

from alignhouse import Warehouse
from alignhouse.ingest.stimuli import jobs


@pytest.fixture
def with_videos(study: Any) -> Any:
    """The miniature study with twelve videos instead of pictures."""
    folder = study.folder / "stimuli"
    shutil.rmtree(folder)
    for number in range(12):
        write_texture(folder / f"{1001 + number}.mp4", frames=3, size=(96, 64), seed=number)
    return study


def damage(path: Path) -> None:
    """Overwrite 40 bytes in the second frame."""
    import av

    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    content = path.read_bytes()
    start = content.find(bytes(packets[1])) + 8
    path.write_bytes(content[:start] + b"\xa5" * 40 + content[start + 40 :])
    assert path.stat().st_size == len(content)


def test_one_damaged_video_is_named_with_its_frame(with_videos: Any) -> None:
    damage(with_videos.folder / "stimuli" / "1005.mp4")
    refused = with_videos.alignhouse(*SCORE)
    assert refused.returncode == 2
    last = refused.stderr.splitlines()[-1]
    assert "1005.mp4 does not decode" in last
    assert "of 3 is damaged" in last
    assert not with_videos.warehouse.exists()


def test_several_damaged_videos_are_all_named(with_videos: Any) -> None:
    for name in ("1003", "1010"):
        damage(with_videos.folder / "stimuli" / f"{name}.mp4")
    refused = with_videos.alignhouse(*SCORE)
    assert refused.returncode == 2
    assert "2 of 12 stimuli are damaged, 1003, 1010; the first: " in refused.stderr
    assert "1003.mp4 does not decode" in refused.stderr


def test_a_finished_study_of_videos_has_nothing_to_do(with_videos: Any) -> None:
    assert with_videos.alignhouse(*SCORE).returncode == 0
    before = with_videos.state()
    again = with_videos.alignhouse(*SCORE)
    assert "Nothing to do" in again.stdout
    assert with_videos.state() == before
    damage(with_videos.folder / "stimuli" / "1007.mp4")
    assert "1007.mp4 does not decode" in with_videos.alignhouse(*SCORE).stderr
    assert with_videos.state() == before


def test_stimuli_of_an_older_inspection_are_inspected_again_and_nothing_else_is_renewed(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(jobs, "VERSION", 1)
        assert study.alignhouse(*SCORE).returncode == 0
    rows = "select * exclude artifact from stimulus order by all"
    made = "select artifact from artifact where method <> 'stimuli' order by all"
    with Warehouse.open(study.warehouse) as opened:
        inspected, others = opened.sql(rows).fetchall(), opened.sql(made).fetchall()
    assert study.alignhouse(*SCORE).returncode == 0
    with Warehouse.open(study.warehouse) as opened:
        assert opened.sql(rows).fetchall() == inspected
        assert opened.sql(made).fetchall() == others
        [(version,)] = opened.sql(
            "select method_version from artifact where method = 'stimuli' and is_current"
        ).fetchall()
    assert version == jobs.VERSION > 1


def test_damaged_videos_are_listed_and_left_out_if_the_user_says_so(with_videos: Any) -> None:
    damage(with_videos.folder / "stimuli" / "1005.mp4")
    command = ["ingest", "stimuli", "stimuli", "-w", "mini.alignhouse", "--split", "test"]
    refused = with_videos.alignhouse(*command)
    assert refused.returncode == 2
    for _ in range(2):
        taken = with_videos.alignhouse(*command, "--skip-missing")
        assert taken.returncode == 0, taken.stderr
        [line] = [line for line in taken.stderr.splitlines() if line.startswith("Left out: ")]
        assert "1005.mp4 does not decode" in line
    with Warehouse.open(with_videos.warehouse) as opened:
        rows = opened.sql("select stimulus from stimulus order by stimulus_order").fetchall()
    assert [name for (name,) in rows] == [f"{1001 + i}" for i in range(12) if i != 4]
