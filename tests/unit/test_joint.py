"""Joint prompts: nothing is left out, nothing is too long, spans are where they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress import InputError, Segmentation
from ragcompress import given as from_sentences
from ragcompress.prompts.passages import Span
from ragcompress.prompts.windows import (
    JointTemplate,
    cut_windows,
    gather,
    joint_tail,
    longest_prompt,
    only_row,
)
from ragcompress.testing import FakeProxy

TOKENIZER = FakeProxy().tokenizer
TEMPLATE = JointTemplate(head="Q: {question}\n", mark="[{number}] ", ask="\nQ:", end="\nA:")
SENTENCES = st.lists(st.text("ab {}é", min_size=1, max_size=40).filter(str.strip), max_size=5)


def text(ids: tuple[int, ...], span: Span | None = None) -> str:
    return bytes(i for i in ids[slice(*(span or (0, None)))] if i < 256).decode()


def windows(segmentation: Segmentation, room: int, **more: object):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return cut_windows(TOKENIZER, TEMPLATE, segmentation, question="{x}?", room=room, **more)  # type: ignore[arg-type]


def test_a_prompt_as_it_is_written() -> None:
    parts = from_sentences([["One.", "Two."], ["Three."]], titles=["{number}", None])
    (window,) = windows(parts, 200)
    assert text(window.prefix) == "Q: {x}?\n[1] {number}\nOne. Two.\n\n[2] Three."
    assert [text(window.prefix, s) for s in window.spans] == ["One.", " Two.", "Three."]
    assert [text(window.prefix, b) for b in window.blocks] == ["{number}\nOne. Two.", "Three."]
    assert (window.sentences, window.documents) == ((0, 1, 2), (0, 1))
    tail = joint_tail(TOKENIZER, TEMPLATE, "{x}?")
    assert text(tail.ids) == "\nQ: {x}?\nA:"
    rows = dict(zip(tail.row_names, (text(tail.ids, r) for r in tail.rows), strict=True))
    assert rows == {"last": ":", "question": " {x}?", "query": "\nQ: {x}?\nA:"}
    assert only_row(tail, "question").rows == (tail.rows[1],)
    tokens = window.by_token(tail)
    assert "".join(text(tokens.prefix, s) for s in tokens.spans) == "One. Two.Three."
    assert tokens.sentences == (0,) * 4 + (1,) * 5 + (2,) * 6
    assert window.by_document(tail).spans == window.blocks


@tries(100)
@given(st.lists(SENTENCES, min_size=1, max_size=4), st.integers(40, 120), st.data())
def test_every_token_is_read_once_in_order(
    documents: list[list[str]], room: int, data: st.DataObject
) -> None:
    titles = [data.draw(st.none() | st.text("t{}", max_size=8)) for _ in documents]
    parts = from_sentences(documents, titles=titles)
    found = windows(parts, room)
    assert all(len(w.prefix) <= room for w in found)
    read: dict[int, bytes] = {}
    for w in found:
        assert len(set(w.sentences)) == len(w.sentences)
        assert sorted(w.spans) == list(w.spans)
        for index, span in zip(w.sentences, w.spans, strict=True):
            read[index] = read.get(index, b"") + bytes(w.prefix[slice(*span)])
            block = w.blocks[w.documents.index(parts.sentences[index].document)]
            assert block[0] <= span[0] < span[1] <= block[1]
    assert list(read) == list(range(len(parts.sentences)))
    assert [r.decode().strip() for r in read.values()] == [s.text for s in parts.sentences]


def test_documents_may_come_in_another_order() -> None:
    parts = from_sentences([["One.", "Two."], ["Three."]])
    (window,) = windows(parts, 200, sequence=[2, 1])
    assert text(window.prefix) == "Q: {x}?\n[2] Three.\n\n[1]  Two."
    assert (window.sentences, window.documents) == ((2, 1), (1, 0))


def test_a_title_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(InputError, match="leave no room"):
        windows(from_sentences([["One."]], titles=["t" * 100]), 80)


def test_a_sentence_in_parts_counts_as_its_best() -> None:
    parts = from_sentences([["a" * 90, "b"]])
    found = windows(parts, 60)
    assert [w.sentences for w in found] == [(0,), (0, 1)]
    values = [np.full(len(w.sentences), float(n)) for n, w in enumerate(found)]
    assert gather(2, found, values).tolist() == [1, 1]


@pytest.mark.parametrize("window_tokens", [0, 2049])
def test_windows_that_the_proxy_can_not_read_are_refused(window_tokens: int) -> None:
    with pytest.raises(InputError, match="window_tokens must be 1 … 2048"):
        longest_prompt(FakeProxy().info.max_tokens, window_tokens)
    assert longest_prompt(FakeProxy().info.max_tokens, None) == 2048
