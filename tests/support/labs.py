"""Small studies of labs that share brains and stimuli: networks, their scores, and comparisons of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from small_batches import batch_of

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.tables import rows_output

SUBJECTS = ("s1", "s2")
LAYERS = ("l0", "l1")
STIMULI = {"test": ("1001", "1002"), "train": ("2001", "2002")}
SCOPE = ("protocol", "dataset", "split")


@dataclass(frozen=True)
class Lab:
    """What a lab studies; labs with equal fields make equal jobs.

    brain : hash of the brain data. gflops : of every network. stimuli : hash of every stimulus.
    """

    networks: tuple[str, ...]
    split: str = "test"
    seed: int = 0
    brain: str = "b0"
    stimuli: str = "f0"
    gflops: float = 1.0
    null: str = "rows"
    grouped: tuple[str, ...] = ("model_type",)

    def batches(self) -> list[Batch]:
        """All jobs of the study, inputs first."""
        of_region = {"dataset": "d", "split": self.split, "roi": "V1"}
        brain = self._job("brain_rdm", of_region, {"raw": self.brain})
        batches = [
            batch_of(brain, _vectors("brain", hash_of(self.brain))),
            self._data_set(),
            self._stimuli(),
            self._one_row("protocol", {"protocol": "sound", "settings": f'{{"null":"{self.null}"}}'}),
            batch_of(
                self._job("noise_ceiling", self._scope(), {"V1": name_of(brain)}),
                self._facts("noise_ceiling", ("roi",), roi=["V1"], lower=[0.1], upper=[0.9], n_subjects=[2]),
            ),
        ]
        scores = {}
        for network in self.networks:
            scored, more = self._network(network, name_of(brain))
            scores[network] = scored.key
            batches += more
        return batches + [self._comparison(kind, scores) for kind in self.grouped]

    def _data_set(self) -> Batch:
        job = self._job("dataset", {"dataset": "d", "subjects": list(SUBJECTS)}, {})
        return batch_of(
            job,
            rows_output(
                "dataset",
                {"dataset": ["d"], "kind": ["rdms"], "is_synthetic": [True], "remark": ["made up"]},
                ("dataset",),
            ),
            rows_output(
                "subject",
                {"dataset": ["d"] * 2, "subject": SUBJECTS, "subject_order": [0, 1]},
                ("dataset", "subject"),
            ),
            rows_output(
                "roi",
                {"dataset": ["d"], "roi": ["V1"], "roi_group": ["early"], "roi_order": [0]},
                ("dataset", "roi"),
            ),
        )

    def _stimuli(self) -> Batch:
        names = STIMULI[self.split]
        rows: dict[str, Any] = {
            "dataset": "d", "split": self.split, "media": "image", "sha256": self.stimuli, "bytes": 1,
            "frames": 1, "width": 1, "height": 1,
        }  # fmt: skip
        columns = {name: [value] * len(names) for name, value in rows.items()}
        own = {"stimulus": names, "file_name": names, "stimulus_order": range(len(names))}
        job = self._job("stimuli", {"dataset": "d", "split": self.split}, dict.fromkeys(names, self.stimuli))
        return batch_of(job, rows_output("stimulus", {**columns, **own}, ("dataset", "split")))

    def _network(self, network: str, brain: str) -> tuple[Job, list[Batch]]:
        inputs = dict.fromkeys(STIMULI[self.split], self.stimuli)
        extraction = self._job("extraction", {"model": network}, inputs)
        facts = {
            "model": network, "network": network, "source": "timm", "model_type": "image",
            "arch_type": "CNNs", "family": "F", "training_dataset": "T", "gflops": self.gflops,
            "weights": "pretrained", "remark": "",
        }  # fmt: skip
        layers = {
            "protocol": ["sound"] * 2, "model": [network] * 2, "layer": LAYERS, "layer_index": [0, 1],
            "depth": [0.0, 1.0],
        }  # fmt: skip
        described = rows_output("layer", layers, ("protocol", "model"))
        scored = self._job(
            "rsa",
            {**self._scope(), "model": network, "remark": "made up", "seed": self.seed},
            {
                "model": name_of(extraction),
                "brain/V1": brain,
                # Other inputs that each network has of its own.
                "best": f"{hash_of(network, 'best')}",
                "order/frozen": f"{hash_of(network, 'frozen')}",
            },
        )
        rho = np.random.default_rng(hash_of(network, self.split, self.brain)).random((2, 2)).round(3)
        chance = np.random.default_rng(hash_of(network, self.seed)).integers(1, 100, 3) / 100
        best = int(rho.mean(axis=1).argmax())
        return scored, [
            batch_of(extraction, _vectors("model", hash_of(network))),
            self._one_row("model", facts),
            batch_of(self._job("layers", {"model": network}, {}), described),
            batch_of(
                scored,
                self._facts(
                    "alignment", ("model", "roi"), model=[network] * 4, roi=["V1"] * 4, rho=rho.ravel(),
                    layer=np.repeat(LAYERS, 2), subject=SUBJECTS * 2,
                ),
                self._facts(
                    "significance", ("model", "roi"), model=[network] * 3, roi=["V1"] * 3,
                    layer=[*LAYERS, LAYERS[best]], test=["layer", "layer", "best_layer"],
                    statistic=rho.mean(axis=1)[[0, 1, best]], p_value=chance, permutations=[99] * 3,
                    seed=[self.seed] * 3,
                ),
                _vectors("null", hash_of(network, self.seed)),
            ),
        ]  # fmt: skip

    def _comparison(self, group_by: str, scores: dict[str, str]) -> Batch:
        settings = {**self._scope(), "group_by": group_by, "labels": dict.fromkeys(scores, "image")}
        return batch_of(
            self._job("group_comparison", {**settings, "seed": self.seed}, scores),
            self._facts(
                "group_comparison", ("roi", "group_by"), roi=["V1"], group_by=[group_by], group_a=["image"],
                n_a=[len(scores)], statistic=[0.1], p_value=[0.5], correction=["holm"], permutations=[99],
                seed=[self.seed],
            ),
        )  # fmt: skip

    def _scope(self) -> dict[str, str]:
        return {"protocol": "sound", "dataset": "d", "split": self.split}

    def _facts(self, table: str, slot: tuple[str, ...], **columns: Sequence[Any] | np.ndarray) -> Output:
        count = len(next(iter(columns.values())))
        scope = {name: [value] * count for name, value in self._scope().items()}
        return rows_output(table, {**scope, **columns, "remark": ["made up"] * count}, (*SCOPE, *slot))

    def _one_row(self, table: str, row: dict[str, Any]) -> Batch:
        output = rows_output(table, {name: [value] for name, value in row.items()}, (table,))
        return batch_of(self._job(table, row, {}), output)

    def _job(self, method: str, settings: dict[str, Any], inputs: dict[str, str]) -> Job:
        return Job(method, 1, settings, inputs, method)


def name_of(job: Job, position: int = 0) -> str:
    """The name of a job's artifact."""
    return f"{job.key[:20]}-{position}"


def hash_of(*parts: object) -> int:
    """A number that is the same in every process."""
    return int.from_bytes("/".join(map(str, parts)).encode()[-7:], "big")


def _vectors(kind: str, seed: int) -> Output:
    return Output(("rdms", f"kind={kind}"), pa.table({"name": ["a"], "value": [float(seed)]}))
