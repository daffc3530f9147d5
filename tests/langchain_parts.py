"""Real parts to build LangChain applications from: BM25 and a local chat model."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from rank_bm25 import BM25Okapi


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
