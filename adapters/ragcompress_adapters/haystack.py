"""Haystack: a component that compresses documents for a query. Needs ``haystack-ai``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Unpack

from ragcompress import MissingExtra

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.utils import deserialize_callable, serialize_callable
except ImportError as error:
    raise MissingExtra("the Haystack adapter", "haystack") from error

from ._documents import KEY, Kept, Source, copy_metadata, passed_on
from ._settings import Compressed, Settings, SettingsOptions

__all__ = ["RagCompressor"]


@component
class RagCompressor:
    """Keeps the sentences of documents that a query needs, word for word, under one budget for all.

    Returns copies of the documents that keep something, with their ids, scores and meta. Under
    ``ragcompress`` in the meta:

    - ``index``: the place in the input.
    - ``relevance_score``, ``tokens_before``, ``tokens_after``, ``scorer``.
    - ``spans``: ``start``, ``end`` in the new content, and ``score``. ``start_char``, ``end_char`` are in the
      original, or in its source where a splitter left ``split_idx_start``.

    Example:
        ```python
        pipeline.add_component("compressor", RagCompressor(max_tokens=800))
        pipeline.connect("retriever.documents", "compressor.documents")
        ```

    Args:
        top_k: most documents that keep anything: those with the best sentences.
        settings: as of ``ragcompress_adapters.langchain.RagCompressor``; a ``counter`` must be a function
            that can be imported, to be written down.

    Raises:
        ValueError: if the settings make no sense.
    """

    def __init__(self, *, top_k: int | None = None, **settings: Unpack[SettingsOptions]) -> None:
        settings["top_n"] = top_k
        self._settings = Settings(**settings)

    def warm_up(self) -> None:
        """Load the model; it is fetched first if it is not on this machine."""
        self._settings.warm_up()

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON-able values; a counter by its import path.

        Raises:
            haystack.core.errors.SerializationError: if the counter has none (a lambda, say).
        """
        settings = self._settings.model_dump()
        counter = self._settings.counter
        settings["top_k"] = settings.pop("top_n")
        return default_to_dict(self, **settings, counter=counter and serialize_callable(counter))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RagCompressor:
        """Build the component that ``to_dict`` wrote down."""
        parameters = dict(data.get("init_parameters", {}))
        if parameters.get("counter"):
            parameters["counter"] = deserialize_callable(parameters["counter"])
        made: RagCompressor = default_from_dict(cls, {**data, "init_parameters": parameters})
        return made

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, Any]:
        """Compress.

        Args:
            query: what the reader will be asked.
            documents: as retrieved; never changed. Those with an empty content keep nothing.
            top_k: most documents to keep, in place of the component's own.

        Raises:
            ValueError: if a document has no text (``content`` None), unless errors pass the documents on.
        """
        if not _hold_text(documents):
            return {"documents": []}
        compressed = self._for(top_k)._compress(query, _sources(documents))
        return {"documents": _result(documents, compressed)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, Any]:
        """Compress without blocking the event loop; arguments as those of ``run``."""
        if not _hold_text(documents):
            return {"documents": []}
        compressed = await self._for(top_k)._acompress(query, _sources(documents))
        return {"documents": _result(documents, compressed)}

    def _for(self, top_k: int | None) -> Settings:
        return self._settings if top_k is None else self._settings.model_copy(update={"top_n": top_k})


def _hold_text(documents: list[Document]) -> bool:
    """Whether there is anything to do; a document without content is for compression to refuse."""
    return any(d.content is None or d.content.strip() for d in documents)


def _sources(documents: list[Document]) -> list[Source]:
    return [Source(d.content, d.id, d.meta, d.meta.get("split_idx_start"), score=d.score) for d in documents]


def _result(documents: list[Document], compressed: Compressed) -> list[Document]:
    if compressed.passthrough is not None:
        return [replace(d, meta=passed_on(d.meta, compressed.passthrough)) for d in documents]
    return [_shortened(documents[kept.index], kept) for kept in compressed.kept]


def _shortened(document: Document, kept: Kept) -> Document:
    details = {**kept.details, "relevance_score": kept.score}
    return replace(document, content=kept.text, meta=copy_metadata(document.meta) | {KEY: details})
