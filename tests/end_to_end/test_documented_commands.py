"""Every command of README.md and of the documentation runs, on a warehouse with names of the demo.

docs/recipes.md and docs/own_data.md have tests of their own, in tests/docs. Blocks that cannot run say why,
`<!-- not run: reason -->`. tests/docs checks that their commands and options exist.
"""

from __future__ import annotations

import shlex
import shutil
import tomllib
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from command_line import alignhouse
from documentation import COMMANDS, ROOT, Block, blocks, run_blocks
from mini_study import MiniStudy

from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.jobs import model_name
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.questions import questions
from alignhouse.warehouse.reader import SNAPSHOT

DEMO = tomllib.loads(files("alignhouse.demo").joinpath("study.toml").read_text(encoding="utf-8"))
DEMO_NETWORKS = [model_name(name, "random", 0) for name in DEMO["networks"]["include"]]
# Questions whose answer is empty in the demo, with the reason.
EMPTY = {
    "beyond_controls": "the demo has no controls",
    "controls": "the demo has no controls",
    "encoding": "the demo encodes no voxels",
    "frame_order": "the demo has no controls",
    "coverage": "all subjects of the demo saw all stimuli",
    "hemispheres": "the demo merges the hemispheres",
    "measure_agreement": "the demo has one measure",
    "replication": "the demo has one data set",
    "results": "nobody has added a statistic",
    "training_effect": "the demo has untrained networks only",
    "unfinished": "nothing is",
    "variance_partition": "the demo has no controls",
}


def has_commands(block: Block) -> bool:
    """Whether a block shows commands of alignhouse, or Python that uses a warehouse of the demo."""
    if block.language == "python":
        return "demo.alignhouse" in block.text
    return block.language == COMMANDS and any(
        line.startswith("alignhouse") for line in block.text.splitlines()
    )


# These are run from their first block to their last.
IN_ORDER = ("recipes.md", "own_data.md")
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if page.name not in ("recipes.md", "own_data.md")
    and any(map(has_commands, blocks(page.read_text(encoding="utf-8"))))
]


@pytest.fixture(scope="module")
def finished_demo(run_once: Callable[..., MiniStudy], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `demo.alignhouse`: the miniature study with names of the demo's networks and data set.

    Tests only read it, or copy it.
    """
    study = MiniStudy(Path(shutil.copytree(run_once().folder, tmp_path_factory.mktemp("demo") / "study")))
    warehouse = study.warehouse.rename(study.folder / "demo.alignhouse")
    new_names = {
        ("model", "AlexNet"): "AlexNet-random0",
        ("model", "vit_base_patch16_224"): "cait_xxs24_224-random0",
        ("model", "my_own"): "ResNet34-random0",
        ("dataset", "mini"): DEMO["brain"]["dataset"],
    }
    with duckdb.connect(str(warehouse / SNAPSHOT)) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns()"
            " inner join duckdb_tables() using (table_name)"
            " where column_name in ('model', 'dataset', 'model_a', 'model_b')"
        ).fetchall()
        for table, column in columns:
            for (kind, old), new in new_names.items():
                if column.startswith(kind):
                    change = f"update {table} set {column} = $new where {column} = $old"
                    connection.execute(change, {"old": old, "new": new})
    return study.folder


@pytest.fixture
def demo(finished_demo: Path, tmp_path: Path) -> Path:
    """A copy of the demo."""
    return Path(shutil.copytree(finished_demo, tmp_path / "demo"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_commands_of_a_page_run(page: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    shown = [each for each in blocks(text) if has_commands(each)]
    assert run_blocks(text, demo, monkeypatch, has_commands) == sum(not each.not_run for each in shown)


def test_the_readme_and_figures_have_commands_that_run() -> None:
    counts = {
        page.name: sum(
            len(each.text.splitlines())
            for each in blocks(page.read_text(encoding="utf-8"))
            if has_commands(each) and not each.not_run
        )
        for page in PAGES
    }
    assert counts["README.md"] >= 15
    assert counts["figures.md"] >= 3


def test_every_question_has_an_example_that_finds_something(finished_demo: Path) -> None:
    for each in questions().values():
        words = shlex.split(each.example)
        assert words[:3] == ["alignhouse", "ask", each.name]
        done = alignhouse(*words[1:], folder=finished_demo)
        assert done.returncode == 0, f"{each.example}: {done.stderr}"
        assert ("Nothing found" in done.stderr) == (each.name in EMPTY), each.example


def test_names_in_examples_are_those_of_the_demo(finished_demo: Path) -> None:
    known = data_set("bmd").regions("study", DEMO["brain"]["version"], None)
    allowed = {
        "--model": DEMO_NETWORKS,
        "--a": DEMO_NETWORKS,
        "--b": DEMO_NETWORKS,
        "--roi": [region.name for region in known],
        "--roi-group": [region.group for region in known],
        "--dataset": [DEMO["brain"]["dataset"]],
        "--protocol": DEMO["analysis"]["protocols"],
        "--other": DEMO["analysis"]["protocols"],
        "--split": [DEMO["brain"]["split"]],
    }
    readme = [each for each in blocks((ROOT / "README.md").read_text(encoding="utf-8")) if has_commands(each)]
    lines = [line for each in readme if not each.not_run for line in each.text.splitlines()]
    used = 0
    for example in [*lines, *(each.example for each in questions().values())]:
        words = shlex.split(example, comments=True)
        for option, value in pairwise(words):
            if option in allowed:
                assert value in allowed[option], example
                used += 1
    assert used > 15
    with Warehouse.open(finished_demo / "demo.alignhouse") as opened:
        assert set(opened.known("model", "model")) <= set(DEMO_NETWORKS)
