"""Only the folder of a data set contains its file names, region names and numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from imported_modules import imported_modules

from alignhouse.ingest.datasets.dataset import data_set, known_kinds, other_data_sets
from alignhouse.warehouse.errors import BadInput

ROOT = Path(__file__).parents[3]
# Ready model RDMs are checked as ready brain RDMs are.
FORMATS = ("alignhouse.ingest.datasets.rdms.arrays",)


@pytest.mark.parametrize("kind", known_kinds())
def test_no_other_module_imports_what_is_particular_to_a_data_set(kind: str) -> None:
    own = ROOT / "ingest" / "datasets" / kind
    files = [
        path
        for room in ("alignhouse", "analysis", "ingest", "warehouse")
        for path in (ROOT / room).rglob("*.py")
        if own not in path.parents
    ]
    assert len(files) > 100
    faults = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_modules(path)
        if module.startswith(f"alignhouse.ingest.datasets.{kind}.") and not module.startswith(FORMATS)
    ]
    assert not faults


def test_betas_and_stimuli_know_no_data_set() -> None:
    for folder in ("betas", "stimuli"):
        for path in (ROOT / "ingest" / folder).glob("*.py"):
            assert not [
                each for each in imported_modules(path) if each.startswith("alignhouse.ingest.datasets")
            ], path


def test_an_unknown_kind_lists_close_ones() -> None:
    with pytest.raises(BadInput, match=r"no kind of data set is called 'bdm' \(did you mean bmd"):
        data_set("bdm")


def test_a_data_set_gives_either_betas_or_rdms() -> None:
    for kind in known_kinds():
        known = data_set(kind)
        assert known.kind == kind
        assert (known.betas is None) != (known.rdms is None)
        assert known.default_split in known.splits
        assert known.default_version is None or known.default_version in known.versions
        assert kind not in [each.kind for each in other_data_sets(kind)]
