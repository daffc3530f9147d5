"""Prose → sentences: sentencex, and what a reader sees that it doesn't.

Not the end of a sentence: an ellipsis with a blank before it or a small letter behind it, ``e.g.`` and its
like, anything within a formula or inline code. A footnote mark stays with the sentence that it documents.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

import sentencex

from ..errors import InputError

# sentencex takes quadratic time over many sentences of a text that is not ASCII (100,000: 50 s), so a
# paragraph is read in windows of this many characters.
_WINDOW = 2_048
# Nor are windows larger than this: of many quotation marks, too, it takes quadratic time.
_LARGEST_WINDOW = 8_192
# Ends that sentencex knows nothing of: Khmer's khan, a shad of Tibetan before a blank.
_MARKED_ENDS = {
    "km": re.compile(r"(?:[។៕]+|[.!?](?=\s))[\"'”’»)\]]*\s*"),
    "bo": re.compile(r"[\u0f0d\u0f0e\u0f11](?:\s*[\u0f0d\u0f0e\u0f11])*(?:\s+|\Z)|[.!?]\s+"),
}
# Formulas, inline code, what is struck out; by Pandoc's rules, so that two prices are no formula. Bounded.
_WHOLE = re.compile(
    r"""(?<!`)(`{1,2})(?!`)[^`]{1,300}(?<!`)\1(?!`)
    | \$\$[^$]{1,2000}\$\$ | (?<![\\$\w])\$(?=[^\s$])[^$\n]{0,120}(?<=[^\s\\$])\$(?![\w$])
    | ~~(?=\S)[^~]{1,600}(?<=\S)~~ | \\\([^\n]{1,400}?\\\) | \\\[.{1,2000}?\\\]""",
    re.VERBOSE | re.DOTALL,
)
_LONGEST_NUMBER = 32
# A line that begins with a number, below a title.
_NUMBER_BELOW = re.compile(r"[^\W\d_a-zß-öø-ÿ][^\s.,;:]*:?[ \t]*\n(?=[ \t]*\d{1,3}(?:\.\d{1,3})+\.\s*\Z)")
# Never at the end of a sentence.
_SHORT = tuple(
    "e.g.|e. g.|i.e.|i. e.|cf.|viz.|vs.|z.b.|z. b.|d.h.|d. h.|bzw.|u.a.|u. a.|p.ex.|p. ex.|c.-à-d.|p.ej."
    "|p. ej.|ad.es.|ad es.|bijv.|o.a.|d.w.z.|t.ex.|t. ex.|bl.a.|m.in.|inż.|tzw.|т.е.|т. е.|напр.".split("|")
)
# Before a name; a small ``m.`` is a meter.
_TITLES = {"fr": ("M.", "Mme.", "Mlle.", "Mgr."), "en": ("Ms.", "Mx.", "Mses.", "Atty.")}
# Before a number; behind one, ``min.`` and its like are units.
_COUNTED = re.compile(
    r"(?<!\w)(?:vols?|chs?|eqs?|bd|refs?|paras?|apps?|figs?|tabs?|eds?|suppl|tel|tél|approx|aprox|abt|est|incl|excl"
    r"|inkl|exkl|abs|ziff|kap|рис|табл|гл|разд|(?<!\d )(?:max|min|máx|mín))\.\s*\Z",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\(?\d")
# What stands behind the ``!`` of a picture in Markdown.
_PICTURE = re.compile(r"\[(?:[^\[\]\n]{0,300}\][(\[]|\[[^\[\]\n]{1,100}\]\])")
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*\s+\Z")
# ``#!/bin/sh``, ``$?``, ``<!doctype>``, ``?.md``: French has a blank on both sides.
_OF_CODE = re.compile(r"(?<!\w)[#$<][!?]\s*\Z|\s[!?]\.\Z")
# An ordinal of German, as ``am 3.`` before a noun.
_ORDINAL = re.compile(
    r"\b(?:am|im|vom|zum|zur|beim|der|die|das|dem|den|des|(?:ein|kein|jed|ihr|sein|unser)(?:e[mnrs]?)?)\s+\d{1,3}\.\s*\Z",
    re.IGNORECASE,
)
# No sentence ends with these, or with an initial, where a small letter follows.
_BEFORE_SMALL = re.compile(
    r"(?<!\w)(?:[^\W\d_]|коп|руб|шт|тыс|млн|млрд|гг|вв|ул|кв|стр|см|др|пр|им|обл|грн|ст|pcs|dept|est|etc|ca|cca)\.\s*\Z",
    re.IGNORECASE,
)
# sentencex begins a sentence with what closes the one before; in Markdown also marks of emphasis.
_CLOSED = re.compile(r"[」』）】》〉〕］]+|[)\]](?=\s)|(?<!\s)(?:_{1,3}|~~)(?=\s|\Z)")
# Behind what is quoted, Japanese goes on with a particle; these are words of their own.
_SAID = re.compile(r"って|と(?!ても|にかく|ころ|くに|もだち|うとう)")
# What follows the full stop of ``te.NoReturn``, ``io.IOBase``, ``app.Run()``.
_DOTTED = re.compile(r"[A-Z](?:[a-z\d]+(?:[A-Z][a-z]|_)|[A-Z]+[a-z]{2}|\w*\()")
_WORD = re.compile(r"[A-Z][a-z]+(?!\w)")
# Something is left out, and the sentence goes on: nothing or a blank stands before the dots.
_LEFT_OUT = re.compile(r"(?:^|[\s(\[{<|,;:=\"'])(?:\.{2,}|…|\.(?: \.){2,})[\])}>|,]*\s*\Z")
# ``13.2.1.`` or ``Table 13.1.``: what it numbers follows.
_NUMBER = re.compile(
    r"\s*(?:(?:table|tab\.|figure|fig\.|listing|example|tabelle|abbildung|tableau|tabla)\s\d{1,3}(?:[.-]\d{1,3})*"
    r"|\d{1,3}(?:\.\d{1,3})+)\.\s*",
    re.IGNORECASE,
)
# ``2.``, ``(b)``, ``A.``, ``(ii).``: marks the sentence behind it.
_ITEM_MARK = re.compile(r"\s*\(?(?:\d{1,3}|[^\W\d_]|[ivx]{2,5}|[IVX]{2,5})(?:[.)]|\)\.)\s*")
_LONGEST_ITEM_MARK = 8
# The parenthesis before ``ii)`` and its like at the beginning of a line.
_NUMBERED_LINE = re.compile(r"(?m)^([ \t]*)\((?=\w{1,8}\))")
# ``3.`` on a line of its own, below another item that has no full stop.
_NUMBER_ALONE = re.compile(r"(?<=\n)[ \t]*\d{1,3}\.[ \t]*\n\s*\Z")
# ``D..M``, ``1..10``: a range.
_RANGE = re.compile(r"(?<!\.)[^\W_]\.\.(?:[A-Z\d_]+|\w)\b")
_DOTS = re.compile(r"(?:\.{2,}|…)[\"'”’)\]]*\s*\Z")
# An end tag, or a footnote mark: ``[3]``, ``[^note]``, ``[citation needed]``, ``¹``, ``<sup>1</sup>``, ``†``.
# Behind a blank only those that nothing else could be.
_RAISED = (
    r"\[\^[^\[\]\n]{1,30}\]|[¹²³⁰⁴-⁹]+(?:[,⁾⁻][¹²³⁰⁴-⁹]+)*|<sup\b[^<>]{0,80}>.{1,80}?</sup>|\^[\w,]{1,6}\^"
)
_MARK_STARTS = frozenset("[¹²³⁰⁴⁵⁶⁷⁸⁹<^†‡§*")
_TOUCHING = rf"{_RAISED}|</[a-zA-Z]\w{{0,12}}>|\[[^\[\]\n]{{1,30}}\](?![(:])|[†‡§]+|\*{{1,3}}(?=\s)"
_MARKS = re.compile(rf"(?:(?:{_TOUCHING})+|[ \t](?:{_RAISED})+(?!:))(?=\s|\Z)")


def _go_on() -> None:
    """No reason to stop."""


def sentence_starts(paragraph: str, language: str, check: Callable[[], None] = _go_on) -> list[int]:
    """Where sentences start, from 0 to the end of the paragraph; what sentencex leaves out lies between.

    Args:
        check: called for each window that is read; it ends the work by an exception.
    """
    whole = [m.span() for m in _WHOLE.finditer(paragraph)] if _may_hold_whole(paragraph) else []
    starts = [0]
    for cut in _of_prose(paragraph, _sentence_ends(paragraph, language, check)):
        if closed := _CLOSED.match(paragraph, cut):
            cut = closed.end()
        if cut - starts[-1] <= _LONGEST_ITEM_MARK and _ITEM_MARK.fullmatch(paragraph, starts[-1], cut):
            continue
        if _ends_in_number(paragraph, cut):
            if (moved := _beside_number(paragraph, starts[-1], cut)) is None:
                continue
            cut = moved
        if _stands(paragraph, cut, starts[-1], whole, language):
            cut = _behind_marks(paragraph, cut, starts[-1])
            if starts[-1] < cut < len(paragraph):
                starts.append(cut)
    if paragraph:
        starts.append(len(paragraph))
    return starts


def _of_prose(paragraph: str, cuts: Iterable[int]) -> Iterator[int]:
    """The cuts but for those behind signs of code; one behind the ``!`` of a picture moves before it.

    There it stands where a sentence ends; else it goes.
    """
    for cut in cuts:
        if _OF_CODE.search(paragraph, max(0, cut - _LONGEST_ITEM_MARK), cut):
            continue
        if paragraph[cut - 1] == "!" and _PICTURE.match(paragraph, cut):
            if _ENDED.search(paragraph, max(0, cut - _LONGEST_ITEM_MARK), cut - 1):
                yield cut - 1
        else:
            yield cut


def _ends_in_number(paragraph: str, cut: int) -> bool:
    """Whether a digit and a full stop stand before a cut: cheap to ask, and few sentences end so."""
    tail = paragraph[max(0, cut - 6) : cut].rstrip()
    return tail[-1:] == "." and tail[-2:-1].isdigit()


def _beside_number(paragraph: str, last: int, cut: int) -> int | None:
    """The cut at the end of a number; before it, where it numbers what follows. None: none is there."""
    if below := _NUMBER_BELOW.search(paragraph, max(last, cut - 2 * _LONGEST_NUMBER), cut):
        return below.end()
    if _NUMBER.fullmatch(paragraph, last, cut):
        return None
    match = _NUMBER_ALONE.search(paragraph, max(last, cut - _LONGEST_NUMBER), cut)
    return match.start() if match else cut


def _behind_marks(paragraph: str, cut: int, last: int) -> int:
    """The cut, behind the footnote marks that follow the sentence, if any do."""
    end = cut
    while end > last and paragraph[end - 1].isspace():
        end -= 1
    if paragraph[end : end + 2].lstrip(" \t")[:1] not in _MARK_STARTS:
        return cut
    mark = _MARKS.match(paragraph, end)
    return mark.end() if mark else cut


def _may_hold_whole(paragraph: str) -> bool:
    return "`" in paragraph or "$" in paragraph or "\\" in paragraph or "~~" in paragraph


def _stands(paragraph: str, cut: int, last: int, whole: Sequence[tuple[int, int]], language: str) -> bool:
    """Whether a reader would see the end of a sentence here."""
    k = bisect_left(whole, (cut, 0)) - 1
    if k >= 0 and cut < whole[k][1]:
        return False
    before = paragraph[max(last, cut - 16) : cut]
    if _is_short(before, language) or (_NUMBERED.match(paragraph, cut) and _COUNTED.search(before)):
        return False
    if paragraph[cut : cut + 1].islower() and _BEFORE_SMALL.search(before):
        return False
    if language == "de" and _ORDINAL.search(before):
        return False
    if before[-1:] == "." and paragraph[cut : cut + 1].isalpha() and _is_of_name(paragraph, cut):
        return False
    if before.rstrip().endswith(("」", "』")) and _SAID.match(paragraph, cut):
        return False
    if not (".." in before or "…" in before or ". ." in before):
        return True
    if _LEFT_OUT.search(before):
        return False
    behind = paragraph[cut : cut + 40].lstrip()
    if _RANGE.match(paragraph, max(last, cut - 3), cut + 12):
        return False
    return not _DOTS.search(before) or not (behind[:1].islower() or _is_capitals(behind))


def _is_of_name(paragraph: str, cut: int) -> bool:
    """Whether the full stop right before a word is one of a name: ``.NET``, ``decimal.Decimal``."""
    if paragraph[cut - 2 : cut - 1].isspace() or _DOTTED.match(paragraph, cut):
        return True
    word = _WORD.match(paragraph, cut)
    return word is not None and paragraph[max(0, cut - len(word[0]) - 1) : cut - 1] == word[0].lower()


def _is_short(before: str, language: str) -> bool:
    """Whether an abbreviation stands at the end that no sentence ends with."""
    before = before.rstrip()
    for title in _TITLES.get(language, ()):
        if before.endswith(title) and not before[: -len(title)][-1:].isalnum():
            return True
    tail = before.lower()
    if not tail.endswith(_SHORT):
        return False
    short = max((s for s in _SHORT if tail.endswith(s)), key=len)
    return not tail[: -len(short)][-1:].isalnum()


def _is_capitals(text: str) -> bool:
    """Whether a word of capitals, as keywords are, or no word at all begins the text."""
    word = text.partition(" ")[0].strip(",;:()[]")
    return (len(word) > 1 and word.isupper() and word.isalpha()) or text[:1] in "-|)]},;=<>"


def _sentence_ends(paragraph: str, language: str, check: Callable[[], None]) -> list[int]:
    """The ends that sentencex finds, ascending, none at the paragraph's own."""
    if marks := _MARKED_ENDS.get(language):
        return [m.end() for m in marks.finditer(paragraph) if m.end() < len(paragraph)]
    ends: list[int] = []
    start, size = 0, _WINDOW
    while start < len(paragraph):
        check()
        window = paragraph[start : start + size] if start or size < len(paragraph) else paragraph
        cuts = [start + cut for cut in _cuts(window, language) if 0 < cut < len(window)]
        ends += cuts
        if start + size >= len(paragraph):
            break
        if cuts:
            # The last sentence may go on behind the window: it is read again, from its start.
            start, size = cuts[-1], _WINDOW
        elif size < _LARGEST_WINDOW:
            size *= 2
        else:
            start, size = start + size, _WINDOW
    return ends


def _cuts(text: str, language: str) -> list[int]:
    """What sentencex finds; it takes a line that begins with ``(ii)`` for one sentence up to the next one."""
    ends = _boundaries(text, language)
    hidden = _NUMBERED_LINE.sub(r"\1x", text) if "(" in text else text
    return ends if hidden == text else sorted({*ends, *_boundaries(hidden, language)})


def _boundaries(text: str, language: str) -> list[int]:
    try:
        spans = sentencex.get_sentence_boundaries(language, text)
    except Exception as error:
        raise InputError(f"sentencex can't split text of language {language!r}: {error}") from error
    return sorted({offset for item in spans for offset in (item["start_index"], item["end_index"])})
