"""Names that a line's end breaks, over what describes them: as man pages in HTML have them.

``statistics:`` stands over ``    <yes or no>``, indented further, and the description begins with less
indentation. Or a blank line ends a name with its arguments (``move-pane``, ``[-bdfhv] [-l``, ``size]``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

# A line, and what is indented further below it; the next line is indented like the first, or blank.
_WRAPPED = re.compile(
    r"\n([ \t]*+)(?![-*+•][ \t]|\d+[.)][ \t])((?:[\w<\[{(\"'“‘$%@/.-]|~/)[^\n]{0,110}+)"
    r"((?:\n\1[ \t]+[^\s][^\n]{0,110}+){1,9}+)(?=\n(?:\1[^\s]|[ \t]*\n\1[ \t]+[^\s]))"
)
# The same where a splitter has stripped what the first line was indented by.
_STRIPPED = re.compile(
    r"\n()([\w<\[{(\"'“‘$%@/.-][^\n]{0,110}+)\n([ \t]{3,}+)"
    r"([^\s][^\n]{0,110}+(?:\n\3[^\s][^\n]{0,110}+){0,8}+)(?=\n(?!\3)[ \t]++[^\s])"
)
# What ends above a name.
_ENDS = frozenset('.:!?)”"…¶')
_LABEL = re.compile(r"[\w.-]+(?: : ?[\w.-]+)?(?:: ?(?:<[^<>]*|[\w.-]+)?| :)")
_SIGN = re.compile(r"[\[<{]|\.\.\.|…|\b\w+[=_-]\w")
_SENTENCE_END = re.compile(r"[.!?;](?:\s|\Z)(?<!\.\.\.\s)(?<!\.\.\.)")
_PROSE = re.compile(
    r"(?<![\w-])(?:the|of|is|was|are|were|an?|and|by|that|this|which|it|its|be|been|will|can|may|must|should"
    r"|has|have|when|then|than|from|with)(?![\w-])",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}|\([^()]*\)|\"[^\"]*\"")
_QUOTED = re.compile(r"<[^<>]*>|\"[^\"]*\"")
_TITLED = re.compile(r"[A-Z][a-z]+\b")
# How a description begins.
_SENTENCE = re.compile(r"[ \t]*[\"'“‘(`]?[A-Z\d][\w'’/:()-]*,?\s+[^\s=({]+")
_CLAUSE = re.compile(r"[ \t]*[a-z][\w'’-]*,?[ ]+[\w'’-]+[ ,]+[\w(]")
# What a value is, and no more: ``int (optional) (If: CONFIG_LINUX)``, ``array of strings``.
_TYPE = re.compile(
    r"\s*(?:(?:optional|required|list of|array of|map of|set of) )*[\w.-]+"
    r"(?:\s+\([\w ,:]+\)){0,3}(?:, [\w ,]+)?\s*"
)
# ``type { fast | slow }``, ``encap TYPE HEADER``: a word with what it takes, whatever stands below.
_TAKES = re.compile(r"[a-z][\w-]*(?:\s+(?:[A-Z][A-Z\d_]+|\[[^\n]*\]|\{[^\n]*\}))+\s*")
# ``-n, -netns`` over ``<NETNS>``
_OPTION_TAKES = re.compile(r"-{1,2}\w[\w-]*(?:, -{1,2}\w[\w-]*)*\s+<[^<>]*>\s*")
_MOST_WORDS, _LONGEST = 5, 300


def wrapped_names(region: str, lines: str) -> Iterator[Block]:
    """Such names, with their arguments, as one unit each.

    Args:
        region: the text.
        lines: the same behind a line end.
    """
    if first := _STRIPPED.match(lines):
        start, end = 0, first.end() - 1
        if _names(region, start, end, first[2], first[4]):
            yield start, end, "term"
    done = 0
    while m := _WRAPPED.search(lines, done):
        start, end = m.start(), m.end() - 1
        # What is no name itself may hold one.
        done = start + 1
        if _names(region, start, end, m[2], m[3]) and _may_begin(region, start, m[2]):
            done = m.end()
            yield start, end, "term"


def _may_begin(region: str, start: int, first: str) -> bool:
    """Whether a sentence has ended above a line, or the line is a label."""
    above = region[max(0, start - 80) : start]
    bare = above.rstrip()
    return not bare or bare[-1] in _ENDS or above.count("\n", len(bare)) > 1 or _is_label(first)


def _is_label(line: str) -> bool:
    """``name:``, ``name :``, ``name: <what`` and their like."""
    return ":" in line and _LABEL.fullmatch(line.strip()) is not None


def _names(region: str, start: int, end: int, first: str, others: str) -> bool:
    """Whether lines are a name with what it takes, and what stands below describes it."""
    name = region[start:end].strip()
    if len(name) > _LONGEST or any(name.count(a) != name.count(b) for a, b in ("[]", "{}", "()")):
        return False
    if _SENTENCE_END.search(name) or " | " in _BRACKETED.sub(" ", name):
        return False
    is_label = _is_label(first)
    below = region[end + 1 : end + 90]
    next_line = below.partition("\n")[0].strip()
    is_apart = not next_line
    if is_label and next_line.endswith(":") and _is_label(next_line):
        return False  # labels over their values
    below = below.lstrip("\n \t") if is_apart else below
    bare = _BRACKETED.sub(" ", name)
    signs = _SIGN.search(name) is not None
    if is_apart and not (signs and others.lstrip()[:1] in '[<{-"('):
        return False
    if not is_label and _PROSE.search(_QUOTED.sub(" ", name)):
        return False
    if _SENTENCE.match(below) or below.lstrip().startswith("("):
        words = bare.split()
        may_be_title = bool(words) and _TITLED.match(words[0]) and first[-1] != ","
        return is_label or signs or (len(words) <= _MOST_WORDS and not may_be_title)
    takes = _TAKES.fullmatch(" ".join(name.split())) is not None or _OPTION_TAKES.fullmatch(name) is not None
    return (takes or (is_label and _TYPE.fullmatch(others) is not None)) and bool(_CLAUSE.match(below))
