"""Formats of the cells of a workbook: of numbers, and how letters look on their ground."""

from __future__ import annotations

from typing import Any

from ._html_inline import struck
from ._number_formats import BUILTIN
from ._office import Package, attribute, find, whole, within

_BLACK_OR_WHITE = {
    ("0", "", ""): ("FFFFFF",),
    ("1", "", ""): ("000000",),
    ("", "8", ""): ("000000",),
    ("", "9", ""): ("FFFFFF",),
}
"""Of the colors that every workbook has, by theme, number and tint."""
_WHITE_NUMBERS = ("1", "9")  # of the colors that every workbook has


class Styles:
    """Formats of numbers, by the number of a cell's style, and whether its text is struck out or white."""

    def __init__(self, package: Package) -> None:
        self.codes: list[str] = []
        self._struck: list[bool] = []
        self._white: list[bool] = []
        self._filled: list[bool] = []
        self._on_own: list[bool] = []
        root = package.xml(package.part("styles", "xl/styles.xml"))
        if root is None:
            return
        codes = {e.get("numFmtId"): e.get("formatCode") or "General" for e in within(root, "numFmt")}
        fonts, fills = find(root, "fonts"), find(root, "fills")
        struck = [] if fonts is None else [is_on(find(font, "strike")) for font in fonts]
        white = [] if fonts is None else [is_white(find(font, "color")) for font in fonts]
        filled = [] if fills is None else [_is_filled(fill) for fill in fills]
        formats = find(root, "cellXfs")
        for each in () if formats is None else formats:
            number = each.get("numFmtId") or "0"
            self.codes.append(codes.get(number) or BUILTIN.get(whole(number, -1), "General"))
            font, fill = place_of(each, "fontId"), place_of(each, "fillId")
            self._struck.append(font < len(struck) and struck[font])
            self._white.append(font < len(white) and white[font])
            self._filled.append(fill < len(filled) and filled[fill])
            own_color = _color(find(fonts[font], "color")) if font < len(struck) else None
            self._on_own.append(
                own_color is not None and fill < len(filled) and own_color == _ground(fills[fill])
            )

    def marked(self, text: str, style: int) -> str:
        """The text with a line through it, if it has one."""
        return struck(text) if text.strip() and style < len(self._struck) and self._struck[style] else text

    def is_white(self, style: int) -> bool:
        """Whether letters are white."""
        return style < len(self._white) and self._white[style]

    def is_filled(self, style: int) -> bool:
        """Whether the ground has another color than white."""
        return style < len(self._filled) and self._filled[style]

    def is_on_own_color(self, style: int) -> bool:
        """Whether the ground has the color of the letters."""
        return style < len(self._on_own) and self._on_own[style]


def place_of(element: Any, name: str) -> int:
    """A place in a list, from 0."""
    return max(0, whole(element.get(name)))


def is_on(element: Any) -> bool:
    return element is not None and (attribute(element, "val") or "1") not in ("0", "false", "off")


def is_white(color: Any) -> bool:
    if color is None or (color.get("tint") or "").strip().startswith("-"):
        return False  # darkened
    if (color.get("rgb") or "").upper().endswith("FFFFFF") or color.get("theme") == "0":
        return True
    return color.get("indexed") in _WHITE_NUMBERS


def _is_filled(fill: Any) -> bool:
    pattern = find(fill, "patternFill")
    if pattern is None:
        return find(fill, "gradientFill") is not None
    if (pattern.get("patternType") or "none") == "none":
        return False
    return not is_white(find(pattern, "fgColor"))


def _ground(fill: Any) -> tuple[str, ...] | None:
    """The color of a cell that is filled with one."""
    pattern = find(fill, "patternFill")
    is_solid = pattern is not None and pattern.get("patternType") == "solid"
    return _color(find(pattern, "fgColor")) if is_solid else None


def _color(color: Any) -> tuple[str, ...] | None:
    """What names a color; None: nothing."""
    if color is None:
        return None
    if rgb := color.get("rgb"):
        return (rgb[-6:].upper(),)
    named = (color.get("theme") or "", color.get("indexed") or "", color.get("tint") or "")
    return _BLACK_OR_WHITE.get(named, named) if any(named) else None
