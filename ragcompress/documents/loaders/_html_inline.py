"""Inline markup that carries meaning → characters: 10<sup>6</sup> is not 106."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from ._formulas import CLOSING, formula
from ._html_notes import defined_notes, marks_of
from ._markers import LINE_END, without_markers

_NOTE = re.compile(r"foot-?note|noteref|reference|\bfn|cite|endnote|doc-noteref", re.IGNORECASE)
_MARK_OF_NOTE = re.compile(r"foot-?note-?ref|note-?ref\b|\bfn-?ref", re.IGNORECASE)
_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[a-z]|[ivx]{1,5})[\])]?(?:\s*[,;–-]\s*\d{1,3})*", re.IGNORECASE)
# What stands before a footnote mark rather than a power: the end of a sentence, or a word.
_NOTED = re.compile(
    r"(?:[.,;:!?…”’»\"]|(?<![^\W\d_])(?!(?:sin|cos|tan|cot|log|exp|sec|min|mol)$)[^\W\d_]{3,})$"
)
_NUMBER_BEFORE = re.compile(r"\d\s*$")
_POWER_OF_TEN = re.compile(r"(?<![\d.,])10\s*$")
_UNIT = re.compile(r"(?<![^\W\d_])(?:[a-zα-ω]|[kcdmn]m|ft|in|yd|mi)$")
_NO_EXPONENT, _ORDINALS = frozenset("bcdfgh"), frozenset("ae")
_ORDINAL = re.compile(r"st|nd|rd|th|er|re|ers|ère|ème|ième|mes?|nde?|os?|as?|es?|ª|º", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:\d|\b(?:[NnIVXLC]+|[ijkm]))$")
_OF_CENTURY, _ROMAN = re.compile(r"e|er|ème|o|º", re.IGNORECASE), re.compile(r"\b[IVXLC]+$")
# One small letter is a variable, which has powers; a word, or a capital before letters, is a short form.
_VARIABLE = re.compile(r"(?<![^\W_])[a-zα-ω]$")
_SHORT_FORM = re.compile(r"\b[DJMPS]$")
_BRACKETED = re.compile(r"\[[^\[\]]+\]")
# Degrees, written with a letter.
_SCALE = re.compile(r"\s?[CF]\b")
_SLASHES = ("/", "\u2044", "\u2215")
# Needs no brackets: a number, or one letter.
_SIMPLE = re.compile(r"[-+−–]?(?:\d+(?:[.,]\d+)?|[^\W\d])")
_STYLED = re.compile(
    r"(?:vertical-align\s*:\s*|text-decoration(?:-line)?\s*:[^;]{0,40}?)(super|sub|line-through)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d.,])(?:1[5-9]|20)\d\d$")
_TRADE = ("TM", "SM", "MC", "®", "™")
# Behind an element's sign or a bracket, numbers below the line count atoms.
_ATOMS = re.compile(r"(?:[A-Z][a-z]?|[)\]])$")
_LOOK_BACK = 16
_STRUCK = "data-ragcompress-struck"
# Blocks that may hold others; a style that strikes one out strikes out all that is in it.
_HOLDERS = (
    "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "table", "ul", "ol", "dl", "dd", "dt", "div",
    "section", "article", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6",
)  # fmt: skip
_WALLS = ("p", "li", "td", "th", "div", "dd", "dt", "body", "h1", "h2", "h3", "h4", "h5", "h6")


def write_inline(tree: Any) -> None:
    """Write in place of raised, lowered and struck-out text, readings, pictures, formulas what they say."""
    named = tree.xpath("//*[contains(name(), ':math')]")  # of XHTML, with a prefix
    for element in [*tree.iter("math", "{http://www.w3.org/1998/Math/MathML}math"), *named]:
        behind = "" if (element.tail or "").startswith(CLOSING) else " "
        words = "".join(element.itertext()).strip() or element.get("alttext") or ""
        _replace(element, f" {formula(element)}{behind}" if len(element) else words)
    for element in list(tree.iter("img")):
        _replace(element, _picture(element))
    for element in tree.xpath("//*[contains(@style, 'vertical-align') or contains(@style, 'line-through')]"):
        _name_by_style(element)
    for element in list(tree.iter("a")):
        _raise_mark(element)
    for element in list(tree.iter("sup")):
        _write_fraction(element)
    notes = defined_notes(tree)
    for element in list(tree.iter("sup", "sub", "del", "s", "strike", "q", "rt")):
        if element.tag in ("sup", "sub"):  # those within first: x to the power of y to the power of z
            for inner in reversed(list(element.iter("sup", "sub"))[1:]):
                _write_one(inner, " ".join("".join(inner.itertext()).split()), notes)
        text = " ".join("".join(element.itertext()).split())
        if text and element.getparent() is not None:
            _write_one(element, text, notes)


def _raise_mark(link: Any) -> None:
    """Raise the mark of a note that only its sheet would raise."""
    about = f"{link.get('class') or ''} {link.get('role') or ''}"
    if not _MARK_OF_NOTE.search(about) or not _MARK.fullmatch("".join(link.itertext()).strip()):
        return
    if next(link.iter("sup"), None) is None and next(link.iterancestors("sup"), None) is None:
        link.tag = "sup"


def _name_by_style(element: Any) -> None:
    match = _STYLED.search(element.get("style") or "")
    if match is None:
        return
    tag = {"super": "sup", "sub": "sub", "line-through": "del"}[match[1].lower()]
    if element.tag in ("span", "font", "b", "i", "em", "strong", "small", "a", "u", "label", "time", "data"):
        element.tag = tag
    elif tag == "del":
        _strike_blocks(element)


def _strike_blocks(element: Any) -> list[Any]:
    """Put the words of a block, or of the blocks within, into an element that strikes them out; these."""
    if any(up.get(_STRUCK) for up in element.iterancestors()):
        return []
    made = []
    element.set(_STRUCK, "yes")
    left = [element]
    while left:
        block = left.pop()
        if inner := [part for part in block if part.tag in _HOLDERS]:
            left += inner
            continue
        words = block.makeelement("del")
        words.text, block.text = block.text, None
        words.extend(list(block))
        block.append(words)
        made.append(words)
    return made


def _write_fraction(above: Any) -> None:
    """``<sup>1</sup>/<sub>2</sub>`` is 1/2, and behind a whole number a blank belongs."""
    below = above.getnext()
    slash = (above.tail or "").strip()
    if slash not in _SLASHES or below is None or below.tag != "sub":
        return
    parts = ["".join(part.itertext()).strip() for part in (above, below)]
    if not all(part.isdigit() for part in parts):
        return
    blank = " " if _before(above)[-1:].isdigit() else ""
    above.tail = None
    _replace(above, f"{blank}{parts[0]}/{parts[1]}")
    _replace(below, "")


def _write_one(element: Any, text: str, notes: Collection[str]) -> None:
    """Write one element as characters; ``notes`` are the marks that notes of the page begin with."""
    match element.tag:
        case "sup" if text in ("o", "0") and _SCALE.match(element.tail or ""):
            _replace(element, "°")
        case "sup":
            _replace(element, raised(text, _before(element), is_note=_is_note(element), notes=notes))
        case "sub":
            _replace(element, lowered(text, _before(element)))
        case "rt":
            _replace(element, f"({text})")
        case "q":
            _surround(element, "“", "”")
        case _ if any(part.tag in _HOLDERS for part in element.iter()):
            element.tag = "div"
            for words in _strike_blocks(element):
                _surround(words, "~~", "~~")
        case _:
            _surround(element, "~~", "~~")


def raised(text: str, before: str, *, is_note: bool = False, notes: Collection[str] = ()) -> str:
    """Write text above the line: a power as ``^6``, the mark of a note as ``[6]``, ``1st`` as it is.

    Args:
        before: what stands before it, or its last characters.
        is_note: whether it is known to be the mark of a note.
        notes: marks that notes begin with.
    """
    if not re.search(r"\w", text):
        return text  # an asterisk, a degree
    if _BRACKETED.fullmatch(text):
        return text  # [3], [citation needed]
    is_note = is_note or _is_mark(text, before, notes)
    if not is_note and _OF_CENTURY.fullmatch(text) and _ROMAN.search(before):
        return text
    if is_note or (_MARK.fullmatch(text) and _NOTED.search(before) and not _NUMBER_BEFORE.search(before)):
        return text if text.startswith(("[", "(")) else f"[{text}]"
    if not before.strip() or before[-1:].isspace():
        return text
    if _YEAR.search(before) and re.fullmatch(r"\d{1,2}", text):
        return f"[{text}]"  # nobody raises a year to a power
    if text in _TRADE or (_ORDINAL.fullmatch(text) and _NUMBERED.search(before)):
        return text
    if before[-1:].isalpha() and text.isalpha() and not _VARIABLE.search(before):
        if len(text) > 1 or (text == "r" and _SHORT_FORM.search(before)):
            return text  # Mme, Dr
    return f"^{text}" if _SIMPLE.fullmatch(text) else f"^({text})"


def _is_area(text: str, before: str) -> bool:
    return text in ("2", "3") and _UNIT.search(before) is not None


def _is_mark(text: str, before: str, notes: Collection[str]) -> bool:
    """Whether it is the mark of a note by what it is, or because a note of the page begins with it."""
    marks = marks_of(text)
    if not marks or (text.isdigit() and _POWER_OF_TEN.search(before)) or _is_area(text, before):
        return False
    if notes and all(mark in notes for mark in marks):
        return True
    # A bracket that only closes, or a letter behind a number that is no usual exponent.
    closed = text.endswith(")") and not text.startswith("(")
    lettered = all(mark in _NO_EXPONENT or mark in _ORDINALS for mark in marks) and not _ORDINAL.fullmatch(
        text
    )
    return bool(before.strip()) and (closed or (lettered and _NUMBER_BEFORE.search(before) is not None))


def lowered(text: str, before: str) -> str:
    """Write text below the line: ``CO2`` as it is, else ``x_1``."""
    if not before.strip() or before[-1:].isspace() or (_ATOMS.search(before) and text.isdigit()):
        return text
    return f"_{text}" if _SIMPLE.fullmatch(text) or text.isalpha() else f"_({text})"


def _is_note(element: Any) -> bool:
    parts = [element, *element.iter("a")]
    if (up := element.getparent()) is not None and up.tag == "a":
        parts.append(up)
    for part in parts:
        about = " ".join(part.get(name) or "" for name in ("class", "id", "role", "epub:type", "rel"))
        href = part.get("href") or ""
        if _NOTE.search(about) or (part.tag == "a" and "#" in href):
            return True
    return False


def _before(element: Any) -> str:
    """The last characters before an element, in its block."""
    text = "".join(reversed(list(_backwards(element)))).replace(LINE_END, "")
    return without_markers(text)[-_LOOK_BACK:]


def _backwards(element: Any) -> Iterator[str]:
    """Texts before an element, the nearest first, until there are enough or its block begins."""
    length, at = 0, element
    while length < _LOOK_BACK:
        previous = at.getprevious()
        if previous is not None:
            if previous.tag == "br":
                return
            text = previous.tail or _last(previous)
            at = previous
        else:
            at = at.getparent()
            if at is None or not isinstance(at.tag, str):
                return
            text = at.text or ""
        text = without_markers(text)[-_LOOK_BACK:]
        length += len(text)
        yield text
        if at.tag in _WALLS and previous is None:
            return


def _last(element: Any) -> str:
    """The text at the end of an element."""
    at = element
    while len(at) and not (at[-1].tail or "").strip():
        at = at[-1]
    return str((at[-1].tail if len(at) else at.text) or "") if isinstance(at.tag, str) else ""


def _picture(element: Any) -> str:
    alt = " ".join((element.get("alt") or "").split())
    about = element.get("class") or ""
    if not alt or element.get("role") == "presentation":
        return ""
    if "math" in about or "tex" in about.split() or "latex" in about or not re.search(r"\w", alt):
        return alt  # a formula, an emoji
    return f"[Image: {alt}]"


def _replace(element: Any, text: str) -> None:
    element.clear(keep_tail=True)
    element.tag, element.text = "span", text


def _surround(element: Any, begin: str, end: str) -> None:
    words = element.text or ""
    bare = words.lstrip()
    element.text = words[: len(words) - len(bare)] + begin + bare
    if len(element):
        element[-1].tail = before_blanks(element[-1].tail or "", end)
    else:
        element.text = before_blanks(element.text, end)
    element.tag = "span"


def before_blanks(text: str, end: str) -> str:
    """The text with something added before the blanks at its end."""
    bare = text.rstrip()
    return bare + end + text[len(bare) :]


def struck(text: str) -> str:
    """Text with a line through it, as Markdown has it; the blanks around it stay outside."""
    bare = text.lstrip()
    return text[: len(text) - len(bare)] + "~~" + before_blanks(bare, "~~")
