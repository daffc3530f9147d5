"""What stands out in a log, whatever is asked: what failed, and what is said once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np

from ..data import FloatArray

_SEVERE = re.compile(
    r"""\b(?:errors?|fatal|critical|panic(?:ked)?|fail(?:ed|s|ures?)?|exceptions?|traceback|abort(?:ed|ing)?
    |segfault|segmentation\ fault|killed|denied|refused|rejected|unreachable|undefined\ reference
    |not\ found|no\ such|out\ of\ memory|cannot|can't|could\ not|unable\ to)\b
    | (?-i:[A-Za-z]+(?:Error|Exception))\b | \bERR!? | \*\*\*\ \[ | ^E\ {2,} | ^---\ FAIL""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_WARNING = re.compile(
    r"\b(?:warn(?:ings?)?|deprecated|timed?[ -]?out|retry(?:ing)?|skipped)\b", re.IGNORECASE
)
# Said where nothing is wrong: "0 errors", "errors=0", "no error", "failed: 0".
_NONE = re.compile(
    r"""\b(?:0|no)\ (?:errors?|failed|failures?|warnings?)\b
    | \b(?:errors?|failed|failures?|warnings?)\s*[:=]\s*0\b""",
    re.VERBOSE | re.IGNORECASE,
)
_VARIES = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
_OF_WARNING, _OF_SEVERITY = 0.4, 0.7


def severity(text: str) -> float:
    """How bad it is what a unit of a log says: 1 an error, 0.4 a warning, 0 neither."""
    words = _NONE.sub(" ", text)
    if _SEVERE.search(words):
        return 1.0
    return _OF_WARNING if _WARNING.search(words) else 0.0


def template(text: str) -> str:
    """A unit's first line without the numbers: what the same statement of a program writes each time."""
    return _VARIES.sub("#", text.lstrip().partition("\n")[0])


def outstanding(units: Sequence[str]) -> FloatArray:
    """How far each unit stands out, (U,), in [0, 1].

    The larger part is its severity, the rest how seldom its like is said: 1 for what is said once, 0 if all
    units are alike.
    """
    templates = [template(text) for text in units]
    counts = Counter(templates)
    most = log(max(len(units), 2))
    seldom = np.array([1 - log(counts[t]) / most for t in templates], dtype=np.float64)
    bad = np.array([severity(text) for text in units], dtype=np.float64)
    values: FloatArray = _OF_SEVERITY * bad + (1 - _OF_SEVERITY) * seldom
    return values


def repetition(units: Sequence[str], scores: FloatArray) -> FloatArray:
    """Which of its like each unit is, (U,): 0 the one with the best score, 1 the next; ties by position."""
    met: Counter[str] = Counter()
    values = np.zeros(len(units))
    for i in np.argsort(-scores, kind="stable"):
        like = template(units[i])
        values[i] = met[like]
        met[like] += 1
    return values
