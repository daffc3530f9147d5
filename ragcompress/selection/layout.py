"""How kept sentences become a text of a certain length: what selection needs besides scores and a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..data import Budget, Scores, Segmentation, Selection
from ..errors import UnknownName
from ..text.tokenizing import Counter
from . import ordering, rendering
from .companions import Companions, bring, companions, complete
from .ordering import Order
from .rendering import Format, Rendered
from .repeats import find_repeats
from .select import check_fits, select


@dataclass(frozen=True, slots=True)
class Layout:
    """Order, format and counter, fixed once for many selections.

    Attributes:
        count: tokens of a text.
        order: see ``ordering.order``.
        format, mark_gaps: see ``rendering.render``.
        keep_together: put whole documents in order (``ordering.order_documents``).
        headings: keep the heading above a kept sentence (``companions.companions``).
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
    documents: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.order not in ordering.ORDERS:
            raise UnknownName("order", self.order, list(ordering.ORDERS))
        if self.format not in rendering.FORMATS:
            raise UnknownName("format", self.format, list(rendering.FORMATS))

    def render(self, parts: Segmentation, chosen: Sequence[int], scores: Scores) -> Rendered:
        """Put sentences in order, with their companions, and lay them out."""
        return self._render(parts, chosen, scores, self._companions(parts))

    def _companions(self, parts: Segmentation) -> Companions:
        return companions(parts, headings=self.headings)

    def _render(
        self, parts: Segmentation, chosen: Sequence[int], scores: Scores, found: Companions
    ) -> Rendered:
        if self.order == ordering.ATTENTION_SORT:
            sequence = ordering.order_as_documents(self.documents, chosen, parts)
        elif self.keep_together:
            sequence = ordering.order_documents(self.order, chosen, scores, parts)
        else:
            sequence = ordering.order(self.order, chosen, scores)
        return self._plain(parts, bring(sequence, found))

    def _plain(self, parts: Segmentation, sequence: Sequence[int]) -> Rendered:
        return rendering.render(parts, sequence, format=self.format, mark_gaps=self.mark_gaps)

    def everything(self, parts: Segmentation) -> Rendered:
        """Lay out all sentences in source order."""
        return rendering.render(parts, range(len(parts.sentences)), format=self.format)

    def tokens_before(self, parts: Segmentation) -> int:
        """Tokens of everything in source order."""
        return self.count(self.everything(parts).text)

    def check_fits(self, parts: Segmentation, limit: int) -> None:
        """See ``select.check_fits``."""
        found = self._companions(parts)
        check_fits(
            parts,
            limit=limit,
            count=self.count,
            render=lambda chosen: self._plain(parts, bring(chosen, found)).text,
        )

    def select(
        self,
        parts: Segmentation,
        scores: Scores,
        limit: int,
        recall: float | None = None,
        shares: Budget | None = None,
    ) -> Selection:
        """See ``select.select``; what is kept brings its companions, which the limit counts."""
        found = self._companions(parts)
        selected = select(
            parts,
            scores,
            limit=limit,
            count=self.count,
            render=lambda chosen: self._render(parts, chosen, scores, found).text,
            recall=recall,
            shares=shares,
            repeats=find_repeats(parts, scores.ranking()),
        )
        return complete(selected, found)
