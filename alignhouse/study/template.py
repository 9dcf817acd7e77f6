"""Writes a study file to start from. It is generated from the fields of `Study`, so the two always agree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic_core import PydanticUndefined

from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.study.file import Section, Study
from alignhouse.study.networks_section import NetworksSection

EXAMPLES = {("brain", "path"): "/data/bmd", ("stimuli", "path"): "/data/bmd/stimulus_set"}
OWN_NETWORKS = ("networks", "own")
SIZES = {("compute", "memory"): "8GB", ("compute", "scratch"): "100GB", ("slurm", "memory"): "16GB"}
HEADER = """\
# A study: its input data, networks and analyses, and the warehouse for its results.
# Paths are relative to this file's folder; ~ and $VARIABLES are expanded. Commented lines show the defaults.
"""


def study_template(values: Mapping[tuple[str, str], Any] = MappingProxyType({})) -> str:
    """A study file with every key, its default and its help. Keys that must be set have an example.

    Parameters
    ----------
    values : (section, key) -> its value, for the keys that the file is to set.
    """
    lines = [HEADER]
    for name, field in Study.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, Section)):
            continue
        lines.append(f"[{name}]")
        for key, each in section.model_fields.items():
            if (name, key) == OWN_NETWORKS:
                continue
            to_fill_in = each.default is PydanticUndefined or (name, key) in {**EXAMPLES, **values}
            value = SIZES.get((name, key), each.default)
            if to_fill_in:
                value = values.get((name, key), EXAMPLES.get((name, key)))
            shown = f"{key} = {_toml(value)}" if value is not None else f"{key} = ..."
            lines.append(f"# {each.description}\n{'' if to_fill_in else '# '}{shown}")
        lines.append("")
        if name == OWN_NETWORKS[0]:
            lines += [*_own_networks(), ""]
    return "\n".join(lines)


def _own_networks() -> list[str]:
    """The keys of a user's own network, commented out: a study may have any number of them, or none."""
    [table, key] = OWN_NETWORKS
    described = NetworksSection.model_fields[key].description
    lines = [f"# {described}", f"# [{table}.{key}.NAME]"]
    for name, each in OwnNetwork.model_fields.items():
        lines.append(f"# {each.description}\n# {name} = ...")
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, Enum):
        value = value.value
    return json.dumps(value)
