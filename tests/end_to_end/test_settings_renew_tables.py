"""A change of a study key updates the tables that depend on it, and no others.

If a setting is missing from the key of a job, its rows become stale. If the key has an unnecessary setting,
rows are computed again in vain.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pytest
from made_up_videos import write_texture
from mini_study import INGEST, ONE_PROTOCOL, RUN, SCORE, MiniStudy, mini_study
from PIL import Image
from small_networks import TRANSFORM, network_study

from alignhouse.study.brain_section import SOME_KINDS_HAVE, BrainSection
from alignhouse.study.controls_section import ControlsSection
from alignhouse.study.file import AnalysisSection
from alignhouse.study.networks_section import NetworksSection
from alignhouse.warehouse.reader import SNAPSHOT

Kinds = frozenset[str]

BETAS: Kinds = frozenset({"betas"})
BRAIN: Kinds = frozenset({"rdms/kind=brain"})
NETWORK: Kinds = frozenset({"rdms/kind=model"})
GRAMS: Kinds = frozenset({"grams"})
RELIABILITY: Kinds = frozenset({"region_reliability"})
DATASET: Kinds = frozenset({"dataset", "subject", "roi", "roi_part", "subject_region"})
COVERAGE: Kinds = frozenset({"subject_stimulus"})
STIMULI: Kinds = frozenset({"stimulus"})
CEILING: Kinds = frozenset({"noise_ceiling"})
SCORES: Kinds = frozenset({"alignment", "significance", "nulls"})
TESTS: Kinds = frozenset({"corrected_significance", "group_comparison"})
CHOICES: Kinds = frozenset({"layer_choice", "layer_vote"})
BOOTSTRAPS: Kinds = frozenset({"bootstraps", "score_interval"})
DIFFERENCES: Kinds = frozenset({"difference_interval"})
COMPLEXITY: Kinds = frozenset({"complexity"})
ALIKE: Kinds = frozenset({"network_similarity"})
OF_NETWORKS = SCORES | ALIKE | TESTS | CHOICES | BOOTSTRAPS | DIFFERENCES | COMPLEXITY
RESULTS = CEILING | OF_NETWORKS
GIVEN: Kinds = frozenset({"rdms/kind=control", "control_score", "beyond_controls"})
CONTROLS: Kinds = frozenset({"control"})
ORDERS: Kinds = frozenset({"grams", "rdms/kind=model", "control_score", "frame_order_difference"})
NOTHING: Kinds = frozenset()
# What a run makes until a stage; later tables depend on the hashes of these.
INPUTS = BETAS | BRAIN | NETWORK | GRAMS | RELIABILITY | DATASET | COVERAGE | STIMULI
NETWORKS = INPUTS | {"layer", "model", "control", "rdms/kind=control"}
SCORED = NETWORKS | {"protocol", "control_score"} | CEILING | SCORES | ALIKE | TESTS
UNTIL: Mapping[str, tuple[Sequence[str], Kinds]] = {
    "inputs": (INGEST, INPUTS),
    "controls": (("ingest", "controls", "study.toml"), INPUTS | {"rdms/kind=control"}),
    "networks": (("ingest", "networks", "study.toml"), NETWORKS),
    "scores": (SCORE, SCORED),
    "end": (RUN, SCORED | RESULTS | GIVEN | ORDERS | {"measure_agreement"}),
}


@dataclass(frozen=True)
class Change:
    """A change of one key, and the kinds of rows and files that it updates.

    old, new : text of the study file. prepare : writes the files that the changed study reads.
    until : the last stage, of UNTIL, that the key changes itself; later tables change through earlier ones. A
        run until this stage takes less time; the slow tests run every stage.
    """

    key: str
    old: str
    new: str
    renews: Kinds
    prepare: Callable[[Any], None] = lambda study: None
    until: str = "end"

    def __str__(self) -> str:
        return self.key


def other_betas(study: Any) -> None:
    """A copy of the betas with another lV1v in sub-02."""
    shutil.copytree(study.folder / "betas", study.folder / "other_betas")
    here, there = study.betas(2, "lEBA"), study.betas(2, "lV1v")
    target = study.folder / "other_betas" / there.relative_to(study.folder / "betas")
    target.write_bytes(here.read_bytes())


def betas_of_version_a(study: Any) -> None:
    for subject in (1, 2, 3):
        for part, source in (("V1v", "lV1v"), ("V1d", "lV1d"), ("EBA", "lEBA")):
            betas = study.betas(subject, source)
            shutil.copy(betas, betas.with_name(f"{part}_TRavg-56789_allvoxel.pkl"))


def brain_rdm_files(study: Any) -> None:
    (study.folder / "brain_rdms").mkdir()
    random = np.random.default_rng(5)
    for roi in ("V1", "EBA"):
        np.save(study.folder / "brain_rdms" / f"{roi}_RDMs.npy", random.random((3, 66)))


def training_stimuli(study: Any) -> None:
    """Replace the test videos with five training videos, and the model RDMs with ones of five conditions."""
    shutil.rmtree(study.folder / "stimuli")
    (study.folder / "stimuli").mkdir()
    random = np.random.default_rng(6)
    for number in range(1, 6):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study.folder / "stimuli" / f"{number:04d}.png")
    for file in (study.folder / "models").rglob("*.npz"):
        layers = {f"layer{i}": random.random(10) for i in range(4)}
        np.savez(file, **layers, conditions=[f"{number:04d}" for number in range(1, 6)])


def other_model_rdms(study: Any) -> None:
    """A copy of the model RDMs, with changed RDMs of my_own."""
    shutil.copytree(study.folder / "models", study.folder / "other_models")
    random = np.random.default_rng(7)
    file = study.folder / "other_models" / "my_own" / "rdms.npz"
    layers = {f"layer{i}": random.random(66) for i in range(4)}
    np.savez(file, **layers, conditions=[f"{1001 + number}" for number in range(12)])


def features(study: Any) -> None:
    """Features of layers with the names that the RDMs have."""
    random = np.random.default_rng(8)
    for network in (study.folder / "models").iterdir():
        (study.folder / "features" / network.name).mkdir(parents=True)
        layers = {f"layer{i}": random.random((12, 5)) for i in range(4)}
        names = [f"{1001 + number}" for number in range(12)]
        np.savez(
            study.folder / "features" / network.name / "features_of_layers.npz", **layers, conditions=names
        )


def facts(study: Any) -> None:
    (study.folder / "facts.csv").write_text("network,licence\nmy_own,CC0\n", encoding="utf-8")


def own_protocol(study: Any) -> None:
    text = study.file.read_text(encoding="utf-8")
    protocol = '[protocols.mine]\nanalysis = { ceiling_average = "raw" }\n'
    study.file.write_text(text + protocol, encoding="utf-8")


def in_brain(key: str, value: str, renews: Kinds, **more: Any) -> Change:
    return Change(
        f"brain.{key}", "synthetic = true\n", f"synthetic = true\n{key} = {value}\n", renews, **more
    )


def in_analysis(key: str, value: str, renews: Kinds, **more: Any) -> Change:
    return Change(f"analysis.{key}", "[analysis]\n", f"[analysis]\n{key} = {value}\n", renews, **more)


def in_networks(key: str, value: str, renews: Kinds, **more: Any) -> Change:
    return Change(f"networks.{key}", "[networks]\n", f"[networks]\n{key} = {value}\n", renews, **more)


CHANGES = [
    Change(
        "brain.kind",
        'kind = "bmd"\npath = "betas"',
        'kind = "rdms"\npath = "brain_rdms"\nconditions = "stimulus_order"',
        # Files of RDMs have no information on parts of regions.
        BRAIN | (DATASET - {"roi_part"}) | RESULTS,
        brain_rdm_files,
        until="inputs",
    ),
    Change(
        "brain.path",
        'path = "betas"',
        'path = "other_betas"',
        BETAS | BRAIN | RELIABILITY | RESULTS,
        other_betas,
    ),
    Change(
        "brain.dataset",
        'dataset = "mini"',
        'dataset = "other"',
        BETAS | BRAIN | RELIABILITY | DATASET | STIMULI | RESULTS,
        until="inputs",
    ),
    in_brain(
        "version",
        '"A"',
        BETAS | BRAIN | RELIABILITY | DATASET | RESULTS,
        prepare=betas_of_version_a,
        until="inputs",
    ),
    in_brain(
        "split",
        '"train"',
        # Too few stimuli to choose layers on halves.
        BETAS | BRAIN | NETWORK | RELIABILITY | STIMULI | (RESULTS - CHOICES),
        prepare=training_stimuli,
        until="inputs",
    ),
    Change("brain.regions", 'regions = ["V1", "EBA"]', 'regions = ["V1"]', DATASET | RESULTS, until="scores"),
    in_brain("subjects", '["sub-01", "sub-02"]', BRAIN | RELIABILITY | DATASET | RESULTS, until="inputs"),
    in_brain("average_subjects", "true", BRAIN | RESULTS, until="inputs"),
    in_brain("stimuli", '"own"', BRAIN | COVERAGE | RESULTS, until="inputs"),
    in_brain("skip_bad", "true", BETAS | BRAIN | RELIABILITY | RESULTS, until="inputs"),
    in_brain("min_ncsnr", "0.01", BRAIN | RELIABILITY | RESULTS, until="inputs"),
    in_brain("conditions", '"stimulus_order"', NOTHING),
    Change(
        "brain.synthetic",
        "synthetic = true",
        "synthetic = false",
        RELIABILITY | DATASET | RESULTS,
        until="scores",
    ),
    Change(
        "analysis.protocols",
        'protocols = ["sound"',
        'protocols = ["mine", "sound"',
        frozenset({"protocol", "layer"}) | RESULTS,
        own_protocol,
        until="scores",
    ),
    Change(
        "analysis.permutations",
        "permutations = 50",
        "permutations = 60",
        CEILING | SCORES | ALIKE | TESTS | COMPLEXITY,
    ),
    in_analysis(
        "measures",
        '["rho_a"]',
        frozenset({"protocol", "layer", "measure_agreement"}) | RESULTS,
        until="scores",
    ),
    in_analysis("bootstraps", "200", BOOTSTRAPS | DIFFERENCES | COMPLEXITY),
    in_analysis("level", "0.9", CEILING | BOOTSTRAPS | DIFFERENCES | COMPLEXITY),
    in_analysis("compare_networks", "false", NOTHING),
    in_analysis("halvings", "50", CHOICES),
    in_analysis("seed", "1", CEILING | OF_NETWORKS),
    in_analysis("tau_a_limit", "1e15", NOTHING),
    Change(
        "networks.rdms", '"models"', '"other_models"', NETWORK | OF_NETWORKS, other_model_rdms, until="scores"
    ),
    # Precomputed RDMs replace networks, so these keys do not matter.
    Change(
        "networks.features",
        'rdms = "models"',
        'features = "features"',
        NETWORK | GRAMS | OF_NETWORKS,
        features,
        until="inputs",
    ),
    in_networks("conditions", '"stimulus_order"', NETWORK | OF_NETWORKS, until="inputs"),
    in_networks("facts", '"facts.csv"', frozenset({"model"}), prepare=facts),
    in_networks("include", '["AlexNet"]', NOTHING),
    in_networks("exclude", '["AlexNet"]', NOTHING),
    in_networks("weights", '"random"', NOTHING),
    in_networks("seed", "1", NOTHING),
    in_networks("skip_bad", "true", NOTHING),
    in_networks("keep", "[]", NOTHING),
    in_networks("pooling", '"mean"', frozenset({"protocol"})),
    in_networks("time", '"mean"', frozenset({"protocol"})),
]

FUNCTIONS = f"""{TRANSFORM}
def layers():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 5))

def one():
    return layers(), transform, "one"

def two():
    return layers(), transform, "two"
"""
EXTRACTED = NETWORK | GRAMS | {"layer"} | OF_NETWORKS
CHANGES_OF_NETWORKS = [
    Change(
        "networks.include",
        "include = []",
        'include = ["AlexNet"]',
        EXTRACTED | {"model"},
        until="networks",
    ),
    Change(
        "networks.exclude",
        "include = []",
        'include = []\nexclude = ["two"]',
        # A single network is like no other.
        TESTS | DIFFERENCES | COMPLEXITY,
    ),
    Change(
        "networks.random",
        'include = []\nweights = "random"',
        'include = []\nrandom = ["AlexNet"]',
        EXTRACTED | {"model"},
        until="networks",
    ),
    Change(
        "networks.seed", "include = []", "include = []\nseed = 1", EXTRACTED | {"model"}, until="networks"
    ),
    Change(
        "networks.pooling",
        "include = []",
        'include = []\npooling = "mean"',
        # Layers without space keep their names and widths.
        (EXTRACTED - {"layer"}) | {"protocol"},
        until="networks",
    ),
    Change("networks.own", ':one"', ':one"\nlayers = ["1"]', EXTRACTED, until="scores"),
]
NETWORKS_WITHOUT_EFFECT = [
    # A function whose weights are random is untrained in any study.
    Change("networks.weights", 'weights = "random"\n[analysis]', "[analysis]", NOTHING),
    # RDMs that were extracted with all layers stay valid.
    Change("networks.skip_bad", "include = []", "include = []\nskip_bad = true", NOTHING),
    # Gram matrices that are stored stay in use.
    Change("networks.keep", "include = []", "include = []\nkeep = []", NOTHING),
]

CONTROLLED = """
[study]
warehouse = "mini.alignhouse"
[brain]
kind = "rdms"
path = "brains"
conditions = "stimulus_order"
rdm_form = "condensed"
split = "all"
dataset = "d"
[stimuli]
path = "videos"
annotations = "notes"
[networks]
include = []
weights = "random"
[controls]
include = ["sentences", "sentence_model", "embeddings"]
sentence_model = "small"
embeddings = "words.csv"
orders = ["frozen"]
networks = ["one"]
[analysis]
permutations = 20
bootstraps = 20
halvings = 0
"""
MOVING = """
import numpy as np
import torch
from torch import nn

def moving(name):
    transform = lambda frames: torch.tensor(np.asarray(frames[:, ::8, ::8], np.float32))[None]
    return nn.Sequential(nn.Flatten(), nn.Linear(576, 9), nn.ReLU()), transform, name

def one():
    return moving("one")

def two():
    return moving("two")
"""


VIDEOS = [f"{number:04d}" for number in range(1, 9)]


def other_embeddings(study: Any) -> None:
    rows = [f"{name},{number % 3 + 1},{number * number}" for number, name in enumerate(VIDEOS)]
    (study.folder / "others.csv").write_text("\n".join(["stimulus,x,y", *rows]), encoding="utf-8")


CHANGES_OF_CONTROLS = [
    Change("controls.include", 'include = ["sent', 'include = ["luminance", "sent', GIVEN | CONTROLS),
    Change("controls.sentences", "[controls]", '[controls]\nsentences = "spoken"', GIVEN, until="controls"),
    Change("controls.sentence_model", '"small"', '"large"', GIVEN, until="controls"),
    Change("controls.embeddings", '"words.csv"', '"others.csv"', GIVEN, other_embeddings, until="controls"),
    Change("controls.orders", '["frozen"]', '["frozen", "shuffled"]', ORDERS | CONTROLS),
    Change("controls.networks", '["one"]', '["*"]', ORDERS | CONTROLS, until="networks"),
]


class Encoder:
    """Stands for a model of sentence-transformers."""

    def __init__(self, name: str) -> None:
        self.length = len(name)

    def encode(self, texts: Sequence[str], **how: Any) -> np.ndarray:
        return np.array([[len(text), ord(text[0]), self.length**2 * ord(text[-1])] for text in texts], float)


def artifacts(folder: Path) -> dict[str, str]:
    """Artifact -> its kind: the table of its rows, or the folder of its vectors."""
    # Views, which this query does not need, would take longer than the query.
    with duckdb.connect(str(folder / SNAPSHOT), read_only=True) as opened:
        rows = opened.execute("select artifact, table_name, path from artifact where is_current").fetchall()
    return {
        artifact: table or "/".join(path.split("/")[: 2 if path.startswith("rdms") else 1])
        for artifact, table, path in rows
    }


# For warehouses that the tests find in the same state.
artifacts_before = cache(artifacts)


def renewed(
    study: Any, changes: Sequence[Change], before: Mapping[str, str], command: Sequence[str] = RUN
) -> Kinds:
    """The kinds of rows and files that a study with these changes adds to those `before`."""
    for change in changes:
        study.change(change.old, change.new)
        change.prepare(study)
    done = study.alignhouse(*command)
    assert done.returncode == 0, done.stderr
    after = artifacts(study.warehouse)
    return frozenset(kind for artifact, kind in after.items() if artifact not in before)


WITHOUT_EFFECT = [change for change in CHANGES if not change.renews]


@pytest.mark.parametrize("change", [each for each in CHANGES if each.renews], ids=str)
def test_a_key_renews_the_tables_that_depend_on_it(run_once: Any, copy_finished: Any, change: Change) -> None:
    before = artifacts_before(run_once(ONE_PROTOCOL).warehouse)
    check_renewed(copy_finished(ONE_PROTOCOL), change, before, change.until)


def check_renewed(study: Any, change: Change, before: Mapping[str, str], until: str) -> None:
    command, kinds = UNTIL[until]
    assert renewed(study, [change], before, command) == change.renews & kinds


def test_keys_without_effect_renew_nothing(copy_finished: Any) -> None:
    study = copy_finished(ONE_PROTOCOL)
    assert renewed(study, WITHOUT_EFFECT, artifacts(study.warehouse)) == NOTHING


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_key_renews_the_tables_of_both_protocols(finished: Any, change: Change) -> None:
    check_renewed(finished, change, artifacts(finished.warehouse), "end")


@pytest.fixture(scope="module")
def finished_networks(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Eight stimuli, one protocol and two untrained networks of the study's own, finished."""
    study = mini_study(tmp_path_factory.mktemp("networks") / "study")
    study.change(*ONE_PROTOCOL)
    network_study(study, "renewing_networks", FUNCTIONS, "one", "two", stimuli=8)
    done = study.run()
    assert done.returncode == 0, done.stderr
    return study


@contextmanager
def restored(study: Any, tmp_path: Path) -> Iterator[Any]:
    """The study, whose folder is as before in the end. A declaration contains the folder of its module."""
    kept = shutil.copytree(study.folder, tmp_path / "kept")
    try:
        yield study
    finally:
        shutil.rmtree(study.folder)
        shutil.copytree(kept, study.folder)


def until_stages(changes: Sequence[Change], slow: Collection[str] = ()) -> list[Any]:
    """Each change with its stage, and with every stage in the slow tests.

    slow : keys that have only slow tests.
    """
    stages = {
        (each, until): until != each.until or each.key in slow
        for each in changes
        for until in (each.until, "end")
    }
    return [
        pytest.param(each, until, id=f"{each}-{until}", marks=[pytest.mark.slow] if is_slow else [])
        for (each, until), is_slow in stages.items()
    ]


# `networks.random` extracts the network that `networks.include` adds.
@pytest.mark.parametrize(("change", "until"), until_stages(CHANGES_OF_NETWORKS, slow=["networks.include"]))
def test_a_key_of_networks_renews_the_tables_that_depend_on_it(
    finished_networks: Any, tmp_path: Path, change: Change, until: str
) -> None:
    with restored(finished_networks, tmp_path) as study:
        check_renewed(study, change, artifacts_before(study.warehouse), until)


def test_keys_of_networks_without_effect_renew_nothing(finished_networks: Any, tmp_path: Path) -> None:
    with restored(finished_networks, tmp_path) as study:
        assert renewed(study, NETWORKS_WITHOUT_EFFECT, artifacts(study.warehouse)) == NOTHING


@pytest.fixture(scope="module")
def finished_controls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A study of eight videos and two video networks, with controls, finished."""
    study = MiniStudy(tmp_path_factory.mktemp("controls"))
    random = np.random.default_rng(0)
    notes = {}
    for number, name in enumerate(VIDEOS):
        write_texture(study.folder / "videos" / f"{name}.mp4", seed=number, frames=4)
        words = [" ".join(random.choice(list("abcdefg"), 4)) for _ in range(2)]
        notes[name] = {"text_descriptions": words[:1], "spoken_transcription": words[1]}
    for inner in ("brains", "notes"):
        (study.folder / inner).mkdir()
    np.save(study.folder / "brains" / "V1.npy", random.random((3, 28)))
    (study.folder / "notes" / "annotations.json").write_text(json.dumps(notes), encoding="utf-8")
    rows = [f"{name},{random.random()},{random.random()}" for name in VIDEOS]
    (study.folder / "words.csv").write_text("\n".join(["stimulus,x,y", *rows]), encoding="utf-8")
    (study.folder / "renewing_orders.py").write_text(MOVING, encoding="utf-8")
    own = "".join(
        f'[networks.own.{name}]\nsource = "function"\nid = "renewing_orders:{name}"\n'
        'weights = "random"\ntakes = "video"\n'
        for name in ("one", "two")
    )
    study.file.write_text(CONTROLLED + own, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Encoder))
        done = study.run()
        assert done.returncode == 0, done.stderr
        yield study


@pytest.mark.parametrize(("change", "until"), until_stages(CHANGES_OF_CONTROLS))
def test_a_key_of_controls_renews_the_tables_that_depend_on_it(
    finished_controls: Any, tmp_path: Path, change: Change, until: str
) -> None:
    with restored(finished_controls, tmp_path) as study:
        check_renewed(study, change, artifacts_before(study.warehouse), until)


def test_every_key_is_changed() -> None:
    sections: Mapping[str, Any] = {
        "brain": BrainSection,
        "analysis": AnalysisSection,
        "networks": NetworksSection,
        "controls": ControlsSection,
    }
    keys = {f"{name}.{key}" for name, section in sections.items() for key in section.model_fields}
    # Only other kinds of brain data have these: see tests/ingest/datasets/arrays/test_array_jobs.py.
    keys -= {f"brain.{key}" for key in SOME_KINDS_HAVE}
    changes = [*CHANGES, *CHANGES_OF_NETWORKS, *NETWORKS_WITHOUT_EFFECT, *CHANGES_OF_CONTROLS]
    assert {change.key for change in changes} == keys
