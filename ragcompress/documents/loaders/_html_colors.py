"""Colors of style sheets, in all notations: what is clear, white, or of the color of its ground."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

CLEAR, WHITE, UNKNOWN = "transparent", "white", "some color"
# As tinycss2 names them; the largest lightness of each.
_LIGHTNESS = {"lab": 100.0, "lch": 100.0, "oklab": 1.0, "oklch": 1.0}
_ALMOST = 0.98  # of each part: nobody tells it from white
_SEEN = 0.05  # of a color
_NONE = ("", "none", "inherit", "initial", "unset", "revert")
_IMAGE = re.compile(r"url\(|gradient\(|image(?:-set)?\(")
_PARTS = re.compile(r"[^\s()]*\([^()]*\)|\S+")


@lru_cache(maxsize=4096)
def color_of(value: str) -> str:
    """``white``, ``transparent`` or ``#`` and six digits; what is no color, as it is written."""
    from tinycss2 import color4

    try:
        color = color4.parse_color(value)
    except (ArithmeticError, ValueError, TypeError, RecursionError):  # parts that no color has
        return value
    if color is None or isinstance(color, str):
        return value
    if color.alpha is not None and color.alpha < _SEEN:
        return CLEAR
    parts = [part or 0.0 for part in color.coordinates]
    if (lightest := _LIGHTNESS.get(color.space)) is not None:
        hueless = not any(parts[1:2] if color.space.endswith("ch") else parts[1:])
        return WHITE if hueless and parts[0] >= _ALMOST * lightest else value
    try:
        channels = [part or 0.0 for part in color.to("srgb").coordinates]
    except NotImplementedError:
        return value
    if min(channels) >= _ALMOST:
        return WHITE
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, part))):02x}" for part in channels)


def ground_of(value: str) -> str:
    """The color of a ground, as ``color_of``; ``UNKNOWN`` of pictures, and of what is no single color."""
    if value in _NONE:
        return CLEAR
    if _IMAGE.search(value):
        return UNKNOWN
    colors = {c for part in _PARTS.findall(value) if is_color(c := color_of(part))}
    return colors.pop() if len(colors) == 1 else UNKNOWN


def is_color(value: str) -> bool:
    """Whether it is what ``color_of`` says of a color."""
    return value in (CLEAR, WHITE) or re.fullmatch("#[0-9a-f]{6}", value) is not None


def unseen_on_ground(tree: Any, declarations: Mapping[Any, Mapping[str, str]]) -> Iterator[Any]:
    """Elements whose letters have the color of the ground: white, if no sheet in a file may color it."""
    colored = [
        (e, color)
        for e, properties in declarations.items()
        if (color := properties.get("color", "")) and is_color(color)
    ]
    may_differ = bool(colored) and any(
        "stylesheet" in (link.get("rel") or "").lower() for link in tree.iter("link")
    )
    known: dict[Any, str] = {}
    for element, color in colored:
        if color == _ground_behind(element, declarations, known, UNKNOWN if may_differ else WHITE):
            yield element


def _ground_behind(
    element: Any, declarations: Mapping[Any, Mapping[str, str]], known: dict[Any, str], page: str
) -> str:
    """The ground that is seen behind an element; ``known`` keeps those of elements around."""
    passed: list[Any] = []
    at, ground = element, CLEAR
    while at is not None and ground == CLEAR:
        passed.append(at)
        ground = known.get(at) or _ground(at, declarations)
        at = at.getparent()
    ground = page if ground == CLEAR else ground
    known.update((each, ground) for each in passed)
    return ground


def _ground(element: Any, declarations: Mapping[Any, Mapping[str, str]]) -> str:
    if ground := declarations.get(element, {}).get("background"):
        return ground
    if element.get("background"):
        return UNKNOWN
    color = color_of((element.get("bgcolor") or "").strip().lower())
    return color if is_color(color) else UNKNOWN if color else CLEAR
