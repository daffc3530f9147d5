r"""Prompts for the proxy, built from pieces whose token spans are recorded while building.

A prompt is ``prefix + tail``. The prefix is the template's head, title, passage, and the instruction where
nothing stands before it. It does not depend on the question, so in a causal model its keys and values don't
either. The tail holds the question; its rows are read.

    Given the following information: {title}\n{passage}
    Answer the following question based on the given information with one or few words: {question}
    Answer:
"""

from __future__ import annotations

import hashlib
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, chain, pairwise
from math import ceil

from ..data import Segmentation
from ..errors import InputError
from ..text.blocks import LINE_END
from ..text.tokenizing import Tokenizer

Span = tuple[int, int]
TITLE_TOKENS = 256
"""What of a title a model reads; no title that is one is longer."""
_LOG = logging.getLogger("ragcompress")
ROWS = ("last", "before_last", "after", "asked", "question", "begin", "end")
"""The rows that ``make_tail`` has read; see there. Cards of probes hold these names."""


@dataclass(frozen=True, slots=True)
class Template:
    """Wording around passage and question; after Sentinel (arXiv 2505.23277, section 3)."""

    head: str = "Given the following information: "
    title: str = "{title}\n"
    known: str = "\nKnown:"
    ask: str = "\nAnswer the following question based on the given information with one or few words:"
    end: str = "\nAnswer:"

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with any wording."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids of one prompt, and where things stand in them.

    Attributes:
        prefix: ids of what stands before the tail, whatever the question.
        tail: ids of the rest, the same for every passage of a question.
        spans: (S,) token spans of the passage's sentences within ``prefix``; disjoint, ascending.
        sentences: (S,) their indices in the segmentation. A sentence too long for one prompt has its parts
            in several.
        rows: token spans within ``tail``; each is read as the mean of its tokens' rows.
        row_names: their names.
        kept: ids whose keys and values serve for this prompt and for others: the prefix, or more that begins
            with it; empty stands for the prefix.
    """

    prefix: tuple[int, ...]
    tail: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()
    sentences: tuple[int, ...] = ()
    rows: tuple[Span, ...] = ()
    row_names: tuple[str, ...] = ()
    kept: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Tokens of the whole prompt."""
        return len(self.prefix) + len(self.tail)


@dataclass(frozen=True, slots=True)
class Passage:
    """The question-independent part of a prompt: a stretch of one document, cut at sentence borders."""

    document: int
    prefix: tuple[int, ...]
    spans: tuple[Span, ...]
    sentences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tail:
    """The part of a prompt that depends on the question, and the rows to read in it.

    Attributes:
        ids: token ids.
        rows, row_names: as ``Prompt``'s.
        before: ids that stand behind every passage, before ``ids``: they belong to the prompt's prefix.
        kept: ids that stand behind the passage where its keys and values are kept.
    """

    ids: tuple[int, ...]
    rows: tuple[Span, ...]
    row_names: tuple[str, ...]
    before: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Tokens that stand behind a passage."""
        return len(self.before) + len(self.ids)


def make_tail(tokenizer: Tokenizer, template: Template, question: str, facts: Sequence[str] = ()) -> Tail:
    """Build the tail for a question, with the rows that are read in it.

    ``last`` is the row of the very last token, from which an answer would go on, ``before_last`` the one
    before it. ``asked`` is that of the question's last token, which has seen all of it, ``after`` the one
    behind. ``question`` is the mean over the question's tokens, ``begin`` and ``end`` those over its halves,
    which may ask for different things.

    Args:
        facts: sentences already known to matter, put before the question; with them one more row, ``facts``,
            the mean over their tokens, is read.
    """
    texts = [template.ask, " " + question, template.end]
    if facts:
        texts = [template.known, " " + " ".join(facts), *texts]
    pieces = [tuple(ids) for ids in tokenizer.encode(texts)]
    ask = pieces[-3]
    parts = pieces if facts else pieces[1:]
    starts = list(accumulate(map(len, parts), initial=0))
    start, stop, end = starts[-3:]
    half = (start + stop) // 2
    rows = {
        "last": (end - 1, end),
        "before_last": (end - 2, end - 1),
        "after": (stop, stop + 1),
        "asked": (stop - 1, stop),
        "question": (start, stop),
        "begin": (start, max(half, start + 1)),
        "end": (half, stop),
    }
    if facts:
        rows["facts"] = (starts[1], starts[2])
    return Tail(tuple(chain(*parts)), tuple(rows.values()), tuple(rows), () if facts else ask, ask)


def cut_passages(
    tokenizer: Tokenizer, template: Template, segmentation: Segmentation, max_tokens: int
) -> tuple[Passage, ...]:
    """Cut documents into passages of at most ``max_tokens`` tokens, evenly, at sentence borders.

    A sentence or block that is longer than that is cut into parts of its own, before lines where it has some;
    no token is left out.

    Args:
        max_tokens: ceiling on a passage's own tokens, without template and title.
    """
    if max_tokens < 1:
        raise InputError(f"max_tokens of a passage must be at least 1, got {max_tokens}")
    sentences = segmentation.sentences
    pieces = [sentence_piece(segmentation, i) for i in range(len(sentences))]
    encoded = tokenizer.encode(pieces)
    titles = short_titles(tokenizer, segmentation)
    titles = [template.title.format(title=t) if t else "" for t in titles]
    heads = [
        list(tokenizer.prefix_ids) + ids for ids in tokenizer.encode([template.head + t for t in titles])
    ]
    passages: list[Passage] = []
    first = 0
    while first < len(sentences):
        document = sentences[first].document
        stop = first
        while stop < len(sentences) and sentences[stop].document == document:
            stop += 1
        parts = [
            (i, part)
            for i in range(first, stop)
            for part in cut_parts(tokenizer, pieces[i], encoded[i], max_tokens)
        ]
        passages += [_passage(document, heads[document], group) for group in _groups(parts, max_tokens)]
        first = stop
    return tuple(passages)


def short_titles(tokenizer: Tokenizer, segmentation: Segmentation) -> list[str]:
    """Titles as prompts have them: the beginning of one that is longer than any title should be.

    A title stands before every passage of its document, so one of thousands of tokens would cost as much as a
    long document, and leave no room for the question. That it is cut is said in the log.
    """
    titles = [d.title or "" for d in segmentation.documents]
    # No tokenizer makes fewer than one token of so many characters, so most need no counting.
    long = [i for i, title in enumerate(titles) if len(title) > TITLE_TOKENS]
    for i, ids in zip(long, tokenizer.encode([titles[i] for i in long]), strict=True):
        if len(ids) > TITLE_TOKENS:
            titles[i] = titles[i][: tokenizer.starts(titles[i])[TITLE_TOKENS]]
            _LOG.warning(
                "the title of document %d has %d tokens; the model reads the first %d",
                i,
                len(ids),
                TITLE_TOKENS,
            )
    return titles


def join(passage: Passage, tail: Tail) -> Prompt:
    """Put a passage and a tail together."""
    return Prompt(
        prefix=passage.prefix + tail.before,
        tail=tail.ids,
        spans=passage.spans,
        sentences=passage.sentences,
        rows=tail.rows,
        row_names=tail.row_names,
        kept=passage.prefix + tail.kept,
    )


def sentence_piece(segmentation: Segmentation, index: int) -> str:
    """A sentence with the white space before it, so that pieces tile the passage; none at the very start."""
    gap = segmentation.gap_before(index)
    first = not index or segmentation.sentences[index - 1].document != segmentation.sentences[index].document
    return ("" if first else gap) + segmentation.sentences[index].text


def cut_parts(tokenizer: Tokenizer, piece: str, ids: list[int], max_tokens: int) -> list[list[int]]:
    """Cut what is too long evenly; rows, lines and items stay whole if they are not too long themselves."""
    if len(ids) <= max_tokens:
        return [ids]
    size = ceil(len(ids) / ceil(len(ids) / max_tokens))
    borders = _line_borders(tokenizer, piece)
    cuts = [0]
    while len(ids) - cuts[-1] > max_tokens:
        start = cuts[-1]
        # Before the last line that begins within an even part, else before the first within a full one.
        k = bisect_right(borders, start + size)
        if k and borders[k - 1] > start:
            cuts.append(borders[k - 1])
        elif k < len(borders) and borders[k] <= start + max_tokens:
            cuts.append(borders[k])
        else:
            cuts.append(start + size)
    return [ids[a:b] for a, b in pairwise([*cuts, len(ids)])]


def _line_borders(tokenizer: Tokenizer, piece: str) -> list[int]:
    """The first token of every line but the first."""
    starts = tokenizer.starts(piece)
    return sorted({bisect_left(starts, m.end()) for m in LINE_END.finditer(piece)} - {0, len(starts)})


def _groups(parts: list[tuple[int, list[int]]], max_tokens: int) -> list[list[tuple[int, list[int]]]]:
    """Greedy packing towards an even fill: the fewest passages, none much shorter than the others."""
    total = sum(len(ids) for _, ids in parts)
    goal = total / max(1, ceil(total / max_tokens))
    groups: list[list[tuple[int, list[int]]]] = []
    filled = 0
    for part in parts:
        size = len(part[1])
        full = filled + size > max_tokens or filled + size / 2 > goal
        # Two parts of one over-long sentence never share a passage: a sentence has one span per prompt.
        if not groups or full or groups[-1][-1][0] == part[0]:
            groups.append([])
            filled = 0
        groups[-1].append(part)
        filled += size
    return groups


def _passage(document: int, head: list[int], group: list[tuple[int, list[int]]]) -> Passage:
    ids, spans = list(head), []
    for _, part in group:
        spans.append((len(ids), len(ids) + len(part)))
        ids += part
    return Passage(document, tuple(ids), tuple(spans), tuple(index for index, _ in group))
