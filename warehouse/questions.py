"""Named questions: a .sql file of `sql/questions`, its description and its typed parameters.

The leading comment of a file describes the question, then the rows, then each parameter in one line:
`-- $roi varchar in roi.roi = null: this region only`. The column after "in" holds the allowed values; without
it, any value is allowed. The default follows the equals sign. The queries of figures in `sql/figures` have
the same format; there, `varchar[]` is a list of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.schema import sql_files

_EXAMPLE = "Example:"
_PARAMETER = re.compile(r"^\$(\w+) (\w+(?:\[\])?)(?: in (\w+)\.(\w+))?(?: = (.+?))?: (.+)$")


class Names(list[str]):
    """A list of names, from a list or from a text with commas."""

    def __init__(self, value: str | Iterable[str]) -> None:
        super().__init__(map(str.strip, value.split(",")) if isinstance(value, str) else value)


_TYPES: dict[str, type] = {"varchar": str, "integer": int, "double": float, "varchar[]": Names}


def option_of(name: str) -> str:
    """The option of the command line for a parameter of that name."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a question; `default` is None if the default is null.

    known_in : table and column of its allowed values; None if any value is allowed.
    """

    name: str
    type: type
    required: bool
    default: Any
    help: str
    known_in: tuple[str, str] | None = None

    @property
    def option(self) -> str:
        """Its option on the command line: `--roi-group` for roi_group."""
        return option_of(self.name)


@dataclass(frozen=True)
class Question:
    """A named question; `help` is its leading comment without the parameters."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def asks(self) -> str:
        """The question itself."""
        return self.help.splitlines()[0]

    @property
    def rows(self) -> str:
        """What one row is: "One row: ...", without line breaks; "" if the comment does not say it."""
        lines = [each for each in self.help.splitlines()[1:] if not each.startswith(_EXAMPLE)]
        return " ".join(lines)

    @property
    def example(self) -> str:
        """A command that asks the question, or ""."""
        lines = [each for each in self.help.splitlines() if each.startswith(_EXAMPLE)]
        return lines[0].removeprefix(_EXAMPLE).strip() if lines else ""

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every parameter: from `given`, or else its default.

        Raises
        ------
        BadInput : an unknown parameter, a value of the wrong type, or a missing required parameter.
        """
        known = {each.name: each for each in self.parameters}
        for name in given:
            if name not in known:
                raise BadInput(
                    f"question {self.name} has no parameter {name!r}",
                    hint=near_names(name, known) if known else None,
                )
        bound = {}
        for each in self.parameters:
            value = given.get(each.name)
            if value is None:
                if each.required:
                    raise BadInput(f"question {self.name} needs {each.option}", hint=each.help)
                bound[each.name] = each.default
                continue
            try:
                bound[each.name] = each.type(value)
            except ValueError:
                raise BadInput(
                    f"parameter {each.name} of question {self.name}",
                    expected=each.type.__name__,
                    found=repr(value),
                ) from None
        return bound


def questions(folder: str = "questions") -> dict[str, Question]:
    """Every named question of a folder of `sql/`, by name."""
    return {name: _parse(name, text) for name, text in sql_files(folder).items()}


def question(name: str, folder: str = "questions") -> Question:
    """The question with this name; raises BadInput, with similar names, if there is none."""
    known = questions(folder)
    if name not in known:
        raise BadInput(f"no question is called {name!r}", hint=near_names(name, known))
    return known[name]


def _parse(name: str, text: str) -> Question:
    help_lines, parameters = [], []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comment = line[2:].strip()
        if match := _PARAMETER.match(comment):
            parameters.append(_parameter(*match.groups()))
        else:
            help_lines.append(comment)
    return Question(name, "\n".join(help_lines), tuple(parameters), text)


def _parameter(
    name: str, kind: str, table: str | None, column: str | None, default: str | None, text: str
) -> Parameter:
    cast = _TYPES[kind]
    known_in = (table, column) if table and column else None
    if default is None or default == "null":
        return Parameter(name, cast, default is None, None, text, known_in)
    return Parameter(name, cast, False, cast(default.strip("'")), text, known_in)
