"""Units that are too long are cut where a reader would: at a line's end, a clause, a blank, a word's end.

Transcripts have no full stops, Thai, Khmer, Lao, Tibetan and Japanese may have no marks at all, minified
code no lines. A unit that is longer than any budget could never be kept, and would be lost as a whole.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise

from .blocks import LINE_END

# What a unit of prose may have at most, in tokens as estimated below.
LONGEST = 120
# Lines are those of a paragraph if this share of them had no room for the next word.
_WRAPPED = 0.9
# Tokens of a character, as tokenizers of today's large models have them on average: of ASCII, of the
# alphabets of Europe and the Near East, and of the scripts from Devanagari on.
_ASCII, _ALPHABET, _INDIC, _WIDE = 0.22, 0.3, 0.35, 0.6
# The end of a record, a function, a rule; a mark that closes, behind which a reader takes breath; then a
# lesser one; then a blank. ``\u0f0d`` ends a phrase of Tibetan, ``\u0f0b`` a syllable.
_RANKS = (
    LINE_END,
    re.compile(r"\}[,;)]*[ \t]*(?=[{\[.\#@\w\"'])|\],[ \t]*(?=\[)"),
    re.compile(
        r"[;:][\"'”’)\]]*[ \t]+|[。！？；：।॥။።۔؟؛។៕\u0f0d\u0f0e]+|[;{}]+(?=\S)|[—–]\s*|[ \t]-{1,2}[ \t]+"
    ),
    re.compile(r",[ \t]+|[，、،]|[)\]][ \t]+|[ \t]+(?=[(\[])"),
    re.compile(r"[\s\u200b]+|\u0f0b"),
    re.compile(r"[,/&=?\\|]+(?=\S)"),
)
_PAIR = re.compile("\r\n")
_NUMBER = re.compile(r"\d+")
_SCRIPTS = (
    (re.compile("[\u3040-\u30ff]"), "japanese"),
    (re.compile("[\u4e00-\u9fff]"), "simplified_chinese"),
    (re.compile("[\u0e00-\u0e7f]"), "thai"),
    # Lao, Burmese, Khmer: ICU has their dictionaries, where it is installed.
    (re.compile("[\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff]"), "icu"),
)
# Vowels that are written before the consonant that they follow, and what joins the next letter to the last.
_LEADING = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4\u200d\u17d2\u1039"
_TRAILING = "\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3\u200c\u200d\ufe0f\u3005\u30fc\u3001\u3002"


def estimate(text: str) -> float:
    """Tokens of a text, roughly, whatever the tokenizer."""
    return len(text) * _ASCII if text.isascii() else sum(map(_weight, text))


def is_long(text: str, most: float = LONGEST) -> bool:
    """Whether a text has more than ``most`` tokens, roughly."""
    return len(text) * _WIDE > most and estimate(text) > most


def rows(text: str) -> list[int]:
    """Where the rows of a text without full stops start, but for the first; none where lines are no rows.

    Log lines, lists and cells are rows. Lines that are as full as they can be are those of a paragraph, and a
    full one that goes on in small letters is one row with the next.
    """
    starts = [0, *(m.end() for m in LINE_END.finditer(text))]
    lines = [text[a:b].strip() for a, b in pairwise([*starts, len(text)])]
    sizes = [len(line) for line in lines if line]
    if len(sizes) < 2:
        return []
    width = max(sizes)
    full = [len(line) + 1 + len(following.partition(" ")[0]) > width for line, following in pairwise(lines)]
    wrapped = sum(full) >= _WRAPPED * len(full) and len(set(sizes[:-1])) > 1 and " " in text.strip()
    if wrapped and not _begin_alike(lines):
        return []
    # Where most begin in small letters, that is how rows begin here.
    small = sum(line[:1].islower() for line in lines) * 2 > len(sizes)
    return [
        start
        for start, line, following, is_full in zip(starts[1:], lines, lines[1:], full, strict=False)
        if small or not (is_full and following[:1].islower() and line[-1:] not in ".!?:;")
    ]


def _begin_alike(lines: Sequence[str]) -> bool:
    """Whether most lines begin with the same word but for its numbers, as times and addresses of logs do."""
    heads = Counter(_NUMBER.sub("0", line.split(None, 1)[0]) for line in lines if line)
    return heads.most_common(1)[0][1] * 2 > heads.total()


def cuts(text: str, most: float = LONGEST) -> Iterator[int]:
    """Where to cut a long text so that no part has more than ``most`` tokens: ascending, within the text.

    The cut is made in the second half of what still fits, at the best kind of place that there is. Time is
    linear in the length of the text.
    """
    # Both characters of a line end count as one, so that the kind of line ends makes no difference.
    pairs = [m.start() - k for k, m in enumerate(_PAIR.finditer(text))]
    text = text.replace("\r\n", "\n")
    size = int(most / _ASCII) + 1
    start = 0
    while is_long(text[start : start + size + 1], most):
        start += _cut(text[start : start + size], _reach(text, start, most))
        yield start + bisect_left(pairs, start)


def _weight(character: str) -> float:
    if character < "\x80":
        return _ASCII
    if character < "\u0900":
        return _ALPHABET
    return _INDIC if character < "\u0e00" else _WIDE


def _reach(text: str, start: int, most: float) -> int:
    """How many characters from ``start`` on have ``most`` tokens; of a rest that is little more, the half."""
    window = text[start : start + int(most / _ASCII) + 1]
    sums = list(accumulate(map(_weight, window)))
    rest = text[start : start + 2 * len(window)]
    if start + len(rest) == len(text) and (total := estimate(rest)) < 1.5 * most:
        return max(1, bisect_right(sums, total * 0.6))
    return max(1, bisect_right(sums, most))


def _cut(window: str, reach: int) -> int:
    """Length of the part that is cut off the window, at most ``reach``, at least 1."""
    part = window[:reach]
    for places in _RANKS:
        ends = [m.end() for m in places.finditer(part, reach // 2) if m.end() < len(window)]
        if ends:
            return ends[-1]
    return _between_words(window, reach) or _between_letters(window, reach)


def _between_words(window: str, reach: int) -> int:
    """The last end of a word within the second half of ``reach``, in scripts that show none; 0: unknown."""
    name = next((name for letters, name in _SCRIPTS if letters.search(window, reach // 2, reach)), None)
    split = name and _words(name)
    if not split:
        return 0
    ends = list(accumulate(map(len, split(window))))
    k = bisect_right(ends, reach)
    return ends[k - 1] if k and ends[k - 1] > reach // 2 else 0


@cache
def _words(name: str) -> Callable[[str], Iterable[str]] | None:
    """What splits a text into words; None: the library is not installed."""
    # Here, because few texts need them.
    if name == "icu":
        try:
            from icu4py.breakers import WordBreaker
        except ImportError:
            return None
        return lambda text: WordBreaker(text, "en")  # which dictionary is told by the script
    import budoux

    parse: Callable[[str], Iterable[str]] = getattr(budoux, f"load_default_{name}_parser")().parse
    return parse


def _between_letters(window: str, reach: int) -> int:
    """The last place that doesn't part a letter from its signs; ``reach`` where there is none near."""
    for place in range(min(reach, len(window) - 1), max(0, reach - 40), -1):
        before, behind = window[place - 1], window[place]
        joined = unicodedata.combining(behind) or unicodedata.category(behind) in ("Mn", "Mc", "Me")
        if not joined and behind not in _TRAILING and before not in _LEADING:
            return place
    return reach
