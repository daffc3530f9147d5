"""Message lists of the OpenAI and Anthropic clients: messages in, messages out. Needs no client."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import unescape

from ragcompress import Budget, CompressedContext, Compressor, Document, InputError

__all__ = ["awith_context", "with_context"]

Message = Mapping[str, Any]
_TEXTS = ("text", "input_text")  # the latter in OpenAI's Responses
# A document as ``format="xml"`` writes it; no sentence holds the tag that closes its content.
_DOCUMENT = re.compile(
    r"<document(?:_\d+)? index=\"\d+\">\n(?:<source>(.*?)</source>\n)?(?:<title>(.*?)</title>\n)?"
    r"<(document_content(?:_\d+)?)>\n(?P<text>.*?)\n</\3>",
    re.DOTALL,
)


def with_context(
    messages: Sequence[Message],
    documents: Sequence[Document | str],
    *,
    compressor: Compressor,
    budget: Budget,
    citations: bool = False,
    **options: Any,
) -> list[Message]:
    """Put what the last question needs of freshly retrieved documents before that question.

    Only the documents are compressed. All messages but the last are handed on untouched, as the same
    objects: providers reuse what they have read of a conversation as long as it begins with the same
    messages, and compressing earlier turns anew would undo that. To keep the prefix stable, continue with the
    messages that come out, not with those that went in.

    Args:
        messages: a conversation that ends with the user's question; ``content`` is a text or a list of
            parts, of which those of type ``text`` (``input_text``) are the question.
        documents: what was retrieved for this question; none: the messages come back as they are.
        compressor: see ``ragcompress.Compressor``.
        budget: for the context, in tokens of the compressor's counter.
        citations: whether each source becomes a part of its own, a search result as Anthropic's clients have
            it, so that the model cites. The compressor needs ``format="xml"``: sources and titles count.
        options: ``timeout`` and ``on_error`` of the compressor's call.

    Raises:
        InputError: if the last message is not a question of the user, or ``citations`` and the compressor's
            format don't go together.
        RagCompressError: from compressing.
    """
    question = _question(messages)
    _check_format(compressor, citations)
    if not documents:
        return list(messages)
    context = compressor(question, _as_documents(documents), budget=budget, **options)
    return _insert(messages, _search_results(context) if citations else context.text)


async def awith_context(
    messages: Sequence[Message],
    documents: Sequence[Document | str],
    *,
    compressor: Compressor,
    budget: Budget,
    citations: bool = False,
    **options: Any,
) -> list[Message]:
    """The same without blocking the event loop."""
    question = _question(messages)
    _check_format(compressor, citations)
    if not documents:
        return list(messages)
    context = await compressor.acompress(question, _as_documents(documents), budget=budget, **options)
    return _insert(messages, _search_results(context) if citations else context.text)


def _check_format(compressor: Compressor, citations: bool) -> None:
    if citations and compressor.plan.format != "xml":
        raise InputError(
            f'citations=True takes sources and titles from a compressor with format="xml", got one with '
            f"format={compressor.plan.format!r}"
        )


def _search_results(context: CompressedContext) -> list[dict[str, Any]]:
    """A search result for each source; a citation names a paragraph, so each is a text of its own."""
    found = []
    for number, m in enumerate(_DOCUMENT.finditer(context.text), 1):
        source, title = (unescape(value) if value else "" for value in m.group(1, 2))
        spans = [p for p in context.pieces if m.start("text") <= p.start < m.end("text")]
        borders = [a.end for a, b in pairwise(spans) if "\n\n" in context.text[a.end : b.start]]
        stretches = pairwise([m.start("text"), *borders, m.end("text")])
        source = source or f"document {number}"
        found.append({
            "type": "search_result",
            "source": source,
            "title": title or source,
            "content": [{"type": "text", "text": context.text[a:b].strip("\n")} for a, b in stretches],
            "citations": {"enabled": True},
        })  # fmt: skip
    return found


def _as_documents(documents: Sequence[Document | str]) -> list[Document]:
    return [Document(d) if isinstance(d, str) else d for d in documents]


def _question(messages: Sequence[Message]) -> str:
    last = messages[-1] if messages else None
    if not isinstance(last, Mapping) or last.get("role") != "user":
        raise InputError("the last message must be the user's question")
    content = last.get("content")
    parts = [content] if isinstance(content, str) else content
    if not isinstance(parts, Sequence):
        raise InputError(
            f"the content of the last message is no text or list of parts: {type(content).__name__}"
        )
    question = "\n".join(filter(None, map(_text_of, parts)))
    if not question.strip():
        raise InputError("the last message holds no text to take for the question")
    return question


def _text_of(part: Any) -> str | None:
    """The text of a part; None: it has none."""
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) and part.get("type") in _TEXTS else None
    return text if isinstance(text, str) else None


def _insert(messages: Sequence[Message], context: str | list[dict[str, Any]]) -> list[Message]:
    """The context before the question's text, behind whatever stands before it (a tool's result, say)."""
    *prefix, last = messages
    content = last["content"]
    if isinstance(content, str):
        if isinstance(context, list):
            return [*prefix, {**last, "content": [*context, {"type": "text", "text": content}]}]
        return [*prefix, {**last, "content": f"{context}\n\n{content}"}]
    first = next(i for i, part in enumerate(content) if _text_of(part) is not None)
    if isinstance(context, list):
        return [*prefix, {**last, "content": [*content[:first], *context, *content[first:]]}]
    block = context if isinstance(content[first], str) else {"type": content[first]["type"], "text": context}
    return [*prefix, {**last, "content": [*content[:first], block, *content[first:]]}]
