"""Adds to a warehouse what others hold, if none of them contradicts it; all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.checks import FILES_AT_ONCE, rule_faults
from alignhouse.warehouse.contents import Contents, rows_shown
from alignhouse.warehouse.copies import MOST_TRIES, copy_artifact, snapshot_state
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.files import inside, move_into_place, require_free_space
from alignhouse.warehouse.history import apply_entry, rising_times
from alignhouse.warehouse.journal import Entry
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.merge_plan import Merged, MergePlan, merged_by, plan_merge
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.reading import open_snapshot
from alignhouse.warehouse.rebuild import not_as_registered, some_of
from alignhouse.warehouse.received import open_named, open_source
from alignhouse.warehouse.results import fault_of_content, is_of_result
from alignhouse.warehouse.runs import run_facts
from alignhouse.warehouse.store import Writer, newest_file
from alignhouse.warehouse.verified import content_hash, verify

CONFLICT_HINT = (
    "keep the warehouses apart, or run one study again with the settings and inputs of the other, then merge"
)


class Conflicting(BadInput):
    """Warehouses contradict each other. conflicts : one line for each contradiction."""

    def __init__(self, target: Path, conflicts: Sequence[str]) -> None:
        self.conflicts = list(conflicts)
        super().__init__(
            f"nothing was merged into {target}: {len(conflicts)} conflicts",
            found="; ".join(some_of(conflicts)),
            hint=CONFLICT_HINT,
        )


def merge_warehouses(
    target: Path, sources: Sequence[Path], command: str, progress: Progress | None = None
) -> Merged:
    """Add all that other warehouses hold to `target`; all or nothing. Repeat it after a kill at any moment.

    First, everything is compared. Then artifacts are copied and compared with their hashes. Then all are
    registered in one transaction, as one finished run, and readers get one new snapshot. The sources are
    read from their published snapshots, so that others can write to them meanwhile.

    Artifacts that a source keeps without showing any row of their jobs are not added.

    Raises
    ------
    BadInput : a folder has no warehouse, one is named twice, or the disk is too small.
    Conflicting : warehouses contradict each other; names all of it. See `merge_plan.plan_merge`.
    BrokenWarehouse : artifacts or records of a source are damaged, missing or not its own, or a rule of
        `sql/checks` would be broken.
    WarehouseLocked : another process writes to `target`.
    """
    progress = progress or Silent()
    _refuse_places(target, sources)
    with Writer(target, command) as writer:
        placed: list[Path] = []
        try:
            plan, origins = _copied(writer, sources, placed, progress)
            if plan.new:
                _register(writer, plan, run_facts(command, {"merged": origins}), progress)
        except Exception:
            for path in placed:
                path.unlink(missing_ok=True)
            raise
    return merged_by(plan)


def to_merge(target: Path, sources: Sequence[Path], command: str) -> Merged:
    """What `merge_warehouses` would add now, and the conflicts; reads no artifact and changes nothing.

    Raises
    ------
    BadInput, BrokenWarehouse, WarehouseLocked : as `merge_warehouses`, as far as records show it.
    """
    _refuse_places(target, sources)
    with (
        writing(target, command),
        open_snapshot(target / newest_file(target)) as connection,
        _opened(sources) as opened,
    ):
        return merged_by(plan_merge(Contents(target, connection), opened))


def _refuse_places(target: Path, sources: Sequence[Path]) -> None:
    """Refuse folders without a warehouse, and a warehouse that is named twice."""
    seen: set[Path] = set()
    for folder in (target, *sources):
        with open_named(folder):
            pass
        if folder.resolve() in seen:
            raise BadInput(f"warehouse {folder} is named twice", expected="different warehouses")
        seen.add(folder.resolve())


@contextmanager
def _opened(sources: Sequence[Path]) -> Iterator[list[Contents]]:
    with ExitStack() as stack:
        yield [stack.enter_context(open_source(folder)) for folder in sources]


def _copied(
    writer: Writer, sources: Sequence[Path], placed: list[Path], progress: Progress
) -> tuple[MergePlan, list[dict[str, Any]]]:
    """Plan the merge and copy the new artifacts into place; again if a vacuum removes some meanwhile.

    placed : the copied files are added. Also returns where the artifacts come from, for the table `run`.
    """
    for _ in range(MOST_TRIES):
        states = {folder: snapshot_state(folder) for folder in sources}
        with _opened(sources) as opened:
            plan = plan_merge(Contents(writer.folder, writer.connection), opened)
            if plan.conflicts:
                raise Conflicting(writer.folder, plan.conflicts)
            origins = [_origin(each, plan.new) for each in opened]
            faults = _copy(writer.folder, plan.new, placed, progress)
        if not faults:
            return plan, origins
        changed = [folder for folder, state in states.items() if snapshot_state(folder) != state]
        if not changed:
            raise not_as_registered(
                f"nothing was merged into {writer.folder}",
                faults,
                "restore them, or run `alignhouse rebuild --skip-damaged` there and then its study",
            )
        progress.say("Artifacts were removed meanwhile; comparing with the newer snapshot.")
    raise BrokenWarehouse(
        f"nothing was merged into {writer.folder}",
        found=f"artifacts were removed during each of {MOST_TRIES} attempts",
        hint="merge when no vacuum is running",
    )


def _origin(source: Contents, new: Sequence[Artifact]) -> dict[str, Any]:
    """A source and its runs that registered the new artifacts, for the column `study` of the run."""
    added = [each.artifact for each in new if each.root == source.folder]
    runs = sorted({source.runs[name] for name in added})
    return {
        "warehouse": str(source.folder),
        "artifacts": len(added),
        "runs": [{"run": run, "command": source.commands.get(run, "")} for run in runs],
    }


def _copy(target: Path, new: Sequence[Artifact], placed: list[Path], progress: Progress) -> dict[str, str]:
    """Copy artifacts into place and add them to `placed`; returns what is wrong with the others."""
    todo = _to_copy(target, new)
    size = sum(each.bytes for each, _ in todo)
    rows = sum((root / SNAPSHOT).stat().st_size for root in {each.root for each in new})
    # The rows go into the writer's file and into the snapshot.
    require_free_space(target, size + 2 * rows, "for the merge", "free some, or move the warehouse")
    progress.stage("Copying artifacts", len(todo), len(new) - len(todo))
    faults: dict[str, str] = {}
    for each, file in todo:
        progress.job(each.path)
        part = target / artifacts.SCRATCH / file.name
        fault = copy_artifact(each.root, each.path, each.sha256, each.bytes, part, progress)
        if fault is None:
            placed.append(file)
            move_into_place(part, file)
        else:
            faults[str(each.file)] = fault
        progress.job_done()
    return faults


def _to_copy(target: Path, new: Sequence[Artifact]) -> list[tuple[Artifact, Path]]:
    """The artifacts whose files the target does not have yet, with their places.

    A killed merge leaves complete files, which are not copied again.
    """
    todo, faults = [], []
    for each in new:
        file = inside(target, each.path)
        if file is None or file.is_symlink():
            faults.append(f"{each.path} (it lies behind a link)")
        elif not file.exists():
            todo.append((each, file))
        elif content_hash(file) != each.sha256:
            faults.append(f"{each.path} (another file is there, which is not registered)")
    if faults:
        raise BadInput(
            f"nothing was merged into {target}",
            expected=f"free places in {target}",
            found="; ".join(some_of(faults)),
            hint="links are not followed; `alignhouse vacuum` removes files that are not registered",
        )
    return todo


def _register(writer: Writer, plan: MergePlan, facts: Mapping[str, str], progress: Progress) -> None:
    """Register all artifacts of a plan in one transaction, as one run."""
    loaded = _loaded(writer.folder, plan)
    entries = _entries(writer.next_run(), plan, facts)
    progress.stage("Registering artifacts", sum(map(len, plan.in_order)), 0)
    with writer.committing(*entries):
        for entry in entries:
            apply_entry(writer.connection, entry, loaded)
            for _ in entry.get("registered", ()):
                progress.job_done()
        _refuse_other_rows(writer, plan)


def _loaded(folder: Path, plan: MergePlan) -> dict[str, Artifact]:
    """Path -> record of each artifact to register, from the metadata of its file in the target.

    Raises
    ------
    BrokenWarehouse : a record of a source is not that of its file.
    """
    loaded = {}
    for each in chain(*plan.in_order):
        file = verify(folder, each.path, each.sha256)
        loaded[each.path] = artifacts.load(folder, file)
        if loaded[each.path] != each:
            raise BrokenWarehouse(
                f"artifact {each.file}",
                expected="the job, inputs and settings with which it was registered",
                found="others in the file's metadata",
                hint="`alignhouse rebuild` in that warehouse makes its records again from the files",
            )
        if is_of_result(each) and (fault := fault_of_content(each)) is not None:
            raise BrokenWarehouse(
                f"artifact {each.file}",
                expected="a result as add_results stores it",
                found=fault,
                hint="remove the result there, or add its rows again with add_results(..., replace=True)",
            )
    return loaded


def _entries(number: int, plan: MergePlan, facts: Mapping[str, str]) -> list[Entry]:
    """The journal's entries of the merge: run `number`, which registers all artifacts and ends."""
    jobs = len({each.job for each in plan.new})
    at = rising_times()
    began = next(at)
    parts = [[[each.artifact, each.path, each.sha256] for each in part] for part in plan.in_order]
    registered = [
        {"registered": part[start : start + FILES_AT_ONCE], "run": number, "at": next(at)}
        for part in parts
        for start in range(0, len(part), FILES_AT_ONCE)
    ]
    return [
        {"began": {"run": number, "started_at": began, **facts}},
        *registered,
        {"ended": {"run": number, "status": "finished", "jobs": jobs, "finished_at": next(at)}},
    ]


def _refuse_other_rows(writer: Writer, plan: MergePlan) -> None:
    """Raise BrokenWarehouse unless the tables show what was planned and keep all rules of `sql/checks`."""
    found = rows_shown(writer.connection)
    for table, of_table in plan.rows.items():
        if different := dict(found.get(table, {}).items() ^ of_table.items()):
            name = min(different)
            raise BrokenWarehouse(
                f"nothing was merged into {writer.folder}: table {table}, artifact {name}",
                expected=f"{of_table.get(name, 0)} rows",
                found=found[table].get(name, 0),
                hint="its file has other rows than its warehouse shows; `alignhouse check` there says more",
            )
    if faults := rule_faults(writer.connection):
        raise BrokenWarehouse(
            f"nothing was merged into {writer.folder}: {len(faults)} rows would break a rule",
            found="; ".join(some_of(faults)),
            hint="run `alignhouse check` in each of the warehouses",
        )
