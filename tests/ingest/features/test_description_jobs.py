"""Rows that describe networks."""

from __future__ import annotations

from alignhouse.ingest.features.description_jobs import model_batch
from alignhouse.ingest.models.catalog import catalog


def test_an_untrained_network_has_no_accuracy_and_no_training_set() -> None:
    network = catalog()["AlexNet"]
    rows = {
        weights: model_batch("name", network, weights, "").jobs[0].settings
        for weights in ("pretrained", "random")
    }
    trained, untrained = rows["pretrained"], rows["random"]
    assert (trained["top1"], trained["training_dataset"]) == (network.top1, "ImageNet-1k")
    assert (untrained["top1"], untrained["training_dataset"]) == (None, "none")
    differing = {key for key in trained if trained[key] != untrained[key]}
    assert differing == {"top1", "training_dataset", "weights"}


def test_the_key_of_a_trained_network_is_that_of_earlier_versions() -> None:
    [job] = model_batch("AlexNet", catalog()["AlexNet"], "pretrained", "").jobs
    assert job.key == "25425e0e754e338a31043ae77d7919ff20419fa074ca0d7f5ca9dc85d66e5ebf"
