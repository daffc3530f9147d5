"""``support``: what it takes, refuses and returns (its oracle is with the proxies)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shared import QUESTION
from typer.testing import Result

from ragcompress import Budget, Compressor, Document, InputError, Scores, Support, support
from ragcompress.context import CompressedContext
from ragcompress.scorers.lead import Scorer as Lead
from ragcompress.testing import FakeProxy

DOCUMENTS = [
    Document("Ferries leave at noon. The bridge is of larch.", title="One"),
    Document("Anna Lund built it in 1902. Nobody counts the boats."),
]


def context(order: str = "source", ratio: float = 1.0) -> CompressedContext:
    return Compressor(Lead(), counter=len, order=order)(QUESTION, DOCUMENTS, budget=Budget(ratio=ratio))


@pytest.mark.parametrize("order", ["source", "best-first", "best-last", "edges"])
def test_attention_of_the_answer_not_of_the_question(order: str) -> None:
    made, proxy = context(order), FakeProxy()
    found = support(made, "Anna Lund, in 1902", proxy=proxy, method="attention")
    assert found.sentences == tuple(p.sentence for p in made.pieces)
    assert made.segmentation.sentences[found.ranking()[0]].text == "Anna Lund built it in 1902."
    assert (found.values >= 0).all() and found.values.sum() <= 1
    (prompt,) = proxy.prompts
    text = bytes(i for i in prompt.prefix + prompt.tail if i < 256).decode()
    assert text.endswith(f"\n\nQuestion: {QUESTION}\nAnswer: Anna Lund, in 1902")
    (row,) = prompt.rows
    assert bytes(prompt.tail[slice(*row)]).decode() == ": Anna Lund, in 190", "where each token is expected"


def test_only_what_is_kept_is_read() -> None:
    made, proxy = context(ratio=0.5), FakeProxy()
    found = support(made, "noon", proxy=proxy, method="attention")
    assert set(found.sentences) == set(made.selection.kept) != set(range(4))
    assert all(b"Nobody" not in bytes(i % 256 for i in p.prefix) for p in proxy.prompts)


def test_what_cannot_be_done_is_refused() -> None:
    made = context()
    with pytest.raises(InputError, match="the answer is empty"):
        support(made, " \n", proxy=FakeProxy(), method="attention")
    with pytest.raises(InputError, match="method must be one of arc-jsd, attention, got 'magic'"):
        support(made, "Anna", proxy=FakeProxy(), method="magic")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="gives no probabilities"):
        support(made, "Anna", proxy=FakeProxy(), method="arc-jsd")
    with pytest.raises(InputError, match=r"in one prompt, .* reads 150 tokens: lower the budget"):
        support(made, "Anna", proxy=FakeProxy(max_tokens=150), method="attention")


def test_values_fit_their_sentences() -> None:
    found = Support("a", "attention", (4, 2, 7), np.array([0.1, 0.3, 0.1]), {"proxy": "p"})
    assert found.ranking() == (2, 4, 7), "ties by their order in the context"
    assert found.to_dict() == {
        "answer": "a",
        "method": "attention",
        "values": [0.1, 0.3, 0.1],
        "settings": {"proxy": "p"},
    }
    for values in ([0.1], [0.1, 0.2, np.nan]):
        with pytest.raises(InputError, match="3 sentences"):
            Support("a", "attention", (4, 2, 7), np.array(values))


def test_a_compressor_tells_its_proxy() -> None:
    proxy = FakeProxy()
    assert Compressor(Lead(), counter=len).proxy is None
    assert Compressor(Lead(), counter=len, proxy=proxy).proxy is proxy


@pytest.mark.parametrize("arguments", [["--answer", " "], ["--answer", "a", "--format", "md"], []])
def test_wrong_usage(invoke: Callable[..., Result], tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "a.txt").write_text("Anna built it.", encoding="utf-8")
    assert invoke("support", QUESTION, tmp_path / "a.txt", *arguments).exit_code == 2


def test_sufficiency_is_the_best_kept_probability() -> None:
    made = context()
    assert made.sufficiency is None and made.to_dict()["sufficiency"] is None, "ranks are no probabilities"
    compressor = Compressor(Lead(), counter=len)
    scores = Scores(np.array([0.2, 0.7, 0.1, 0.4]), "probable", calibrated=True)
    whole = compressor(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0), scores=scores)
    assert whole.sufficiency == whole.to_dict()["sufficiency"] == 0.7
    longest = Budget(max_tokens=len(DOCUMENTS[1].text.partition(".")[0]) + 1)
    short = compressor(QUESTION, DOCUMENTS, budget=longest, scores=scores)
    assert short.sufficiency == max(scores.values[i] for i in short.selection.kept)
    passed = compressor(QUESTION, DOCUMENTS, budget=Budget(ratio=0.5), timeout=1e-9, on_error="passthrough")
    assert passed.sufficiency is None
