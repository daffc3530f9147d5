"""Names that nothing but their own line sets apart from what describes them, as text of HTML has them.

Texinfo, Sphinx, DocBook and asciidoc write definition lists. Text of their HTML has no indentation left: a
name stands on a line behind a sentence's end or a blank line, or directly before its description
(``linkcheckCheck the integrity of …``). A phrase or a single word in capitals is a name only beside others.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from .blocks import Block
from .glued_names import PROSE, Seen, alike, glued, joints, repeated

# A line with a sign that is a link to it, as Sphinx puts it behind names and headings.
_LINKED = re.compile(r"^[ \t]*([^\n¶\uf0c1]{1,400}[¶\uf0c1])", re.MULTILINE)
_NAMES = re.compile(
    r"^-{1,2}\w|[(=:.\[<@_→%$|]|[a-z][A-Z]|^[a-z]\S*$|^[A-Z]+$|^[A-Z]{2,}(?!s$)[a-z]\w*$|"
    r"^(?:property|class|exception|abstract|static|async) \S+$"
)
# What stands above a name: a sentence's end or blanks, or blank lines.
_LINE_ENDS = re.compile(r"\n(?:[ \t\xa0]*\n)*")
_ENDS_ABOVE = frozenset('.:!?)”" \t')
_ENDED = re.compile(r"[.:!?][)”\"]?\Z")
# A short line, and the start of what is below it.
_LINE = re.compile(
    r"[ \t\xa0]*(?![-*+•|>#:~][ \t]|\d+[.)])(\S[^\n]{0,79}?)"
    r"(?=[ \t\xa0]*\n(?:[ \t\xa0]*\n){0,6}[ \t\xa0]*([^\s-][^\n]{0,60}))"
)
# ``tunnelAddress:``, right above what describes it.
_LABEL = re.compile(r"[ \t\xa0]*([\w.-]{3,60}:)[ \t\xa0]*(?=\n[ \t\xa0]*[A-Z]\S* \S+ \S)")
_SENTENCE = re.compile(r"[\"'“‘(`]?[A-Z\d][\w'’/-]*,?[ \xa0]+\S+[ \xa0]+\S")
_CLAUSE = re.compile(r"\S+[ \xa0]+\S+[ \xa0]+\S")
_ENDS = (".", "!", "?", ":", ";", ",", "{", "(", "[", "\\", "…", "}", "|", "&", "$", "=")
# ``bos BOS``, ``dev NAME``: a word with what it takes, in capitals.
_TAKES_CAPITALS = re.compile(
    r"(?!(?:from|for|on|at|or|but|see|under|over|via) )[a-z][\w-]+(?: [A-Z][A-Z\d_]+){1,3}"
)
_QUOTED = re.compile(r"[‘“\"'`][^\s‘’“”\"'`][^‘’“”\"'`\n]{0,60}[’”\"'`]")
_WORD = r"[\w%$@<\[.‘/+-][^\s,;]*"
# One name, or several.
_LISTED = re.compile(rf"{_WORD}(?:(?:, ?| or |\|){_WORD}){{0,5}}")
# What no word of prose has.
_CODED = re.compile(r"\w[_=./]\w|[a-z][A-Z]|\w-\w|[a-z]\d|\d[a-z]|^[<\[%$@-]")
_PLACEHOLDER = re.compile(r"[<\[{|]|\.\.\.")
_DIGITS = re.compile(r"\d+")
# ``software   Inform the postmaster of …``
_BESIDE = re.compile(
    r"[ \t\xa0]*([\w<\[.-][\w<>.|/-]*(?: [\w<>\[\].:|-]+){0,2})"
    r"(?=[ \t\xa0]{3,8}[A-Z][a-z]*[ ][a-z]+[ ][a-z])"
)
# ``24.2.1 Basic files``, as Texinfo and DocBook number their sections.
_SECTION = re.compile(r"[ \t]*(\d{1,2}(?:\.\d{1,2}){1,4}\.?[ \xa0]+[A-Z][^\n]{1,70}(?<![.:;,]))[ \t]*(?=\n)")
# ``AUTO`` over ``A list of names``, indented alike, whose next line hangs.
_OVER_HANGING = re.compile(r"([ \t]+)[A-Z]\w+[ \t]*\n\1[A-Z][^\n]+(?<![.:])\n\1[ \t]+[a-z<]")
_BEHIND, _WIDEST, _LONGEST, _TRIED = 120, 400, 80, 3
# So many characters and blanks are no name, but for a list of names.
_PHRASE, _WORDS = 63, 8
_TAKING = 40
# Lines of prose end where the next word does not fit, or a little before; of narrower ones nothing is told.
_SHORT, _NARROW, _WIDE, _RAGGED = 32, 50, 112, 12
_BLANKS = " \t\xa0"


def flat_names(region: str) -> Iterator[Block]:
    """Such names, and headings that link to themselves."""
    if "¶" in region or "\uf0c1" in region:
        yield from _linked(region)
    ends = joints(region)
    by_shape: defaultdict[str, list[re.Match[str]]] = defaultdict(list)
    for start, above, announced in _starts(region):
        end = region.find("\n", start)
        last = start + _WIDEST if end < 0 else min(end, start + _WIDEST)
        near = ends[(k := bisect_left(ends, start)) : min(k + _TRIED, bisect_left(ends, last, k))]
        verdict, m = glued(region, start, near, above) if near else ("", None)
        if m is None and (m := repeated(region, start)):
            verdict = "glued"
        if m is None:
            line = region[start : len(region) if end < 0 else end].strip(_BLANKS)
            verdict, m = _alone(region, start, line, announced)
            verdict = "maybe" if above < 0 and verdict == "name" else verdict
        if m is not None:
            by_shape[verdict].append(m)
    yield from ((*m.span(1), "heading") for m in by_shape["heading"])
    names = by_shape["name"] + by_shape["glued"] + (by_shape["beside glued"] if by_shape["glued"] else [])
    if by_shape["glued"] or _are_several(by_shape["maybe glued"]):
        names += by_shape["maybe glued"]
    if _are_several(by_shape["maybe"] + by_shape["name"]):
        names += by_shape["maybe"]
    yield from ((*m.span(1), "term") for m in names)
    if "=" in region:
        yield from ((*m.span(1), "term") for m in alike(region, [m[1] for m in by_shape["glued"]]))


def _linked(region: str) -> Iterator[Block]:
    """Lines that link to themselves: names, and headings, which are phrases."""
    lines = list(_LINKED.finditer(region))
    sure = [bool(_NAMES.search(line[1][:-1]) or _takes(line[1][:-1])) for line in lines]
    # Words in small letters are no heading beside a name.
    commands = [_is_command(line[1][:-1].split()) for line in lines]
    others = any(sure) or sum(commands) > 1
    for line, is_name, is_command in zip(lines, sure, commands, strict=True):
        yield *line.span(1), "term" if is_name or (is_command and others) else "heading"


def _takes(line: str) -> bool:
    """``set community COMMUNITY``, ``bgp deterministic-med``: a command with what it takes."""
    words = line.split()
    coded = any(word.isupper() or not word.isalpha() for word in words)
    return coded and _is_command(words)


def _is_command(words: Sequence[str]) -> bool:
    """Whether words are in small letters, but for placeholders in capitals, and make no sentence."""
    if not words or not words[0].islower() or any(PROSE.fullmatch(word) for word in words):
        return False
    return all(word.islower() or word.isupper() or word.isdigit() for word in words)


def _are_several(names: Sequence[re.Match[str]]) -> bool:
    return len({name[1] for name in names}) > 1


def _starts(region: str) -> Iterator[tuple[int, int, bool]]:
    """Where lines begin behind a sentence's end or a blank line.

    Yields:
        where, how many line ends stand above, and whether a colon announces it. -1: the line above ends
        though this one, a single word, would have fitted on it.
    """
    yield 0, 0, False
    width = 0
    for gap in _LINE_ENDS.finditer(region):
        start = gap.start()
        number = gap[0].count("\n")
        if start and (number > 1 or region[start - 1] in _ENDS_ABOVE):
            above = region[max(0, start - _BEHIND) : start].rstrip()
            if number > 1 or _ENDED.search(above):
                yield gap.end(), number, above.endswith(":")
                continue
        if not start or not region.startswith((" ", "\t"), gap.end()):
            continue
        if region.startswith(("  ", "\t"), gap.end()) and _hangs(region, start, gap.end()):
            yield gap.end(), number, False
        elif number == 1 and (word := _word(region, start)):
            width = width or max(len(line) for line in region.split("\n"))
            if _NARROW < width < _WIDE and _breaks(region, start, len(word), width):
                yield gap.end(), -1, False


def _word(region: str, end: int) -> str:
    """What stands on the line behind a line end, if it is a single word in small letters; else empty."""
    bare = region[end + 1 : end + _LONGEST].partition("\n")[0].strip()
    return bare if 1 < len(bare) < _SHORT and " " not in bare and bare.islower() else ""


def _breaks(region: str, end: int, word: int, width: int) -> bool:
    """Whether a line ends early, for the next one is indented alike, and a word that would have fitted on it.

    Args:
        region: the text.
        end: of the line.
        word: length of what is on the next one.
        width: of the longest line.
    """
    above = region[region.rfind("\n", 0, end) + 1 : end]
    indent = len(above) - len(above.lstrip())
    is_level = region[end + 1 : end + 1 + indent].isspace() and not region[end + 1 + indent].isspace()
    return is_level and len(above) + word + _RAGGED < width


def _hangs(region: str, end: int, start: int) -> bool:
    """Whether the line above is indented further, and the one below is not: paragraphs with hanging lines.

    Args:
        region: the text.
        end: of the line above.
        start: of the line.
    """
    above, line = region[region.rfind("\n", 0, end) + 1 : end][:_LONGEST], region[start : start + _LONGEST]
    indent = len(line) - len(line.lstrip(" "))
    below = region.find("\n", start) + 1
    next_line = region[below : below + _LONGEST]
    return len(above) - len(above.lstrip(" ")) > indent == len(next_line) - len(next_line.lstrip(" "))


def _alone(region: str, start: int, line: str, announced: bool) -> Seen:
    """A numbered heading, or a name that stands beside or above its description."""
    if line[:1].isdigit() and (m := _SECTION.match(region, start)):
        return "heading", m
    if ("   " in line or "\t" in line or "\xa0" in line) and (m := _BESIDE.match(region, start)):
        return "name", m
    if line[-1:] == ":" and " " not in line and _CODED.search(line) and not line.isupper():
        return "maybe", _LABEL.match(region, start)
    if _may_name(line) and (m := _LINE.match(region, start)):
        verdict = _names(m[1], m[2], announced)
        if verdict is None and _OVER_HANGING.match(region, start):
            verdict = True
        if verdict is not False:
            return "name" if verdict else "maybe", m
    return "", None


def _may_name(line: str) -> bool:
    """Whether a line is short enough, and no sentence ends on it."""
    if not 0 < len(line) <= _LONGEST or (line.endswith(_ENDS) and not line.endswith("...")):
        return False
    blanks = line.count(" ")
    if len(line) < _PHRASE or blanks < _WORDS:
        return True
    return blanks <= line.count(", ") + 2 * line.count(" or ")


def _names(line: str, below: str, announced: bool) -> bool | None:
    """Whether a line names what is below it; None: if another one does, too."""
    if announced and " " in line and not _LISTED.fullmatch(line):
        return False  # an example
    if _QUOTED.fullmatch(line) or (_is_coded(line) and _CLAUSE.match(below)):
        return True
    is_sentence = _SENTENCE.match(below) is not None
    if _TAKES_CAPITALS.fullmatch(line) and not PROSE.search(line):
        return is_sentence or _CLAUSE.match(below) is not None
    if _LISTED.fullmatch(line):
        if line.islower() and is_sentence:
            return True
        is_word = line.islower() and " " in below and not PROSE.fullmatch(line)
        return None if is_sentence or is_word else False
    if not is_sentence or len(line) > 60 or PROSE.search(line):
        return False
    if _PLACEHOLDER.search(line) or _CODED.search(line.split()[0]):
        # ``A-3 Red light blinks`` over ``A-4 Red light stays on``: lines of one list.
        return _DIGITS.sub("0", line.split()[0]) != _DIGITS.sub("0", below.split()[0])
    # ``stratum number``: a name with what it takes.
    takes = line.islower() and line.count(" ") < 3 and len(line) < _TAKING
    return None if line.isupper() or takes else False


def _is_coded(line: str) -> bool:
    """Whether a line looks like no prose: an identifier, or one with its arguments."""
    words = line.split()
    if len(words) == 1 or _LISTED.fullmatch(line):
        return _CODED.search(words[0]) is not None
    return len(words) <= 8 and _CODED.search(words[0]) is not None and _PLACEHOLDER.search(line) is not None
