"""Study files with the fewest keys, for tests of what the other keys do."""

from __future__ import annotations

from pathlib import Path

from alignhouse.study.file import Study, read_study

LEAST = '[brain]\npath = "betas"\n[stimuli]\npath = "videos"\n'


def study_of(folder: Path, text: str = "", least: str = LEAST) -> Study:
    """The study of a file that is written into `folder`: `least`, then `text`."""
    file = folder / "study.toml"
    file.write_text(least + text, encoding="utf-8")
    return read_study(file)
