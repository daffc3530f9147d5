"""Names that nothing but their own line sets apart from what describes them, as text of HTML has them.

Texinfo, Sphinx, DocBook and asciidoc write definition lists. Text of their HTML has no indentation left: a
name stands on a line behind a sentence's end or a blank line, or directly before its description
(``linkcheckCheck the integrity of …``). A phrase or a single word in capitals is a name only beside others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

# A line with a sign that is a link to it, as Sphinx puts it behind names and headings.
_LINKED = re.compile(r"^[ \t]*([^\n¶\uf0c1]{1,400}[¶\uf0c1])", re.MULTILINE)
_NAMES = re.compile(r"[(=:.\[<@_→%$|]|[a-z][A-Z]|^[a-z]\S*$|^[A-Z]+$")
# What stands above a name: a sentence's end or blanks, and blank lines.
_ABOVE = re.compile(r"[.:!?)”\"\n \t]\n(?:[ \t\xa0]*\n)*")
_ENDED = re.compile(r"[.:!?][)”\"]?\s*\Z")
# A short line, and the start of what is below it.
_LINE = re.compile(
    r"[ \t\xa0]*(?![-*+•|>#:~][ \t]|\d+[.)])(\S[^\n]{0,79}?)"
    r"(?=[ \t\xa0]*\n(?:[ \t\xa0]*\n){0,6}[ \t\xa0]*([^\s-][^\n]{0,60}))"
)
_SENTENCE = re.compile(r"[\"'“‘(`]?[A-Z\d][\w'’/-]*,?[ \xa0]+\S+[ \xa0]+\S")
_CLAUSE = re.compile(r"\S+[ \xa0]+\S+[ \xa0]+\S")
_ENDS = (".", "!", "?", ":", ";", ",", "{", "(", "[", "\\", "…", "}", "|", "&", "$", "=")
_QUOTED = re.compile(r"[‘“\"'`][^\s‘’“”\"'`][^‘’“”\"'`\n]{0,60}[’”\"'`]")
_WORD = r"[\w%$@<\[.‘/+-][^\s,;]*"
# One name, or several.
_LISTED = re.compile(rf"{_WORD}(?:(?:, ?| or |\|){_WORD}){{0,5}}")
# What no word of prose has.
_CODED = re.compile(r"\w[_=./]\w|[a-z][A-Z]|\w-\w|[a-z]\d|\d[a-z]|^[<\[%$@-]")
_PLACEHOLDER = re.compile(r"[<\[{|]|\.\.\.")
_PROSE = re.compile(r"\b(?:the|of|is|was|are|were|to|an?|and|in|by|as|with|that)\b")
# ``owner`` right before its description, which begins with one of these.
_GLUED = re.compile(
    r"[ \t]*([\w<$%.:-][^\s,]{0,60}?(?:,? [^\s,]{1,40}?){0,3}(?<=[\w>)\].]))"
    r"(?=(?:An?|The|This|These|If|When|Whether|Specif(?:y|ies)|Optional|Same|Only|Sets?|List|Name)"
    r"[ \n][a-z<\"`:])"
)
# The same before any word, but for what may be a brand's name; only beside others.
_MAYBE_GLUED = re.compile(
    r"[ \t]*([\w<$%.:-][\w<$%.:>-]{0,40}?(?<=[\w>]))"
    r"(?=[A-Z][a-z]+[ ](?!(?:is|was|has|can|will|and|or|of|in|for|are|were|had)\b)[a-z]+[ \n])"
)
# ``software   Inform the postmaster of …``
_BESIDE = re.compile(
    r"[ \t\xa0]*([\w<\[.-][\w<>.|/-]*(?: [\w<>\[\].:|-]+){0,2})"
    r"(?=[ \t\xa0]{3,8}[A-Z][a-z]*[ ][a-z]+[ ][a-z])"
)
# ``24.2.1 Basic files``, as Texinfo and DocBook number their sections.
_SECTION = re.compile(r"[ \t]*(\d{1,2}(?:\.\d{1,2}){1,4}\.?[ \xa0]+[A-Z][^\n]{1,70}(?<![.:;,]))[ \t]*(?=\n)")
_BEHIND = 120


def flat_names(region: str) -> Iterator[Block]:
    """Such names, and headings that link to themselves."""
    if "¶" in region or "\uf0c1" in region:
        for linked in _LINKED.finditer(region):
            yield *linked.span(1), "term" if _NAMES.search(linked[1][:-1]) else "heading"
    unsure: tuple[list[re.Match[str]], list[re.Match[str]]] = [], []
    for start, announced in _starts(region):
        if m := _SECTION.match(region, start):
            yield *m.span(1), "heading"
        elif m := _GLUED.match(region, start) or _BESIDE.match(region, start):
            yield *m.span(1), "term"
        elif m := _MAYBE_GLUED.match(region, start):
            unsure[0].append(m)
        elif m := _LINE.match(region, start):
            verdict = _names(m[1], m[2], announced)
            if verdict:
                yield *m.span(1), "term"
            elif verdict is None:
                unsure[1].append(m)
    several = (name for found in unsure if len({name[1] for name in found}) > 1 for name in found)
    yield from ((*name.span(1), "term") for name in several)


def _starts(region: str) -> Iterator[tuple[int, bool]]:
    """Where lines begin behind a sentence's end or a blank line, and whether a colon announces them."""
    yield 0, False
    for gap in _ABOVE.finditer(region):
        above = region[max(0, gap.start() - _BEHIND) : gap.start() + 1]
        if gap[0].count("\n") > 1 or _ENDED.search(above):
            yield gap.end(), above.rstrip().endswith(":")


def _names(line: str, below: str, announced: bool) -> bool | None:
    """Whether a line names what is below it; None: if another one does, too."""
    if line.endswith(_ENDS) and not line.endswith("..."):
        return False
    if announced and " " in line and not _LISTED.fullmatch(line):
        return False  # an example
    if _QUOTED.fullmatch(line) or (_is_coded(line) and _CLAUSE.match(below)):
        return True
    is_sentence = _SENTENCE.match(below) is not None
    if _LISTED.fullmatch(line):
        if line.islower() and is_sentence:
            return True
        return None if is_sentence or (line.islower() and " " in below) else False
    if not is_sentence or len(line) > 60 or _PROSE.search(line):
        return False
    if _PLACEHOLDER.search(line) or _CODED.search(line.split()[0]):
        return True
    return None if line.isupper() else False


def _is_coded(line: str) -> bool:
    """Whether a line looks like no prose: an identifier, or one with its arguments."""
    words = line.split()
    if len(words) == 1 or _LISTED.fullmatch(line):
        return _CODED.search(words[0]) is not None
    return len(words) <= 8 and _CODED.search(words[0]) is not None and _PLACEHOLDER.search(line) is not None
