"""Plain English: no sentence of the docs and docstrings has more than 30 words."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentences import count_words, of_docstrings, of_markdown, too_long

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_no_sentence_is_too_long() -> None:
    assert list(too_long(ROOT)) == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two. Three\nfour.", ["One two.", "Three four."]),
        ("- one\n- two\n\n```\nno prose.\n```\nthree", ["- one", "- two", "three"]),
        ("| a b | `c d e` |", ["a b", "Code"]),
        ("A [link text](some/where.md) here: what it announces", ["A link text here", "what it announces"]),
    ],
)
def test_sentences_of_a_page(text: str, sentences: list[str]) -> None:
    assert list(of_markdown(text)) == sentences


def test_the_rule_can_fail() -> None:
    """Descriptions of two arguments are not one sentence."""
    long, short = " ".join(["word"] * 31), " ".join(["word"] * 20)
    source = f'def f():\n    """{long}.\n\n    Args:\n        a: {short}\n        b: {short}\n    """'
    assert max(count_words(s) for _, s in of_docstrings(source)) == 31
    assert sum(count_words(s) > 30 for _, s in of_docstrings(source)) == 1
