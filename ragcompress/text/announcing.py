"""What announces what stands below it: colons, captions, questions, sentences that point; and labels."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from ..data import Sentence

TABLES = ("code", "table", "table header")
BLOCKS = (*TABLES, "list item")
_COLON = re.compile(r"[:：]\s*[*_`\"”»)]*\Z")
# ``If that works, type`` over an example: a sentence that goes on in it.
_ENDS, _CLOSING = frozenset(".!?…:;。！？：；।"), "\"'”’»)]*_`"
CAPTION = re.compile(
    r"(?:table|tab\.|figure|fig\.|listing|example|tabelle|abbildung|tableau|tabla)\s*[\dIVX]+", re.IGNORECASE
)
_TITLED = re.compile(rf"{CAPTION.pattern}[.\d]*\s*[:.–—-]\s[^\n]{{1,160}}\Z", re.IGNORECASE)
# ``Use the following command.`` over a block.
_POINTS = re.compile(
    r"\b(?:following|below|as follows|like (?:this|so)|this (?:command|example|snippet|code|query|script"
    r"|line)|these (?:commands|lines|steps|options|values)|here is|here are)\b[^.!?]{0,40}\.?[*_`\"”»)]*\Z",
    re.IGNORECASE,
)
_LONGEST_LEAD_IN = 240
# ``Price: 12 EUR``: means nothing without what it is the price of.
_LABELED = re.compile(
    r"[*_]{0,2}[^\W\d_](?:[\w /.'’-]|\([^()\n]{0,36}\)){0,38}:[*_]{0,2}[ \t]+\S+(?:[ \t]+\S+){0,7}\Z"
)
# ``Maximum load 140 kg``, too.
_ROW = re.compile(r"[^\W\d_a-z][^\W\d]*(?: [^\W\d]+){0,4} [^\s\w]{0,2}\d[^\n:]{0,40}\Z")


def is_opener(unit: Sentence, following: Sentence) -> bool:
    """Whether a unit that is no heading says nothing without the one that follows."""
    if unit.kind in ("term", "table header"):
        return True
    if unit.kind != "prose":
        return False
    if ends_in_colon(unit.text) or (following.kind == "code" and goes_on(unit)):
        return True
    if following.kind in BLOCKS and points(unit.text):
        return True
    is_block = following.kind in TABLES
    return is_block and len(unit.text) < 200 and CAPTION.match(unit.text) is not None


def captions_below(
    units: Sequence[int], sentences: Sequence[Sentence], over: Container[int]
) -> Iterator[tuple[int, int]]:
    """Tables with the captions right below them, which are ``over`` no other."""
    for table, index in pairwise(units):
        above, unit = sentences[table], sentences[index]
        if above.kind == "table" and unit.kind == "prose" and index not in over and _TITLED.match(unit.text):
            yield table, index


def also_needed(
    needs: Mapping[int, tuple[int, ...]], pairs: Iterable[tuple[int, int]]
) -> dict[int, tuple[int, ...]]:
    """What units need; in each pair the second needs the first, too."""
    return {unit: (*needs.get(unit, ()), before) for before, unit in pairs}


def is_labeled(unit: Sentence) -> bool:
    """Whether a unit is a label with its value: ``Price: 12 EUR``, ``Maximum load 140 kg``."""
    if unit.kind == "list item" and _ROW.match(unit.text):
        return True
    may_be = unit.kind in ("prose", "list item") and ":" in unit.text[:44]
    return may_be and _LABELED.match(unit.text) is not None


def ends_in_colon(text: str) -> bool:
    """Whether a text announces something; most have no colon, which is cheap to see."""
    return (":" in text or "：" in text) and _COLON.search(text) is not None


def asks(text: str) -> bool:
    """Whether a text ends in a question mark, whatever its type; most have none, which is cheap to see."""
    if not ("?" in text or "？" in text):
        return False
    return text.removesuffix("</summary>").rstrip(" *_#=~\n-").endswith(("?", "？"))


def is_question(index: int, unit: Sentence, needed: Sequence[int]) -> bool:
    """Whether a sentence asks what the next unit, which needs what is given, says."""
    return index in needed and unit.kind == "prose" and asks(unit.text)


def points(text: str) -> bool:
    """Whether a short sentence points at the block below it."""
    return len(text) < _LONGEST_LEAD_IN and _POINTS.search(text) is not None


def goes_on(unit: Sentence) -> bool:
    """Whether a sentence has no end: of several words, so that it is no label or page number."""
    last = unit.text[-1:]
    if last in _CLOSING:
        last = unit.text.rstrip(_CLOSING)[-1:]
    return last not in _ENDS and not unit.fragment and unit.text.count(" ") > 1


def level_of(heading: Sentence) -> int:
    """Depth of a heading of Markdown; 1 for any other that no dashes underline."""
    if heading.text.endswith("---"):
        return 2
    marks = heading.text.lstrip(" \t>")
    return max(1, len(marks) - len(marks.lstrip("#")))
