"""Checks that this machine has what the networks of a study need, before anything is computed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.devices import check_device, devices_named
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.optional_packages import ON_LINUX_X86_64, how_to_get, is_installed
from alignhouse.ingest.stimuli.decord_reader import open_by_decord
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.study.file import Study
from alignhouse.study.protocol import Protocol
from alignhouse.warehouse.errors import BadInput, some_names

_NAMED_AT_MOST = 5


def check_machine(study: Study, protocols: Mapping[str, Protocol], networks: Sequence[Network]) -> None:
    """Check the device, and the packages that some platforms lack.

    Parameters
    ----------
    protocols, networks : those that are to be extracted; without any network, nothing is checked.

    Raises
    ------
    BadInput : torch cannot use the device; or decord or mmaction2 is missing. It names the networks or
        protocols that need it, and the keys to change.
    """
    if networks:
        check_packages(study, protocols, networks)
        if not study.compute.is_on_cluster:  # There, each worker checks its own.
            for device in devices_named(study.compute.device):
                check_device(device)


def check_packages(study: Study, protocols: Mapping[str, Protocol], networks: Sequence[Network]) -> None:
    """The part of `check_machine` about packages."""
    faults = list(missing_packages(study, protocols, networks))
    if faults:
        raise BadInput("; ".join(faults))


def check_decord_reads(stimuli: Sequence[Stimulus], unlike_decord: Container[str]) -> None:
    """Check that decord can open the videos whose frames may differ between decord and PyAV.

    Raises
    ------
    BadInput : it cannot open one; its codec is newer than decord, for example.
    """
    for stimulus in stimuli:
        if stimulus.name in unlike_decord:
            open_by_decord(stimulus.path)


def missing_packages(
    study: Study, protocols: Mapping[str, Protocol], networks: Sequence[Network]
) -> Iterator[str]:
    """For each package that is missing here: what needs it, and what to do, in one sentence."""
    of_sources: dict[str, list[str]] = {}
    for network in networks:
        of_sources.setdefault(network.source, []).append(network.name)
    for source, names in of_sources.items():
        if source not in ON_LINUX_X86_64 or is_installed(source):
            continue
        yield (
            f"networks {some_names(names, _NAMED_AT_MOST)} need {source}, which is not installed "
            f'({how_to_get(source)}; or leave them out: exclude = ["{source}"] in [networks])'
        )
    with_decord = [name for name, each in protocols.items() if each.extraction.decoder == "decord"]
    if with_decord and not is_installed("decord") and _shows_videos(study):
        yield (
            f"protocol {', '.join(with_decord)} reads videos with decord, which is not installed "
            f'({how_to_get("decord")}; or use protocol sound, or set extraction = {{ decoder = "av" }} in a '
            'protocol of your own, base = "paper": frames of most videos are the same)'
        )


def _shows_videos(study: Study) -> bool:
    stimuli = data_set(study.brain.kind).stimuli_of_study(
        study.stimuli.path, study.brain.split, study.brain.path
    )
    return any(each.media == "video" for each in stimuli)
