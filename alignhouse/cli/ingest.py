"""The commands of `alignhouse ingest`: from raw files to stored RDMs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignhouse.cli.layers import ingest_layers
from alignhouse.cli.terminal import (
    DeviceOption,
    MemoryLimit,
    SchedulerOption,
    ScratchLimit,
    StudyFile,
    WarehouseOption,
    progress,
    run_file,
    run_on,
    stoppable,
)
from alignhouse.cli.which import which_warehouse

if TYPE_CHECKING:
    from alignhouse.study.brain import BrainRequest

# Whatever simulates a data set, such as the demo, leaves this file in its folder.
NOTICE = "SYNTHETIC.json"

ingest_app = typer.Typer(help="From raw files to stored RDMs.", no_args_is_help=True)


# As in `ingest.datasets.dataset`, which is not imported here: it would slow down every command.
DEFAULT_KIND = "bmd"

VersionOption = Annotated[
    str | None, typer.Option(help="Version of the betas, e.g. B. Default: that of the data set.")
]
KindOption = Annotated[str, typer.Option(help="Which kind of data set it is.")]
SubjectsOption = Annotated[
    str | None, typer.Option(help="Some subjects only, e.g. sub-01,sub-02. Default: all.", metavar="LIST")
]
RegionsOption = Annotated[
    str | None,
    typer.Option(
        help="A selection of the data set (bmd: study, hemispheres, parts, all), or a list: V1,EBA,lMT.",
        metavar="LIST",
    ),
]
DatasetOption = Annotated[
    str | None, typer.Option(help="What to call the data set. Default: its kind.", show_default=False)
]
MemoryOption = Annotated[str, typer.Option(help="Memory that may be used for betas and patterns.")]
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out voxels with NaN or infinite values, and say how many.")
]


@ingest_app.command("inputs")
def ingest_inputs(study: StudyFile) -> None:
    """Read and check stimuli and brain data of a study; store betas and brain RDMs.

    Example: `alignhouse ingest inputs my_study.toml`
    """
    run_file(study, until="inputs", report=False)


@ingest_app.command("networks")
def ingest_networks(
    study: StudyFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate disk and passes of each network, and do nothing.")
    ] = False,
    stimuli: Annotated[
        int | None, typer.Option(min=3, help="With --dry-run: assume this many stimuli.")
    ] = None,
    own: Annotated[
        bool,
        typer.Option(
            "--own/--no-own", help="With --dry-run: --no-own runs no code of the study's own networks."
        ),
    ] = True,
    device: DeviceOption = None,
    memory: MemoryLimit = None,
    scratch: ScratchLimit = None,
    scheduler: SchedulerOption = None,
) -> None:
    """Extract the RDMs of the study's networks (and ingest its inputs, where that is still to do).

    A study's own networks are code, which this runs, also with --dry-run (see docs/security.md).

    Examples: `alignhouse ingest networks my_study.toml --memory 4GB --scratch 20GB`,
    `alignhouse ingest networks my_study.toml --dry-run --stimuli 1102 --no-own`
    """
    if not own and not dry_run:
        from alignhouse.warehouse.errors import BadInput

        raise BadInput("--no-own is an option of --dry-run", hint="exclude the networks in the study file")
    if dry_run:
        from alignhouse.study.dry_run import show, what_is_needed
        from alignhouse.study.file import read_study, with_compute

        asked = with_compute(read_study(study), device=device, memory=memory, scratch=scratch)
        if own and (code := asked.own_code()):
            typer.echo(
                f"Running the code of own networks: {', '.join(code)}. --no-own leaves them out.", err=True
            )
        with progress() as shown:
            needed, n_stimuli = what_is_needed(asked, stimuli, shown, own=own)
        show(needed, asked, n_stimuli)
        return
    limits = {"device": device, "memory": memory, "scratch": scratch, "scheduler": scheduler}
    run_file(study, until="networks", report=False, **limits)


@ingest_app.command("controls")
def ingest_controls(study: StudyFile) -> None:
    """Make the RDMs of the study's control models (and ingest its inputs, where that is still to do).

    Example: `alignhouse ingest controls my_study.toml`
    """
    run_file(study, until="controls", report=False)


@ingest_app.command("fetch")
def ingest_fetch(
    dataset: Annotated[str, typer.Argument(help="Which data set, e.g. bmd.")],
    to: Annotated[Path, typer.Option(help="Folder to download into; files keep the data set's own paths.")],
    version: VersionOption = None,
    subjects: SubjectsOption = None,
    regions: RegionsOption = None,
    annotations: Annotated[bool, typer.Option(help="Annotations of the videos, and readmes.")] = True,
    motion_energy: Annotated[
        bool, typer.Option("--motion-energy", help="Motion-energy features of the videos.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List files and sizes, and download nothing.")
    ] = False,
    endpoint_url: Annotated[
        str | None, typer.Option(help="A mirror with the same bucket and paths: https://... or http://...")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files at a time.")] = 8,
) -> None:
    """Download the selected files of a data set. Files are verified; run it again to resume.

    Example: `alignhouse ingest fetch bmd --to /data/bmd --subjects sub-01 --regions V1,EBA`
    """
    from alignhouse.cli.fetching import fetch_dataset, show_plan
    from alignhouse.ingest.datasets.dataset import data_set, known_kinds
    from alignhouse.warehouse.errors import BadInput, near_names

    select = {kind: each for kind in known_kinds() if (each := data_set(kind).remote_files)}
    if dataset in known_kinds() and (access := data_set(dataset).access):
        raise BadInput(f"data set {dataset!r} cannot be fetched", hint=access)
    if dataset not in select:
        raise BadInput(f"no data set {dataset!r} can be fetched", hint=near_names(dataset, select))
    known = data_set(dataset)
    files = select[dataset](
        version or known.default_version,
        _list(subjects),
        _names(regions) if regions is not None else known.default_regions,
        annotations=annotations,
        motion_energy=motion_energy,
        endpoint_url=endpoint_url,
    )
    with stoppable():
        if dry_run:
            show_plan(files, to)
        else:
            fetch_dataset(files, to, allow_http=endpoint_url is not None, workers=workers)


@ingest_app.command("models")
def ingest_models_of_catalog(
    networks: Annotated[
        list[str] | None, typer.Argument(help="Names, globs, default (the 92), all (the 99) or modern.")
    ] = None,
    warehouse: WarehouseOption = None,
    protocols: Annotated[str, typer.Option(help="Whose layers: protocols that ship.")] = "sound,paper",
    layers: Annotated[
        bool, typer.Option(help="Also build each network, untrained, for its layers (seconds each).")
    ] = True,
) -> None:
    """Describe networks of the catalog, and their layers, before any is extracted.

    Example: `alignhouse ingest models all -w bmd.alignhouse`
    """
    from alignhouse.ingest.models.catalog import PAPER_92
    from alignhouse.ingest.models.selection import select
    from alignhouse.study.models import ingest_models
    from alignhouse.study.protocol import shipped
    from alignhouse.warehouse.errors import PartlyFailed

    chosen = select(networks or [PAPER_92])
    of_protocols = shipped(_list(protocols) or [])
    folder = which_warehouse(warehouse, needs_snapshot=False)
    with run_on(folder, {"networks": [each.name for each in chosen]}) as run:
        failed = ingest_models(run, chosen, of_protocols, layers=layers)
    if failed:
        raise PartlyFailed(f"networks whose layers are not known: {len(failed)}", found=", ".join(failed))


ingest_app.command("layers")(ingest_layers)


@ingest_app.command("weights")
def ingest_weights(
    networks: Annotated[
        list[str] | None, typer.Argument(help="Names, globs, default (the 92), all (the 99) or modern.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to download into. Default: $ALIGNHOUSE_WEIGHTS, else the user's cache."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files at a time.")] = 4,
) -> None:
    """Download checkpoints of mmaction2's networks. Files are verified; run it again to resume.

    Example: `alignhouse ingest weights "slowfast*" tanet_r50`
    """
    from alignhouse.cli.fetching import fetch_weights
    from alignhouse.ingest.models.catalog import PAPER_92
    from alignhouse.ingest.models.selection import select
    from alignhouse.ingest.models.weights import weights_folder

    with stoppable():
        fetch_weights(select(networks or [PAPER_92]), to or weights_folder(), workers=workers)


@ingest_app.command("stimuli")
def ingest_stimuli(
    source: Annotated[Path, typer.Argument(help="The stimulus set: its zip, or the folder from it.")],
    warehouse: WarehouseOption = None,
    kind: KindOption = DEFAULT_KIND,
    dataset: DatasetOption = None,
    split: Annotated[str, typer.Option(help="Which stimuli: a split of the data set, or all.")] = "all",
    password: Annotated[
        str | None,
        typer.Option(envvar="ALIGNHOUSE_STIMULI_PASSWORD", help="Of the zip; it is not kept anywhere."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder to unpack to. Default: beside the zip, named like it.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="Folder with annotations.json, e.g. the one that fetch filled.")
    ] = None,
    skip_missing: Annotated[
        bool,
        typer.Option("--skip-missing", help="Accept an incomplete set; list what is missing or damaged."),
    ] = False,
) -> None:
    """Register every stimulus (identifier, split, hash, frames, frame rate, size) and its annotations.

    Example: `alignhouse ingest stimuli stimulus_set.zip --annotations /data/bmd -w bmd.alignhouse`
    """
    from alignhouse.study.stimuli import StimuliRequest, ingest_stimulus_set

    request = StimuliRequest(
        source, dataset or kind, split, password, to, annotations, skip_missing=skip_missing, kind=kind
    )
    with run_on(which_warehouse(warehouse, needs_snapshot=False), request.recorded()) as run:
        ingest_stimulus_set(run, request)


@ingest_app.command("betas")
def ingest_betas(
    source: Annotated[Path, typer.Argument(help="The data set's own folder, as fetched.")],
    warehouse: WarehouseOption = None,
    kind: KindOption = DEFAULT_KIND,
    dataset: DatasetOption = None,
    version: VersionOption = None,
    split: Annotated[str, typer.Option(help="The split to store betas of, or all.")] = "all",
    regions: RegionsOption = None,
    subjects: SubjectsOption = None,
    skip_bad: SkipBadOption = False,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The betas are simulated; every page that shows them says so.")
    ] = False,
    memory: MemoryOption = "8GB",
) -> None:
    """Store betas as Parquet, part by part; `brain-rdms` can use them for any region that has these parts.

    Example: `alignhouse ingest betas /data/bmd -w bmd.alignhouse`
    """
    from alignhouse.study.brain import register_dataset, store_betas
    from alignhouse.warehouse.hashes import Hashes

    request = _request(
        kind, dataset, version, split, regions, subjects, skip_bad=skip_bad, memory=memory, root=source
    )
    folder = which_warehouse(warehouse, needs_snapshot=False)
    with run_on(folder, request.recorded()) as run:
        hashes = Hashes(folder)
        with run.all_or_nothing():
            betas = store_betas(run, source, request, hashes)
            register_dataset(run, request, list(betas), synthetic=synthetic or (source / NOTICE).is_file())
        hashes.save()


@ingest_app.command("brain-rdms")
def ingest_brain_rdms(
    warehouse: WarehouseOption = None,
    kind: KindOption = DEFAULT_KIND,
    dataset: DatasetOption = None,
    version: VersionOption = None,
    split: Annotated[str | None, typer.Option(help="Which stimuli: a split of the data set, or all.")] = None,
    regions: RegionsOption = None,
    subjects: SubjectsOption = None,
    average_subjects: Annotated[
        bool, typer.Option("--average-subjects", help="Keep the average of the subjects' RDMs.")
    ] = False,
    min_ncsnr: Annotated[
        float | None, typer.Option(min=0, help="Keep only voxels whose noise-ceiling SNR reaches this.")
    ] = None,
    skip_bad: SkipBadOption = False,
    memory: MemoryOption = "8GB",
) -> None:
    """Make RDMs of any regions from stored betas, with the reliability of each region.

    Example: `alignhouse ingest brain-rdms --split train --regions hemispheres -w bmd.alignhouse`
    """
    from alignhouse.study.brain import brain_rdms_from_stored

    request = replace(
        _request(kind, dataset, version, split, regions, subjects, skip_bad=skip_bad, memory=memory),
        min_ncsnr=min_ncsnr,
        average=average_subjects,
    )
    with run_on(which_warehouse(warehouse), request.recorded()) as run, run.all_or_nothing():
        brain_rdms_from_stored(run, request)


def _request(
    kind: str,
    dataset: str | None,
    version: str | None,
    split: str | None,
    regions: str | None,
    subjects: str | None,
    *,
    skip_bad: bool,
    memory: str,
    root: Path | None = None,
) -> BrainRequest:
    """The betas that a command means; options are checked like `[brain]` of a study file."""
    from alignhouse.ingest.datasets.dataset import data_set
    from alignhouse.study.brain import BrainRequest
    from alignhouse.study.brain_section import BrainSection
    from alignhouse.study.section import validated
    from alignhouse.warehouse.errors import BadInput
    from alignhouse.warehouse.sizes import parse_bytes

    try:
        memory_bytes = parse_bytes(memory)
    except ValueError as error:
        raise BadInput("--memory", found=error) from error
    selection = None if regions is None else _names(regions)
    asked = {"kind": kind, "version": version, "split": split, "regions": selection}
    given = {key: value for key, value in asked.items() if value is not None}
    brain = validated(BrainSection, given, "on the command line")
    return BrainRequest(
        kind=kind,
        dataset=dataset or kind,
        version=brain.version,
        split=brain.split,
        regions=data_set(kind).regions(brain.regions, brain.version, root),
        subjects=_list(subjects),
        skip_bad=skip_bad,
        memory=memory_bytes,
    )


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [each.strip() for each in text.split(",") if each.strip()]


def _names(text: str) -> str | list[str]:
    """One name, such as a selection ("study"), or a list of names."""
    names = _list(text) or []
    return names[0] if len(names) == 1 else names
