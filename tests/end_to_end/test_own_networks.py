"""The example of a user's own networks: for each kind, the RDMs equal those from simple hooks."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest
import torch
from features_plainly import outputs
from PIL import Image
from scipy.spatial.distance import pdist

from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction, package_folder
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.registry import SOURCES
from alignhouse.ingest.stimuli.videos import find_stimuli, read_frames
from alignhouse.study.file import Study, read_study
from alignhouse.study.run import Finished, run_study
from alignhouse.warehouse import Warehouse

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
N_VIDEOS, N_FRAMES, SIDE = 4, 2, 64
NAMES = ["my_resnet", "my_timm", "my_tsn", "my_hf-random0", "my_motion"]


def write_videos(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(N_VIDEOS):
        with av.open(str(folder / f"{number + 1}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
            picture = random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
            for frame in range(N_FRAMES):
                moved = np.ascontiguousarray(np.roll(picture, frame * (number + 1), axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
            container.mux(stream.encode())


def plain_resnet() -> torch.nn.Module:
    load_torchvision()
    import torchvision

    torch.manual_seed(5)
    return torchvision.models.resnet18(weights=None).eval()


def plain_timm() -> torch.nn.Module:
    load_torchvision()
    import timm

    torch.manual_seed(6)
    return timm.create_model("test_resnet", pretrained=False).eval()


def plain_tsn() -> Any:
    load_mmaction()
    from mmaction.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    name = "tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py"
    config = Config.fromfile(package_folder() / ".mim" / "configs" / "recognition" / name)
    torch.manual_seed(7)
    with DefaultScope.overwrite_default_scope("mmaction"):
        return MODELS.build(config.model).eval()


def plain_functions() -> Any:
    spec = importlib.util.spec_from_file_location("plain_functions", EXAMPLES / "own_networks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass
class Done:
    """The example's study, run once."""

    study: Study
    file: Path
    finished: Finished
    videos: list[np.ndarray]

    def rdms(self, model: str) -> dict[str, np.ndarray]:
        """Layer -> its RDM in the warehouse."""
        [file] = self.study.study.warehouse.glob(f"rdms/kind=model/model={model}/*.parquet")
        frame = pl.read_parquet(file, hive_partitioning=False)
        return dict(zip(frame["layer"], frame["rdm"].to_numpy(), strict=True))

    def expected(self, features: Callable[[np.ndarray], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Layer -> the RDM of the features that a function returns for each video."""
        rows = [features(video) for video in self.videos]
        return {layer: pdist(np.stack([row[layer] for row in rows]), "correlation") for layer in rows[0]}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("own")
    for name in ("own_networks.toml", "own_networks.py"):
        shutil.copy(EXAMPLES / name, folder)
    write_videos(folder / "videos")
    (folder / "brain").mkdir()
    pairs = N_VIDEOS * (N_VIDEOS - 1) // 2
    np.save(folder / "brain" / "V1_RDMs.npy", np.random.default_rng(1).random((3, pairs)))
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir()
    torch.save(plain_timm().state_dict(), checkpoints / "my_timm.pth")
    torch.save({"state_dict": plain_tsn().state_dict(), "meta": {"epoch": 1}}, checkpoints / "my_tsn.pth")
    with pytest.MonkeyPatch.context() as monkeypatch:
        put_into_torchs_hub(plain_resnet(), folder / "torch", monkeypatch)
        monkeypatch.setenv("BRAIN_RDMS", str(folder / "brain"))
        monkeypatch.setenv("STIMULI", str(folder / "videos"))
        file = folder / "own_networks.toml"
        study = read_study(file)
        finished = run_study(study, command="test")
        videos = [read_frames(stimulus.path) for stimulus in find_stimuli(folder / "videos", "test")]
        yield Done(study, file, finished, videos)


def put_into_torchs_hub(module: torch.nn.Module, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights in the hub's cache; their file name contains the start of their hash."""
    from torchvision.models import ResNet18_Weights

    cache = home / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(module.state_dict(), cache / "saved.pth")
    start = hashlib.sha256((cache / "saved.pth").read_bytes()).hexdigest()[:8]
    (cache / "saved.pth").rename(cache / f"resnet18-{start}.pth")
    monkeypatch.setenv("TORCH_HOME", str(home))
    weights = ResNet18_Weights.IMAGENET1K_V1
    url = f"https://nowhere.invalid/models/resnet18-{start}.pth"
    monkeypatch.setattr(weights, "_value_", dataclasses.replace(weights.value, url=url))


def averaged(module: torch.nn.Module, layers: list[str], calls: list[torch.Tensor]) -> dict[str, np.ndarray]:
    """Layer -> the mean of its output over all frames, one frame at a time, (width,)."""
    shown = [outputs(module, layers, lambda call=call: module(call)) for call in calls]  # type: ignore[misc]
    return {
        layer: np.mean([frame[layer].double().numpy().ravel() for frame in shown], axis=0) for layer in layers
    }


def test_nothing_fails_and_only_the_declared_networks_are_done(done: Done) -> None:
    assert done.finished.failed == {}
    with Warehouse.open(done.study.study.warehouse) as opened:
        models = opened.sql(
            "select model, network, source, weights, remark from model order by all"
        ).fetchall()
    assert sorted(models) == sorted(
        [
            ("my_resnet", "my_resnet", "torchvision", "pretrained", ""),
            ("my_timm", "my_timm", "timm", "pretrained", ""),
            ("my_tsn", "my_tsn", "mmaction2", "pretrained", ""),
            ("my_hf-random0", "my_hf", "function", "random", "random weights"),
            ("my_motion", "my_motion", "function", "pretrained", ""),
        ]
    )


def test_what_is_not_declared_of_a_network_is_unknown_or_counted(done: Done) -> None:
    size_of_timm = sum(parameter.numel() for parameter in plain_timm().parameters())
    with Warehouse.open(done.study.study.warehouse) as opened:
        rows = opened.sql(
            "select network, source_id, model_type, arch_type, family, parameters, top1 from model "
            "where network in ('my_resnet', 'my_timm') order by network"
        ).fetchall()
    assert rows == [
        ("my_resnet", "resnet18", "image-in1k", "CNNs", "ResNet", 11_689_512, None),
        ("my_timm", "test_resnet", "unknown", "unknown", "unknown", size_of_timm, None),
    ]


def test_the_network_of_torchvision(done: Done) -> None:
    from torchvision.models import ResNet18_Weights

    rdms, module = done.rdms("my_resnet"), plain_resnet()
    assert list(rdms) == ["conv1", "layer1.1", "layer2.1", "layer3.1", "layer4.1"]
    transform = ResNet18_Weights.IMAGENET1K_V1.transforms()
    expected = done.expected(
        lambda video: averaged(
            module, ["conv1", "layer3.1"], [transform(Image.fromarray(frame))[None] for frame in video]
        )
    )
    for layer, rdm in expected.items():
        np.testing.assert_allclose(rdms[layer], rdm, rtol=1e-4, atol=1e-7)


def test_the_network_of_timm(done: Done) -> None:
    from timm.data import create_transform, resolve_data_config

    rdms, module = done.rdms("my_timm"), plain_timm()
    second = [f"layer{stage}.0.conv2" for stage in (1, 2, 3, 4)]
    assert [layer for layer in rdms if layer.endswith("conv2")] == second
    assert {"layer1", "layer2"} == set(rdms) - set(second)
    transform = create_transform(**resolve_data_config({}, model=module), is_training=False)
    expected = done.expected(
        lambda video: averaged(
            module, ["layer1", "layer4.0.conv2"], [transform(Image.fromarray(frame))[None] for frame in video]
        )
    )
    for layer, rdm in expected.items():
        np.testing.assert_allclose(rdms[layer], rdm, rtol=1e-4, atol=1e-7)


def test_the_network_of_mmaction2(done: Done) -> None:
    import mmcv

    rdms, module = done.rdms("my_tsn"), plain_tsn()
    assert list(rdms) == ["backbone.layer4", "cls_head.fc_cls"]
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])

    def features(video: np.ndarray) -> dict[str, np.ndarray]:
        # The configuration's test pipeline: short edge 256, the middle 224 x 224; three frames, each a clip.
        cropped = np.stack([mmcv.imresize(frame, (256, 256))[16:240, 16:240] for frame in video])
        pixels = torch.from_numpy((cropped - mean) / std).float().permute(0, 3, 1, 2)
        read = outputs(module, list(rdms), lambda: module(pixels[None], mode="tensor", stage="head"))
        return {layer: output.double().mean(0).numpy().ravel() for layer, output in read.items()}

    for layer, expected in done.expected(features).items():
        np.testing.assert_allclose(rdms[layer], expected, rtol=1e-3, atol=1e-6)


def test_the_module_in_the_manner_of_hugging_face(done: Done) -> None:
    functions = plain_functions()
    torch.manual_seed(0)
    module, transform = functions.hugging_face()
    module.eval()
    rdms = done.rdms("my_hf-random0")
    # No layers below a numbered block are read; a block returns a tuple of one.
    assert list(rdms) == ["embeddings", *(f"encoder.layer.{block}" for block in range(3)), "classifier"]

    def features(video: np.ndarray) -> dict[str, np.ndarray]:
        calls = torch.stack([transform(Image.fromarray(frame)) for frame in video])
        with torch.no_grad():
            hidden = module.embeddings(calls).flatten(2).transpose(1, 2)
            for block in module.encoder.layer:
                (hidden,) = block(hidden)
        return {"encoder.layer.2": hidden.double().mean(0).numpy().ravel()}

    for layer, expected in done.expected(features).items():
        np.testing.assert_allclose(rdms[layer], expected, rtol=1e-4, atol=1e-7)


def test_the_model_of_whole_videos(done: Done) -> None:
    module, transform = plain_functions().motion_energy(8)
    rdms = done.rdms("my_motion")
    assert list(rdms) == ["even_and_odd", "energy"]

    def features(video: np.ndarray) -> dict[str, np.ndarray]:
        with torch.no_grad():
            return {"energy": module(transform(video)).double().mean(0).numpy().ravel()}

    np.testing.assert_allclose(rdms["energy"], done.expected(features)["energy"], rtol=1e-4, atol=1e-7)


def test_scores_of_the_untrained_network_say_so_and_comparisons_say_of_which(done: Done) -> None:
    with Warehouse.open(done.study.study.warehouse) as opened:
        remarks = dict(opened.sql("select distinct model, remark from alignment").fetchall())
        compared = opened.sql("select distinct remark from group_comparison").fetchall()
        groups = opened.sql(
            "select group_name, remark from group_alignment where group_by = 'source' "
            "union all select group_name, remark from group_alignment where group_by = 'arch_type'"
        ).fetchall()
    assert remarks == {name: "random weights" if name == "my_hf-random0" else "" for name in NAMES}
    assert compared == [("random weights of my_hf-random0",)]
    assert dict(groups) == {"CNNs": "", "Transformers": "random weights", "unknown": ""}


def test_finished_jobs_are_not_done_again(done: Done) -> None:
    assert run_study(read_study(done.file), command="test").jobs_done == 0


def test_what_tables_say_of_a_network_does_not_extract_it_anew(done: Done) -> None:
    text = done.file.read_text()
    renamed = done.file.with_name("renamed.toml")
    renamed.write_text(text.replace('family = "ResNet"', 'family = "my family"'))
    before = set(done.study.study.warehouse.glob("rdms/kind=model/**/*.parquet"))
    run_study(read_study(renamed), command="test", until="networks")
    assert set(done.study.study.warehouse.glob("rdms/kind=model/**/*.parquet")) == before
    with Warehouse.open(done.study.study.warehouse) as opened:
        assert opened.sql("select family from model where model = 'my_resnet'").fetchall() == [("my family",)]


def test_another_checkpoint_under_the_same_name_is_extracted_anew(done: Done, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(done.file.parent, folder)
    study = folder / done.file.name
    study.write_text(study.read_text().replace("include = []", 'include = []\nexclude = ["my_hf", "my_m*"]'))
    module = plain_timm()
    with torch.no_grad():
        module.get_parameter("layer1.0.conv1.weight")[0, 0, 0, 0] += 0.5
    torch.save(module.state_dict(), folder / "checkpoints" / "my_timm.pth")
    rdms = folder / "own_networks.alignhouse" / "rdms" / "kind=model"
    before = {path.name for path in rdms.rglob("*.parquet")}
    run_study(read_study(study), command="test", until="networks")
    new = [path.parent.name for path in rdms.rglob("*.parquet") if path.name not in before]
    assert new == ["model=my_timm"]


def test_a_dry_run_also_estimates_own_networks(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from alignhouse.cli.commands import app

    # The large networks would only take time.
    small = done.file.with_name("small.toml")
    small.write_text(
        done.file.read_text().replace("include = []", 'include = []\nexclude = ["my_resnet", "my_tsn"]')
    )
    shown = CliRunner().invoke(app, ["ingest", "networks", str(small), "--dry-run"])
    assert shown.exit_code == 0, shown.output
    rows = {
        line.split()[0]: line.split()[1:3] for line in shown.output.splitlines() if line.startswith("my_")
    }
    assert rows["my_timm"][0] == "6"
    # One clip: 16 channels of 4 x 14 x 14, and eight energies of 14 x 14.
    assert rows["my_motion"] == ["2", f"{16 * 4 * 14 * 14 + 8 * 14 * 14:,}"]
    assert set(rows) == {"my_timm", "my_hf", "my_motion"}


def test_random_weights_of_the_study_are_those_of_its_own_networks_too(done: Done) -> None:
    text = done.file.read_text().replace("include = []", 'include = []\nweights = "random"\nseed = 5')
    random = done.file.with_name("random.toml")
    random.write_text(text.replace("include = []", 'include = []\nexclude = ["my_motion", "my_t*"]'))
    run_study(read_study(random), command="test", until="networks")
    # The seed is that of plain_resnet, whose weights are in the hub's cache.
    for layer, rdm in done.rdms("my_resnet-random5").items():
        np.testing.assert_allclose(rdm, done.rdms("my_resnet")[layer], rtol=1e-6)
    with Warehouse.open(done.study.study.warehouse) as opened:
        said = opened.sql("select model, remark from model where model like '%random5' order by 1").fetchall()
    assert said == [("my_hf-random5", "random weights"), ("my_resnet-random5", "random weights")]


def test_what_the_page_declares_stands_in_the_example() -> None:
    shown = re.findall(r"```toml\n(\[networks\.own\..*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    declared = tomllib.loads("\n".join(shown))["networks"]["own"]
    example = tomllib.loads((EXAMPLES / "own_networks.toml").read_text(encoding="utf-8"))["networks"]["own"]
    assert [name for name in declared if name in example] == list(example)
    for name, keys in declared.items():
        OwnNetwork.model_validate(keys)
        assert name not in example or all(example[name][key] == value for key, value in keys.items())
    assert {keys["source"] for keys in declared.values()} == set(SOURCES)


def test_a_declared_network_is_not_in_the_catalog() -> None:
    assert not {name.removesuffix("-random0") for name in NAMES} & set(catalog())


def test_settings_are_kept_with_the_run(done: Done) -> None:
    with Warehouse.open(done.study.study.warehouse) as opened:
        [(study,)] = opened.sql("select study from run order by run limit 1").fetchall()
    assert json.loads(study)["networks"]["own"]["my_tsn"]["frame_multiple"] == 1
