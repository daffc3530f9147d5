"""LangChain: a retriever that compresses, the compressor by itself, a reorderer. Needs ``langchain-core``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ragcompress import AttentionSort, CompressedContext, InputError, MissingExtra, reorder

try:
    from langchain_core.callbacks import (
        AsyncCallbackManager,
        AsyncCallbackManagerForRetrieverRun,
        CallbackManager,
        CallbackManagerForRetrieverRun,
        Callbacks,
    )
    from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
    from langchain_core.retrievers import BaseRetriever, RetrieverLike
    from langchain_core.runnables import RunnableLambda
except ImportError as error:
    raise MissingExtra("the LangChain adapter", "langchain") from error
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator

from ._documents import KEY, Kept, Source, finite, mark_passthrough, merge_details, to_list
from ._settings import Compressed, Settings, SettingsOptions

__all__ = ["AttentionReorder", "RagCompressRetriever", "RagCompressor"]

_SCORE = "relevance_score"
_SCORES = (_SCORE, "_score", "score")
"""Keys under which retrievers and rerankers leave a relevance, higher is better."""


class RagCompressorOptions(SettingsOptions, total=False):
    """Keyword arguments of ``RagCompressor``."""

    merge: Literal["text", "md"] | None


class RagCompressor(Settings, BaseDocumentCompressor):
    """Keeps the sentences of documents that a query needs, word for word, under one budget for all.

    Returns a document for each one that keeps something: its ``id``, its metadata (a deep copy), and besides
    ``relevance_score``, and under ``ragcompress``:

    - ``index``: the document's place in the input,
    - ``spans``: for every kept sentence ``start``, ``end`` in the new ``page_content``; ``start_char``,
      ``end_char`` in the original, or in its file where a text splitter left ``start_index``; ``score``,
    - ``tokens_before``, ``tokens_after``: of this document, and ``scorer``.

    The budget holds for the documents' texts joined with blank lines. All documents are read in one call.
    Safe to use from several threads.

    Example:
        ```python
        compressor = RagCompressor(max_tokens=800)
        compressor.compress_documents(documents, "Who built the bridge?")
        ```
    """

    if TYPE_CHECKING:

        def __init__(self, **settings: Unpack[RagCompressorOptions]) -> None: ...

    merge: Literal["text", "md"] | None = None
    """Return one document that holds the whole context, with titles as lines (``text``) or as numbered
    Markdown headings (``md``). Single sentences are put in order then."""

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Compress.

        Args:
            documents: as retrieved, from any iterable; never changed. Those without text keep nothing.
            query: what the reader will be asked.
            callbacks: as LangChain passes them; compression is a run of its own, with the tokens before and
                after among its outputs.

        Raises:
            RagCompressError: unless ``on_error`` is ``passthrough``.
        """
        documents = _to_list(documents)
        if not any(map(_holds_something, documents)):
            return []
        manager = CallbackManager.configure(callbacks)
        run = manager.on_chain_start(None, _inputs(documents, query), name=type(self).__name__)
        try:
            compressed = self._compress(query, _sources(documents))
        except BaseException as error:
            run.on_chain_error(error)
            raise
        run.on_chain_end(_outputs(compressed))
        return self._to_documents(documents, compressed)

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Compress without blocking the event loop; canceling it ends the work."""
        documents = _to_list(documents)
        if not any(map(_holds_something, documents)):
            return []
        manager = AsyncCallbackManager.configure(callbacks)
        run = await manager.on_chain_start(None, _inputs(documents, query), name=type(self).__name__)
        try:
            compressed = await self._acompress(query, _sources(documents))
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(_outputs(compressed))
        return self._to_documents(documents, compressed)

    def as_runnable(self) -> RunnableLambda[dict[str, Any], list[Document]]:
        """A runnable from ``{"documents": …, "query": …}`` to documents."""

        def compress(inputs: dict[str, Any]) -> list[Document]:
            return list(self.compress_documents(inputs["documents"], inputs["query"]))

        async def acompress(inputs: dict[str, Any]) -> list[Document]:
            return list(await self.acompress_documents(inputs["documents"], inputs["query"]))

        return RunnableLambda(compress, afunc=acompress, name=type(self).__name__)

    def _layout(self) -> dict[str, Any]:
        return super()._layout() if self.merge is None else {"format": self.merge}

    def _to_documents(self, documents: Sequence[Document], compressed: Compressed) -> list[Document]:
        if compressed.passthrough is not None:
            return [_copy(d, mark_passthrough(_metadata(d), compressed.passthrough)) for d in documents]
        if self.merge is not None and compressed.context is not None:
            return [_merge(documents, compressed.context)]
        return [_shorten(documents[kept.index], kept) for kept in compressed.kept]


class RagCompressRetriever(BaseRetriever):
    """Retrieves with another retriever and compresses what it finds.

    Takes the place of ``ContextualCompressionRetriever``: the same fields, the same callbacks (the inner
    retriever's run is a child of this one's). Keyword arguments of ``invoke`` go to the inner retriever.
    Nothing is compressed where nothing was retrieved.

    Example:
        ```python
        retriever = RagCompressRetriever(base_retriever=store.as_retriever(), max_tokens=800)
        retriever.invoke("Who built the bridge?")
        ```
    """

    base_retriever: RetrieverLike
    """Where documents come from."""

    base_compressor: SerializeAsAny[BaseDocumentCompressor] = Field(default_factory=RagCompressor)
    """What compresses them."""

    k: int | None = None
    """Most documents to return; also an argument of ``invoke``. ``RagCompressor`` keeps the best, of what
    another compressor returns the first are taken."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def __init__(
        self,
        *,
        base_retriever: RetrieverLike,
        base_compressor: BaseDocumentCompressor | Mapping[str, Any] | None = None,
        k: int | None = None,
        **settings: Any,
    ) -> None:
        """Build one.

        Args:
            base_retriever: where documents come from.
            base_compressor: what compresses them: any LangChain compressor, or the fields of
                ``RagCompressor`` as ``model_dump`` wrote them.
            k: most documents to return.
            settings: in place of ``base_compressor``, the fields of ``RagCompressor``; and those of every
                LangChain retriever (``tags``, ``metadata``, ``name``).
        """
        # What neither knows goes to the compressor, which says what may have been meant.
        options = {name: settings.pop(name) for name in set(settings) - set(BaseRetriever.model_fields)}
        if base_compressor is not None and options:
            raise InputError(f"give base_compressor or its settings ({', '.join(sorted(options))}), not both")
        if base_compressor is None or isinstance(base_compressor, Mapping):
            base_compressor = RagCompressor(**(base_compressor or options))
        settings |= {"base_retriever": base_retriever, "base_compressor": base_compressor, "k": k}
        super().__init__(**settings)

    @field_validator("k")
    @classmethod
    def _check_k(cls, k: int | None) -> int | None:
        if k is not None and k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        return k

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        k = self._check_k(self.k if k is None else k)
        callbacks = run_manager.get_child()
        documents = self.base_retriever.invoke(query, config={"callbacks": callbacks}, **kwargs)
        if not documents:
            return []
        compressed = self._best(k).compress_documents(documents, query, callbacks=run_manager.get_child())
        return list(compressed)[:k]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        k = self._check_k(self.k if k is None else k)
        callbacks = run_manager.get_child()
        documents = await self.base_retriever.ainvoke(query, config={"callbacks": callbacks}, **kwargs)
        if not documents:
            return []
        compressed = await self._best(k).acompress_documents(
            documents, query, callbacks=run_manager.get_child()
        )
        return list(compressed)[:k]

    def _best(self, k: int | None) -> BaseDocumentCompressor:
        """The compressor, set to keep the best k documents, so that these share the whole budget."""
        if k is None or not isinstance(self.base_compressor, RagCompressor):
            return self.base_compressor
        return self.base_compressor.model_copy(update={"top_n": k})


class AttentionReorder(BaseModel, BaseDocumentTransformer):
    """Puts documents in an order that readers read well: they use the middle of a long context least.

    The order is deterministic: with ``edges`` the best document always comes first and the second best last,
    whatever their number (Liu et al. 2023, arXiv 2307.03172).

    Example:
        ```python
        AttentionReorder().transform_documents(documents)
        ```
    """

    order: Literal["source", "best-first", "best-last", "edges"] = "edges"
    """``edges``, ``best-first``, ``best-last``, or ``source`` (as they come). ``attention-sort`` needs the
    question, which only compressors get: ``RagCompressor(ratio=1, order="attention-sort")``."""

    score_key: str = _SCORE
    """Key of the metadata that holds a document's score, higher is better. Where no document has one, they
    are taken to come best first, as retrievers return them."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("order", mode="before")
    @classmethod
    def _check_order(cls, order: object) -> object:
        if order == AttentionSort.name:
            raise ValueError(
                f"the order {order!r} needs the question, and transformers do not get it: use "
                f"RagCompressor(ratio=1, scorer='lead', order={order!r}), which leaves nothing out"
            )
        return order

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> Sequence[Document]:
        """Reorder; the documents themselves are not touched.

        Raises:
            InputError: if some documents have a score and others don't, or one is not a number.
        """
        documents = _to_list(documents)
        scores = [_metadata(d).get(self.score_key) for d in documents]
        if all(score is None for score in scores):
            scores = [-rank for rank in range(len(documents))]
        for position, score in enumerate(scores):
            # NumPy's are numbers, too: rerankers leave them.
            if isinstance(score, bool) or not isinstance(score, Real) or finite(score) is None:
                raise InputError(
                    f"document {position} has no number under {self.score_key!r} but {score!r}, and others "
                    "have: score all documents or none"
                )
        return reorder(documents, [float(score) for score in scores if score is not None], order=self.order)

    async def atransform_documents(self, documents: Sequence[Document], **kwargs: Any) -> Sequence[Document]:
        """Reorder, at once: there is nothing to wait for."""
        return self.transform_documents(documents, **kwargs)


def _to_list(documents: Iterable[Document]) -> list[Document]:
    return to_list(documents, "page_content", "Document of LangChain")


def _holds_something(document: Document) -> bool:
    """Whether it has a text, or something in its place that is none."""
    text: object = document.page_content
    return bool(text.strip()) if isinstance(text, str) else text is not None


def _metadata(document: Document) -> dict[str, Any]:
    """Documents that were made without a check may have none."""
    return document.metadata or {}


def _sources(documents: Sequence[Document]) -> list[Source]:
    return [
        Source(
            "" if d.page_content is None else d.page_content,
            d.id,
            _metadata(d),
            _metadata(d).get("start_index"),
            score=_score(d),
        )
        for d in documents
    ]


def _inputs(documents: Sequence[Document], query: str) -> dict[str, Any]:
    """What a trace shows of the compression's input."""
    return {"query": query, "documents": len(documents)}


def _outputs(compressed: Compressed) -> dict[str, Any]:
    """What a trace shows of its output: tokens, and every dropped sentence with the reason."""
    if compressed.context is None:
        return {"passthrough": compressed.passthrough}
    content = compressed.context.to_dict()
    return {key: content[key] for key in ("tokens_before", "tokens_after", "dropped", "seconds")}


def _score(document: Document) -> object:
    """What a retriever or a reranker left in the metadata."""
    metadata = _metadata(document)
    return next((metadata[key] for key in _SCORES if metadata.get(key) is not None), None)


def _shorten(document: Document, kept: Kept) -> Document:
    metadata = kept.metadata | {_SCORE: kept.score, KEY: kept.details}
    return _copy(document, metadata, page_content=kept.text)


def _copy(document: Document, metadata: dict[str, Any], **more: Any) -> Document:
    """A copy, of the same class, with its id."""
    return document.model_copy(update={"metadata": metadata, **more})


def _merge(documents: Sequence[Document], context: CompressedContext) -> Document:
    score, details = merge_details(context, _sources(documents))
    return Document(page_content=context.text, metadata={_SCORE: score, KEY: details})
