"""Describe the methods of a study in sentences, from its stored settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from alignhouse.analysis.figures.frames import how_many, listed
from alignhouse.analysis.figures.theme import percent_of

SENTENCES = Path(__file__).with_name("methods.toml")


@cache
def setting_sentences(path: Path = SENTENCES) -> dict[str, Any]:
    """Section -> setting -> value -> a sentence that explains the value."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


# (key of [brain], value) -> what it means for the brain data.
_BRAIN_SETTINGS = {
    ("stimuli", "shared"): "Only stimuli that all subjects saw were used.",
    ("stimuli", "own"): "Subjects saw different stimuli: each was scored on those of them that it saw, and "
    "noise ceilings are on those that all subjects of a region saw.",
    ("zscore", "session"): "Betas of each voxel were z-scored within each session.",
    ("repetitions", "first"): "Only the first repetitions of each stimulus were used, as many as the rarest "
    "stimulus has.",
}


def study_methods(settings: Mapping[str, Any], stimuli: str, *, only_rho: bool = True) -> list[str]:
    """Sentences that hold for every protocol: stimuli, brains, networks, score. Unknown settings are ignored.

    Parameters
    ----------
    settings : of the study, nested; {} if the warehouse was rebuilt from its files. Its table `data_set`
        holds the words of the data set: `methods`, a sentence, and `split`, a phrase.
    stimuli : "102 videos"; "" if unknown. only_rho : whether no protocol has another measure.
    """
    brain, networks = section_of(settings, "brain"), section_of(settings, "networks")
    own = section_of(settings, "data_set")
    sentences = []
    if stimuli:
        where = " ".join(filter(None, (stimuli, str(own.get("split", "")))))
        sentences.append(f"Brains and networks were shown {where}.")
    sentences += [*_brain_sentences(brain, own), *_network_sentences(networks)]
    pairs = "all pairs of stimuli" if brain.get("stimuli") != "own" else "all pairs of stimuli that it saw"
    of_whom = f"that of each subject, over {pairs}, averaged over subjects"
    if brain.get("average_subjects"):
        of_whom = "the average of the subjects' RDMs, over all pairs of stimuli"
    if not only_rho:
        of_whom += ", unless a protocol says otherwise"
    sentences.append(
        "The score of a layer in a region is Spearman's rank correlation (rho) of its representational "
        f"dissimilarity matrix (RDM) with {of_whom}. The best layer of a network is the layer with the "
        "highest score in that region."
    )
    return sentences


def protocol_methods(protocol: Mapping[str, Any], chance: Mapping[str, Any], *, extracted: bool) -> list[str]:
    """Sentences on one protocol: one per setting, and on its permutations and bootstrap samples.

    Parameters
    ----------
    protocol : the settings of the protocol: description, extraction, analysis.
    chance : the protocol's row of the query chance; {} without random draws.
    extracted : whether features were extracted from networks; otherwise extraction is not described.

    A value without a sentence is printed as it is.
    """
    sentences = []
    for section in ("extraction", "analysis"):
        if section == "extraction" and not extracted:
            continue
        given = section_of(protocol, section)
        known = setting_sentences()[section]
        for setting in known:
            if setting in given:
                sentences.append(_setting(section, setting, given))
    return [*sentences, *_chance_sentences(chance)]


def _setting(section: str, setting: str, given: Mapping[str, Any]) -> str:
    value = str(given[setting])
    sentence = setting_sentences()[section][setting].get(value)
    if sentence is None:
        return f"{setting.replace('_', ' ').capitalize()}: {value}."
    number = setting_sentences()["with"].get(f"{section}.{setting}.{value}")
    return str(sentence).replace("{n}", str(given.get(number, ""))) if number else str(sentence)


def _brain_sentences(brain: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    sentences = []
    if methods := own.get("methods"):
        sentences.append(str(methods))
    elif kind := brain.get("kind"):
        # Runs of earlier releases recorded no sentence.
        version = f", version {brain['version']}" if brain.get("version") else ""
        sentences.append(f"Brain data are of kind {kind}{version}.")
    if subjects := brain.get("subjects"):
        sentences.append(f"Subjects are {listed(subjects, most=20)} only.")
    sentences += [text for (key, value), text in _BRAIN_SETTINGS.items() if brain.get(key) == value]
    if brain.get("average_subjects"):
        sentences.append("Subjects' RDMs were averaged, and networks scored against the average.")
    if brain.get("min_ncsnr"):
        sentences.append(f"Only voxels with a noise-ceiling SNR of at least {brain['min_ncsnr']} were used.")
    if brain.get("skip_bad"):
        sentences.append("Voxels with NaN or infinite values were left out.")
    return sentences


def _network_sentences(networks: Mapping[str, Any]) -> list[str]:
    if networks.get("rdms") or networks.get("features"):
        sentences = ["RDMs of the networks' layers were given as files."]
        if networks.get("features"):
            sentences = [
                "Features of the networks' layers were given as files; a layer's RDM is 1 − Pearson's "
                "correlation of its features between stimuli."
            ]
        if networks.get("conditions") == "stimulus_order":
            sentences.append("Files that do not name their stimuli were matched with them by position.")
        return sentences
    if networks.get("weights") == "random":
        return [f"Networks were untrained: random weights, seed {networks.get('seed')}."]
    sentences = ["The table of networks lists the weights of each network."] if networks else []
    if networks.get("random"):
        sentences.append(
            f"Networks named NAME-random{networks.get('seed')} were untrained: random weights, "
            f"seed {networks.get('seed')}."
        )
    return sentences


def _chance_sentences(chance: Mapping[str, Any]) -> list[str]:
    sentences = []
    if chance.get("permutations"):
        sentences.append(
            "A noise ceiling counts as reliable if subjects agree more than with the stimuli of each subject "
            "permuted independently (p at most 0.05), the jackknife interval of the lower bound is above 0, "
            "and the lower bound is at least 0.01."
        )
        sentences.append(
            f"Tests use {how_many(chance['permutations'], 'permutation')} (seed {chance['seed']}), the same "
            "for every network and region."
        )
    if chance.get("draws"):
        sentences.append(
            f"Intervals are at {percent_of(chance['level'])}, from "
            f"{how_many(chance['draws'], 'bootstrap sample')} of both subjects and stimuli (dual bootstrap); "
            "with a single subject, of stimuli alone."
        )
    if chance.get("chosen_on") == "halves":
        sentences.append(
            f"Layers were also chosen on random halves of the stimuli and scored on the others "
            f"({how_many(chance['choices'], 'choice')})."
        )
    elif chance.get("chosen_on") == "train":
        sentences.append("Layers were also chosen on the training stimuli and scored on the test stimuli.")
    return sentences


def section_of(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of nested settings; {} if it is missing or has another type."""
    section = settings.get(name) or {}
    return section if isinstance(section, Mapping) else {}
