"""LlamaIndex: a node postprocessor that compresses what a retriever found. Needs ``llama-index-core``."""

from __future__ import annotations

from typing import Any

from ragcompress import CompressedContext, Document, InputError, MissingExtra

try:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
except ImportError as error:
    raise MissingExtra("the LlamaIndex adapter", "llama-index") from error

from ._kept import KEY, Kept, kept_of, passed_on, source_of, title_of
from ._settings import Settings, Steps

__all__ = ["RagCompressPostprocessor"]

_Placed = tuple[int, NodeWithScore]


class RagCompressPostprocessor(Settings, BaseNodePostprocessor):
    """Keeps the sentences of nodes that a query needs, word for word, under one budget for all.

    Returns copies of the nodes that keep something: with their ids, relationships and metadata, and the
    retriever's score; ``start_char_idx`` and ``end_char_idx`` are those of the new text where it is an
    unbroken part of the old one, and None where sentences are missing inside. Nodes that hold no text, such
    as images, are passed on as they are.

    Under ``ragcompress`` in the metadata, which neither the LLM nor the embedding gets to see: ``index`` (the
    place in the input), ``relevance_score``, ``spans`` (``start``, ``end`` in the new text; ``start_char``,
    ``end_char`` in the source document where the node knows its place in it, else in the node; ``score``),
    ``tokens_before``, ``tokens_after`` and ``scorer``. The budget holds for the texts joined with blank
    lines; metadata that LlamaIndex writes before a text is not counted.

    Example:
        ```python
        engine = index.as_query_engine(
            similarity_top_k=20, node_postprocessors=[RagCompressPostprocessor(max_tokens=800)]
        )
        ```
    """

    @classmethod
    def class_name(cls) -> str:
        """Name in LlamaIndex's serialised settings."""
        return "RagCompressPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query, held = _query(query_bundle), _with_text(nodes)
        if not held:
            return self._all_of([], nodes, held)
        return self._compress(query, self._steps(nodes, held))

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query, held = _query(query_bundle), _with_text(nodes)
        if not held:
            return self._all_of([], nodes, held)
        return await self._acompress(query, self._steps(nodes, held))

    def _steps(
        self, nodes: list[NodeWithScore], held: dict[int, NodeWithScore]
    ) -> Steps[list[NodeWithScore]]:
        places = list(held)

        def result(context: CompressedContext) -> list[NodeWithScore]:
            sources = [source_of(n.node.metadata, _text(n), _start(n.node)) for n in held.values()]
            found = [(places[k.index], k) for k in kept_of(context, sources)]
            return self._all_of([(i, _shortened(nodes[i], k, i)) for i, k in found], nodes, held)

        return Steps(
            lambda: [_source(n, self.title_key) for n in held.values()],
            result,
            lambda reason: [_marked(n, passed_on(n.node.metadata, reason)) for n in nodes],
        )

    def _all_of(
        self, found: list[_Placed], nodes: list[NodeWithScore], held: dict[int, NodeWithScore]
    ) -> list[NodeWithScore]:
        """What was found, by its place, and the nodes that hold no text."""
        others = [(i, n) for i, n in enumerate(nodes) if i not in held and not _holds_nothing(n.node)]
        if self.order == "source":
            return [n for _, n in sorted(found + others, key=lambda pair: pair[0])]
        return [n for _, n in found + others]


def _query(bundle: QueryBundle | None) -> str:
    if bundle is None:
        raise InputError("compression needs a query: give query_bundle or query_str")
    return bundle.query_str


def _text(node: NodeWithScore) -> str:
    return node.node.get_content(MetadataMode.NONE)


def _source(node: NodeWithScore, title_key: str | None) -> Document:
    metadata = node.node.metadata
    return Document(_text(node), title_of(metadata, title_key), node.node.node_id, metadata)


def _with_text(nodes: list[NodeWithScore]) -> dict[int, NodeWithScore]:
    """Nodes that hold text, by their place."""
    return {i: n for i, n in enumerate(nodes) if _text(n).strip()}


def _holds_nothing(node: BaseNode) -> bool:
    """Whether a node without text has no image or the like either, and refers to no other node."""
    media = (getattr(node, f"{kind}_resource", None) for kind in ("image", "audio", "video"))
    return node.class_name() in ("TextNode", "Node", "Document") and not any(media)


def _start(node: BaseNode) -> int | None:
    return getattr(node, "start_char_idx", None)


def _marked(node: NodeWithScore, details: dict[str, Any]) -> NodeWithScore:
    """A copy with details that only programs see."""
    changed: dict[str, Any] = {"metadata": {**node.node.metadata, KEY: details}}
    for name in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys"):
        changed[name] = [*(key for key in getattr(node.node, name) if key != KEY), KEY]
    return NodeWithScore(node=node.node.model_copy(update=changed), score=node.score)


def _shortened(node: NodeWithScore, kept: Kept, place: int) -> NodeWithScore:
    details = {**kept.details, "index": place, "relevance_score": kept.score}
    marked = _marked(node.model_copy(deep=True), details)
    marked.node.set_content(kept.text)
    if hasattr(marked.node, "start_char_idx") and hasattr(marked.node, "end_char_idx"):
        start, end, offset = kept.start, kept.end, _start(node.node)
        marked.node.start_char_idx = None if start is None or offset is None else offset + start
        marked.node.end_char_idx = None if end is None or offset is None else offset + end
    return marked
