"""A number in the format of its cell, as a spreadsheet shows it: ``0.25`` with ``0%`` is ``25%``.

Formats are those of ECMA-376, part 1, 18.8.31; names of months and days are English where a
format says no other language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from ._month_names import day, month

BUILTIN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 41: "#,##0;(#,##0)", 42: "$#,##0;($#,##0)",
    43: "#,##0.00;(#,##0.00)", 44: "$#,##0.00;($#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
    48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats that have a number only; dates that follow the system's language are written year first."""

_TOKEN = re.compile(
    r"""\[(?P<bracket>[^\[\]]*)\] | "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _. | \*. | (?P<half>AM/PM|A/P)
    | (?P<general>General) | (?P<exponent>E[+-]) | (?P<date>y+|m+|d+|h+|s+(?:\.0+)?|e+)
    | (?P<number>[0#?.,%/@])
    | (?P<literal>.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_SECTION = re.compile(r"""((?:"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]|[^;"\\_*\[]|.)*?)(?:;|\Z)""", re.DOTALL)
_WIDTHS = ("abbreviated", "wide")
_LEAP_DAY = 60  # Lotus took 1900 for a leap year, and so does everybody since: this is 29 February
_MOST_DIGITS = 60
# Of a fraction in eighths, say; zeros stand for any digit.
_DENOMINATOR = re.compile(r"[1-9]\d*")


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[tuple[str, str], ...]
    condition: tuple[str, float] | None
    language: str = ""

    def has(self, *kinds: str) -> bool:
        return any(kind in kinds for kind, _ in self.tokens)


def general(value: float) -> str:
    """A number without a format: eleven digits at most."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.11g}".replace("e", "E")


def is_date(code: str) -> bool:
    """Whether a format shows days or times."""
    return any(section.has("date", "half", "elapsed") for section in _sections(code))


def shown(value: float, code: str, *, from_1904: bool = False) -> str:
    """Write a number.

    Args:
        code: format of a cell, as files hold it; one that is not understood counts as ``General``.
        from_1904: whether days are counted from there.
    """
    try:
        return _shown(value, code, from_1904)
    except (ValueError, OverflowError, ArithmeticError, LookupError):
        return general(value)


def _shown(value: float, code: str, from_1904: bool) -> str:
    sections = _sections(code)
    if len(sections) > 1 and _is_for_text(sections):
        sections = sections[:-1]
    section, magnitude = _chosen(sections, value)
    if len(sections) > 1 and section in sections and not section.tokens and not section.condition:
        return ""  # as in ``0;-0;;@``, which shows no zero
    if section.has("general") or not section.tokens:
        text = "".join(
            t if k == "literal" else general(magnitude) if k == "general" else "" for k, t in section.tokens
        )
        return text.strip() or general(value)
    if section.has("date", "half", "elapsed"):
        return _date(value, section, from_1904)
    if not section.has("number"):
        return "".join(t for _, t in section.tokens).strip()
    if any(t == "@" for _, t in section.tokens):
        return general(value)
    return _number(magnitude, section)


def _sections(code: str) -> list[_Section]:
    sections: list[_Section] = []
    for part in _SECTION.finditer(code):
        sections.append(_parse(part[1]))
        if part[0] == part[1]:  # no semicolon: the last one
            break
    return sections


def text_shown(text: str, code: str) -> str:
    """Write a text in the format of its cell: ``"ID-"@`` shows what stands before it, ``;;;`` nothing."""
    if "@" not in code and code.count(";") < 3:
        return text
    sections = _sections(code)
    if not _is_for_text(sections):
        return text
    shown = (text if k == "general" or (k, t) == ("number", "@") else t for k, t in sections[-1].tokens)
    return "".join(shown).strip()


def _is_for_text(sections: list[_Section]) -> bool:
    """Whether the last section is: as a fourth one, or for its ``@``."""
    return len(sections) > 3 or ("number", "@") in sections[-1].tokens


def _parse(code: str) -> _Section:
    tokens: list[tuple[str, str]] = []
    condition, language = None, ""
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup, match[0]
        if kind == "bracket":
            inside = match["bracket"]
            if bound := _CONDITION.match(inside):
                condition = (bound[1], float(bound[2]))
            elif inside.startswith("$"):
                symbol, _, said_language = inside[1:].partition("-")
                language = said_language or language
                tokens.append(("literal", symbol))
            elif _ELAPSED.fullmatch(inside):
                tokens.append(("elapsed", inside[0].lower() * len(inside)))
        elif kind in ("quoted", "escaped"):
            tokens.append(("literal", match[kind]))
        elif kind:
            tokens.append((kind, text))
        elif text[0] == "_":
            tokens.append(("literal", " "))
    return _Section(tuple(tokens), condition, language)


def _chosen(sections: list[_Section], value: float) -> tuple[_Section, float]:
    """The section of a number, and the number that it writes: without its sign where it has one for those."""
    if any(s.condition for s in sections):
        for section in sections:
            if not section.condition or _holds(value, *section.condition):
                return section, value
        return _Section((), None), value
    if len(sections) == 1 or value > 0 or (value == 0 and len(sections) < 3):
        return sections[0], value
    return (sections[1], -value) if value < 0 else (sections[2], value)


def _holds(value: float, sign: str, limit: float) -> bool:
    return {
        "<": value < limit, ">": value > limit, "=": value == limit, "<=": value <= limit,
        ">=": value >= limit,
        "<>": value != limit,
    }[sign]  # fmt: skip


def _number(value: float, section: _Section) -> str:
    tokens = section.tokens
    slots = [n for n, (kind, text) in enumerate(tokens) if kind in ("number", "exponent") and text != "%"]
    if not slots:
        return "".join(t for _, t in tokens).strip()
    first, last = slots[0], slots[-1]
    while ("number", "/") in tokens and tokens[last + 1 : last + 2] and tokens[last + 1][1].isdigit():
        last += 1
    before = "".join(t for _, t in tokens[:first])
    after = "".join(t for _, t in tokens[last + 1 :])
    inside = tokens[first : last + 1]
    pattern = "".join(t for k, t in inside if k in ("number", "exponent"))
    value *= 100.0 ** sum(token == ("number", "%") for token in tokens)
    sign = "-" if value < 0 else ""
    if "/" in pattern:
        written = _fraction(abs(value), inside)
    elif section.has("exponent"):
        written = _scientific(abs(value), pattern)
    else:
        written = _decimal(abs(value), pattern, inside)
    if not written.strip("0.,"):
        sign = ""
    return " ".join(f"{sign}{before}{written}{after}".split())


def _scientific(value: float, pattern: str) -> str:
    """With a power of ten: a multiple of as many as the pattern has places before its point."""
    mantissa, sign, power = re.split(r"[Ee]([+-])", pattern, maxsplit=1)
    whole, point, rest = mantissa.partition(".")
    exact = Decimal(repr(value))
    step = max(1, sum(c in "0#?" for c in whole))
    exponent = (exact.adjusted() if exact else 0) // step * step
    digits = _decimal_digits(exact.scaleb(-exponent), len(rest))
    if Decimal(digits) >= 10**step:
        exponent += step
        digits = _decimal_digits(exact.scaleb(-exponent), len(rest))
    shown = "-" if exponent < 0 else "+" if sign == "+" else ""
    return f"{digits}{point if not rest else ''}E{shown}{str(abs(exponent)).rjust(power.count('0'), '0')}"


def _decimal_digits(exact: Decimal, places: int) -> str:
    return f"{exact.quantize(Decimal(1).scaleb(-min(places, _MOST_DIGITS)), ROUND_HALF_UP):f}"


def _decimal(value: float, pattern: str, inside: tuple[tuple[str, str], ...]) -> str:
    whole, _, rest = pattern.replace("%", "").partition(".")
    thousands = len(whole) - len(whole.rstrip(",")) + (len(rest) - len(rest.rstrip(",")))
    slots, places = whole.replace(",", ""), rest.replace(",", "")
    exact = Decimal(repr(value)).scaleb(-3 * thousands)
    integer, _, decimals = _decimal_digits(exact, len(places)).partition(".")
    integer = integer.lstrip("0").rjust(min(slots.count("0"), _MOST_DIGITS), "0")
    while decimals and len(decimals) > len(places.rstrip("#?")) and decimals.endswith("0"):
        decimals = decimals[:-1]
    literals = [n for n, (kind, _) in enumerate(inside) if kind == "literal"]
    if literals and not places:
        return _spelled(integer, inside)
    if "," in whole.strip(","):
        integer = f"{int(integer or 0):,}".rjust(len(integer), "0") if integer else ""
    return f"{integer}.{decimals}" if decimals or ("." in pattern and places.startswith("0")) else integer


def _spelled(integer: str, inside: tuple[tuple[str, str], ...]) -> str:
    """Digits between literals, from the last to the first: telephone numbers."""
    written: list[str] = []
    digits = list(integer)
    first = next(n for n, (kind, _) in enumerate(inside) if kind == "number")
    for n in range(len(inside) - 1, -1, -1):
        kind, text = inside[n]
        if kind == "literal":
            written.append(text[::-1] if digits or n > first else "")
        elif text in "0#?" and digits:
            written.append(digits.pop())
    return "".join([*digits, *reversed("".join(written))])


def _fraction(value: float, inside: tuple[tuple[str, str], ...]) -> str:
    pattern = "".join(t for _, t in inside)
    above, _, below = pattern.rpartition("/")
    n_digits = min(max(1, sum(c in "0#?" for c in below)), 6)
    is_mixed = re.search(r"[0#?]\s+[0#?]", above) is not None
    whole = int(value) if is_mixed else 0
    exact = Fraction(value - whole)
    if (fixed := _DENOMINATOR.search(below)) and int(fixed[0]):
        bottom = int(fixed[0])
        top = round(exact * bottom)
    else:
        near = exact.limit_denominator(10**n_digits - 1)
        top, bottom = near.numerator, near.denominator
    if top == bottom and is_mixed:
        whole, top = whole + 1, 0
    return f"{whole or ''} {f'{top}/{bottom}' if top or not whole else ''}".strip()


def _date(value: float, section: _Section, from_1904: bool) -> str:
    tokens = [(kind, text.lower() if kind == "date" else text) for kind, text in section.tokens]
    digits = max((len(t.partition(".")[2]) for k, t in tokens if k == "date"), default=0)
    seconds = round(value * 86_400, min(digits, 3))
    when = _when(value, seconds, from_1904)
    if value < 0 and not section.has("elapsed"):
        raise ValueError("no date")
    half = section.has("half")
    written = []
    for n, (kind, text) in enumerate(tokens):
        if kind == "half":
            written.append(("AM" if when.hour < 12 else "PM")[: 2 if "M" in text.upper() else 1])
        elif kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[text[0]]
            written.append(str(int(seconds // unit)).rjust(len(text), "0"))
        elif kind == "date":
            written.append(
                _part(when, "M" * len(text) if _is_minute(tokens, n) else text, half, section.language)
            )
        else:
            written.append(text)
    return " ".join("".join(written).split())


class _When(NamedTuple):
    """A moment as a sheet has it, which may be one that no calendar has; days of the week from 0, Monday."""

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int
    second: int
    microsecond: int


def _when(value: float, seconds: float, from_1904: bool) -> _When:
    if from_1904:
        start = datetime(1904, 1, 1)
    else:
        start = datetime(1899, 12, 30) if value >= _LEAP_DAY else datetime(1899, 12, 31)
    when = start + timedelta(seconds=seconds)
    moment = when.hour, when.minute, when.second, when.microsecond
    if from_1904 or not 0 <= value < _LEAP_DAY + 1:
        return _When(when.year, when.month, when.day, when.weekday(), *moment)
    # Days of the week are counted on through the day that was none.
    weekday = (int(value) + 5) % 7
    if value < 1:
        return _When(1900, 1, 0, weekday, *moment)
    if value >= _LEAP_DAY:
        return _When(1900, 2, 29, weekday, *moment)
    return _When(when.year, when.month, when.day, weekday, *moment)


def _is_minute(tokens: list[tuple[str, str]], n: int) -> bool:
    """Whether an m stands for minutes: behind hours, or before seconds."""
    if tokens[n][1][0] != "m" or len(tokens[n][1]) > 2:
        return False
    before = next((t for k, t in reversed(tokens[:n]) if k in ("date", "elapsed")), "")
    after = next((t for k, t in tokens[n + 1 :] if k in ("date", "elapsed")), "")
    return before[:1] == "h" or after[:1] == "s"


def _part(when: _When, text: str, half: bool, language: str) -> str:
    n = len(text)
    match text[0]:
        case "y" | "e":
            return f"{when.year % 100:02}" if text[0] == "y" and n <= 2 else f"{when.year:04}"
        case "m":
            if n < 3:
                return str(when.month).rjust(n, "0")
            name = month(when.month, language, "abbreviated" if n == 3 else "wide")
            return name[:1] if n == 5 else name
        case "d":
            return str(when.day).rjust(n, "0") if n < 3 else day(when.weekday, language, _WIDTHS[n > 3])
        case "h":
            return str((when.hour % 12 or 12) if half else when.hour).rjust(min(n, 2), "0")
        case "M":
            return str(when.minute).rjust(n, "0")
    whole, _, fraction = text.partition(".")
    written = str(when.second).rjust(len(whole), "0")
    return f"{written}.{when.microsecond:06}"[: len(written) + 1 + len(fraction)] if fraction else written
