"""HTML → Markdown with markdownify, after lxml has put it in order; every stretch knows its line and anchor.

What a browser doesn't show, and what leads elsewhere (navigation, search boxes), is left out. Blocks become
Markdown blocks; inline markup goes, its text stays. The way back survives the conversion as markers in the
text, between two code points that no document may hold (U+FDD0, U+FDD1), which are taken out at the end.
A third (U+FDD2) stands for a line that ends within an end tag, of which the parser says nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from . import text as plain

OPEN, CLOSE, LINE_END = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKER = re.compile(f"{OPEN}(\\d+){CLOSE}")
_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,500}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*["']?\s*([-\w.:]{1,40})""", re.I
)
_HEAD = 4096
# What may stand on a line before its first word: the marks of headings, quotes, lists and table cells.
_PREFIX = re.compile(r"[ \t>#|:*+-]*(?:\d{1,9}[.)] )?[ \t|]*")
_TABLE_TOP = re.compile(r"(?:\|[ |-]*\|\n)+\Z")
_NOT_SHOWN = (
    "script style noscript template svg iframe object embed canvas audio video button select textarea input "
    "datalist nav"
).split()
_HIDDEN = "//*[@hidden or @role='navigation' or @role='search' or @aria-hidden='true']"
# A table with one of these in a cell arranges a page; it does not hold data.
_BLOCKS = "table pre ul ol dl blockquote h1 h2 h3 h4 h5 h6".split()
_INLINE = "a b strong em i del s sub sup code kbd samp img".split()
# End tags in a row; some generators end the line within: "</b\n>".
_ENDED = re.compile(r"(?:</[\w:-]++\s*+>\s*+)++")
_END_TAG = re.compile(r"<[^>]*>")
# What a page may hold, but lxml does not take for text.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# libxml2 counts no further.
_LAST_LINE = 65_535
_TOO_LONG = "citations behind line 65,534 name the nearest anchor, or that line"


def load(data: bytes, name: str) -> Loaded:
    """Read a page; places are lines of its source, with the nearest anchor above."""
    source = _decode(data, name)
    try:
        import lxml.html
    except ImportError:
        raise MissingExtra("reading .html files", "docs") from None
    # As bytes, because lxml refuses text that declares an encoding.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    tree = lxml.html.document_fromstring(_with_line_ends(source).encode("utf-8"), parser=parser)
    if any(e.type_name == "ERR_RESOURCE_LIMIT" for e in parser.error_log):
        raise RecursionError  # libxml2 has stopped reading there
    title = " ".join((tree.findtext(".//title") or "").replace(LINE_END, "").split())
    _tidy(tree)
    places = _mark(tree)
    text, found = unmark(markdown(lxml.html.tostring(tree, encoding="unicode")))
    if {number for _, number in found} != set(range(len(places))):
        raise RecursionError  # the same, on the way to Markdown
    too_long = any(line >= _LAST_LINE for line, _ in places)
    if not text.strip():
        raise UnreadableFile(name, "without text", "holds no text that a browser would show")
    stretches = [(start, *places[number]) for start, number in found] or [(0, 1, None)]
    return Loaded(
        text,
        Places.of_stretches("line", stretches),
        title or None,
        notes=(f"{name}: {_TOO_LONG}",) if too_long else (),
    )


def _decode(data: bytes, name: str) -> str:
    """By byte order mark, else as declared, else UTF-8."""
    if not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        declared = _DECLARED.search(data[:_HEAD])
        encoding = declared.group(1).decode("ascii") if declared else "utf-8"
        # The web's own rule: what calls itself Latin-1 is Windows-1252.
        encoding = "cp1252" if encoding.lower() in ("iso-8859-1", "latin1", "us-ascii", "ascii") else encoding
        try:
            if 0 not in data:
                return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            if encoding.lower() not in ("utf-8", "utf8"):
                raise UnreadableFile(
                    name, "in another encoding", f"declares the encoding {encoding}, which it does not have"
                ) from None
    return plain.decode(data, name)


def _with_line_ends(source: str) -> str:
    """The page without what could be taken for a marker; where text follows end tags, their line ends."""

    def ended(tags: re.Match[str]) -> str:
        n = sum(tag.count("\n") for tag in _END_TAG.findall(tags[0]))
        text_follows = tags.string[tags.end() : tags.end() + 1] not in ("", "<")
        return tags[0] + LINE_END * (n if text_follows else 0)

    return _ENDED.sub(ended, re.sub(f"[{OPEN}{CLOSE}{LINE_END}]", "", source))


def _tidy(tree: Any) -> None:
    """Take out what is not shown; tables that arrange the page become plain blocks."""
    for element in [*tree.iter(*_NOT_SHOWN), *tree.xpath(_HIDDEN), *tree.iter("head")]:
        if element.getparent() is not None:
            element.drop_tree()
    for table in list(tree.iter("table")):
        if any(e is not table for e in table.iter(*_BLOCKS)):
            for part in table.iter("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"):
                part.tag = "div"


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
                lines[i] = f"{words[:blank]}{OPEN}{len(places)}{CLOSE}{words[blank:]}"
                places.append(place)
        return _REFUSED.sub(" ", "\n".join(lines))

    for event, element in iterwalk(tree, events=("start", "end")):
        if event == "start":
            line = element.sourceline or line
            anchor = element.get("id") or (element.get("name") if element.tag == "a" else None) or anchor
            element.text = marked(element.text)
        else:
            element.tail = marked(element.tail)
    return places


def markdown(html: str) -> str:
    """Convert HTML; markers in it stay, at the beginning of the block or the word where they stood."""
    import bs4

    return _converter().convert_soup(bs4.BeautifulSoup(html, "lxml"))  # type: ignore[no-any-return]


@cache
def _converter() -> Any:
    from markdownify import MarkdownConverter

    class Converter(MarkdownConverter):
        """Words as they are shown: no escapes, no inline markup, no spaces at the ends of lines."""

        def convert_br(self, el: Any, text: str, parent_tags: set[str]) -> str:
            return " " if "_inline" in parent_tags else "\n"

        def convert_td(self, el: Any, text: str, parent_tags: set[str]) -> str:
            cell: str = super().convert_td(  # type: ignore[misc]  # its stub leaves them out
                el, text.replace("|", "\\|"), parent_tags
            )
            return cell

        def convert_th(self, el: Any, text: str, parent_tags: set[str]) -> str:
            return self.convert_td(el, text, parent_tags)

        def convert_pre(self, el: Any, text: str, parent_tags: set[str]) -> str:
            # One further down is that of its own line: the first line then stands where the text before does.
            marker = _MARKER.match(text.lstrip())
            before = marker.group() if marker else ""
            code = text.replace(before, "", 1).strip("\r\n").rstrip()
            if not code.strip():
                return ""
            longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
            fence = "`" * (longest + 1)
            return f"\n\n{before}{fence}\n{code}\n{fence}\n\n"

    return Converter(
        heading_style="atx", bullets="-", escape_asterisks=False, escape_underscores=False,
        table_infer_header=True, strip=_INLINE,
    )  # fmt: skip


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Take the markers out; offsets in the text without them, each with the marker's number.

    A marker stands at the first word of its block; its offset is moved to the beginning of the block.
    """
    parts: list[str] = []
    found: list[tuple[int, int]] = []
    length = done = 0
    for marker in _MARKER.finditer(marked):
        parts.append(marked[done : marker.start()])
        length += len(parts[-1])
        found.append((length, int(marker.group(1))))
        done = marker.end()
    text = "".join([*parts, marked[done:]])
    return text, list(_at_block_starts(text, found))


def _at_block_starts(text: str, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last = 0
    for start, number in found:
        line = text.rfind("\n", 0, start) + 1
        if line < start and _PREFIX.fullmatch(text, line, start):
            start = line
        last = max(last, start)
        yield last, number
