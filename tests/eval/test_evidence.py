"""The runner: scored once, compressed to every ratio, summed up as defined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ragcompress import Budget, Document, InputError, RagCompressError, Scores, Segmentation, segment
from ragcompress.data import Progress
from ragcompress.errors import ModelError
from ragcompress.scorers import make
from ragcompress.training.examples import Example, read_files
from ragcompress.training.metrics import auc
from ragcompress_eval.bench.journal import Journal
from ragcompress_eval.bench.methods import Method, Target, compress_once, ours
from ragcompress_eval.bench.runner import measure_all, rows_of
from ragcompress_eval.bench.study import Row, Study
from ragcompress_eval.bench.summary import means_of_sets
from ragcompress_eval.bench.summary import summarize as summarize_study
from ragcompress_eval.quality.evidence import study

SAMPLE = Path(__file__).parent.parent / "data" / "questions.jsonl"


@dataclass(frozen=True)
class Done:
    """A study that was carried out."""

    study: Study
    examples: Sequence[Example]
    rows: dict[str, list[Row | None]]


def run(
    examples: Sequence[Example],
    methods: dict[str, Method],
    ratios: Sequence[float],
    *,
    recalls: Sequence[float] = (),
    **options: Any,
) -> Done:
    made = study(methods, [*(Budget(ratio=r) for r in ratios), *(Budget(recall=r) for r in recalls)])
    return Done(made, examples, measure_all(made, examples, **options))


def summarize(done: Done, *, seed: int, by: str = "dataset") -> list[dict[str, Any]]:
    return summarize_study(done.study, done.examples, done.rows, seed=seed, by=by)


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
    return read_files([SAMPLE])[0].examples


def test_an_oracle_keeps_everything_and_its_opposite_nothing(examples: tuple[Example, ...]) -> None:
    oracle, liar = Oracle(examples), Oracle(examples, -1.0)
    runs = run(examples, ours({"oracle": oracle, "liar": liar}, counter=words), [0.3, 0.5])
    results = {(r["dataset"], r["scorer"], r["ratio"]): r for r in summarize(runs, seed=0)}
    assert len(results) == 3 * 2 * 2
    for dataset in ("fable", "open"):
        best, worst = results[dataset, "oracle", 0.5], results[dataset, "liar", 0.3]
        assert (best["evidence_recall"], best["evidence_all"], best["auc"]) == (1.0, 1.0, 1.0)
        assert (worst["evidence_recall"], worst["evidence_all"], worst["auc"]) == (0.0, 0.0, 0.0)
        assert worst["versus"]["scorer"] == "oracle"
        assert worst["versus"]["auc"] == {"difference": -1.0, "ci": [-1.0, -1.0]}
    assert results["fable", "oracle", 0.3]["versus"] == {}


def test_each_question_is_scored_once_whatever_the_ratios(examples: tuple[Example, ...]) -> None:
    oracle = Oracle(examples)
    seen: list[tuple[int, int]] = []
    run(
        examples,
        ours({"oracle": oracle}, counter=words),
        [0.2, 0.5, 1.0],
        progress=lambda *now: seen.append(now),
    )
    assert oracle.calls == [e.question for e in examples]
    assert seen == [(n, 30) for n in range(1, 31)]


def test_questions_without_evidence_count_for_the_answer_only(examples: tuple[Example, ...]) -> None:
    (result,) = summarize(run(examples[4:6], ours({"lead": make("lead")}, counter=words), [0.5]), seed=0)
    assert (result["n"], result["n_evidence"], result["n_answers"]) == (2, 1, 2)
    (nothing,) = summarize(run(examples[5:6], ours({"lead": make("lead")}, counter=words), [0.5]), seed=0)
    assert [nothing[m] for m in ("evidence_recall", "evidence_all", "auc")] == [None, None, None]
    assert nothing["answer_kept"] == 0.0
    assert set(nothing["ci"]) == {"answer_kept"}


def test_the_ratio_is_the_one_really_kept(examples: tuple[Example, ...]) -> None:
    results = summarize(run(examples, ours({"bm25": make("bm25")}, counter=words), [0.25, 1.0]), seed=0)
    for result in results:
        assert result["ratio_kept"] <= result["ratio"]
        assert result["seconds"] > 0
        if result["ratio"] == 1.0:
            assert result["ratio_kept"] == 1.0
            assert result["evidence_all"] == 1.0


def test_a_question_of_which_nothing_fits_keeps_nothing(examples: tuple[Example, ...]) -> None:
    (result,) = summarize(run(examples[:1], ours({"bm25": make("bm25")}, counter=words), [0.01]), seed=0)
    assert (result["n_nothing_fits"], result["evidence_recall"], result["ratio_kept"]) == (1, 0.0, 0.0)


def test_auc_is_pooled_over_the_questions_with_evidence(examples: tuple[Example, ...]) -> None:
    fables = examples[:6]
    scorer = make("bm25")
    values, gold = [], []
    for example in (e for e in fables if e.gold):
        values.append(scorer.score(example.question, example.segmentation).values)
        gold.append(np.isin(np.arange(len(values[-1])), example.gold))
    (result,) = summarize(run(fables, ours({"bm25": scorer}, counter=words), [0.5]), seed=0)
    assert result["auc"] == pytest.approx(auc(np.concatenate(values), np.concatenate(gold)))


def test_where_everything_is_evidence_there_is_no_auc(examples: tuple[Example, ...]) -> None:
    first = examples[0]
    every = tuple(range(len(first.segmentation.sentences)))
    all_gold = Example("x", "x", first.question, first.answers, first.segmentation, every)
    (result,) = summarize(run([all_gold], ours({"lead": make("lead")}, counter=words), [0.5]), seed=0)
    assert result["auc"] is None
    assert 0 < result["evidence_recall"] < 1


def test_evidence_that_is_kept_from_another_document_counts() -> None:
    said = "Mara Voss built the lighthouse on the northern cliff in 1921."
    texts = (f"{said} It rains.", f"{said} Owls sleep all day.", "A bridge is old. It creaks at night.")
    segmentation = segment([Document(t) for t in texts])
    both = tuple(i for i, s in enumerate(segmentation.sentences) if s.text == said)
    example = Example("x", "x", "Who built it?", (), segmentation, both[1:])
    oracle = Oracle((replace(example, gold=both),))
    (result,) = summarize(run([example], ours({"oracle": oracle}, counter=words), [0.5]), seed=0)
    assert (result["evidence_recall"], result["n_nothing_fits"]) == (1.0, 0)
    (kept,) = compress_once(ours({"oracle": oracle}, counter=words)["oracle"], [Target(Budget(ratio=0.5))])(
        example
    ).contexts
    assert kept is not None and kept.text.count(said) == 1


def test_same_seed_same_summary(examples: tuple[Example, ...]) -> None:
    def summary(seed: int) -> list[dict[str, object]]:
        runs = run(examples, ours({"bm25": make("bm25"), "lead": make("lead")}, counter=words), [0.4])
        return [{k: v for k, v in r.items() if k != "seconds"} for r in summarize(runs, seed=seed)]

    assert summary(1) == summary(1)
    assert summary(1) != summary(2)
    json.dumps(summary(1), allow_nan=False)


def test_a_failure_says_where(examples: tuple[Example, ...]) -> None:
    with pytest.raises(
        RagCompressError, match=r"scorer 'failing', ratio 0.5, question 'fable-1': out of ideas"
    ):
        run(examples, ours({"failing": Failing()}, counter=words), [0.5])


def test_nothing_in_nothing_out() -> None:
    assert summarize(run([], ours({"lead": make("lead")}, counter=words), [0.5]), seed=0) == []


def test_rows_are_flat_and_json(examples: tuple[Example, ...]) -> None:
    done = run(examples, ours({"bm25": make("bm25")}, counter=words), [0.1, 0.5])
    rows = json.loads(json.dumps(rows_of(done.study, examples, done.rows), allow_nan=False))
    assert [(r["id"], r["ratio"]) for r in rows] == [(e.id, ratio) for e in examples for ratio in (0.1, 0.5)]
    assert all("scores" not in r and 0 <= r["ratio_kept"] <= r["ratio"] for r in rows)


def test_groups_and_their_means(examples: tuple[Example, ...]) -> None:
    done = run(examples, ours({"bm25": make("bm25"), "lead": make("lead")}, counter=words), [0.5])
    results = summarize(done, seed=0)
    means = means_of_sets(done.study, results)
    assert [(m["dataset"], m["scorer"], m["n"]) for m in means] == [
        ("mean of sets", "bm25", 3), ("mean of sets", "lead", 3),
    ]  # fmt: skip
    own = [r["evidence_recall"] for r in results if r["scorer"] == "bm25"]
    assert means[0]["evidence_recall"] == pytest.approx(np.mean(own))
    by_language = summarize(done, seed=0, by="lang")
    assert [r["dataset"] for r in by_language] == ["en", "en", "zh", "zh"]
    assert means_of_sets(done.study, by_language[:2]) == []


def test_what_the_journal_holds_is_not_done_again(examples: tuple[Example, ...], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole = run(examples, ours({"oracle": Oracle(examples)}, counter=words), [0.3, 0.5])
    with Journal(path, settings={}) as journal:
        run(examples[:4], ours({"oracle": Oracle(examples)}, counter=words), [0.3, 0.5], journal=journal)
    rest = Oracle(examples)
    with Journal(path, settings={}, resume=True) as journal:
        resumed = run(examples, ours({"oracle": rest}, counter=words), [0.3, 0.5], journal=journal)
    assert rest.calls == [e.question for e in examples[4:]]

    def timeless(done: Done) -> list[dict[str, object]]:
        return [{k: v for k, v in r.items() if k != "seconds"} for r in summarize(done, seed=0)]

    assert timeless(resumed) == timeless(whole)


def test_a_question_that_changed_is_done_again(examples: tuple[Example, ...]) -> None:
    journal, oracle = Journal(None, settings={}), Oracle(examples)
    run(examples[:1], ours({"oracle": oracle}, counter=words), [0.5], journal=journal)
    run(
        [replace(examples[0], answers=("new",))],
        ours({"oracle": oracle}, counter=words),
        [0.5],
        journal=journal,
    )
    assert len(oracle.calls) == 2


def test_rows_of_other_settings_do_not_mix(examples: tuple[Example, ...]) -> None:
    journal = Journal(None, settings={})
    one, other = make("bm25"), make("bm25", k1=2.0)
    run(examples[:2], ours({"bm25": one}, counter=words), [0.5], journal=journal)
    with pytest.raises(InputError, match=r"'k1': 1.2.* and .*'k1': 2.0"):
        run(examples[:3], ours({"bm25": other}, counter=words), [0.5], journal=journal)


class Picky(Oracle):
    """Refuses one question."""

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        if question.startswith("When did"):
            raise ModelError("too late")
        return super().score(question, segmentation, progress=progress)


def test_what_one_method_refuses_is_left_out_of_the_pairs(examples: tuple[Example, ...]) -> None:
    methods = ours({"lead": make("lead"), "picky": Picky(examples)}, counter=words)
    lead, picky = summarize(run(examples[:4], methods, [0.5], on_bad="skip"), seed=0)
    assert (lead["n"], lead["n_refused"], picky["n"], picky["n_refused"]) == (4, 0, 3, 1)
    without = [examples[0], *examples[2:4]]
    alone, other = summarize(run(without, methods, [0.5]), seed=0)
    assert picky["versus"] == other["versus"]
    assert alone["evidence_recall"] != lead["evidence_recall"]


def test_a_method_that_refuses_everything_has_no_numbers(examples: tuple[Example, ...]) -> None:
    done = run(examples[:2], ours({"failing": Failing()}, counter=words), [0.5], on_bad="skip")
    (result,) = summarize(done, seed=0)
    assert (result["n"], result["n_refused"], result["evidence_recall"]) == (0, 2, None)
    assert [r["refused"] for r in rows_of(done.study, done.examples, done.rows)] == ["out of ideas"] * 2


class Certain(Oracle):
    """Gives probabilities."""

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        found = super().score(question, segmentation)
        return Scores(np.clip(found.values, 0.01, 0.9), "certain", calibrated=True)


def test_a_recall_is_aimed_at_where_there_are_probabilities(examples: tuple[Example, ...]) -> None:
    methods = ours({"certain": Certain(examples), "bm25": make("bm25")}, counter=words)
    results = summarize(run(examples[:4], methods, [0.5], recalls=[0.9]), seed=0)
    assert [(r["scorer"], r["ratio"], r["recall"]) for r in results] == [
        ("certain", 0.5, None),
        ("certain", None, 0.9),
        ("bm25", 0.5, None),
    ]
    assert results[1]["evidence_all"] == 1.0
    assert results[1]["ratio_kept"] < 0.5
