"""LangChain applications from real parts: files, splitter, embeddings, indexes, models."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_parts import Bm25Retriever, LocalChat
from langchain_text_splitters import RecursiveCharacterTextSplitter

from ragcompress import load_proxy, models, scorers
from ragcompress_adapters.langchain import AttentionReorder, RagCompressor, RagCompressRetriever
from ragcompress_eval.quality.langchain_parts import FaissRetriever, MiniLM

pytestmark = pytest.mark.model
QUESTION = "Where did Tobias Renn grow up?"
EVIDENCE = "grew up in the saltworks at Ostrey"


@pytest.fixture(scope="module")
def archive() -> list[Document]:
    """The sample files, as a loader reads them and a splitter cuts them."""
    folder = Path(str(files("ragcompress") / "samples" / "demo"))
    loaded = [
        Document(path.read_text(encoding="utf-8"), metadata={"source": path.name}, id=path.stem)
        for path in sorted(folder.iterdir())
    ]
    splitter = RecursiveCharacterTextSplitter(chunk_size=700, chunk_overlap=0, add_start_index=True)
    return splitter.split_documents(loaded)


@pytest.fixture(scope="module")
def compressor(default_folder: models.ModelFolder) -> RagCompressor:
    made = RagCompressor(max_tokens=260, download=False)
    made.warm_up()
    return made


def source(name: str) -> str:
    return (files("ragcompress") / "samples" / "demo" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [FaissRetriever, Bm25Retriever])
def test_the_evidence_reaches_the_reader_in_fewer_tokens(
    kind: Any, archive: list[Document], compressor: RagCompressor
) -> None:
    more = {"embeddings": MiniLM()} if kind is FaissRetriever else {}
    base: BaseRetriever = kind(documents=archive, k=10, **more)
    found = RagCompressRetriever(base_retriever=base, base_compressor=compressor).invoke(QUESTION)
    text = "\n\n".join(d.page_content for d in found)
    count = compressor.count
    assert count(text) <= 260 < count("\n\n".join(d.page_content for d in base.invoke(QUESTION))) / 3
    assert EVIDENCE in text
    for d in found:
        for s in d.metadata["ragcompress"]["spans"]:
            in_file = source(d.metadata["source"])[s["start_char"] : s["end_char"]]
            assert d.page_content[s["start"] : s["end"]] == in_file


def test_sixteen_calls_at_once_give_the_serial_result(archive: list[Document]) -> None:
    retriever = RagCompressRetriever(
        base_retriever=RunnableLambda(lambda question: archive[:2]), max_tokens=60, download=False
    )
    questions = [f"{QUESTION} {n}" for n in range(16)]

    async def together() -> list[list[Document]]:
        return await asyncio.gather(*(retriever.ainvoke(question) for question in questions))

    assert asyncio.run(together()) == [retriever.invoke(question) for question in questions]


def test_a_chain_with_a_local_chat_model(
    archive: list[Document], compressor: RagCompressor, default_folder: models.ModelFolder
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(default_folder.path)
    chat = LocalChat(
        model=AutoModelForCausalLM.from_pretrained(folder, local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )
    retriever = RagCompressRetriever(
        base_retriever=Bm25Retriever(documents=archive, k=6), base_compressor=compressor
    )
    seen: list[str] = []

    def join(documents: list[Document]) -> str:
        seen.append("\n\n".join(d.page_content for d in documents))
        return seen[-1]

    prompt = ChatPromptTemplate.from_template("{context}\n\nQuestion: {question}\nAnswer in one word.")
    context = retriever | AttentionReorder().transform_documents | join
    chain = {"context": context, "question": RunnablePassthrough()} | prompt | chat | StrOutputParser()
    answer = chain.invoke(QUESTION)
    assert isinstance(answer, str)
    assert answer.strip()
    assert EVIDENCE in seen[0]


def test_a_proxy_is_shared_by_name_or_by_object(compressor: RagCompressor, archive: list[Document]) -> None:
    shared = scorers.make(scorers.DEFAULT, proxy=lambda: load_proxy(download=False))
    again = RagCompressor(max_tokens=260, scorer=shared)
    documents = archive[:6]
    assert again.compress_documents(documents, QUESTION) == compressor.compress_documents(documents, QUESTION)
