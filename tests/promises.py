"""The promises R1 to R12 (as far as they are kept today), checked on one result. Shared by fake and real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

from hypothesis import strategies as st

from ragcompress import Budget, BudgetTooSmall, CompressedContext, Compressor, Document, InputError
from ragcompress.selection.companions import closure, find_leaders
from ragcompress.text.companions import companions

WORDS = "harbour light Ann é 文。 😀 a\u0301 x=1; <|im_end|> - | ``` \x00 \u2028".split(" ")
texts = st.one_of(
    st.text(max_size=150),
    st.lists(st.sampled_from([*WORDS, ". ", "! ", "\n", "\n\n", " ", "\r\n"]), max_size=60).map(" ".join),
)
_word = st.sampled_from([w for w in WORDS if w.isprintable() and w not in "|`"])
_words = st.lists(_word, min_size=1, max_size=4).map(" ".join)
_rows = st.lists(st.lists(_word, min_size=2, max_size=2), min_size=1, max_size=5)
tables = st.builds(
    lambda head, rows: "\n".join(["| " + " | ".join(r) + " |" for r in [head, ["-", "-"], *rows]]),
    st.lists(_word, min_size=2, max_size=2),
    _rows,
)
# What has companions: headings over text and tables.
markdown = st.lists(
    st.one_of(_words.map(lambda t: f"## {t}"), _words.map(lambda t: f"{t}. {t}!"), tables), max_size=6
).map("\n\n".join)
csv = st.builds(
    lambda rows: "\n".join(",".join(row) for row in rows) + "\n",
    st.lists(st.lists(st.sampled_from(["Ann", "who", "7", "a b", ""]), min_size=2, max_size=2), max_size=8),
)
texts_and_syntax = st.one_of(
    st.tuples(st.one_of(texts, markdown), st.just("markdown")),
    st.tuples(texts, st.sampled_from(["text", "code"])),
    st.tuples(csv, st.just("csv")),
)
documents = st.lists(
    st.builds(
        lambda both, **more: Document(both[0], syntax=both[1], **more),
        texts_and_syntax,
        title=st.none() | st.text(max_size=20),
        id=st.none() | st.sampled_from(["same", "other"]),
        metadata=st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
    min_size=1,
    max_size=5,
)
_amounts = st.one_of(
    st.builds(dict, max_tokens=st.integers(1, 400) | st.just(10**6)),
    st.builds(dict, ratio=st.floats(0.01, 1.0)),
    st.builds(dict, ratio=st.floats(0.01, 1.0), min_tokens=st.integers(1, 60)),
    st.builds(dict, recall=st.floats(0.01, 1.0), recall_of=st.sampled_from(["share", "all"])),
    st.builds(dict, recall=st.floats(0.01, 1.0), max_tokens=st.integers(1, 400)),
)
_rules = st.one_of(
    st.just({}),
    st.builds(
        lambda least, more, documents: {
            "min_per_document": least,
            "max_per_document": more and least + more,
            "max_documents": documents,
        },
        st.integers(0, 3),
        st.none() | st.integers(1, 3),
        st.none() | st.integers(1, 3),
    ),
)
budgets = st.builds(lambda amount, rules: Budget(**amount, **rules), _amounts, _rules)


def by_threes(text: str) -> int:
    """A counter that is not additive."""
    return (len(text) + 2) // 3


def by_words(text: str) -> int:
    """A counter that gives white space nothing."""
    return len(text.split())


def up_and_down(text: str) -> int:
    """A counter that is not even monotone."""
    return len(text) % 17


counters = (by_threes, by_words, up_and_down)


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
        named = replace(budget, max_tokens=error.smallest, ratio=None, recall=None, min_tokens=0)
        again = compressor(question, given, budget=named)
        assert again.pieces, "the budget that the error names must work"
        return None
    except InputError:
        assert not any(d.text.strip() for d in given), "only empty input may be refused"
        return None
    # R1 and R4: the rendered text, counted by the caller's counter.
    assert count(context.text) == context.tokens_after <= context.limit
    assert context.tokens_after <= context.tokens_before
    _check_rules(context, budget)
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


def _check_rules(context: CompressedContext, budget: Budget) -> None:
    """What documents may keep; companions don't count."""
    if context.passthrough is not None:
        return
    parts = context.segmentation
    assert context.layout
    found = companions(parts, headings=context.layout.headings)
    kept = context.selection.kept
    whole, own = find_leaders(kept, found)
    # What the others bring of themselves does not count.
    chosen = (i for i in own if i not in closure(set(kept) - {i}, found))
    by_document = Counter(parts.sentences[i].document for i in chosen)
    if budget.max_documents:
        assert len(by_document) <= budget.max_documents
    if budget.max_per_document:
        assert max(by_document.values(), default=0) <= budget.max_per_document
    assert whole == set(kept), "nothing is kept without its companions"
