"""The runner: scored once, compressed to every ratio, summed up as defined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from ragcompress import RagCompressError, Scores, Segmentation
from ragcompress.errors import ModelError
from ragcompress.proxy.base import Progress
from ragcompress.scorers import make
from ragcompress_eval.data import Example, read
from ragcompress_eval.evidence import Run, estimates, run, summarise
from ragcompress_eval.metrics import auc

SAMPLE = Path(__file__).parent.parent / "data" / "questions.jsonl"


def words(text: str) -> int:
    return len(text.split()) + text.count("。")


class Oracle:
    """Knows the evidence; counts how often it is asked."""

    name: ClassVar[str] = "oracle"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, examples: tuple[Example, ...], sign: float = 1.0) -> None:
        self.gold = {e.question: e.gold for e in examples}
        self.sign = sign
        self.calls: list[str] = []

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        self.calls.append(question)
        values = np.zeros(len(segmentation.sentences))
        values[list(self.gold[question])] = self.sign
        return Scores(values, self.name)


class Failing:
    name: ClassVar[str] = "failing"
    needs_proxy: ClassVar[bool] = False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        raise ModelError("out of ideas")


@pytest.fixture
def examples() -> tuple[Example, ...]:
    return read([SAMPLE])[0].examples


def test_an_oracle_keeps_everything_and_its_opposite_nothing(examples: tuple[Example, ...]) -> None:
    oracle, liar = Oracle(examples), Oracle(examples, -1.0)
    runs = run(examples, {"oracle": oracle, "liar": liar}, [0.3, 0.5], counter=words)
    results = {(r["dataset"], r["scorer"], r["ratio"]): r for r in summarise(runs, seed=0)}
    assert len(results) == 3 * 2 * 2
    for dataset in ("fable", "open"):
        best, worst = results[dataset, "oracle", 0.5], results[dataset, "liar", 0.3]
        assert (best["evidence_recall"], best["evidence_all"], best["auc"]) == (1.0, 1.0, 1.0)
        assert (worst["evidence_recall"], worst["evidence_all"], worst["auc"]) == (0.0, 0.0, 0.0)
        assert worst["versus"]["scorer"] == "oracle"
        assert worst["versus"]["auc"] == {"difference": -1.0, "ci": [-1.0, -1.0]}
    assert "versus" not in results["fable", "oracle", 0.3]


def test_each_question_is_scored_once_whatever_the_ratios(examples: tuple[Example, ...]) -> None:
    oracle = Oracle(examples)
    seen: list[tuple[int, int]] = []
    run(examples, {"oracle": oracle}, [0.2, 0.5, 1.0], counter=words, progress=lambda *now: seen.append(now))
    assert oracle.calls == [e.question for e in examples]
    assert seen == [(n, 10) for n in range(1, 11)]


def test_questions_without_evidence_count_for_the_answer_only(examples: tuple[Example, ...]) -> None:
    (result,) = summarise(run(examples[4:6], {"lead": make("lead")}, [0.5], counter=words), seed=0)
    assert (result["n"], result["n_evidence"], result["n_answers"]) == (2, 1, 2)
    (nothing,) = summarise(run(examples[5:6], {"lead": make("lead")}, [0.5], counter=words), seed=0)
    assert [nothing[m] for m in ("evidence_recall", "evidence_all", "auc")] == [None, None, None]
    assert nothing["answer_kept"] == 0.0
    assert set(nothing["ci"]) == {"answer_kept"}


def test_the_ratio_is_the_one_really_kept(examples: tuple[Example, ...]) -> None:
    results = summarise(run(examples, {"bm25": make("bm25")}, [0.25, 1.0], counter=words), seed=0)
    for result in results:
        assert result["ratio_kept"] <= result["ratio"]
        assert result["seconds"] > 0
        if result["ratio"] == 1.0:
            assert result["ratio_kept"] == 1.0
            assert result["evidence_all"] == 1.0


def test_a_question_of_which_nothing_fits_keeps_nothing(examples: tuple[Example, ...]) -> None:
    (result,) = summarise(run(examples[:1], {"bm25": make("bm25")}, [0.01], counter=words), seed=0)
    assert (result["n_nothing_fits"], result["evidence_recall"], result["ratio_kept"]) == (1, 0.0, 0.0)


def test_auc_is_pooled_over_the_questions_with_evidence(examples: tuple[Example, ...]) -> None:
    fables = examples[:6]
    (one,) = run(fables, {"bm25": make("bm25")}, [0.5], counter=words)
    values, gold = [], []
    for example, scores in zip(one.examples, one.scores, strict=True):
        if example.gold:
            values.append(scores.values)
            gold.append(np.isin(np.arange(len(scores.values)), example.gold))
    expected = auc(np.concatenate(values), np.concatenate(gold))
    assert estimates(one, 0.5, seed=0)["auc"].value == pytest.approx(expected)


def test_where_everything_is_evidence_there_is_no_auc(examples: tuple[Example, ...]) -> None:
    first = examples[0]
    every = tuple(range(len(first.segmentation.sentences)))
    all_gold = Example("x", "x", first.question, first.answers, first.segmentation, every)
    (result,) = summarise(run([all_gold], {"lead": make("lead")}, [0.5], counter=words), seed=0)
    assert result["auc"] is None
    assert 0 < result["evidence_recall"] < 1


def test_same_seed_same_summary(examples: tuple[Example, ...]) -> None:
    def summary(seed: int) -> list[dict[str, object]]:
        runs = run(examples, {"bm25": make("bm25"), "lead": make("lead")}, [0.4], counter=words)
        return [{k: v for k, v in r.items() if k != "seconds"} for r in summarise(runs, seed=seed)]

    assert summary(1) == summary(1)
    assert summary(1) != summary(2)
    json.dumps(summary(1), allow_nan=False)


def test_a_failure_says_where(examples: tuple[Example, ...]) -> None:
    with pytest.raises(RagCompressError, match="scorer 'failing', question 'fable-1': out of ideas"):
        run(examples, {"failing": Failing()}, [0.5], counter=words)


def test_nothing_in_nothing_out() -> None:
    runs: list[Run] = run([], {"lead": make("lead")}, [0.5], counter=words)
    assert runs == []
    assert summarise(runs, seed=0) == []
