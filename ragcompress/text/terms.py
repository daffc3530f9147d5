"""Words as readers see them: what BM25, the index and whoever else compares words match by.

Two spellings that look the same on the page are one term: composed and decomposed letters, ligatures, soft
hyphens and other characters without width, capitals, pointed and unpointed Hebrew and Arabic, digits.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain

# Han, kana: written without blanks between words, so each character is a term of its own.
CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""The letters of scripts written so, as a range of a regular expression."""
# Thai, Lao, Burmese, Khmer: without blanks, too; here a letter with the signs around it is a term.
_CLUSTERED = "\u0e01-\u0e30\u0e32-\u0e33\u0e81-\u0eb0\u0eb2-\u0eb3\u1000-\u102a\u1780-\u17b3"
_LEADING = "\u0e40-\u0e44\u0ec0-\u0ec4"


def _marks(*blocks: range) -> str:
    """The combining marks of some blocks, without those that only join or enclose."""
    return "".join(chr(c) for c in chain(*blocks) if unicodedata.category(chr(c)) in ("Mn", "Mc"))


# Letters of these blocks carry vowel signs that Unicode counts as marks, which ``\\w`` leaves out.
_MARKS = _marks(range(0x0300, 0x0370), range(0x0483, 0x0488), range(0x0900, 0x1CFA), range(0xA800, 0xAC00))
# Points, cantillation, harakat, and the stretching of Arabic lines: most writers leave them out.
_POINTS = _marks(range(0x0591, 0x05C8), range(0x0610, 0x0700)) + "\u0640"
_UNSEEN = re.compile(
    f"[\u00ad\u034f\u061c\u180b-\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff{_POINTS}]"
)
# A blank without width sets words apart where no other does, and is an invitation to hyphenate elsewhere.
_ZERO_WIDTH_SPACE = re.compile("(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b")
# 10⁶ is not 106, and 1½ is not 11/2.
_RAISED = re.compile(r"(?<=\d)(?=[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u00bc-\u00be\u2150-\u215f])")
# A stress mark of dictionaries, and a word that a line's end parts at a soft hyphen.
_STRESS = re.compile("(?<=[\u0400-\u04ff])[\u0300\u0301]")
_PARTED = re.compile("\u00ad[ \\t]*\\r?\\n[ \\t]*")
# The zeros of all scripts, each with the other digits behind it.
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6"
    "\u0e50\u0ed0\u0f20\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0"
    "\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0\ua9f0\uaa50\uabf0"
)
# Letters of Arabic, Persian and Urdu that look the same, or that keyboards confuse; digits.
_ALIKE = str.maketrans(
    {"\u0643": "\u06a9", "\u064a": "\u06cc", "\u0649": "\u06cc"}
    | {chr(ord(zero) + digit): str(digit) for zero in _ZEROS for digit in range(10)}
)
_TERM = re.compile(
    rf"[{CJK}]|[{_LEADING}]?[{_CLUSTERED}][{_MARKS}]*|(?:(?![{_CLUSTERED}{_LEADING}])[^\W{CJK}][{_MARKS}]*)+"
)
_PLAIN = re.compile(r"\w+")


def terms(text: str) -> list[str]:
    """Return the words of a text, without capitals, and its CJK characters one by one.

    Thai, Lao, Burmese and Khmer, which have no blanks between words either, give single letters with the
    signs that belong to them.
    """
    if text.isascii():
        return _PLAIN.findall(text.lower())
    return _TERM.findall(normalize(text))


def normalize(text: str) -> str:
    """Return the text with one spelling for what looks the same (NFKC, case folded, nothing invisible).

    Offsets are not kept.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", _RAISED.sub(" ", _PARTED.sub("", text))).casefold()
    # Once more: folding may give decomposed letters. The Turkish capital I with a dot keeps its dot.
    visible = _UNSEEN.sub("", _ZERO_WIDTH_SPACE.sub("", folded))
    alike = unicodedata.normalize("NFKC", visible).replace("i\u0307", "i").translate(_ALIKE)
    return _STRESS.sub("", alike)
