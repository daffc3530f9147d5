"""Pages of manuals: which names have which descriptions, by the page's markup, and where in a text.

Definition lists (``dl``) are how man pages, DocBook, asciidoc, Texinfo and Sphinx write options, settings and
functions in HTML. The same page as another reader gives it, as bare text or Markdown, holds the same letters
and digits in the same order: by these a name is found again in it, and no rule of our segmentation is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# So many letters and digits in a row are found again by chance only in a page that repeats itself.
_SURE = 40
# Fewer than these are no description, and no name that is found without one.
_FEWEST = 8
_SENTENCE = re.compile(r"[^.!?]{12,400}?[.!?](?=\s|$)")
_DEFAULT = re.compile(
    r"\bdefault(?:s| value| setting)?(?: is| to|:| of| value is) (?:the )?[^\s.,;()]+"
    r"|\b[^\s.,;()]+ (?:is|are) the default\b",
    re.IGNORECASE,
)
# What only points at a value, or goes on to it.
_POINTS = frozenset(
    "a an as at be between by for former from in is it latter of on that the this to what which with".split()
)
_LETTER = re.compile(r"[^\W_]")
# What stands over a remark within a description, and is no name of its own.
_REMARK = re.compile(r"(?:examples?|notes?|warning|caution|important|hint|tip):?", re.IGNORECASE)
# What Markdown and bare text put before an item.
_MARKS = " \t\n\r*+-•·–:`"
_LINK = re.compile(r"(?<=\])\([^()\s]*\)")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A name, or several, and what describes it, as the page's markup has them.

    Attributes:
        within: number of the entry in whose description this one stands; None: in none.
    """

    name: str
    description: str
    within: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """What the markup of a page says: names with descriptions, headings with levels, rows of tables.

    Lists are given by all their letters.
    """

    title: str
    text: str
    entries: tuple[Entry, ...]
    headings: tuple[tuple[int, str, str], ...]
    rows: tuple[tuple[str, str], ...]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """An entry in a text: where its name and its description stand, and its number on the page."""

    number: int
    name: Span
    description: Span


class Letters:
    """Letters and digits of a text, small, and where each stands."""

    def __init__(self, text: str) -> None:
        unlinked = _LINK.sub(lambda link: " " * len(link[0]), text)
        self.offsets = [m.start() for m in _LETTER.finditer(unlinked)]
        self.text = "".join(_LETTER.findall(unlinked)).lower()
        if len(self.text) != len(self.offsets):  # a few letters have small ones of another length
            self.text = "".join(c if len(c.lower()) != 1 else c.lower() for c in _LETTER.findall(unlinked))

    def span(self, start: int, end: int) -> Span:
        """Offsets in the text of a stretch of letters."""
        return self.offsets[start], self.offsets[end - 1] + 1

    def find(self, wanted: str, span: Span) -> Span | None:
        """Where the letters of some words stand within a stretch of the text, first of all."""
        letters = Letters(wanted).text
        low, high = bisect_left(self.offsets, span[0]), bisect_left(self.offsets, span[1])
        at = self.text.find(letters, low, high) if letters else -1
        return None if at < 0 else self.span(at, at + len(letters))


@dataclass(frozen=True)
class Located:
    """A text of a page, and where in it stands what the markup says."""

    page: Page
    text: str
    entries: tuple[Named, ...]
    letters: Letters
    headings: tuple[tuple[int, Span], ...]
    rows: tuple[tuple[Span, Span], ...]
    lists: tuple[Span, ...] = ()

    def begins_list(self, at: int, item: int) -> bool:
        """Whether a list begins behind an offset, with nothing between, and another offset is in it."""
        starts = (span for span in self.lists if at <= span[0] <= item < span[1])
        return any(not self.text[at : span[0]].strip(_MARKS) for span in starts)

    def near(self, start: int, end: int) -> list[Named]:
        """Entries whose name or description lies within a stretch, or around it."""
        k = bisect_left(self.starts, start) - 1
        around = [] if k < 0 else [self.entries[k]]
        while around and (outer := self.page.entries[around[-1].number].within) is not None:
            if nearest := self.by_number.get(outer):
                around.append(nearest)
            else:
                break
        last = bisect_left(self.starts, end)
        return [*reversed(around), *self.entries[k + 1 : last]]

    @cached_property
    def starts(self) -> list[int]:
        """Where the names of the entries start, ascending."""
        return [e.name[0] for e in self.entries]

    @cached_property
    def by_number(self) -> dict[int, Named]:
        """Entries by their number on the page."""
        return {e.number: e for e in self.entries}

    def owner(self, at: int) -> int | None:
        """Number of the innermost entry whose description holds an offset."""
        owner = None
        for entry in self.near(at, at + 1):
            if entry.description[0] <= at < entry.description[1]:
                owner = entry.number
        return owner

    def subject(self, number: int) -> int:
        """Of what an entry speaks: ``Example`` within a description, of the name around it."""
        entry = self.page.entries[number]
        while entry.within is not None and _REMARK.fullmatch(entry.name):
            number = entry.within
            entry = self.page.entries[number]
        return number

    def is_within(self, inner: int | None, outer: int) -> bool:
        """Whether an entry is another one, or stands in its description."""
        while inner is not None and inner != outer:
            inner = self.page.entries[inner].within
        return inner is not None


@dataclass(frozen=True, slots=True)
class Question:
    """A question about an entry; ``wanted`` is what its description says, word for word but for blanks."""

    page: int
    entry: int
    kind: str
    text: str
    wanted: str


def read_page(file: Path) -> Page:
    """Read the markup of a page of HTML."""
    from lxml import html

    root = html.fromstring(file.read_bytes())
    for hidden in root.xpath("//script|//style|//nav|//comment()"):
        if hidden.getparent() is not None:
            hidden.drop_tree()
    title = " ".join((root.findtext(".//title") or file.stem).split())
    for head in root.xpath("//head"):
        head.drop_tree()
    entries: list[Entry] = []
    _entries(root, None, entries)
    rows: list[tuple[str, str]] = []
    for table in root.iter("table"):
        trs = table.findall(".//tr")
        if len(trs) > 1 and _is_header(trs[0]) and not _leads(table):
            rows += [(_text(trs[0]), _text(tr)) for tr in trs[1:]]
    lists = tuple(Letters("".join(element.itertext())).text for element in root.iter("ul", "ol", "dl"))
    return Page(title, "".join(root.itertext()), tuple(entries), tuple(_headings(root)), tuple(rows), lists)


def _headings(root: Any) -> Iterator[tuple[int, str, str]]:
    """Level, text and the letters from there on, by which it is no entry of a table of contents."""
    parts: list[str] = []
    headings: list[tuple[int, str, int]] = []
    size = 0

    def add(text: str | None) -> int:
        letters = "".join(_LETTER.findall(text or "")).lower()
        parts.append(letters)
        return len(letters)

    def walk(element: Any) -> None:
        nonlocal size
        if isinstance(element.tag, str):
            if re.fullmatch(r"h[1-6]", element.tag):
                headings.append((int(element.tag[1]), _text(element), size))
            size += add(element.text)
            for child in element:
                walk(child)
                size += add(child.tail)

    walk(root)
    letters = "".join(parts)
    for level, text, start in headings:
        yield level, text, letters[start : start + len(Letters(text).text) + _SURE]


def _is_header(row: Any) -> bool:
    """Whether a row has names of columns, and no name of its own beside a value."""
    cells = [cell for cell in row if cell.tag in ("td", "th")]
    return bool(cells) and all(cell.tag == "th" for cell in cells)


def _leads(table: Any) -> bool:
    """Whether a table is a page's navigation, as its markup says."""
    around = [table, *table.iterancestors()]
    attributes = " ".join(f"{e.get('class', '')} {e.get('summary', '')} {e.get('role', '')}" for e in around)
    return re.search(r"\bnav", attributes, re.IGNORECASE) is not None


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).replace("¶", "").split())


def _entries(element: Any, within: int | None, entries: list[Entry]) -> None:
    """Add the names below an element, and below their descriptions."""
    if element.tag == "dl" and _is_no_definition(element):
        return
    names: list[str] = []
    for child in element:
        if child.tag == "dt":
            names.append(_text(child))
        elif child.tag == "dd" and names:
            entries.append(Entry(" ".join(names), _text(child), within))
            names = []
            _entries(child, len(entries) - 1, entries)
        elif isinstance(child.tag, str):
            _entries(child, within, entries)


def _is_no_definition(element: Any) -> bool:
    """Whether all descriptions of a definition list are links: it lists the parts of a page.

    The fields of a signature (``Parameters``), as Sphinx marks them, are no definitions either.
    """
    if "field-list" in element.get("class", "").split():
        return True
    descriptions = element.findall("dd")
    linked = sum(len(Letters(_text(link)).text) for dd in descriptions for link in dd.iter("a"))
    return linked > 0 and linked == sum(len(Letters(_text(dd)).text) for dd in descriptions)


def locate(page: Page, text: str) -> Located:
    """Find what the markup says in another text of the page; what is not found there is left out."""
    letters = Letters(text)
    entries = tuple(_named(page.entries, letters))
    headings, at = [], 0
    for level, heading, from_there in page.headings:
        wanted = Letters(heading).text
        start = letters.text.find(from_there, at) if wanted else -1
        if start < 0 and wanted:
            start = letters.text.find(wanted, at)
        if start >= 0:
            at = start + len(wanted)
            headings.append((level, letters.span(start, at)))
    rows, lists = tuple(_rows(page.rows, letters)), tuple(_lists(page.lists, letters))
    return Located(page, text, entries, letters, tuple(headings), rows, lists)


def _lists(lists: Sequence[str], letters: Letters) -> Iterator[Span]:
    """The lists that are found, in order; those within others begin behind them."""
    at = 0
    for wanted in lists:
        start = letters.text.find(wanted, at) if wanted else -1
        if start >= 0:
            at = start
            yield letters.span(start, start + len(wanted))


def _named(entries: Sequence[Entry], letters: Letters) -> Iterator[Named]:
    """The entries that are found, in order; those without a description between their neighbors."""
    at = 0
    waiting: list[tuple[int, str]] = []
    for number, entry in enumerate(entries):
        name, description = Letters(entry.name).text, Letters(entry.description).text
        if len(description) < _FEWEST:
            waiting.append((number, name + description))
            continue
        place = letters.text.find(name + description[:_SURE], at) if name else -1
        if place < 0:
            continue
        start = place + len(name)
        tail = description[-_SURE:]
        end = letters.text.find(tail, start + max(0, len(description) - len(tail) - 20))
        if end < 0 or end - start > 1.3 * len(description) + 50:
            continue
        yield from _bare(waiting, letters, at, place)
        waiting = []
        yield Named(number, letters.span(place, start), letters.span(start, end + len(tail)))
        at = start
    yield from _bare(waiting, letters, at, len(letters.text))


def _bare(waiting: Sequence[tuple[int, str]], letters: Letters, at: int, end: int) -> Iterator[Named]:
    """Names of which hardly anything is said, such as methods without a text, between two others."""
    for number, name in waiting:
        start = letters.text.find(name, at, end) if len(name) >= _FEWEST else -1
        if start >= 0:
            at = start + len(name)
            span = letters.span(start, at)
            yield Named(number, span, (span[1], span[1]))


def _rows(rows: Sequence[tuple[str, str]], letters: Letters) -> Iterator[tuple[Span, Span]]:
    at = 0
    header, header_span = "", None
    for head, row in rows:
        wanted = Letters(head).text
        if head != header:
            header, start = head, letters.text.find(wanted, at) if wanted else -1
            header_span = letters.span(start, start + len(wanted)) if start >= 0 else None
            at = max(at, start + len(wanted))
        wanted = Letters(row).text
        start = letters.text.find(wanted, at) if len(wanted) > 3 else -1
        if header_span and 0 <= start < at + 2_000:
            at = start + len(wanted)
            yield header_span, letters.span(start, at)


def questions(pages: Sequence[Page]) -> Iterator[Question]:
    """Ask for the meaning and the default of what has a short name that no other entry of the page has."""
    for number, page in enumerate(pages):
        subject = re.split(r"[(\s:|]", page.title.replace("PostgreSQL: Documentation", ""))[0]
        names = [e.name for e in page.entries]
        for k, entry in enumerate(page.entries):
            if len(entry.name) > 60 or names.count(entry.name) > 1 or len(entry.description) < 40:
                continue
            if any(e.within == k for e in page.entries):
                continue
            short = re.split(r",\s|\s\(|\[|=| <", entry.name)[0].strip()
            if len(short) < 2:
                continue
            if match := _DEFAULT.search(entry.description):
                yield Question(number, k, "default", f"What is the default of {short} ({subject})?", match[0])
                yield Question(number, k, "key words", f"{subject} {short} default value", match[0])
            if match := _SENTENCE.match(entry.description):
                words = " ".join(match[0].split()[:8])
                yield Question(number, k, "meaning", f"What does {short} do in {subject}?", words)


def default_value(wanted: str) -> str:
    """The value within the words that name a default; empty where they only point at it (``latter``)."""
    words = wanted.split()
    value = (words[0] if words[-1].lower() == "default" else words[-1]).strip("‘’“”\"'`*_()[]")
    return value if any(map(str.isalnum, value)) and value.lower() not in _POINTS else ""
