"""The package ``ragcompress`` 0.1.0 of the Python package index (not ours) with its attention scorer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

run = import_module("run")


class Contestant(run.Rival):  # type: ignore[misc, name-defined]
    """All passages in one prompt, read from full attention maps of all layers (``AttentionScorer``)."""

    packages = ("ragcompress", "transformers", "torch")

    def __init__(self, job: dict[str, Any]) -> None:
        """Load the model, which the package does at its first use."""
        super().__init__(job)
        self.settings["precision"], self._tokens = "float32", run.Tokens(job["model_folder"])
        transformers, attention = (
            import_module("transformers"),
            import_module("ragcompress.scoring.attention"),
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(job["model_folder"])
        model = transformers.AutoModel.from_pretrained(job["model_folder"], attn_implementation="eager")
        self._window = int(model.config.max_position_embeddings)
        # Its own limit of 4,096 tokens would cut off the rest unread, and the question with it.
        self._scorer = attention.AttentionScorer(model.float(), tokenizer, max_length=self._window)

    def prepare(self, question: str, passages: list[str]) -> None:
        """Make its chunks.

        Raises:
            Skipped: if the model can't read all of them at once.
        """
        n_tokens = sum(map(self._tokens.count, passages))
        if n_tokens > self._window:
            raise run.Skipped(f"{n_tokens} tokens in one prompt; the model reads at most {self._window}")
        package = import_module("ragcompress")
        self.question = question
        self._chunks = [package.Chunk(str(i), str(i), text) for i, text in enumerate(passages)]
        budget = package.FixedBudget(max_tokens=self.target_tokens)
        self._compressor = package.Compressor(self._scorer, budget, token_counter=self._tokens.count)

    def run(self) -> str:
        """Compress."""
        return str(self._compressor.compress(self.question, self._chunks).text)
