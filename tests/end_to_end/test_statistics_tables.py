"""Stored intervals, layer choices, corrections and complexity equal those computed from the stored RDMs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from mini_study import ONE_PROTOCOL, SCORE
from network_alone import choose_on_halves, choose_on_train
from scipy.stats import false_discovery_control

from alignhouse.analysis.statistics.bootstrap import BootstrapScores, bootstrap_scores, difference_scores
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.artifacts import read_metadata
from alignhouse.warehouse.vectors import read_vectors

REGIONS = ("V1", "EBA")
# Of intervals: three methods over stimuli, three over subjects, three over both.
N_KINDS = 9
UNCERTAIN = ("score_interval", "layer_choice", "layer_vote", "difference_interval", "complexity")


@pytest.fixture(scope="module")
def done(run_once: Callable[..., Any]) -> Any:
    """A finished study that tests only read."""
    return run_once(("permutations = 50", "permutations = 50\nbootstraps = 40\nhalvings = 5\nseed = 3"))


def rows(study: Any, query: str) -> pl.DataFrame:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql(query).pl()


def stored(study: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Network -> names and RDMs of its layers; region -> RDMs of its subjects."""
    models, brain = {}, {}
    for file in (study.warehouse / "rdms" / "kind=model").rglob("*.parquet"):
        names, rdms = read_vectors(file, "rdm")
        models[file.parent.name.removeprefix("model=")] = (names["layer"].to_list(), rdms)
    for roi in REGIONS:
        [file] = (study.warehouse / "rdms" / "kind=brain").rglob(f"roi={roi}/*.parquet")
        brain[roi] = read_vectors(file, "rdm")[1]
    return models, brain


def bootstrapped(study: Any) -> dict[str, dict[str, BootstrapScores]]:
    models, brain = stored(study)
    return {
        name: bootstrap_scores(rdms, brain, draws=40, seed=3, precision="float32")
        for name, (_, rdms) in models.items()
    }


def test_intervals_of_layers_and_of_the_best(done: Any) -> None:
    found = rows(done, "from score_interval where protocol = 'sound'")
    assert (
        len(found) == 3 * 2 * (4 + 1) * N_KINDS
    )  # networks, regions, layers and the best, kinds of interval
    assert found.select("draws", "seed", "level").unique().rows() == [(40, 3, 0.95)]
    models, _ = stored(done)
    for name, regions in bootstrapped(done).items():
        for roi, scores in regions.items():
            best = [models[name][0][int(scores.observed.argmax())]]
            for test, record, layers in (
                ("layer", scores, models[name][0]),
                ("best_layer", scores.best_layer(), best),
            ):
                for (resampled, method), interval in intervals_of(record).items():
                    ours = found.filter(model=name, roi=roi, test=test, resampled=resampled, method=method)
                    assert ours["layer"].to_list() == layers
                    np.testing.assert_allclose(ours["statistic"], record.observed, atol=1e-12)
                    np.testing.assert_allclose(ours["lower"], interval.lower, atol=1e-6)
                    np.testing.assert_allclose(ours["upper"], interval.upper, atol=1e-6)


def test_statistics_of_intervals_are_the_scores(done: Any) -> None:
    both = rows(
        done,
        "select i.statistic, s.rho from score_interval as i inner join layer_score as s"
        " using (protocol, dataset, split, model, layer, roi)",
    )
    assert len(both) == 2 * 3 * 2 * 5 * N_KINDS
    np.testing.assert_allclose(both["statistic"], both["rho"], atol=1e-12)


def test_differences_between_networks(done: Any) -> None:
    found = rows(done, "from difference_interval where group_by = 'model' and protocol = 'paper'")
    assert len(found) == 3 * 2 * N_KINDS  # pairs of networks, regions, kinds of interval
    of_network = bootstrapped(done)
    for row in found.iter_rows(named=True):
        a, b = (of_network[row[group]][row["roi"]].best_layer() for group in ("group_a", "group_b"))
        interval = intervals_of(difference_scores(a, b))[row["resampled"], row["method"]]
        assert (row["n_a"], row["n_b"]) == (1, 1)
        assert row["statistic"] == pytest.approx((a.observed - b.observed).item(), abs=1e-12)
        assert (row["lower"], row["upper"]) == pytest.approx(
            (interval.lower.item(), interval.upper.item()), abs=1e-6
        )


def test_groups_have_intervals_of_their_own_and_of_their_differences(done: Any) -> None:
    found = rows(done, "from difference_interval where group_by = 'arch_type' and protocol = 'sound'")
    tested = rows(done, "from group_comparison where group_by = 'arch_type' and protocol = 'sound'")
    key = ["roi", "group_a", "group_b", "n_a", "n_b"]
    assert sorted(found.select(key).unique().rows(), key=str) == sorted(tested.select(key).rows(), key=str)
    both = found.join(tested, on=key, nulls_equal=True)
    assert len(both) == len(found) == N_KINDS * len(tested)
    np.testing.assert_allclose(both["statistic"], both["statistic_right"], atol=1e-12)


def test_layers_chosen_on_halves_and_their_votes(done: Any) -> None:
    found = rows(done, "from layer_choice where protocol = 'sound'")
    votes = rows(done, "from layer_vote where protocol = 'sound'")
    models, brain = stored(done)
    assert len(found) == 3 * 2
    for name, (layers, rdms) in models.items():
        for roi, choice in choose_on_halves(rdms, brain, halvings=5, seed=3).items():
            row = found.row(by_predicate=(pl.col("model") == name) & (pl.col("roi") == roi), named=True)
            assert (row["chosen_on"], row["choices"]) == ("halves", 10)
            assert row["rho"] == pytest.approx(choice.score, abs=1e-6)
            assert row["layer"] == layers[choice.layer]
            assert row["votes"] == pytest.approx(choice.votes.max())
            of_layers = votes.filter(model=name, roi=roi)
            assert dict(of_layers.select("layer", "votes").iter_rows()) == pytest.approx(
                dict(zip(layers, choice.votes.tolist(), strict=True))
            )
    highest = rows(done, "select model, roi, layer, rho from best_layer where protocol = 'sound'")
    joined = found.join(highest, on=["model", "roi"], suffix="_plain")
    assert joined["highest_layer"].to_list() == joined["layer_plain"].to_list()
    np.testing.assert_allclose(joined["highest_rho"], joined["rho_plain"], atol=1e-12)


def test_all_best_layers_are_one_family_of_tests(done: Any) -> None:
    found = rows(done, "from corrected_significance where protocol = 'sound'")
    tested = rows(done, "from significance where protocol = 'sound' and test = 'best_layer'")
    assert (len(found), found["n_tests"].unique().to_list()) == (3 * 6, [6])
    expected = dict(
        zip(
            tested.select("model", "roi").iter_rows(),
            false_discovery_control(tested["p_value"].to_numpy()),
            strict=True,
        )
    )
    controlled = found.filter(correction="benjamini_hochberg")
    assert {
        (model, roi): p for model, roi, p in controlled.select("model", "roi", "p_adjusted").iter_rows()
    } == pytest.approx(expected)
    nulls = []
    for file in (done.warehouse / "nulls" / "protocol=sound").rglob("*.parquet"):
        names, null = read_vectors(file, "null")
        layers = names.with_row_index().filter(test="layer")
        for roi in REGIONS:
            nulls.append(null[layers.filter(roi=roi)["index"].to_numpy()].max(axis=0))
            [stored_best] = null[
                names.with_row_index().filter(test="best_layer", roi=roi)["index"].to_numpy()
            ]
            np.testing.assert_array_equal(stored_best, nulls[-1])
    highest = np.max(nulls, axis=0)
    for row in found.filter(correction="max_statistic").iter_rows(named=True):
        count = np.count_nonzero(highest >= row["statistic"] - 1e-7)
        assert row["p_adjusted"] == pytest.approx((1 + count) / 51)


def test_complexity_counts_networks_without_figures(done: Any) -> None:
    found = rows(done, "from complexity where protocol = 'sound' and roi = 'V1'")
    assert len(found) == 3 * 2 * 2
    plain = found.filter(given="", figure="parameters", method="pearson").row(0, named=True)
    assert (plain["n_networks"], plain["n_left_out"], plain["correlation"]) == (2, 1, None)


def test_a_run_of_only_rsa_skips_intervals_and_its_jobs_are_not_repeated(
    copy_finished: Callable[..., Any],
) -> None:
    study = copy_finished(arguments=SCORE)
    for table in UNCERTAIN:
        assert rows(study, f"from {table}").is_empty()
    assert len(rows(study, "from corrected_significance")) > 0
    more = study.alignhouse("analyse", "uncertainty", "study.toml")
    assert more.returncode == 0, more.stderr
    assert "Scoring networks" not in more.stderr or "Bootstrapping networks" in more.stderr
    for table in UNCERTAIN:
        assert not rows(study, f"from {table}").is_empty()
    assert "Nothing to do" in study.alignhouse("analyse", "uncertainty", "study.toml").stdout


def test_what_is_not_wanted_is_left_out(study: Any) -> None:
    # Without resamples.
    study.change(*ONE_PROTOCOL)
    assert study.run().returncode == 0
    for table in UNCERTAIN:
        assert rows(study, f"from {table}").is_empty()


def test_one_subject_is_not_resampled(full_study: Any) -> None:
    study = full_study
    study.change("synthetic = true", 'synthetic = true\nsubjects = ["sub-02"]')
    study.change("permutations = 50", "permutations = 50\nbootstraps = 20\nhalvings = 2")
    study.change(*ONE_PROTOCOL)
    assert study.run().returncode == 0
    for table in ("score_interval", "difference_interval"):
        assert rows(study, f"select distinct resampled from {table}").rows() == [("stimuli",)]


def test_layers_are_chosen_on_train_where_the_study_has_both_splits(full_study: Any) -> None:
    study = full_study
    from PIL import Image

    for number in range(5):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(study.folder / "stimuli" / f"{1 + number:04d}.png")
    study.change('dataset = "mini"', 'dataset = "mini"\nsplit = "all"')
    study.change('rdms = "models"', 'rdms = "models"\nconditions = "stimulus_order"')
    study.change("permutations = 50", "permutations = 50\nbootstraps = 0\ncompare_networks = false")
    study.change(*ONE_PROTOCOL)
    rng = np.random.default_rng(0)
    for network in ("AlexNet", "vit_base_patch16_224", "my_own"):
        layers = {f"layer{i}": rng.random(17 * 16 // 2) for i in range(4)}
        np.savez(study.folder / "models" / network / "rdms.npz", **layers)
    run = study.run()
    assert run.returncode == 0, run.stderr
    models, brain = stored(study)
    [file] = (study.warehouse / "rdms" / "kind=brain").rglob("roi=V1/*.parquet")
    splits = dict(rows(study, "select stimulus, split from stimulus").iter_rows())
    is_train = [splits[name] == "train" for name in read_metadata(file)["about"]["conditions"]]
    assert sum(is_train) == 5
    found = rows(study, "from layer_choice where protocol = 'sound'")
    for row in found.iter_rows(named=True):
        layers, rdms = models[row["model"]]
        expected = choose_on_train(rdms, {row["roi"]: brain[row["roi"]]}, is_train)[row["roi"]]
        assert (row["chosen_on"], row["choices"], row["votes"]) == ("train", 1, 1)
        assert row["layer"] == layers[expected.layer]
        assert row["rho"] == pytest.approx(expected.score, abs=1e-6)
