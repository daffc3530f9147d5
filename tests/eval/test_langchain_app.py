"""``ragcompress-eval langchain``: what reaches the reader is measured in the text that it gets."""

from __future__ import annotations

from ragcompress_eval import data
from ragcompress_eval.langchain_app import run, summarise, table

RECORD = {
    "id": "1", "dataset": "d", "lang": "en", "question": "Who?", "answers": ["Holm"],
    "supporting": [[0, 0], [0, 1]],
    "documents": [{"title": "T", "sentences": ["Berit Holm built it.", "It is red.", "A boat."]}],
}  # fmt: skip


def test_both_ways_are_measured_alike() -> None:
    asked: list[str] = []

    def whole(question: str) -> str:
        asked.append(question)
        return "Berit Holm built it. It is red. A boat."

    retrievers = {"plain": whole, "ours": lambda question: "It is red."}
    examples = [data.parse(RECORD), data.parse({**RECORD, "id": "2", "question": "What?"})]
    found = run(examples, retrievers, lambda text: len(text.split()))
    assert asked == ["Who?", "Who?", "What?"], "the first question is asked once more before, untimed"
    plain, ours = results = summarise(found, seed=0)
    assert (plain["n"], plain["tokens"], plain["evidence_recall"], plain["answer_kept"]) == (2, 9, 1, 1)
    assert (ours["n"], ours["tokens"], ours["evidence_recall"], ours["answer_kept"]) == (2, 3, 0.5, 0)
    assert "ours: tokens to the reader ÷ 3.0; overhead" in str(table(results, 1).caption)
