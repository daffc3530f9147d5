"""``ragcompress-eval retrieval``: what counts as found and as kept."""

from __future__ import annotations

from pathlib import Path

from ragcompress_eval.data import DataFile, parse
from ragcompress_eval.retrieval import share
from ragcompress_eval.retrieval_texts import questions, write_folder

RECORD = {
    "id": "a/1", "dataset": "a", "lang": "en", "question": "Who built it?", "answers": ["Anna"],
    "documents": [
        {"title": "Bridge", "sentences": ["It is old.", "Anna built it."]},
        {"title": "Owl", "sentences": ["It hoots."]},
    ],
    "supporting": [[0, 1]],
}  # fmt: skip


def test_evidence_counts_where_all_of_it_is_kept() -> None:
    gold = [("d", 0, 10), ("d", 11, 25), ("e", 0, 5)]
    assert share(gold, [("d", 0, 10)]) == 1 / 3
    assert share(gold, [("d", 5, 25), ("d", 0, 4), ("e", 0, 4)]) == 2 / 3
    assert share(gold, [("d", 0, 25), ("e", 0, 9), ("f", 0, 1)]) == 1
    assert share(gold, []) == 0


def test_a_document_is_written_once_and_evidence_points_into_it(tmp_path: Path) -> None:
    example = parse(RECORD)
    file = DataFile("a.dev.jsonl.gz", "", 2, (example, example), ())
    assert write_folder([file], tmp_path) == 2
    assert len((tmp_path / "a.dev.jsonl").read_text().splitlines()) == 2
    (first, _) = questions([file], None)
    ((name, start, end),) = first.gold
    assert name in (tmp_path / "a.dev.jsonl").read_text()
    assert example.segmentation.documents[0].text[start:end] == "Anna built it."
    assert len(questions([file], 1)) == 1
