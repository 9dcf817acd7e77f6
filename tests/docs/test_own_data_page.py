"""The blocks of docs/own_data.md run in their order, in one folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import alignhouse
from documentation import ROOT, Block, blocks, run_blocks

from alignhouse.ingest.arrays.contents import SUFFIXES
from alignhouse.ingest.datasets.arrays.options import KEYS

PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")


def is_run(block: Block) -> bool:
    """Trees of folders are no commands."""
    return block.language == "python" or block.text.startswith("alignhouse init study.toml --from betas\n")


def test_the_page_runs_and_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_blocks(PAGE, tmp_path, monkeypatch, is_run) == 2
    shown = next(block.text for block in blocks(PAGE) if block.text.startswith("kind: arrays"))
    (tmp_path / "study.toml").unlink()
    done = alignhouse("init", "study.toml", "--from", "betas", folder=tmp_path)
    assert done.stdout.replace(f"{tmp_path}/", "") == shown


def test_the_page_has_every_format_and_key() -> None:
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in PAGE
    for key in KEYS:
        assert re.search(rf"\| `{key} = ", PAGE), key
