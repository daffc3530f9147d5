"""Metrics against numbers worked out by hand, and against slow, obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragcompress import InputError
from ragcompress.training.metrics import auc, holds_answer, normalize
from ragcompress_eval.bench.metrics import pair_wins, recall, survival, words

# Few distinct values, so that ties are common.
RANKED = st.lists(st.tuples(st.integers(-2, 2), st.booleans()), min_size=1, max_size=12)


def slow_auc(scores: np.ndarray, gold: np.ndarray) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[gold] for b in scores[~gold]]
    return float(np.mean(pairs))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Corvo-Prize,\n1987!", "the corvoprize 1987"),
        ("$5 + 3% = `x`", "5 3 x"),
        ("它由林白露（Lin）设计。", "它由林白露lin设计"),
        ("«Ça va?» — Élan…", "ça va élan"),
        ("?!", ""),
    ],
)
def test_normalize(text: str, expected: str) -> None:
    assert normalize(text) == expected


@given(st.text(max_size=40))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


def test_an_answer_may_stand_anywhere() -> None:
    assert holds_answer("opened in 1931 to walkers", ["1930", "in 1931"])
    assert not holds_answer("opened in 1931", ["1932"])
    assert not holds_answer("opened in 1931", [""])
    assert not holds_answer("opened in 1931", [])


@pytest.mark.parametrize(
    ("gold", "kept", "expected"),
    [((1, 4), (4, 7), 0.5), ((1,), (), 0.0), ((1, 4), (0, 1, 2, 3, 4), 1.0), ((2, 5, 9), (5,), 1 / 3)],
)
def test_recall(gold: tuple[int, ...], kept: tuple[int, ...], expected: float) -> None:
    assert recall(gold, kept) == pytest.approx(expected)


def test_recall_without_gold_is_no_number() -> None:
    with pytest.raises(InputError, match="gold"):
        recall((), (1, 2))


@pytest.mark.parametrize(
    ("scores", "gold", "expected"),
    [
        ([0.9, 0.8, 0.1], [True, False, False], 1.0),
        ([0.1, 0.8, 0.9], [True, False, False], 0.0),
        ([0.5, 0.5, 0.5, 0.5], [True, False, True, False], 0.5),
        # Pairs: 3>2, 3>1, 2=2, 2>1, that is 3.5 of 4.
        ([3.0, 2.0, 2.0, 1.0], [True, True, False, False], 0.875),
    ],
)
def test_auc(scores: list[float], gold: list[bool], expected: float) -> None:
    assert auc(np.array(scores), np.array(gold)) == pytest.approx(expected)


@pytest.mark.parametrize("gold", [[True, True], [False, False]])
def test_auc_needs_both_kinds(gold: list[bool]) -> None:
    with pytest.raises(InputError, match="both kinds"):
        auc(np.array([1.0, 2.0]), np.array(gold))


@settings(deadline=None, max_examples=50)
@given(RANKED)
def test_auc_equals_counting_pairs(ranked: list[tuple[int, bool]]) -> None:
    scores = np.array([s for s, _ in ranked], dtype=np.float64)
    gold = np.array([g for _, g in ranked])
    if gold.any() and not gold.all():
        assert auc(scores, gold) == pytest.approx(slow_auc(scores, gold))


@settings(deadline=None, max_examples=50)
@given(st.lists(RANKED, min_size=1, max_size=5))
def test_pair_wins_add_up_to_the_pooled_auc(questions: list[list[tuple[int, bool]]]) -> None:
    scores = [np.array([s for s, _ in q], dtype=np.float64) for q in questions]
    gold = [np.array([g for _, g in q]) for q in questions]
    together, labels = np.concatenate(scores), np.concatenate(gold)
    wins = pair_wins(scores, gold)
    for i, (s, g) in enumerate(zip(scores, gold, strict=True)):
        for j, (t, h) in enumerate(zip(scores, gold, strict=True)):
            assert wins[i, j] == sum((a > b) + 0.5 * (a == b) for a in s[g] for b in t[~h])
    if labels.any() and not labels.all():
        pairs = labels.sum() * (~labels).sum()
        assert wins.sum() / pairs == pytest.approx(auc(together, labels))


def test_pair_wins_of_no_questions() -> None:
    assert pair_wins([], []).shape == (0, 0)


def slow_survival(sentence: list[str], text: list[str]) -> float:
    """The definition, word for word."""

    def common(a: list[str], b: list[str]) -> int:
        table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
        return table[-1][-1]

    stretches = [text[i : i + len(sentence)] for i in range(len(text))]
    return max((common(sentence, s) for s in stretches), default=0) / len(sentence) if sentence else 1.0


TOKENS = st.lists(st.sampled_from("abcde"), max_size=12)


@given(sentence=TOKENS, text=TOKENS)
def test_survival_is_what_it_says(sentence: list[str], text: list[str]) -> None:
    assert survival(sentence, text) == slow_survival(sentence, text)


def test_survival_of_whole_dropped_and_scattered_sentences() -> None:
    sentence = words("The lamp, was lit at dusk.")
    assert survival(sentence, words("before. the LAMP was lit at dusk, after")) == 1.0
    assert survival(sentence, words("before lamp lit dusk after all of it")) == 0.5
    assert survival(sentence, words("lamp one two three four five six lit")) == pytest.approx(1 / 6)
    assert words("灯亮了。ok") == ["灯", "亮", "了", "ok"]
