"""What the style sheets within a page hide, raise, strike out and add, with tinycss2 and cssselect.

Sheets in other files are not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._html_colors import CLEAR, WHITE, color_of, unseen_on_ground
from ._html_properties import HIDES, INHERITED, MATTERS, MEANING, NO_SIZE, Declarations, declared, normal
from ._html_rules import Rule, Sheets
from ._html_variables import is_variable, settle, uses_variable

_FADED = re.compile(r"anim|fade|aos|wow|reveal|slide|carousel|lazy|transition", re.IGNORECASE)
_NAMED = re.compile(r"[.#][\w-]+")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
# Their sheets hold only where no script runs, or not of the page.
_NO_SHEETS_OF = ("noscript", "template")
_CONTENT = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|attr\(\s*([\w-]+)\s*\))""")
_COUNTER = re.compile(r"\bcounters?\(", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([0-9a-fA-F]{1,6}) ?|\\(.)", re.DOTALL)
# So many elements are compared with rules; a page that wants more is not written by hand.
_MOST = 20_000_000
# Characters that sheets may add to a page.
_MOST_ADDED = 100_000


@dataclass(frozen=True, slots=True)
class Unseen:
    """What style sheets and styles put out of sight.

    Attributes:
        hidden: elements that have no place on the page, or are invisible there. Each with those within that
            are seen all the same, by a size, a color or a visibility of their own.
        placeless: of these, the ones that have no place; the others leave theirs empty.
        columns: ``col`` and ``colgroup`` elements whose columns are not shown.
    """

    hidden: dict[Any, set[Any]]
    placeless: frozenset[Any]
    columns: tuple[Any, ...]


def apply_styles(tree: Any, check: Callable[[], None], left_out: Counter[str]) -> Unseen:
    """Write what sheets say of the words onto the elements, and find what nobody sees.

    Raised, lowered and struck-out elements get a ``style`` of their own, words of ``::before`` become words.

    Args:
        left_out: counts the rules that were not looked at, because they and the page are too many.
    """
    own_styles = {element: declared(element) for element in tree.xpath("//*[contains(@style, ':')]")}
    rules = _relevant(tree, own_styles, check)
    won = _cascade(tree, rules, check, left_out) if rules else {}
    declarations: dict[Any, dict[str, str]] = {}
    for (element, name), rule in won.items():
        declarations.setdefault(element, {})[name] = rule.value
    for element, style in own_styles.items():
        strong = {n for n in style if (element, n) in won and won[element, n].strength[0]}
        declarations.setdefault(element, {}).update((n, v) for n, v in style.items() if n not in strong)
    for element in tree.xpath("//font[@color]"):
        declarations.setdefault(element, {}).setdefault(
            "color", color_of(element.get("color").strip().lower())
        )
    settle(
        declarations,
        lambda style: {n: v for n, (v, _) in normal((n, v, False) for n, v in style.items()).items()},
    )
    columns = {e: declarations.pop(e) for e in tuple(declarations) if e.tag in ("col", "colgroup")}
    hidden = {e: why for e, properties in declarations.items() if (why := _reasons(e, properties))}
    for element in unseen_on_ground(tree, declarations):
        if declarations[element].get("text-shadow", "none") == "none":
            hidden.setdefault(element, set()).add("color")
    visible = _visible_within(hidden, declarations)
    left = _MOST_ADDED
    for element, properties in declarations.items():
        left -= _write(element, properties, won, left)
        left_out["number that a style sheet counts"] += any(map(_COUNTER.search, _contents(properties)))
    return Unseen(
        visible,
        frozenset(e for e, why in hidden.items() if "display" in why),
        tuple(e for e, properties in columns.items() if properties.get("visibility") == "collapse"),
    )


def _reasons(element: Any, declarations: Declarations) -> set[str]:
    """The properties that let nobody see an element."""
    reasons = {n for n, v in declarations.items() if n in HIDES and HIDES[n].fullmatch(v)}
    if declarations.get("background-clip") == "text" or declarations.get("text-shadow", "none") != "none":
        reasons.discard("color")  # letters that the ground is seen through, or that have a shadow
    cut_off = MATTERS["overflow"].fullmatch(declarations.get("overflow", ""))
    reasons |= {n for n in NO_SIZE if cut_off and MATTERS[n].fullmatch(declarations.get(n, "x"))}
    return {name for name in reasons if not _is_faded(element, name)}


def _visible_within(
    hidden: Mapping[Any, set[str]], declarations: Mapping[Any, Declarations]
) -> dict[Any, set[Any]]:
    """Of each hidden element, those within that have of their own what hides it."""
    visible: dict[Any, set[Any]] = {element: set() for element in hidden}
    inherited = {e: next(iter(why)) for e, why in hidden.items() if len(why) == 1 and why <= INHERITED}
    if not inherited:
        return visible
    for element, properties in declarations.items():
        changed = {name for name in INHERITED & properties.keys() if _shows(name, properties[name])}
        if properties.get("background", CLEAR) not in (CLEAR, WHITE):
            changed.add("color")
        for up in element.iterancestors() if changed else ():
            if inherited.get(up) in changed:
                visible[up].add(element)
    return visible


def _shows(name: str, value: str) -> bool:
    """Whether a value that would else be taken from above lets an element be seen."""
    if name == "font-size" and re.search(r"\d(?:em|%)$|^(?:smaller|larger|inherit)$", value):
        return False  # a share of nothing
    return not HIDES[name].fullmatch(value) and value not in (WHITE, "inherit", "unset")


def _is_faded(element: Any, name: str) -> bool:
    """Whether an element without opacity or size is one that a script shows by and by."""
    about = " ".join((element.get("class") or "", *element.keys()))
    return name in ("opacity", "transform", *NO_SIZE) and _FADED.search(about) is not None


def _write(element: Any, declarations: Declarations, won: Mapping[tuple[Any, str], Rule], most: int) -> int:
    """Give an element the style that sheets give it, and its text what they add to it: so many characters."""
    for name in MEANING:
        unwritten = (element, name) in won or "var(" in (element.get("style") or "")
        if unwritten and re.fullmatch(MEANING[name], declarations.get(name, "")):
            element.set("style", f"{element.get('style') or ''};{name}:{declarations[name]}")
    before, after = (_content(element, value) for value in _contents(declarations))
    if not (before or after) or len(before) + len(after) > most:
        return 0
    element.text = before + (element.text or "")
    if len(element):
        element[-1].tail = (element[-1].tail or "") + after
    else:
        element.text += after
    return len(before) + len(after)


def _contents(declarations: Declarations) -> tuple[str, str]:
    """What is said to stand before and behind the text of an element."""
    return declarations.get("content before", ""), declarations.get("content after", "")


def _content(element: Any, value: str) -> str:
    """The words of a ``content``; signs of fonts for icons are none, nor what stands about a counter."""
    words = ""
    if _COUNTER.search(value):
        return words
    for double, single, name in _CONTENT.findall(value):
        words += element.get(name) or "" if name else _ESCAPED.sub(_unescaped, double or single)
    return words if re.search(r"\w|[€$£¥%°]", words) and not re.search("[\ue000-\uf8ff]", words) else ""


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else ord(match[2])
    return chr(code) if 31 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _relevant(tree: Any, styles: Mapping[Any, Declarations], check: Callable[[], None]) -> list[Rule]:
    """The rules of the page's sheets that can matter to its elements, whose own are ``styles``."""
    sheets = [e for e in tree.iter("style") if e.text and next(e.iterancestors(*_NO_SHEETS_OF), None) is None]
    if not any(name in sheet.text.lower() for sheet in sheets for name in ("--", "font", *MATTERS)):
        return []
    rules: list[Rule] = []
    reader = Sheets()
    for sheet in sheets:
        check()
        rules += reader.rules(sheet)
    names = _names(tree)
    rules = [r for r in rules if ":" in r.words or names.issuperset(_named(r.words))]
    pairs = [
        *((r.name, r.value) for r in rules),
        *(pair for properties in styles.values() for pair in properties.items()),
    ]
    # A property of which no rule says anything that matters here need not be looked up.
    telling = _telling(pairs, {color_of(value.strip().lower()) for value in tree.xpath("//@bgcolor")})
    return [rule for rule in rules if rule.name in telling]


def _named(words: str) -> list[str]:
    """The classes and ids that a selector asks for."""
    return _NAMED.findall(_QUOTED.sub("", words) if "[" in words else words)


def _telling(pairs: Iterable[tuple[str, str]], grounds: set[str]) -> set[str]:
    """The properties that can matter, of all that is declared on a page; colors, by those of grounds."""
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    grounds |= values.get("background", set())
    properties = {
        name
        for name, those in values.items()
        if not is_variable(name)
        and any(uses_variable(v) or MATTERS[name.split()[0]].fullmatch(v) for v in those)
    }
    if not any(uses_variable(v) or v in (CLEAR, WHITE) or v in grounds for v in values.get("color", ())):
        properties -= {"color", "background", "background-clip", "text-shadow"}
    if not properties & {*NO_SIZE}:
        properties.discard("overflow")
    if any(uses_variable(v) for name in properties for v in values[name]):
        properties.update(filter(is_variable, values))
    return properties


def _cascade(
    tree: Any, rules: list[Rule], check: Callable[[], None], left_out: Counter[str]
) -> dict[tuple[Any, str], Rule]:
    """The rule that wins, of each element and property."""
    from cssselect import HTMLTranslator

    most = _MOST // (1 + sum(1 for _ in tree.iter()))
    left_out["style rule"] += max(0, len(rules) - most)
    won: dict[tuple[Any, str], Rule] = {}
    to_xpath = HTMLTranslator().selector_to_xpath
    by_element: dict[int, list[Any]] = {}
    for rule in sorted(rules, key=lambda r: r.strength)[:most]:
        if id(rule.selector) not in by_element:
            check()
            try:
                by_element[id(rule.selector)] = tree.xpath(to_xpath(rule.selector))
            except Exception:  # a pseudo-class that cssselect does not know, such as :hover
                by_element[id(rule.selector)] = []
        won.update(((element, rule.name), rule) for element in by_element[id(rule.selector)])
    return won


def _names(tree: Any) -> set[str]:
    """The classes and ids of a page, as selectors write them."""
    names = {f"#{value}" for value in tree.xpath("//@id")}
    for value in set(tree.xpath("//@class")):
        names.update(f".{name}" for name in value.split())
    return names
