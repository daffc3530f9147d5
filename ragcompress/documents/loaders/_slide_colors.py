"""Letters on slides that nobody sees, because what they stand on has their color."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ._office import attribute, find, local, whole, within

_FILLS = ("noFill", "solidFill", "gradFill", "blipFill", "pattFill", "grpFill")
_SOLID_OF_THEME = "1001"
# With more shapes behind it, letters count as seen: each is compared with all of them.
_MOST_BEHIND = 500
Themes = dict[str, dict[str, str]]
Color = tuple[str, ...]
"""What a color is made from: six hex digits or a name, and what changes it."""
Box = tuple[int, int, int, int]


def take_out_unseen(slide: Any, left_out: Counter[str], themes: Themes) -> None:
    """Take runs of text out of a slide whose color is that of their ground, as far as files say both.

    The ground is the marking of the run, the fill of its shape or cell, or the background of the slide where
    nothing else can lie between. Where one of them is not a plain color, letters count as seen.

    Args:
        themes: keeps what earlier slides had; empty for the first.
    """
    theme = _theme(slide, themes)
    background = _background(slide, theme)
    above = (slide.slide_layout, slide.slide_layout.slide_master)
    behind = [_box(shape) for each in above for shape in each.shapes if _is_drawn(shape)]
    for shape in slide.shapes:
        free = len(behind) <= _MOST_BEHIND and not any(_touch(_box(shape), box) for box in behind)
        for body in within(shape._element, "txBody"):
            if next(within(body, "solidFill", "highlight"), None) is not None:
                ground = _ground(body, shape, background if free else None, theme)
                _take_out(body, ground, theme, left_out)
        if _may_color(shape._element):
            behind.append(_box(shape))


def _take_out(body: Any, ground: Color | None, theme: dict[str, str], left_out: Counter[str]) -> None:
    for run in [*within(body, "r", "fld")]:
        properties = find(run, "rPr")
        letters = None if properties is None else _solid(properties, theme)
        if letters is None or find(properties, "ln") is not None or find(properties, "effectLst") is not None:
            continue  # outlines and shadows are seen
        marked = find(properties, "highlight")
        behind = ground if marked is None else _color(next(iter(marked), None), theme)
        if letters == behind:
            left_out["hidden run"] += any((t.text or "").strip() for t in within(run, "t"))
            run.getparent().remove(run)


def _ground(body: Any, shape: Any, background: Color | None, theme: dict[str, str]) -> Color | None:
    """The color behind the letters of a shape or cell; None: not known."""
    holder = body.getparent()
    if local(holder) == "tc":
        return _solid(find(holder, "tcPr"), theme)
    properties = find(holder, "spPr")
    in_group = holder is not shape._element
    while _fill(properties) is None and not in_group and shape.is_placeholder:
        shape = getattr(shape, "_base_placeholder", None)
        if shape is None:
            break
        properties = find(shape._element, "spPr")
    fill = _fill(properties)
    if fill is not None and local(fill) != "noFill":
        return _solid(properties, theme)
    is_styled = fill is None and find(holder, "style") is not None
    return None if is_styled or in_group else background


def _fill(properties: Any) -> Any:
    return next((each for each in (() if properties is None else properties) if local(each) in _FILLS), None)


def _solid(properties: Any, theme: dict[str, str]) -> Color | None:
    fill = _fill(properties)
    return None if fill is None or local(fill) != "solidFill" else _color(next(iter(fill), None), theme)


def _color(color: Any, theme: dict[str, str]) -> Color | None:
    """What a color is made from; None for none, or one that is seen through."""
    if color is None or find(color, "alpha") is not None:
        return None
    name = (attribute(color, "lastClr") or attribute(color, "val") or "").upper()
    changed = [f"{local(each)}={attribute(each, 'val')}" for each in color]
    return (theme.get(name, name), *changed) if name else None


def _theme(slide: Any, themes: Themes) -> dict[str, str]:
    """The colors behind the names that a slide uses for them; none where it changes what names mean."""
    for each in (slide, slide.slide_layout):
        if next(within(each.element, "overrideClrMapping"), None) is not None:
            return {}
    master = slide.slide_layout.slide_master
    name = str(master.part.partname)
    if name not in themes:
        themes[name] = {}  # also of one that can't be read
        themes[name] = _theme_of(master)
    return themes[name]


def _theme_of(master: Any) -> dict[str, str]:
    from lxml import etree

    blob = next((r.target_part.blob for r in master.part.rels.values() if r.reltype.endswith("/theme")), None)
    if blob is None:
        return {}
    root = etree.fromstring(blob, etree.XMLParser(resolve_entities=False, no_network=True))
    colors = {"WHITE": "FFFFFF", "BLACK": "000000"}
    for each in next(within(root, "clrScheme"), ()):
        if color := _color(next(iter(each), None), {}):
            colors[local(each).upper()] = color[0]
    if first := [*next(within(root, "bgFillStyleLst"), ())][:1]:
        colors[_SOLID_OF_THEME] = local(first[0])
    mapping = find(master.element, "clrMap")
    named = {} if mapping is None else mapping.attrib
    return colors | {k.upper(): colors[v.upper()] for k, v in named.items() if v.upper() in colors}


def _background(slide: Any, theme: dict[str, str]) -> Color | None:
    """The color of the whole slide: its own, or that of its layout or master."""
    for each in (slide, slide.slide_layout, slide.slide_layout.slide_master):
        background = find(find(each.element, "cSld"), "bg")
        if background is None:
            continue
        reference = find(background, "bgRef")
        if reference is None:
            return _solid(find(background, "bgPr"), theme)
        is_plain = (
            attribute(reference, "idx") == _SOLID_OF_THEME and theme.get(_SOLID_OF_THEME) == "solidFill"
        )
        return _color(next(iter(reference), None), theme) if is_plain else None
    return None


def _may_color(element: Any) -> bool:
    """Whether a shape may be more than letters and lines on what lies behind it."""
    if local(element) != "sp":
        return True
    fill = _fill(find(element, "spPr"))
    if fill is not None:
        return local(fill) != "noFill"
    style = find(element, "style")
    is_inherited = next(within(element, "ph"), None) is not None
    return is_inherited or (style is not None and whole(_number_of_fill(style), 1) != 0)


def _is_drawn(shape: Any) -> bool:
    """Whether a shape of a layout or master is drawn on slides, and may color them."""
    return not shape.is_placeholder and _may_color(shape._element)


def _number_of_fill(style: Any) -> str | None:
    """The number of a shape's fill among those of the theme; 0: it has none."""
    reference = find(style, "fillRef")
    return None if reference is None else attribute(reference, "idx")


def _box(shape: Any) -> Box | None:
    """Left, top, right, bottom; None: not known."""
    if any(getattr(shape, name, None) is None for name in ("left", "top", "width", "height")):
        return None
    return shape.left, shape.top, shape.left + shape.width, shape.top + shape.height


def _touch(one: Box | None, other: Box | None) -> bool:
    """Whether two boxes share some room, as far as is known."""
    if one is None or other is None:
        return True
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
