"""Rows that describe networks."""

from __future__ import annotations

from alignhouse.ingest.features.description_jobs import model_batch
from alignhouse.ingest.models.catalog import catalog


def test_an_untrained_network_has_no_accuracy_and_no_training() -> None:
    network = catalog()["AlexNet"]
    rows = {
        weights: model_batch("name", network, weights, "").jobs[0].settings
        for weights in ("pretrained", "random")
    }
    trained, untrained = rows["pretrained"], rows["random"]
    facts = ("top1", "training_dataset", "objective")
    assert [trained[fact] for fact in facts] == [network.top1, "ImageNet-1k", "supervised"]
    assert [untrained[fact] for fact in facts] == [None, "none", "none"]
    differing = {key for key in trained if trained[key] != untrained[key]}
    assert differing == {*facts, "weights"}


def test_the_key_of_a_networks_row_changes_only_with_its_facts() -> None:
    [job] = model_batch("AlexNet", catalog()["AlexNet"], "pretrained", "").jobs
    assert job.key == "42caccc1a698bffea094c5e794c9baa1e11a80a5c0c1abdac1c935925dbfd5ca"
