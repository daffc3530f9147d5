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

from ._documents import KEY, Kept, Source, mark_passthrough, to_list
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
            documents: as retrieved; never changed. Those with an empty content keep nothing; those that hold
                something else than text (``content`` None), such as a picture, are handed on as they are.
            top_k: most documents with text to keep, in place of the component's own.
        """
        documents = to_list(documents, "content", "Document of Haystack")
        places = _places_with_text(documents)
        sources = _sources(documents, places)
        compressed = self._for(top_k)._compress(query, sources) if sources else Compressed()
        return {"documents": self._result(documents, places, compressed)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, Any]:
        """Compress without blocking the event loop; arguments as those of ``run``."""
        documents = to_list(documents, "content", "Document of Haystack")
        places = _places_with_text(documents)
        sources = _sources(documents, places)
        compressed = await self._for(top_k)._acompress(query, sources) if sources else Compressed()
        return {"documents": self._result(documents, places, compressed)}

    def _result(self, documents: list[Document], places: list[int], compressed: Compressed) -> list[Document]:
        """What was kept, and what holds no text: in the order of the source, else behind."""
        if compressed.passthrough is not None:
            return [
                replace(d, meta=mark_passthrough(d.meta or {}, compressed.passthrough)) for d in documents
            ]
        shortened = [(places[k.index], k) for k in compressed.kept]
        kept = [(i, _shorten(documents[i], k, i)) for i, k in shortened]
        others = [(i, d) for i, d in enumerate(documents) if d.content is None]
        if self._settings.plan().order == "source":
            return [d for _, d in sorted(kept + others, key=lambda pair: pair[0])]
        return [d for _, d in kept + others]

    def _for(self, top_k: int | None) -> Settings:
        return self._settings if top_k is None else self._settings.model_copy(update={"top_n": top_k})


def _places_with_text(documents: list[Document]) -> list[int]:
    return [i for i, d in enumerate(documents) if d.content and d.content.strip()]


def _sources(documents: list[Document], places: list[int]) -> list[Source]:
    pairs = ((d, d.meta or {}) for d in (documents[i] for i in places))
    return [Source(d.content, d.id, meta, meta.get("split_idx_start"), score=d.score) for d, meta in pairs]


def _shorten(document: Document, kept: Kept, place: int) -> Document:
    details = {**kept.details, "index": place, "relevance_score": kept.score}
    return replace(document, content=kept.text, meta=kept.metadata | {KEY: details})
