"""Refuses a study for which Kendall's tau-a would take too long, before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil

from alignhouse.analysis.jobs.scope import conditions, unseen
from alignhouse.analysis.kernels.measure_names import SIGN_MEASURES
from alignhouse.analysis.statistics.kendall_work import A_SECOND, tau_a_work
from alignhouse.study.file import Study
from alignhouse.study.inputs import StudyInputs
from alignhouse.study.protocol import Protocol
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

# The layers of a network before it is known: the mean of the catalog, by the automatic rule.
LAYERS_A_NETWORK = 15


def refuse_too_many_signs(
    study: Study, protocols: Mapping[str, Protocol], inputs: StudyInputs, n_networks: int
) -> None:
    """Check that the protocols by Kendall's tau-a take no more than `analysis.tau_a_limit` multiplications.

    Parameters
    ----------
    n_networks : that are to be extracted, each with about `LAYERS_A_NETWORK` layers. Layers of given networks
        are counted.

    Raises
    ------
    BadInput : they take more.
    """
    by_signs = [each for each in protocols.values() if each.analysis.measure in SIGN_MEASURES]
    if not by_signs:
        return
    given = {} if inputs.given_networks is None else inputs.given_networks.rdms
    n_layers = sum(each.n_rows for each in given.values()) or n_networks * LAYERS_A_NETWORK
    asked = study.analysis
    needed = 0.0
    for protocol in by_signs:
        brains = inputs.brain_rdms_of[protocol.analysis.brain_distance]
        needed += tau_a_work(
            n_layers,
            _groups(brains),
            permutations=asked.permutations,
            draws=asked.bootstraps,
            halvings=asked.halvings,
        )
    if needed > asked.tau_a_limit:
        hours = ceil(needed / A_SECOND / cores() / 3600)
        raise BadInput(
            f"kendall_tau_a of {n_layers:,} layers, {len(brains)} regions, {len(inputs.stimuli):,} stimuli, "
            f"{asked.permutations:,} permutations and {asked.bootstraps:,} bootstraps",
            expected=f"at most {asked.tau_a_limit:.1e} multiplications (analysis.tau_a_limit)",
            found=f"{needed:.1e}, about {hours:,} h on {cores()} cores",
            hint="use rho_a, which treats ties alike and is as fast as spearman; or raise the limit",
        )


def _groups(brains: Mapping[str, Artifact]) -> list[tuple[int, list[int]]]:
    """For each set of stimuli that subjects saw: their number, and the number of subjects in each region."""
    found: dict[frozenset[str], list[int]] = {}
    n_stimuli = len(conditions(next(iter(brains.values()))))
    for rdms in brains.values():
        lacking = unseen(rdms)
        of_region = Counter(
            frozenset(lacking.get(subject, ())) for subject in rdms.rows(["subject"])["subject"]
        )
        for missed, count in of_region.items():
            found.setdefault(missed, []).append(count)
    return [(n_stimuli - len(missed), counts) for missed, counts in found.items()]
