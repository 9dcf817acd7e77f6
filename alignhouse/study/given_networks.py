"""Networks whose RDMs or features another program computed: which files give a protocol its RDMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from alignhouse.ingest.datasets.dataset import data_set
from alignhouse.ingest.features.gram_files import grams_among, rdms_among
from alignhouse.ingest.features.precomputed_jobs import precomputed_batch
from alignhouse.study.extractions import (
    Candidates,
    Chosen,
    Derivation,
    finished_among,
    keeps_grams,
    say_what_is_made_again,
)
from alignhouse.study.file import Study
from alignhouse.study.hashing import hash_files
from alignhouse.study.networks import given_files
from alignhouse.study.protocol import Protocol
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput, some_names
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run


@dataclass(frozen=True)
class GivenNetworks:
    """What files give of networks.

    rdms : network -> the RDMs that files hold, or 1 - Pearson's r of their features.
    chosen : network -> protocol -> the job that gives its RDMs. done : key -> artifacts of these jobs.
    """

    rdms: Mapping[str, Artifact]
    chosen: Mapping[str, Mapping[str, Chosen]]
    done: Mapping[str, Sequence[Artifact]]


def refuse_what_files_lack(study: Study, protocols: Mapping[str, Protocol]) -> None:
    """Check that the files of a study can give the RDMs that its protocols ask for.

    Raises
    ------
    BadInput : a protocol asks for another distance than that of ready RDMs, of networks or of brains; for one
        that needs the features themselves; or for Gram matrices that are not kept.
    """
    if data_set(study.brain.kind).rdms is not None:
        for name, protocol in protocols.items():
            if (distance := protocol.analysis.brain_distance) != "correlation":
                raise BadInput(
                    f'protocol {name}, brain_distance = "{distance}"',
                    expected="betas, from which brain RDMs are made",
                    found=f'ready RDMs (brain.kind = "{study.brain.kind}") of the distance of their files',
                    hint='brain_distance = "correlation" takes them as they are',
                )
    if study.networks.given is None:
        return
    given_as, _ = study.networks.given
    for name, protocol in protocols.items():
        asked = protocol.extraction.distance
        if given_as == "rdms" and asked != "correlation":
            raise BadInput(
                f'protocol {name}, distance = "{asked}"',
                expected="features, from which RDMs are made: networks.features",
                found="networks.rdms, whose distance is that of the files",
                hint='distance = "correlation" takes them as they are',
            )
        if given_as == "features" and asked == "manhattan":
            raise BadInput(
                f'protocol {name}, distance = "manhattan"',
                expected="a distance that follows from Gram matrices: correlation, cosine, euclidean or "
                "squared_euclidean",
                found="networks.features",
            )
        if given_as == "features" and _derivation(protocol) and study.networks.keep == []:
            raise BadInput(
                f"protocol {name}, whose RDMs derive from Gram matrices",
                expected='networks.keep = ["grams"]',
                found="networks.keep = []",
            )


def given_networks(
    run: Run, study: Study, hashes: Hashes, conditions: Sequence[str], protocols: Mapping[str, Protocol]
) -> GivenNetworks | None:
    """Read the RDMs or features that a study gives instead of networks; None if it gives none.

    Parameters
    ----------
    conditions : the stimuli, in the order of all RDMs.

    Raises
    ------
    BadInput : as `precomputed_jobs.store_precomputed`; or a protocol needs Gram matrices of a network whose
        layers are RDMs.
    """
    if study.networks.given is None:
        return None
    given_as, folder = study.networks.given
    found = given_files(study)
    sha256 = hash_files([path for files in found.values() for path in files], hashes, run.progress)
    of_features = given_as == "features"
    derivations = {name: _derivation(each) if of_features else None for name, each in protocols.items()}
    needed = study.networks.keep is None and any(derivations.values())
    keep = of_features and (needed or keeps_grams(study.networks.keep, len(conditions)))
    batches: dict[str, Batch] = {}
    candidates: dict[str, dict[str, Candidates]] = {}
    for network, files in found.items():
        batch = partial(
            precomputed_batch,
            network,
            folder / network,
            files,
            sha256,
            conditions,
            given_as=given_as,
            in_stimulus_order=study.networks.conditions == "stimulus_order",
            memory=study.compute.memory,
        )
        both = [batch(), batch(grams=True)] if of_features else [batch()]
        [plain], *keeping = [each.jobs for each in both]
        batches |= {each.jobs[0].key: each for each in both}
        candidates[network] = {
            name: Candidates(() if how else (plain,), keeping[0] if keeping else (), how, (plain,))
            for name, how in derivations.items()
        }
    finished = finished_among(run, (each for its in candidates.values() for each in its.values()))
    chosen = {
        network: {name: each.chosen(finished, keep=keep) for name, each in its.items()}
        for network, its in candidates.items()
    }
    say_what_is_made_again(run, chosen, "Reading")
    wanted = {each.job.key for its in chosen.values() for each in its.values()}
    done = run.do("Model RDMs", [batches[key] for key in batches if key in wanted])
    for network, its in chosen.items():
        for name, each in its.items():
            if each.derivation and grams_among(done[each.job.key]) is None:
                raise BadInput(
                    f"network {network}, protocol {name}",
                    expected="features in all files, from which its RDMs are made",
                    found="layers whose RDMs are given",
                )
    rdms = {network: rdms_among(done[next(iter(its.values())).job.key]) for network, its in chosen.items()}
    _say_what_was_matched_by_position(run, rdms)
    return GivenNetworks(rdms, chosen, done)


def _derivation(protocol: Protocol) -> Derivation | None:
    """How a protocol's RDMs of given features derive from Gram matrices; None if they are the stored ones."""
    asked = protocol.extraction
    if asked.distance == "manhattan" or (asked.distance, asked.centering) == ("correlation", "none"):
        return None
    return Derivation(asked.distance, asked.centering)


def _say_what_was_matched_by_position(run: Run, rdms: Mapping[str, Artifact]) -> None:
    by_position = [network for network, each in rdms.items() if each.about["matched"] == "by position"]
    if by_position:
        run.progress.say(
            f"Stimuli matched by position, because files do not name them: {some_names(by_position, 4)}"
        )
