"""The commands that are killed, and the studies that they start from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import duckdb
from kill_states import lose_the_duckdb_files
from mini_study import RUN, MiniStudy

from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.store import SNAPSHOT, WORKING

REPORT = ("report", "report", "--group-by", "model_type")
COPY = "backup"


@dataclass(frozen=True)
class Stage:
    """A command to kill.

    start : the finished study that it starts from. change : done to a copy of it.
    then : a command that brings the study to the same end as an undisturbed one.
    readers_see : which rows readers see at any moment of the command: "end", those of an undisturbed study at
        its end; "start or end", those of the start or of the end; "one study", the same for facts, but new
        artifacts and runs may be listed; "any", no promise.
    writes : whether the command changes the warehouse.
    repairs : whether the start has faults that the command repairs.
    result : the folder of the warehouse to compare at the end, if it is not that of the study.
    """

    name: str
    command: tuple[str, ...]
    start: str
    change: Callable[[MiniStudy, random.Random], None] = lambda study, chance: None
    then: tuple[str, ...] | None = None
    readers_see: Literal["end", "start or end", "one study", "any"] = "end"
    writes: bool = True
    repairs: bool = False
    result: str | None = None


def other_study(study: MiniStudy, chance: random.Random | None = None) -> None:
    """Settings that replace some of the rows."""
    study.change("permutations = 50", "permutations = 60")


def _lose(study: MiniStudy, chance: random.Random) -> None:
    lose_the_duckdb_files(study.warehouse)


def _damage(study: MiniStudy, chance: random.Random) -> None:
    damaged = chance.choice(sorted(study.warehouse.rglob("*.parquet")))
    content = bytearray(damaged.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    damaged.write_bytes(content)


def _litter(study: MiniStudy, chance: random.Random) -> None:
    """What killed commands leave: unfinished, unregistered and damaged files."""
    (study.warehouse / "scratch").mkdir()
    (study.warehouse / "scratch" / "half.parquet").write_bytes(b"half")
    (study.warehouse / f".{SNAPSHOT}.1.part").write_bytes(b"half")
    some = next(files(study.warehouse))
    some.with_name(f"{'0' * 20}-0.parquet").write_bytes(some.read_bytes())
    some.with_name(f"{'1' * 20}-0.parquet.damaged").write_bytes(b"damaged")


def _alter(study: MiniStudy, chance: random.Random) -> None:
    """Change one table and delete rows of another, in both DuckDB files."""
    lost = chance.choice(("alignment", "significance", "score_interval", "region_reliability"))
    for file in (WORKING, SNAPSHOT):
        with duckdb.connect(str(study.warehouse / file)) as connection:
            connection.execute("update noise_ceiling set lower = lower - 0.001")
            deleted = connection.execute(f'delete from "{lost}" where rowid % 2 = 0 returning *').fetchall()
    assert deleted


STAGES = (
    Stage("run, new warehouse", RUN, "nothing", readers_see="any"),
    Stage("run, other settings", RUN, "one study", other_study, readers_see="one study"),
    Stage("report", REPORT, "two studies and a report", writes=False),
    Stage("rebuild", ("rebuild",), "two studies"),
    Stage("rebuild, no DuckDB file", ("rebuild",), "two studies", _lose),
    Stage("rebuild --skip-damaged", ("rebuild", "--skip-damaged"), "one study", _damage, RUN, "any"),
    Stage("check", ("check",), "two studies", writes=False),
    Stage("check --repair", ("check", "--repair"), "two studies", _alter, None, "start or end", repairs=True),
    Stage("vacuum", ("vacuum",), "two studies", _litter, None, "start or end"),
    Stage("copy", ("copy", "mini.alignhouse", COPY), "two studies", writes=False, result=COPY),
)
