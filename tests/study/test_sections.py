"""The study file: what each key may be, what its default is, and what an error says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from study_files import study_of

from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.ingest.models.catalog import catalog, select_names
from alignhouse.study.analyse import protocol_batches
from alignhouse.study.file import (
    ProtocolSection,
    Study,
    read_study,
    with_compute,
)
from alignhouse.study.networks import weighted_networks
from alignhouse.study.protocol import shipped, shipped_protocols
from alignhouse.study.section import Section
from alignhouse.warehouse.errors import BadInput


def test_the_defaults_of_all_keys(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert study.model_dump() == {
        "study": {"warehouse": tmp_path / "study.alignhouse"},
        "brain": {
            "kind": "bmd",
            "path": tmp_path / "betas",
            "dataset": "bmd",
            "version": "B",
            "split": "test",
            "regions": "study",
            "subjects": None,
            "average_subjects": False,
            "stimuli": "all",
            "skip_bad": False,
            "min_ncsnr": None,
            "conditions": "file",
            "rdm_form": None,
            "axis": None,
            "repetitions": "all",
            "zscore": "none",
            "stimulus_column": None,
            "synthetic": False,
        },
        "stimuli": {"path": tmp_path / "videos", "annotations": None},
        "networks": {
            "include": ["default"],
            "exclude": [],
            "weights": "pretrained",
            "random": [],
            "seed": 0,
            "skip_bad": False,
            "pooling": "none",
            "time": "none",
            "rdms": None,
            "features": None,
            "keep": None,
            "conditions": "file",
            "facts": None,
            "own": {},
        },
        "controls": {
            "sentences": "annotator",
            "sentence_model": None,
            "embeddings": None,
            "include": [],
            "orders": [],
            "networks": ["*"],
        },
        "analysis": {
            "protocols": ["sound"],
            "measures": [],
            "permutations": 1000,
            "bootstraps": 1000,
            "level": 0.95,
            "compare_networks": True,
            "halvings": 100,
            "seed": 0,
            "tau_a_limit": 1e14,
        },
        "encoding": {
            "voxels": False,
            "alphas": [10.0**power for power in range(-4, 6)],
            "alpha_by": "generalised",
            "alpha_per": "voxel",
            "refits": 100,
            "weights_per": "region",
            "pairs": [],
        },
        "report": {"path": tmp_path / "report", "group_by": ["model_type", "arch_type"]},
        "compute": {
            "device": "cpu",
            "memory": 8_000_000_000,
            "scratch": 100_000_000_000,
            "executor": "local",
            "scheduler": None,
        },
        "slurm": {
            "workers": 1,
            "partition": None,
            "account": None,
            "walltime": "24:00:00",
            "cores": 4,
            "memory": 16_000_000_000,
            "gpus": 0,
            "directives": [],
            "prologue": [],
            "interface": None,
        },
        "protocols": {},
    }


def test_every_key_says_what_it_is() -> None:
    sections = [field.annotation for field in Study.model_fields.values()]
    for section in [*sections, ProtocolSection]:
        if isinstance(section, type) and issubclass(section, Section):
            for name, field in section.model_fields.items():
                assert field.description, f"{section.__name__}.{name}"


@pytest.mark.parametrize(
    ("section", "key", "least", "below"),
    [
        ("networks", "seed", 0, -1),
        ("analysis", "permutations", 1, 0),
        ("analysis", "bootstraps", 0, -1),
        ("analysis", "level", 0.001, 0),
        ("analysis", "level", 0.999, 1),
        ("analysis", "halvings", 0, -1),
        ("analysis", "tau_a_limit", 1, 0),
        ("analysis", "seed", 0, -1),
    ],
)
def test_numbers_have_limits(tmp_path: Path, section: str, key: str, least: Any, below: Any) -> None:
    study = study_of(tmp_path, f"[{section}]\n{key} = {least}\n")
    assert getattr(getattr(study, section), key) == least
    with pytest.raises(BadInput, match=f"study.toml: {section}.{key}: expected .*found {below}"):
        study_of(tmp_path, f"[{section}]\n{key} = {below}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[analysis]\nprotocols = []\n", "analysis.protocols"),
        ('[networks]\nweights = "trained"\n', "networks.weights: expected .*'pretrained' or 'random'"),
        ('[compute]\ndevice = "gpu"\n', "compute.device"),
        ('[compute]\nexecutor = "cluster"\n', "compute.executor: expected .*'local', 'processes'"),
        ('[report]\ngroup_by = ["colour"]\n', "report.group_by.0"),
        ('[protocols.mine]\nbase = "rough"\n', "protocols.mine.base: expected .*'sound' or 'paper'"),
    ],
)
def test_other_values_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[analysis]\npermutation = 1\n", "unknown key 'analysis.permutation' .did you mean permutations"),
        ("[analyses]\nseed = 1\n", "unknown key 'analyses' .did you mean analysis"),
        ("[protocols.mine]\nbases = 'sound'\n", "unknown key 'protocols.mine.bases' .did you mean base"),
        ("[networks.own.mine]\nsourc = 'timm'\n", "'networks.own.mine.*did you mean source|is missing"),
    ],
)
def test_an_unknown_key_lists_near_ones(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, text)


def test_a_missing_key_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'stimuli.path' is missing \(folder of the videos or images\)"):
        study_of(tmp_path, "", '[brain]\npath = "betas"\n[stimuli]\n')
    with pytest.raises(BadInput, match="'stimuli' is missing$"):
        study_of(tmp_path, "", '[brain]\npath = "betas"\n')


def test_paths_start_at_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/data")
    monkeypatch.setenv("HOME", "/home/me")
    text = '[study]\nwarehouse = "${DATA}/w"\n[report]\npath = "~/r"\n[networks]\nrdms = "$DATA/m"\n'
    study = study_of(tmp_path, text)
    assert (study.study.warehouse, study.report.path) == (Path("/data/w"), Path("/home/me/r"))
    assert (study.networks.rdms, study.stimuli.path) == (Path("/data/m"), tmp_path / "videos")
    with pytest.raises(BadInput, match=r"report.path = '\$NOWHERE/r': found the variable \$NOWHERE is not"):
        study_of(tmp_path, '[report]\npath = "$NOWHERE/r"\n')


def test_files_that_are_no_study_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none.toml: found No such file .*alignhouse init"):
        read_study(tmp_path / "none.toml")
    for content in (b"[brain", b"\xff\xfe"):
        (tmp_path / "study.toml").write_bytes(content)
        with pytest.raises(BadInput, match="study.toml: expected TOML"):
            read_study(tmp_path / "study.toml")


def test_names_may_be_one_or_several(tmp_path: Path) -> None:
    study = study_of(tmp_path, '[networks]\ninclude = "AlexNet"\nexclude = "ResNet*"\n')
    assert (study.networks.include, study.networks.exclude) == (["AlexNet"], ["ResNet*"])
    assert [each.name for each in study.chosen_networks()] == ["AlexNet"]
    both = study_of(tmp_path, '[networks]\nexclude = ["AlexNet"]\n').chosen_networks()
    assert [each.name for each in both] == [name for name in select_names(["default"], ["AlexNet"], {})]
    assert both[0] == catalog()[both[0].name]


OWN = '[networks.own.NAME]\nsource = "function"\nid = "made_here_NAME:make"\n'


def test_paths_and_variables_of_ones_own_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/data")
    monkeypatch.setenv("HOME", "/home/me")
    table = '[networks.own.one]\nsource = "torchvision"\n'
    text = 'id = "${DATA}net"\nweights = "~/w.pth"\nfolder = "$DATA/code"\n'
    one = study_of(tmp_path, table + text).networks.own["one"]
    assert (one.id, one.weights, one.folder) == ("/datanet", "/home/me/w.pth", Path("/data/code"))
    plain = study_of(tmp_path, OWN).networks.own["NAME"]
    assert (plain.id, plain.weights, plain.folder) == ("made_here_NAME:make", None, tmp_path)
    for key in ("id", "weights", "folder"):
        wrong = "".join(
            f'{each} = "{"$NOWHERE" if each == key else "x"}"\n' for each in ("id", "weights", "folder")
        )
        message = rf"networks.own.one.{key} = '\$NOWHERE': found the variable \$NOWHERE is not set"
        with pytest.raises(BadInput, match=message):
            study_of(tmp_path, table + wrong)


def test_ones_own_networks_come_after_those_of_the_catalog(tmp_path: Path) -> None:
    tables = ""
    for name in ("two", "one"):
        (tmp_path / f"made_here_{name}.py").write_text("def make(): ...\n")
        tables += OWN.replace("NAME", name)
    study = study_of(tmp_path, '[networks]\ninclude = ["ResNet34", "AlexNet"]\n' + tables)
    chosen = study.chosen_networks()
    assert [each.name for each in chosen] == ["AlexNet", "ResNet34", "two", "one"]
    assert chosen[:2] == [catalog()[name] for name in ("AlexNet", "ResNet34")]
    assert chosen[3].source == "function"
    fewer = study_of(tmp_path, '[networks]\ninclude = "AlexNet"\nexclude = "two"\n' + tables)
    assert [each.name for each in fewer.chosen_networks()] == ["AlexNet", "one"]
    untrained = '[networks]\ninclude = "AlexNet"\nweights = "random"\n'
    with pytest.raises(BadInput, match='networks.weights = "random", but network two is what a function'):
        study_of(tmp_path, untrained + tables).chosen_networks()
    said = tables.replace(':make"', ':make"\nweights = "random"')
    assert len(study_of(tmp_path, untrained + said).chosen_networks()) == 3


def test_networks_run_untrained_beside_their_pretrained_selves(tmp_path: Path) -> None:
    (tmp_path / "made_here_mine.py").write_text("def make(): ...\n")
    mine = OWN.replace("NAME", "mine")
    text = (
        '[networks]\ninclude = "AlexNet"\nexclude = "ResNet50"\nrandom = ["ResNet34", "AlexN*", "ResNet50"]\n'
    )
    found = weighted_networks(study_of(tmp_path, text + mine))
    assert [(each.name, weights) for each, weights in found] == [
        ("AlexNet", "pretrained"),
        ("mine", "pretrained"),
        ("AlexNet", "random"),
        ("ResNet34", "random"),
    ]
    # What a function returns cannot be made random; if it is declared random, it is already.
    text = '[networks]\ninclude = []\nrandom = "mine"\n'
    with pytest.raises(BadInput, match=r"networks.random, but network mine is what a function gives"):
        weighted_networks(study_of(tmp_path, text + mine))
    already = weighted_networks(study_of(tmp_path, text + mine + 'weights = "random"\n'))
    assert [(each.name, weights) for each, weights in already] == [("mine", "pretrained")]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('weights = "random"\nrandom = "AlexNet"', r"networks\.random: .*beside weights = \"random\""),
        ('rdms = "models"\nrandom = "AlexNet"', r"networks\.rdms: .*beside random"),
        ('features = "models"\nrandom = "AlexNet"', r"networks\.features: .*beside random"),
        ('rdms = "models"\nfeatures = "others"', r"networks\.features: .*beside rdms"),
        ('conditions = "stimulus_order"', r"networks\.conditions: .*without rdms or features"),
        ('facts = "models.csv"', r"networks\.facts: .*without rdms or features"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, f"[networks]\n{keys}\n")


def test_an_unknown_name_of_random_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown network 'AlexNt'"):
        study_of(tmp_path, '[networks]\nrandom = "AlexNt"\n').untrained_networks()


def test_a_protocol_of_ones_own_is_its_base_with_changes(tmp_path: Path) -> None:
    text = (
        '[analysis]\nprotocols = ["mine", "paper"]\n'
        '[protocols.mine]\nbase = "paper"\ndescription = "ours"\nanalysis = {p_value = "plus_one"}\n'
    )
    found = study_of(tmp_path, text).resolved_protocols()
    assert list(found) == ["mine", "paper"]
    paper = shipped(["paper"])["paper"]
    assert found["paper"] == paper
    assert found["mine"].description == "ours"
    assert found["mine"].extraction == paper.extraction
    changed = {**paper.analysis.model_dump(), "p_value": "plus_one"}
    assert found["mine"].analysis == AnalysisSettings.model_validate(changed)
    with pytest.raises(ValidationError, match="frozen"):
        found["mine"].description = "theirs"  # type: ignore[misc]
    plain = study_of(tmp_path, '[analysis]\nprotocols = "mine"\n[protocols.mine]\n').resolved_protocols()
    sound = shipped(["sound"])["sound"]
    assert plain["mine"].description == "sound, changed"
    assert (plain["mine"].analysis, plain["mine"].extraction) == (sound.analysis, sound.extraction)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[analysis]\nprotocols = "soun"\n', r"no protocol is called 'soun' \(did you mean sound"),
        ('[analysis]\nprotocols = "min"\n[protocols.mine]\n', "did you mean mine"),
        (
            '[analysis]\nprotocols = "paper"\n[protocols.paper]\n',
            r"\[protocols.paper\]: .*name ships",
        ),
        (
            '[analysis]\nprotocols = "mine"\n[protocols.mine]\nanalysis = {nul = "x"}\n',
            r"\[protocols.mine\]: unknown key 'analysis.nul' .did you mean null",
        ),
        (
            '[analysis]\nprotocols = "mine"\n[protocols.mine]\nextraction = {distanc = "x"}\n',
            r"\[protocols.mine\]: unknown key 'extraction.distanc'",
        ),
    ],
)
def test_protocols_that_are_not_known_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        study_of(tmp_path, text).resolved_protocols()


def test_only_protocols_that_ship_are_given_by_name() -> None:
    assert list(shipped(list(shipped_protocols()))) == list(shipped_protocols())
    with pytest.raises(BadInput, match=r"no protocol called 'soun' ships \(did you mean sound"):
        shipped(["soun"])


def test_the_command_line_changes_the_limits_that_it_names(tmp_path: Path) -> None:
    study = study_of(tmp_path, '[compute]\nmemory = "2GB"\n')
    assert with_compute(study, device=None, memory=None) is study
    changed = with_compute(study, device="cuda:1", memory=None)
    assert changed.compute.model_dump() == {**study.compute.model_dump(), "device": "cuda:1"}
    assert changed.analysis == study.analysis
    with pytest.raises(BadInput, match="on the command line: device"):
        with_compute(study, device="gpu")


def test_a_run_records_the_settings_and_the_data_set_in_words(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    recorded = study.recorded()
    words = recorded.pop("data_set")
    assert recorded == study.model_dump(mode="json")
    assert words["split"] == "of the test split"
    assert "version B" in words["methods"]


def test_pooling_of_a_study_is_that_of_its_protocols_and_described_only_if_there_is_any(
    tmp_path: Path,
) -> None:
    plain = study_of(tmp_path)
    pooled = study_of(tmp_path, '[networks]\npooling = "mean"\ntime = "mean"\n')
    extraction = pooled.resolved_protocols()["sound"].extraction
    assert (extraction.pooling, extraction.time) == ("mean", "mean")
    [described] = protocol_batches(pooled.resolved_protocols())
    assert described.jobs[0].settings["extraction"]["pooling"] == "mean"
    [before] = protocol_batches(plain.resolved_protocols())
    assert not {"pooling", "time"} & before.jobs[0].settings["extraction"].keys(), (
        "as in warehouses from before there was pooling"
    )
