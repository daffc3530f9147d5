"""The rules of a page's style sheets, with tinycss2: which declarations hold of what, and how strongly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from ._html_properties import normal
from ._html_variables import is_variable

_NESTED = ("media", "supports", "layer", "container")
# A page is read as on a wide screen.
_ELSEWHERE = re.compile(
    r"^\s*not\b|\bprint\b|\bspeech\b|max-|prefers-|hover|orientation|(?:width|height)\s*<|>=?\s*(?:width|height)"
    r"|width\s*(?::|>=?)\s*(?:[2-9]\d{3}|\d{5,})(?:\.\d+)?px",
    re.IGNORECASE,
)
_NOT_ELSEWHERE = re.compile(r"\bnot\s+(?:print|speech)\b", re.IGNORECASE)
_SCOPE = re.compile(r"\s*\((.+?)\)\s*(?:to\b.*)?", re.DOTALL)
_DEPTH = 5
# Selectors of a rule within others; each level multiplies them.
_MOST_NESTED, _LONGEST_NESTED = 200, 2_000
_NO_LAYER = 1 << 30


@dataclass(frozen=True, slots=True)
class Rule:
    """One declaration of a selector; of two, the one with the larger strength counts.

    Attributes:
        strength: importance, layer, specificity, place.
    """

    strength: tuple[bool, int, tuple[int, int, int], int]
    selector: Any
    words: str
    name: str
    value: str


class Sheets:
    """Reads the style sheets of a page, in their order."""

    def __init__(self) -> None:
        self._layers: dict[str, int] = {}
        self._number = 0

    def rules(self, sheet: Any) -> list[Rule]:
        """The rules of a ``style`` element that holds on screens; none where brackets nest too deeply."""
        import tinycss2

        kind = (sheet.get("type") or "text/css").strip().lower()
        if kind != "text/css" or not applies(sheet.get("media") or "all"):
            return []
        try:
            parsed = tinycss2.parse_stylesheet(sheet.text, skip_comments=True, skip_whitespace=True)
            return list(self._rules(parsed, _DEPTH, "", _NO_LAYER))
        except RecursionError:
            return []

    def _rules(self, parsed: list[Any], depth: int, outer: str, layer: int) -> Iterator[Rule]:
        """The declarations of rules, and of those within; ``outer`` are the selectors of the rule around."""
        import tinycss2

        for rule in parsed:
            self._number += 1
            if rule.type == "at-rule" and rule.lower_at_keyword == "layer":
                inner = self._layer(tinycss2.serialize(rule.prelude), layer, named=not rule.content)
                yield from self._of_group(rule, depth, outer, inner)
            elif rule.type == "at-rule":
                yield from self._of_group(rule, depth, outer, layer)
            elif rule.type == "qualified-rule":
                words = _within(outer, rule.prelude) if outer else tinycss2.serialize(rule.prelude)
                yield from self._of_block(words, rule.content, depth, layer)

    def _layer(self, prelude: str, around: int, *, named: bool) -> int:
        """The place of a layer among the others; those within one count as that one."""
        names = [name.strip() for name in prelude.split(",")]
        if around != _NO_LAYER:
            return around
        if not named and not names[0]:
            names = [f"anonymous {len(self._layers)}"]
        for name in names:
            self._layers.setdefault(name.partition(".")[0], len(self._layers))
        return self._layers[names[0].partition(".")[0]]

    def _of_group(self, rule: Any, depth: int, outer: str, layer: int) -> Iterator[Rule]:
        """What stands within ``@media`` and its like, where it holds."""
        import tinycss2

        if not rule.content or not depth:
            return
        about = tinycss2.serialize(rule.prelude)
        scope = _SCOPE.fullmatch(about) if rule.lower_at_keyword == "scope" else None
        if not scope and (rule.lower_at_keyword not in _NESTED or not applies(about)):
            return
        if outer and not scope:
            yield from self._of_block(outer, rule.content, depth - 1, layer)
        else:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            yield from self._rules(inner, depth - 1, scope[1] if scope else "", layer)

    def _of_block(self, words: str, content: list[Any], depth: int, layer: int) -> Iterator[Rule]:
        import tinycss2
        from cssselect import SelectorError, parse

        parts = tinycss2.parse_blocks_contents(content)
        declarations = normal(_declarations(parts))
        try:
            selectors = parse(words) if declarations else []
        except SelectorError:
            selectors = []
        for selector in selectors:
            text = words if len(selectors) == 1 else selector.canonical()
            yield from self._of_selector(selector, text, declarations, layer)
        nested = [part for part in parts if part.type in ("qualified-rule", "at-rule")]
        if nested and depth:
            yield from self._rules(nested, depth - 1, words, layer)

    def _of_selector(
        self, selector: Any, words: str, declarations: Mapping[str, tuple[str, bool]], layer: int
    ) -> Iterator[Rule]:
        """The declarations that a selector makes; of what stands before or behind an element, its content."""
        beside = selector.pseudo_element
        for name, (value, important) in declarations.items():
            strength = (important, -layer if important else layer, selector.specificity(), self._number)
            if beside is None and name != "content":
                yield Rule(strength, selector, words, name, value)
            elif beside in ("before", "after") and name == "content":
                if declarations.get("display", ("",))[0] != "none":
                    yield Rule(strength, selector, words, f"content {beside}", value)


def applies(condition: str) -> bool:
    """Whether rules hold on a wide screen: one of the conditions is enough."""
    return any(not _ELSEWHERE.search(_NOT_ELSEWHERE.sub("", one)) for one in condition.split(","))


def _within(outer: str, prelude: list[Any]) -> str:
    """The selectors of a rule within another one: ``&`` stands for those of the outer."""
    import tinycss2

    above, short_selectors = (
        [tinycss2.serialize(list(part)).strip() for comma, part in groupby(tokens, _is_comma) if not comma]
        for tokens in (tinycss2.parse_component_value_list(outer), prelude)
    )
    short = (
        (o, a)
        for o in short_selectors
        for a in above
        if (1 + o.count("&")) * len(a) + len(o) < _LONGEST_NESTED
    )
    selectors = (o.replace("&", a) if "&" in o else f"{a} {o}" for o, a in short)
    return ", ".join(islice(selectors, _MOST_NESTED))


def _is_comma(token: Any) -> bool:
    return bool(token == ",")


def _declarations(declarations: list[Any]) -> Iterator[tuple[str, str, bool]]:
    import tinycss2

    for each in declarations:
        if each.type == "declaration":
            value = tinycss2.serialize(each.value).strip()
            cased = each.lower_name == "content" or is_variable(each.lower_name)
            yield each.lower_name, value if cased else value.lower(), each.important
