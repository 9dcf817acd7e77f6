"""The layers of the package: each imports only from lower layers, and light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from imported_modules import imported_modules

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "sql": set(),
    "warehouse": {"warehouse"},
    "ingest": {"ingest", "warehouse"},
    "analysis": {"analysis", "warehouse"},
    "alignhouse": {"alignhouse", "analysis", "ingest", "warehouse"},
}
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "mmaction",
    "mmcv",
    "mmengine",
    "decord",
    "av",
    "plotnine",
    "matplotlib",
)


ROOMS = ("sql", "warehouse", "ingest", "analysis")


# Folders of a room from the lowest layer up: a folder imports only from lower layers.
STACKS: dict[str, list[tuple[str, ...]]] = {
    "analysis": [("kernels",), ("statistics",), ("jobs",), ("figures",), ("report",), ("site",)],
    "ingest": [
        ("arrays", "downloads", "optional_packages", "stimuli", "inner_products"),
        ("rdm",),
        ("betas", "controls"),
        ("datasets",),
        ("models",),
        ("features",),
    ],
}


def python_files(*folders: str) -> list[Path]:
    """Every Python file of some folders once; links inside the package are not followed."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def room_of(module: str) -> str:
    """The room that a module of the package is in; "" for other libraries."""
    parts = module.split(".")
    if parts[0] != "alignhouse":
        return ""
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "alignhouse"


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_floors_below_it(room: str) -> None:
    files = python_files(room)
    assert files
    faults = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_modules(path)
        if module != "alignhouse" and room_of(module) and room_of(module) not in MAY_IMPORT[room]
    ]
    assert not faults


@pytest.mark.parametrize("room", ["analysis", "ingest"])
def test_the_folders_of_a_room_import_downwards_only(room: str) -> None:
    floor = {folder: number for number, folders in enumerate(STACKS[room]) for folder in folders}
    faults = set()
    for path in python_files(room):
        own = path.relative_to(ROOT / room).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in floor, f"{path.relative_to(ROOT)} is on no floor"
        for module in imported_modules(path):
            parts = module.split(".")
            other = parts[2] if parts[:2] == ["alignhouse", room] and len(parts) > 2 else own
            if other != own and floor[other] >= floor[own]:
                faults.add(f"{path.relative_to(ROOT)} imports {'.'.join(parts[:4])}")
    assert sorted(faults) == []


def test_the_house_has_one_name() -> None:
    """A bare `import analysis` would find a user's own folder of that name, or nothing."""
    faults = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("alignhouse", *ROOMS, "tests", "benchmarks", "examples")
        for module in imported_modules(path)
        if module.split(".")[0] in {*ROOMS, "tests", "benchmarks"}
    ]
    assert not faults


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_are_linked_into_the_package(room: str) -> None:
    link = ROOT / "alignhouse" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room


def test_the_top_floor_writes_no_sql_and_builds_no_arrow() -> None:
    """Commands only pass on SQL from the user; SQL of their own would duplicate the schema."""
    faults = []
    for path in python_files("alignhouse"):
        if "pyarrow" in {module.split(".")[0] for module in imported_modules(path)}:
            faults.append(f"{path.relative_to(ROOT)} imports pyarrow")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            literal = any(isinstance(each, ast.Constant | ast.JoinedStr) for each in node.args)
            if node.func.attr in ("sql", "execute") and literal:
                faults.append(f"{path.relative_to(ROOT)}, line {node.lineno}: SQL")
    assert not faults


def test_the_sql_floor_knows_no_python() -> None:
    [only] = (ROOT / "sql").rglob("*.py")
    assert [type(node) for node in ast.parse(only.read_text(encoding="utf-8")).body] == [ast.Expr]


def test_a_file_is_one_room() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files(*MAY_IMPORT)}
    assert {path for path, length in lengths.items() if length > 400} == set()


FIGURES = [
    f"alignhouse.analysis.figures.{path.stem}" for path in (ROOT / "analysis" / "figures").glob("[a-z]*.py")
]
# From light to heavy: one process imports one after the other, and says what each one loaded.
IMPORTS = (
    ("alignhouse", HEAVY),
    # Loading them would take longer than everything else that a study with nothing to do does.
    ("alignhouse.study.run", (*HEAVY, "pandas", "scipy")),
    (", ".join([*FIGURES, "alignhouse.analysis.report.page"]), (*HEAVY, "pandas", "jinja2")),
    ("alignhouse.cli.app", HEAVY),
    ("alignhouse.warehouse, alignhouse.analysis", HEAVY),
    ("alignhouse.ingest", HEAVY),
)


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys\n" + "".join(
        f"import {modules}\nprint({modules!r}, sorted(set({heavy!r}) & set(sys.modules)))\n"
        for modules, heavy in IMPORTS
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{modules} []" for modules, _ in IMPORTS]


def test_the_command_line_works_without_the_networks() -> None:
    commands = (["--help"], ["run", "--help"], ["ask"], ["ask", "best_layer", "--help"], ["figure"])
    missing = [name for name in HEAVY if name not in ("plotnine", "matplotlib")]
    code = (
        f"import sys\nsys.modules.update(dict.fromkeys({missing!r}))\n"
        "from alignhouse.cli.app import main\n"
        f"for sys.argv[1:] in {commands!r}:\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        assert not ended.code, (sys.argv, ended.code)\n"
        "    print('END OF COMMAND')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    *said, rest = done.stdout.split("END OF COMMAND\n")
    assert [len(each.splitlines()) > 3 for each in said] == [True] * len(commands)
    assert rest == ""


def test_what_needs_a_missing_package_says_which_and_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "stimuli").mkdir()
    for number in range(4):
        (tmp_path / "stimuli" / f"{number}.mp4").write_bytes(b"")
    (tmp_path / "study.toml").write_text(
        '[brain]\nkind = "rdms"\npath = "."\nconditions = "stimulus_order"\n[stimuli]\npath = "stimuli"\n'
    )
    np.save(tmp_path / "V1_RDMs.npy", np.random.default_rng(0).random((3, 6)))
    code = (
        "import sys\nsys.modules['av'] = None\nfrom alignhouse.cli.app import main\n"
        f"sys.argv[1:] = ['run', {str(tmp_path / 'study.toml')!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("alignhouse: the package av is not installed")
    assert "alignhouse[networks]" in done.stderr
