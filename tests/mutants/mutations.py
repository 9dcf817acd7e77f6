"""The mutants of a module: mutmut's operators, without texts of errors, docstrings and annotations."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
import libcst.matchers as m
from mutmut.mutation import mutators

# `_without_argument` and the first of the strings replace these; a text in three spellings adds little.
LEFT_OUT = {mutators.operator_arg_removal, mutators.operator_string, mutators.operator_assignment}
NO_BEHAVIOUR = (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator, cst.Raise)
# Lines for the person who watches, as much a text as that of an error; helps of settings too.
HELP = m.Arg(keyword=m.Name("description"))
SAYS = m.Call(func=m.Attribute(attr=m.Name("say")))
TYPES_ONLY = m.If(test=m.Name("TYPE_CHECKING")) | m.Call(
    func=m.Name("cast") | m.Name("TypeVar") | m.Name("ParamSpec")
)


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Parameters
    ----------
    line : the first line that differs, from 1. change : the lines before and after, `before => after`.
    text : the whole module.
    """

    line: int
    change: str
    text: str


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a module, in the order of its lines; those that do not compile are left out."""
    source = path.read_text(encoding="utf-8")
    module = cst.parse_module(source)
    parts = [module.code_for_node(statement) for statement in module.body]
    head, tail = source.split("".join(parts))
    made = {}
    for place, statement in enumerate(module.body):
        found = _Found()
        statement.visit(found)
        for node, mutated in found.changes:
            # Only this statement is written again: the whole module would take ten times as long.
            part = module.code_for_node(statement.deep_replace(node, mutated))  # type: ignore[arg-type]
            text = "".join((head, *parts[:place], part, *parts[place + 1 :], tail))
            if part != parts[place] and _compiles(text):
                made[text] = _mutant(source, text)
    return sorted(made.values(), key=lambda each: each.line)


class _Found(cst.CSTVisitor):
    """Collects each node with what it could be instead."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[cst.CSTNode, cst.CSTNode]] = []
        self._functions = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, NO_BEHAVIOUR) or m.matches(node, m.Expr(m.SimpleString()) | TYPES_ONLY | HELP):
            return False
        if self._functions == 0 and m.matches(node, m.Assign(value=m.Subscript())):
            # An alias of a type.
            return False
        self._functions += isinstance(node, cst.FunctionDef)
        self.changes += [(node, each) for each in self._instead_of(node)]
        return not m.matches(node, SAYS)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._functions -= isinstance(original_node, cst.FunctionDef)

    def _instead_of(self, node: cst.CSTNode) -> Iterator[Any]:
        for kind, operator in mutators.mutation_operators:
            if isinstance(node, kind) and operator not in LEFT_OUT:
                yield from operator(node)
        if isinstance(node, cst.BaseString):
            yield from list(mutators.operator_string(node))[:1]
        # Outside functions, most assignments are of types.
        if isinstance(node, cst.Assign | cst.AnnAssign) and self._functions:
            yield from mutators.operator_assignment(node)
        if isinstance(node, cst.Call) and not m.matches(node, SAYS):
            yield from _without_argument(node)
        if m.matches(node, m.Expr(m.Call())):
            yield cst.Pass()
        if isinstance(node, cst.If | cst.CompIf) and m.matches(
            node.test, m.Name() | m.Attribute() | m.Call()
        ):
            yield node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test))


def _without_argument(node: cst.Call) -> Iterator[cst.Call]:
    """The call without one of its named arguments, or with None for one of the others."""
    for index, argument in enumerate(node.args):
        before, after = node.args[:index], node.args[index + 1 :]
        if argument.keyword is not None:
            yield node.with_changes(args=[*before, *after])
        elif argument.star == "" and not m.matches(argument.value, m.Name("None")):
            none = argument.with_changes(value=cst.Name("None"))
            yield node.with_changes(args=[*before, none, *after])


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _mutant(source: str, text: str) -> Mutant:
    before, after = source.splitlines(), text.splitlines()
    line = next((i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0) + 1
    changed = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    sides = [" ".join(each[1:].strip() for each in changed if each[0] == side) for side in "-+"]
    return Mutant(line, " => ".join(sides), text)
