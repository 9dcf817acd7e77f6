"""RDMs and features of networks in the folders of other programs, as RDMs of the study's stimuli."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest
import scipy.io
import torch
from scipy.spatial.distance import pdist, squareform

from alignhouse.ingest.features.given.folders import find_given
from alignhouse.ingest.features.given.layers import GivenAs, Wanted, given_layers
from alignhouse.warehouse.errors import BadInput

STIMULI = [f"clip_{i}" for i in range(6)]
# Programs have the stimuli in another order, with one that the study does not use, as paths of files.
ORDER = [3, 0, 6, 5, 1, 4, 2]
FILES = [f"videos/clip_{i}.mp4" for i in ORDER]
FEATURES = np.random.default_rng(0).normal(size=(7, 4, 3))
STORED = FEATURES[ORDER]
RDM = pdist(FEATURES[:6].reshape(6, -1), "correlation")
STORED_RDM = squareform(pdist(STORED.reshape(7, -1), "correlation"))


def read(
    folder: Path,
    given_as: GivenAs = "features",
    *,
    in_order: bool = False,
    memory: int = 10**7,
) -> dict[str, tuple[np.ndarray, bool]]:
    [(network, files)] = find_given(folder, "features").items()
    wanted = Wanted(network, STIMULI, given_as, in_order, memory)
    return {
        layer.name: (layer.rdm, layer.is_named) for layer in given_layers(folder / network, files, wanted)
    }


def assert_layer(found: dict[str, tuple[np.ndarray, bool]], name: str, *, is_named: bool = True) -> None:
    rdm, named = found[name]
    np.testing.assert_allclose(rdm, RDM, atol=1e-6)
    assert named is is_named


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    return tmp_path / "net"


def test_net2brain_and_the_published_code_write_an_rdm_a_layer(net: Path) -> None:
    for layer in ("layer1.0", "layer2.1"):
        np.savez(
            net / f"RDM_{layer.replace('.', '_')}.npz",
            rdm=STORED_RDM[np.triu_indices(7, 1)],
            stimuli_name=FILES,
            layer_name=layer,
            meta=np.array({"distance": "pearson"}, dtype=object),
        )
    torch.save(
        {
            "rdm": torch.from_numpy(STORED_RDM),
            "stimuli_name": FILES,
            "layer_name": "fc",
            "meta": {"distance": "pearson"},
        },
        net / "RDM_fc.pt",
    )
    found = read(net.parent, "rdms")
    assert list(found) == ["fc", "layer1.0", "layer2.1"]
    for name in found:
        assert_layer(found, name)


def test_an_object_array_is_not_unpickled(net: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(net / "harmed"),)

    np.savez(net / "RDM_fc.npz", rdm=STORED_RDM, conditions=FILES, meta=np.array([Harm()], dtype=object))
    assert_layer(read(net.parent, "rdms"), "fc")
    torch.save({"features": torch.zeros(7, 2), "meta": Harm()}, net / "x.pt")
    with pytest.raises(BadInput, match="x.pt cannot be read: expected tensors"):
        read(net.parent, "rdms")
    (net / "x.pt").unlink()
    (net / "y.pt").write_bytes(pickle.dumps(Harm(), protocol=2))
    with pytest.raises(BadInput, match="y.pt cannot be read: expected tensors"):
        read(net.parent, "rdms")
    assert not (net / "harmed").exists()


def test_net2brain_writes_a_file_a_stimulus(net: Path) -> None:
    for name, features in zip(FILES, STORED, strict=True):
        np.savez(net / f"{Path(name).stem}.npz", **{"layer1": features[None], "fc": features.ravel()})
    found = read(net.parent)
    assert list(found) == ["layer1", "fc"]
    for name in found:
        assert_layer(found, name)
    np.savez(net / "clip_2.npz", layer1=FEATURES[2, :2])
    with pytest.raises(BadInput, match=r"layer1 of network net, .*clip_2.npz: expected shape \(1, 4, 3\)"):
        read(net.parent)


def test_net2brain_consolidates_the_stimuli_of_a_layer(net: Path) -> None:
    by_stimulus = {Path(name).stem: features for name, features in zip(FILES, STORED, strict=True)}
    np.savez(net / "net_consolidated_layer1.npz", **by_stimulus)
    assert_layer(read(net.parent), "layer1")


def of_hdf5(folder: Path) -> None:
    with h5py.File(folder / "features.hdf5", "w") as file:
        file.create_dataset("features", data=STORED.reshape(7, -1), chunks=(2, 5))


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: np.save(folder / "features.npy", STORED),
        lambda folder: np.save(folder / "features.npy", np.asfortranarray(STORED)),
        of_hdf5,
        lambda folder: torch.save(torch.from_numpy(STORED), folder / "features.pt"),
        lambda folder: scipy.io.savemat(folder / "features.mat", {"features": STORED}),
        lambda folder: np.savetxt(folder / "features.txt", STORED.reshape(7, -1)),
        lambda folder: scipy.io.savemat(
            folder / "features.mat",
            {Path(name).stem: each.ravel() for name, each in zip(FILES, STORED, strict=True)},
        ),
        lambda folder: [
            np.save(folder / f"features_{i + 1:02d}.npy", part)
            for i, part in enumerate(np.split(STORED, [2, 3]))
        ],
    ],
    ids=["npy", "fortran", "hdf5", "pt", "mat", "txt", "mat of stimuli", "parts"],
)
def test_thingsvision_writes_a_folder_a_layer(net: Path, write: Callable[[Path], None]) -> None:
    for layer in ("conv1", "fc6"):
        (net / layer).mkdir()
        write(net / layer)
        (net / layer / "file_names.txt").write_text("\n".join(FILES) + "\n", encoding="utf-8")
    found = read(net.parent)
    assert list(found) == ["conv1", "fc6"]
    for name in found:
        assert_layer(found, name)


def test_own_files_with_names_inside(net: Path) -> None:
    np.savez(net / "a.npz", features=STORED, conditions=[Path(name).stem for name in FILES])
    np.savez(net / "b.npz", rdm=STORED_RDM, conditions=FILES)
    np.savez_compressed(net / "c.npz", conv1=STORED, fc=STORED, stimuli=FILES)
    with h5py.File(net / "d.h5", "w") as file:
        file["features"], file["conditions"] = STORED, FILES
    scipy.io.savemat(net / "e.mat", {"features": STORED, "conditions": np.array(FILES, dtype=object)})
    flat = STORED.reshape(7, -1)
    table = pl.DataFrame({"conditions": FILES, **{f"f{i}": flat[:, i] for i in range(flat.shape[1])}})
    table.write_parquet(net / "f.parquet")
    table.write_csv(net / "g.csv")
    found = read(net.parent)
    assert list(found) == ["a", "b", "conv1", "fc", "d", "e", "f", "g"]
    for name in found:
        assert_layer(found, name)


@pytest.mark.parametrize("memory", [10**7, 2_000])
def test_large_features_are_read_in_blocks(net: Path, memory: int) -> None:
    np.savez(net / "a.npz", features=STORED, conditions=FILES)
    assert_layer(read(net.parent, memory=memory), "a")


def test_rows_are_matched_by_position_only_if_the_user_says_so(net: Path) -> None:
    np.save(net / "a.npy", FEATURES[:6])
    with pytest.raises(
        BadInput, match='layer a of network net, .* does not name its stimuli.*"stimulus_order"'
    ):
        read(net.parent)
    assert_layer(read(net.parent, in_order=True), "a", is_named=False)
    np.save(net / "a.npy", FEATURES)
    with pytest.raises(BadInput, match="rows of layer a .*expected 6, one per stimulus, found 7"):
        read(net.parent, in_order=True)
    (net / "a.npy").unlink()
    # Names win over positions.
    np.savez(net / "a.npz", STORED, conditions=FILES)
    assert_layer(read(net.parent, in_order=True), "a")


def test_unnamed_arrays_are_what_the_user_says(net: Path) -> None:
    square = squareform(RDM)
    np.savez(net / "a.npz", conv1=square, conditions=STIMULI)
    assert_layer(read(net.parent, "rdms"), "conv1")
    rdm, _ = read(net.parent, "features")["conv1"]
    np.testing.assert_allclose(rdm, pdist(square, "correlation"), atol=1e-12)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": STORED[1:], "conditions": FILES[1:]}, "without clip_3.*did you mean"),
        ({"features": STORED, "conditions": FILES[1:]}, "expected 7, one a row, found 6"),
        ({"features": STORED, "conditions": FILES[:6] + FILES[:1]}, "clip_3 more than once"),
        ({"features": STORED, "rdm": STORED_RDM, "conditions": FILES}, "as its only array of numbers"),
        ({"features": STORED, "conditions": FILES, "stimuli": FILES}, "names its stimuli twice"),
        ({"features": STORED * 0, "conditions": FILES}, "stimulus clip_[0-9].*the same value"),
        (
            {"features": np.where(STORED[1, 0, 0] == STORED, np.nan, STORED), "conditions": FILES},
            "clip_0.*finite",
        ),
        ({"features": STORED[:, :1, 0], "conditions": FILES}, "at least 2 of each stimulus, found 1"),
        ({"rdm": STORED_RDM + np.eye(7), "conditions": FILES}, "zero on the diagonal"),
        ({"rdm": STORED_RDM[:6], "conditions": FILES}, "expected an RDM"),
        ({"rdm": np.stack([STORED_RDM] * 2), "conditions": FILES}, "expected one RDM"),
        ({"meta": np.array(["a"]), "conditions": FILES}, "expected arrays of numbers"),
        ({"features": STORED, "conditions": np.array(FILES, dtype=object)}, "conditions in .*pickled"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(net: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(net / "a.npz", **arrays)
    with pytest.raises(BadInput, match=message):
        read(net.parent)


def test_files_without_layers_are_refused(tmp_path: Path, net: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        find_given(tmp_path / "nowhere", "model RDMs")
    with pytest.raises(BadInput, match=r"no features in .*net: expected .*\.npz"):
        find_given(tmp_path, "features")
    (net / "rdms.pkl").write_bytes(b"")
    with pytest.raises(BadInput, match="found rdms.pkl .*pickles are not read"):
        find_given(tmp_path, "model RDMs")
    (net / "features_01.npy").mkdir()
    (net / "file_names.txt").write_text("a\n", encoding="utf-8")
    with pytest.raises(BadInput, match="found file_names.txt"):
        read(tmp_path)
    net.rename(tmp_path / ".hidden")
    with pytest.raises(BadInput, match="no networks in"):
        find_given(tmp_path, "model RDMs")


def test_parts_of_a_layer_must_fit_together(net: Path) -> None:
    np.save(net / "features_01.npy", STORED[:3])
    np.save(net / "features_02.npy", STORED[3:, :, :2])
    (net / "file_names.txt").write_text("\n".join(FILES), encoding="utf-8")
    with pytest.raises(BadInput, match="layer features .*as many features in each file, found 8 and 12"):
        read(net.parent)


def test_a_file_larger_than_memory_that_must_be_read_whole_is_refused(net: Path) -> None:
    np.savez_compressed(net / "a.npz", features=STORED, conditions=FILES)
    with pytest.raises(
        BadInput, match="layer a of network net, .*too large to read: expected at most 600 bytes"
    ):
        read(net.parent, memory=600)
    (net / "a.npz").unlink()
    torch.save(torch.from_numpy(STORED), net / "features.pt")
    with pytest.raises(BadInput, match="must be read whole.*compute.memory"):
        read(net.parent, memory=600)


def test_networks_and_files_are_in_natural_order(tmp_path: Path) -> None:
    for path in ("net10/a.npy", "net2/layer10.npz", "net2/layer9.npz", "net2/layers.csv", "net2/.hidden.npz"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found = find_given(tmp_path, "model RDMs")
    assert [(name, [path.name for path in files]) for name, files in found.items()] == [
        ("net2", ["layer9.npz", "layer10.npz"]),
        ("net10", ["a.npy"]),
    ]
