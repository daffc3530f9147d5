"""What of a page nobody sees: taken out, and counted.

Hidden is what its attributes or the page's own style sheets hide, unless a control opens it: the answers of
an accordion and the tabs that are not in front are part of the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ._html_columns import take_out_columns
from ._html_styles import apply_styles

_SILENT = (
    "script style noscript template svg canvas audio video datalist map area link meta base head rp"
).split()
"""What holds no text of the page."""
_UNDRAWN = ("defs", "symbol", "clippath", "mask", "pattern", "marker")
_FRAMES = "iframe object embed frameset".split()
_HIDDEN = "//*[@hidden or @aria-hidden='true' or @popover or self::dialog]"
# Controls that open what is hidden, by what frameworks write on them.
_OPENS = ("aria-controls", "data-target", "data-bs-target", "data-toggle", "data-bs-toggle", "aria-expanded")
_OPENER = re.compile(r"accord|toggle|collaps|expand|faq|question|spoiler|disclosure", re.IGNORECASE)
# What a script opens under a heading that asks, or by its name.
_ANSWER = re.compile(r"\banswer|accord|collaps|\bfaq|spoiler|expandable", re.IGNORECASE)
_ASKING = ("h1", "h2", "h3", "h4", "h5", "h6", "dt")
# Shown only when they are asked for, and about something else.
_APART = re.compile(r"modal|dialog|dropdown|menu|tooltip|popover|offcanvas", re.IGNORECASE)
# The words that a button needs to be more than a command.
_WORDS = 3
# What fills a cell besides a sign.
_FILLED = (
    ".//text()[normalize-space() and not(ancestor::svg or ancestor::style or ancestor::script)]"
    " | .//img[@alt] | .//input | .//select | .//textarea"
)
_BACK = re.compile(r"\s*[\u2190-\u2199\u21a9\u21b5\u23ce^]\ufe0e?\s*")
# Invisible: soft hyphen, byte order mark, word joiner.
_INVISIBLE = re.compile("[\xad\ufeff\u2060]")


def take_out(tree: Any, check: Callable[[], None]) -> Counter[str]:
    """Empty what is not shown, in place; how much of which kind held text."""
    left_out: Counter[str] = Counter()
    for template in list(tree.iter("template")):
        if template.get("shadowrootmode") in ("open", "closed"):
            left_out["hidden part"] += _open_shadow(template)
    _take_out_hidden(tree, check, left_out)
    _name_signs(tree)
    _take_out_silent(tree)
    check()
    for element in list(tree.iter(*_FRAMES)):
        left_out["embedded frame"] += 1
        if element.tag == "embed":
            element.tag = "span"  # has no end tag, so the parser puts what follows within
        else:
            _empty(element)
    for element in [*tree.iter("nav"), *tree.xpath("//*[@role='navigation' or @role='search']")]:
        left_out["navigation block"] += _empty(element)
    left_out += show_controls(tree)
    take_out_back_links(tree)
    return left_out


def show_controls(tree: Any) -> Counter[str]:
    """Write what is filled in and chosen in place of the controls of forms; counts buttons that go."""
    left_out: Counter[str] = Counter()
    for element in list(tree.iter("button", "select", "textarea", "input")):
        _show_control(element, left_out)
    for element in list(tree.iter("progress", "meter")):
        if element.get("value") and not "".join(element.itertext()).strip():
            _say(element, f" {element.get('value')}/{element.get('max') or 1} ")
    return left_out


def take_out_back_links(tree: Any) -> None:
    """Empty the arrows that lead from a footnote back to its mark."""
    for element in tree.xpath("//a[starts-with(@href, '#')]"):
        if _BACK.fullmatch("".join(element.itertext())):
            _empty(element)


def _take_out_hidden(tree: Any, check: Callable[[], None], left_out: Counter[str]) -> None:
    unseen = apply_styles(tree, check, left_out)
    styled = unseen.hidden
    marked = set(filter(_is_hidden, tree.xpath(_HIDDEN)))
    hidden = marked | styled.keys()
    openers = _openers(tree) if hidden else frozenset()
    for element in [e for e in tree.iter() if e in hidden] if hidden else ():
        above = list(element.iterancestors())
        if element.tag in ("body", "html") or any(up in hidden for up in above) or above[-1:] != [tree]:
            continue
        if _is_opened(element, openers):
            hidden.discard(element)
        elif element not in marked and (visible := styled.get(element)):
            hidden.discard(element)
            left_out["hidden part"] += _empty_around(element, visible)
        elif element.tag in ("td", "th", "tr") and not (
            element in unseen.placeless or element.get("hidden") is not None
        ):
            left_out["hidden part"] += _blank(element)
        else:
            left_out["hidden part"] += _empty(element)
    left_out["hidden part"] += take_out_columns(unseen.columns, _empty)


def _empty_around(element: Any, known: set[Any]) -> bool:
    """Empty what of an element is not seen; whether there was any text."""
    around = {up for part in known for up in part.iterancestors()}
    had_text, left = False, [element]
    while left:
        part = left.pop()
        had_text |= bool((part.text or "").strip())
        part.text = None
        for child in list(part):
            if child in around and child not in known:
                left.append(child)
            elif child not in known:
                had_text |= _empty(child)
            had_text |= bool((child.tail or "").strip())
            child.tail = " "
    return had_text


def _open_shadow(template: Any) -> bool:
    """Show what a template says of its element, whose own parts go into slots; whether some had none."""
    host = template.getparent()
    parts: dict[str, list[Any]] = {"": []}

    def say(text: str | None) -> None:
        if text and text.strip():
            parts[""].append(host.makeelement("span"))
            parts[""][-1].text = text

    say(host.text)
    for part in list(host):
        tail, part.tail = part.tail, None
        if part is not template:
            parts.setdefault(part.get("slot") or "", []).append(part)
        say(tail)
    host.text, host[:] = None, [template]
    slots = [slot for slot in template.iter("slot") if next(slot.iterancestors("template")) is template]
    template.tag = "span"
    for sheet in list(template.iter("style")):
        _empty(sheet)  # holds of nothing else
    for slot in slots:
        if given := parts.pop(slot.get("name") or "", None):
            slot.text, slot[:] = None, given
    return any("".join(e.itertext()).strip() for those in parts.values() for e in those)


def _name_signs(tree: Any) -> None:
    """A sign without words that fills a cell, or is said to be a picture, is what its label says."""
    filled: dict[Any, bool] = {}
    for sign in tree.xpath("//*[@aria-label or @title or self::svg][not(self::img or self::td or self::th)]"):
        above = [sign, *sign.iterancestors()]
        within = next((up for up in above if up.tag in ("td", "th") or up.get("role") == "img"), None)
        if within is None or any(up.tag in ("a", "button", _GONE) for up in above):
            continue
        if within not in filled:  # asked once: a cell may hold a whole page
            filled[within] = bool(within.xpath(_FILLED))
        if filled[within]:
            continue
        drawn = next((t for t in sign if sign.tag == "svg" and t.tag == "title"), None)
        label = sign.get("aria-label") or sign.get("title") or ("" if drawn is None else drawn.text or "")
        if label.strip():
            _say(sign, f"[Image: {' '.join(label.split())}]")
            filled[within] = True


def _take_out_silent(tree: Any) -> None:
    for element in list(tree.iter(*_SILENT)):
        if element.tag == "script" and "math/tex" in (element.get("type") or ""):
            element.tag = "span"
            element.text = f"${(element.text or '').strip()}$"
        elif element.tag == "svg" and (label := _label(element) or _written(element)):
            _say(element, f"[Image: {label}]")
        elif element.tag == "noscript" and (picture := _picture(element)) is not None:
            element.getparent().replace(element, picture)
        else:
            _empty(element)


_GONE = "ragcompress-gone"


def _empty(element: Any) -> bool:
    """Leave of an element what stands behind it; whether it had text.

    Not taken out of the tree: the text behind thousands of them would be joined again and again.
    """
    had_text = any(text.strip() for text in element.itertext())
    element.clear(keep_tail=True)
    element.tag = _GONE
    return had_text


def _blank(element: Any) -> bool:
    """Empty the cells of a row, or a cell, whose place in the table stays; whether they had text."""
    if element.tag == "tr":
        return any([_blank(cell) for cell in element if cell.tag in ("td", "th")])
    had_text = any(text.strip() for text in element.itertext())
    spans = {name: value for name, value in element.attrib.items() if name in ("rowspan", "colspan")}
    element.clear(keep_tail=True)
    element.attrib.update(spans)
    return had_text


def _say(element: Any, text: str) -> None:
    _empty(element)
    element.tag, element.text = "span", text


def _is_hidden(element: Any) -> bool:
    if element.get("aria-hidden") == "true" or (
        element.get("hidden") is not None and element.get("hidden") != "until-found"
    ):
        # What a style shows in spite of the attribute is rare; what it hides is not.
        return True
    return element.get("popover") is not None or (element.tag == "dialog" and element.get("open") is None)


def _openers(tree: Any) -> frozenset[str]:
    """Ids of what a control of the page opens."""
    openers: set[str] = set()
    for element in tree.xpath("//*[" + " or ".join(f"@{name}" for name in _OPENS) + " or @role='tab']"):
        for name in ("aria-controls", "data-target", "data-bs-target", "href"):
            if target := element.get(name):
                openers.update(part.lstrip("#") for part in target.split())
        if identity := element.get("id"):
            openers.add(identity)
    # A link to what is hidden opens it: there is nothing else to go to.
    openers.update(link[1:] for link in tree.xpath("//a[starts-with(@href, '#')]/@href"))
    return frozenset(openers - {""})


def _is_opened(element: Any, openers: frozenset[str]) -> bool:
    """Whether a control shows it: named by one, or right behind one."""
    about = " ".join(filter(None, (element.get("class"), element.get("role"), element.get("id"))))
    if element.tag == "dialog" or _APART.search(about):
        return False
    if element.get("role") == "tabpanel":
        return True
    if {element.get("id"), *(element.get("aria-labelledby") or "").split()} & openers:
        return True
    before = element.getprevious()
    while before is not None and (not isinstance(before.tag, str) or before.tag == _GONE):
        before = before.getprevious()
    if before is None:
        return False
    asks = before.tag in _ASKING or "".join(before.itertext()).rstrip().endswith(("?", "？"))
    return any(_opens(part) for part in _some(before)) or (asks and _ANSWER.search(about) is not None)


def _some(element: Any, most: int = 20) -> Iterator[Any]:
    """The element and the first of those within."""
    for number, part in enumerate(element.iter()):
        if number == most:
            return
        if isinstance(part.tag, str):
            yield part


def _opens(element: Any) -> bool:
    if element.tag in ("button", "summary", "label") or element.get("aria-expanded"):
        return True
    if element.get("role") == "button" or element.get("onclick"):
        return True
    return bool(_OPENER.search(element.get("class") or ""))


def _show_control(element: Any, left_out: Counter[str]) -> None:
    """Of a form, what is filled in; of a button, what is more than a command."""
    text = ""
    if element.tag == "button":
        if _is_in_sentence(element):
            element.tag = "span"
            return
        if not _is_command(element):
            return
        left_out["button"] += bool("".join(element.itertext()).strip())
    elif element.tag == "textarea":
        text = f" {''.join(element.itertext())} "
    elif element.tag == "select":
        offered = list(element.iter("option"))
        chosen = [o for o in offered if o.get("selected") is not None]
        if not chosen and element.get("multiple") is None:
            chosen = offered[:1]
        text = f" {', '.join(''.join(o.itertext()).strip() for o in chosen)} "
    elif (kind := (element.get("type") or "text").lower()) in ("checkbox", "radio"):
        text = " [x] " if element.get("checked") is not None else " [ ] "
    elif kind not in ("hidden", "password", "submit", "button", "reset", "image", "file", "search"):
        text = f" {element.get('value') or ''} "
    _say(element, text) if text.strip() else _empty(element)


def _is_in_sentence(button: Any) -> bool:
    """Whether a text names it: words stand on both sides."""
    before = button.getprevious()
    text = button.getparent().text if before is None else before.tail
    return bool((text or "").strip() and (button.tail or "").strip())


def _is_command(button: Any) -> bool:
    """Whether it is for clicking only: short, no question, opens nothing, and is no heading."""
    words = "".join(button.itertext()).split()
    if not words or len(words) >= _WORDS or words[-1].endswith(("?", "？")):
        return not words
    if any(button.get(name) is not None for name in _OPENS) or _OPENER.search(button.get("class") or ""):
        return False
    return not any(
        up.tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary") for up in button.iterancestors()
    )


def _label(element: Any) -> str:
    """What stands for a drawing, for those who can't see it."""
    label = element.get("aria-label") or ""
    if not label and element.get("role") == "img":
        label = next(
            ("".join(t.itertext()) for t in element if isinstance(t.tag, str) and t.tag == "title"), ""
        )
    return " ".join(label.split())


def _written(drawing: Any) -> str:
    """The words within a drawing."""
    parts = (" ".join("".join(t.itertext()).split()) for t in drawing.iter("text") if not _is_undrawn(t))
    return "; ".join(filter(None, parts))


def _is_undrawn(text: Any) -> bool:
    """Whether words within a drawing are kept for later, or not shown."""
    return any(
        up.tag in _UNDRAWN or up.get("display") == "none" or up.get("visibility") in ("hidden", "collapse")
        for up in (text, *text.iterancestors())
    )


def _picture(element: Any) -> Any:
    """The picture that stands in for one that a script loads; None: there is something else."""
    pictures = list(element.iter("img"))
    is_single = len(pictures) == 1 and not "".join(element.itertext()).strip()
    if not (is_single and pictures[0].get("alt")):
        return None
    pictures[0].tail = element.tail
    return pictures[0]


def visible(text: str) -> str:
    """Text without what is never seen."""
    return _INVISIBLE.sub("", text)
