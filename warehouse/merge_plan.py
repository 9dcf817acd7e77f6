"""Decides what a merge adds to a warehouse, and whether the warehouses contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alignhouse.warehouse import conflicts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.contents import ANALYSIS, Claims, Contents, Scope, Slot
from alignhouse.warehouse.results import RESULT
from alignhouse.warehouse.schema import columns_of_tables


@dataclass
class MergePlan:
    """What a merge adds.

    Attributes
    ----------
    new : artifacts to copy; `root` is their warehouse.
    in_order : artifacts to register together, in order. What replaces others comes in a later list, because
    all of a list get the same time. Some are in the target already, and are registered again.
    rows : table -> artifact -> number of rows that tables show after the merge.
    hidden : new artifacts whose rows are not shown, because the target's own are.
    left_out : artifacts that are not added. conflicts : what keeps the warehouses from being merged.
    notes : one line for each statistic of a user that is left out, because the target has the same rows.
    """

    new: list[Artifact] = field(default_factory=list)
    in_order: list[list[Artifact]] = field(default_factory=list)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    hidden: list[Artifact] = field(default_factory=list)
    left_out: list[Artifact] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Merged:
    """What was added, or would be.

    Attributes
    ----------
    kinds : table, or folder of vectors -> number of added artifacts, and their bytes.
    notes : one line for each group of comparisons of networks that are not shown or not added, and for each
        statistic of a user whose rows are stored already.
    conflicts : one line for each contradiction; a merge with one is refused, so only a dry run has some.
    """

    kinds: Mapping[str, tuple[int, int]]
    notes: list[str]
    conflicts: list[str]

    @property
    def artifacts(self) -> int:
        """Number of added artifacts."""
        return sum(count for count, _ in self.kinds.values())

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(size for _, size in self.kinds.values())


def plan_merge(target: Contents, sources: Sequence[Contents]) -> MergePlan:
    """What to add to `target` so that it holds and shows all of `sources`.

    Rows conflict if two warehouses show different artifacts with the same values in the columns of a slot, or
    of a name in a data set; or if networks of one protocol, data set and split were analysed in other ways.
    Comparisons of networks (see `Contents.comparisons`) are no conflict if they compare other networks. All
    that are shown of one protocol, data set and split compare the same networks: those of the target stay.
    Those of a source are kept without being shown where the target has the same kind, and left out elsewhere.
    Statistics of users conflict if they have one name and other rows. With the same rows but another
    description or author, those of the target stay.
    """
    planner = _Planner(target, sources)
    for source in sources:
        planner.add(source)
    return planner.plan


class _Planner:
    """The plan so far, and what the target would hold and show with it."""

    def __init__(self, target: Contents, sources: Sequence[Contents]) -> None:
        self.plan = MergePlan(rows={table: dict(of_table) for table, of_table in target.rows.items()})
        # Name of an artifact -> where it is, for all that the target will have.
        self.have = dict.fromkeys(target.every, target)
        self.earlier = [target]
        self.networks: dict[Scope, set[object]] = {}
        # The sets of networks that shown comparisons compare.
        self.compared: dict[Scope, set[frozenset[str]]] = {}
        self.newest: dict[str, str] = {}
        self._note(target, target.every.keys())
        self.slots = _slots([target, *sources])
        self.shown = {key: target.claims(*key) for key in self._keys()}

    def add(self, source: Contents) -> None:
        """Plan to add one more warehouse."""
        claims = {key: source.claims(*key) for key in self._keys()}
        repeated = self._repeated_results(source, claims)
        new = [each for name, each in source.kept.items() if name not in self.have.keys() | repeated]
        incomparable = {name for name in source.comparisons if not self._is_comparable(source, name)}
        self._refuse_other_content(source)
        self._refuse_rows(source, claims, incomparable | repeated)
        self._refuse_other_analyses(source)
        self._refuse_other_vectors(source)
        hidden, left_out, again = self._set_apart(new, claims, incomparable)
        left_jobs = {each.job for each in left_out}
        left_out = [each for each in new if each.job in left_jobs]
        hidden = [each for each in hidden if each.job not in left_jobs]
        apart = {each.artifact for each in (*hidden, *left_out)}
        added = [each for each in new if each.artifact not in apart]
        added_names = {each.artifact for each in added}
        replaces = _replaces(source, added_names)
        replayed = added_names | (replaces.keys() - apart - incomparable - repeated)
        last = {each.artifact for each in again}
        in_order = [each for name, each in source.kept.items() if name in replayed - last]
        self.plan.in_order += [*_apart_in_time(in_order, replaces), hidden, again]
        self.plan.new += [*added, *hidden]
        self.plan.hidden += hidden
        self.plan.left_out += left_out
        for each in added:
            if each.table is not None:
                self.plan.rows.setdefault(each.table, {})
        for table, of_table in source.rows.items():
            new_rows = {name: count for name, count in of_table.items() if name in added_names}
            self.plan.rows.setdefault(table, {}).update(new_rows)
        for key, of_source in claims.items():
            for value, names in of_source.items():
                if names & added_names:
                    self.shown[key].setdefault(value, set()).update(names & added_names)
        self.have |= dict.fromkeys(added_names | {each.artifact for each in hidden}, source)
        self._note(source, added_names)
        self.earlier.append(source)

    def _note(self, contents: Contents, added: Collection[str]) -> None:
        """Note the networks of a warehouse, and which of them its comparisons among `added` compare."""
        self.newest |= {key: each[-1].artifact for key, each in contents.versions.items()}
        for scope, names in contents.networks.items():
            self.networks.setdefault(scope, set()).update(names)
        for name, scope in contents.comparisons.items():
            if name in added:
                self.compared.setdefault(scope, set()).add(frozenset(contents.every[name].inputs))

    def _repeated_results(self, source: Contents, claims: Mapping[tuple[str, Slot], Claims]) -> set[str]:
        """Artifacts of users' statistics with the same rows as the target, but other words about them."""
        jobs = set()
        key = (RESULT, (RESULT,))
        for value, names in claims.get(key, {}).items():
            for name in names & source.kept.keys():
                theirs = source.kept[name]
                for one in (self.shown[key].get(value, set()) & self.have.keys()) - {name}:
                    ours = self.have[one].every[one]
                    if ours.settings.get("rows_sha256") == theirs.settings["rows_sha256"]:
                        jobs.add(theirs.job)
                        sides = (self.have[one], ours), (source, theirs)
                        self.plan.notes.append(conflicts.of_words(*sides))
        return {name for name, each in source.kept.items() if each.job in jobs}

    def _keys(self) -> list[tuple[str, Slot]]:
        return [(table, slot) for table, slots in sorted(self.slots.items()) for slot in sorted(slots)]

    def _is_comparable(self, source: Contents, name: str) -> bool:
        """Whether a comparison may be shown beside those of the target, or has all of its networks."""
        scope, networks = source.comparisons[name], frozenset(source.every[name].inputs)
        if scope in self.compared:
            return self.compared[scope] == {networks}
        return networks >= self.networks.get(scope, set())

    def _refuse_other_content(self, source: Contents) -> None:
        for name, each in source.kept.items():
            if (holder := self.have.get(name)) is not None:
                other = holder.every[name]
                if (other.path, other.sha256) != (each.path, each.sha256):
                    self.plan.conflicts.append(conflicts.of_content((holder, other), (source, each)))

    def _refuse_rows(
        self, source: Contents, claims: Mapping[tuple[str, Slot], Claims], incomparable: set[str]
    ) -> None:
        """Name the rows in which both differ, one conflict for each pair of jobs."""
        found: dict[tuple[str, str], dict[tuple[str, Slot], set[tuple[object, ...]]]] = {}
        sides: dict[tuple[str, str], tuple[conflicts.Side, conflicts.Side]] = {}
        for key, of_source in claims.items():
            for value, names in of_source.items():
                mine = self.shown[key].get(value, set())
                theirs = (names - mine - incomparable) & source.kept.keys()
                for one in sorted(mine - names) if theirs else ():
                    if one not in self.have:
                        continue  # Rows without an artifact: a rule of sql/checks names them.
                    holder = self.have[one]
                    other = source.kept[min(theirs)]
                    jobs = holder.every[one].job, other.job
                    sides.setdefault(jobs, ((holder, holder.every[one]), (source, other)))
                    found.setdefault(jobs, {}).setdefault(key, set()).add(value)
        # In the order of registration: inputs come before what was made from them.
        place = {each.job: number for number, each in enumerate(source.kept.values())}
        for jobs in sorted(found, key=lambda each: (place[each[1]], each)):
            (_, slot), values = next(iter(found[jobs].items()))
            tables = sorted({table for table, _ in found[jobs]})
            here, there = sides[jobs]
            self.plan.conflicts.append(conflicts.of_rows(tables, slot, sorted(values, key=repr), here, there))

    def _refuse_other_analyses(self, source: Contents) -> None:
        for (method, *scope), ways in source.analyses.items():
            for each in self.earlier:
                known = each.analyses.get((method, *scope), {})
                for way in ways.keys() - known.keys() if known else ():
                    here, there = next(iter(known.values())), ways[way]
                    if here.settings.get("model") != there.settings.get("model"):
                        named = dict(zip(ANALYSIS, scope, strict=True))
                        self.plan.conflicts.append(
                            conflicts.of_analyses(str(method), named, (each, here), (source, there))
                        )

    def _refuse_other_vectors(self, source: Contents) -> None:
        for key, versions in source.versions.items():
            known = self.newest.get(key, versions[-1].artifact)
            if known != versions[-1].artifact:
                holder = self.have[known]
                sides = (holder, holder.every[known]), (source, versions[-1])
                self.plan.conflicts.append(conflicts.of_vectors(*sides))

    def _set_apart(
        self, new: Iterable[Artifact], claims: Mapping[tuple[str, Slot], Claims], incomparable: set[str]
    ) -> tuple[list[Artifact], list[Artifact], list[Artifact]]:
        """New comparisons to keep without showing them, those to leave out, and what to register again."""
        hidden, left_out, again = [], [], dict[str, Artifact]()
        for each in new:
            if each.artifact not in incomparable or each.table is None:
                continue
            key = (each.table, each.slot)
            values = [value for value, names in claims[key].items() if each.artifact in names]
            covering = [self.shown[key].get(value, set()) for value in values]
            names = sorted({name for of_value in covering for name in of_value})
            # Others would bring back rows that were replaced.
            if all(covering) and all(self.have[name].current[name] for name in names):
                hidden.append(each)
                again |= {name: self.have[name].every[name] for name in names}
            else:
                left_out.append(each)
        return hidden, left_out, list(again.values())


def _replaces(source: Contents, added: Collection[str]) -> dict[str, str]:
    """What must be registered with `added`, maybe again, because it replaces some -> what it is about."""
    replaced = {source.every[name].table for name in added if not source.current[name]}
    found = {name: each.table for name, each in source.kept.items() if each.table and each.table in replaced}
    for about, versions in source.versions.items():
        names = [each.artifact for each in versions]
        first = next((place for place, name in enumerate(names) if name in added), len(names))
        found |= dict.fromkeys(names[first:], about)
    return found


def _apart_in_time(in_order: Iterable[Artifact], replaces: Mapping[str, str]) -> list[list[Artifact]]:
    """Divide a list, so that no part has two artifacts about the same."""
    parts: list[list[Artifact]] = [[]]
    seen: set[str] = set()
    for each in in_order:
        about = replaces.get(each.artifact)
        if about in seen:
            parts.append([])
            seen.clear()
        seen |= {about} if about is not None else set()
        parts[-1].append(each)
    return parts


def _slots(warehouses: Iterable[Contents]) -> dict[str, set[Slot]]:
    """Table -> the columns in which no two warehouses may show different artifacts."""
    found: dict[str, set[Slot]] = {}
    for each in warehouses:
        for table, slots in each.slots().items():
            found.setdefault(table, set()).update(slots)
    for table, slots in found.items():
        # Two splits of a data set have different slots, but the name of a stimulus occurs once in both.
        if {"dataset", table} <= columns_of_tables().get(table, frozenset()):
            slots.add(tuple(dict.fromkeys(("dataset", table))))
    return found


def merged_by(plan: MergePlan) -> Merged:
    """What a plan adds, in numbers and lines."""
    kinds: dict[str, tuple[int, int]] = {}
    for each in sorted(plan.new, key=lambda each: (each.table or "", each.path)):
        kind = each.table or each.path.partition("/")[0]
        count, size = kinds.get(kind, (0, 0))
        kinds[kind] = count + 1, size + each.bytes
    notes = [
        *_notes(plan.hidden, "kept, but not shown"),
        *_notes(plan.left_out, "left out"),
        *plan.notes,
    ]
    return Merged(kinds, notes, plan.conflicts)


def _notes(comparisons: Sequence[Artifact], fate: str) -> list[str]:
    """One line for each scope: which comparisons of networks are not shown, and why."""
    tables: dict[tuple[str, str], set[str]] = {}
    for each in comparisons:
        if each.table is not None:
            scope = ", ".join(f"{name} {each.settings.get(name)}" for name in ANALYSIS)
            tables.setdefault((str(each.root), scope), set()).add(each.table)
    return [
        f"{', '.join(sorted(names))} of {root} ({scope}): {fate}, because not all networks "
        "are compared; run a study that names all of them"
        for (root, scope), names in tables.items()
    ]
