"""What the library keeps at other budgets: the page looks up what is made here and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..budget import Budget
from ..data import Selection
from ..errors import BudgetTooSmall
from ..selection.layout import Layout
from ..selection.rendering import Rendered

if TYPE_CHECKING:
    from ..context import CompressedContext

# Every budget up to 200 tokens, then a hundredth more each time; for long originals the steps are larger, so
# that about so many tokens are counted in all.
_GROWTH = 1.01
_WORK = 2_000_000
_COUNTS_PER_BUDGET = 7


@dataclass(frozen=True, slots=True)
class Stop:
    """One budget and what comes of it.

    Attributes:
        limit: the budget in tokens.
        tokens: of the rendered text.
    """

    limit: int
    tokens: int
    selection: Selection
    rendered: Rendered


def sweep(views: Sequence[CompressedContext]) -> list[tuple[Stop, ...]]:
    """Select for the same budgets, rising, for every view; nothing where a view can't be made again."""
    if any(v.layout is None or v.passthrough is not None for v in views):
        return [() for _ in views]
    tried = [_Again(v, v.layout) for v in views if v.layout is not None]
    limits_shown = {min(v.limit, v.tokens_before) for v in views}
    smallest = max(t.smallest() for t in tried)
    limits = budgets(smallest, views[0].tokens_before, limits_shown)
    stops = [made for limit in limits if None not in (made := [t.stop(limit) for t in tried])]
    return [tuple(s for s in side if s is not None) for side in zip(*stops, strict=True)]


def budgets(smallest: int, largest: int, wished: Iterable[int]) -> list[int]:
    """Budgets to try, rising, from ``smallest`` to ``largest``, with those of ``wished`` that lie between."""
    growth = max(_GROWTH, 1 + _COUNTS_PER_BUDGET * largest / _WORK)
    limits, limit = {b for b in wished if smallest <= b <= largest} | {largest}, smallest
    while limit < largest:
        limits.add(limit)
        limit = max(limit + 1, int(limit * growth))
    return sorted(limits)


class _Again:
    """Selections of one context at many limits; each text is made and counted once."""

    def __init__(self, context: CompressedContext, layout: Layout) -> None:
        self._context, self._layout = context, layout
        self._rules = Budget(**context.settings["budget"]).without_recall()
        self._made: dict[tuple[int, ...], Rendered] = {}
        self._counted: dict[str, int] = {}

    def smallest(self) -> int:
        """A limit at which something is kept, and below which the library says that nothing can be."""
        limit = 1
        while True:
            try:
                self._select(limit)
            except BudgetTooSmall as error:
                limit = error.smallest
            else:
                return limit

    def stop(self, limit: int) -> Stop | None:
        """What is kept at a limit; None if it is too small."""
        try:
            chosen = self._select(limit)
        except BudgetTooSmall:
            return None
        made = self._render(chosen.kept)
        return Stop(limit, self._count(made.text), chosen, made)

    def _select(self, limit: int) -> Selection:
        layout = replace(self._layout, count=self._count)
        return layout.select(self._context.segmentation, self._context.scores, limit, self._rules)

    def _render(self, kept: tuple[int, ...]) -> Rendered:
        if kept not in self._made:
            context = self._context
            self._made[kept] = self._layout.render(context.segmentation, kept, context.scores)
        return self._made[kept]

    def _count(self, text: str) -> int:
        if text not in self._counted:
            self._counted[text] = self._layout.count(text)
        return self._counted[text]
