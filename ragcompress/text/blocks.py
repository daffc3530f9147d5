"""Blocks that lose their meaning when they are cut: code, tables, list items, headings, records of data.

Found by the block rules of markdown-it in Markdown and plain text, by blank lines and indentation in source
code, by records in CSV, and by validity in JSON. Time is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from ..data import Kind, Syntax
from ._csv_records import records
from ._pipe_tables import pipe_table
from ._ruled_tables import ruled_tables
from .dashed_items import dashed_below
from .examples import is_command
from .nested_data import json_parts
from .nested_markup import nested_parts

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock

Block = tuple[int, int, Kind]

# Only what markdown-it takes for the end of a line; \x0b, \x0c, \x85 and \u2028 are not.
LINE_END = re.compile(r"\r\n?|\n")
_MARKER = re.compile(
    r"""[\r\n] [ \t>]*
    (?: \#{1,6} (?:[ \t\r\n]|$)              # heading
      | ``` | ~~~                            # fence
      | (?: [-*+] | \d{1,9}[.)] ) (?:[ \t\r\n]|$)   # list item
      | -- | -?[|:]                          # the second line of a table
    )""",
    re.VERBOSE,
)
_HTML = re.compile(r"<(/?)(table|pre)\b[^<>]*>", re.IGNORECASE)
_FORMULA = re.compile(r"^[ \t>]*(\$\$|\\\[|\\begin\{[A-Za-z]{1,20}\*?\})", re.MULTILINE)
_LONGEST_FORMULA = 5_000
_WORDS_OF_TITLE, _LONGEST_BELOW = 5, 200
_GRID = re.compile(r"^[ \t]*\+[-=+:]{2,}\+[ \t]*(?:\n[ \t]*[|+][^\n]*)+", re.MULTILINE)
# Tables of AsciiDoc, and those that directives of reStructuredText hold.
_MARKED_TABLE = re.compile(
    r"^\|={3,}[ \t]*\n(?:(?!\|===)[^\n]*\n){1,400}?\|={3,}[ \t]*$"
    r"|^\.\. (?:list-table|csv-table|table)::[^\n]*\n(?:[ \t]+\S[^\n]*\n?|[ \t]*\n(?=[ \t]+\S|\n)){1,400}",
    re.MULTILINE,
)
_CHECK = "check"
_KINDS: dict[str, Kind] = {
    "fence": "code",
    "table_open": "table",
    "list_item_open": "list item",
    "heading_open": "heading",
}
# A pipe table of up to this many characters, some 500 tokens, is kept or dropped whole; of a longer one the
# rows are, each with the header. A block of source code is cut at inner blocks if it is longer, and a longer
# list item is prose with what is nested in it: without blank lines, as in text from PDFs, an item goes on to
# the end of the document.
LONG = 2_000
# Methods in classes in modules: blocks are not looked for deeper than this.
_DEPTH = 4
_CLOSING = re.compile(r"[)\]}]|end\b|</")


def _go_on() -> None:
    """No reason to stop."""


def blocks(text: str, syntax: Syntax, check: Callable[[], None] = _go_on) -> Iterable[Block]:
    """Blocks that lie in no other, in order; what is between them is prose.

    Args:
        check: called for each line or so; it ends the work by an exception.
    """
    if syntax == "text":
        return ()
    nested = nested_parts(text) if len(text) > LONG and syntax != "csv" else []
    if nested:
        return nested
    if syntax == "code":
        return _source_code(text, check)
    if syntax == "csv":
        return _records(text, check)
    lines = same_line_ends(text)
    drawn = (*_grid_tables(lines), *ruled_tables(lines, LONG), *dashed_below(lines))
    return _json(text) or _first_wins([*_markdown(text, check), *_html(text), *_formulas(lines), *drawn])


def same_line_ends(text: str) -> str:
    r"""The text with ``\n`` for the end of every line, and all offsets as they were."""
    return text.replace("\r\n", " \n").replace("\r", "\n") if "\r" in text else text


def _first_wins(blocks: list[Block]) -> Iterator[Block]:
    done = 0
    for block in sorted(blocks):
        if block[0] >= done:
            done = block[1]
            yield block


def _markdown(text: str, check: Callable[[], None]) -> Iterator[Block]:
    """Code, tables, list items and headings that lie in no other of these, as whole lines."""
    if not _MARKER.search("\n" + text):
        return
    starts = _line_starts(text)
    done = 0
    for token in _parser().parse(text, {_CHECK: check}):
        kind = _KINDS.get(token.type)
        if kind and token.map and token.map[0] >= done:
            first, last = token.map
            if kind == "heading" and _is_comment(text, starts[first], starts[last]):
                continue
            if kind == "list item" and starts[last] - starts[first] > LONG:
                continue  # what is nested in it may be a block
            done = last
            if kind == "table" and starts[done] - starts[first] > LONG:
                yield starts[first], starts[first + 2], "table header"
                yield from ((a, b, "table row") for a, b in pairwise(starts[first + 2 : done + 1]))
            else:
                yield starts[first], starts[done], kind


def _is_comment(text: str, start: int, end: int) -> bool:
    """Whether a line with ``#`` stands right above a command or code, or below one at a shell's prompt."""
    line = text[start:end].strip()
    if line[:2] == "# " and (line[-1] in ".:" or line.count(" ") > _WORDS_OF_TITLE or line[2].islower()):
        below = text[end : end + _LONGEST_BELOW].lstrip(" \t").partition("\n")[0].rstrip()
        if not below[:1].isupper() and is_command(below):
            return True
    return text.startswith("$ ", end) or text[text.rfind("\n", 0, max(0, start - 1)) + 1 :].startswith("$ ")


@cache
def _parser() -> MarkdownIt:
    """Block rules only, without those that misread plain text.

    Those are: indented lines as code, a line of dashes making a heading of the paragraph above it, HTML
    blocks and link definitions. Nesting stays at the preset's 20 levels, ten lists in one another: whatever
    follows a deeper list belongs to its outermost item, which is what keeps hostile input linear.
    """
    # Here, because it takes 0.1 s, and plain text does without it.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table").disable(["code", "lheading", "html_block", "reference"])
    parser.block.ruler.at("table", pipe_table, {"alt": ["paragraph"]})
    parser.block.ruler.before("table", _CHECK, _look, {"alt": ["paragraph", "blockquote", "list"]})
    parser.core.ruler.enableOnly(["normalize", "block"])
    # The first parse fills the cache of rules in two steps; no other thread may see it half done.
    parser.parse("warm")
    return parser


def _look(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Rule of markdown-it that begins no block: it is asked at every line, so a parse can be stopped."""
    state.env.get(_CHECK, _go_on)()
    return False


def _html(text: str) -> Iterator[Block]:
    """HTML tables and preformatted text that begin a line, with those nested in them; nothing unclosed."""
    start, tag, depth = 0, "", 0
    line = done = 0
    for match in _HTML.finditer(text):
        closing, name = match[1], match[2].lower()
        # Looked for from the tag before: a line of a million tags is read once.
        ends = max(text.rfind("\n", done, match.start()), text.rfind("\r", done, match.start())) + 1
        first_of_line = ends > line or not done
        line, since, done = max(line, ends), max(ends, done), match.end()
        if depth and name == tag:
            depth += -1 if closing else 1
            if not depth:
                yield start, match.end(), "table" if tag == "table" else "code"
        elif not depth and not closing and first_of_line and not text[since : match.start()].strip(" \t>"):
            start, tag, depth = line, name, 1


def _formulas(text: str) -> Iterator[Block]:
    """Displayed formulas that begin a line, with their marks."""
    if not ("$$" in text or "\\[" in text or "\\begin" in text):
        return
    done = 0
    for match in _FORMULA.finditer(text):
        opened = match.end() - len(match[1])
        close = {"$": "$$", "[": "\\]"}.get(match[1][-1]) or match[1].replace("begin", "end")
        end = text.find(close, match.end(), match.end() + _LONGEST_FORMULA)
        if opened >= done and end >= 0:
            done = end + len(close)
            yield match.start(), done, "code"


def _grid_tables(text: str) -> Iterator[Block]:
    """Tables drawn with ``+---+``, as reStructuredText, Pandoc and data bases draw them, and marked ones."""
    if "+-" in text or "+=" in text:
        yield from ((m.start(), m.end(), "table") for m in _GRID.finditer(text))
    if "\n|===" in text or "-table::" in text or ".. table::" in text:
        yield from ((m.start(), m.end(), "table") for m in _MARKED_TABLE.finditer(text))


def _json(text: str) -> list[Block]:
    """A text that is JSON as a whole, or line by line; nothing if it is neither."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return []
    if is_json(stripped):
        return _json_value(text, 0, len(text))
    starts = _line_starts(text)
    lines = [(a, b) for a, b in pairwise(starts) if text[a:b].strip()]
    if stripped[0] == "{" and all(is_json(text[a:b]) for a, b in lines):
        return [part for a, b in lines for part in _json_value(text, a, b)]
    return []


def _json_value(text: str, start: int, end: int) -> list[Block]:
    """A value of JSON; of a long one its parts."""
    if end - start <= LONG or text[start:end].lstrip()[:1] not in ("{", "["):
        return [(start, end, "code")]
    return list(json_parts(text, start, end))


def is_json(text: str) -> bool:
    """Whether a text is a JSON value, not nested too deeply."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _records(text: str, check: Callable[[], None]) -> Iterator[Block]:
    """Records of CSV, each of which brings the header of its table; a record may span lines.

    What stands above a header is prose: titles, and Excel's line ``sep=;``.
    """
    starts = _line_starts(text)
    lines = [text[a:b] for a, b in pairwise(starts)]
    headers, above, spans = records(lines, check)
    ends_of = dict(headers)
    within = {number for first, last in headers for number in range(first + 1, last)}
    for number, (begin, end) in enumerate(spans):
        begins, ends = starts[begin], starts[end]
        if number in above or number in within or not text[begins:ends].strip():
            continue
        if number in ends_of:
            yield begins, starts[spans[ends_of[number] - 1][1]], "table header"
        else:
            yield begins, ends, "table row"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank; ``opens``: a block may begin here, after a blank line."""

    start: int
    end: int
    indent: int
    opens: bool
    closes: bool


def _source_code(text: str, check: Callable[[], None]) -> Iterator[Block]:
    """Stretches between blank lines that are followed by a line without indentation.

    A comment belongs to what it stands right above, a closing bracket to what it closes. What is long is cut
    at blocks within it, of one more level of indentation at a time, or else between its outermost lines.
    """
    lines: list[_Line] = []
    after_blank = True
    for a, b in pairwise(_line_starts(text)):
        check()
        code = text[a:b].strip()
        if code:
            indent = len(text[a:b].expandtabs(4)) - len(text[a:b].expandtabs(4).lstrip())
            closes = _CLOSING.match(code) is not None
            lines.append(_Line(a, b, indent, after_blank and not closes, closes))
        after_blank = not code
    yield from ((part[0].start, part[-1].end, "code") for part in _parts(lines, _DEPTH))


def _parts(lines: list[_Line], depth: int) -> Iterator[list[_Line]]:
    if not lines:
        return
    long = lines[-1].end - lines[0].start > LONG
    level = min((line.indent for line in lines[1:] if line.opens), default=None)
    if level is None or not depth or (not long and level > lines[0].indent):
        yield from _packed(lines) if long else (lines,)
        return
    for part in _split(lines, lambda line: line.opens and line.indent <= level):
        yield from _parts(part, depth - 1)


def _packed(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Neighbors of a long stretch, cut before lines of its own indentation, in pieces that are not long."""
    outermost = min(line.indent for line in lines)
    piece: list[_Line] = []
    for part in _split(lines, lambda line: line.indent == outermost and not line.closes):
        if piece and part[-1].end - piece[0].start > LONG:
            yield piece
            piece = []
        piece += part
    yield piece


def _split(lines: list[_Line], opens: Callable[[_Line], bool]) -> Iterator[list[_Line]]:
    first = 0
    for i in range(1, len(lines)):
        if opens(lines[i]):
            yield lines[first:i]
            first = i
    yield lines[first:]


def _line_starts(text: str) -> list[int]:
    return [0, *(m.end() for m in LINE_END.finditer(text)), len(text)]
