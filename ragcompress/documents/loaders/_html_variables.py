"""Values of style sheets that name variables, ``var(--x, other)``: an element has those of what it is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Declarations = Mapping[str, str]
_USED = re.compile(r"\bvar\(", re.IGNORECASE)
_ALONE = re.compile(r"\s*var\(\s*(--[\w-]+)\s*\)\s*", re.IGNORECASE)
# Variables may stand for several others; nobody writes values longer than this.
_LONGEST, _DEEPEST = 1_000, 16
_INVALID = ("initial", "unset", "revert")
_PRODUCT = re.compile(
    r"calc\(\s*([-+]?[\d.]+)([a-z%]*)\s*(?:([*/])\s*([-+]?[\d.]+)([a-z%]*)\s*)?\)", re.IGNORECASE
)


def is_variable(name: str) -> bool:
    """Whether a property is one."""
    return name.startswith("--")


def uses_variable(value: str) -> bool:
    """Whether a value names one."""
    return _USED.search(value) is not None


def reckoned(value: str) -> str:
    """A value with ``calc(-1 * 9999px)`` as the number that it is."""
    return _PRODUCT.sub(_product, value) if "calc(" in value else value


def _product(match: re.Match[str]) -> str:
    try:
        number, other = float(match[1]), float(match[4] or 1)
        result = number / other if match[3] == "/" else number * other
    except (ValueError, ZeroDivisionError):
        return match[0]
    return f"{result:.10g}{match[2] or match[5] or ''}"


def settle(
    declarations: Mapping[Any, dict[str, str]], normal: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    """Put in place of variables what they stand for, at each element; what they leave without value goes.

    Args:
        declarations: what is declared of each element, variables included.
        normal: brings values that are known now into the form that others have.
    """
    known = _Variables(declarations)
    for element, properties in declarations.items():
        open_ = [n for n, value in properties.items() if not is_variable(n) and uses_variable(value)]
        for name in open_:
            value = known.replaced(properties.pop(name), element, _DEEPEST)
            if value is not None:
                properties[name] = value.strip() if name.startswith("content") else value.strip().lower()
        if open_:
            plain = {n: v for n, v in properties.items() if not n.startswith("content")}
            properties.update(normal(plain))


class _Variables:
    """Looks up what variables stand for at elements."""

    def __init__(self, declarations: Mapping[Any, Declarations]) -> None:
        self._declarations = declarations
        self._values: dict[tuple[Any, str], str | None] = {}
        self._holders: dict[tuple[Any, str], Any] = {}

    def replaced(self, value: str, element: Any, depth: int) -> str | None:
        """A value without variables; None where one of them stands for nothing."""
        import tinycss2

        if not uses_variable(value):
            return value
        if match := _ALONE.fullmatch(value):  # as nearly all are
            return self._looked_up(match[1].lower(), element, depth)
        if not depth or len(value) > _LONGEST:
            return None
        return self._written(tinycss2.parse_component_value_list(value), element, depth)

    def _written(self, tokens: Iterable[Any], element: Any, depth: int) -> str | None:
        parts: list[str] = []
        for token in tokens:
            part: str | None
            if token.type == "function" and token.lower_name == "var":
                part = self._value(token.arguments, element, depth)
            elif token.type == "function":
                inner = self._written(token.arguments, element, depth)
                part = None if inner is None else f"{token.name}({inner})"
            else:
                part = str(token.serialize())
            if part is None:
                return None
            parts.append(part)
        text = "".join(parts)
        return text if len(text) <= _LONGEST else None

    def _value(self, arguments: list[Any], element: Any, depth: int) -> str | None:
        """What ``var()`` stands for: the variable, else what is given for want of it."""
        words = [n for n, token in enumerate(arguments) if token.type == "ident"]
        if not words:
            return None
        name, behind = arguments[words[0]].value.lower(), arguments[words[0] + 1 :]
        value = self._looked_up(name, element, depth)
        if value is not None:
            return value
        comma = next((n for n, token in enumerate(behind) if token == ","), None)
        return None if comma is None else self._written(behind[comma + 1 :], element, depth)

    def _looked_up(self, name: str, element: Any, depth: int) -> str | None:
        at = self._holder(name, element)
        if at is None:
            return None
        if (at, name) not in self._values:
            self._values[at, name] = None  # what names itself has no value
            value = self._declarations[at][name]
            self._values[at, name] = self._inherited(name, value, at, depth)
        return self._values[at, name]

    def _holder(self, name: str, element: Any) -> Any:
        """The nearest element around that has a variable; those on the way to it are kept in mind."""
        passed: list[Any] = []
        at = element
        while (
            at is not None and (at, name) not in self._holders and name not in self._declarations.get(at, {})
        ):
            passed.append(at)
            at = at.getparent()
        holder = self._holders.get((at, name), at)
        self._holders.update(((each, name), holder) for each in passed)
        return holder

    def _inherited(self, name: str, value: str, at: Any, depth: int) -> str | None:
        word = value.strip().lower()
        if word == "inherit" and (up := at.getparent()) is not None:
            return self._looked_up(name, up, depth - 1) if depth else None
        return None if word in _INVALID else self.replaced(value, at, depth - 1)
