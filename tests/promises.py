"""The promises R1 to R12 (as far as they are kept today), checked on one result. Shared by fake and real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

from hypothesis import strategies as st

from ragcompress import Budget, BudgetTooSmall, CompressedContext, Compressor, Document, InputError

WORDS = "harbour light Ann é 文。 😀 a\u0301 x=1; <|im_end|> - | ``` \x00 \u2028".split(" ")
texts = st.one_of(
    st.text(max_size=150),
    st.lists(st.sampled_from([*WORDS, ". ", "! ", "\n", "\n\n", " ", "\r\n"]), max_size=60).map(" ".join),
)
documents = st.lists(
    st.builds(
        Document,
        text=texts,
        title=st.none() | st.text(max_size=20),
        id=st.none() | st.sampled_from(["same", "other"]),
        metadata=st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
    min_size=1,
    max_size=5,
)
budgets = st.one_of(
    st.builds(Budget, max_tokens=st.integers(1, 400)),
    st.builds(Budget, ratio=st.floats(0.01, 1.0)),
    st.builds(Budget, recall=st.floats(0.01, 1.0)),
)


def check(
    compressor: Compressor,
    count: Callable[[str], int],
    question: str,
    given: Sequence[Document],
    budget: Budget,
) -> CompressedContext | None:
    """Compress and check; None where the input is rightly refused."""
    before = deepcopy([(d.text, d.title, d.id, dict(d.metadata)) for d in given])
    try:
        context = compressor(question, given, budget=budget)
    except BudgetTooSmall as error:
        again = compressor(question, given, budget=Budget(max_tokens=error.smallest))
        assert again.pieces, "the budget that the error names must work"
        return None
    except InputError:
        assert not any(d.text.strip() for d in given), "only empty input may be refused"
        return None
    # R1 and R4: the rendered text, counted by the caller's counter.
    assert count(context.text) == context.tokens_after <= context.limit
    assert context.tokens_after <= context.tokens_before
    # R2: exact slices, in the documents as they were given.
    for piece in context.to_dict()["pieces"]:
        source = given[piece["document"]].text[piece["start_char"] : piece["end_char"]]
        assert context.text[piece["start"] : piece["end"]] == source
    # R3: nothing of the caller's is changed, and documents stay at their positions.
    assert before == [(d.text, d.title, d.id, dict(d.metadata)) for d in given]
    assert context.segmentation.documents == tuple(given)
    # R6: never an empty context.
    assert context.text.strip()
    # R8 and R11: every sentence has a score, and is kept or dropped for a reason.
    n_sentences = len(context.segmentation.sentences)
    assert len(context.scores.values) == n_sentences
    assert sorted([*context.selection.kept, *context.selection.dropped]) == list(range(n_sentences))
    return context
