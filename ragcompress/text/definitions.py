"""Lines that name what stands below them, and lines that hold a label with its value.

Manuals are lists of options, settings and functions, each with a description. In Markdown, in text from HTML
and PDF, and in man pages their names stand on lines of their own; without its name no value can be
understood. A name is a unit of its own (``term``), and what describes it belongs to it (``companions``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile

from .blocks import Block, same_line_ends
from .columns import columns
from .dashed_items import BRACKETED, NEVER_LAST, dashed_items
from .definition_lists import defined
from .examples import examples, is_shown
from .flat_names import flat_names
from .no_names import is_no_name
from .rows_of_text import entries, titled_rows
from .titles import titles
from .wrapped_names import wrapped_names

# Most begin with the line end above: to look for it costs a tenth of trying every character for ``^``.
_M = re.MULTILINE
# ``-x``, ``-f FILE``, ``--long[=ARG], -l ARG`` and nothing else on the line.
_OPTION = r"-{1,2}[A-Za-z?#][\w.?#-]*(?:[ =\[:][^\s,.;!?][^\s,;!?]*){0,2}=?"
_OPTIONS = re.compile(
    rf"\n[ \t]*+{_OPTION}(?:(?:,[ \t]*(?:\n[ \t]*)?|[ \t]*\|[ \t]*| or ){_OPTION})*"
    r"(?<![^.]\.)(?<!\\)[ \t]*[#¶]?[ \t]*$",
    _M,
)
# ``-x, --long   what it does``, with what is indented below: label and value in one.
_COLUMNS = re.compile(
    r"\n([ \t]*+)-{1,2}[A-Za-z?#]\S*(?:,?[ =]\S+){0,3}(?:\t+| {2,})\S[^\n]*(?:\n\1(?:\t+| {6,})\S[^\n]*)*", _M
)
# ``work_mem (integer)``, as DocBook writes settings; ``cmd:fail-exit (boolean)``.
_TYPED = re.compile(
    r"\n[ \t]*+[\w.$-]{2,80}+(?:(?:, |:)[\w.$-]{2,80}+){0,3}[ \xa0]?\([a-z][a-z0-9 ,_|/-]{1,40}\)"
    r"[ \t]*[#¶]?[ \t]*$",
    _M,
)
# ``CREATE:<file>`` over ``Opens <file> with …``: the line above may end in no full stop.
_PLACEHELD = re.compile(
    r"\n[ \t]*+[A-Z][\w-]{1,40}(?:[:=]<[^<>\s]{1,40}>){1,4}[ \t]*(?=\n[ \t]*[A-Z][a-z]+ [^\s=:]+ \S)"
)
# The same behind a heading that text of HTML has put on its line, between a sentence's end and a blank line.
_TYPE_LAST = re.compile(
    r" \((?:integer|int|number|floating point|float|real|boolean|bool|string|str|text|enum|list|array|object"
    r"|size)\)(?=[ \t]*\n[ \t]*\n)"
)
_TYPED_LAST = re.compile(
    r"(?:(?<![\s\S])|(?<=[.:!?)]\n)|(?<=\s\n))[ \t]*((?:\d+(?:\.\d+)+\.?[^\S\n])?[^\n.]{0,80}?[\w.$-]{2,80}"
    rf"{_TYPE_LAST.pattern})"
)
# ``maxlen = number`` over what is indented: a setting with what it takes.
_TAKES = re.compile(
    r"\n[ \t]*+[\w.-]{2,60} ?= ?(?:integer|int|number|float|boolean|bool|string|str|text|enum|list|path|file"
    r"|seconds|size|name|user|command|host|port|address|mode|value)(?=[ \t]*\n[ \t]+\S)"
)
# ``-propquery`` over ``    propq``, indented: man pages in HTML break a line within a name.
_BROKEN_NAME = re.compile(
    r"\n([ \t]*+)(?:-{1,2}[A-Za-z?#]\S{0,60}|[\w.-]{2,60}(?=\n[ \t]+[=<\[])"
    r"|[a-z][\w-]{1,30}(?= [<\[|])[^\n.]{1,60}+)"
    r"\n\1[ \t]+[^\s.][^\n.]{0,30}+(?=\n\1\S|\n[ \t]*\n)"
)
# ``commit [--object`` over ``    ID] [-q] NAME``: the brackets are closed on a line further down.
_OPEN_NAME = re.compile(
    r"\n([ \t]*+)(?:-{1,2}[A-Za-z?#]|[a-z][\w-]*[ ])[^\n]{0,100}[\[{(][^\])}\n]{0,80}"
    r"(?:\n\1[ \t]+[^\n]{1,100}){1,4}?(?<=[\])}>A-Z.])(?=\n[ \t]{0,8}[A-Z][a-z]+ [a-z])"
)
# ``rank () → bigint``, ``re.compile(pattern, flags=0)¶``, ``class Thing(base)``.
_SIGNATURE = re.compile(
    r"\n[ \t]*+(?:(?:(?:class|exception|function|def|method|async def)[ ]\w[\w.]*(?:[ ]?\([^\n]{0,160}\))?:?"
    r"|\w[\w.]*[ ]?\([^\n]{0,160}\)[ ]*(?:(?:→|->|⇒)[ ]?[^\n.]{1,60}|[#¶])))[ \t]*[#¶]?[ \t]*$",
    _M,
)
# ``copyright¶``, as Sphinx writes settings, and ``%e``, ``$HOME``, ``@list``: a sign with a name.
_PILCROW = re.compile(r"\n[ \t]*+[\w.:<>*-]{1,80}¶[ \t]*$", _M)
_SIGIL = re.compile(r"\n[ \t]*+[%$@&~][\w#:{][\w{}:.+-]{0,40}[ \t]*$", _M)
# A short line over one that is indented further, unless a mark says that it is a description itself.
_HANGING = re.compile(
    r"\n([ \t]*+)(?![:~>|][ \t])(\S[^\n]{0,70}+)(?<![.!?:;,{(\[\\])(?=\n\1(?: {2,}|\t)[ \t]*\S)"
)
# ``commit.gpgSign`` over blank lines and what is indented further, as text of asciidoc's HTML has it.
_APART = re.compile(
    r"^([ \t]*)(?!(?:[-:~>|*+•]|\d+[.)])[ \t])(\S[^\n]{0,160})(?<![.!?:;,{(\[\\])[ \t]*\n"
    r"(?:[ \t]*\n){1,6}(?=\1[ \t]+\S)",
    _M,
)
_INDENTED = re.compile(r"\n[ \t]+\S")
_GAP = re.compile(r"\n(?:[ \t]*\n){1,6}(?=[ \t]+\S)")
_WIDE_GAP = re.compile(r"\n(?:[ \t]*\n){2,}")
_SHORT = 70
_FUNCTION_WORD = re.compile(
    r"\b(?:the|of|is|are|was|were|has|have|to|an?|and|in|by|as|with|that|which|does|not|can|will|may|must|should)\b"
)
# What stands over a remark within a description, and names nothing.
_ADMONITION = re.compile(
    r"\s*(?:notes?|important|hint|tip|warning|caution|attention|danger|remarks?|examples?|see also"
    r"|change ?log|parameters|returns|return type|raises|yields):?\s*\Z",
    re.IGNORECASE,
)
# The first word of a sentence.
_BEGINS = re.compile(r"\s*(?:(?:The|If|When|With|In|This|It|An?|For|To|See|By|On)\s*\Z|See also )")
# ``Default: yes`` is what is said of the name above it.
_VALUE = re.compile(r"[ \t]*Default(?: value)?s?:[ \t]+\S")
# ``[Please see the other option.]`` is a remark, like any in round brackets.
_REMARK = re.compile(r"\(.*\)|\[[A-Z][^\[\]]*\.\]", re.DOTALL)
# A note at the foot of a page, ``[2]``: it names no option.
_NOTE = re.compile(r"\[\d{1,3}\]")
_FURTHER = re.compile(r" {2,}|\t")
# ``Return type:``, right above its value.
_FIELD = re.compile(r"[ \t]*[A-Z][a-z]+(?: [a-z]+){0,2}:[ \t]*\Z")
# ``NAME``, ``SEE`` over ``  ALSO``: sections of man pages.
_SECTION = re.compile(
    r"(?=[^\n]*[A-Z]{2})([A-Z][A-Z0-9 ,/&'()-]{2,60}"
    r"(?:\n[ \t]{1,4}(?=[^\n]*[A-Z]{2})[A-Z][A-Z0-9 ,/&'()-]{1,60})?)[ \t]*(?:\Z|\n)"
)
# A short line between wide gaps, over a sentence: what a page sets in a larger type.
_BETWEEN_GAPS = re.compile(
    r"[ \t]*((?![-:~>|*+•#])(?=[^\n]*[^\W\d_]{2})[^\W\d_a-zß-öø-ÿ][^\n]{1,69})(?<![.!?:;,…{(\[\\])[ \t]*\n"
    r"(?:[ \t]*\n){2,}(?=[ \t]*[^\s-][^\n]{40})"
)
# A row whose table a text splitter has cut off.
_PIPED = re.compile(r"\n[ \t]*+\|[^\n]+\|[ \t]*$", _M)
_CAPITALS = re.compile(r"(?=[^\n]*[A-Z]{2})[A-Z][A-Z0-9 ,/&'()-]{2,60}")
# The same over what is indented.
_SHOUTED = re.compile(r"\n([ \t]*)[A-Z][A-Z\d_]{2,40}[ \t]*\n([ \t]+)(?=\S)")
# A name in capitals whose description is a sentence with lines that hang: no section of a man page has such.
_SHOUTED_FIRST = re.compile(
    r"[A-Z][A-Z\d_]{2,40}[ \t]*\n([ \t]+)[A-Z][a-z]* [a-z][^\n]+(?<![.!?:])\n\1[ \t]+[a-z<]"
)
# ``Width: 12 m`` and its like, two or more in a row.
_LABELS = re.compile(
    r"(?:^[ \t]*[^\W\d_](?:[\w /.'’-]|\([^()\n]{0,36}\)){0,38}:[ \t]+\S[^\n]{0,100}(?:\n|\Z)){2,}", _M
)
# A value, and a label below it: cheap to look for, and most texts have none.
_LABEL_BELOW = re.compile(r":[ \t]+\S[^\n]{0,100}\n[ \t]*[^\W\d_][\w ()/.,'’-]{0,60}:[ \t]+\S")
# ``port = 8443`` and its like, two or more in a row.
_SETTINGS = re.compile(
    r"(?:\n[ \t]*+[A-Za-z][\w.-]{0,40}+[ \t]?=[ \t]?[^\s=][^\n]{0,100}+(?<![{(\[:,\\])(?=\n|\Z)){2,}"
)
# ``limits:`` over ``  memory: 2 GB``, as YAML has it.
_KEY = re.compile(
    r"\n([ \t]*+)(?:- )?[\w.\"'-]{1,60}:[ \t]*(?=\n\1[ \t]+(?:- )?[\w.\"'-]{1,60}:(?:[ \t]|\n|\Z))"
)
# What stands alone above labels: ``Larch lamp``.
_TITLE = re.compile(r"(?=[^\W_])(?![a-zß-öø-ÿ]+['’])(?:[^\s.:;,!?]+ ?){1,8}\Z")
_LONG_VALUE = re.compile(r":[ \t]+(?:\S+[ \t]+){12}|[.!?][ \t]+[A-Z]")
_ASKED = re.compile(
    r"[ \t]*(?:Q|A|Question|Answer|Frage|Antwort|Réponse|Pregunta|Respuesta|Domanda|Risposta|Vraag"
    r"|Antwoord)\b",
    re.IGNORECASE,
)


def definitions(text: str, start: int, end: int) -> list[Block]:
    """Names and labeled values in a stretch of prose, in order, not overlapping."""
    region = same_line_ends(text[start:end])
    blocks: list[Block] = []
    lines = "\n" + region
    if "|" in region:
        blocks += _spans(_PIPED, lines, "table row")
    if "\n" not in region.strip():
        return [(start + a, start + b, kind) for a, b, kind in blocks]
    # Each is looked for once: a look at all of the text costs as much as a twentieth of all else.
    is_indented = _INDENTED.search(region) is not None
    behind_gaps = [0, *(gap.end() for gap in _WIDE_GAP.finditer(region))]
    wrapped = {block[0]: block for block in _wrapped(region, lines, is_indented)}
    wrapped |= {block[0]: block for block in _sections(region, behind_gaps)}
    blocks += _by_signs(region, lines)
    if is_indented:
        blocks += _hanging(region, lines)
    blocks += flat_names(region)
    blocks += _between_gaps(region, behind_gaps)
    wrapped |= {a: (a, b, "code") for a, b in examples(region)}
    wrapped |= {block[0]: block for block in (*titled_rows(lines), *entries(lines), *columns(region))}
    wrapped |= {block[0]: block for block in titles(region)}
    blocks = [*wrapped.values(), *(b for b in blocks if b[0] not in wrapped)]
    named = (b for b in blocks if b[2] != "term" or _may_be_term(region, b[0], b[1]))
    return [(start + a, start + b, kind) for a, b, kind in _apart(named)]


def _wrapped(region: str, lines: str, is_indented: bool) -> Iterator[Block]:
    """Names that go on on the next line."""
    if "[" in region or "{" in region:
        yield from (block for block in _spans(_OPEN_NAME, lines, "term") if _is_closed(region, block))
    if is_indented:
        yield from wrapped_names(region, lines)
        if ":" in region:
            yield from _spans(_KEY, lines, "term")
    if "-" in region:
        yield from _spans(_BROKEN_NAME, lines, "term")


def _by_signs(region: str, lines: str) -> Iterator[Block]:
    """What a sign tells that a line has; where it is nowhere, nothing is looked for."""
    if "-" in region:
        yield from _spans(_COLUMNS, lines, "list item")
        yield from _spans(_OPTIONS, lines, "term")
    if "=" in region:
        yield from _spans(_TAKES, lines, "term")
        for run in _SETTINGS.finditer(lines):
            yield from _lines_of(run[0][1:], run.start())
    if "(" in region:
        yield from _spans(_TYPED, lines, "term")
        yield from _typed_last(region)
    if ":<" in region or "=<" in region:
        yield from _spans(_PLACEHELD, lines, "term")
    if "(" in region or "class " in region:
        yield from _spans(_SIGNATURE, lines, "term")
    if "¶" in region:
        yield from _spans(_PILCROW, lines, "term")
    if "–" in region or " -" in region:
        yield from dashed_items(lines)
    yield from _spans(_SIGIL, lines, "term")
    if ":" in region or "~" in region:
        yield from defined(lines)
        yield from _labels(region)


def _may_be_term(region: str, start: int, end: int) -> bool:
    """Whether a line is no title of a remark, no first word of a sentence, and no remark in brackets."""
    if any(pattern.match(region, start, end) for pattern in (_ADMONITION, _BEGINS, _VALUE)):
        return False
    if _is_value(region, start, end):
        return False
    line = region[start:end].strip()
    # Not where it touches its description: ``-C, --config fileRead a …``.
    is_line = line[:1] == "-" and "\n" not in line and not region[end : end + 1].isalnum()
    if is_line and _goes_on(line, region[end + 1 : end + _SHORT]):
        return False
    return not _REMARK.fullmatch(line) and line[:2] != "</" and not is_no_name(line)


def _is_value(region: str, start: int, end: int) -> bool:
    """Whether a label with a colon stands right above a line, and nothing right below it."""
    below = region[end : end + _SHORT].lstrip(" \t")
    if below[:1] == "\n":
        below = below[1:].lstrip(" \t")
    if below[:1] not in ("", "\n"):
        return False
    above = region[max(0, start - _SHORT) : start].rstrip(" \t").removesuffix("\n")
    return _FIELD.match(above, above.rfind("\n") + 1) is not None


def _is_closed(region: str, block: Block) -> bool:
    """Whether all brackets within a name are closed, and no sentence ends in it."""
    name = region[block[0] : block[1]]
    is_sentence = re.search(r"[^.]\.(?:\s|$)", name) or _FUNCTION_WORD.search(name)
    return not is_sentence and all(name.count(a) == name.count(b) for a, b in ("[]", "{}", "()"))


def _spans(pattern: re.Pattern[str], lines: str, kind: str) -> Iterator[Block]:
    """Where a pattern matches in a region that a line end was put before; offsets are the region's."""
    return ((m.start(), m.end() - 1, kind) for m in pattern.finditer(lines))  # type: ignore[misc]


def _typed_last(region: str) -> Iterator[Block]:
    """Looked for from the type, which is rare: to try every line takes as long as all else together."""
    for last in _TYPE_LAST.finditer(region):
        if m := _TYPED_LAST.match(region, region.rfind("\n", 0, last.start()) + 1):
            yield *m.span(1), "term"


def _labels(region: str) -> Iterator[Block]:
    """Each line of a run of labels with values; not of a conversation, whose turns are prose."""
    if not _LABEL_BELOW.search(region):
        return
    for run in _LABELS.finditer(region):
        start = run.start()
        lines = re.findall(r"[^\n]*\n|[^\n]+", run[0])
        if any(_LONG_VALUE.search(line) or _ASKED.match(line) for line in lines):
            continue
        above = region[:start].rstrip("\n").rpartition("\n")
        if _TITLE.match(above[2]) and not above[0].rpartition("\n")[2].strip():
            at = len(above[0]) + len(above[1])
            yield at, at + len(above[2]), "heading"
        yield from _lines_of(run[0], run.start())


def _lines_of(run: str, start: int) -> Iterator[Block]:
    """Each line of a run that starts there."""
    for line in run.splitlines(keepends=True):
        yield start, start + len(line), "list item"
        start += len(line)


def _hanging(region: str, lines: str) -> Iterator[Block]:
    """Short lines over indented ones, where there are several alike: one alone may be chance.

    Args:
        region: the text.
        lines: the same behind a line end.
    """
    apart = [m for m in _above_gaps(region) if _may_name(m, region)]
    often = Counter(m[1] for m in apart)
    yield from ((m.start(), m.end(), "term") for m in apart if often[m[1]] > 1 or is_name(m[2]))
    matches = [m for m in _HANGING.finditer(lines) if not is_shown(lines, *m.span())]
    times = Counter(m[1] for m in matches)
    for m in matches:
        start, end = m.start(), m.end()
        if _CAPITALS.fullmatch(m[2].rstrip()) and not m[1]:
            yield start, end, "term" if not start and _is_stripped(region) else "heading"
        elif times[m[1]] > 1 and not _goes_on(m[2], region[end : end + _SHORT]):
            yield start, end, "term"


def _is_stripped(region: str) -> bool:
    """Whether the first line is a name in capitals like others, which a splitter has stripped of blanks."""
    if _SHOUTED_FIRST.match(region):
        return True
    below = _SHOUTED.match("\n" + region)
    return below is not None and any(m[1] and m[2] == below[2] for m in _SHOUTED.finditer(region))


def _goes_on(line: str, below: str) -> bool:
    """Whether a sentence that is wrapped stands on a line and on the one below."""
    words = line.split()
    if len(words) > 1 and words[-1].lower() in NEVER_LAST:
        return True
    goes_on = below.lstrip()[:1].islower()
    if words[0][:1] == "-":
        # ``-T tells tmux`` over ``the kind of prompt``; ``-F, --form can be used several times in a``
        rest = [*dropwhile(lambda word: word[:1] == "-", words)]
        plain = all(word.isalpha() and word.islower() for word in rest)
        is_sentence = len(rest) > 3 and _FUNCTION_WORD.search(" ".join(rest)) is not None
        return len(words) > 2 and plain and (goes_on or is_sentence)
    if re.search(r"[\w)}\]>] {1,4}[-–—]+(?: \w|\Z)", line):
        return True
    if len(words) < 4:
        return False
    if is_name(line):
        return line[0].isupper() and _FUNCTION_WORD.search(BRACKETED.sub(" ", line)) is not None
    return goes_on or (len(words) > 6 and _FUNCTION_WORD.search(line) is not None)


def _above_gaps(region: str) -> Iterator[re.Match[str]]:
    """What ``_APART`` finds, tried only where blank lines follow."""
    for gap in _GAP.finditer(region):
        if m := _APART.match(region, region.rfind("\n", 0, gap.start()) + 1):
            yield m


def _sections(region: str, behind_gaps: Sequence[int]) -> Iterator[Block]:
    """Headings of sections, in capitals, behind a wide gap."""
    for start in behind_gaps:
        if region[start + 1 : start + 2].isupper() and (m := _SECTION.match(region, start)):
            below = region[m.end() : m.end() + _SHORT].partition("\n")[0]
            if start or not (below[:1].islower() or below.isupper() or _is_stripped(region)):
                yield *m.span(1), "heading"


def _between_gaps(region: str, behind_gaps: Sequence[int]) -> Iterator[Block]:
    """Lines that stand alone over a paragraph."""
    done = -1
    for start in behind_gaps:
        # The gap below one line is not the gap above the next.
        if start > done and (m := _BETWEEN_GAPS.match(region, start)):
            done = m.end()
            yield *m.span(1), "term"


def _may_name(m: re.Match[str], region: str) -> bool:
    """Whether a line over blank ones may name what is indented further below it."""
    line = m[2].rstrip()
    if _CAPITALS.fullmatch(line) or (len(line) > _SHORT and not is_name(line)):
        return False
    if _FURTHER.match(region, m.end() + len(m[1])):
        return True
    # By one column: only a name that stands between blank lines.
    return len(line) <= _SHORT and not region[: m.start()].rpartition("\n")[0].rpartition("\n")[2].strip()


def is_name(line: str) -> bool:
    """Whether a name is no heading: one word, a command with its arguments, ``SHARE (ShareLock)``."""
    if _NOTE.fullmatch(line):
        return False
    words = line.split()
    has_type = line[-1] == ")" and "(" in line
    if len(words) == 1 or has_type or line[-1] == "¶" or line[:1] in "-[<" or "\n" in line:
        return True
    return any(w[:1] in "-[<" for w in words[1:])


def _apart(blocks: Iterable[Block]) -> Iterator[Block]:
    done = 0
    for block in sorted(blocks):
        if block[0] >= done:
            done = block[1]
            yield block
