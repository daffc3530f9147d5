"""Joint prompts: many documents in one prompt, as the papers read them (``prompting``: a passage in each).

A joint prompt is ``prefix + tail`` like any other: the documents stand before the question, so the keys and
values of the prefix serve every tail, unless the template puts the question before the documents as well.
What does not fit into one prompt goes into several windows, cut at sentence borders; nothing is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from ..data import FloatArray, Segmentation
from ..errors import InputError
from ..text.tokenizing import Tokenizer
from .passages import Prompt, Span, Tail, cut_parts, sentence_piece, short_titles


@dataclass(frozen=True, slots=True)
class JointTemplate:
    """Wording around documents and question; the default is Sentinel's (arXiv 2505.23277, section 3).

    Attributes:
        head: before the documents; ``{question}`` in it stands for the question.
        mark: before each document; ``{number}`` in it stands for its position, counted from 1.
        title: the title of a document that has one.
        between: between documents.
        ask, end: before and after the question.
    """

    head: str = "Given the following information: "
    mark: str = ""
    title: str = "{title}\n"
    between: str = "\n\n"
    ask: str = "\nAnswer the following question based on the given information with one or few words:"
    end: str = "\nAnswer:"

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with any wording."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Window:
    """As much of the documents as one joint prompt takes: the part of it that stands before the tail.

    Attributes:
        prefix: token ids.
        spans: (N,) token spans of sentences, or of parts of a sentence that is too long for one window.
        sentences: (N,) their indices in the segmentation.
        blocks: token span of each document, title and sentences.
        documents: their positions in the segmentation.
    """

    prefix: tuple[int, ...]
    spans: tuple[Span, ...]
    sentences: tuple[int, ...]
    blocks: tuple[Span, ...]
    documents: tuple[int, ...]

    def by_sentence(self, tail: Tail) -> Prompt:
        """Prompt whose attention is summed over sentences."""
        return self._prompt(tail, self.spans, self.sentences)

    def by_document(self, tail: Tail) -> Prompt:
        """Prompt whose attention is summed over documents; its ``sentences`` are positions of documents."""
        return self._prompt(tail, self.blocks, self.documents)

    def by_token(self, tail: Tail) -> Prompt:
        """Prompt whose attention is that on each token of each sentence."""
        tokens = [(i, t) for i, (a, b) in zip(self.sentences, self.spans, strict=True) for t in range(a, b)]
        return self._prompt(tail, tuple((t, t + 1) for _, t in tokens), tuple(i for i, _ in tokens))

    def _prompt(self, tail: Tail, spans: tuple[Span, ...], sentences: tuple[int, ...]) -> Prompt:
        return Prompt(
            prefix=self.prefix,
            tail=tail.ids,
            spans=spans,
            sentences=sentences,
            rows=tail.rows,
            row_names=tail.row_names,
        )


def joint_tail(tokenizer: Tokenizer, template: JointTemplate, question: str) -> Tail:
    """Build the tail for a question; its rows are ``last``, ``question`` and ``query`` (all of the tail)."""
    ask, question_ids, end = tokenizer.encode([template.ask, " " + question, template.end])
    ids = (*ask, *question_ids, *end)
    rows = {
        "last": (len(ids) - 1, len(ids)),
        "question": (len(ask), len(ask) + len(question_ids)),
        "query": (0, len(ids)),
    }
    return Tail(ids, tuple(rows.values()), tuple(rows))


def only_row(tail: Tail, name: str) -> Tail:
    """The tail with one of its rows, so that the others are not read."""
    return Tail(tail.ids, (tail.rows[tail.row_names.index(name)],), (name,))


def longest_prompt(max_tokens: int, window_tokens: int | None) -> int:
    """Tokens that a joint prompt may have: ``window_tokens``, or the ``max_tokens`` that the proxy reads.

    Raises:
        InputError: if ``window_tokens`` is less than 1, or more than the proxy reads.
    """
    if window_tokens is None:
        return max_tokens
    if not 1 <= window_tokens <= max_tokens:
        raise InputError(f"window_tokens must be 1 … {max_tokens}, what the proxy reads, got {window_tokens}")
    return window_tokens


def cut_windows(
    tokenizer: Tokenizer,
    template: JointTemplate,
    segmentation: Segmentation,
    *,
    question: str,
    room: int,
    sequence: Sequence[int] | None = None,
) -> tuple[Window, ...]:
    """Pack sentences into as few windows as their order allows.

    Args:
        question: for templates that put it before the documents.
        room: ceiling on the tokens of a window's prefix.
        sequence: indices of the sentences to read, document by document; None: all, in source order.

    Raises:
        InputError: if the wording, the question and the longest title leave no room.
    """
    sequence = range(len(segmentation.sentences)) if sequence is None else sequence
    head, between = tokenizer.encode([template.head.format(question=question), template.between])
    headers = _headers(tokenizer, template, segmentation)
    longest = room - len(tokenizer.prefix_ids) - len(head) - len(between)
    longest -= max((len(mark) + len(title) for mark, title in headers), default=0)
    _check_room(longest)
    pieces = [sentence_piece(segmentation, i) for i in sequence]
    drafts: list[_Draft] = []
    for index, piece, ids in zip(sequence, pieces, tokenizer.encode(pieces), strict=True):
        document = segmentation.sentences[index].document
        for part in cut_parts(tokenizer, piece, ids, longest):
            opening = between, *headers[document]
            if not drafts or drafts[-1].documents[-1] == document:
                opening = [], [], []
            # Two parts of one sentence never share a window: a sentence has one span in each.
            full = drafts and len(drafts[-1].ids) + sum(map(len, opening)) + len(part) > room
            if not drafts or full or drafts[-1].sentences[-1] == index:
                drafts.append(_Draft([*tokenizer.prefix_ids, *head]))
                opening = [], *headers[document]
            drafts[-1].add(index, document, opening, part)
    return tuple(draft.window() for draft in drafts)


def _check_room(longest: int) -> None:
    """Refuse windows in which a sentence of at most so many tokens must find room."""
    if longest < 1:
        raise InputError(
            f"the question with its wording, and the longest title, leave no room for a sentence "
            f"({1 - longest} tokens too many); shorten them, or let a window have more tokens"
        )


def gather(n_sentences: int, windows: Sequence[Window], values: Sequence[FloatArray]) -> FloatArray:
    """(S,) from values of each window's spans; a sentence that was cut counts as its best part."""
    result = np.full(n_sentences, -np.inf)
    for window, of_window in zip(windows, values, strict=True):
        np.maximum.at(result, np.array(window.sentences, dtype=np.int64), of_window)
    return result


def _headers(
    tokenizer: Tokenizer, template: JointTemplate, segmentation: Segmentation
) -> list[tuple[list[int], list[int]]]:
    """Ids of mark and title of every document."""
    documents = segmentation.documents
    marks = tokenizer.encode([template.mark.format(number=n + 1) for n in range(len(documents))])
    short = short_titles(tokenizer, segmentation)
    titles = tokenizer.encode([template.title.format(title=t) if t else "" for t in short])
    return list(zip(marks, titles, strict=True))


@dataclass(slots=True)
class _Draft:
    """A window that is being filled."""

    ids: list[int]
    spans: list[Span] = field(default_factory=list)
    sentences: list[int] = field(default_factory=list)
    blocks: list[Span] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)

    def add(self, index: int, document: int, opening: Sequence[list[int]], part: list[int]) -> None:
        """Add a sentence; ``opening`` is what stands between, mark and title, empty within a document."""
        between, mark, title = opening
        self.ids += between + mark
        if not self.documents or document != self.documents[-1]:
            self.blocks.append((len(self.ids), 0))
            self.documents.append(document)
        self.ids += title
        self.spans.append((len(self.ids), len(self.ids) + len(part)))
        self.sentences.append(index)
        self.ids += part
        self.blocks[-1] = (self.blocks[-1][0], len(self.ids))

    def window(self) -> Window:
        return Window(
            tuple(self.ids),
            tuple(self.spans),
            tuple(self.sentences),
            tuple(self.blocks),
            tuple(self.documents),
        )
