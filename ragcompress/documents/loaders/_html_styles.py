"""What the style sheets within a page hide, raise, strike out and add, with tinycss2 and cssselect.

Sheets in other files are not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from ._html_colors import CLEAR, WHITE, color_of, ground_of, unseen_on_ground
from ._html_variables import is_variable, reckoned, settle, uses_variable

_NOTHING = r"0(?:\.0*)?(?:px|r?em|pt|%|vh|vw)?"
_FAR = r"-\d{4,}(?:\.\d+)?(?:px|pt)|-\d{3,}(?:\.\d+)?(?:r?em|vw|vh|%)"
_HIDING = {"display": r"none", "visibility": r"hidden|collapse", "content-visibility": r"hidden"}
# Shown so that nobody sees it: of no size, beside the page, without color. What is faded in is shown later.
_UNSEEN = {
    "opacity": r"0?\.?0+(?:\.0*)?%?|0?\.0[0-4]\d*",
    "font-size": rf"{_NOTHING}|(?:1|0?\.\d+)(?:px|pt)",
    "text-indent": r"-\d{3,}(?:\.\d+)?(?:px|r?em|pt|%)",
    **dict.fromkeys(("left", "top", "right", "bottom", "margin-left", "margin-top"), _FAR),
    "clip": r"rect\((?:[01](?:px)?[\s,]*){4}\)",
    "clip-path": r"inset\((?:50|100)%\)|circle\(0\w*\)",
    "transform": rf"scale[xy]?\({_NOTHING}(?:\s*,\s*[\d.]+)?\)|translate[xy]?\((?:{_FAR})\b.*",
    "scale": _NOTHING,
    "translate": rf"(?:{_FAR})\b.*|[^ ]+ (?:{_FAR}).*",
    "inset": rf"(?:.*\s)?(?:{_FAR})(?:\s.*)?",
    "filter": r"opacity\(0?\.?0+%?\)",
    "color": r"transparent",
}
_NO_SIZE = dict.fromkeys(("height", "max-height", "width", "max-width"), rf"{_NOTHING}|1px")
# What a sheet says that changes how the words are written.
_MEANING = {
    "vertical-align": r"super|sub", "text-decoration": r".*\bline-through\b.*",
    "display": r"table(?:-row|-cell)?",
}  # fmt: skip
_MATTERS = {
    name: re.compile("|".join(f"(?:{kind[name]})" for kind in (_HIDING, _UNSEEN, _MEANING) if name in kind))
    for name in (*_HIDING, *_UNSEEN, *_MEANING)
}
_MATTERS |= {name: re.compile(pattern) for name, pattern in _NO_SIZE.items()}
_MATTERS |= {
    "overflow": re.compile(r"hidden|clip"), "color": re.compile("transparent|white|#.*"),
    "background": re.compile(".*"), "background-clip": re.compile("text"),
    "content": re.compile(r".*(?:\w|[€$£¥%°]).*"),
}  # fmt: skip
_HIDES = {name: re.compile(pattern) for name, pattern in (_HIDING | _UNSEEN).items()}
# What elements have of their own, else from what they stand in.
_INHERITED = {"visibility", "font-size", "color"}
_SAME = {"text-decoration-line": "text-decoration", "overflow-x": "overflow", "overflow-y": "overflow",
         "background-color": "background", "background-image": "background",
         "-webkit-background-clip": "background-clip", "-webkit-text-fill-color": "color"}  # fmt: skip
_FADED = re.compile(r"anim|fade|aos|wow|reveal|slide|carousel|lazy|transition", re.IGNORECASE)
_NAMED = re.compile(r"[.#][\w-]+")
_NESTED = ("media", "supports", "layer", "container")
# A page is read as on a wide screen.
_ELSEWHERE = re.compile(
    r"^\s*not\b|\bprint\b|\bspeech\b|max-|prefers-|hover|orientation|(?:width|height)\s*<|>=?\s*(?:width|height)",
    re.IGNORECASE,
)
_NOT_ELSEWHERE = re.compile(r"\bnot\s+(?:print|speech)\b", re.IGNORECASE)
_SCOPE = re.compile(r"\s*\((.+?)\)\s*(?:to\b.*)?", re.DOTALL)
_CONTENT = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|attr\(\s*([\w-]+)\s*\))""")
_COUNTER = re.compile(r"\bcounters?\(", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([0-9a-fA-F]{1,6}) ?|\\(.)", re.DOTALL)
_DEPTH = 5
# So many elements are compared with rules; a page that wants more is not written by hand.
_MOST = 20_000_000
# Selectors of a rule within others; each level multiplies them.
_MOST_NESTED, _LONGEST_NESTED = 200, 2_000
# Characters that sheets may add to a page.
_MOST_ADDED = 100_000


@dataclass(frozen=True, slots=True)
class _Rule:
    """One declaration of a selector; of two, the one with the larger strength counts."""

    strength: tuple[bool, tuple[int, int, int], int]
    selector: Any
    words: str
    name: str
    value: str


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


Said = Mapping[str, str]
"""What is declared of an element, by property."""


def apply_styles(tree: Any, check: Callable[[], None], left_out: Counter[str]) -> Unseen:
    """Write what sheets say of the words onto the elements, and find what nobody sees.

    Raised, lowered and struck-out elements get a ``style`` of their own, words of ``::before`` become words.

    Args:
        left_out: counts the rules that were not looked at, because they and the page are too many.
    """
    own_styles = {element: declared(element) for element in tree.xpath("//*[contains(@style, ':')]")}
    rules = _relevant(tree, own_styles, check)
    won = _cascade(tree, rules, check, left_out) if rules else {}
    said: dict[Any, dict[str, str]] = {}
    for (element, name), rule in won.items():
        said.setdefault(element, {})[name] = rule.value
    for element, own in own_styles.items():
        strong = {n for n in own if (element, n) in won and won[element, n].strength[0]}
        said.setdefault(element, {}).update((n, v) for n, v in own.items() if n not in strong)
    for element in tree.xpath("//font[@color]"):
        said.setdefault(element, {}).setdefault("color", color_of(element.get("color").strip().lower()))
    settle(said, lambda own: {n: v for n, (v, _) in _normal((n, v, False) for n, v in own.items()).items()})
    columns = {e: said.pop(e) for e in tuple(said) if e.tag in ("col", "colgroup")}
    hidden = {e: why for e, found in said.items() if (why := _reasons(e, found))}
    for element in unseen_on_ground(tree, said):
        hidden.setdefault(element, set()).add("color")
    seen = _seen_within(hidden, said)
    left = _MOST_ADDED
    for element, found in said.items():
        left -= _write(element, found, won, left)
        left_out["number that a style sheet counts"] += any(map(_COUNTER.search, _contents(found)))
    return Unseen(
        seen,
        frozenset(e for e, why in hidden.items() if "display" in why),
        tuple(e for e, found in columns.items() if found.get("visibility") == "collapse"),
    )


def declared(element: Any) -> dict[str, str]:
    """What an element's own style says that matters here, by property."""
    pairs = (part.partition(":") for part in (element.get("style") or "").split(";"))
    said = ((n.strip().lower(), v.replace("!important", "").strip(), "!" in v) for n, _, v in pairs)
    cased = ((n, v if is_variable(n) else v.lower(), important) for n, v, important in said)
    return {name: value for name, (value, _) in _normal(cased).items()}


def _normal(said: Iterable[tuple[str, str, bool]]) -> dict[str, tuple[str, bool]]:
    """Of declarations, those that matter: letters that have the color of their ground are transparent."""
    found = {}
    for name, value, important in said:
        name = _SAME.get(name, name)
        if name in _MATTERS or is_variable(name):
            found[name] = (value if name == "content" else reckoned(value), important)
    for name, written in (("color", color_of), ("background", ground_of)):
        if name in found and not uses_variable(found[name][0]):
            found[name] = (written(found[name][0]), found[name][1])
    if "color" in found and found["color"][0] == found.get("background", ("",))[0]:
        found["color"] = (CLEAR, found["color"][1])
    return found


def _reasons(element: Any, said: Said) -> set[str]:
    """The properties that let nobody see an element."""
    found = {n for n, v in said.items() if n in _HIDES and _HIDES[n].fullmatch(v)}
    if said.get("background-clip") == "text":
        found.discard("color")  # letters that the ground is seen through
    cut_off = _MATTERS["overflow"].fullmatch(said.get("overflow", ""))
    found |= {n for n in _NO_SIZE if cut_off and _MATTERS[n].fullmatch(said.get(n, "x"))}
    return {name for name in found if not _is_faded(element, name)}


def _seen_within(hidden: Mapping[Any, set[str]], said: Mapping[Any, Said]) -> dict[Any, set[Any]]:
    """Of each hidden element, those within that have of their own what hides it."""
    seen: dict[Any, set[Any]] = {element: set() for element in hidden}
    inherited = {e: next(iter(why)) for e, why in hidden.items() if len(why) == 1 and why <= _INHERITED}
    if not inherited:
        return seen
    for element, found in said.items():
        own = {name for name in _INHERITED & found.keys() if _shows(name, found[name])}
        if found.get("background", CLEAR) not in (CLEAR, WHITE):
            own.add("color")
        for up in element.iterancestors() if own else ():
            if inherited.get(up) in own:
                seen[up].add(element)
    return seen


def _shows(name: str, value: str) -> bool:
    """Whether a value that would else be taken from above lets an element be seen."""
    if name == "font-size" and re.search(r"\d(?:em|%)$|^(?:smaller|larger|inherit)$", value):
        return False  # a share of nothing
    return not _HIDES[name].fullmatch(value) and value not in (WHITE, "inherit", "unset")


def _is_faded(element: Any, name: str) -> bool:
    """Whether an element without opacity or size is one that a script shows by and by."""
    about = " ".join((element.get("class") or "", *element.keys()))
    return name in ("opacity", "transform", *_NO_SIZE) and _FADED.search(about) is not None


def _write(element: Any, said: Said, won: Mapping[tuple[Any, str], _Rule], most: int) -> int:
    """Give an element the style that sheets give it, and its text what they add to it: so many characters."""
    for name in _MEANING:
        unwritten = (element, name) in won or "var(" in (element.get("style") or "")
        if unwritten and re.fullmatch(_MEANING[name], said.get(name, "")):
            element.set("style", f"{element.get('style') or ''};{name}:{said[name]}")
    before, after = (_content(element, value) for value in _contents(said))
    if not (before or after) or len(before) + len(after) > most:
        return 0
    element.text = before + (element.text or "")
    if len(element):
        element[-1].tail = (element[-1].tail or "") + after
    else:
        element.text += after
    return len(before) + len(after)


def _contents(said: Said) -> tuple[str, str]:
    """What is said to stand before and behind the text of an element."""
    return said.get("content before", ""), said.get("content after", "")


def _content(element: Any, value: str) -> str:
    """The words of a ``content``; signs of fonts for icons are none, nor what stands about a counter."""
    words = ""
    if _COUNTER.search(value):
        return words
    for double, single, name in _CONTENT.findall(value):
        words += element.get(name) or "" if name else _ESCAPED.sub(_unescaped, double or single)
    return words if re.search(r"\w|[€$£¥%°]", words) and not re.search("[\ue000-\uf8ff]", words) else ""


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1], 16) if found[1] else ord(found[2])
    return chr(code) if 31 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _relevant(tree: Any, own: Mapping[Any, Said], check: Callable[[], None]) -> list[_Rule]:
    """The rules of the page's sheets that can matter to its elements; ``own`` are those elements' styles."""
    sheets = [e.text for e in tree.iter("style") if e.text]
    if not any(name in sheet.lower() for sheet in sheets for name in ("--", *_MATTERS)):
        return []
    import tinycss2

    rules: list[_Rule] = []
    for sheet in sheets:
        check()
        parsed = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
        rules += _rules(parsed, len(rules), _DEPTH)
    names = _names(tree)
    rules = [r for r in rules if ":" in r.words or names.issuperset(_NAMED.findall(r.words))]
    said = [*((r.name, r.value) for r in rules), *(pair for found in own.values() for pair in found.items())]
    # A property of which no rule says anything that matters here need not be looked up.
    telling = _telling(said, {color_of(value.strip().lower()) for value in tree.xpath("//@bgcolor")})
    return [rule for rule in rules if rule.name in telling]


def _telling(said: Iterable[tuple[str, str]], grounds: set[str]) -> set[str]:
    """The properties that can matter, of all that is declared on a page; colors, by those of grounds."""
    values: dict[str, set[str]] = {}
    for name, value in said:
        values.setdefault(name, set()).add(value)
    grounds |= values.get("background", set())
    found = {
        name
        for name, those in values.items()
        if not is_variable(name)
        and any(uses_variable(v) or _MATTERS[name.split()[0]].fullmatch(v) for v in those)
    }
    if not any(uses_variable(v) or v in (CLEAR, WHITE) or v in grounds for v in values.get("color", ())):
        found -= {"color", "background", "background-clip"}
    if not found & {*_NO_SIZE}:
        found.discard("overflow")
    if any(uses_variable(v) for name in found for v in values[name]):
        found.update(filter(is_variable, values))
    return found


def _cascade(
    tree: Any, rules: list[_Rule], check: Callable[[], None], left_out: Counter[str]
) -> dict[tuple[Any, str], _Rule]:
    """The rule that wins, of each element and property."""
    from cssselect import HTMLTranslator

    most = _MOST // (1 + sum(1 for _ in tree.iter()))
    left_out["style rule"] += max(0, len(rules) - most)
    won: dict[tuple[Any, str], _Rule] = {}
    to_xpath = HTMLTranslator().selector_to_xpath
    found: dict[int, list[Any]] = {}
    for rule in sorted(rules, key=lambda r: r.strength)[:most]:
        if id(rule.selector) not in found:
            check()
            try:
                found[id(rule.selector)] = tree.xpath(to_xpath(rule.selector))
            except Exception:  # a pseudo-class that cssselect does not know, such as :hover
                found[id(rule.selector)] = []
        won.update(((element, rule.name), rule) for element in found[id(rule.selector)])
    return won


def _names(tree: Any) -> set[str]:
    """The classes and ids of a page, as selectors write them."""
    found = {f"#{value}" for value in tree.xpath("//@id")}
    for value in set(tree.xpath("//@class")):
        found.update(f".{name}" for name in value.split())
    return found


def _rules(parsed: list[Any], number: int, depth: int, outer: str = "") -> Iterator[_Rule]:
    """The declarations of rules, and of those within them; ``outer`` are the selectors of the rule around."""
    import tinycss2

    for rule in parsed:
        if rule.type == "at-rule" and rule.content and depth:
            about = tinycss2.serialize(rule.prelude)
            scope = _SCOPE.fullmatch(about) if rule.lower_at_keyword == "scope" else None
            if not scope and (rule.lower_at_keyword not in _NESTED or not _applies(about)):
                pass
            elif outer and not scope:
                yield from _of_block(outer, rule.content, number, depth - 1)
            else:
                inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                yield from _rules(inner, number, depth - 1, scope[1] if scope else "")
        elif rule.type == "qualified-rule":
            words = _within(outer, rule.prelude) if outer else tinycss2.serialize(rule.prelude)
            yield from _of_block(words, rule.content, number, depth)
        number += 1


def _applies(condition: str) -> bool:
    """Whether rules hold on a wide screen: one of the conditions is enough."""
    return any(not _ELSEWHERE.search(_NOT_ELSEWHERE.sub("", one)) for one in condition.split(","))


def _of_block(words: str, content: list[Any], number: int, depth: int) -> Iterator[_Rule]:
    import tinycss2
    from cssselect import SelectorError, parse

    parts = tinycss2.parse_blocks_contents(content)
    said = _normal(_said(parts))
    try:
        selectors = parse(words) if said else []
    except SelectorError:
        selectors = []
    for selector in selectors:
        own = words if len(selectors) == 1 else selector.canonical()
        yield from _of_selector(selector, own, said, number)
    nested = [part for part in parts if part.type in ("qualified-rule", "at-rule")]
    if nested and depth:
        yield from _rules(nested, number, depth - 1, words)


def _within(outer: str, prelude: list[Any]) -> str:
    """The selectors of a rule within another one: ``&`` stands for those of the outer."""
    import tinycss2

    above, own = (
        [tinycss2.serialize(list(part)).strip() for comma, part in groupby(tokens, _is_comma) if not comma]
        for tokens in (tinycss2.parse_component_value_list(outer), prelude)
    )
    short = ((o, a) for o in own for a in above if (1 + o.count("&")) * len(a) + len(o) < _LONGEST_NESTED)
    found = (o.replace("&", a) if "&" in o else f"{a} {o}" for o, a in short)
    return ", ".join(islice(found, _MOST_NESTED))


def _is_comma(token: Any) -> bool:
    return bool(token == ",")


def _of_selector(
    selector: Any, words: str, said: Mapping[str, tuple[str, bool]], number: int
) -> Iterator[_Rule]:
    """The declarations that a selector makes; of what stands before or behind an element, its content."""
    beside = selector.pseudo_element
    for name, (value, important) in said.items():
        strength = (important, selector.specificity(), number)
        if beside is None and name != "content":
            yield _Rule(strength, selector, words, name, value)
        elif beside in ("before", "after") and name == "content" and said.get("display", ("",))[0] != "none":
            yield _Rule(strength, selector, words, f"content {beside}", value)


def _said(declarations: list[Any]) -> Iterator[tuple[str, str, bool]]:
    import tinycss2

    for each in declarations:
        if each.type == "declaration":
            value = tinycss2.serialize(each.value).strip()
            cased = each.lower_name == "content" or is_variable(each.lower_name)
            yield each.lower_name, value if cased else value.lower(), each.important
