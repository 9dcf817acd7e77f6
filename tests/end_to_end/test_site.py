"""The command `site` on a miniature study, from files to pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from mini_study import NETWORKS, MiniStudy

from alignhouse.warehouse import Warehouse


def embedded(page: Path, name: str) -> dict[str, object]:
    """The data that the scripts of a page read."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_the_command_writes_the_site_of_a_study(run_once: Callable[..., MiniStudy], tmp_path: Path) -> None:
    study = run_once()
    folder = tmp_path / "site"
    done = study.alignhouse("site", str(folder), "--warehouse", str(study.warehouse))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Site: {folder}/index.html\n"
    assert {page.stem for page in (folder / "networks").iterdir()} == {
        "alexnet",
        "vit-base-patch16-224",
        "my-own",
    }
    assert {page.stem for page in (folder / "regions").iterdir()} == {"mini-v1", "mini-eba"}
    with Warehouse.open(study.warehouse) as warehouse:
        rows = warehouse.sql(
            "select model, roi, rho from best_layer where protocol = 'sound' order by roi_order"
        ).fetchall()
    board = embedded(folder / "index.html", "board")
    assert board["name"] == "mini, test, sound protocol"
    shown = {network[0]: [scores[0] for scores in network[7]] for network in board["networks"]}  # type: ignore[attr-defined]
    assert shown.keys() == set(NETWORKS)
    for name in NETWORKS:
        expected = [float(f"{rho:.6g}") for model, _, rho in rows if model == name]
        assert shown[name] == expected
    for page in folder.rglob("*.html"):
        assert "synthetic brains" in page.read_text(encoding="utf-8"), page
    # A second time there is nothing to do.
    written = (folder / "index.html").stat().st_mtime_ns
    assert study.alignhouse("site", str(folder), "-w", str(study.warehouse)).returncode == 0
    assert (folder / "index.html").stat().st_mtime_ns == written


def test_the_only_warehouse_here_needs_no_name_and_faults_are_one_line(
    run_once: Callable[..., MiniStudy], tmp_path: Path
) -> None:
    study = run_once()
    done = study.alignhouse("site", str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    for arguments, said in (
        (("-w", str(tmp_path)), "expected a folder with warehouse.duckdb"),
        (("-w", str(study.warehouse), "-w", str(study.warehouse)), "is given 2 times"),
    ):
        done = study.alignhouse("site", str(tmp_path / "other"), *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "other").exists()
