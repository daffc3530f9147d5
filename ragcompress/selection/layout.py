"""How kept sentences become a text of a certain length: what selection needs besides scores and a limit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ..budget import Budget
from ..data import Scores, Segmentation, Selection
from ..errors import BudgetTooSmall, UnknownName
from ..text.companions import Companions, companions
from ..text.stretches import Stretches, find_stretches
from ..text.tokenizing import Counter
from . import ordering, rendering
from .companions import (
    add_companions,
    all_brought,
    closure,
    complete,
    credit_openers,
    discount_broken,
    find_leaders,
    without_scraps,
)
from .headers import Headers
from .ordering import Order
from .rendering import Format, Rendered
from .repeats import Relations, credit_repeats, find_fragments, find_repeats
from .select import select, smallest_budget


@dataclass(frozen=True, slots=True)
class Layout:
    """Order, format and counter, fixed once for many selections.

    Attributes:
        count: tokens of a text.
        order: see ``ordering.order``.
        format, mark_gaps: see ``rendering.render``.
        keep_together: put whole documents in order (``ordering.order_documents``).
        headings: keep the heading above a kept sentence (``companions.companions``).
        near_repeats: what a sentence loses that says nearly what a kept one says (``repeats.Relations``).
        documents: for ``attention-sort``, positions of documents in order (``ordering.order_as_documents``).

    Raises:
        UnknownName: if there is no such order or format.
    """

    count: Counter
    order: Order = "source"
    format: Format = "text"
    mark_gaps: bool = False
    keep_together: bool = False
    headings: bool = False
    near_repeats: float = 0.0
    documents: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.order not in ordering.ORDERS:
            raise UnknownName("order", self.order, list(ordering.ORDERS))
        if self.format not in rendering.FORMATS:
            raise UnknownName("format", self.format, list(rendering.FORMATS))

    def render(self, parts: Segmentation, chosen: Sequence[int], scores: Scores) -> Rendered:
        """Put sentences in order, with their companions, and lay them out."""
        return self._render(parts, chosen, scores, self.companions_of(parts))

    def companions_of(self, parts: Segmentation) -> Companions:
        """What goes along with what."""
        return companions(parts, headings=self.headings)

    def _render(
        self, parts: Segmentation, chosen: Sequence[int], scores: Scores, belonging: Companions
    ) -> Rendered:
        """What is measured while selecting is what is laid out in the end: both go by the same set."""
        whole, leaders = find_leaders(chosen, belonging)
        stretches = belonging.stretches
        if self.order == ordering.ATTENTION_SORT:
            sequence = ordering.order_as_documents(self.documents, tuple(whole), parts)
            sequence = stretches.together(sequence, parts)
        elif self.keep_together:
            sequence = ordering.order_documents(self.order, tuple(whole), scores, parts)
            sequence = stretches.together(sequence, parts)
            if self.order == "source":
                sequence = self._by_source(parts, tuple(sequence), stretches)
        elif self.order == "source":
            sequence = self._by_source(parts, tuple(stretches.in_order(whole, parts)), stretches)
        else:
            sequence = add_companions(ordering.order(self.order, leaders, scores), belonging, whole)
        return self._plain(parts, sequence, stretches)

    def _by_source(
        self, parts: Segmentation, sequence: Sequence[int], stretches: Stretches
    ) -> tuple[int, ...]:
        """One heading for each source, where the format has headings of sources."""
        if self.format not in ("md", "xml"):
            return tuple(sequence)
        return stretches.together(Headers(parts).by_source(sequence, parts.sentences), parts)

    def _plain(self, parts: Segmentation, sequence: Sequence[int], stretches: Stretches) -> Rendered:
        return rendering.render(
            parts, sequence, format=self.format, mark_gaps=self.mark_gaps, stretches=stretches
        )

    def everything(self, parts: Segmentation) -> Rendered:
        """Lay out all sentences in source order, as what is kept is laid out."""
        stretches = find_stretches(parts.documents)
        everything = stretches.in_order(range(len(parts.sentences)), parts)
        sequence = self._by_source(parts, everything, stretches)
        return rendering.render(parts, sequence, format=self.format, stretches=stretches)

    def tokens_before(self, parts: Segmentation) -> int:
        """Tokens of everything in source order."""
        return self.count(self.everything(parts).text)

    def check_fits(self, parts: Segmentation, limit: int, before: int) -> None:
        """Find out before scoring whether a budget can work: mostly one count, of the shortest sentence.

        Args:
            before: tokens of everything in source order: with a budget of so many nothing is refused.

        Raises:
            BudgetTooSmall: if not one sentence fits alone; names a budget that works.
        """
        if limit >= before:
            return
        belonging, sentences = self.companions_of(parts), parts.sentences
        part_of_another = {
            i for i, j in find_fragments(parts).items() if sentences[i].text != sentences[j].text
        }
        smallest = smallest_budget(
            parts,
            limit=limit,
            count=self.count,
            without=belonging.copies.keys() | part_of_another,
            render=lambda i: (
                self._plain(parts, belonging.in_order(closure((i,), belonging)), belonging.stretches).text
            ),
        )
        if smallest > limit:
            raise BudgetTooSmall(limit, min(smallest, before))

    def select(
        self,
        parts: Segmentation,
        scores: Scores,
        limit: int,
        budget: Budget | None = None,
        wanted: Collection[int] | None = None,
    ) -> Selection:
        """See ``select.select``; what is kept brings its companions, which the limit counts."""
        belonging = self.companions_of(parts)
        same = find_repeats(parts, scores.ranking(), belonging.copies)
        worth = discount_broken(credit_repeats(credit_openers(scores, parts, belonging), same), belonging)
        selected = select(
            parts,
            worth,
            limit=limit,
            count=self.count,
            render=lambda chosen: self._render(parts, chosen, scores, belonging).text,
            budget=budget,
            relations=Relations(same, self.near_repeats, all_brought(belonging)),
            wanted=wanted,
        )
        if budget is None or not budget.min_per_document:
            fewer = without_scraps(selected, worth, belonging)
            fitting = (s for s in fewer if self._size(parts, s, scores, belonging) <= limit)
            selected = next(fitting, selected)
        return complete(selected, belonging)

    def _size(self, parts: Segmentation, chosen: Selection, scores: Scores, belonging: Companions) -> int:
        """Tokens of a selection."""
        return self.count(self._render(parts, chosen.kept, scores, belonging).text)

    def fit(
        self,
        parts: Segmentation,
        scores: Scores,
        limit: int,
        before: int,
        budget: Budget,
        wanted: Collection[int] | None = None,
    ) -> tuple[Layout, Selection] | None:
        """Select within a limit and within the original's length.

        An order that goes from document to document writes more titles than the original has, so what
        documents must keep (``min_per_document``) can be longer than the original. Then documents stay
        together; where that does not do either, as many of those sentences as fit are kept.

        Args:
            limit: the budget, in tokens.
            before: tokens of everything in source order.
            budget: ``recall``, and the rules about documents.
            wanted: in place of the recall, see ``select.select``.

        Returns:
            How it is laid out, and what is kept. None: only all of it is no longer than the original, which
            can be so where a counter gives a text fewer tokens than its parts.

        Raises:
            BudgetTooSmall: names a budget that works; this was tried.
        """
        try:
            return self._fit(parts, scores, min(limit, before), before, budget, wanted)
        except BudgetTooSmall as error:
            if limit >= before:
                return None
            smallest, what = error.smallest, error.what
        while smallest < before:
            try:
                self._fit(parts, scores, smallest, before, budget, wanted)
                break
            except BudgetTooSmall as error:
                smallest = error.smallest
        raise BudgetTooSmall(limit, min(smallest, before), what)

    def _fit(
        self,
        parts: Segmentation,
        scores: Scores,
        limit: int,
        before: int,
        budget: Budget,
        wanted: Collection[int] | None,
    ) -> tuple[Layout, Selection]:
        tries = [(self, budget)]
        if budget.min_per_document:
            together = replace(self, keep_together=True)
            tries += [(together, budget), (together, replace(budget, min_per_document=0))]
        for layout, rules in tries:
            try:
                return layout, layout.select(parts, scores, limit, rules, wanted)
            except BudgetTooSmall as error:
                if error.smallest <= before:
                    raise
                last = error
        raise last
