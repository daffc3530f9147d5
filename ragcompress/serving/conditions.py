"""Dify's ``metadata_condition``: which records of an index may be found."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from .schemas import Body

Number = int | float
Comparison = Literal[
    "contains", "not contains", "start with", "end with", "is", "is not", "in", "not in",
    "empty", "not empty",
    "=", "≠", ">", "<", "≥", "≤", "before", "after",
]  # fmt: skip

_OPPOSITES: dict[str, str] = {
    "not contains": "contains", "is not": "is", "not in": "in", "not empty": "empty", "≠": "=",
}  # fmt: skip
_OF_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, ">": operator.gt, "<": operator.lt, "≥": operator.ge, "≤": operator.le,
}  # fmt: skip
_OF_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains, "start with": str.startswith, "end with": str.endswith, "is": operator.eq,
}  # fmt: skip
_OF_DATES: dict[str, Callable[[Any, Any], bool]] = {"before": operator.lt, "after": operator.gt}


class Condition(Body):
    """What one field of the metadata must be; of several names one is enough, as older versions send them."""

    name: str | list[str]
    comparison_operator: Comparison
    value: str | Number | list[str] | None = None

    def holds(self, metadata: Mapping[str, Any]) -> bool:
        """Whether it does; a field that is not there is empty, and is equal to nothing."""
        names = [self.name] if isinstance(self.name, str) else self.name
        opposite = _OPPOSITES.get(self.comparison_operator)
        if opposite is not None:
            return not any(self._is(opposite, metadata.get(name)) for name in names)
        return any(self._is(self.comparison_operator, metadata.get(name)) for name in names)

    def _is(self, comparison: str, actual: Any) -> bool:
        if comparison == "empty":
            return actual is None or actual in ("", [])
        if actual is None or self.value is None:
            return False
        if comparison == "in":
            return str(actual) in _to_list(self.value)
        if comparison in _OF_TEXTS:
            return _OF_TEXTS[comparison](str(actual), str(self.value))
        convert: Callable[[Any], float] = _date if comparison in _OF_DATES else float
        try:
            return (_OF_NUMBERS | _OF_DATES)[comparison](convert(actual), convert(self.value))
        except (TypeError, ValueError, OverflowError):  # a whole number of hundreds of digits
            return False


class MetadataCondition(Body):
    """Conditions, all of which must hold, or one of them."""

    logical_operator: Literal["and", "or"] | None = None
    conditions: list[Condition] = Field(default_factory=list)

    def holds(self, metadata: Mapping[str, Any]) -> bool:
        """Whether a record with that metadata may be found."""
        if not self.conditions:
            return True
        enough = any if self.logical_operator == "or" else all
        return enough(condition.holds(metadata) for condition in self.conditions)


def _to_list(value: str | Number | list[str]) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [str(part) for part in (value if isinstance(value, list) else [value])]


def _date(value: Any) -> float:
    """Seconds since 1970: a number is that, a text an ISO date, in UTC if it doesn't say."""
    try:
        return float(value)
    except (TypeError, ValueError):  # but a number that is too large stays one
        date = datetime.fromisoformat(str(value))
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
