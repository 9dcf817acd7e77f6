"""Checks before a long run: packages, device, disk, locks, memory, weights."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.features.devices import check_device, devices_named, usable_devices
from alignhouse.ingest.optional_packages import ON_LINUX_X86_64, how_to_get, is_installed
from alignhouse.study.file import Study
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.lock import only_one
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.sizes import size_in_words

PACKAGES = ("alignhouse", "duckdb", "numpy", "polars", "pyarrow")
OF_NETWORKS = ("torch", "torchvision", "timm", "av")
# Peaks of tiny studies (benchmarks/README.md). Without networks: `run --no-report` 280 MB, `report` 441 MB.
# The smallest network of each source: function 490 MB, timm 580 MB, torchvision 621 MB, mmaction2 777 MB.
BASE_MEMORY = 450 * 10**6
BASE_MEMORY_OF_NETWORKS = 800 * 10**6
# Also measured there: 10 regions, 8 subjects, 240 layers.
ON_TOP = "brain RDMs and the report come on top: up to 1.1 GB with 500 conditions"


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it; `advice` is "" if all is well."""

    what: str
    found: str
    advice: str = ""


def diagnosis(study: Study | None, progress: Progress, *, own: bool = True) -> Iterator[Finding]:
    """Check this machine, and whether it can run `study`. Changes nothing and downloads nothing.

    Parameters
    ----------
    study : None checks the machine and the working folder alone.
    own : False leaves out the study's own networks, and runs none of their code.
    """
    wants_networks = study is not None and study.networks.given is None
    yield Finding("Python", platform.python_version())
    yield from (_package(name, needed=True) for name in PACKAGES)
    yield from (_package(name, needed=wants_networks) for name in OF_NETWORKS)
    yield from (_of_one_platform(name) for name in ON_LINUX_X86_64)
    if study is not None and wants_networks:
        yield _decoders(study)
    yield _device(study.compute.device if study else "cpu")
    folder = _existing(study.study.warehouse if study else Path())
    free = shutil.disk_usage(folder).free
    yield Finding("disk", f"{size_in_words(free)} free in {folder}")
    yield _locks(folder)
    yield _memory(study)
    if study is not None and wants_networks:
        yield from _networks(study, free, progress, own=own)


def _package(name: str, *, needed: bool) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        advice = "pip install 'alignhouse[networks]'" if needed else ""
        return Finding(name, "not installed", advice)


def _of_one_platform(name: str) -> Finding:
    """A package that only some networks and protocols need; `_networks` says whether this study does."""
    found = _package(name, needed=False)
    return found if is_installed(name) else Finding(name, f"not installed ({how_to_get(name)})")


def _decoders(study: Study) -> Finding:
    names = {"av": "PyAV", "decord": "decord"}
    used = {name: names[each.extraction.decoder] for name, each in study.resolved_protocols().items()}
    return Finding("videos", ", ".join(f"protocol {name} reads them with {used[name]}" for name in used))


def _device(wanted: str) -> Finding:
    words = f"{cores()} cores"
    try:
        import torch
    except ImportError:
        return Finding("devices", words)  # The line of the package says that torch is missing.
    names = {each: f" {torch.cuda.get_device_name(each)}" for each in usable_devices() if "cuda" in each}
    words += "".join(f", {each}{names.get(each, '')}" for each in usable_devices() if each != "cpu")
    try:
        for each in devices_named(wanted):
            check_device(each)
    except BadInput as error:
        return Finding("devices", words, f"{wanted} is not there: {error.hint}")
    return Finding("devices", words)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _locks(folder: Path) -> Finding:
    try:
        with (
            tempfile.NamedTemporaryFile("a+", dir=folder, encoding="utf-8") as file,
            only_one(file, "alignhouse doctor", lambda holder: BadInput("locked", found=holder)),  # type: ignore[arg-type]
        ):
            return Finding("locks", f"work in {folder}")
    except (AlignhouseError, OSError) as error:
        return Finding("locks", f"not in {folder}: {error}", "choose a writable folder on a local disk")


def _memory(study: Study | None) -> Finding:
    free = available_memory()
    if free is None:
        return Finding("memory", "unknown")
    words = f"{size_in_words(free)} available"
    if study is None:
        return Finding("memory", words)
    with_networks = study.networks.given is None
    base = BASE_MEMORY_OF_NETWORKS if with_networks else BASE_MEMORY
    words += f"; buffers may take {size_in_words(study.compute.memory)}, programs {size_in_words(base)}"
    words += ", a network its weights and one call" if with_networks else ""
    words += f"; {ON_TOP}"
    need = study.compute.memory + base
    return Finding("memory", words, "lower compute.memory, or --memory" if need > free else "")


def available_memory(
    meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Bytes that this process may still take: of the machine, and of its cgroup; None if unknown."""
    known = []
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        if "MemAvailable" in lines:
            known.append(int(lines["MemAvailable"].split()[0]) * 1024)
    limit, used = cgroup / "memory.max", cgroup / "memory.current"
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()) != "max":
        known.append(max(0, int(text) - int(used.read_text())))
    return min(known, default=None)


def _networks(study: Study, free: int, progress: Progress, *, own: bool) -> Iterator[Finding]:
    from alignhouse.study.dry_run import what_is_needed
    from alignhouse.study.machine import check_packages
    from alignhouse.study.networks import check_weights_of, weighted_networks

    try:
        networks = weighted_networks(study, own=own)
        check_packages(study, study.resolved_protocols(), [network for network, _ in networks])
        check_weights_of(networks)
        yield Finding("weights", f"of {len(networks)} networks: there, or their hub answers")
        rows, _ = what_is_needed(study, None, progress, own=own)
    except (AlignhouseError, ImportError) as error:
        yield Finding("networks", str(error), "mend this first")
        return
    largest = max(rows, key=lambda row: row.scratch_bytes)
    scratch = min(largest.scratch_bytes, study.compute.scratch)
    yield Finding(
        "scratch",
        f"up to {size_in_words(scratch)} at once ({largest.network})",
        "free space, lower compute.scratch, or move the warehouse" if scratch > free else "",
    )
    for row in rows:
        if row.fault:
            yield Finding(row.network, row.fault, "raise compute.memory or compute.scratch, or exclude it")
