"""What is kept together with what, where, and at whose worth (``text.companions``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np

from ..data import Reason, Scores, Segmentation, Selection
from ..text.companions import Companions

_TINY = 1e-6


def credit_openers(scores: Scores, segmentation: Segmentation, belonging: Companions) -> Scores:
    """The scores, but what a name opens with is as good as the name.

    A question names the option that it asks about, and what describes it mostly does not.
    """
    values = scores.values.copy()
    for opener in sorted(belonging.opens):
        first = belonging.opens[opener][0]
        if segmentation.sentences[opener].kind == "term":
            values[first] = max(values[first], values[opener])
    return replace(scores, values=values)


def discount_broken(scores: Scores, belonging: Companions) -> Scores:
    """The scores, but what has lost its name is worth less, for a reader would take it for another's.

    So is half a sentence.
    """
    if not belonging.broken:
        return scores
    values, units = scores.values.copy(), sorted(belonging.broken)
    lowest = 0.0 if scores.calibrated else float(values.min())
    left = np.array([belonging.broken[i] for i in units])
    values[units] = lowest + left * (values[units] - lowest)
    if not scores.calibrated:  # where most is worth nothing, this is worth less
        values[units] -= (1 - left) * _TINY * float(np.ptp(values) or 1)
    return replace(scores, values=values)


def without_scraps(selection: Selection, scores: Scores, belonging: Companions) -> Iterator[Selection]:
    """The selection without what only fills the last of a budget, and is worth less than anything whole.

    A name over a scrap then brings what it opens; or, where that is too long, it goes as well.

    Args:
        scores: those that were selected by (``discount_broken``).
    """
    if not belonging.broken or not selection.dropped:
        return
    values = scores.values
    least = min((float(v) for i, v in enumerate(values) if i not in belonging.broken), default=-inf)
    kept = tuple(i for i in selection.kept if i not in belonging.broken or values[i] >= least)
    if not kept or len(kept) == len(selection.kept):
        return
    below: Reason = "over_budget"
    bare = {i for i, _ in _bare(kept, belonging)}
    for chosen in (kept, tuple(i for i in kept if i not in bare)):
        if chosen:
            dropped = dict(selection.dropped) | dict.fromkeys(set(selection.kept).difference(chosen), below)
            last = min(float(values[i]) for i in chosen)
            dropped |= {
                i: "over_budget" for i, r in dropped.items() if r == "did_not_fit" and values[i] < last
            }
            yield Selection(chosen, dropped, selection.duplicate_of)


def closure(kept: Iterable[int], belonging: Companions) -> set[int]:
    """What is kept, with all that goes along."""
    whole: set[int] = set()
    _add(kept, whole, belonging)
    while missing := [*_over_nothing(whole, belonging), *_elsewhere(whole, belonging)]:
        _add(missing, whole, belonging)
    return whole


def all_brought(belonging: Companions) -> dict[int, set[int]]:
    """What each unit brings along that can't stand alone, by itself."""
    return {i: closure((i,), belonging) - {i} for i in belonging.needs.keys() | belonging.opens.keys()}


def _over_nothing(whole: Collection[int], belonging: Companions) -> list[int]:
    """What openers open that stand over nothing that is kept."""
    return [first for _, first in _bare(whole, belonging)]


def _bare(whole: Collection[int], belonging: Companions) -> list[tuple[int, int]]:
    """Openers that stand over nothing that is kept, each with the first of what it opens."""
    ordered = belonging.in_order(whole)
    opens = belonging.opens
    following = [*map(belonging.position, ordered[1:]), inf]
    both = zip(ordered, following, strict=False)  # of nothing, infinity is left over
    return [(i, opens[i][0]) for i, n in both if i in opens and n >= opens[i][1]]


def _elsewhere(whole: Collection[int], belonging: Companions) -> list[int]:
    """Headings of what would be read under the heading of another section of its text."""
    if belonging.texts.keys().isdisjoint(whole):
        return []
    missing: list[int] = []
    over: int | None = None
    for unit in belonging.in_order(whole):
        if unit in belonging.texts:
            over = unit
            continue
        section = belonging.sections.get(unit)
        if (
            section is None
            or over is None
            or section == over
            or belonging.texts[section] != belonging.texts[over]
        ):
            continue
        if (
            section not in whole
            and over in belonging.opens
            and belonging.position(unit) >= belonging.opens[over][1]
        ):
            missing.append(section)
            over = section
    return missing


def _add(units: Iterable[int], whole: set[int], belonging: Companions) -> None:
    waiting = [i for i in units if i not in whole]
    while waiting:
        unit = waiting.pop()
        whole.add(unit)
        waiting += (i for i in belonging.needs.get(unit, ()) if i not in whole)


def find_leaders(kept: Iterable[int], belonging: Companions) -> tuple[set[int], tuple[int, ...]]:
    """What is kept with all companions, and those of it that have a place of their own, ascending.

    A companion has none: it stands right before what it goes along with. Both, and so the whole layout,
    depend on nothing but what is kept in the end.
    """
    whole = closure(kept, belonging)
    followers = {i for unit in whole for i in belonging.needs.get(unit, ())}
    return whole, tuple(sorted(i for i in whole if i not in followers and i not in belonging.opens))


def add_companions(leaders: Sequence[int], belonging: Companions, whole: Collection[int]) -> tuple[int, ...]:
    """Units in order, with what goes along, each once, before the first unit that it goes along with.

    Args:
        leaders: units that have a place of their own (``find_leaders``), in order.
        belonging: what goes along with what.
        whole: all that is kept (``find_leaders``).
    """
    if not belonging:
        return tuple(leaders)
    before = {unit: list(belonging.needs.get(unit, ())) for unit in whole}
    for opener, following in pairwise(belonging.in_order(whole)):
        if opener in belonging.opens:
            before[following].append(opener)
    placed: dict[int, None] = {}
    for leader in leaders:
        group, waiting = set(), [leader]
        while waiting:
            unit = waiting.pop()
            if unit not in placed and unit not in group:
                group.add(unit)
                waiting += before[unit]
        placed |= dict.fromkeys(belonging.in_order(group))
    return tuple(placed)


def complete(selection: Selection, belonging: Companions) -> Selection:
    """The selection with the companions of what it keeps."""
    kept = closure(selection.kept, belonging)
    dropped = {i: reason for i, reason in selection.dropped.items() if i not in kept}
    duplicates = {i: other for i, other in selection.duplicate_of.items() if i in dropped}
    return Selection(tuple(sorted(kept)), dropped, duplicates)
