"""Names that touch what describes them: ``linkcheckCheck the integrity of …``, as text of HTML has them.

Where a page's markup alone sets a name apart, no white space is between the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PROSE = re.compile(r"\b(?:the|of|is|was|are|were|to|an?|and|in|by|as|with|that)\b")
"""Words that no name has."""
# ``owner`` right before its description, which begins with one of these.
_GLUED = re.compile(
    r"[ \t]*([\w<$%.:-][^\s,]{0,60}?(?:,? [^\s,]{1,40}?){0,3}(?<=[\w>)\].]))"
    r"(?=(?:(?<![A-Z])An?|The|This|These|If|When|Whether|Specif(?:y|ies)|Optional|Same|Only|Sets?|List|Name)"
    r"[ \n][a-z<\"`:])"
)
# ``-n, --normDisplay the factors``, ``switch(label)Switch to``, ``Tls=<tl1>[,<tl2>]Sets the``, ``%cCluster``.
_GLUED_CODE = re.compile(
    r"[ \t]*((?:-{1,2}[A-Za-z?#][^\s,]{0,60}?(?:, ?-{1,2}[^\s,]{1,60}?){0,3}(?<=[\w>)\]])"
    r"|[\w.:-]{2,40}(?:\([^\s()]{0,60}\)|=[^\s]{1,80}?(?<=[>\]})]))|[%$@]\w{1,20}?)"
    r")(?=[A-Z][a-z]+[ \n.,])"
)
# And where a wide gap stands above, and another such name beside it.
_ALSO_GLUED = re.compile(r"[ \t]*([\w.:-]{2,40}?(?<=[a-z\d>]))(?=[A-Z][a-z]+[ ][a-z]+[ \n])")
# A capital letter right behind a name: what most names that touch their description have.
_JOINT = re.compile(
    r"[A-Z](?<=[\w>)\].}:][A-Z])"
    r"(?:(?<=[^A-Z]A)n?|(?!s\b)[a-z]+|(?<=[a-z\d][A-Z])[A-Z]{1,5}(?= [a-z]))(?:[’'][a-z]+)?[ \n.,/-]"
)
# Or any word behind a bracket: ``TimeOut (timestamp)when this expires``.
_BRACKET_JOINT = re.compile(r"\)(?<=[a-z\d)]\))[A-Za-z]{2,}[ \n.,]")
# ``ssl_context:A context of``, ``Any other value:The header is``: a colon, and no blank behind it.
_GLUED_COLON = re.compile(
    r"[ \t]*([\w<$%.-][\w<>$%.|=-]{1,40}(?: [\w<>.|=-]{1,20}){0,3}:)(?=[A-Z][a-z]* [A-Za-z]\S* ?\S)"
)
# ``usb-storageUSB disk with``: behind small letters, an abbreviation.
_GLUED_ACRONYM = re.compile(r"[ \t]*([a-z]\w*[-_.=][\w.=-]*[a-z\d])(?=[A-Z]{2,6} [a-z]+ )")
# The same before any word, but for what may be a brand's name; only beside others.
_MAYBE_GLUED = re.compile(
    r"[ \t]*([\w<$%.:-][\w<$%.:>-]{0,40}?(?<=[\w>]))"
    r"(?=[A-Z][a-z]+[ ](?!(?:is|was|has|can|will|and|or|of|in|for|are|were|had)\b)[a-z]+[ \n])"
)
# ``drive_del device``, ``-smbios file=binary``, ``1F0400 7F 0763``: words with what they take, up to a joint.
_WORDS = re.compile(r"[ \t]*([\w<$%.:\[{+@/-][^\n\\]*(?<=[\w>)\]}]))\Z")
_OPTION = re.compile(r"-{1,2}[A-Za-z?#]")
# ``interleaveinterleave memory``, ``mode=modemode is …``: a description that begins with its name.
_REPEATED = re.compile(
    r"[ \t]*((?:[\w.|-]{1,40}=(?=[\w.-]{3})|(?=[\w.-]{5}))([A-Za-z][\w.-]{1,60}[A-Za-z\d]))(?=\2[ ])"
)
_TYPED = re.compile(r"[\w.$-]{2,80} ?\([a-z][a-z0-9 ,_|/-]{1,40}(?:\(\d+\))?\)")
# No end of a name: the first half of ``JavaScript``, ``iPhone`` or ``CSVFeedSpider``.
_HALF = re.compile(r"(?:(?:^|[^A-Z])[A-Z][a-z]+|(?:^|[\W_])[A-Za-z])\Z")
_DESCRIBES = re.compile(r"[A-Za-z]+(?:[’'][a-z]+|[/-][a-z]+)?[ ,.](?!\s*\n)")
_FOOTNOTE = re.compile(r"\[\w{1,3}\]\Z")
_CODED = re.compile(r"\w[_=-]\w|[<\[{|]")
_SIGNED = re.compile(r"[<{|]|\[[a-z]")
_TITLED = re.compile(r"[A-Z][a-z]+\Z")
_PLACEHOLDER = re.compile(r"[\[<{=]|\(")
_MOST, _LONGEST = 6, 60
Seen = tuple[str, re.Match[str] | None]


def joints(region: str) -> list[int]:
    """Where names may end that touch their description, ascending."""
    places = [m.start() for m in _JOINT.finditer(region)]
    behind_brackets = [m.start() + 1 for m in _BRACKET_JOINT.finditer(region)] if ")" in region else []
    return sorted({*places, *behind_brackets}) if behind_brackets else places


def glued(region: str, start: int, ends: Sequence[int], above: int) -> Seen:
    """A name that touches its description, and is not the first words of a sentence.

    Args:
        region: the text.
        start: of the line.
        ends: the first places in the line where a name may end.
        above: line ends above.
    """
    m = _GLUED.match(region, start)
    if m and " " in m[1] and PROSE.search(m[1]):
        m = None
    if m or (m := _GLUED_CODE.match(region, start)):
        return "glued", m
    if m := _GLUED_ACRONYM.match(region, start):
        return "glued", m
    if m := _GLUED_COLON.match(region, start):
        return "glued" if m[1].islower() and " " not in m[1] else "beside glued", m
    m = _MAYBE_GLUED.match(region, start)
    for end in () if m else ends:
        if region[end + 1 : end + 3].isupper():
            continue  # an abbreviation
        words = _DESCRIBES.match(region, end) and _WORDS.match(region, start, end)
        if not words or not _takes(words[1]):
            continue
        is_coded = (_SIGNED if " " in words[1] else _CODED).search(words[1])
        sure = is_coded or _OPTION.match(words[1]) or _TYPED.fullmatch(words[1])
        return "glued" if sure else "maybe glued", words
    if m is None and (not start or above > 2):
        m = _ALSO_GLUED.match(region, start)
    return "maybe glued", m


def _takes(line: str) -> bool:
    """Whether words before a joint may be a name with what it takes, and not the start of a sentence."""
    words = line.split()
    # ``in|out.dev=device`` is one word, and no prose.
    if len(words) > _MOST or (len(words) > 1 and PROSE.search(line)):
        return False
    # But ``Ctrl-a h``.
    takes_letter = len(words) == 2 and len(words[1]) == 1 and _CODED.search(words[0])
    if (_HALF.search(words[-1]) and not takes_letter) or _FOOTNOTE.match(line):
        return False
    if len(line) > _LONGEST and not _PLACEHOLDER.search(line):
        return False
    return _TITLED.match(words[0]) is None or line.endswith(")")


def repeated(region: str, start: int) -> re.Match[str] | None:
    """A name that touches a description which begins with the same name."""
    return _REPEATED.match(region, start)


def alike(region: str, names: Iterable[str]) -> list[re.Match[str]]:
    """``size=valsize of it``: names that take what others take, and touch a word in small letters."""
    taken = {name.rpartition("=")[2] for name in names if "=" in name}
    values = "|".join(re.escape(value) for value in sorted(taken) if value.isalpha() and len(value) > 2)
    if not values:
        return []
    return list(re.finditer(rf"(?<=\n\n)([\w.-]{{2,40}}=(?:{values}))(?=[a-z]{{3,}} [a-z])", region))
