"""Which extractions a study needs, and what derives from stored Gram matrices."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from study_files import study_of

from alignhouse.ingest.features.jobs import Extraction, extraction_jobs
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog
from alignhouse.study.dry_run import Needed, show
from alignhouse.study.extractions import Derivation, PlannedNetwork, keeps_grams, plan_extractions
from alignhouse.study.given_networks import refuse_what_files_lack
from alignhouse.study.run import run_study
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job

NETWORK = catalog()["AlexNet"]
EXTRACTION = Extraction(Path(), (), {}, weights="random", seed=0, device="cpu", memory=1, scratch=1)
SETTINGS = {
    "sound": ExtractionSettings(),
    "flat": ExtractionSettings(distance="euclidean"),
    "centred": ExtractionSettings(centering="across_stimuli"),
}


class Warehouse:
    """A run whose warehouse has finished jobs, and what it says."""

    def __init__(self, *done: Job) -> None:
        self.done = {job.key for job in done}
        self.said: list[str] = []
        self.progress = self

    def missing(self, jobs: Iterable[Job]) -> set[str]:
        return {job.key for job in jobs} - self.done

    def say(self, line: str) -> None:
        self.said.append(line)


def jobs(*settings: ExtractionSettings, grams: bool = False, skip_bad: bool = False) -> list[Job]:
    return extraction_jobs(EXTRACTION, NETWORK, settings, skip_bad=skip_bad, grams=grams)


def planned(
    warehouse: Warehouse,
    settings: dict[str, ExtractionSettings] = SETTINGS,
    *,
    keep: bool = True,
    skip_bad: bool = False,
) -> PlannedNetwork:
    run: Any = warehouse
    [found] = plan_extractions(
        run, {"net": (NETWORK, EXTRACTION)}, settings, keep=keep, skip_bad=skip_bad
    ).values()
    return found


def test_protocols_that_need_only_grams_share_one_extraction() -> None:
    warehouse = Warehouse()
    found = planned(warehouse)
    [base] = jobs(ExtractionSettings(), grams=True)
    assert list(found.batch.jobs) == [base]
    assert base.settings["keep"] == ["grams"]
    assert {name: each.derivation for name, each in found.chosen.items()} == {
        "sound": None,
        "flat": Derivation("euclidean", "none"),
        "centred": Derivation("correlation", "across_stimuli"),
    }
    assert found.protocols_among({base.key}) == list(SETTINGS)
    assert warehouse.said == []


def test_stored_rdms_of_before_are_used_and_nothing_is_extracted() -> None:
    plain = jobs(*SETTINGS.values())
    assert all("keep" not in job.settings for job in plain)
    for keep in (True, False):
        warehouse = Warehouse(*plain)
        found = planned(warehouse, keep=keep)
        assert [each.job for each in found.chosen.values()] == plain
        assert {each.derivation for each in found.chosen.values()} == {None}
        assert warehouse.said == []


def test_rdms_without_grams_are_extracted_again_for_another_distance_and_that_is_said() -> None:
    plain = jobs(ExtractionSettings())
    warehouse = Warehouse(*plain)
    found = planned(warehouse)
    [base] = jobs(ExtractionSettings(), grams=True)
    assert found.chosen["sound"].job == plain[0], "the stored RDMs stay in use"
    assert found.chosen["flat"].job == found.chosen["centred"].job == base
    assert warehouse.said == [
        "Extracting again, because RDMs were stored without the Gram matrices that protocol flat, centred "
        "needs: net"
    ]
    later = Warehouse(*plain, base)
    assert planned(later).chosen["flat"].job == base
    assert later.said == []


def test_without_grams_every_protocol_is_extracted_as_before() -> None:
    found = planned(Warehouse(), keep=False)
    assert list(found.batch.jobs) == jobs(*SETTINGS.values())
    # Grams that are stored already are used, though new ones are not kept.
    [base] = jobs(ExtractionSettings(), grams=True)
    found = planned(Warehouse(base), keep=False)
    assert list(found.batch.jobs) == [base]
    assert found.chosen["flat"].derivation == Derivation("euclidean", "none")


def test_settings_that_need_features_are_extracted_on_their_own() -> None:
    settings = {
        "city": ExtractionSettings(distance="manhattan"),
        "projected": ExtractionSettings(reduction="srp"),
    }
    found = planned(Warehouse(), settings)
    assert list(found.batch.jobs) == jobs(*settings.values(), grams=True)
    assert all("keep" not in job.settings for job in found.batch.jobs)


def test_principal_components_have_a_base_of_their_own() -> None:
    few = ExtractionSettings(reduction="pca", pca_components=5)
    settings = {
        "few": few.model_copy(update={"centering": "across_stimuli"}),
        "few_flat": few.model_copy(update={"distance": "euclidean"}),
        "more": few.model_copy(update={"pca_components": 6}),
        "all": ExtractionSettings(),
    }
    found = planned(Warehouse(), settings)
    assert found.chosen["few"].job == found.chosen["few_flat"].job
    assert len(found.batch.jobs) == 3
    # A PCA centres across stimuli in any case.
    assert found.chosen["few"].derivation is None
    assert found.chosen["few_flat"].derivation == Derivation("euclidean", "none")


@pytest.mark.parametrize("grams", [False, True])
def test_layers_are_left_out_only_of_what_is_not_stored_with_all_of_them(grams: bool) -> None:
    settings = {"sound": ExtractionSettings()}
    [strict] = jobs(*settings.values(), grams=grams)
    [lenient] = jobs(*settings.values(), grams=grams, skip_bad=True)
    for done, expected in (((), lenient), ((lenient,), lenient), ((strict, lenient), strict)):
        found = planned(Warehouse(*done), settings, keep=grams, skip_bad=True)
        assert found.chosen["sound"].job == expected
    assert planned(Warehouse(lenient), settings, keep=grams).chosen["sound"].job == strict


def test_grams_are_kept_of_few_stimuli_or_as_the_study_says() -> None:
    assert keeps_grams(None, 512)
    assert not keeps_grams(None, 513)
    assert keeps_grams(["grams"], 10_000)
    assert not keeps_grams([], 3)


@pytest.mark.parametrize(
    ("networks", "extraction", "message"),
    [
        (
            'rdms = "."',
            'distance = "cosine"',
            'protocol mine, distance = "cosine": expected features, .*found networks.rdms',
        ),
        ('features = "."', 'distance = "manhattan"', "protocol mine, .*found networks.features"),
        (
            'features = "."\nkeep = []',
            'centering = "across_stimuli"',
            r'protocol mine, whose RDMs derive .*expected networks.keep = \["grams"\]',
        ),
    ],
)
def test_distances_that_files_cannot_give_are_refused_before_anything_starts(
    tmp_path: Path, networks: str, extraction: str, message: str
) -> None:
    text = f"[networks]\n{networks}\n[analysis]\nprotocols = ['sound', 'mine']\n[protocols.mine]\n"
    study = study_of(tmp_path, f"{text}extraction = {{ {extraction} }}\n")
    with pytest.raises(BadInput, match=message):
        run_study(study, command="run")
    assert not study.study.warehouse.exists()


def test_ready_brain_rdms_have_the_distance_of_their_files(tmp_path: Path) -> None:
    brain = '[brain]\nkind = "rdms"\npath = "brain"\ndataset = "mine"\n[stimuli]\npath = "stimuli"\n'
    study = study_of(tmp_path, "", brain)
    [(name, protocol)] = study.resolved_protocols().items()
    refuse_what_files_lack(study, {name: protocol})

    class Asked:
        brain_distance = "crossnobis"

    other = protocol.model_copy(update={"analysis": Asked()})
    with pytest.raises(BadInput, match='protocol sound, brain_distance = "crossnobis": .*ready RDMs'):
        refuse_what_files_lack(study, {name: other})
    refuse_what_files_lack(study_of(tmp_path), {name: other})


def test_a_dry_run_says_what_grams_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(tmp_path)
    show([Needed("a", 8, 100, 10**6, 1, gram_bytes=3 * 10**6)], study, 12)
    assert "Gram matrices in the warehouse: at most 3.0 MB" in capsys.readouterr().out
    show([Needed("a", 8, 100, 10**6, 1)], study, 12)
    assert "Gram" not in capsys.readouterr().out
