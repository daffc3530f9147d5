"""Chunks of one text: found, read as one text, and laid out as one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress.budget import Budget
from ragcompress.data import Document, Scores, Segmentation
from ragcompress.selection.companions import closure, discount_broken
from ragcompress.selection.layout import Layout
from ragcompress.selection.ordering import ORDERS
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment
from ragcompress.text.stretches import find_stretches

PROPERTY = tries(60)
MANUAL = """checkpoint_timeout (integer)

    Maximum time between automatic checkpoints. The valid range is between 30 seconds and one day. If it
    is given without units, it is taken as seconds. The default is five minutes (5min).

checkpoint_completion_target (floating point)

    Specifies the target of the completion, as a fraction. The default is 0.9.

checkpoint_warning (integer)

    Write a message to the log if checkpoints follow each other closely. The default is 30 seconds.
"""


def chunks(*borders: tuple[int, int], indexed: bool = True, source: str = "a.txt") -> list[Document]:
    """Stretches of the manual, stripped as splitters do it."""
    found = []
    for start, end in borders:
        text = MANUAL[start:end]
        at = start + len(text) - len(text.lstrip())
        found.append(Document(text.strip(), "Manual", None, {"source": source, "start_index": at}))
    if not indexed:
        return [Document(d.text, d.title) for d in found]
    return found


TARGET = MANUAL.index("checkpoint_completion")
CUT = MANUAL.index("taken as seconds")
HALVES = ((0, CUT), (CUT - 60, len(MANUAL)))


@pytest.mark.parametrize("indexed", [True, False])
def test_chunks_that_overlap_are_one_text_whatever_their_order(indexed: bool) -> None:
    first, second = chunks(*HALVES, indexed=indexed)
    found = find_stretches([second, Document("Other text. More of it."), first])
    assert [s.documents for s in found.all] == [(2, 0), (1,)]
    assert found.all[0].text == MANUAL.strip()
    assert found.goes_on(2, 0) and not found.goes_on(0, 2) and not found.goes_on(1, 0)


def test_offsets_that_are_wrong_or_of_another_source_join_nothing() -> None:
    first, second = chunks(*HALVES)
    (other,) = chunks(HALVES[1], source="b.txt")
    wrong = Document(second.text, second.title, None, {"source": "a.txt", "start_index": 5})
    assert not find_stretches([first, other]).ranks
    assert not find_stretches([first, wrong]).ranks
    assert not find_stretches([first, first]).ranks


def test_a_value_brings_its_name_from_the_chunk_before() -> None:
    second, first = chunks(*reversed(HALVES))
    parts = segment([second, first])
    found = companions(parts)
    value = next(i for i, s in enumerate(parts.sentences) if s.text.startswith("The default is five"))
    kept = found.in_order(closure([value], found))
    assert [parts.sentences[i].text for i in kept] == [
        "checkpoint_timeout (integer)", "The default is five minutes (5min).",
    ]  # fmt: skip
    text = Layout(len).render(parts, (value,), Scores(np.zeros(len(parts.sentences)), "given")).text
    assert text == "Manual\ncheckpoint_timeout (integer)\n\nThe default is five minutes (5min)."
    assert not found.broken


def test_half_a_sentence_is_a_copy_of_the_whole_one() -> None:
    parts = segment(chunks((0, CUT), (CUT - 100, len(MANUAL))))
    found = companions(parts)
    wholes = {parts.sentences[i].text: parts.sentences[j].text for i, j in found.copies.items()}
    assert wholes["If it\n    is given without units, it is"].endswith("it is taken as seconds.")
    assert wholes["kpoints."].endswith("between automatic checkpoints.")
    assert len(wholes) == 3


def test_a_description_without_its_name_is_worth_less() -> None:
    parts = segment(chunks((CUT, len(MANUAL))))
    found = companions(parts)
    texts = [parts.sentences[i].text for i in sorted(found.broken)]
    assert texts[-1] == "The default is five minutes (5min)."
    even = Scores(np.ones(len(parts.sentences)), "given", calibrated=True)
    values = discount_broken(even, found).values
    assert {i for i, v in enumerate(values) if v < 1} == set(found.broken)
    parts = segment(chunks((0, CUT)))
    assert [parts.sentences[i].text[-5:] for i in companions(parts).broken] == ["it is"]


def test_the_end_of_a_section_is_no_description() -> None:
    mill = "It was built in 1902, of larch, by Anna Lund."
    text = f"The mill stands by the river.\n\n\nThe second mill\n\n\n\n{mill}"
    parts = segment([Document(text, "Mills", None, {"source": "a", "start_index": 900})])
    assert [s.kind for s in parts.sentences] == ["prose", "term", "prose"]
    found = companions(parts)
    assert found.needs == {2: (1,)}
    assert not found.broken


@PROPERTY
@given(
    st.lists(st.integers(1, len(MANUAL) - 1), min_size=1, max_size=4, unique=True),
    st.integers(0, 90),
    st.permutations(range(5)),
    st.sampled_from(ORDERS),
    st.sampled_from(["text", "plain", "md", "xml"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 900),
)
def test_chunks_keep_all_promises(
    borders: list[int], overlap: int, mixed: list[int], order: str, format: str, together: bool,
    indexed: bool, limit: int,
) -> None:  # fmt: skip
    edges = [0, *sorted(borders), len(MANUAL)]
    spans = [(max(0, a - overlap), b) for a, b in pairwise(edges)]
    made = [d for d in chunks(*spans, indexed=indexed) if d.text]
    documents = [made[i] for i in mixed if i < len(made)]
    parts = segment(documents)
    _check(parts, Layout(len, order, format, keep_together=together), limit)


def _check(parts: Segmentation, layout: Layout, limit: int) -> None:
    scores = Scores(np.random.default_rng(limit).random(len(parts.sentences)), "random")
    before = layout.tokens_before(parts)
    found = companions(parts)
    own = [i for i in range(len(parts.sentences)) if i not in found.copies]
    smallest = min(len(layout.render(parts, (i,), scores).text) for i in own)
    selection = layout.select(parts, scores, max(limit, smallest), budget=Budget(ratio=1))
    rendered = layout.render(parts, selection.kept, scores)
    sequence = [p.sentence for p in rendered.pieces]
    assert len(rendered.text) <= max(limit, smallest, before)
    assert sorted(sequence) == list(selection.kept)
    assert all(rendered.text[p.start : p.end] == parts.sentences[p.sentence].text for p in rendered.pieces)
    assert not set(found.copies) & set(selection.kept)
    assert not set(found.copies) & {n for needed in found.needs.values() for n in needed}
    for index, needed in found.needs.items():
        if index in sequence:
            assert all(sequence.index(n) < sequence.index(index) for n in needed)
    assert sorted([*selection.kept, *selection.dropped]) == list(range(len(parts.sentences)))


MAN = (
    "       wait SECONDS\n              How long the mill waits for the corn to come.\n"
    "              The default is 30, which is enough for most, as\n              others do not wait.\n"
    "       | Mill | Year |\n"
)


def _chunks(text: str, *cuts: int) -> list[Document]:
    parts = [(a, text[a:b]) for a, b in pairwise([0, *cuts, len(text)])]
    starts = [(a + len(part) - len(part.lstrip()), part.strip()) for a, part in parts]
    return [Document(part, metadata={"source": "a", "start_index": a}) for a, part in starts]


def test_indentation_that_a_splitter_stripped_is_known_from_other_lines() -> None:
    parts = segment(_chunks(MAN, MAN.index("\n              The default"), MAN.index("\n       |")))
    needs = companions(parts).needs
    (index,) = (i for i, s in enumerate(parts.sentences) if s.text.startswith("The default"))
    assert [parts.sentences[i].text for i in needs[index]] == ["wait SECONDS"]


def test_a_wide_gap_that_no_line_explains_parts_two_texts() -> None:
    text = "load(path)¶\n\nLoads all of it.\n\n\nmerge(others)¶\n\n\nMessages are put together. So it goes.\n"
    a, b = text.index("\n\n\nmerge"), text.index("Messages")
    chunks = [
        Document(t, metadata={"source": "a", "start_index": i}) for i, t in ((0, text[:a]), (b, text[b:]))
    ]
    parts = segment(chunks)
    assert len(find_stretches(chunks).all) == 2
    assert not any(parts.sentences[i].document == 1 for i in companions(parts).needs)


def test_a_gap_in_text_of_html_is_no_indentation() -> None:
    text = (
        "wait¶\nHow long it waits.\n\n    mill -w\n\nIt is 3.\n\n\n\n\nspeed¶\nTurns a minute.\nNew in 1.3.\n"
    )
    parts = segment(_chunks(text, text.index("\n\n\n\n\nspeed")))
    needs = companions(parts).needs
    last = len(parts.sentences) - 1
    assert [parts.sentences[i].text for i in needs[last]] == ["speed¶"]


def test_a_sentence_in_two_chunks_that_touch_is_whole() -> None:
    parts = segment(_chunks(MAN, MAN.index("\n              others")))
    found = companions(parts)
    half, rest = (
        next(i for i, s in enumerate(parts.sentences) if s.text.startswith(t)) for t in ("The d", "oth")
    )
    assert half in found.needs[rest] and found.opens[half][0] == rest
    assert not {half, rest} & found.broken.keys()


def test_rows_of_a_table_that_a_splitter_cut_bring_its_header() -> None:
    table = "| Mill | Year |\n| --- | --- |\n| Skarn | 1931 |\n| Ask | 1940 |\n| Holm | 1950 |\n\nThey go.\n"
    parts = segment(_chunks(table, table.index("\n| Ask")))
    needs = companions(parts).needs
    rows = [i for i, s in enumerate(parts.sentences) if s.kind == "table row"]
    assert len(rows) == 2 and all(parts.sentences[needs[i][0]].text.startswith("| Mill") for i in rows)
