"""The study file: one TOML file that describes a study. Every key has a default and a help text."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from alignhouse.analysis.kernels.measure_names import MEASURES, Measure
from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.models.catalog import Network, select_names
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.selection import known_network
from alignhouse.ingest.models.sources.registry import get_source
from alignhouse.ingest.models.weights import refuse_trained_functions, weights_kind
from alignhouse.study.brain_section import BrainSection
from alignhouse.study.compute_section import ComputeSection, SlurmSection
from alignhouse.study.controls_section import ControlsSection
from alignhouse.study.encoding_section import EncodingSection
from alignhouse.study.measures import with_measures
from alignhouse.study.networks_section import NetworksSection
from alignhouse.study.protocol import Protocol, shipped_protocols
from alignhouse.study.section import Names, Section, validated
from alignhouse.warehouse.errors import BadInput, near_names

# Limits of a study file.
MOST_BYTES = 2**20
MOST_DOTS = 1000

FACT_GROUPS = Literal["model_type", "arch_type", "family", "training_dataset", "objective", "weights"]


class StudySection(Section):
    warehouse: Path = Field(Path("study.alignhouse"), description="folder of the warehouse; made if missing")


class StimuliSection(Section):
    path: Path = Field(description="folder of the videos or images")
    annotations: Path | None = Field(
        None, description="folder of annotations; default: that of the brain data, if they are there"
    )


class AnalysisSection(Section):
    protocols: Names = Field(["sound"], min_length=1, description="protocols that ship, or defined below")
    measures: list[Measure] = Field(
        [],
        description=f"more measures beside each protocol's own: {', '.join(MEASURES)}",
    )
    permutations: int = Field(1000, ge=1, description="permutations of each null distribution")
    bootstraps: int = Field(
        1000, ge=0, description="resamples of each bootstrap; 0: no intervals, no complexity"
    )
    level: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    compare_networks: bool = Field(
        True, description="intervals of the differences between every two networks, beside those of groups"
    )
    halvings: int = Field(
        100,
        ge=0,
        description="halvings of the stimuli to choose layers on where there is no train split; 0: none",
    )
    seed: int = Field(0, ge=0, description="seed of permutations, bootstraps and halvings")
    tau_a_limit: float = Field(
        1e14,
        gt=0,
        description="multiplications that measure kendall_tau_a may take; a core does about 1e10 a second",
    )


class ReportSection(Section):
    path: Path = Field(Path("report"), description="folder of the report")
    group_by: list[FACT_GROUPS] = Field(["model_type", "arch_type"], description="what figures group by")


class ProtocolSection(Section):
    """A protocol of the user's own: `[protocols.NAME]` with what differs from its base."""

    base: Literal["sound", "paper"] = Field("sound", description="the protocol that this one starts from")
    description: str = Field("", description="one line")
    extraction: dict[str, Any] = Field({}, description="settings of feature extraction that differ")
    analysis: dict[str, Any] = Field({}, description="settings of the analysis that differ")


class Study(Section):
    """The whole study file; its paths are absolute once it is read by `read_study`."""

    study: StudySection = StudySection()
    brain: BrainSection
    stimuli: StimuliSection
    networks: NetworksSection = NetworksSection()
    controls: ControlsSection = ControlsSection()
    analysis: AnalysisSection = AnalysisSection()
    encoding: EncodingSection = EncodingSection()
    report: ReportSection = ReportSection()
    compute: ComputeSection = ComputeSection()
    slurm: SlurmSection = SlurmSection()
    protocols: dict[str, ProtocolSection] = Field({}, description="protocols of your own")

    def recorded(self) -> dict[str, Any]:
        """What a run keeps of the study: its settings, and how its data set is described in a report."""
        known = data_set(self.brain.kind)
        words = {
            "methods": known.methods(self.brain.version),
            "split": known.split_in_words(self.brain.split),
        }
        return {**self.model_dump(mode="json"), "data_set": words}

    def chosen_networks(self, *, own: bool = True) -> list[Network]:
        """The networks that the study asks for: of the catalog, in its order, then its own, in the file's.

        Those of `networks.random` are not among them, unless they are included too: see `untrained_networks`.

        Parameters
        ----------
        own : False leaves out the study's own networks, and runs none of their code.

        Raises
        ------
        BadInput : an unknown name, nothing left, a declaration that names what does not exist (see
            `network_of`), or, in a study of random weights, a function that is not said to
            give some.
        """
        asked = self.networks
        names = select_names(asked.include, asked.exclude, asked.own)
        if not own:
            names = [name for name in names if name not in asked.own]
            if not names:
                raise BadInput("no network is left", expected="one of the catalog, without own networks")
        found = self._networks_of(names)
        if asked.weights == "random":
            refuse_trained_functions([each for each in found if each.own is not None])
        return found

    def untrained_networks(self, *, own: bool = True) -> list[Network]:
        """The networks of `networks.random`, in the order of `chosen_networks`.

        An own network that is declared with random weights is left out: it is untrained already.

        Parameters
        ----------
        own : as in `chosen_networks`.

        Raises
        ------
        BadInput : as `chosen_networks`; a function that is not said to give random weights.
        """
        asked = self.networks
        if not asked.random:
            return []
        names = select_names(asked.random, asked.exclude, asked.own, every_own=False)
        found = self._networks_of([name for name in names if own or name not in asked.own])
        refuse_trained_functions(found, "networks.random")
        return [each for each in found if weights_kind(each, "pretrained") != "random"]

    def _networks_of(self, names: Sequence[str]) -> list[Network]:
        declared = self.networks.own
        return [
            network_of(name, declared[name]) if name in declared else known_network(name) for name in names
        ]

    def own_code(self) -> list[str]:
        """The study's own networks whose code `chosen_networks` runs: "name (what, in which folder)"."""
        asked = self.networks
        names = select_names(asked.include, asked.exclude, asked.own)
        return [
            f"{name} ({each.id} in {each.folder})"
            for name, each in asked.own.items()
            if name in names and get_source(each.source).runs_code_of_declaration
        ]

    def resolved_protocols(self) -> dict[str, Protocol]:
        """The settings of each protocol and measure that the study asks for; see `measures.with_measures`."""
        return with_measures(self.named_protocols(), self.analysis.measures)

    def named_protocols(self) -> dict[str, Protocol]:
        """The settings of each protocol that the study names, in its order.

        Raises
        ------
        BadInput : a protocol that neither ships nor is defined, or a setting that no protocol has.
        """
        shipped = shipped_protocols()
        known = [*shipped, *self.protocols]
        resolved = {}
        for name in self.analysis.protocols:
            if name in self.protocols:
                resolved[name] = _derived(name, self.protocols[name], shipped)
            elif name in shipped:
                resolved[name] = Protocol.model_validate(shipped[name])
            else:
                raise BadInput(f"no protocol is called {name!r}", hint=near_names(name, known))
        asked = {"pooling": self.networks.pooling, "time": self.networks.time}
        pooled = {key: value for key, value in asked.items() if value != "none"}
        return {
            name: each.model_copy(update={"extraction": each.extraction.model_copy(update=pooled)})
            for name, each in resolved.items()
        }


def read_study(path: Path) -> Study:
    """The study that the TOML file at `path` describes; its relative paths start at the file's folder.

    `~` and environment variables (`$BMD/derivatives`) in paths are expanded.

    Raises
    ------
    BadInput : no such file, no TOML, an unknown key (the near ones are named), a value out of range, a
        variable that is not set.
    """
    try:
        data = _toml(path)
    except OSError as error:
        raise BadInput(
            f"study file {path}", found=error.strerror, hint="write one with `alignhouse init`"
        ) from error
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits
        raise BadInput(f"study file {path}", expected="TOML", found=error) from error
    except RecursionError as error:
        raise BadInput(f"study file {path}", expected="TOML", found="values nested too deeply") from error
    study = validated(Study, data, f"study file {path}")
    return _with_absolute_paths(study, path.resolve().parent)


def _toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file, unless it is so large or so nested that reading it would take minutes."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise BadInput(f"study file {path}", expected=f"at most {MOST_BYTES:,} bytes", found=f"{size:,}")
    text = path.read_text(encoding="utf-8")
    # tomllib needs a time quadratic in the number of parts of a key.
    if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise BadInput(f"study file {path}", expected=f"at most {MOST_DOTS:,} dots in a line", found="more")
    return tomllib.loads(text)


def with_compute(study: Study, **given: str | None) -> Study:
    """The study with other limits: device, memory, scratch; those that are None stay as its file says.

    A `scheduler` also chooses the executor "dask".

    Raises
    ------
    BadInput : a value that is none.
    """
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        return study
    if "scheduler" in changed:
        changed["executor"] = "dask"
    compute = validated(ComputeSection, {**study.compute.model_dump(), **changed}, "on the command line")
    return study.model_copy(update={"compute": compute})


def _with_absolute_paths(study: Study, folder: Path) -> Study:
    changed: dict[str, Any] = {}
    for name, section in study:
        if not isinstance(section, Section):
            continue
        paths = {
            key: folder / _expanded(str(value), f"{name}.{key}")
            for key, value in section
            if isinstance(value, Path)
        }
        if paths:
            changed[name] = section.model_copy(update=paths)
    networks = changed.get("networks", study.networks)
    own = {name: _in_folder(each, name, folder) for name, each in networks.own.items()}
    changed["networks"] = networks.model_copy(update={"own": own})
    return study.model_copy(update=changed)


def _in_folder(network: OwnNetwork, name: str, folder: Path) -> OwnNetwork:
    place = f"networks.own.{name}"
    texts = {
        key: _expanded(value, f"{place}.{key}")
        for key, value in (("id", network.id), ("weights", network.weights))
        if value is not None
    }
    update = {**texts, "folder": folder / _expanded(str(network.folder), f"{place}.folder")}
    return network.model_copy(update=update)


def _expanded(path: str, key: str) -> str:
    if "\0" in path:
        raise BadInput(f"study file, {key} = {path!r}", found="a zero byte, which no path can have")
    expanded = os.path.expandvars(os.path.expanduser(path))
    if missing := re.search(r"\$(\w+|\{\w+\})", expanded):
        raise BadInput(f"study file, {key} = {path!r}", found=f"the variable {missing[0]} is not set")
    return expanded


def _derived(name: str, own: ProtocolSection, shipped: dict[str, dict[str, Any]]) -> Protocol:
    if name in shipped:
        raise BadInput(
            f"[protocols.{name}]", found="a protocol of that name ships", hint="choose another name"
        )
    base = shipped[own.base]
    data = {
        "description": own.description or f"{own.base}, changed",
        "extraction": {**base["extraction"], **own.extraction},
        "analysis": {**base["analysis"], **own.analysis},
    }
    return validated(Protocol, data, f"[protocols.{name}]")
