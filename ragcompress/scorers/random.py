"""Chance: the floor that every scorer has to beat."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar

import numpy as np

from ..data import Progress, Scores, Segmentation
from ..errors import InputError


class Scorer:
    """Uniform numbers in [0, 1), the same for the same question and seed.

    The question goes into the seed: with the seed alone, all questions would get one vector, and the same
    positions would win everywhere.

    Args:
        seed: at least 0.

    Raises:
        InputError: for any other seed.
    """

    name: ClassVar[str] = "random"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, *, seed: int = 0) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed must be a whole number of at least 0, got {seed!r}")
        self.seed = seed

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Draw S numbers; the text of the sentences plays no part."""
        digest = sha256(question.encode("utf-8", "surrogatepass")).digest()
        generator = np.random.default_rng([self.seed, int.from_bytes(digest, "big")])
        values = generator.random(len(segmentation.sentences))
        return Scores(values, self.name, settings={"seed": self.seed})
