"""HTML → Markdown, after lxml has put it in order; every stretch knows its line and anchor.

What a browser doesn't show, and what leads elsewhere (navigation, search boxes), is left out and counted.
Blocks become Markdown blocks; inline markup goes, its text stays. The way back survives the conversion as
markers in the text (``_markers``), which are taken out at the end.
"""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._encodings import decode
from ._html_inline import write_inline
from ._html_markdown import markdown
from ._html_shown import take_out, visible
from ._markers import LINE_END, RESERVED, marker, unmark

# A table that data need has none of these in a cell, or says by headers that it holds data.
_LAYOUT = "pre h1 h2 h3 h4 h5 h6".split()
_LAYOUT_TABLE = "layout-table"
_LISTED = "ul ol dl blockquote".split()
_OF_HEAD = "title meta link script style base noscript template basefont".split()
# What a page says to be a table, row or cell without the elements for it.
_ROLES = {
    "table": "table", "grid": "table", "row": "tr", "cell": "td", "gridcell": "td", "columnheader": "th",
    "rowheader": "th",
}  # fmt: skip
_DISPLAYED = {"table": "table", "table-row": "tr", "table-cell": "td"}
_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*(table(?:-row|-cell)?)\s*(?:;|!|$)", re.IGNORECASE)
_LONG_CELL = 1_000
# A table in a cell of another becomes a line of it, if it has no more rows.
_MOST_NESTED = 10
# End tags in a row; some generators end the line within: "</b\n>".
_ENDED = re.compile(r"(?:</[\w:-]++\s*+>\s*+)++")
_END_TAG = re.compile(r"<[^>]*>")
# What a page may hold, but lxml does not take for text.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# libxml2 counts no further.
_LAST_LINE = 65_535
_TOO_LONG = "citations after line 65,534 name the nearest anchor, or that line"


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a page; places are lines of its source, with the nearest anchor above."""
    source, n_damaged = decode(data, name)
    try:
        import lxml.html
    except ImportError:
        raise MissingExtra("reading .html files", "docs") from None
    # As bytes, because lxml refuses text that declares an encoding.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    tree = lxml.html.document_fromstring(_with_line_ends(source).encode("utf-8"), parser=parser)
    if any(e.type_name == "ERR_RESOURCE_LIMIT" for e in parser.error_log):
        raise RecursionError  # libxml2 has stopped reading there
    clock.check()
    _fill_body(tree)
    title = " ".join(visible(_title(tree)).replace(LINE_END, "").split())
    _end_unended(tree)
    linked = ["linked style sheet" for link in tree.iter("link") if _is_style_sheet(link)]
    left_out = take_out(tree, clock.check)
    left_out.update(linked)  # what only their rules hide is read as if it were shown
    write_inline(tree)
    _name_tables(tree)
    _plain_layout(tree)
    clock.check()
    places = _mark(tree)
    text, marks = unmark(markdown(tree, clock.check))
    if not text.strip():
        raise UnreadableFile(name, "without text", "holds no text that a browser would show")
    notes = []
    if n_damaged:
        notes.append(f"{n_damaged} bytes are not in the encoding that it declares; U+FFFD stands for each")
    if any(line >= _LAST_LINE for line, _ in places):
        notes.append(_TOO_LONG)
    stretches = [(start, *places[number]) for start, number in marks] or [(0, 1, None)]
    return Loaded(
        text,
        Places.of_stretches("line", stretches),
        title or None,
        notes=tuple(f"{name}: {note}" for note in notes),
        left_out=left_out,
    )


def _is_style_sheet(link: Any) -> bool:
    """Whether rules of another file hold on screens."""
    named = (link.get("rel") or "").lower().split()
    return "stylesheet" in named and "alternate" not in named and "print" != (link.get("media") or "").strip()


def _with_line_ends(source: str) -> str:
    """The page without what could be taken for a marker; where text follows end tags, their line ends."""

    def ended(tags: re.Match[str]) -> str:
        n = sum(tag.count("\n") for tag in _END_TAG.findall(tags[0]))
        text_follows = tags.string[tags.end() : tags.end() + 1] not in ("", "<")
        return tags[0] + LINE_END * (n if text_follows else 0)

    return _ENDED.sub(ended, RESERVED.sub("", source))


def _fill_body(tree: Any) -> None:
    """Move what the parser left in the head to the body: it does not know what came with HTML 5."""
    head = tree.find("head")
    moved = [] if head is None else list(dropwhile(lambda e: e.tag in _OF_HEAD, head))
    if not moved:
        return
    body = tree.find("body")
    if body is None:
        body = tree.makeelement("body")
        head.addnext(body)
    last = moved[-1]
    last.tail = (last.tail or "") + (body.text or "")
    body.text = None
    for place, element in enumerate(moved):
        body.insert(place, element)


def _title(tree: Any) -> str:
    """The page's own title: drawings have some, too."""
    titles = (t for t in tree.iter("title") if next(t.iterancestors("svg"), None) is None)
    return next((t.text or "" for t in titles), "")


def _end_unended(tree: Any) -> None:
    """Put a second meaning or reading beside the first: without end tags, libxml2 puts it within."""
    for tags in (("dd", "dt"), ("rt", "rp", "rb", "rtc")):
        for element in list(tree.iter(*tags)):
            outer = element.getparent()
            while outer is not None and outer.tag in tags and (outer.tag != "rtc" or element.tag == "rtc"):
                outer.addnext(element)
                outer = element.getparent()


def _name_tables(tree: Any) -> None:
    """Tables that are said to be some become such, if all of their parts are."""
    named: dict[Any, str] = {}
    for element in tree.xpath("//*[@role or contains(@style, 'table')]"):
        display = _DISPLAY.search(element.get("style") or "")
        tag = _ROLES.get(element.get("role") or "") or (_DISPLAYED[display[1].lower()] if display else None)
        if tag and element.tag in ("div", "span", "ul", "li", "section", "p", "a"):
            named[element] = tag
    for element, tag in named.items():
        if tag in ("td", "th"):
            row = next((up for up in element.iterancestors() if up in named), None)
            above = () if row is None else row.iterancestors()
            table = next((up for up in above if named.get(up) == "table"), None)
            if row is not None and named[row] == "tr" and table is not None:
                element.tag, row.tag, table.tag = tag, "tr", "table"
    for table in [e for e, tag in named.items() if tag == "table" and not e.get("role")]:
        if len(list(table.iter("tr"))) < 2:
            table.set("role", "presentation")  # a row alone puts things beside one another


def _plain_layout(tree: Any) -> None:
    """Tables that arrange the page become plain blocks."""
    for table in [t for t in tree.iter("table") if not _holds_data(t)]:
        for part in table.iter("thead", "tbody", "tfoot", "tr", "td", "th", "caption"):
            if next(part.iterancestors("table", _LAYOUT_TABLE)) is table:
                part.tag = "div"
        table.tag = _LAYOUT_TABLE
    for table in tree.iter(_LAYOUT_TABLE):
        table.tag = "div"


def _holds_data(table: Any) -> bool:
    if table.get("role") in ("presentation", "none"):
        return False
    signs = (e for e in table.iter("th", "caption", "thead", "colgroup") if e.tag != "th" or e.text or len(e))
    if any(e is not table for e in table.iter("table")):
        # Headers of its own tell that what is nested in a cell is the cell's.
        named = (e for e in signs if e.tag == "th" and next(e.iterancestors("table")) is table)
        inner = max(len(list(e.iter("tr"))) for e in table.iter("table") if e is not table)
        return next(named, None) is not None and inner <= _MOST_NESTED
    if next(signs, None) is not None:
        return True
    if next(table.iter(*_LAYOUT), None) is not None:
        return _is_ruled(table)
    cells = list(table.iter("td"))
    if any(
        len("".join(cell.itertext())) > _LONG_CELL and len(list(cell.iter("p", "br"))) > 1 for cell in cells
    ):
        return False
    rows = [len(row) for row in table.iter("tr")]
    return next(table.iter(*_LISTED), None) is None or (len(rows) > 1 and min(rows) > 1)


def _is_ruled(table: Any) -> bool:
    """Whether one sees lines between cells of several rows and columns, none of which holds a heading."""
    rows = [len(row) for row in table.iter("tr")]
    has_lines = (table.get("border") or "0").strip() not in ("0", "0px")
    return has_lines and len(rows) > 1 and min(rows) > 1 and next(table.iter(*_LAYOUT[1:]), None) is None


def _mark(tree: Any) -> list[tuple[int, str | None]]:
    """Write a marker where the line or the anchor of the text changes; what the markers stand for."""
    from lxml.etree import iterwalk

    places: list[tuple[int, str | None]] = []
    line, anchor = 1, None

    def marked(text: str | None) -> str | None:
        """The text with a marker before the first word of every line that stands in a new place."""
        nonlocal line
        if not text:
            return text
        lines = text.split("\n")
        for i, written in enumerate(lines):
            line += (i > 0) + written.count(LINE_END)
            words = lines[i] = written.replace(LINE_END, "")
            place = (min(line, _LAST_LINE), anchor)
            if words.strip() and (not places or places[-1] != place):
                blank = len(words) - len(words.lstrip())
                lines[i] = f"{words[:blank]}{marker(len(places))}{words[blank:]}"
                places.append(place)
        return visible(_REFUSED.sub(" ", "\n".join(lines)))

    for event, element in iterwalk(tree, events=("start", "end")):
        if event == "start":
            line = element.sourceline or line
            anchor = element.get("id") or (element.get("name") if element.tag == "a" else None) or anchor
            element.text = marked(element.text)
        else:
            element.tail = marked(element.tail)
    return places
