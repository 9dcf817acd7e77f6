"""A study that this machine cannot do is refused before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_up_videos import write_texture
from PIL import Image
from study_files import study_of

from alignhouse.ingest import optional_packages
from alignhouse.ingest.models.sources.compat_mmaction import package_folder
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.study.doctor import Finding, diagnosis
from alignhouse.study.dry_run import what_is_needed
from alignhouse.study.file import Study
from alignhouse.study.machine import check_decord_reads, check_machine
from alignhouse.study.networks import weighted_networks
from alignhouse.study.run import run_study
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Silent

BRAIN = '[brain]\nkind = "rdms"\npath = "brain"\ndataset = "mine"\n[stimuli]\npath = "stimuli"\n'


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    for module in optional_packages.ON_LINUX_X86_64.values():
        monkeypatch.setitem(sys.modules, module, None)


def study(folder: Path, networks: str, protocols: str = "sound", suffix: str = "mp4") -> Study:
    (folder / "stimuli").mkdir()
    (folder / "brain").mkdir()
    for number in range(4):
        path = folder / "stimuli" / f"{number}.{suffix}"
        Image.new("RGB", (8, 8)).save(path, format="PNG")
    names = f'[networks]\nweights = "random"\ninclude = [{networks}]\n'
    return study_of(folder, f'{names}[analysis]\nprotocols = ["{protocols}"]\n', BRAIN)


def fault(asked: Study) -> str:
    """Why the study is refused, the same by a run and by a dry run; nothing is written."""
    with pytest.raises(BadInput) as caught:
        run_study(asked, command="run")
    assert not asked.study.warehouse.exists()
    with pytest.raises(BadInput) as by_dry_run:
        what_is_needed(asked, None, Silent())
    assert str(by_dry_run.value) == str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("on_a_mac")
def test_networks_of_mmaction2_are_named_with_the_platform_and_the_key(tmp_path: Path) -> None:
    assert fault(study(tmp_path, '"AlexNet", "TSN_*"')) == (
        "networks TSN_r50_8, TSN_r101_8, TSN_d161_3, TSN_mobones4_8, TSN_swin_8 and 2 more need mmaction2, "
        "which is not installed (mmaction2 has wheels for Linux x86_64 only, and this is macOS arm64; or "
        'leave them out: exclude = ["mmaction2"] in [networks])'
    )


@pytest.mark.usefixtures("on_a_mac")
def test_what_the_hint_says_helps(tmp_path: Path) -> None:
    asked = study(tmp_path, '"AlexNet", "TSN_*"]\nexclude = ["mmaction2"')
    networks = [network for network, _ in weighted_networks(asked)]
    assert [each.name for each in networks] == ["AlexNet"]
    check_machine(asked, asked.resolved_protocols(), networks)


@pytest.mark.usefixtures("on_a_mac")
def test_a_protocol_that_reads_videos_with_decord_is_named(tmp_path: Path) -> None:
    said = fault(study(tmp_path, '"AlexNet"', "paper"))
    assert said.startswith(
        "protocol paper reads videos with decord, which is not installed (decord has wheels for Linux x86_64 "
        "only, and this is macOS arm64; or use protocol sound"
    )
    assert 'extraction = { decoder = "av" }' in said


@pytest.mark.usefixtures("on_a_mac")
@pytest.mark.parametrize(("suffix", "decoder"), [("png", "decord"), ("mp4", "av")])
def test_images_and_protocols_with_pyav_need_no_decord(tmp_path: Path, suffix: str, decoder: str) -> None:
    asked = study(tmp_path, '"AlexNet"', "mine", suffix)
    own = f'[protocols.mine]\nbase = "paper"\nextraction = {{ decoder = "{decoder}" }}\n'
    text = (tmp_path / "study.toml").read_text() + own
    asked = study_of(tmp_path, text, "")
    networks = [network for network, _ in weighted_networks(asked)]
    check_machine(asked, asked.resolved_protocols(), networks)


def test_where_wheels_exist_the_hint_is_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mmaction", None)
    monkeypatch.setattr(optional_packages, "has_wheels_here", lambda: True)
    assert "(pip install 'alignhouse[networks]'; or leave them out" in fault(study(tmp_path, '"TSN_r50_8"'))


def test_a_video_that_decord_cannot_open_is_refused_before_any_network(tmp_path: Path) -> None:
    paths = [
        write_texture(tmp_path / "old.mp4", "libx264", frames=1),
        write_texture(tmp_path / "new.mp4", "libsvtav1", frames=1),
    ]
    stimuli = [Stimulus(path.stem, "test", path, "video") for path in paths]
    check_decord_reads(stimuli, {"old"})
    with pytest.raises(BadInput, match=r"new\.mp4 does not decode with decord"):
        check_decord_reads(stimuli, {"old", "new"})


def test_a_device_that_is_not_there_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    asked = study(tmp_path, '"AlexNet"')
    asked = asked.model_copy(update={"compute": asked.compute.model_copy(update={"device": "mps"})})
    assert fault(asked).startswith("device mps: expected one that torch can use here: cpu")


def test_an_own_network_of_mmaction2_is_refused_with_the_platform(
    on_a_mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="mmaction2 has wheels for Linux x86_64 only, and this is macOS arm64"):
        package_folder()


@pytest.mark.usefixtures("on_a_mac")
def test_doctor_says_what_reads_videos_and_what_is_missing(tmp_path: Path) -> None:
    asked = study(tmp_path, '"AlexNet", "TSN_r50_8"', "paper")
    found = {each.what: each for each in diagnosis(asked, Silent())}
    assert found["videos"] == Finding("videos", "protocol paper reads them with decord")
    assert found["decord"].found == (
        "not installed (decord has wheels for Linux x86_64 only, and this is macOS arm64)"
    )
    assert found["decord"].advice == ""
    assert found["networks"].found.startswith("networks TSN_r50_8 need mmaction2")
    assert "protocol paper reads videos with decord" in found["networks"].found
    assert found["networks"].advice
