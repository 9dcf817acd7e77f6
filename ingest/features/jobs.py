"""Jobs that compute and store model RDMs from stimuli and networks."""

from __future__ import annotations

import gc
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alignhouse.ingest.features.dealing import deals_as_published
from alignhouse.ingest.features.devices import is_out_of_memory, kind_of
from alignhouse.ingest.features.frame_order import FrameOrder
from alignhouse.ingest.features.gram_files import gram_output, model_rdm_folder
from alignhouse.ingest.features.kept_grams import GRAMS
from alignhouse.ingest.features.settings import ExtractionSettings, settings_for
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import WeightsKind, weights_identity, weights_kind
from alignhouse.ingest.stimuli.videos import Decoder, Stimulus, read_inspected_frames
from alignhouse.warehouse.artifacts import SCRATCH, Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.vectors import vector_table

if TYPE_CHECKING:
    from alignhouse.ingest.features.recipe import NetworkRdms
    from alignhouse.ingest.models.build import Built

EXTRACTION_VERSION = 2
# Networks of single frames under the published rule: before, their frames were dealt into too few calls.
_DEALT_VERSION = 3
# Networks of the study's own under the automatic rule: before, no dry pass tried their layers.
_TRIED_VERSION = 4


@dataclass(frozen=True)
class Extraction:
    """Parameters that all extractions of a study share.

    Parameters
    ----------
    root : the warehouse.
    stimuli, sha256 : the stimuli in the order of the RDMs, and the hash of each file.
    weights, seed : pretrained, or random with this seed; a user's own network may be random in any case.
    device : "cpu", "cuda", "cuda:1" or "mps"; a worker with a device of its own uses that one.
    memory : bytes for buffers. scratch : bytes of disk for features.
    unlike_decord : the stimuli whose frames may differ between PyAV and decord.
    decord_asked : whether a protocol of the study reads videos with decord, and decord is installed.
    order : of frames; another than "given" makes another model, e.g. `x3d_s@frozen`.
    """

    root: Path
    stimuli: Sequence[Stimulus]
    sha256: Mapping[str, str]
    weights: WeightsKind
    seed: int
    device: str
    memory: int
    scratch: int
    unlike_decord: frozenset[str] = frozenset()
    decord_asked: bool = False
    order: FrameOrder = "given"

    def decoder_in_key(self, settings: ExtractionSettings) -> Literal["av"] | None:
        """The decoder as the job names it: PyAV where it matters.

        None stands for decord's frames, since earlier versions knew no other decoder, and so for the frames
        of any decoder where all show the same.
        """
        return "av" if settings.decoder == "av" and self.unlike_decord else None

    @property
    def reader_of_unnamed(self) -> Decoder:
        """The decoder of jobs that name none: decord, unless the frames are equal and nobody asks for it."""
        return "decord" if self.decord_asked or self.unlike_decord else "av"


class ExtractionJobSettings(JobSettings):
    """Settings of the RDMs of one network.

    model : its name in the warehouse. network, weights : the identity of its code and of its weights.
    skip_bad : leave out layers that cannot be correlated; the artifact says which, and why.
    decoder : see `Extraction.decoder_in_key`.
    keep : what is kept beside RDMs.
    """

    model: str
    network: dict[str, Any]
    weights: str
    extraction: ExtractionSettings
    skip_bad: bool = False
    decoder: Literal["av"] | None = None
    keep: tuple[Literal["grams"], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "network": self.network,
            "weights": self.weights,
            "extraction": self.extraction.in_keys(),
            **({"skip_bad": True} if self.skip_bad else {}),
            **({"decoder": self.decoder} if self.decoder else {}),
            **({"keep": list(self.keep)} if self.keep else {}),
        }


def model_name(network: str, weights: WeightsKind, seed: int, order: FrameOrder = "given") -> str:
    """The name of a network in the warehouse: with the seed of random weights, and the order of frames."""
    name = network if weights == "pretrained" else f"{network}-random{seed}"
    return name if order == "given" else f"{name}@{order}"


def extraction_jobs(
    extraction: Extraction,
    network: Network,
    settings: Sequence[ExtractionSettings],
    *,
    skip_bad: bool,
    grams: bool = False,
    weights: str | None = None,
) -> list[Job]:
    """One job per settings: the RDMs of all layers of a network, one row per layer.

    Parameters
    ----------
    grams : keep Gram matrices in a second file, of settings that need only these.
    weights : their identity, if it is known.

    Raises
    ------
    BadInput : see `models.weights.weights_identity`.
    """
    settings = [settings_for(network, each) for each in settings]
    if extraction.order != "given":
        settings = [each.model_copy(update={"order": extraction.order}) for each in settings]
    kind = weights_kind(network, extraction.weights)
    name = model_name(network.name, kind, extraction.seed, extraction.order)
    identity = weights or weights_identity(network, extraction.weights, extraction.seed)
    return [
        Job(
            method="extraction",
            version=_version(network, each),
            settings=ExtractionJobSettings(
                model=name,
                network=network.identity(),
                weights=identity,
                extraction=each,
                skip_bad=skip_bad,
                decoder=extraction.decoder_in_key(each),
                keep=("grams",) if grams and each.needs_only_grams else (),
            ).as_json(),
            inputs={stimulus.name: extraction.sha256[stimulus.name] for stimulus in extraction.stimuli},
            label=name,
        )
        for each in settings
    ]


def _version(network: Network, settings: ExtractionSettings) -> int:
    if network.tries_layers and not network.layers:
        return _TRIED_VERSION
    return _DEALT_VERSION if deals_as_published(network, settings.frame_count) else EXTRACTION_VERSION


def extraction_batch(extraction: Extraction, network: Network, jobs: Sequence[Job]) -> Batch:
    """The extraction of one network under several settings, which share each decoded stimulus.

    While a GPU extracts, the CPU builds the next network.
    """
    return Batch(
        jobs=tuple(jobs),
        call=extract,
        shared={"network": network, "extraction": extraction},
        prepare=prepare_network,
        ahead=extraction.device != "cpu",
        preparing="building the network",
        device=extraction.device,
    )


def prepare_network(network: Network, extraction: Extraction) -> Built:
    """Build the network on the CPU."""
    from alignhouse.ingest.models.build import build_network

    # Networks contain reference cycles: without this, two would be in memory at once.
    gc.collect()
    return build_network(network, weights=extraction.weights, seed=extraction.seed)


def extract(
    jobs: Sequence[Job],
    reporter: Reporter,
    network: Network,
    extraction: Extraction,
    prepared: Built,
    device: str,
) -> Iterator[list[Output]]:
    """Extract a network under the settings of `jobs`; see `extraction_batch`.

    Raises
    ------
    BadInput : the weights of the built network differ from those of the jobs, or a stimulus is not the file
        that was inspected; or see `extract_rdms_together`.
    AlignhouseError : the device has too little memory even for one frame or clip at a time.
    """
    from alignhouse.ingest.features.extract import extract_rdms_together

    settings = [ExtractionJobSettings.of(job) for job in jobs]
    name = settings[0].model
    if prepared.found_weights and prepared.found_weights != settings[0].weights:
        raise BadInput(
            f"weights of network {network.name}",
            expected=settings[0].weights,
            found=prepared.found_weights,
            hint="a file was changed since the run began, or a function returns other weights in each call",
        )
    # A name of its own: a worker that was given up may still write to its folder.
    scratch = extraction.root / SCRATCH / f"features-{name}-{secrets.token_hex(4)}"
    scratch.mkdir(parents=True, exist_ok=True)
    sha256 = {stimulus.path: extraction.sha256[stimulus.name] for stimulus in extraction.stimuli}
    try:
        found = extract_rdms_together(
            network,
            prepared.module,
            [stimulus.path for stimulus in extraction.stimuli],
            [
                each.extraction.model_copy(update={"decoder": each.decoder or extraction.reader_of_unnamed})
                for each in settings
            ],
            device=device,
            reader_processes=kind_of(device) != "cpu",
            scratch=scratch,
            memory=extraction.memory,
            scratch_bytes=extraction.scratch,
            skip_bad=settings[0].skip_bad,
            on_step=reporter.step,
            say=reporter.say,
            doing=reporter.doing,
            model=name,
            grams=[GRAMS in each.keep for each in settings],
            transform=prepared.transform,
            # No lambda: it could not be sent to the processes that read for a GPU.
            read_frames=partial(_inspected_frames, sha256),
        )
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise AlignhouseError(
            f"network {name}: too little memory on device {device}",
            found=error,
            hint="end other programs that use it, choose a larger device, or exclude the network",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    conditions = [stimulus.name for stimulus in extraction.stimuli]
    for rdms in found:
        yield _outputs(name, rdms, conditions)


def _inspected_frames(sha256: Mapping[Path, str], path: Path, decoder: Decoder) -> np.ndarray:
    return read_inspected_frames(path, sha256[path], decoder)


def skipped_layers(rdms: Artifact) -> Mapping[str, str]:
    """Layer -> reason, for each layer that an extraction skipped."""
    skipped: dict[str, str] = rdms.about["notes"]["skipped_layers"]
    return skipped


def _outputs(model: str, found: NetworkRdms, conditions: Sequence[str]) -> list[Output]:
    """The file of the RDMs, and that of the Gram matrices if they are kept."""
    names: dict[str, list[Any]] = {
        "layer": [layer.name for layer in found.layers],
        "layer_index": [layer.index for layer in found.layers],
        "depth": [layer.depth for layer in found.layers],
        "width": [layer.width for layer in found.layers],
    }
    rdms = vector_table(names, "rdm", np.stack([layer.rdm for layer in found.layers]))
    about = {"conditions": list(conditions), "notes": dict(found.notes)}
    outputs = [Output(model_rdm_folder(model), rdms, about=about)]
    grams = [layer.gram for layer in found.layers if layer.gram is not None]
    if grams:
        outputs.append(gram_output(model, names, grams, about))
    return outputs
