"""The study file: one TOML file that says what a study is. Every key has a default and a help text."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog, select_names
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.weights import refuse_trained_functions
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.sizes import parse_bytes

Model = TypeVar("Model", bound=BaseModel)
FACT_GROUPS = Literal["model_type", "arch_type", "family", "training_dataset"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Names = Annotated[list[str], BeforeValidator(_as_list)]


class Section(BaseModel):
    """A table of the study file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StudySection(Section):
    warehouse: Path = Field(Path("study.alignhouse"), description="folder of the warehouse; made if missing")


class BrainSection(Section):
    kind: Literal["bmd", "rdms"] = Field(
        "bmd", description="bmd: betas in the layout of BOLD Moments; rdms: a file of RDMs per region"
    )
    path: Path | None = Field(
        None, description="folder of the brain data; without it, betas that are stored in the warehouse"
    )
    dataset: str = Field("bmd", description="what to call the data set in tables and figures")
    version: Literal["A", "B"] = Field("B", description="version of the BOLD Moments betas")
    split: Literal["test", "train", "all"] = Field("test", description="which stimuli")
    regions: Literal["study", "hemispheres", "parts", "all"] | list[str] = Field(
        "study", description="the 17 merged regions, hemispheres, parts, all, or a list of names"
    )
    subjects: list[str] | None = Field(None, description="these subjects only, e.g. ['sub-01']; default: all")
    average_subjects: bool = Field(
        False, description="average the subjects' RDMs and score against the average"
    )
    skip_bad: bool = Field(
        False, description="leave out voxels with NaN or infinite values, and say how many; else an error"
    )
    min_ncsnr: float | None = Field(
        None, ge=0, description="keep only voxels whose noise-ceiling SNR is at least this, e.g. 0.2"
    )
    conditions: Literal["file", "stimulus_order"] = Field(
        "file",
        description="kind rdms: the file names its conditions, or its rows follow the stimuli's names",
    )
    synthetic: bool = Field(False, description="the brains are simulated; every page that shows them says so")


class StimuliSection(Section):
    path: Path = Field(description="folder of the videos or images")
    annotations: Path | None = Field(
        None, description="folder of annotations.json; default: where the data set itself has it"
    )


class NetworksSection(Section):
    include: Names = Field(["default"], description="names, globs, 'default' (the 92) or 'all' (the 99)")
    exclude: Names = Field([], description="names and globs to leave out")
    weights: Literal["pretrained", "random"] = Field(
        "pretrained", description="random: untrained networks, and every result says so"
    )
    seed: int = Field(0, ge=0, description="seed of random weights")
    skip_bad: bool = Field(
        False,
        description="leave out layers that are constant, not finite or equal for all stimuli, and say which",
    )
    rdms: Path | None = Field(
        None, description="folder of precomputed model RDMs, <network>/<layer>.npz, used instead of networks"
    )
    own: dict[str, OwnNetwork] = Field(
        {}, description="networks of your own, [networks.own.NAME] each; all are included unless excluded"
    )


class AnalysisSection(Section):
    protocols: Names = Field(["sound"], min_length=1, description="protocols that ship, or defined below")
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


class ReportSection(Section):
    path: Path = Field(Path("report"), description="folder of the report")
    group_by: list[FACT_GROUPS] = Field(["model_type", "arch_type"], description="what figures group by")


class ComputeSection(Section):
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:1")
    memory: Bytes = Field(8 * 10**9, description="memory for buffers, e.g. 8GB")
    scratch: Bytes = Field(100 * 10**9, description="disk for temporary files, e.g. 100GB")
    executor: Literal["local"] = Field("local", description="where jobs run")


class ProtocolSection(Section):
    """A protocol of the user's own: `[protocols.NAME]` with what differs from its base."""

    base: Literal["sound", "paper"] = Field("sound", description="the protocol that this one starts from")
    description: str = Field("", description="one line")
    extraction: dict[str, Any] = Field({}, description="settings of feature extraction that differ")
    analysis: dict[str, Any] = Field({}, description="settings of the analysis that differ")


class Protocol(BaseModel):
    """A named set of settings, from frames to p-values."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str
    extraction: ExtractionSettings
    analysis: AnalysisSettings


class Study(Section):
    """The whole study file; its paths are absolute once it is read by `read_study`."""

    study: StudySection = StudySection()
    brain: BrainSection
    stimuli: StimuliSection
    networks: NetworksSection = NetworksSection()
    analysis: AnalysisSection = AnalysisSection()
    report: ReportSection = ReportSection()
    compute: ComputeSection = ComputeSection()
    protocols: dict[str, ProtocolSection] = Field({}, description="protocols of your own")

    def chosen_networks(self) -> list[Network]:
        """The networks that the study asks for: of the catalog, in its order, then its own, in the file's.

        Raises
        ------
        BadInput : an unknown name, nothing left, a declaration that names what does not exist (see
            `network_of`), or, in a study of random weights, a function that is not said to
            give some.
        """
        asked, known = self.networks, catalog()
        names = select_names(asked.include, asked.exclude, asked.own)
        own = {name: network_of(name, asked.own[name]) for name in asked.own if name in names}
        if asked.weights == "random":
            refuse_trained_functions(list(own.values()))
        return [own[name] if name in own else known[name] for name in names]

    def resolved_protocols(self) -> dict[str, Protocol]:
        """The settings of each protocol that the study asks for, in its order.

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
        return resolved


def shipped(names: Sequence[str]) -> dict[str, Protocol]:
    """Protocols that ship, by name.

    Raises
    ------
    BadInput : none of that name ships.
    """
    known = shipped_protocols()
    for name in names:
        if name not in known:
            raise BadInput(f"no protocol called {name!r} ships", hint=near_names(name, known))
    return {name: Protocol.model_validate(known[name]) for name in names}


def shipped_protocols() -> dict[str, dict[str, Any]]:
    """The protocols of protocols.toml, as plain data."""
    return tomllib.loads(files("alignhouse.study").joinpath("protocols.toml").read_text(encoding="utf-8"))


def read_study(path: Path) -> Study:
    """The study that the TOML file at `path` describes; its relative paths start at the file's folder.

    `~` and environment variables (`$BMD/derivatives`) in paths are expanded.

    Raises
    ------
    BadInput : no such file, no TOML, an unknown key (the near ones are named), a value out of range, a
        variable that is not set.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"study file {path}", found=error.strerror, hint="write one with `alignhouse init`"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"study file {path}", expected="TOML", found=error) from error
    study = _validated(Study, data, f"study file {path}")
    if study.brain.kind == "rdms" and study.brain.regions == "study":
        study = study.model_copy(update={"brain": study.brain.model_copy(update={"regions": "all"})})
    return _with_absolute_paths(study, path.resolve().parent)


def with_compute(study: Study, **given: str | None) -> Study:
    """The study with other limits: device, memory, scratch; those that are None stay as its file says.

    Raises
    ------
    BadInput : a value that is none.
    """
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        return study
    compute = _validated(ComputeSection, {**study.compute.model_dump(), **changed}, "on the command line")
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
    return _validated(Protocol, data, f"[protocols.{name}]")


def _validated(kind: type[Model], data: dict[str, Any], what: str) -> Model:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise BadInput(
                f"{what}: unknown key {where!r}",
                hint=near_names(str(first["loc"][-1]), _keys_at(kind, first["loc"])),
            ) from None
        if first["type"] == "missing":
            raise BadInput(f"{what}: {where!r} is missing", hint=_help_at(kind, first["loc"])) from None
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{what}: {where}", expected=message, found=repr(first["input"])) from None


def _keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that the table holding the last name of `place` knows."""
    table = _table_at(kind, place[:-1])
    return list(table.model_fields) if table else []


def _help_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    table = _table_at(kind, place[:-1])
    field = table.model_fields.get(str(place[-1])) if table else None
    return field.description if field else None


def _table_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The kind of the table at `place`; tables of a mapping, such as `protocols`, have names of any kind."""
    names = iter(place)
    for name in names:
        field = kind.model_fields.get(str(name))
        inner: Any = field.annotation if field else None
        if get_origin(inner) is dict:
            inner = get_args(inner)[1]
            next(names, None)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        kind = inner
    return kind
