"""``ragcompress-eval retrieval``: what counts as found and as kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragcompress import Tokenizer
from ragcompress.index import Index, build_index
from ragcompress.models.embedding import Vectors
from ragcompress.training.examples import DataFile, parse_example
from ragcompress_eval.quality.retrieval import Span, gold_spans, graph_recall, select, share, write_folder

RECORD = {
    "id": "a/1", "dataset": "a", "lang": "en", "question": "Who built it?", "answers": ["Anna"],
    "documents": [
        {"title": "Bridge", "sentences": ["It is old.", "Anna built it."]},
        {"title": "Owl", "sentences": ["It hoots."]},
    ],
    "supporting": [[0, 1]],
}  # fmt: skip


def test_evidence_counts_where_all_of_it_is_kept() -> None:
    gold = [Span("d", 0, 10, "a"), Span("d", 11, 25, "b"), Span("e", 0, 5, "c")]
    assert share(gold, [Span("d", 0, 10, "")]) == 1 / 3
    assert share(gold, [Span("d", 5, 25, ""), Span("d", 0, 4, ""), Span("e", 0, 4, "")]) == 2 / 3
    assert share(gold, [Span("d", 0, 25, ""), Span("e", 0, 9, ""), Span("f", 0, 1, "")]) == 1
    assert share(gold, []) == 0


def test_evidence_counts_where_another_document_says_it_word_for_word() -> None:
    gold = [Span("d", 0, 13, "It was Wyler."), Span("d", 14, 25, "So they say")]
    kept = [Span("f", 20, 33, "It was Wyler."), Span("f", 34, 42, "So they."), Span("g", 0, 7, "say so.")]
    assert share(gold, kept) == 1 / 2
    assert share(gold, [Span("h", 0, 36, "Best Years It was Wyler. So they say")]) == 1


class Words:
    """An embedder without a model: a random direction per text."""

    name = "random"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_folder(folder)

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.array(
            [np.random.default_rng(list(t.encode())).standard_normal(64) for t in texts], np.float32
        )
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_the_graph_of_large_indexes_is_measured_against_all(tmp_path: Path, counting_folder: Path) -> None:
    docs, embedder = tmp_path / "docs", Words(counting_folder)
    docs.mkdir()
    (docs / "a.jsonl").write_text("".join(f'{{"text": "Lamp {i}."}}\n' for i in range(600)))
    build_index(docs, tmp_path / "idx", embedder=embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    assert graph_recall(index, embedder, ["Lamp 3.", "Which lamp?"]) > 0.95
    assert graph_recall(index, embedder, ["Lamp 3."], n=1000) == 1


def test_a_document_is_written_once_and_evidence_points_into_it(tmp_path: Path) -> None:
    example = parse_example(RECORD)
    file = DataFile("a.dev.jsonl.gz", "", 2, (example, example), ())
    assert write_folder([file], tmp_path) == 2
    assert len((tmp_path / "a.dev.jsonl").read_text().splitlines()) == 2
    assert select([file], None) == [example, example]
    ((name, start, end, text),) = gold_spans(example)
    assert name in (tmp_path / "a.dev.jsonl").read_text()
    assert example.segmentation.documents[0].text[start:end] == text == "Anna built it."
    assert select([file], 1) == [example]
