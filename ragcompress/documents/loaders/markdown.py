"""Markdown, as it is, without what nobody sees: comments become blanks, so that offsets stay."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from . import Loaded
from . import text as plain
from ._clock import Clock

_OPENS = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})|(?P<code>`+)|(?P<comment><!--)", re.MULTILINE)
# The link definitions that people write as comments.
_DEFINED = re.compile(r"^ {0,3}\[(?://|comment|_)\]:[ \t]*(?:#|<>).*$", re.MULTILINE | re.IGNORECASE)
# Elements that pages hide, on one line or over several, with no other of their name within.
_HIDDEN = re.compile(
    r"""<(?P<tag>div|span|p|section|font|b|i)\b
        [^<>]{0,200}?\s(?:hidden(?=[\s>])|style\s*=\s*["'][^"'<>]{0,200}?(?:display\s*:\s*none|visibility\s*:\s*hidden))
        [^<>]{0,200}> (?P<words>(?:(?!</?(?P=tag)\b).){0,20000}?) </(?P=tag)\s*>""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(
    r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)|(?<!`)(`{1,2})(?!`)[^`]{1,300}(?<!`)\2(?!`)",
    re.MULTILINE | re.DOTALL,
)
_SHOWN = re.compile(r"[^\s]")


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read Markdown; places are lines."""
    loaded = plain.load(data, name, clock)
    left_out = Counter(loaded.left_out)
    text = without_hidden(without_comments(loaded.text, left_out), left_out)
    return replace(loaded, text=text, left_out=left_out)


def without_hidden(text: str, left_out: Counter[str]) -> str:
    """The text with blanks in place of elements that are not shown, code excepted; as long as before."""
    if "hidden" not in text and "none" not in text:
        return text
    code = [m.span() for m in _CODE.finditer(text)]

    def blanked(match: re.Match[str]) -> str:
        k = bisect_right(code, (match.start(), len(text))) - 1
        if k >= 0 and match.start() < code[k][1]:
            return match[0]
        left_out["hidden part"] += 1
        return _SHOWN.sub(" ", match[0])

    return _HIDDEN.sub(blanked, text)


def without_comments(text: str, left_out: Counter[str]) -> str:
    """The text with blanks in place of its comments, code excepted; as long as before."""
    if "<!--" not in text and "]:" not in text:
        return text
    parts: list[str] = []
    done = 0
    for start, end in sorted(_comments(text)):
        if start >= done:
            parts += [text[done:start], _SHOWN.sub(" ", text[start:end])]
            done = end
            left_out["comment"] += 1
    return "".join([*parts, text[done:]])


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Where comments stand that are no part of code; one that never ends is none."""
    at, line_end, closed = 0, -1, True
    while match := _OPENS.search(text, at):
        at = match.end()
        if fence := match["fence"]:
            end = re.compile(rf"^ {{0,3}}{fence}{fence[0]}*[ \t]*$", re.MULTILINE).search(text, at)
            at = end.end() if end else len(text)
        elif run := match["code"]:
            if line_end < at:
                line_end = text.find("\n", at)
                line_end = len(text) if line_end < 0 else line_end
            end_of_code = text.find(run, at, line_end)
            at = at if end_of_code < 0 else end_of_code + len(run)
        elif closed:
            # A comment may be no more than its marks: <!-->.
            closed = (end_of_comment := text.find("-->", match.start() + 2)) >= 0
            if closed:
                at = end_of_comment + 3
                yield match.start(), at
    yield from (m.span() for m in _DEFINED.finditer(text))
