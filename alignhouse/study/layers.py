"""The modules of a network of a catalog or of a study, and which of them a protocol reads."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.features.module_tree import ModuleRow, module_tree
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import network_of
from alignhouse.ingest.models.selection import known_network
from alignhouse.study.file import read_study
from alignhouse.study.protocol import Protocol, shipped
from alignhouse.warehouse.errors import BadInput


def layers_of_network(name: str, study_file: Path | None, protocol: str | None) -> list[ModuleRow]:
    """The modules of a network that is built with random weights, as `module_tree`.

    Parameters
    ----------
    study_file : a study that declares the network, whose code may run; None for the catalogs.
    protocol : its settings are used; default: the first of the study, or "sound".

    Raises
    ------
    BadInput : no network or protocol of that name.
    """
    network, protocols = _declared(name, study_file)
    if protocol is None:
        protocol = next(iter(protocols), "sound")
    settings = (protocols.get(protocol) or shipped([protocol])[protocol]).extraction
    return module_tree(network, build_network(network, weights="random"), settings)


def _declared(name: str, study_file: Path | None) -> tuple[Network, dict[str, Protocol]]:
    study = None if study_file is None else read_study(study_file)
    declared = {} if study is None else study.networks.own
    protocols = {} if study is None else study.resolved_protocols()
    if name in declared:
        return network_of(name, declared[name]), protocols
    try:
        return known_network(name, others=declared), protocols
    except BadInput as error:
        if study_file is None:
            error.hint = f"{error.hint} --study names the file that declares a network of your own."
        raise
