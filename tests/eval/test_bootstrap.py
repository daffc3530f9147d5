"""The bootstrap: what it must give on numbers whose spread is known, and the same as doing it by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress import InputError
from ragcompress.training.metrics import auc
from ragcompress_eval.bench.bootstrap import Estimate, mean, pooled_auc, resample


def questions(seed: int, n: int = 30) -> tuple[list[np.ndarray], list[np.ndarray]]:
    generator = np.random.default_rng(seed)
    gold = [np.arange(8) < generator.integers(1, 4) for _ in range(n)]
    scores = [generator.integers(0, 6, 8) + 2.0 * g for g in gold]
    return scores, gold


def test_every_resample_draws_n_questions() -> None:
    counts = resample(7, seed=3, n_resamples=50)
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert (counts >= 0).all()


def test_a_seed_fixes_the_resamples_and_touches_no_global_state() -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - the state that must stay as it was
    assert np.array_equal(resample(9, seed=1), resample(9, seed=1))
    assert not np.array_equal(resample(9, seed=1), resample(9, seed=2))
    assert repr(before) == repr(np.random.get_state(legacy=False))  # noqa: NPY002


@pytest.mark.parametrize(("n", "n_resamples"), [(0, 10), (5, 0)])
def test_nothing_to_draw_is_refused(n: int, n_resamples: int) -> None:
    with pytest.raises(InputError, match="can't draw"):
        resample(n, seed=0, n_resamples=n_resamples)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(5).normal(2.0, 1.0, 400)
    estimate = mean(values, resample(len(values), seed=0, n_resamples=3000))
    low, high = estimate.interval(0.95)
    standard_error = values.std() / np.sqrt(len(values))
    assert estimate.value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * standard_error, values.mean() + 1.96 * standard_error), abs=0.01
    )


def test_the_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(11)
    hits = 0
    for trial in range(100):
        values = (generator.random(60) < 0.7).astype(np.float64)
        low, high = mean(values, resample(60, seed=trial, n_resamples=300)).interval(0.9)
        hits += low <= 0.7 <= high
    assert 0.82 <= hits / 100 <= 0.97


def test_quantiles_are_those_of_the_samples() -> None:
    assert Estimate(0.5, np.linspace(0, 1, 101)).interval(0.9) == pytest.approx((0.05, 0.95))


def test_a_wider_level_gives_a_wider_interval() -> None:
    estimate = mean(np.arange(20.0), resample(20, seed=0))
    narrow, wide = estimate.interval(0.5), estimate.interval(0.99)
    assert wide[0] < narrow[0] <= estimate.value <= narrow[1] < wide[1]


def test_values_that_are_all_the_same_leave_no_doubt() -> None:
    assert mean(np.full(12, 0.25), resample(12, seed=0)).interval() == pytest.approx((0.25, 0.25))


def test_pairing_cancels_what_both_have_in_common() -> None:
    hard = np.random.default_rng(2).random(200)
    counts = resample(200, seed=0)
    one, other = mean(hard + 0.05, counts), mean(hard, counts)
    low, high = one.minus(other).interval()
    assert one.minus(other).value == pytest.approx(0.05)
    assert (low, high) == pytest.approx((0.05, 0.05))
    assert one.interval()[0] < other.interval()[1], "unpaired, the two can't be told apart"


def test_resampled_auc_equals_the_auc_of_the_questions_drawn() -> None:
    scores, gold = questions(4)
    counts = resample(len(scores), seed=9, n_resamples=25)
    estimate = pooled_auc(scores, gold, counts)
    assert estimate.value == pytest.approx(auc(np.concatenate(scores), np.concatenate(gold)))
    for drawn, value in zip(counts, estimate.samples, strict=True):
        which = np.repeat(np.arange(len(scores)), drawn)
        by_hand = auc(np.concatenate([scores[i] for i in which]), np.concatenate([gold[i] for i in which]))
        assert value == pytest.approx(by_hand)


def test_resamples_without_one_kind_are_left_out() -> None:
    scores = [np.array([1.0, 2.0]), np.array([0.0])]
    gold = [np.array([True, True]), np.array([False])]
    counts = np.array([[2, 0], [1, 1], [0, 2]])
    assert pooled_auc(scores, gold, counts).samples.tolist() == [1.0]


def test_auc_of_gold_alone_is_refused() -> None:
    with pytest.raises(InputError, match="both kinds"):
        pooled_auc([np.array([1.0])], [np.array([True])], resample(1, seed=0))
