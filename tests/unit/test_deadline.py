"""A deadline stops the reading, not the call."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, InputError, Scores, Segmentation, scorers
from ragcompress.data import Progress
from ragcompress.stopping import UNBOUNDED, Bounds

DOCUMENTS = [Document("Skarn Bridge is of larch. Berit Holm built it in 1931. Ferries leave at noon.")]
BUDGET = Budget(max_tokens=10)


class Reader:
    """Reads slowly, and counts what it has read."""

    name, needs_proxy = "reader", False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return self.score_within(question, segmentation, bounds=UNBOUNDED, progress=progress)

    def score_within(
        self, question: str, segmentation: Segmentation, *, bounds: Bounds, progress: Progress | None = None
    ) -> Scores:
        n = len(segmentation.sentences)
        read = 0
        while read < n and not bounds.is_late():
            read += 1
            if progress:
                progress(read, n)
        values = np.where(np.arange(n) < read, np.arange(n), 0.0)
        return Scores(
            values / n,
            self.name,
            calibrated=True,
            details={"passages_read": read, "stopped_early": read < n, "share": bounds.share},
        )


def compressor(**options: float) -> Compressor:
    return Compressor(Reader(), counter=lambda text: len(text.split()), **options)  # type: ignore[arg-type]


def read(context: object) -> object:
    return context.scores.details["passages_read"]  # type: ignore[attr-defined]


def test_without_a_deadline_all_is_read() -> None:
    assert read(compressor()("Who?", DOCUMENTS, budget=BUDGET)) == 3


def test_after_the_deadline_nothing_more_is_read_and_the_result_says_so() -> None:
    context = compressor()("Who?", DOCUMENTS, budget=BUDGET, deadline=1e-9)
    assert read(context) == 0 and context.to_dict()["reading"]["stopped_early"]
    assert context.text and context.passthrough is None


def test_the_plan_may_have_one_and_a_call_another() -> None:
    hurried = compressor(deadline=1e-9)
    assert read(hurried("Who?", DOCUMENTS, budget=BUDGET)) == 0
    assert read(hurried("Who?", DOCUMENTS, budget=BUDGET, deadline=1e9)) == 3
    assert read(asyncio.run(hurried.acompress("Who?", DOCUMENTS, budget=BUDGET, deadline=1e9))) == 3


def test_a_scorer_that_never_reads_has_nothing_to_stop() -> None:
    plain = Compressor(scorers.make("bm25"), counter=len)
    documents, budget = DOCUMENTS, Budget(max_tokens=30)
    assert plain("Who built it?", documents, budget=budget, deadline=1e-9).text == (
        plain("Who built it?", documents, budget=budget).text
    )


@pytest.mark.parametrize("deadline", [0, -1.0, True, "1"])
def test_what_is_no_deadline_is_refused(deadline: object) -> None:
    with pytest.raises(InputError, match="deadline must be a number of seconds above 0"):
        compressor()("Who?", DOCUMENTS, budget=BUDGET, deadline=deadline)  # type: ignore[arg-type]


def test_a_scorer_is_told_what_share_of_the_text_can_be_kept() -> None:
    def share(budget: Budget) -> object:
        return compressor()("Who?", DOCUMENTS, budget=budget).scores.details["share"]

    assert share(BUDGET) == 10 / 15
    assert share(Budget(ratio=0.5)) == 7 / 15
    assert share(Budget(max_tokens=99)) == share(Budget(ratio=1.0)) == 1
    assert share(Budget(recall=0.5, max_tokens=10)) == 1
