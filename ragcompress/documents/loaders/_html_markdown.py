"""A tree of HTML → Markdown, in one pass over it: blocks stay blocks, inline markup goes, its text stays.

Written here, since what converters there are shift the cells of tables, and take many times as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ._grid import Cell, pipe_table
from ._markers import MARKER

# Elements that begin and end a paragraph of their own.
_BLOCKS = frozenset(
    "address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol p pre section "
    "summary table tbody td tfoot th thead tr ul".split()
)
_HEADINGS = tuple(f"h{level}" for level in range(1, 7))
# All that is in them becomes one line.
_FLAT = frozenset(("td", "th", "caption", "dt", *_HEADINGS))
_LISTS = ("ul", "ol", "menu", "dir")
_FRAMES = _FLAT | {*_LISTS, "li", "blockquote", "dd", "pre", "table"}
_GROUPS = ("thead", "tbody", "tfoot")
# What stands for <br>, and between the items of what becomes one line: control characters are not in pages.
_BREAK, _ITEM = "\x0b", "\x1d"
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_PARAGRAPH = re.compile(r"[ \n]*\x0b[ \n]*\x0b[ \n\x0b]*")
_SPACES = re.compile(" +")
_MARKED_BLANK = re.compile(rf"\A({MARKER.pattern.replace('(', '(?:')})[ \n]+")
_LINE = re.compile(r"[ \n]*[\n\x0b][ \n\x0b]*")
_ITEMS = re.compile(r"[ \n\x0b]*\x1d[ \n\x0b\x1d]*")
# Nested further than this, lists and quotes are not indented further: the cost would grow with the depth.
_DEPTH = 20
_EVERY = 4_096


@dataclass(slots=True)
class _Frame:
    """An element that is written as a whole at its end.

    Attributes:
        blocks: (text, kind) of what it holds; kinds are "list", "dt", "dd" and "".
        inline: text since the last block.
        nested: elements of its own name within it, where all of it becomes one line.
        rows, feet, group: of a table, its rows, those of its foot, and where the current group begins.
        n_headers: rows of a table's head; in an ordered list the number of its next item.
    """

    tag: str
    depth: int = 0
    blocks: list[tuple[str, str]] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    nested: int = 0
    rows: list[list[Cell]] = field(default_factory=list)
    feet: list[list[Cell]] = field(default_factory=list)
    group: tuple[str, int] = ("", 0)
    n_headers: int = 0


def markdown(tree: Any, check: Callable[[], None] = lambda: None) -> str:
    """Convert a tree of lxml; markers in it stay, before the word or the row where they stood.

    Args:
        check: called now and then; it ends the work by an exception.
    """
    from lxml.etree import iterwalk

    stack = [_Frame("")]
    for number, (event, element) in enumerate(iterwalk(tree, events=("start", "end"))):
        if not number % _EVERY:
            check()
        tag = element.tag
        if not isinstance(tag, str):
            continue
        if event == "start":
            if tag in _BLOCKS or tag == "br":
                _begin(stack, element, tag)
            _add(stack[-1], element.text)
        else:
            if tag in _BLOCKS:
                _end(stack, element, tag)
            if element is not tree:
                _add(stack[-1], element.tail)
    return _content(stack[0])


def _add(frame: _Frame, text: str | None) -> None:
    if text:
        frame.inline.append(text if frame.tag == "pre" else _BLANKS.sub(_blank, text))


def _blank(blank: re.Match[str]) -> str:
    return "\n" if "\n" in blank[0] else " "


def _begin(stack: list[_Frame], element: Any, tag: str) -> None:
    frame = stack[-1]
    if tag == "br":
        frame.inline.append("\n" if frame.tag == "pre" else _BREAK)
        return
    _flush(frame, tag)
    if frame.tag in _FLAT or frame.tag == "pre":
        frame.nested += tag == frame.tag
    elif tag in _GROUPS and frame.tag == "table":
        frame.group = (tag, len(frame.rows))
    elif tag == "tr" and frame.tag == "table":
        (frame.feet if frame.group[0] == "tfoot" else frame.rows).append([])
        frame.n_headers += frame.group[0] == "thead"
    elif tag in _FRAMES:
        made = _Frame(tag, frame.depth + (tag in ("li", "blockquote", "dd")))
        made.n_headers = _number(element.get("start"), _first_number(element)) if tag == "ol" else 0
        stack.append(made)


def _end(stack: list[_Frame], element: Any, tag: str) -> None:
    frame = stack[-1]
    if frame.tag == tag and not frame.nested:
        stack.pop()
        _write(frame, stack[-1], element)
        return
    frame.nested -= tag == frame.tag
    _flush(frame, tag)
    if tag in _GROUPS and frame.tag == "table":
        first = frame.group[1]
        rows = frame.feet if tag == "tfoot" else frame.rows
        for number in range(first if rows is frame.rows else 0, len(rows)):
            left = len(rows) - number
            rows[number] = [c if c.rowspan <= left else replace(c, rowspan=left) for c in rows[number]]
        frame.group = ("", len(frame.rows))


def _flush(frame: _Frame, tag: str) -> None:
    """A block begins or ends: what stood before it is a paragraph, or goes on in the same line."""
    if frame.tag == "pre":
        if frame.inline and not frame.inline[-1].endswith("\n"):
            frame.inline.append("\n")
    elif frame.tag in _FLAT:
        frame.inline.append(_ITEM if tag in ("li", "tr") else " ")
    elif frame.inline:
        if text := _lines("".join(frame.inline)):
            frame.blocks.append((text, ""))
        frame.inline.clear()


def _lines(text: str) -> str:
    """Paragraphs of inline text; two line breaks in a row end one, as one looks at them."""
    parts = (_LINE.sub("\n", _SPACES.sub(" ", part)).strip() for part in _PARAGRAPH.split(text))
    parts = (_MARKED_BLANK.sub(r"\1", part) for part in parts)
    return "\n\n".join(filter(None, parts))


def _line(frame: _Frame) -> str:
    text = _ITEMS.sub("; ", "".join(frame.inline).strip(" \n" + _BREAK + _ITEM))
    return " ".join(text.split())


def _content(frame: _Frame, tight: bool = False) -> str:
    """The blocks of an element; in an item of a list, a list stands right below its line."""
    _flush(frame, "")
    parts: list[str] = []
    before = ""
    for text, kind in frame.blocks:
        close = kind == "dd" or (kind == "dt" and before == "dt") or (kind == "list" and tight)
        parts += ["\n" if close else "\n\n", text]
        before = kind
    return "".join(parts[1:])


def _write(frame: _Frame, outer: _Frame, element: Any) -> None:
    """Add a whole element to what it stands in."""
    tag = frame.tag
    if tag in ("td", "th") and outer.tag == "table":
        _write_cell(frame, outer, element)
    elif tag == "table":
        _write_table(frame, outer)
    elif tag in _LISTS:
        _flush(frame, "")
        if items := [text for text, _ in frame.blocks]:
            outer.blocks.append(("\n".join(items), "list"))
    elif tag in _FLAT:
        if text := _line(frame):
            level = _HEADINGS.index(tag) + 1 if tag in _HEADINGS else 0
            outer.blocks.append((f"{'#' * level} {text}" if level else text, "dt" if tag == "dt" else ""))
    elif tag == "pre":
        outer.blocks += [(text, "")] if (text := _fenced("".join(frame.inline))) else []
    elif text := _content(frame, tight=tag == "li"):
        _write_blocks(text, frame, outer, element)


def _write_blocks(text: str, frame: _Frame, outer: _Frame, element: Any) -> None:
    if frame.tag == "li":
        outer.blocks.append((_indented(text, _bullet(outer, element), frame.depth), "list"))
    elif frame.tag == "dd":
        outer.blocks.append((_indented(text, ":   ", frame.depth), "dd"))
    else:
        quoted = text.replace("\n", "\n> ").replace("\n> \n", "\n>\n")
        outer.blocks.append((f"> {quoted}" if frame.depth <= _DEPTH else text, ""))


def _write_cell(frame: _Frame, outer: _Frame, element: Any) -> None:
    rows = outer.feet if outer.group[0] == "tfoot" else outer.rows
    if not rows:
        rows.append([])
    # Of no number, or 0: to the end of its group.
    down = _number(element.get("rowspan"), 1) or 1 << 16
    header = frame.tag == "th" or outer.group[0] == "thead" or _is_bold(element)
    rows[-1].append(Cell(_line(frame), down, _number(element.get("colspan"), 1), header))


def _is_bold(cell: Any) -> bool:
    """Whether all of a cell's words are bold, as names of columns are."""
    while len(cell) == 1 and not (cell.text or "").strip() and not (cell[0].tail or "").strip():
        cell = cell[0]
        if cell.tag in ("b", "strong"):
            return True
    return False


def _write_table(frame: _Frame, outer: _Frame) -> None:
    _flush(frame, "")
    outer.blocks += frame.blocks
    rows = [*frame.rows, *frame.feet]
    n_headers = min(frame.n_headers, len(rows) - 1) if frame.n_headers else None
    titles, text = pipe_table(rows, n_headers or None)
    outer.blocks += [(part, "") for part in (*titles, text) if part]


def _bullet(outer: _Frame, element: Any) -> str:
    if outer.tag != "ol":
        return "- "
    number = _number(element.get("value"), outer.n_headers)
    outer.n_headers = number + (-1 if _counts_down(element.getparent()) else 1)
    style = next((up.get("type") for up in (element, element.getparent()) if up.get("type")), "1")
    if style == "1" or not 0 < number <= 3_999:
        return f"{max(0, number)}. "
    return f"- {lettered(number, style)}. "


def _counts_down(listed: Any) -> bool:
    return listed is not None and listed.get("reversed") is not None


def _first_number(listed: Any) -> int:
    """Of a list whose start is not given."""
    return sum(item.tag == "li" for item in listed) if _counts_down(listed) else 1


def lettered(number: int, style: str) -> str:
    """The number of an item as a letter or a Roman number."""
    if style in ("i", "I"):
        text = ""
        for value, sign in _ROMAN:
            text += sign * (number // value)
            number %= value
    else:
        text = ""
        while number:
            number, letter = divmod(number - 1, 26)
            text = chr(ord("a") + letter) + text
    return text.upper() if style.isupper() else text


_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def _indented(text: str, mark: str, depth: int) -> str:
    """An item behind its mark; the lines after the first are set in below it."""
    if depth > _DEPTH:
        return mark + text
    indent = "\n" + " " * (2 if mark.startswith("- ") else len(mark))
    return mark + re.sub(r"\n(?!\n)", indent, text)


def _fenced(text: str) -> str:
    # One further down is that of its own line: the first line then stands where the text before does.
    marker = MARKER.match(text.lstrip())
    before = marker.group() if marker else ""
    code = text.replace(before, "", 1).strip("\r\n").rstrip()
    if not code.strip():
        return ""
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{before}{fence}\n{code}\n{fence}"


def _number(value: str | None, default: int) -> int:
    try:
        return int(value) if value is not None else default
    except ValueError:
        return default
