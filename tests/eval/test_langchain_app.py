"""``ragcompress-eval langchain``: what reaches the reader is measured in the text that it gets."""

from __future__ import annotations

from ragcompress.training.examples import parse_example
from ragcompress_eval.langchain_app import Reached, run, summarise, table

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
    examples = [parse_example(RECORD), parse_example({**RECORD, "id": "2", "question": "What?"})]
    found = run(examples, retrievers, lambda text: len(text.split()))
    assert asked == ["Who?", "What?"]
    plain, ours = results = summarise(found, seed=0)
    assert (plain["n"], plain["tokens"], plain["evidence_recall"], plain["answer_kept"]) == (2, 9, 1, 1)
    assert (ours["n"], ours["tokens"], ours["evidence_recall"], ours["answer_kept"]) == (2, 3, 0.5, 0)
    caption = str(table(results, 1).caption)
    assert (
        "ours: tokens to the reader ÷ 3.0; 50% of the evidence and 0% of the answers kept; overhead"
        in caption
    )


def test_the_first_question_which_loads_everything_is_not_timed() -> None:
    times = [Reached(3, 1.0, True, seconds) for seconds in (60.0, 2.0, 4.0)]
    assert [r["seconds"] for r in summarise({"whole": times, "one": times[:1]}, seed=0)] == [3.0, 60.0]
