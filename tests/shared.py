"""What many tests ask, count and load."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from ragcompress.models.embedding import Vectors as Rows
from ragcompress.testing import FakeProxy

QUESTION = "Who built the bridge?"
SHARE_OF_TRIES = float(os.environ.get("RAGCOMPRESS_SHARE_OF_TRIES", "1"))


def tries(n: int, *, derandomize: bool = True) -> hypothesis.settings:
    """How many examples a property is tried on; ``make quick`` takes a share of them."""
    most = max(5, round(SHARE_OF_TRIES * n))
    return hypothesis.settings(deadline=None, derandomize=derandomize, max_examples=most)


class Letters:
    """Tokens are the letters of words, a state is one letter and a bit of what stands around it."""

    name = "letters"
    tokenizer = FakeProxy().tokenizer

    def __init__(self) -> None:
        self.read: list[list[int]] = []

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[Rows]:
        return [self.states(ids) for ids in texts]

    def states(self, ids: Sequence[int]) -> Rows:
        assert len(ids) <= 254
        self.read.append(list(ids))
        rows = np.random.default_rng(0).normal(size=(100_000, 8))[np.array(ids) % 100_000]
        return (rows + 0.2 * rows.mean(0)).astype(np.float32)


def words(text: str) -> int:
    """A counter: tokens are words."""
    return len(text.split())


def written(path: Path) -> dict[str, Any]:
    """What a command wrote as JSON."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save_tokenizer_only(folder: Path) -> Path:
    """A model folder of which only the tokenizer is real, a token a byte: for scorers that read none."""
    folder.mkdir()
    alphabet = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"no weights")
    return folder
