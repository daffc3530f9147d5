"""The title of a Markdown text: of its front matter, or its first heading behind badges and the like."""

from __future__ import annotations

import re

_FRONT = re.compile(r"\s*(---|\+\+\+)[ \t]*\r?\n(.*?)^(?:\1|\.\.\.)[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^title[ \t]*[:=][ \t]*(.*)$((?:\r?\n[ \t]+.*$)*)", re.MULTILINE | re.IGNORECASE)
_FOLDED = re.compile(r"[|>][-+0-9]*\Z")
_ATX = re.compile(r" {0,3}#[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*\Z")
_SETEXT = re.compile(r" {0,3}=+[ \t]*\Z")
_RULE = re.compile(r"[=~#*^-]{4,}[ \t]*\Z")
_HTML_HEADING = re.compile(r"<h1\b[^>]{0,300}>(.*?)</h1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{1,500}>")
_IMAGE = re.compile(
    r"!\[([^\[\]]{0,300})\](?:\([^()\s]{0,2000}(?:\s+\"[^\"]{0,300}\")?\)|\[[^\[\]]{0,100}\])?"
)
_LINK = re.compile(r"\[([^\[\]]{0,300})\](?:\([^()]{0,2000}\)|\[[^\[\]]{0,100}\])")
# Looked for in the beginning only; what comes later is a heading of a part.
_HEAD, _LINES = 20_000, 80


def title(text: str) -> str | None:
    """Title of a Markdown text, in plain words; None if it begins with something else."""
    head = text[:_HEAD].lstrip("\ufeff")
    if front := _FRONT.match(head):
        if named := _of_field(front[2]):
            return named
        head = head[front.end() :]
    lines = [line.rstrip("\r") for line in head.split("\n")[:_LINES]]
    for number, line in enumerate(lines):
        if heading := _ATX.match(line):
            return _strip_marks(heading[1])
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line.strip() and not _RULE.match(line) and _SETEXT.match(below):
            return _strip_marks(line)
        if line.lstrip().lower().startswith("<h1"):
            return (
                _strip_marks(heading[1])
                if (heading := _HTML_HEADING.search("\n".join(lines[number:])))
                else None
            )
        if _strip_marks(line) and not _is_furniture(line):
            return None
    return None


def _of_field(front: str) -> str | None:
    match = _FIELD.search(front)
    if not match:
        return None
    value = match[1].strip()
    if not value or _FOLDED.match(value):
        value = " ".join(match[2].split())
    elif value[0] in "\"'":
        value = value[1 : value.find(value[0], 1)] if value.find(value[0], 1) > 0 else value
    else:
        value = re.split(r"\s#", value, maxsplit=1)[0]
    return " ".join(value.split()) or None


def _strip_marks(line: str) -> str | None:
    """The words of a line: without tags, pictures and the marks of links and emphasis."""
    words = _TAG.sub("", _LINK.sub(r"\1", _IMAGE.sub("", line)))
    words = re.sub(r"(\*{1,3}|_{2,3}|`+)(\S(?:.*?\S)?)\1", r"\2", words)
    return " ".join(words.split()) or None


def _is_furniture(line: str) -> bool:
    """What stands above the title of many a file: pictures, rules, links, definitions, tags."""
    stripped = line.strip()
    if _RULE.match(stripped) or stripped.startswith((">", "<", "[", "-->")):
        return True
    without = _TAG.sub("", _LINK.sub("", _IMAGE.sub("", line)))
    return not re.search(r"\w", without)
