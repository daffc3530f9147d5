"""R1 to R12 over any text, on the fake proxy."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import promises
import pytest
from damage import cases
from fake_probe import fake_probe
from hypothesis import given
from hypothesis import strategies as st
from promises import by_threes

from ragcompress import Budget, Compressor, Document, InputError
from ragcompress import given as from_sentences
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.selection.ordering import ORDERS
from ragcompress.selection.rendering import FORMATS
from ragcompress.testing import FakeProxy

pytestmark = pytest.mark.slow

PROXY = FakeProxy(max_tokens=32_768)  # attention-sort reads all that is kept in one prompt
SCORER = Scorer(proxy=PROXY, probe=fake_probe())


@given(
    question=st.text(min_size=1, max_size=40).filter(lambda t: t.strip()),
    documents=promises.documents,
    budget=promises.budgets,
    order=st.sampled_from(ORDERS),
    format=st.sampled_from(FORMATS),
    mark_gaps=st.booleans(),
    keep_together=st.booleans(),
    headings=st.booleans(),
    counter=st.sampled_from([*promises.counters, PROXY.tokenizer.count]),
)
@cases(250)
def test_every_promise_holds(
    question: str,
    documents: list[Document],
    budget: Budget,
    order: str,
    format: str,
    mark_gaps: bool,
    keep_together: bool,
    headings: bool,
    counter: Callable[[str], int],
) -> None:
    compressor = Compressor(
        SCORER,
        counter=counter,
        order=order,
        format=format,
        mark_gaps=mark_gaps,
        keep_together=keep_together,
        headings=headings,
    )
    first = promises.check(compressor, counter, question, documents, budget)
    if first is not None:  # R10: the same input gives the same output
        again = compressor(question, documents, budget=budget)
        assert (again.text, again.pieces) == (first.text, first.pieces)


TEXT = "Fact {n} about the harbour. Another line. The light of {n}."
DOCUMENTS = [Document(TEXT.format(n=n), title=f"T{n}") for n in range(6)]


def test_a_passage_is_read_by_itself_beside_few_facts() -> None:
    """R13: a document is scored from its own passages, and from no more of others than the facts told."""
    documents = [Document(f"Mark{n}x is a light. Mark{n}x is old.", title=f"Mark{n}x") for n in range(6)]
    asked = len(PROXY.prompts)
    Compressor(SCORER, counter=by_threes)("Which light?", documents, budget=Budget(ratio=0.3))
    prompts = PROXY.prompts[asked:]
    assert len(prompts) >= len(documents)
    for prompt in prompts:
        own = re.findall(r"Mark(\d)x", PROXY.tokenizer.decode(prompt.prefix))
        told = re.findall(r"Mark\dx", PROXY.tokenizer.decode(prompt.tail))
        assert (len(set(own)), len(told) <= 4) == (1, True)  # two facts, each behind its title


def test_no_global_state_is_touched() -> None:
    compressor = Compressor(SCORER, counter=by_threes)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the point is the global generator
    before = (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]  # noqa: NPY002
    compressor("Which light?", DOCUMENTS, budget=Budget(ratio=0.3))
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]  # noqa: NPY002


def test_many_threads_give_the_serial_result() -> None:
    compressor = Compressor(SCORER, counter=by_threes, order="edges")
    questions = [f"Which light of {n}?" for n in range(24)]

    def text(question: str) -> str:
        return compressor(question, DOCUMENTS, budget=Budget(ratio=0.4)).text

    serial = [text(q) for q in questions]
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(text, questions))
    assert threaded == serial


def test_it_can_be_awaited_in_a_thread() -> None:
    compressor = Compressor(SCORER, counter=by_threes)

    async def both() -> tuple[str, str]:
        budget = Budget(ratio=0.3)
        calls = [asyncio.to_thread(compressor, "Which light?", DOCUMENTS, budget=budget) for _ in "ab"]
        first, second = await asyncio.gather(*calls)
        return first.text, second.text

    first, second = asyncio.run(both())
    assert first == second


def test_ties_go_to_the_earlier_sentence() -> None:
    same = [Document("Same words here.") for _ in range(5)]
    scorer = Scorer(proxy=PROXY, probe=fake_probe(second=False))  # a second look tells some of them apart
    context = Compressor(scorer, counter=by_threes)("Which?", same, budget=Budget(ratio=0.5))
    kept = context.selection.kept
    assert kept == tuple(range(len(kept)))


@pytest.mark.parametrize(
    ("question", "documents", "reason"),
    [
        ("", DOCUMENTS, "question is empty"),
        (" \n", DOCUMENTS, "question is empty"),
        ("\ud800", DOCUMENTS, "lone surrogate"),
        ("Who?", [], "no documents"),
        ("Who?", [Document(""), Document(" \n")], "hold no text"),
        ("Who?", ["text"], "must be ragcompress.Document"),
    ],
)
def test_what_can_not_be_compressed_is_refused(question: str, documents: list[Document], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Compressor(SCORER, counter=by_threes)(question, documents, budget=Budget(ratio=0.5))


def test_a_sentence_of_fifty_thousand_words_is_read_to_its_end() -> None:
    words = 50_000
    documents = from_sentences([[" ".join(["w"] * words)], ["A light."]])
    compressor = Compressor(SCORER, counter=lambda text: len(text.split()))
    asked = len(PROXY.prompts)
    context = compressor("Which light?", documents, budget=Budget(max_tokens=100))
    assert context.text == "A light."
    assert set(context.selection.dropped.values()) == {"too_long"}
    parts = set(context.selection.dropped)
    read = b"".join(
        bytes(p.prefix[start:end])
        for p in PROXY.prompts[asked:]
        for index, (start, end) in zip(p.sentences, p.spans, strict=True)
        if index in parts and "facts" not in p.row_names
    )
    assert read.decode().count("w") == words
