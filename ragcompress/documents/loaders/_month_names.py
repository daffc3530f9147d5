"""Names of months and days in the language that a format of a cell says: ``[$-407]mmmm`` is German."""

from __future__ import annotations

import locale
import re
from functools import cache

from ...errors import MissingExtra

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_CODE = re.compile(r"[0-9A-Fa-f]{1,8}")
_TAG = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})*")
# The lower half of a code says the language; with these bits, a month takes the form that it has after a day.
_LANGUAGE, _AFTER_A_DAY, _PRIMARY = 0xFFFF, 0xF000, 0x3FF


def month(number: int, language: str, width: str = "wide") -> str:
    """A month, 1 to 12.

    Args:
        language: as a format says it, in hexadecimal or as a tag; empty or not known: English.
        width: ``wide`` or ``abbreviated``.

    Raises:
        MissingExtra: if the library that knows other languages is not installed.
    """
    names = _names(language, width)
    return names[0][number - 1] if names else _MONTHS[number - 1][: 3 if width == "abbreviated" else None]


def day(number: int, language: str, width: str = "wide") -> str:
    """A day of the week, 0 (Monday) to 6; the rest as ``month``."""
    names = _names(language, width)
    return names[1][number] if names else _DAYS[number][: 3 if width == "abbreviated" else None]


@cache
def _names(language: str, width: str) -> tuple[list[str], list[str]] | None:
    """Months and days; None for English."""
    code = int(language, 16) & _LANGUAGE if _CODE.fullmatch(language) else 0
    is_after_day = code & _AFTER_A_DAY == _AFTER_A_DAY
    tag = locale.windows_locale.get(code & _PRIMARY | 0x400 if is_after_day else code) or language
    if not _TAG.fullmatch(tag) or tag.startswith("en"):
        return None
    try:
        from babel import Locale, UnknownLocaleError
        from babel.dates import get_day_names, get_month_names
    except ImportError:
        raise MissingExtra("reading dates of .xlsx files in other languages", "docs") from None
    try:
        known = Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None
    context = "format" if is_after_day else "stand-alone"
    months = get_month_names(width, context, known)
    days = get_day_names(width, context, known)
    return [months[n] for n in range(1, 13)], [days[n] for n in range(7)]
