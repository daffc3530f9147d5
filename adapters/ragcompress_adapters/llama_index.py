"""LlamaIndex: a node postprocessor that compresses what a retriever found. Needs ``llama-index-core``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ragcompress import Budget, BudgetTooSmall, CompressedContext, InputError, MissingExtra

try:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
except ImportError as error:
    raise MissingExtra("the LlamaIndex adapter", "llama-index") from error

from ._documents import KEY, Kept, Source, mark_passthrough, to_list, to_offset
from ._settings import Compressed, Settings

__all__ = ["RagCompressPostprocessor"]

# Sizes that are tried where metadata takes the room of texts: to a hundredth of what is there.
_TRIES = 7


class RagCompressPostprocessor(Settings, BaseNodePostprocessor):
    """Keeps the sentences of nodes that a query needs, word for word, under one budget for all.

    Returns copies of the nodes that keep something: with their ids, relationships and metadata, and the
    retriever's score. ``start_char_idx`` and ``end_char_idx`` are those of the new text where it is an
    unbroken part of the old one, and None where sentences are missing inside. Nodes that hold no text, such
    as images, are passed on as they are.

    Under ``ragcompress`` in the metadata, which neither the LLM nor the embedding gets to see:

    - ``index``: the place in the input.
    - ``relevance_score``, ``tokens_before``, ``tokens_after``, ``scorer``.
    - ``spans``: ``start``, ``end`` in the new text, and ``score``. ``start_char``, ``end_char`` are in the
      source document where the node knows its place in it, else in the node.

    The budget holds for what the LLM gets to see: the texts with the metadata that LlamaIndex writes before
    each, joined with blank lines. Where not one text fits with its metadata, they come without.

    Example:
        ```python
        engine = index.as_query_engine(
            similarity_top_k=20, node_postprocessors=[RagCompressPostprocessor(max_tokens=800)]
        )
        ```
    """

    count_metadata: bool = True
    """Whether the metadata that the LLM sees counts; without, the budget holds for the texts alone."""

    @classmethod
    def class_name(cls) -> str:
        """Name in LlamaIndex's serialized settings."""
        return "RagCompressPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        nodes = to_list(nodes, "node", "NodeWithScore")
        query, places = _query(query_bundle), _places_with_text(nodes)
        compressed = self._compress(query, _sources(nodes, places)) if places else Compressed()
        return self._fit(nodes, places, compressed)

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        nodes = to_list(nodes, "node", "NodeWithScore")
        query, places = _query(query_bundle), _places_with_text(nodes)
        compressed = await self._acompress(query, _sources(nodes, places)) if places else Compressed()
        return await asyncio.to_thread(self._fit, nodes, places, compressed)

    def _fit(
        self, nodes: list[NodeWithScore], places: list[int], compressed: Compressed
    ) -> list[NodeWithScore]:
        """The nodes, with so little text that it fits together with the metadata: from the same scores."""
        made = self._to_nodes(nodes, places, compressed)
        context, budget = compressed.context, self.plan().budget
        if context is None or budget is None or not self.count_metadata:
            return made
        most = budget.limit(self._seen([nodes[i] for i in places]))
        if self._seen(made) <= most:
            return made
        fitting: list[NodeWithScore] | None = None
        low, high = 0, context.tokens_after
        for _ in range(_TRIES):
            room = (low + high) // 2
            smaller = replace(budget, max_tokens=room, ratio=None, min_tokens=0) if room else None
            fewer = self._again(context, _sources(nodes, places), smaller) if smaller else None
            tried = None if fewer is None else self._to_nodes(nodes, places, fewer)
            if tried is not None and self._seen(tried) > most:
                high = room
            else:
                fitting, low = tried or fitting, room
        return [_unlabeled(n) for n in made] if fitting is None else fitting

    def _again(self, context: CompressedContext, sources: list[Source], budget: Budget) -> Compressed | None:
        """A selection for another budget; None: nothing is so small."""
        compressor, known = self._compressor(), (context.question, context.segmentation)
        try:
            made = compressor(*known, budget=budget, scores=context.scores, on_error="raise")
        except BudgetTooSmall:
            return None
        return self._result(made, sources)

    def _seen(self, nodes: Sequence[NodeWithScore]) -> int:
        """Tokens of what the LLM gets to see of nodes."""
        return self.count("\n\n".join(n.node.get_content(MetadataMode.LLM) for n in nodes if _text(n)))

    def _to_nodes(
        self, nodes: list[NodeWithScore], places: list[int], compressed: Compressed
    ) -> list[NodeWithScore]:
        """Nodes for what was kept, and those that hold no text but something else."""
        if compressed.passthrough is not None:
            return [
                _with_metadata(n, mark_passthrough(n.node.metadata, compressed.passthrough)) for n in nodes
            ]
        kept_nodes = [(places[kept.index], kept) for kept in compressed.kept]
        shortened = [(i, _shorten(nodes[i], kept, i)) for i, kept in kept_nodes]
        with_text = set(places)
        others = [(i, n) for i, n in enumerate(nodes) if i not in with_text and not _holds_nothing(n.node)]
        if self.plan().order == "source":
            return [n for _, n in sorted(shortened + others, key=lambda pair: pair[0])]
        return [n for _, n in shortened + others]


def _query(bundle: QueryBundle | None) -> str:
    if bundle is None:
        raise InputError("compression needs a query: give query_bundle or query_str")
    return bundle.query_str


def _text(node: NodeWithScore) -> str:
    return node.node.get_content(MetadataMode.NONE)


def _sources(nodes: list[NodeWithScore], places: list[int]) -> list[Source]:
    return [_source(nodes[i]) for i in places]


def _source(node: NodeWithScore) -> Source:
    start, end = (getattr(node.node, f"{name}_char_idx", None) for name in ("start", "end"))
    return Source(_text(node), node.node.node_id, node.node.metadata, start, end, node.score)


def _places_with_text(nodes: list[NodeWithScore]) -> list[int]:
    return [i for i, n in enumerate(nodes) if _text(n).strip()]


def _holds_nothing(node: BaseNode) -> bool:
    """Whether a node without text has no image or the like either, and refers to no other node."""
    media = (getattr(node, f"{kind}_resource", None) for kind in ("image", "audio", "video"))
    return node.class_name() in ("TextNode", "Node", "Document") and not any(media)


def _with_metadata(node: NodeWithScore, metadata: dict[str, Any]) -> NodeWithScore:
    """A copy with other metadata, of which ours is for programs only."""
    changed: dict[str, Any] = {"metadata": metadata}
    for name in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys"):
        changed[name] = [*(key for key in getattr(node.node, name) if key != KEY), KEY]
    return NodeWithScore(node=node.node.model_copy(update=changed), score=node.score)


def _unlabeled(node: NodeWithScore) -> NodeWithScore:
    """A copy whose metadata the LLM does not see."""
    hidden = {"excluded_llm_metadata_keys": list(node.node.metadata)}
    return NodeWithScore(node=node.node.model_copy(update=hidden), score=node.score)


def _shorten(node: NodeWithScore, kept: Kept, place: int) -> NodeWithScore:
    details = {**kept.details, "index": place, "relevance_score": kept.score}
    marked = _with_metadata(node, kept.metadata | {KEY: details})
    marked.node.set_content(kept.text)
    if hasattr(marked.node, "start_char_idx") and hasattr(marked.node, "end_char_idx"):
        start, end = _range(_source(node), kept)
        marked.node.start_char_idx, marked.node.end_char_idx = start, end
    return marked


def _range(source: Source, kept: Kept) -> tuple[int | None, int | None]:
    """Where an unbroken text is in its file; None where sentences are missing, or the place is not known."""
    offset = to_offset(source.start)
    known = kept.details["spans"][0]["start_char"] is not None
    if offset is None or kept.start is None or kept.end is None or not known:
        return None, None
    return offset + kept.start, offset + kept.end
