"""What a reader of a compressed context sees: are values under their names, is what is kept whole?"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from .manual_pages import Letters, Located, Question, Span

# Fewer letters and digits than these are no statement.
_FEWEST = 8
_END = re.compile(r"[.!?:;…。][\"'”’)\]*_`]*$")
_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
# Descriptions that begin with so many letters in common are one text on two pages.
_ALIKE = 24


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept unit: page and stretch of its text; the chunk that it is from, and that one's stretch.

    Attributes:
        goes_on: it stands in the context without a heading between it and the unit before, of the same page.
    """

    page: int
    span: Span
    chunk: int
    whole: Span
    goes_on: bool = False


@dataclass(slots=True)
class Judgment:
    """What was seen in one context.

    Attributes:
        right: the wanted words are kept, under their name. What several pages say of it, such as a man page
            and the page of a site, is kept once, and any of them will do.
        here: the same, on the page that was asked about.
        kept: the wanted words are kept, on any of them.
        described: stretches of descriptions that are kept.
        mislabeled: of these, those that stand under another's name.
        units: kept units.
        orphans: kept units without what they need, by kind.
        unbalanced: a code fence is open at the end.
        faults: what is wrong, in words.
    """

    right: bool = False
    here: bool = False
    kept: bool = False
    described: int = 0
    mislabeled: int = 0
    units: int = 0
    orphans: Counter[str] = field(default_factory=Counter)
    unbalanced: bool = False
    faults: list[str] = field(default_factory=list)


def judge(text: str, pieces: Sequence[Kept], pages: Sequence[Located], question: Question) -> Judgment:
    """Look at a context as a reader does, from top to bottom.

    A name counts until another one, or until another document begins: a title stands there.
    """
    judgment = Judgment(units=len(pieces), unbalanced=len(_FENCE.findall(text)) % 2 == 1)
    covered = _covered(pieces)
    answers = _answers(pages, question, covered)
    label: int | None = None
    known: set[tuple[int, int]] = set()
    before: Kept | None = None
    for number, piece in enumerate(pieces):
        page = pages[piece.page]
        if before is None or before.page != piece.page or not (before.chunk == piece.chunk or piece.goes_on):
            label, known = None, set()
        following = pieces[number + 1] if number + 1 < len(pieces) else None
        fault = _edge(piece, page) or _opens_nothing(piece, following, page) or _row(piece, page, covered)
        for start, owner in _stretches(piece, page):
            if isinstance(owner, str):
                label = int(owner)
                known.add((piece.page, label))
                continue
            judgment.described += 1
            if (piece.page, owner) not in known:
                owner = page.subject(owner)
            is_named = (piece.page, owner) in known
            if is_named and label is not None and (label == owner or page.is_within(label, owner)):
                wanted = answers.get((piece.page, owner))
                if wanted and start <= wanted[1] and _is_covered(wanted, covered[piece.page]):
                    judgment.right = True
                    judgment.here = judgment.here or (piece.page, owner) == (question.page, question.entry)
            elif label is None:
                fault = fault or ("label" if _has_name(piece, page, owner) else "label in another chunk")
            else:
                judgment.mislabeled += 1
                owned, over = (page.page.entries[n].name for n in (owner, label))
                words = page.text[start : piece.span[1]][:90]
                judgment.faults.append(f"mislabeled: {words!r} of {owned!r} under {over!r}")
        if fault:
            judgment.orphans[fault] += 1
            judgment.faults.append(f"{fault}: {page.text[slice(*piece.span)][:120]!r}")
        before = piece
    judgment.kept = any(_is_covered(span, covered[number]) for (number, _), span in answers.items())
    return judgment


def is_at_hand(chunks: Sequence[tuple[int, Span]], page: Located, question: Question) -> bool:
    """Whether one chunk holds the wanted words with their name."""
    wanted = _wanted(page, question)
    entry = page.by_number.get(question.entry)
    return bool(
        wanted
        and entry
        and any(
            p == question.page
            and a <= entry.name[0]
            and entry.name[1] <= b
            and a <= wanted[0]
            and wanted[1] <= b
            for p, (a, b) in chunks
        )
    )


def _wanted(page: Located, question: Question) -> Span | None:
    entry = page.by_number.get(question.entry)
    return page.letters.find(question.wanted, entry.description) if entry else None


def _answers(
    pages: Sequence[Located], question: Question, among: Iterable[int]
) -> dict[tuple[int, int], Span]:
    """Where the wanted words stand on some pages, by page and entry: that of the question, and its repeats.

    A repeat has the same name, begins its description with the same words, and has the same sentence.
    """
    named = pages[question.page].by_number.get(question.entry)
    if named is None:
        return {}
    described = pages[question.page].page.entries[question.entry]
    sentence = _sentence(described.description, question.wanted)
    answers = {}
    for number in among:
        page = pages[number]
        for entry in page.entries:
            there = page.page.entries[entry.number]
            is_asked = (number, entry.number) == (question.page, question.entry)
            if is_asked or (
                _letters(there.name) == _letters(described.name)
                and _letters(there.description)[:_ALIKE] == _letters(described.description)[:_ALIKE]
                and _sentence(there.description, question.wanted) == sentence
            ):
                if span := page.letters.find(question.wanted, entry.description):
                    answers[number, entry.number] = span
    return answers


@lru_cache(maxsize=100_000)
def _letters(text: str) -> str:
    return Letters(text).text


def _sentence(description: str, wanted: str) -> str:
    """Letters and digits of the first sentence that holds some words; without, those of the words."""
    words = _letters(wanted)
    sentences = (_letters(sentence) for sentence in _SENTENCES.split(description))
    return next((sentence for sentence in sentences if words in sentence), words)


def _covered(pieces: Sequence[Kept]) -> dict[int, list[Span]]:
    """Stretches of each page that are kept, joined where only a blank is between."""
    covered: dict[int, list[Span]] = {}
    for page, span in sorted((p.page, p.span) for p in pieces):
        spans = covered.setdefault(page, [])
        if spans and span[0] <= spans[-1][1] + 2:
            spans[-1] = (spans[-1][0], max(spans[-1][1], span[1]))
        else:
            spans.append(span)
    return covered


def _is_covered(span: Span, spans: Sequence[Span]) -> bool:
    return any(a <= span[0] and span[1] <= b for a, b in spans)


def _stretches(piece: Kept, page: Located) -> list[tuple[int, int | str]]:
    """Names that stand whole in a unit (as strings), and stretches of descriptions, in order."""
    a, b = piece.span
    borders = {a}
    names: list[tuple[int, int | str]] = []
    near = page.near(a, b)
    for entry in near:
        # One of several names is enough, and a name is one without its type.
        first, last = max(a, entry.name[0]), min(b, entry.name[1])
        if any(c.isalnum() for c in page.text[first:last]):
            names.append((first, str(entry.number)))
        borders.update(x for x in (*entry.name, *entry.description) if a < x < b)
    starts: list[tuple[int, int | str]] = list(names)
    ordered = [*sorted(borders), b]
    for start, end in pairwise(ordered):
        in_name = any(e.name[0] <= start < e.name[1] for e in near)
        letters = sum(c.isalnum() for c in page.text[start:end])
        owner = page.owner(start + len(page.text[start:end]) - len(page.text[start:end].lstrip()))
        if owner is not None and letters >= _FEWEST and not in_name:
            starts.append((start, owner))
    return sorted(starts, key=lambda item: (item[0], isinstance(item[1], int)))


def _has_name(piece: Kept, page: Located, owner: int) -> bool:
    """Whether the chunk of a unit holds the name of an entry."""
    name, whole = page.by_number[owner].name, piece.whole
    return whole[0] <= name[0] and name[1] <= whole[1]


def _edge(piece: Kept, page: Located) -> str:
    """``fragment`` where the edge of its chunk cuts the unit within a sentence."""
    (a, b), (first, last), text = piece.span, piece.whole, page.text
    if first and not text[first:a].strip() and _goes_on(text[:first], text[a:b]):
        return "fragment"
    if last < len(text) and not text[b:last].strip() and _goes_on(text[:b], text[last:]):
        return "fragment"
    return ""


def _goes_on(before: str, behind: str) -> bool:
    """Whether a sentence stands on both sides of a cut."""
    tail, head = before[-200:], behind[:200]
    bare = tail.rstrip()
    gap = tail[len(bare) :] + head[: len(head) - len(head.lstrip())]
    if not bare or not head.strip() or _END.search(bare) or gap.count("\n") > 1:
        return False
    return "\n" not in gap or head.strip()[0].islower()


def _opens_nothing(piece: Kept, following: Kept | None, page: Located) -> str:
    """``colon`` or ``heading`` for what announces something of which nothing is kept behind it."""
    (a, b), text = piece.span, page.text
    goes_on = following is not None and following.page == piece.page and following.span[0] >= b
    heading = next(((level, s) for level, s in page.headings if a <= s[0] and s[1] <= b + 1), None)
    if heading and b - a <= heading[1][1] - heading[1][0] + 12:
        starts = [s[0] for level, s in page.headings if level <= heading[0] and s[0] > heading[1][0]]
        end = starts[0] if starts else len(text)
        return "" if goes_on and following and following.span[0] < end else "heading"
    if text[a:b].rstrip("*_` ")[-1:] == ":" and not any(e.name[1] >= b > e.name[0] for e in page.near(a, b)):
        if not text[b:].strip():
            return ""
        if goes_on and following:
            # Of a list that it announces any item will do.
            at = following.span[0]
            if not text[b:at].strip() or page.begins_list(b, at):
                return ""
        return "colon"
    return ""


def _row(piece: Kept, page: Located, covered: dict[int, list[Span]]) -> str:
    """``row`` where a row of a table is not whole, or stands without its header."""
    k = bisect_right([row[0] for _, row in page.rows], piece.span[0]) - 1
    for header, row in page.rows[max(0, k) : k + 2]:
        if row[0] < piece.span[1] and piece.span[0] < row[1]:
            spans = covered[piece.page]
            if not (_is_covered(row, spans) and _is_covered(header, spans)):
                return "row"
    return ""
