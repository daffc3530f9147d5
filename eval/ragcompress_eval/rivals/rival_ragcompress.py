"""The package ``ragcompress`` 0.1.0 of the Python package index (not ours) with its attention scorer."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any


class Contestant:
    """All passages in one prompt, read from full attention maps of all layers (``AttentionScorer``)."""

    def __init__(self, job: dict[str, Any]) -> None:
        """Load the model, which the package does at its first use."""
        package, attention = import_module("ragcompress"), import_module("ragcompress.scoring.attention")
        transformers = import_module("transformers")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(job["model_folder"])
        model = transformers.AutoModel.from_pretrained(job["model_folder"], attn_implementation="eager")
        self._window = int(model.config.max_position_embeddings)
        # Its own limit of 4,096 tokens would cut off the rest unread, and the question with it.
        scorer = attention.AttentionScorer(model.float(), self._tokenizer, max_length=self._window)
        self._package, self._scorer = package, scorer
        self.target_tokens = job["target_tokens"]
        names = ("ragcompress", "transformers", "torch")
        self.about = {"versions": {n: version(n) for n in names}, "precision": "float32"}

    def prepare(self, question: str, passages: list[str]) -> None:
        """Make its chunks.

        Raises:
            Skipped: if the model can't read all of them at once.
        """
        n_tokens = sum(map(self._count, passages))
        if n_tokens > self._window:
            reason = f"{n_tokens} tokens in one prompt; the model reads at most {self._window}"
            raise import_module("run").Skipped(reason)
        self._question = question
        self._chunks = [self._package.Chunk(str(i), str(i), text) for i, text in enumerate(passages)]
        budget = self._package.FixedBudget(max_tokens=self.target_tokens)
        self._compressor = self._package.Compressor(self._scorer, budget, token_counter=self._count)

    def run(self) -> str:
        """Compress."""
        return str(self._compressor.compress(self._question, self._chunks).text)

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])
