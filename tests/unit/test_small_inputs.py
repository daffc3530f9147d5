"""The default budget never ends a chain, and never keeps a sentence merely because it is short."""

from __future__ import annotations

import pytest
from shared import QUESTION, words

from ragcompress import Budget, Compressor, Document, InputError, scorers
from ragcompress.options import DEFAULT_MIN_TOKENS
from ragcompress.plan import Plan

SHORT = (
    "Skarn Bridge is of larch. Berit Holm built it in 1931. Ferries leave at noon. The market is on Fridays."
)
DEFAULT = Plan.from_options({}).budget


def compressor() -> Compressor:
    return Compressor(scorers.make("bm25"), counter=words)


@pytest.mark.parametrize("text", ["Berit Holm built it.", "1931", SHORT])
def test_what_is_short_passes_through_and_says_why(text: str) -> None:
    context = compressor()(QUESTION, [Document(text)], budget=DEFAULT)
    assert context.text == text
    assert context.passthrough == (
        f"not worth compressing: {words(text)} tokens, and {DEFAULT_MIN_TOKENS} are always allowed"
    )
    assert context.to_dict()["passthrough"] == context.passthrough


def test_the_ratio_of_a_short_original_is_no_less_than_the_least() -> None:
    text = " ".join(f"Sentence {n} is of eight words here exactly." for n in range(40))  # 320 words
    context = compressor()(QUESTION, [Document(text)], budget=DEFAULT)
    assert context.limit == DEFAULT_MIN_TOKENS and context.passthrough is None
    assert context.limit - 8 < context.tokens_after <= context.limit


def test_the_best_sentence_is_kept_even_where_it_is_longer_than_the_ratio_allows() -> None:
    code = "```\n" + "\n".join(f"bridge built builder {n}" for n in range(40)) + "\n```"
    text = code + "\n\n" + " ".join(f"Ferry {n} leaves at noon from here." for n in range(30))
    budget = Budget(ratio=0.1, min_tokens=50)
    context = compressor()("bridge built builder", [Document(text)], budget=budget)
    assert context.text == code
    assert context.tokens_after == context.limit > budget.limit(context.tokens_before)


def test_least_tokens_are_about_a_ratio() -> None:
    with pytest.raises(InputError, match="min_tokens=9 is about a ratio"):
        Budget(max_tokens=100, min_tokens=9)
    with pytest.raises(InputError, match="min_tokens must be a whole number of at least 0"):
        Budget(ratio=0.2, min_tokens=-1)
    assert Budget(ratio=0.2, min_tokens=50).limit(40) == 40
    assert Budget(ratio=0.2, min_tokens=50).limit(100) == 50
    assert Budget(ratio=0.2, min_tokens=50).limit(1000) == 200


def test_all_of_it_is_within_the_limit_where_only_that_is_short() -> None:
    """A counter that is not monotone: each document is longer than both."""
    documents = [Document("a" * 10), Document("b" * 7)]
    context = Compressor(scorers.make("bm25"), counter=lambda text: len(text) % 17)(
        "Which?", documents, budget=Budget(ratio=0.5, min_tokens=1, max_documents=1)
    )
    assert context.passthrough and "nothing that could be kept is shorter" in context.passthrough
    assert context.tokens_after == 2 <= context.limit


def test_what_is_passed_on_is_the_text_that_was_measured() -> None:
    """A fence is closed in what is laid out by sentences; a count that is not monotone saw the difference."""

    def count(text: str) -> int:
        return len(text) % 17

    compress = Compressor(scorers.make("lead"), counter=count, format="xml")
    document = Document("```" + "0" * 32, syntax="markdown")
    context = compress("Why?", [document], budget=Budget(max_tokens=1))
    assert context.text.count("```") == 2
    assert count(context.text) == context.tokens_after <= context.limit
