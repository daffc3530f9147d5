"""Properties of style sheets that say what is seen of words, and what their values must be for that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ._html_colors import CLEAR, UNKNOWN, color_of, ground_of
from ._html_variables import is_variable, reckoned, uses_variable

Declarations = Mapping[str, str]
"""What is declared of an element, by property."""

_NOTHING = r"0(?:\.0*)?(?:px|r?em|pt|%|vh|vw)?"
_FAR = r"-\d{4,}(?:\.\d+)?(?:px|pt)|-\d{3,}(?:\.\d+)?(?:r?em|vw|vh|%)"
HIDING = {"display": r"none", "visibility": r"hidden|collapse", "content-visibility": r"hidden"}
# Shown so that nobody sees it: of no size, beside the page, without color. What is faded in is shown later.
_UNSEEN = {
    "opacity": r"0?\.?0+(?:\.0*)?%?|0?\.0[0-4]\d*",
    "font-size": rf"{_NOTHING}|(?:1|0?\.\d+)(?:px|pt)",
    "text-indent": r"-\d{3,}(?:\.\d+)?(?:px|r?em|pt|%)",
    **dict.fromkeys(("left", "top", "right", "bottom", "margin-left", "margin-top"), _FAR),
    "clip": r"rect\((?:[01](?:px)?[\s,]*){4}\)",
    "clip-path": r"inset\((?:50|100)%\)|circle\(0\w*\)|polygon\((?:0(?:px|%)?[\s,]*)+\)",
    "transform": rf"scale[xy]?\({_NOTHING}(?:\s*,\s*[\d.]+)?\)|translate[xy]?\((?:{_FAR})\b.*",
    "scale": _NOTHING,
    "translate": rf"(?:{_FAR})\b.*|[^ ]+ (?:{_FAR}).*",
    "inset": rf"(?:.*\s)?(?:{_FAR})(?:\s.*)?",
    "filter": r"opacity\(0?\.?0+%?\)",
    "color": r"transparent",
}
NO_SIZE = dict.fromkeys(("height", "max-height", "width", "max-width"), rf"{_NOTHING}|1px")
# What a sheet says that changes how the words are written.
MEANING = {
    "vertical-align": r"super|sub", "text-decoration": r".*\bline-through\b.*",
    "display": r"table(?:-row|-cell)?",
}  # fmt: skip
MATTERS = {
    name: re.compile("|".join(f"(?:{kind[name]})" for kind in (HIDING, _UNSEEN, MEANING) if name in kind))
    for name in (*HIDING, *_UNSEEN, *MEANING)
}
MATTERS |= {name: re.compile(pattern) for name, pattern in NO_SIZE.items()}
MATTERS |= {
    "overflow": re.compile(r"hidden|clip"), "color": re.compile("transparent|white|#.*"),
    "background": re.compile(".*"), "background-clip": re.compile("text"),
    "content": re.compile(r".*(?:\w|[€$£¥%°]).*"),
    "text-shadow": re.compile("(?!none).*"),
}  # fmt: skip
HIDES = {name: re.compile(pattern) for name, pattern in (HIDING | _UNSEEN).items()}
# What elements have of their own, else from what they stand in.
INHERITED = {"visibility", "font-size", "color"}
_SAME = {"text-decoration-line": "text-decoration", "overflow-x": "overflow", "overflow-y": "overflow",
         "background-color": "background", "background-image": "background",
         "-webkit-background-clip": "background-clip", "-webkit-text-fill-color": "color"}  # fmt: skip
# Of other values a browser takes no notice.
_VALID = {
    "display": re.compile(
        r"none|contents|[a-z-]*(?:block|inline|flex|grid|table|list-item|flow|ruby|box)[a-z -]*"
        r"|inherit|initial|unset|revert[a-z-]*|.*var\(.*"
    ),
    "visibility": re.compile(r"visible|hidden|collapse|inherit|initial|unset|revert[a-z-]*|.*var\(.*"),
}
# Sizes in ``font``: ``0/0 a``, ``italic 12px serif``.
_FONT = re.compile(r"(?:.*\s)?((?:\d+(?:\.\d*)?|\.\d+)(?:px|r?em|pt|%|v[hw])?)(?:\s*/\s*\S+)?\s+\S.*")
_IMPORTANT = re.compile(r"!\s*important\s*$", re.IGNORECASE)


def declared(element: Any) -> dict[str, str]:
    """What an element's own style says that matters here, by property."""
    pairs = (part.partition(":") for part in (element.get("style") or "").split(";"))
    triples = ((n.strip().lower(), _IMPORTANT.sub("", v).strip(), "!" in v) for n, _, v in pairs)
    cased = ((n, v if is_variable(n) else v.lower(), important) for n, v, important in triples)
    return {name: value for name, (value, _) in normal(cased).items()}


def normal(triples: Iterable[tuple[str, str, bool]]) -> dict[str, tuple[str, bool]]:
    """Of declarations, those that matter: letters that have the color of their ground are transparent."""
    properties = {}
    for name, value, important in triples:
        name = _SAME.get(name, name)
        if name not in MATTERS and name.startswith("-webkit-"):
            name = name.removeprefix("-webkit-")
        if name == "font" and (size := _FONT.fullmatch(value)):
            properties["font-size"] = (size[1], important)
        if name == "box-shadow" and "inset" in value:
            properties["background"] = (UNKNOWN, important)
        if (name in MATTERS or is_variable(name)) and (name not in _VALID or _VALID[name].fullmatch(value)):
            properties[name] = (value if name == "content" else reckoned(value), important)
    for name, written in (("color", color_of), ("background", ground_of)):
        if name in properties and not uses_variable(properties[name][0]):
            properties[name] = (written(properties[name][0]), properties[name][1])
    if "color" in properties and properties["color"][0] == properties.get("background", ("",))[0]:
        properties["color"] = (CLEAR, properties["color"][1])
    return properties
