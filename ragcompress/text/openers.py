"""Which units say nothing without what follows, and how much of it is theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..data import Sentence
from .announcing import is_opener, is_question, level_of
from .nested_data import opens_values


def find_opened(
    units: Sequence[int],
    sentences: Sequence[Sentence],
    needs: Mapping[int, tuple[int, ...]],
    positions: Mapping[int, int],
    names: tuple[Collection[int], Collection[int | None]],
) -> Iterator[tuple[int, tuple[int, int]]]:
    """What the openers of a text open; those at its end open nothing.

    Args:
        names: of groups of rows; and units that hold a key of YAML or a tag over others.
    """
    groups, keys = names

    def position(unit: int) -> int:
        return positions.get(unit, unit)

    end = position(units[-1]) + 1 if units else 0
    later = [(position(i), level_of(sentences[i])) for i in units[-1:] if sentences[i].kind == "heading"]
    for k in reversed(range(len(units) - 1)):
        index, following = units[k], units[k + 1]
        unit = sentences[index]
        if unit.kind == "heading":
            level = level_of(unit)
            while later and later[-1][1] > level:
                later.pop()
            stop = later[-1][0] if later else end
            if position(following) < stop:
                yield index, (following, stop)
            later.append((position(index), level))
        elif unit.kind == "term" and (index in keys or opens_values(unit.text)):
            last = k + 1
            while last + 1 < len(units) and _is_within(units[last + 1], index, needs):
                last += 1
            yield index, (following, position(units[last]) + 1)
        elif (
            index in groups
            or is_opener(unit, sentences[following])
            or is_question(index, unit, needs.get(following, ()))
        ):
            last = k + 1
            while last + 1 < len(units) and _leads_to(index, units[last + 1], needs):
                last += 1
            yield index, (following, position(units[last]) + 1)


def _leads_to(opener: int, unit: int, needs: Mapping[int, tuple[int, ...]]) -> bool:
    """Whether a unit needs an opener, or a clause that does."""
    needed = needs.get(unit, ())
    return opener in needed or any(opener in needs.get(i, ()) for i in needed if i > opener)


def _is_within(unit: int, opener: int, needs: Mapping[int, tuple[int, ...]]) -> bool:
    """Whether a key of JSON leads to a unit."""
    while unit > opener and unit in needs:
        unit = needs[unit][0]
    return unit == opener
