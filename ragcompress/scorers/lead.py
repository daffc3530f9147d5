"""What stands first matters most: the lead baseline of summarization."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..data import Progress, Scores, Segmentation


class Scorer:
    """The first sentences of all documents, then all second ones, and so on; the question plays no part.

    A sentence that is the ``n``-th of its document (counted from 1) gets 1 / n, in (0, 1]. Equal positions
    get equal scores: between them the earlier document wins, as ties go by position everywhere.
    """

    name: ClassVar[str] = "lead"
    needs_proxy: ClassVar[bool] = False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score by position within the document."""
        document = np.array([s.document for s in segmentation.sentences], dtype=np.int64)
        # Sentences stand document by document, so the first of each is where its number first occurs.
        first = np.searchsorted(document, document, side="left")
        return Scores(1.0 / (np.arange(len(document)) - first + 1), self.name)
