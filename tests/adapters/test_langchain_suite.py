"""``langchain-tests``' own suite for retrievers, on a real FAISS index."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_tests.integration_tests import RetrieversIntegrationTests

from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress_adapters.langchain import RagCompressor, RagCompressRetriever
from ragcompress_eval.quality.langchain_parts import FaissRetriever, MiniLM

EMBEDDINGS = MiniLM()
TEXTS = [
    "Berit Holm built the bridge. It is of larch. Tolls were lifted in May.",
    "Ferries leave at noon. The quay below the bridge is full on Fridays.",
    "The mill stands empty. Nobody built another. The bridge is in sight.",
    "Skarn is a town. Its market is held on Fridays. A bridge leads there.",
    "Varde lies east. Bridge builders met there. It has a school.",
]


class TestRagCompressRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[RagCompressRetriever]:
        return RagCompressRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        documents = [Document(text, id=str(n)) for n, text in enumerate(TEXTS)]
        return {
            "base_retriever": FaissRetriever(documents=documents, embeddings=EMBEDDINGS, k=5),
            "base_compressor": RagCompressor(scorer=Bm25(), counter=len, ratio=0.6, min_per_document=1),
        }

    @property
    def retriever_query_example(self) -> str:
        return "Who built the bridge?"
