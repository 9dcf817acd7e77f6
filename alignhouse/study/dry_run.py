"""Estimates the cost of an extraction before it begins: layers, features, disk and passes per network."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from alignhouse.console import plain_console
from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.jobs import model_name
from alignhouse.ingest.features.kept_grams import kept_bytes
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network
from alignhouse.study.extractions import keeps_grams
from alignhouse.study.file import Study
from alignhouse.study.given_networks import refuse_what_files_lack
from alignhouse.study.machine import check_machine
from alignhouse.study.networks import weighted_networks
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.sizes import size_in_words


@dataclass(frozen=True)
class Needed:
    """The resources that one network needs for all protocols together.

    layers, features : of the protocol that reads the most; features are counted per stimulus.
    scratch_bytes : disk space if all features are stored at once. passes : over the stimuli; 0 if the
        extraction is impossible, with the reason in `fault`. gram_bytes : of the Gram matrices that are kept.
    """

    network: str
    layers: int
    features: int
    scratch_bytes: int
    passes: int
    fault: str = ""
    gram_bytes: int = 0


def what_is_needed(
    study: Study, n_stimuli: int | None, progress: Progress, *, own: bool = True
) -> tuple[list[Needed], int]:
    """Estimate what each network of a study needs, from a forward pass of the untrained network.

    Returns the estimates and the number of stimuli. A network from a user's function is used as returned.

    Parameters
    ----------
    n_stimuli : number of stimuli to assume; None for those of the study.
    own : False leaves out the study's own networks, and runs none of their code.

    Raises
    ------
    BadInput : an unknown network or protocol, or no stimuli.
    """
    protocols = study.resolved_protocols()
    refuse_what_files_lack(study, protocols)
    networks = weighted_networks(study, own=own)
    check_machine(study, protocols, [network for network, _ in networks])
    known = data_set(study.brain.kind)
    stimuli = [
        each.path for each in known.stimuli_of_study(study.stimuli.path, study.brain.split, study.brain.path)
    ]
    videos = stimuli if n_stimuli is None else stimuli[:1] * n_stimuli
    keep = keeps_grams(study.networks.keep, len(videos))
    # Protocols that derive from the same Gram matrices share an extraction.
    asked = [each.extraction for each in protocols.values()]
    settings = list(dict.fromkeys(each.base if keep else each for each in asked))
    progress.stage("Measuring networks", len(networks), 0)
    rows: dict[str, Needed] = {}
    for network, kind in networks:
        progress.job(network.name)
        # A network that is included needs the same without its weights.
        if known_row := rows.get(network.name):
            name = model_name(network.name, kind, study.networks.seed)
            rows[name] = replace(known_row, network=name)
        else:
            rows[network.name] = _needed(network, videos, settings, study, keep=keep)
        progress.job_done()
        gc.collect()  # networks contain reference cycles
    return list(rows.values()), len(videos)


def show(rows: Sequence[Needed], study: Study, n_stimuli: int) -> None:
    """Print a line for each network, and the totals."""
    console = plain_console(width=None if plain_console().is_terminal else 120)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("network")
    for column in ("layers", "features of a stimulus", "features on disk", "passes"):
        table.add_column(column, justify="right")
    for row in rows:
        passes = row.fault or f"{row.passes:,}"
        table.add_row(
            row.network, f"{row.layers:,}", f"{row.features:,}", size_in_words(row.scratch_bytes), passes
        )
    console.print(table)
    largest = max(rows, key=lambda row: row.scratch_bytes)
    console.print(
        f"{len(rows):,} networks, {n_stimuli:,} stimuli, protocols {', '.join(study.analysis.protocols)}: "
        f"{size_in_words(sum(row.scratch_bytes for row in rows))} of features in total, at most "
        f"{size_in_words(largest.scratch_bytes)} at once ({largest.network}). Allowed: "
        f"{size_in_words(study.compute.scratch)} of scratch, "
        f"{size_in_words(study.compute.memory)} of memory.",
        highlight=False,
        soft_wrap=True,
    )
    if grams := sum(row.gram_bytes for row in rows):
        console.print(
            f"Gram matrices in the warehouse: at most {size_in_words(grams)}; networks.keep = [] keeps none.",
            highlight=False,
            soft_wrap=True,
        )


def _needed(
    network: Network,
    videos: Sequence[Path],
    settings: Sequence[ExtractionSettings],
    study: Study,
    *,
    keep: bool,
) -> Needed:
    from alignhouse.ingest.features.devices import devices_named, room_for_one_stimulus
    from alignhouse.ingest.features.extract import bytes_of_values, measure_widths
    from alignhouse.ingest.features.passes import features_bytes, plan_passes
    from alignhouse.ingest.models.build import build_network

    device = devices_named(study.compute.device)[0]
    built = build_network(network, weights="random")
    widths = measure_widths(
        network,
        built.module,
        videos[0],
        settings,
        device=device,
        transform=built.transform,
    )
    most = max(widths, key=lambda of_settings: sum(of_settings.values()))
    passes, fault = 0, ""
    try:
        plan = plan_passes(
            widths,
            len(videos),
            scratch_bytes=study.compute.scratch,
            memory=room_for_one_stimulus(device, study.compute.memory),
            what=network.name,
            value_bytes=bytes_of_values(settings),
        )
        passes = len(plan.passes)
    except BadInput as error:
        fault = str(error)
    scratch = features_bytes(widths, len(videos), bytes_of_values(settings))
    keeping = zip(widths, settings, strict=True)
    n_kept = sum(len(layers) for layers, each in keeping if keep and each.needs_only_grams)
    grams = n_kept * kept_bytes(len(videos))
    return Needed(network.name, len(most), sum(most.values()), scratch, passes, fault, grams)
