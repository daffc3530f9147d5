"""What the style sheets within a page hide, with tinycss2 and cssselect; others are not looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_HIDING = {"display": r"none", "visibility": r"hidden|collapse", "content-visibility": r"hidden"}
# Shown so that nobody sees it: of no size, beside the page, without color. What is faded in is shown later.
_UNSEEN = {
    "opacity": r"\.?0+(?:\.0*)?%?",
    "font-size": r"0(?:\.0*)?(?:px|r?em|pt|%)?",
    "text-indent": r"-\d{3,}(?:\.\d+)?(?:px|r?em|pt|%)",
    "left": r"-\d{4,}(?:\.\d+)?(?:px|pt)|-\d{3,}r?em",
    "top": r"-\d{4,}(?:\.\d+)?(?:px|pt)|-\d{3,}r?em",
    "clip": r"rect\((?:[01](?:px)?[\s,]*){4}\)",
    "clip-path": r"inset\((?:50|100)%\)|circle\(0\w*\)",
    "color": r"transparent",
}
_PATTERNS = {name: re.compile(f"(?:{p})") for name, p in (_HIDING | _UNSEEN).items()}
_FADED = re.compile(r"anim|fade|aos|wow|reveal|slide|carousel|lazy|transition", re.IGNORECASE)
_NAMED = re.compile(r"[.#][\w-]+")
_NESTED = ("media", "supports", "layer", "container")
# A page is read as on a wide screen.
_ELSEWHERE = re.compile(r"\bprint\b|\bspeech\b|max-|prefers-|hover|orientation", re.IGNORECASE)
_DEPTH = 5
# So many elements are compared with rules; a page that wants more is not written by hand.
_MOST = 20_000_000


@dataclass(frozen=True, slots=True)
class _Rule:
    """One selector that shows or hides; of two, the one with the larger strength counts."""

    strength: tuple[bool, tuple[int, int, int], int]
    selector: Any
    words: str
    name: str
    hides: bool


def hidden_by_styles(tree: Any, check: Callable[[], None], left_out: Counter[str]) -> list[Any]:
    """Elements that have no place on the page, or are invisible there.

    Args:
        left_out: counts the rules that were not looked at, because they and the page are too many.
    """
    sheets = [e.text for e in tree.iter("style") if e.text]
    if not any(name in sheet for sheet in sheets for name in _PATTERNS):
        return []
    import tinycss2
    from cssselect import HTMLTranslator

    rules: list[_Rule] = []
    for sheet in sheets:
        check()
        parsed = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
        rules += _rules(parsed, len(rules), _DEPTH)
    names = _names(tree)
    rules = [r for r in rules if ":" in r.words or names.issuperset(_NAMED.findall(r.words))]
    if not any(rule.hides for rule in rules):
        return []
    most = _MOST // (1 + sum(1 for _ in tree.iter()))
    left_out["style rule"] += max(0, len(rules) - most)
    last: dict[tuple[Any, str], _Rule] = {}
    to_xpath = HTMLTranslator().selector_to_xpath
    for rule in sorted(sorted(rules, key=lambda r: r.strength)[:most], key=lambda r: r.strength):
        check()
        try:
            found = tree.xpath(to_xpath(rule.selector))
        except Exception:  # a pseudo-class that cssselect does not know, such as :hover
            continue
        last.update(((element, rule.name), rule) for element in found)
    return [
        e
        for (e, name), rule in last.items()
        if rule.hides and (rule.strength[0] or name not in declared(e)) and not (is_faded(e, name))
    ]


def declared(element: Any) -> dict[str, str]:
    """What an element's own style says of showing it, by property."""
    pairs = (part.partition(":") for part in (element.get("style") or "").lower().split(";"))
    said = ((name.strip(), value.replace("!important", "").strip()) for name, _, value in pairs)
    return {name: value for name, value in said if name in _PATTERNS}


def hides(name: str, value: str) -> bool:
    """Whether a declaration lets nobody see the element."""
    return _PATTERNS[name].fullmatch(value) is not None


def is_faded(element: Any, name: str) -> bool:
    """Whether an element without opacity is one that a script fades in."""
    about = " ".join((element.get("class") or "", *element.keys()))
    return name == "opacity" and _FADED.search(about) is not None


def _names(tree: Any) -> set[str]:
    """The classes and ids of a page, as selectors write them."""
    found = {f"#{value}" for value in tree.xpath("//@id")}
    for value in set(tree.xpath("//@class")):
        found.update(f".{name}" for name in value.split())
    return found


def _rules(parsed: list[Any], number: int, depth: int) -> Iterator[_Rule]:
    import tinycss2
    from cssselect import SelectorError, parse

    for rule in parsed:
        if rule.type == "at-rule" and rule.content and rule.lower_at_keyword in _NESTED and depth:
            if not _ELSEWHERE.search(tinycss2.serialize(rule.prelude)):
                inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                yield from _rules(inner, number, depth - 1)
        elif rule.type == "qualified-rule":
            said = dict(_said(tinycss2.parse_blocks_contents(rule.content)))
            if not said:
                continue
            words = tinycss2.serialize(rule.prelude)
            try:
                selectors = parse(words)
            except SelectorError:
                continue
            for selector in selectors:
                if selector.pseudo_element is None:
                    for name, (hides, important) in said.items():
                        strength = (important, selector.specificity(), number)
                        yield _Rule(strength, selector, _words(selector, words, selectors), name, hides)
        number += 1


def _words(selector: Any, words: str, selectors: list[Any]) -> str:
    return words if len(selectors) == 1 else selector.canonical()


def _said(declarations: list[Any]) -> Iterator[tuple[str, tuple[bool, bool]]]:
    """Of a block, what it says of showing: (property, (hides, important))."""
    import tinycss2

    for each in declarations:
        if each.type == "declaration" and each.lower_name in _PATTERNS:
            value = tinycss2.serialize(each.value).strip().lower()
            yield each.lower_name, (hides(each.lower_name, value), each.important)
