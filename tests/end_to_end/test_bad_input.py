"""Bad input gives one clear line and exit code 2, and leaves the warehouse unchanged."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HOLD_THE_LOCK = """
import sys
from alignhouse.warehouse.store import Writer
with Writer(sys.argv[1], "alignhouse run other.toml"):
    print("writing", flush=True)
    sys.stdin.readline()
"""


class Bomb:
    """An object that writes a file when a trusting reader unpickles it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def no_betas_folder(study: Any) -> str:
    shutil.rmtree(study.folder / "betas")
    return "no folder.*betas"


def no_stimuli_folder(study: Any) -> str:
    shutil.rmtree(study.folder / "stimuli")
    return "no folder.*stimuli"


def no_rdms_folder(study: Any) -> str:
    shutil.rmtree(study.folder / "models")
    return "no folder.*models"


def stimuli_that_do_not_say_their_split(study: Any) -> str:
    study.change('path = "betas"', 'path = "betas"\nsplit = "all"')
    for path in (study.folder / "stimuli").iterdir():
        path.rename(path.with_name(f"clip{path.name}"))
    return "stimuli of split all: expected stimuli of train and test.*found all"


def cut_pickle(study: Any) -> str:
    path = study.betas(2, "rV1d")
    path.write_bytes(path.read_bytes()[:-1000])
    return "sub-02_roi-rV1d_betas_normalized.pkl.*cut short"


def pickle_that_would_run_code(study: Any) -> str:
    path = study.betas(3, "lEBA")
    data = {
        "train_data_allvoxel": Bomb(study.folder / "exploded"),
        "test_data_allvoxel": np.zeros((12, 10, 3)),
    }
    path.write_bytes(pickle.dumps(data))
    return "sub-03_roi-lEBA_betas_normalized.pkl"


def missing_hemisphere(study: Any) -> str:
    study.betas(1, "rEBA").unlink()
    return "sub-01.*rEBA, right hemisphere.*sub-01_roi-rEBA_betas_normalized.pkl"


def nan_in_betas(study: Any) -> str:
    path = study.betas(2, "lV1v")
    data = pickle.loads(path.read_bytes())
    data["test_data_allvoxel"][3, 1, 7] = np.nan
    path.write_bytes(pickle.dumps(data))
    return "sub-02, lV1v, test.*1 of 2,400 NaN"


def a_stimulus_too_few(study: Any) -> str:
    (study.folder / "stimuli" / "1012.png").unlink()
    return "stimuli.*missing 1012"


def a_stimulus_of_another_name(study: Any) -> str:
    (study.folder / "stimuli" / "1012.png").rename(study.folder / "stimuli" / "1013.png")
    return "stimuli.*101[23]"


def broken_image(study: Any) -> str:
    path = study.folder / "stimuli" / "1005.png"
    path.write_bytes(path.read_bytes()[:60])
    return "1005.png"


def broken_video(study: Any) -> str:
    stimuli = study.folder / "stimuli"
    shutil.rmtree(stimuli)
    stimuli.mkdir()
    for number in range(12):
        (stimuli / f"{1001 + number}.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"no video" * 100)
    return "1001.mp4"


def rdms_of_another_size(study: Any) -> str:
    np.savez(study.folder / "models" / "AlexNet" / "rdms.npz", layer=np.random.default_rng(0).random(45))
    study.change('rdms = "models"', 'rdms = "models"\nconditions = "stimulus_order"')
    return "rows of layer layer of network AlexNet, .*: expected 12, one per stimulus, found 10"


def unknown_network(study: Any) -> str:
    study.change('rdms = "models"', 'include = ["ResNet5"]\nweights = "random"')
    return "unknown network 'ResNet5'.*did you mean.*ResNet50"


def unknown_key(study: Any) -> str:
    study.change("permutations = 50", "permutation = 50")
    return "unknown key 'analysis.permutation'.*did you mean permutations"


def value_out_of_range(study: Any) -> str:
    study.change("permutations = 50", "permutations = 0")
    return "analysis.permutations: expected a number of at least 1, found 0"


def unknown_region(study: Any) -> str:
    study.change('["V1", "EBA"]', '["V1", "EBB"]')
    return "unknown region 'EBB'.*EBA"


def unknown_protocol(study: Any) -> str:
    study.change('["sound", "paper"]', '["sond"]')
    return "no protocol is called 'sond'.*sound"


def no_toml(study: Any) -> str:
    study.file.write_text("[study\n", encoding="utf-8")
    return "study.toml.*expected TOML"


FAULTS = [
    no_betas_folder,
    no_stimuli_folder,
    no_rdms_folder,
    stimuli_that_do_not_say_their_split,
    cut_pickle,
    pickle_that_would_run_code,
    missing_hemisphere,
    nan_in_betas,
    a_stimulus_too_few,
    a_stimulus_of_another_name,
    broken_image,
    broken_video,
    rdms_of_another_size,
    unknown_network,
    unknown_key,
    value_out_of_range,
    unknown_region,
    unknown_protocol,
    no_toml,
]


def assert_one_clear_line(done: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("alignhouse:")]
    assert done.stderr.splitlines()[-1] == line
    assert re.search(pattern, line), line


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_failed_run_creates_no_new_warehouse(study: Any, fault: Callable[[Any], str]) -> None:
    pattern = fault(study)
    assert_one_clear_line(study.run(), pattern)
    assert not study.warehouse.exists()
    assert not (study.folder / "exploded").exists()


@pytest.mark.parametrize(
    "fault",
    [
        nan_in_betas,
        rdms_of_another_size,
        *(
            pytest.param(fault, marks=pytest.mark.slow)
            for fault in (cut_pickle, a_stimulus_too_few, broken_image, unknown_network)
        ),
    ],
)
def test_a_warehouse_with_results_stays_as_it_was(finished: Any, fault: Callable[[Any], str]) -> None:
    before = finished.state()
    pattern = fault(finished)
    assert_one_clear_line(finished.run(), pattern)
    assert finished.state() == before


def test_the_hostile_pickle_of_these_tests_runs_code_under_plain_pickle(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "exploded")))
    assert (tmp_path / "exploded").exists()


def test_a_second_writer_gets_an_error_that_names_the_lock_holder(finished: Any) -> None:
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(finished.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "writing\n"
        before = finished.state()
        assert_one_clear_line(
            finished.run(), f"process {holder.pid} of .*alignhouse run other.toml, since 20"
        )
        assert finished.state() == before
        holder.stdin.write("\n")


def test_a_missing_warehouse_or_question_is_one_line_too(study: Any, finished: Any) -> None:
    assert_one_clear_line(study.alignhouse("ask", "networks"), "which warehouse is meant")
    assert_one_clear_line(study.alignhouse("ask", "networks", "-w", "nowhere"), "nowhere.*no such folder")
    assert_one_clear_line(
        finished.alignhouse("ask", "network"), "no question is called 'network'.*did you mean networks"
    )
    assert_one_clear_line(finished.alignhouse("ask", "best_layer", "--region", "V1"), "no parameter 'region'")


def test_a_process_ends_with_the_exit_code_and_prints_the_line(study: Any) -> None:
    assert_one_clear_line(study.process("run", "study.tom"), "study.tom")
    assert study.alignhouse("--help").returncode == 0


def test_the_traceback_is_there_for_those_who_ask(study: Any) -> None:
    done = study.process("--debug", "run", "nowhere.toml")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
