"""What a warehouse holds and shows: the view that a merge has of each of its warehouses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import duckdb

from alignhouse.warehouse.artifacts import Artifact, from_row
from alignhouse.warehouse.jobs import canonical
from alignhouse.warehouse.result_names import described_tables, quoted
from alignhouse.warehouse.schema import columns_of_tables, statement
from alignhouse.warehouse.summaries import SCOPE

# Protocol, data set, split: the scope in which networks are compared with each other.
ANALYSIS = SCOPE[:3]
# What differs between the jobs of two networks, or pairs of networks, that were analysed in the same way.
_OF_ONE_NETWORK = frozenset({"model", "remark", "best", "other_model", "other_best", "order"})

Slot = tuple[str, ...]
# Values of `ANALYSIS`.
Scope = tuple[object, ...]
# Values of some columns -> the artifacts whose rows have them.
Claims = dict[tuple[object, ...], set[str]]


class Contents:
    """The artifacts of a warehouse, and the rows that its tables show.

    Parameters
    ----------
    folder : the warehouse. connection : its snapshot or its writer's file, open as long as this object is
    used. order : paths of artifacts in the order of the journal; it decides between equal times.

    Attributes
    ----------
    every : name -> record of every artifact, in the order of registration. kept : those of jobs that show
    rows, or that made only vectors. current, runs : name -> whether nothing has replaced its rows, and the
    run that registered it.
    """

    def __init__(
        self, folder: Path, connection: duckdb.DuckDBPyConnection, order: Iterable[str] = ()
    ) -> None:
        self.folder = folder
        self._connection = connection
        self._claims: dict[tuple[str, Slot], Claims] = {}
        place = {path: number for number, path in enumerate(order)}
        rows = connection.execute(statement("artifacts_in_order")).fetchall()
        found = [(from_row(folder, row[:14]), *row[14:]) for row in rows]
        found.sort(key=lambda each: (each[3], place.get(each[0].path, -1)))
        self.every = {each.artifact: each for each, *_ in found}
        self.current = {each.artifact: bool(is_current) for each, is_current, *_ in found}
        self.runs = {each.artifact: int(run) for each, _, run, _ in found}
        shown = {name for of_table in self.rows.values() for name in of_table}
        showing = {each.job for name, each in self.every.items() if name in shown}
        with_rows = {each.job for each in self.every.values() if each.table is not None}
        self.kept = {
            name: each
            for name, each in self.every.items()
            if each.job in showing or each.job not in with_rows
        }

    @cached_property
    def _stored(self) -> Mapping[str, str]:
        return tables_of_artifacts(self._connection)

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """Table -> artifact -> number of its rows that the table shows."""
        return rows_shown(self._connection)

    @cached_property
    def commands(self) -> Mapping[int, str]:
        """Run -> its command."""
        return dict(self._connection.execute("select run, command from run").fetchall())

    def slots(self) -> dict[str, set[Slot]]:
        """Table -> the slots of its artifacts."""
        found: dict[str, set[Slot]] = {}
        for each in self.kept.values():
            if each.table is not None:
                found.setdefault(each.table, set()).add(each.slot)
        return found

    def claims(self, table: str, columns: Slot) -> Claims:
        """Values of these columns -> the artifacts that show rows with them.

        A statistic of a user is one unit: it has no columns, so its artifact claims the empty tuple.
        """
        if (table, columns) in self._claims:
            return self._claims[table, columns]
        stored = self._stored.get(table)
        if stored is None:
            return {}
        assert not columns or columns_of_tables()[table].issuperset(columns)
        names = "".join(f'"{column}", ' for column in columns)
        found: Claims = {}
        for *values, artifact in self._connection.execute(
            f"select distinct {names}artifact from {stored}"
        ).fetchall():
            found.setdefault(tuple(values), set()).add(artifact)
        self._claims[table, columns] = found
        return found

    @cached_property
    def networks(self) -> Mapping[Scope, set[object]]:
        """Protocol, data set and split -> the networks that have results."""
        found: dict[Scope, set[object]] = {}
        for table in self._tables_of(SCOPE):
            for *scope, network in self.claims(table, SCOPE):
                found.setdefault(tuple(scope), set()).add(network)
        return found

    @cached_property
    def comparisons(self) -> Mapping[str, Scope]:
        """Artifact -> protocol, data set and split, if its rows compare networks with each other.

        Its job has other jobs with rows as inputs, and its slot has no network.
        """
        sources = {key for each in self.every.values() if each.table for key in (each.job, each.artifact)}
        found = {}
        for table in self._tables_of(ANALYSIS):
            for scope, names in self.claims(table, ANALYSIS).items():
                for name in names & self.kept.keys():
                    each = self.kept[name]
                    if "model" not in each.slot and not sources.isdisjoint(each.inputs.values()):
                        found[name] = scope
        return found

    @cached_property
    def analyses(self) -> Mapping[tuple[object, ...], Mapping[str, Artifact]]:
        """Method, protocol, data set and split -> each way in which networks were analysed, with an example.

        A way is the version, the settings and the inputs of a job without those of its network.
        """
        found: dict[tuple[object, ...], dict[str, Artifact]] = {}
        for table in self._tables_of(SCOPE):
            for scope, names in self.claims(table, ANALYSIS).items():
                for name in sorted(names & self.kept.keys()):
                    each = self.kept[name]
                    found.setdefault((each.method, *scope), {}).setdefault(_way(each), each)
        return found

    @cached_property
    def versions(self) -> Mapping[str, list[Artifact]]:
        """Vectors of a data set: method and settings -> their files, the newest last.

        Several were made from other inputs. A study that reads stored betas takes the newest.
        """
        with_rows = {each.job for each in self.kept.values() if each.table is not None}
        found: dict[str, list[Artifact]] = {}
        for each in self.kept.values():
            if each.job not in with_rows and "dataset" in each.settings:
                found.setdefault(canonical([each.method, each.position, each.settings]), []).append(each)
        return found

    def _tables_of(self, columns: Slot) -> list[str]:
        """The tables with artifacts whose slot has all of these columns."""
        slots = self.slots()
        return sorted(table for table in slots if any(set(slot).issuperset(columns) for slot in slots[table]))


def rows_shown(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Table -> artifact -> number of its rows that the table shows."""
    stored = tables_of_artifacts(connection)
    found: dict[str, dict[str, int]] = {table: {} for table in stored}
    # One statement, because each takes milliseconds. Names of statistics are letters, digits and underscores.
    counted = " union all ".join(
        f"select '{table}' as shown, artifact, count(*) as n from {quoted_name} group by artifact"
        for table, quoted_name in stored.items()
    )
    for table, artifact, count in connection.execute(counted).fetchall():
        found[table][artifact] = count
    return found


def tables_of_artifacts(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The tables whose rows artifacts have, statistics of users included -> their quoted names for SQL."""
    facts = {
        table: quoted(table)
        for table, columns in columns_of_tables().items()
        if table != "artifact" and "artifact" in columns
    }
    return facts | described_tables(connection)


def is_of_one_network(name: str) -> bool:
    """Whether the jobs of two networks differ in this setting or input; "order/frozen" is one of "order"."""
    return name.partition("/")[0] in _OF_ONE_NETWORK


def _way(artifact: Artifact) -> str:
    parts = [
        {name: value for name, value in each.items() if not is_of_one_network(name)}
        for each in (artifact.settings, artifact.inputs)
    ]
    return canonical([artifact.version, *parts])
