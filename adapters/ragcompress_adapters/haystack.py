"""Haystack: a component that compresses documents for a query. Needs ``haystack-ai``."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from ragcompress import CompressedContext, InputError, MissingExtra
from ragcompress import Document as Source

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.utils import deserialize_callable, serialize_callable
except ImportError as error:
    raise MissingExtra("the Haystack adapter", "haystack") from error

from ._kept import KEY, Kept, kept_of, passed_on, source_of, title_of
from ._settings import Settings, Steps

__all__ = ["RagCompressor"]


@component
class RagCompressor:
    """Keeps the sentences of documents that a query needs, word for word, under one budget for all.

    Returns copies of the documents that keep something, with their ids, scores and meta. Under
    ``ragcompress`` in the meta: ``index`` (the place in the input), ``relevance_score``, ``spans``
    (``start``, ``end`` in the new content; ``start_char``, ``end_char`` in the original, or in its source
    where a splitter left ``split_idx_start``; ``score``), ``tokens_before``, ``tokens_after``, ``scorer``.

    Example:
        ```python
        pipeline.add_component("compressor", RagCompressor(max_tokens=800))
        pipeline.connect("retriever.documents", "compressor.documents")
        ```

    Args:
        top_k: most documents that keep anything: those with the best sentences.
        counter: counts tokens, a function ``str -> int``; None: the proxy's tokenizer.
        others: as in ``ragcompress_adapters.langchain.RagCompressor``.

    Raises:
        ValueError: if the settings make no sense.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None = None,
        ratio: float | None = None,
        recall: float | None = None,
        top_k: int | None = None,
        min_per_document: int = 0,
        max_per_document: int | None = None,
        order: str = "source",
        mark_gaps: bool = False,
        title_key: str | None = "title",
        scorer: str = "passage-probe",
        scorer_settings: dict[str, Any] | None = None,
        proxy: str = "smollm2-135m",
        backend: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        download: bool = True,
        counter: Callable[[str], int] | None = None,
        timeout: float | None = None,
        on_error: str = "raise",
    ) -> None:
        self._settings = Settings(
            max_tokens=max_tokens,
            ratio=ratio,
            recall=recall,
            top_n=top_k,
            min_per_document=min_per_document,
            max_per_document=max_per_document,
            order=order,
            mark_gaps=mark_gaps,
            title_key=title_key,
            scorer=scorer,
            scorer_settings=scorer_settings or {},
            proxy=proxy,
            backend=backend,  # type: ignore[arg-type]  # checked there, too
            precision=precision,  # type: ignore[arg-type]  # checked there
            threads=threads,
            download=download,
            counter=counter,
            timeout=timeout,
            on_error=on_error,  # type: ignore[arg-type]  # checked there
        )

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
        settings = self._for(top_k)
        return {"documents": settings._compress(query, _steps(documents, settings.title_key))}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, Any]:
        """Compress without blocking the event loop; arguments as those of ``run``."""
        if not _hold_text(documents):
            return {"documents": []}
        settings = self._for(top_k)
        return {"documents": await settings._acompress(query, _steps(documents, settings.title_key))}

    def _for(self, top_k: int | None) -> Settings:
        return self._settings if top_k is None else self._settings.model_copy(update={"top_n": top_k})


def _hold_text(documents: list[Document]) -> bool:
    """Whether there is anything to do; a document without content is for compression to refuse."""
    return any(d.content is None or d.content.strip() for d in documents)


def _steps(documents: list[Document], title_key: str | None) -> Steps[list[Document]]:
    def sources() -> list[Source]:
        for position, d in enumerate(documents):
            if d.content is None:
                raise InputError(f"document {position} ({d.id}) holds no text; only text can be compressed")
        return [Source(d.content or "", title_of(d.meta, title_key), d.id, d.meta) for d in documents]

    def result(context: CompressedContext) -> list[Document]:
        places = [source_of(d.meta, d.content or "", d.meta.get("split_idx_start")) for d in documents]
        return [_shortened(documents[kept.index], kept) for kept in kept_of(context, places)]

    return Steps(
        sources,
        result,
        lambda reason: [replace(d, meta={**d.meta, KEY: passed_on(d.meta, reason)}) for d in documents],
    )


def _shortened(document: Document, kept: Kept) -> Document:
    details = {**kept.details, "relevance_score": kept.score}
    return replace(document, content=kept.text, meta=deepcopy(document.meta) | {KEY: details})
