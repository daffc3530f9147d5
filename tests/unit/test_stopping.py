"""R5 and R9: a time limit that ends the work, errors that pass the originals on, calls that are awaited."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from shared import words

from ragcompress import (
    Budget,
    BudgetTooSmall,
    CompressionTimeout,
    Compressor,
    Document,
    InputError,
    Scores,
    Segmentation,
    UnknownName,
    segment,
    stopping,
)
from ragcompress.data import Progress
from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress.stopping import Stop
from ragcompress.text import lengths
from ragcompress.text.blocks import blocks

TEXT = "Fact {n} about the harbour. Another line. The light of {n}."
DOCUMENTS = [Document(TEXT.format(n=n), title=f"T{n}", id="same", metadata={"n": n}) for n in range(6)]
BUDGET = Budget(ratio=0.4)


class Scripted:
    """Calls back after every sentence, and does as the test says before each."""

    name: ClassVar[str] = "scripted"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, before: Callable[[int], None] = lambda done: None) -> None:
        self.before, self.done, self.left = before, 0, threading.Event()

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        total = len(segmentation.sentences)
        try:
            for done in range(total):
                self.before(done)
                self.done = done + 1
                if progress:
                    progress(done + 1, total)
        finally:
            self.left.set()
        return Scores(np.arange(total, dtype=float), self.name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time stands still, but for what the test adds."""
    now = [0.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_the_time_limit_ends_the_scoring(clock: Callable[[float], None]) -> None:
    scorer = Scripted(lambda done: clock(1))
    with pytest.raises(CompressionTimeout, match=r"time limit of 3 s") as caught:
        Compressor(scorer, counter=words)("Which light?", DOCUMENTS, budget=BUDGET, timeout=3)
    assert (scorer.done, caught.value.timeout) == (4, 3)
    assert isinstance(caught.value, TimeoutError)


def test_the_time_limit_ends_the_segmentation(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def detect(text: str) -> str:
        clock(1)
        return "en"

    monkeypatch.setattr("ragcompress.text.segmentation.detect", detect)
    compressor = Compressor(Bm25(), counter=words)
    with pytest.raises(CompressionTimeout):
        compressor("Which light?", DOCUMENTS, budget=BUDGET, timeout=3)
    passed = compressor("Which light?", DOCUMENTS, budget=BUDGET, timeout=3, on_error="passthrough")
    assert passed.text.count("harbour") == len(DOCUMENTS)


@pytest.mark.parametrize("text", ["One light. " * 1_000, "light " * 10_000, "x" * 100_000])
def test_one_long_document_is_not_cut_to_its_end_first(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, cut = [], lengths.cuts

    def cuts(*arguments: Any) -> Iterator[int]:
        for place in cut(*arguments):
            made.append(place)
            yield place

    monkeypatch.setattr(lengths, "cuts", cuts)
    looks = iter(range(5))

    def check() -> None:
        if next(looks, None) is None:
            raise CompressionTimeout(1)

    with pytest.raises(CompressionTimeout):
        segment([Document(text)], check=check)
    assert len(made) < 7


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("- a\n\nb c\n\n" * 2_000, "markdown"), ("> | a |\n> |---|\n" * 2_000, "markdown"),
        ("# a\n" + "b c d\n" * 5_000, "markdown"), ("a,b\n" * 5_000, "csv"),
        ("def f():\n    return 1\n\n" * 2_000, "code"),
    ],
)  # fmt: skip
def test_the_time_limit_is_looked_at_while_blocks_are_found(text: str, syntax: Any) -> None:
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) > 100:
            raise CompressionTimeout(1)

    with pytest.raises(CompressionTimeout):
        list(blocks(text, syntax, check))


def test_the_time_limit_ends_the_selection(clock: Callable[[float], None]) -> None:
    counted = []

    def slow(text: str) -> int:
        clock(1)
        counted.append(text)
        return words(text)

    scores = Bm25().score("Which light?", segment(DOCUMENTS))
    with pytest.raises(CompressionTimeout):
        Compressor(Bm25(), counter=slow)("Which light?", DOCUMENTS, budget=BUDGET, scores=scores, timeout=5)
    assert len(counted) == 6


def test_with_time_enough_nothing_changes(clock: Callable[[float], None]) -> None:
    compressor = Compressor(Scripted(lambda done: clock(1)), counter=words)
    limited = compressor("Which light?", DOCUMENTS, budget=BUDGET, timeout=19, on_error="passthrough")
    assert limited.to_dict() | {"seconds": 0} == compressor(
        "Which light?", DOCUMENTS, budget=BUDGET
    ).to_dict() | {"seconds": 0}
    assert limited.passthrough is None


@pytest.mark.parametrize("timeout", [float("inf"), 1e299, 10**12])
def test_a_time_limit_may_be_as_long_as_can_be(timeout: float) -> None:
    seconds_left = Stop(timeout).seconds_left()
    assert seconds_left is not None and 10**9 < seconds_left <= threading.TIMEOUT_MAX


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), True, "3", 10**400])
def test_a_time_limit_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(InputError, match="timeout must be a number of seconds above 0"):
        Compressor(Bm25(), counter=words)("Which?", DOCUMENTS, budget=BUDGET, timeout=timeout)


def test_an_unknown_way_to_deal_with_errors_is_refused() -> None:
    with pytest.raises(UnknownName, match="raise, passthrough"):
        Compressor(Bm25(), counter=words)("Which?", DOCUMENTS, budget=BUDGET, on_error="ignore")  # type: ignore[arg-type]


def fail(done: int) -> None:
    raise RuntimeError("the model broke")


def test_a_passthrough_gives_the_originals_a_mark_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    documents = [*DOCUMENTS, Document(" \n"), Document("\n Last line. \n")]
    compressor = Compressor(Scripted(fail), counter=words, order="edges", mark_gaps=True)
    with caplog.at_level(logging.WARNING, "ragcompress"):
        context = compressor("Which light?", documents, budget=BUDGET, on_error="passthrough")
    assert context.passthrough == "RuntimeError: the model broke"
    assert context.to_dict()["passthrough"] == context.passthrough
    assert context.segmentation.documents == tuple(documents)
    assert [context.text[p.start : p.end] for p in context.pieces] == [
        d.text.strip() for d in documents if d.text.strip()
    ]
    assert context.tokens_after == context.tokens_before == words(context.text) > context.limit
    assert [r.getMessage() for r in caplog.records] == [
        "8 documents are passed on uncompressed: RuntimeError: the model broke"
    ]


def test_one_document_is_passed_on_in_the_singular(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ragcompress"):
        Compressor(Scripted(fail), counter=words)(
            "Which light?", DOCUMENTS[:1], budget=BUDGET, on_error="passthrough"
        )
    assert [r.getMessage() for r in caplog.records] == [
        "1 document is passed on uncompressed: RuntimeError: the model broke"
    ]


def test_a_passthrough_keeps_the_sentences_it_was_given() -> None:
    parts = segment(DOCUMENTS)
    context = Compressor(Scripted(fail), counter=words)(
        "Which light?", parts, budget=BUDGET, on_error="passthrough"
    )
    assert context.segmentation == parts
    assert context.selection.kept == tuple(range(len(parts.sentences)))


def test_a_budget_that_can_not_work_passes_the_originals_on_too() -> None:
    compressor, budget = Compressor(Bm25(), counter=words), Budget(max_tokens=1)
    with pytest.raises(BudgetTooSmall):
        compressor("Which?", DOCUMENTS, budget=budget)
    context = compressor("Which?", DOCUMENTS, budget=budget, on_error="passthrough")
    assert "no sentence fits" in str(context.passthrough)


def test_documents_without_text_are_marked() -> None:
    context = Compressor(Bm25(), counter=words)(
        "Which?", [Document(" ")], budget=BUDGET, on_error="passthrough"
    )
    assert (context.text, context.ratio) == ("", 1.0)
    assert "hold no text" in str(context.passthrough)


@pytest.mark.parametrize(("question", "documents"), [("", DOCUMENTS), ("Who?", []), ("Who?", ["text"])])
def test_wrong_arguments_raise_all_the_same(question: str, documents: list[Document]) -> None:
    with pytest.raises(InputError):
        Compressor(Bm25(), counter=words)(question, documents, budget=BUDGET, on_error="passthrough")


def test_sixteen_calls_at_once_give_the_serial_result() -> None:
    compressor = Compressor(Bm25(), counter=words, order="edges")
    questions = [f"Which light of {n % 6}?" for n in range(16)]

    async def together() -> list[str]:
        calls = [compressor.acompress(q, DOCUMENTS, budget=BUDGET) for q in questions]
        return [context.text for context in await asyncio.gather(*calls)]

    assert asyncio.run(together()) == [compressor(q, DOCUMENTS, budget=BUDGET).text for q in questions]


def test_the_loop_goes_on_while_a_call_is_awaited() -> None:
    released = threading.Event()

    async def main() -> str:
        def wait(done: int) -> None:
            assert released.wait(30), "the loop was blocked"

        task = asyncio.create_task(
            Compressor(Scripted(wait), counter=words).acompress("Which?", DOCUMENTS, budget=BUDGET)
        )
        await asyncio.sleep(0)
        released.set()
        return (await task).text

    assert asyncio.run(main())


@pytest.mark.parametrize("on_error", ["raise", "passthrough"])
def test_a_cancelled_call_ends_its_work(on_error: stopping.OnError, caplog: pytest.LogCaptureFixture) -> None:
    started, cancelled = threading.Event(), threading.Event()

    def wait(done: int) -> None:
        started.set()
        assert cancelled.wait(30)

    scorer = Scripted(wait)
    compressor = Compressor(scorer, counter=words)

    async def main() -> None:
        task = asyncio.create_task(
            compressor.acompress("Which?", DOCUMENTS, budget=BUDGET, on_error=on_error)
        )
        await asyncio.to_thread(started.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert await asyncio.to_thread(scorer.left.wait, 30)

    asyncio.run(main())
    assert scorer.done == 1
    assert caplog.records == []


def test_awaited_errors_are_those_of_a_plain_call() -> None:
    compressor = Compressor(Scripted(fail), counter=words)
    with pytest.raises(RuntimeError, match="the model broke"):
        asyncio.run(compressor.acompress("Which?", DOCUMENTS, budget=BUDGET))
    context = asyncio.run(
        compressor.acompress("Which?", DOCUMENTS, budget=BUDGET, timeout=60, on_error="passthrough")
    )
    assert context.passthrough == "RuntimeError: the model broke"
