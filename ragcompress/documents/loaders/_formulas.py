"""Formulas of MathML and of Office (OMML) → a line of text, as one would type it: ``(a + b)/(2 c)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# What each element of Office's is called in MathML.
_OFFICE = {
    "f": "mfrac", "sSup": "msup", "sSub": "msub", "sSubSup": "msubsup", "rad": "mroot", "nary": "nary",
    "d": "delimited",
    "func": "func", "m": "mtable", "mr": "mtr", "limLow": "munder", "limUpp": "mover", "acc": "accent",
    "bar": "accent", "sPre": "prescripts", "eqArr": "lines",
}  # fmt: skip
# No blank stands before these.
CLOSING = tuple(".,;:!?)]}…»”’。、，")
_PROPERTIES = re.compile(r"(Pr|ctrlPr|annotation|annotation-xml)$")
_ATOM = re.compile(r"\w+(?:[.,]\w+)?|\W?")
_DEPTH = 60


def formula(element: Any, depth: int = 0) -> str:
    """Write a formula.

    Args:
        element: ``math`` or a part of it, or ``m:oMath``; an lxml element.
    """
    if depth > _DEPTH:
        return " ".join("".join(element.itertext()).split())
    tag = _name(element)
    children = [c for c in element if isinstance(c.tag, str) and not _PROPERTIES.search(_name(c))]
    parts = [formula(c, depth + 1) for c in children]
    if tag in ("t", "mi", "mn", "mo", "ms", "mtext"):
        return _token(tag, "".join(element.itertext()))
    if tag == "sub" and _name(element.getparent()) == "nary" and not parts:
        return ""
    return _write(_OFFICE.get(tag, tag), parts, element)


def _write(tag: str, parts: list[str], element: Any) -> str:
    if tag in _OF_TWO and len(parts) == 2:
        return _OF_TWO[tag](*parts)
    if tag in ("msubsup", "munderover") and len(parts) == 3:
        base, below, above = parts
        return f"{base}_{_grouped(below)}^{_grouped(above)}" + " " * (tag == "munderover")
    if tag in _OF_ANY:
        return _OF_ANY[tag](parts, element)
    if not parts and tag == "math":
        return "".join(element.itertext()).strip()
    return _row(parts)


_ACCENTS = ("¯", "‾", "^", "~", "˙", "¨", "→", "⃗", "ˆ", "˜", "´", "`", "_", "′")


def _token(tag: str, text: str) -> str:
    text = " ".join(text.split()) if tag != "t" else text
    # Signs that are not shown: function application, times, plus.
    text = re.sub("[\\u2061-\\u2064]", "", text)
    return f" {text} " if tag == "mo" and text in "=<>≤≥≠≈≡∈⊂→⇒+−-±·×" else text


def _row(parts: list[str]) -> str:
    return re.sub(" {2,}", " ", "".join(parts)).strip()


def _grouped(text: str) -> str:
    """In brackets, unless it is a name, a number or one sign."""
    text = text.strip()
    return text if _ATOM.fullmatch(text) else f"({text})"


def _root(parts: list[str], element: Any) -> str:
    # Office writes the degree first, MathML last.
    degree, base = ("", *parts)[-2:] if _name(element) == "rad" else ("", *reversed(parts))[-2:]
    return f"√({base})" if not degree.strip() else f"root_{_grouped(degree)}({base})"


def _large(limits: list[str], body: str, element: Any) -> str:
    sign = _property(element, "chr") or "∫"
    below, above = ([*limits, "", ""])[:2]
    written = sign + (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")
    return f"{written} {body}"


def _delimited(parts: list[str], element: Any) -> str:
    if _name(element) == "mfenced":
        return f"{element.get('open', '(')}{', '.join(parts)}{element.get('close', ')')}"
    begins, ends = _property(element, "begChr"), _property(element, "endChr")
    return ("(" if begins is None else begins) + ", ".join(parts) + (")" if ends is None else ends)


def _property(element: Any, name: str) -> str | None:
    for part in element.iter():
        if isinstance(part.tag, str) and _name(part) == name:
            return next(iter(part.attrib.values()), "")
        if isinstance(part.tag, str) and _name(part) == "e":
            break
    return None


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _raised(base: str, above: str) -> str:
    return f"{base}{above}" if above in _ACCENTS else f"{_grouped(base)}^{_grouped(above)}"


_OF_TWO: dict[str, Callable[[str, str], str]] = {
    "mfrac": lambda above, below: f"{_grouped(above)}/{_grouped(below)}",
    "msup": _raised,
    "mover": _raised,
    "msub": lambda base, below: f"{base}_{_grouped(below)}",
    "munder": lambda base, below: f"{base}_{_grouped(below)} ",
    "func": lambda name, body: f"{name} {body}",
}


def _accented(parts: list[str], element: Any) -> str:
    """With its sign above: a hat unless another is named, a line for a bar."""
    is_bar = _name(element) == "bar"
    sign = ("\u0305" if _property(element, "pos") == "top" else "\u0332") if is_bar else "\u0302"
    base = _row(parts)
    return (base if len(base) == 1 else f"({base})") + (_property(element, "chr") or sign)


def _scripted(parts: list[str], element: Any) -> str:
    """With marks below and above it on either side."""
    if _name(element) == "sPre":
        below, above, base = (["", "", "", *parts])[-3:]
        return _marks([below, above]) + base
    names = [_name(c) for c in element if isinstance(c.tag, str)]
    at = names.index("mprescripts") if "mprescripts" in names else len(parts)
    return _marks(parts[at + 1 :]) + "".join(parts[:1]) + _marks(parts[1:at])


def _marks(parts: list[str]) -> str:
    """Pairs of what stands below and above."""
    signs = (("_", "^")[n % 2] + _grouped(part) if part.strip() else "" for n, part in enumerate(parts))
    return "".join(signs)


_OF_ANY: dict[str, Callable[[list[str], Any], str]] = {
    "msqrt": lambda parts, _: f"√({_row(parts)})",
    "mroot": _root,
    "nary": lambda parts, element: _large(parts[:-1], "".join(parts[-1:]), element),
    "mtable": lambda parts, _: f"[{'; '.join(parts)}]",
    "lines": lambda parts, _: "; ".join(parts),
    "mtr": lambda parts, _: ", ".join(parts),
    "accent": _accented,
    "delimited": _delimited,
    "mfenced": _delimited,
    "mphantom": lambda parts, _: "",
    "mmultiscripts": _scripted,
    "prescripts": _scripted,
}
