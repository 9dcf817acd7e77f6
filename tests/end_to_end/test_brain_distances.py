"""Brain RDMs of the distances that a study's protocols ask for, beside those of 1 - Pearson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from betas_in_memory import read_betas
from scipy.spatial.distance import pdist

import alignhouse
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.study import inputs as study_inputs
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput
from alignhouse.warehouse.artifacts import Artifact

STIMULI = [f"{1001 + i}" for i in range(12)]


def ask_distances(study: Any, *distances: str) -> None:
    """Let a protocol for each distance replace those of the study."""
    study.change('["sound", "paper"]', str(list(distances)).replace("'", '"'))
    protocols = "".join(
        f'[protocols.{each}]\nanalysis = {{ brain_distance = "{each}" }}\n' for each in distances
    )
    study.file.write_text(study.file.read_text(encoding="utf-8") + protocols, encoding="utf-8")


class Ingested:
    """The brain RDMs of a run: distance -> region -> artifact."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of: Mapping[str, Mapping[str, Artifact]] = {}
        ingest = study_inputs.ingest_inputs

        def kept(*given: Any) -> study_inputs.StudyInputs:
            found = ingest(*given)
            self.of = found.brain_rdms_of
            return found

        monkeypatch.setattr("alignhouse.study.run.ingest_inputs", kept)


def test_each_distance_has_rdms_of_its_own(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_study(read_study(study.file), command="run", until="inputs").jobs_done
    ask_distances(study, "squared_euclidean", "crossnobis")
    ingested = Ingested(monkeypatch)
    done = run_study(read_study(study.file), command="run", until="inputs")
    assert before > 4
    assert done.jobs_done == 4, "two regions, two distances; 1 - Pearson as before"
    assert ingested.of.keys() == {"squared_euclidean", "crossnobis"}
    for distance, regions in ingested.of.items():
        assert regions.keys() == {"V1", "EBA"}
        for region, artifact in regions.items():
            folder = f"rdms/kind=brain/distance={distance}/dataset=mini/split=test/roi={region}/"
            assert artifact.path.startswith(folder)
            assert artifact.settings["distance"] == distance
            assert artifact.about["conditions"] == STIMULI
    names, rdms = ingested.of["squared_euclidean"]["V1"].vectors("rdm")
    # V1 is put together from four parts, in an order that does not change distances.
    files = [BetaFile("sub-01", part, study.betas(1, part)) for part in ("lV1v", "rV1v", "lV1d", "rV1d")]
    patterns = np.concatenate([read_betas(file)["test"].astype(float).mean(axis=1) for file in files], axis=1)
    np.testing.assert_allclose(
        rdms[names["subject"].to_list().index("sub-01")], pdist(patterns, "sqeuclidean"), rtol=1e-6
    )
    # The betas are noise: cross-validated distances are about zero, and some are negative.
    crossnobis = ingested.of["crossnobis"]["V1"].vectors("rdm")[1]
    assert (crossnobis < 0).any()
    assert abs(crossnobis.mean()) < 0.02
    with alignhouse.open(study.warehouse) as opened:
        assert opened.rdm(roi="V1", subject="sub-01").measure == "1 - Pearson"


def test_crossnobis_without_repetitions_is_refused_and_nothing_is_stored(study: Any) -> None:
    ask_distances(study, "correlation", "crossnobis")
    study.change("synthetic = true", 'synthetic = true\nsplit = "all"')
    for number in range(5):
        source = study.folder / "stimuli" / "1001.png"
        (study.folder / "stimuli" / f"{number + 1:04d}.png").write_bytes(source.read_bytes())
    with pytest.raises(BadInput, match="crossnobis distances of sub-0., .*same number of repetitions"):
        run_study(read_study(study.file), command="run", until="inputs")
    assert not list(study.warehouse.rglob("*.parquet"))
