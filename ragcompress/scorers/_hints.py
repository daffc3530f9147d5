"""AttentionRAG's answer hint: the question as the beginning of its answer, up to the word asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..prompts.passages import Prompt
from ..proxy.base import NextToken, Proxy

_LONGEST = 24
_YES_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might)\b",
    re.I,
)
# Who, where, when … ask for a thing of one kind; what and which mostly name the kind themselves.
_KINDS = (
    ("who|whom|whose", "The person is"),
    ("where", "The place is"),
    ("when", "The date is"),
    ("why", "The reason is"),
    ("how many", "The number is"),
    ("how much", "The amount is"),
    ("how old", "The age is"),
    ("how long", "The length is"),
    ("how", "The way is"),
)
_BE = re.compile(r"(?:what|who) (is|are|was|were) ((?:the|a|an) [^,;]+?)\s*\??\s*$", re.I)
_NAMED = re.compile(r"\b(?:what|which) (?:is the |was the |are the |were the )?([a-z]+)\b", re.I)
_NO_NOUN = re.compile(r"(?:of|is|are|was|were|do|does|did|has|have|had|can|could|will|would)$", re.I)

# Wording and examples are our own.
_EXAMPLES = """\
Turn the question into the beginning of its answer. Stop before the word that is asked for. \
If that can't be done, write None.
Question: Where does Paula work?
Beginning: Paula works in
Question: Which mountain is higher, A or B?
Beginning: The mountain that is higher is
Question: Who wrote this book?
Beginning: The person who wrote this book is
Question: Is it raining?
Beginning: None
Question:"""


def by_rules(question: str) -> str:
    """Hint for an English question; empty for yes-no questions and for all that no rule fits.

    ``What is the capital of Peru?`` gives ``The capital of Peru is``, ``Which film came first?`` gives ``The
    film is``, ``When was she born?`` gives ``The date is``.
    """
    text = " ".join(question.split())
    if _YES_NO.match(text):
        return ""
    if match := _BE.match(text):
        return f"{match[2][0].upper()}{match[2][1:]} {match[1].lower()}"
    named = [noun for noun in _NAMED.findall(text) if not _NO_NOUN.match(noun)]
    if named:
        return f"The {named[0].lower()} is"
    kinds = (hint for words, hint in _KINDS if re.search(rf"\b(?:{words})\b", text, re.I))
    return next(kinds, "")


def by_proxy(proxy: Proxy, next_tokens: NextToken, question: str) -> str:
    """Hint that the proxy writes itself, greedily, from four examples; empty where it says none."""
    words = " ".join(question.split())
    ids = [*proxy.tokenizer.prefix_ids]
    for piece in proxy.tokenizer.encode([_EXAMPLES, " " + words, "\nBeginning:"]):
        ids += piece
    room = proxy.info.max_tokens - len(ids)
    text = generate(proxy, next_tokens, tuple(ids), min(_LONGEST, room), lambda t: "\n" in t.lstrip())
    hint = text.strip().partition("\n")[0].strip()
    return "" if hint.rstrip(".").lower() == "none" else hint


def generate(
    proxy: Proxy,
    next_tokens: NextToken,
    prompt: tuple[int, ...],
    at_most: int,
    is_done: Callable[[str], bool],
) -> str:
    """What the proxy writes after a prompt, greedily, until it is enough."""
    written: list[int] = []
    while len(written) < at_most:
        whole = Prompt(prefix=prompt, tail=tuple(written), spans=(), sentences=(), rows=(), row_names=())
        written += next_tokens.next_tokens([whole])
        if is_done(proxy.tokenizer.decode(written)):
            break
    return proxy.tokenizer.decode(written)
