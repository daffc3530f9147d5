"""``ragcompress-eval langchain``: what reaches the reader is measured in the text that it gets."""

from __future__ import annotations

import pytest

from ragcompress.training.examples import parse_example
from ragcompress_eval.bench.runner import measure_all
from ragcompress_eval.bench.summary import summarize
from ragcompress_eval.quality.langchain import study

RECORD = {
    "id": "1", "dataset": "d", "lang": "en", "question": "Who?", "answers": ["Holm"],
    "supporting": [[0, 0], [0, 1]],
    "documents": [{"title": "T", "sentences": ["Berit Holm built it.", "It is red.", "A boat."]}],
}  # fmt: skip


def test_both_ways_are_measured_alike() -> None:
    asked: list[str] = []

    def whole(question: str) -> str:
        asked.append(question)
        return "Berit Holm built it." if question == "What?" else "Berit Holm built it. It is red. A boat."

    examples = [parse_example(RECORD), parse_example({**RECORD, "id": "2", "question": "What?"})]
    made = study({"plain": whole, "ours": lambda question: "It is red."}, lambda text: len(text.split()))
    plain, ours = summarize(made, examples, measure_all(made, examples), seed=0)
    assert asked == ["Who?", "What?"]
    assert (plain["n"], plain["tokens"], plain["evidence_recall"], plain["answer_kept"]) == (2, 6.5, 0.75, 1)
    assert (ours["n"], ours["tokens"], ours["evidence_recall"], ours["answer_kept"]) == (2, 3, 0.5, 0)
    assert ours["of_found"] == pytest.approx(0.5 / 0.75)
    assert ours["versus"]["retriever"] == "plain"
