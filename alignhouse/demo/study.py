"""The demo study: its data set and its study file, ready to run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alignhouse.demo.data import make_demo_data
from alignhouse.ingest.optional_packages import is_installed
from alignhouse.warehouse.files import write_text
from alignhouse.warehouse.progress import Progress, Silent

DATA = "demo-data"
STUDY_FILE = "demo.toml"
# What the study file says instead where mmaction2 and decord are missing.
_WITHOUT = {
    "mmaction2": {
        "Six small networks of every type (for images, for the frames of videos, for videos),": (
            "Three small networks for images (those of mmaction2 are left out: it is not installed),"
        ),
        '    "c2d_r50_pool8_mma",\n    "x3d_s",\n    "uniformer_S",\n': "",
    },
    "decord": {
        'Both shipped protocols, side by side: "sound" is the default, "paper" repeats': (
            'One protocol: "sound" is the default; "paper", left out because decord is not installed, repeats'
        ),
        'protocols = ["sound", "paper"]': 'protocols = ["sound"]',
    },
}


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
        write_text(study_file, study_text())
    return study_file


def study_text() -> str:
    """The demo's study file, without the networks and the protocol whose packages are not installed here."""
    text = files("alignhouse.demo").joinpath("study.toml").read_text(encoding="utf-8")
    for package, changes in _WITHOUT.items():
        if not is_installed(package):
            for usual, other in changes.items():
                text = text.replace(usual, other)
    return text
