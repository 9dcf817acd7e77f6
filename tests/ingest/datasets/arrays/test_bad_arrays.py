"""Folders of betas that are damaged, ambiguous or hostile: one line that says what to do."""
# ruff: noqa: E501

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from lab_folders import NAMES, shown, trials, write_array, write_stimuli
from scipy.io import savemat

from alignhouse.ingest.betas.reading import open_betas
from alignhouse.ingest.datasets.arrays.data_set import ARRAYS
from alignhouse.ingest.datasets.arrays.layout import find_array_files
from alignhouse.ingest.datasets.arrays.reading import open_array_betas
from alignhouse.warehouse.errors import BadInput

SHOWN = shown()
N = len(SHOWN.stimulus)
VALUES = trials(11, N, 0)


def read(root: Path, region: str = "V1", memory: int = 10**7, **options: str) -> np.ndarray:
    regions = [each.name for each in ARRAYS.regions("all", None, root)]
    assert region in regions, regions
    for file in find_array_files(root, None, [region]):
        with open_betas(open_array_betas, replace(file, options=options), memory=memory) as betas:
            read = np.concatenate(list(betas.blocks("test")))
    return read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of two people with one region, which can be read."""
    for person in ("sub-01", "sub-02"):
        (tmp_path / person).mkdir()
        write_array(tmp_path / person, "V1", VALUES, "npy")
    write_stimuli(tmp_path / "stimuli.csv", SHOWN)
    read(tmp_path)
    return tmp_path


def symmetric(n: int) -> np.ndarray:
    half = np.triu(np.random.default_rng(0).random((n, n)), 1)
    return half + half.T


def linked(path: Path, external: bool) -> None:
    secret = path.with_name("secret.bin")
    with h5py.File(secret, "w") as file:
        file["betas"] = VALUES
    with h5py.File(path, "w") as file:
        if external:
            file["betas"] = h5py.ExternalLink(str(secret), "/betas")
        else:
            file.create_dataset("betas", (N, 11), "f4", external=[(str(secret), 0, N * 44)])


def virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((N, 11), "f4")
    layout[:] = h5py.VirtualSource(str(path.with_name("secret.bin")), "betas", (N, 11))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("betas", layout)


def table(text: str) -> Callable[[Path], object]:
    return lambda root: (root / "stimuli.csv").write_text(text)


def array(values: np.ndarray, form: str = "npy", **lists: object) -> Callable[[Path], object]:
    def write(root: Path) -> None:
        (root / "sub-01" / "V1.npy").unlink()
        write_array(root / "sub-01", "V1", values, form, **lists)  # type: ignore[arg-type]

    return write


def other_file(name: str, write: Callable[[Path], object]) -> Callable[[Path], object]:
    def swap(root: Path) -> None:
        (root / "sub-01" / "V1.npy").unlink()
        write(root / "sub-01" / name)

    return swap


ROW = "stimulus\n" + "\n".join(SHOWN.names)
SWAPPED = [SHOWN.names[1], SHOWN.names[0], *SHOWN.names[2:]]
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "transposed": (array(VALUES.T), r'expected 24 rows, .*found shape 11 x 24 .say brain\.axis = "columns"'),
    "too few rows": (array(VALUES[:20]), r"V1 in .*expected 24 rows, the stimuli of .*stimuli\.csv, found shape 20 x 11"),
    "square": (array(VALUES[:, :1] + np.ones(N)), r'which axis has the stimuli: expected brain\.axis = "rows" or'),
    "an RDM": (array(symmetric(N)), r'V1\.npy is an RDM: .*brain\.kind = "rdms"'),
    "three axes": (array(VALUES.reshape(8, 3, 11)), r"expected betas \(rows, voxels\).*found shape 8 x 3 x 11"),
    "NaN": (array(np.where(VALUES > 1, np.nan, VALUES)), "expected finite numbers, found .* NaN or infinite"),
    "complex": (array(VALUES * 1j), "which array has the betas of V1: .* found arr_0 .dtype complex"),
    "text": (array(VALUES.astype(str)), "which array has the betas of V1"),
    "objects": (array(VALUES.astype(object)), r"found arr_0 \(pickled objects\)"),
    "two arrays": (other_file("V1.npz", lambda at: np.savez(at, a=VALUES, b=VALUES)), "one array of numbers, or one called V1 or betas, found a, b"),
    "damaged": (other_file("V1.npy", lambda at: at.write_bytes(b"\x93NUMPY\x01\x00junk")), r"V1\.npy cannot be read"),
    "cut short": (lambda root: (at := root / "sub-01/V1.npy").write_bytes(at.read_bytes()[:-9]), r"declares 1,056 bytes and holds 1,047"),
    "no HDF5": (other_file("V1.h5", lambda at: at.write_bytes(b"junk")), r"V1\.h5 cannot be read: expected HDF5"),
    "no Parquet": (other_file("V1.parquet", lambda at: at.write_bytes(b"junk")), r"V1\.parquet cannot be read: expected Parquet"),
    "no MATLAB": (other_file("V1.mat", lambda at: at.write_bytes(b"junk")), r"V1\.mat cannot be read"),
    "text in CSV": (other_file("V1.csv", lambda at: at.write_text("a,b\n1,x\n" * N)), r"column . of .*V1\.csv: expected numbers"),
    "a pickle": (other_file("V1.pkl", lambda at: at.write_bytes(pickle.dumps(VALUES))), "found a pickle .pickles are not read"),
    "an external link": (other_file("V1.h5", lambda at: linked(at, external=True)), "found a link to another file"),
    "external storage": (other_file("V1.h5", lambda at: linked(at, external=False)), "found data in other files"),
    "a virtual dataset": (other_file("V1.h5", virtual), "found a virtual dataset"),
    "two files": (lambda root: np.savez(root / "sub-01/V1.npz", VALUES), r"two files of region V1 in .*V1\.np. and V1\.np."),
    "no region": (lambda root: (root / "sub-02/V1.npy").rename(root / "sub-02/IT.npy"), "sub-02 has no betas of V1 .*leave the region or the subject out"),
    "mixed layouts": (lambda root: np.savez(root / "sub-03.npz", V1=VALUES), r"mixes two layouts: .*folder sub-0. and file sub-03\.npz"),
    "no names": (lambda root: (root / "stimuli.csv").unlink(), r"nothing names the stimuli of .*V1\.npy"),
    "no column": (table("name\nx\n"), "names no stimuli: expected a column stimulus, found name"),
    "an empty name": (table(ROW.replace(SHOWN.names[2], '""', 1)), r"stimuli\.csv, row 3: expected the name"),
    "an unknown split": (table("stimulus,split\nx,validation\n"), "split of row 1: expected train or test, found 'validation'"),
    "two splits": (table("stimulus,split\nx,train\nx,test\n"), "stimulus x: expected one split"),
    "an empty table": (table("stimulus\n"), "names no stimuli: .* found none"),
    "no session": (table("stimulus,session\nx,\n"), "session of row 1: expected a name"),
    "names that differ": (array(VALUES, "npz", stimuli=SWAPPED), rf"row 1 of .*expected stimulus {SHOWN.names[0]}, as .*stimuli\.csv says, found {SHOWN.names[1]}"),
    "names twice": (array(VALUES, "npz", stimuli=SHOWN.names, conditions=SHOWN.names), "names its stimuli twice: .* stimuli and conditions"),
    "a name without region": (lambda root: (root / "regions.csv").write_text("roi,group\nV2,early\n"), "no betas of region 'V2' .did you mean V1"),
    "a region twice": (lambda root: (root / "regions.csv").write_text("roi\nV1\nV1\n"), "row 2: region V1 for the second time"),
    "a third hemisphere": (lambda root: (root / "regions.csv").write_text("roi,hemisphere\nV1,upper\n"), "hemisphere: expected left or right or both, found 'upper'"),
    "an order in words": (lambda root: (root / "regions.csv").write_text("roi,order\nV1,first\n"), "order: expected a number, found 'first'"),
    "a further column": (lambda root: (root / "regions.csv").write_text("roi,lobe\nV1,x\n"), "columns roi, group, order, hemisphere, found column lobe"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_read_is_one_line(root: Path, fault: str) -> None:
    spoil, message = BAD[fault]
    spoil(root)
    with pytest.raises(BadInput, match=message) as caught:
        read(root)
    assert "\n" not in str(caught.value)


def test_an_axis_that_is_said_wrongly_is_refused(root: Path) -> None:
    with pytest.raises(BadInput, match="expected 24 columns, .* found shape 24 x 11"):
        read(root, axis="columns")


def test_an_rdm_is_refused_whatever_the_axis(root: Path) -> None:
    np.save(root / "sub-01" / "V1.npy", symmetric(N))
    for axis in ("rows", "columns"):
        with pytest.raises(BadInput, match="is an RDM"):
            read(root, axis=axis)


def test_a_square_array_is_read_along_the_axis_that_is_said(root: Path) -> None:
    square = np.random.default_rng(0).normal(size=(N, N))
    for person in ("sub-01", "sub-02"):
        np.save(root / person / "V1.npy", square)
    rows, columns = read(root, axis="rows"), read(root, axis="columns")
    first = SHOWN.names.index(SHOWN.names[0])
    np.testing.assert_array_equal(rows[0, 0], square[first].astype(np.float32))
    np.testing.assert_array_equal(columns[0, 0], square[:, first].astype(np.float32))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("packed.npz", r"compressed and must be read whole: expected at most 1\.0 kB, .*np\.savez"),
        ("csv", r"V1\.csv must be read whole"),
        ("v5.mat", "is too large to read: expected at most 1,000 bytes"),
        ("chunked.h5", "a chunk of betas in .*too large to read"),
    ],
)
def test_what_must_be_read_whole_has_to_fit_into_the_memory(root: Path, form: str, message: str) -> None:
    for person in ("sub-01", "sub-02"):
        (root / person / "V1.npy").unlink()
        write_array(root / person, "V1", VALUES, form)
    memory = 50 if form == "chunked.h5" else 1000
    with pytest.raises(BadInput, match=message):
        read(root, memory=memory)


def test_z_scores_need_sessions(root: Path) -> None:
    (root / "stimuli.csv").write_text(ROW)
    with pytest.raises(
        BadInput, match="sessions of the betas of V1 of sub-01 .* are not known: expected a column session in"
    ):
        read(root, zscore="session")
    write_stimuli(root / "stimuli.csv", SHOWN)
    with pytest.raises(BadInput, match="means of 2 sessions .* half of the memory"):
        read(root, zscore="session", memory=500)
    text = (root / "stimuli.csv").read_text().removesuffix("1\n") + "2\n"
    (root / "stimuli.csv").write_text(text)
    with pytest.raises(
        BadInput, match="session 2 of betas of V1 of sub-01 .*expected at least 2 trials, found 1"
    ):
        read(root, zscore="session")


def test_a_split_without_stimuli_names_those_that_there_are(root: Path) -> None:
    [file, _] = find_array_files(root, None, ["V1"])
    with (
        open_betas(open_array_betas, file) as betas,
        pytest.raises(BadInput, match=r"no stimuli of split train: expected brain\.split = 'test'"),
    ):
        betas.shape("train")


def test_regions_have_the_groups_order_and_hemispheres_of_their_table(root: Path) -> None:
    for region in ("IT", "lFFA", "other"):
        for person in ("sub-01", "sub-02"):
            write_array(root / person, region, VALUES, "npy")
    (root / "regions.csv").write_text(
        "roi,group,order,hemisphere\nlFFA,late,2,left\nV1,early,1,\nIT,late,3,both\n"
    )
    found = ARRAYS.regions("all", None, root)
    assert [(each.name, each.group, each.order, each.hemisphere) for each in found] == [
        ("V1", "early", 0, "both"),
        ("lFFA", "late", 1, "left"),
        ("IT", "late", 2, "both"),
        ("other", "other", 3, "both"),
    ]
    assert [each.name for each in ARRAYS.regions(["IT", "V1"], None, root)] == ["V1", "IT"]
    with pytest.raises(BadInput, match="no betas of region 'V2' .*did you mean V1"):
        ARRAYS.regions(["V2"], None, root)
    with pytest.raises(BadInput, match="brain.path is missing"):
        ARRAYS.regions("all", None, None)


def test_people_are_chosen_by_name(root: Path) -> None:
    assert [each.subject for each in find_array_files(root, None, ["V1"], ["sub-02"])] == ["sub-02"]
    with pytest.raises(BadInput, match="no subject sub-03 .*did you mean"):
        find_array_files(root, None, ["V1"], ["sub-03"])
    with pytest.raises(BadInput, match="no subjects are selected"):
        find_array_files(root, None, ["V1"], [])


def test_an_empty_or_missing_folder_says_what_it_should_have(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no betas in .*expected folders sub-01, .*found nothing"):
        find_array_files(tmp_path, None, ["V1"])
    with pytest.raises(BadInput, match="there is no folder"):
        find_array_files(tmp_path / "none", None, ["V1"])
    (tmp_path / "sub-01").mkdir()
    with pytest.raises(BadInput, match=r"no betas in .*sub-01: expected a file for each region"):
        find_array_files(tmp_path, None, ["V1"])


def test_a_file_for_a_person_must_name_its_regions(tmp_path: Path) -> None:
    np.save(tmp_path / "sub-01.npy", VALUES)
    with pytest.raises(BadInput, match="does not name its regions: .*save a .npz, HDF5 or MATLAB file"):
        find_array_files(tmp_path, None, ["V1"])
    (tmp_path / "sub-01.npy").unlink()
    savemat(tmp_path / "sub-01.mat", {"stimuli": np.array(NAMES, dtype=object)})
    with pytest.raises(BadInput, match=r"sub-01\.mat has no betas"):
        find_array_files(tmp_path, None, ["V1"])
    np.savez(tmp_path / "sub-01.npz", V1=VALUES)
    with pytest.raises(BadInput, match="two files of sub-01"):
        find_array_files(tmp_path, None, ["V1"])
