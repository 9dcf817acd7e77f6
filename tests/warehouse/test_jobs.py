"""Keys of jobs: the same in every release, or finished warehouses would be computed again."""

from __future__ import annotations

import hashlib
import math

import pyarrow as pa
import pytest

from alignhouse.warehouse.jobs import Job, Output, canonical


def test_a_key_is_the_hash_of_method_version_settings_and_inputs_as_canonical_json() -> None:
    job = Job("rsa", 2, {"seed": 0, "model": "Größe"}, {"model": "1f"}, "a label that does not count")
    text = '{"inputs":{"model":"1f"},"method":"rsa","settings":{"model":"Größe","seed":0},"version":2}'
    assert job.key == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_what_json_does_not_have_is_no_setting() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"level": math.nan})


def test_an_output_is_compressed_and_belongs_to_no_table_unless_it_says_so() -> None:
    output = Output(("rdms",), pa.table({"a": [1]}))
    assert (output.table, output.slot, dict(output.about), output.compress) == (None, (), {}, True)
