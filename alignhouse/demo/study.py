"""The demo study: its data set and its study file, ready to run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alignhouse.demo.data import make_demo_data
from alignhouse.warehouse.files import write_text
from alignhouse.warehouse.progress import Progress, Silent

DATA = "demo-data"
STUDY_FILE = "demo.toml"


def make_demo_study(folder: Path, *, progress: Progress | None = None) -> Path:
    """Write the demo's data set and study file into `folder`; existing files are kept.

    Returns the path of the study file. A study file that the user has changed is kept, too.
    """
    shown = progress or Silent()
    stage = ""

    def step(what: str, done: int, total: int) -> None:
        nonlocal stage
        if what != stage:
            stage = what
            shown.stage(f"Demo data, {what}", total, 0)
        shown.job_done()

    folder.mkdir(parents=True, exist_ok=True)
    make_demo_data(folder / DATA, progress=step)
    study_file = folder / STUDY_FILE
    if not study_file.exists():
        text = files("alignhouse.demo").joinpath("study.toml").read_text(encoding="utf-8")
        write_text(study_file, text)
    return study_file
