"""LangChain agents: long tool results are shortened when they are born. Needs the extra ``agents``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AnyMessage, HumanMessage, ToolMessage
from langgraph.types import Command

from ragcompress import Budget, InputError, compress_tool_result

from ._documents import KEY
from ._settings import Settings

__all__ = ["RagCompressToolMiddleware"]

_LOG = logging.getLogger("ragcompress")
_RATIO = 0.2
_KEPT = 1_000  # results; an agent's history itself holds those that went to its model
_LIMIT = 8_000  # characters of the question that the scorer reads


class RagCompressToolMiddleware(AgentMiddleware[Any, Any, Any]):
    """Shortens a tool's result once, against its call and the user's last message.

    What goes to the model is decided when the result comes in, and never again: earlier messages stay as they
    are, so that providers' prompt caches stay warm. The same result for the same call and question gives the
    same bytes, also from several threads. The original is in ``ToolMessage.artifact``, under ``ragcompress``;
    an artifact of the tool's own is kept beside it.

    Passed on as they came: errors, short results, results with parts that are not text, commands, and what
    would not get shorter. In JSON all keys, numbers and short texts stay; only long texts give way.

    Args:
        min_tokens: results of fewer tokens stay as they are.
        tools: names of the tools whose results are shortened; None: all.
        settings: the fields of ``RagCompressor``: ``max_tokens`` or ``ratio``, ``scorer``, ``timeout`` …

    Raises:
        InputError: if ``min_tokens`` is below 0.
        pydantic.ValidationError: for a setting that can't be used.
    """

    def __init__(self, *, min_tokens: int = 500, tools: Sequence[str] | None = None, **settings: Any) -> None:
        super().__init__()
        if min_tokens < 0:
            raise InputError(f"min_tokens must be at least 0, got {min_tokens}")
        self.settings = Settings(**{"on_error": "passthrough", **settings})
        self._min_tokens, self._tools = min_tokens, None if tools is None else frozenset(tools)
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Call the tool and shorten what it says."""
        return self._shorten_message(request, handler(request))

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Call the tool and shorten what it says, in a thread."""
        return await asyncio.to_thread(self._shorten_message, request, await handler(request))

    def _shorten_message(
        self, request: ToolCallRequest, result: ToolMessage | Command[Any]
    ) -> ToolMessage | Command[Any]:
        call = request.tool_call
        if not isinstance(result, ToolMessage) or result.status == "error":
            return result
        if self._tools is not None and call["name"] not in self._tools:
            return result
        texts = _texts(result.content)
        if texts is None:
            return result
        question = _question(request.state, call)
        shorter = [self._shorten(text, question) for text in texts]
        if shorter == texts:
            return result
        content: Any = shorter[0]
        if not isinstance(result.content, str):
            content = [_part(part, text) for part, text in zip(result.content, shorter, strict=True)]
        artifact = {KEY: {"original": result.content}, "artifact": result.artifact}
        return result.model_copy(update={"content": content, "artifact": artifact})

    def _shorten(self, text: str, question: str) -> str:
        key = hashlib.sha256(json.dumps([text, question]).encode()).hexdigest()
        with self._lock:
            if (known := self._known.get(key)) is not None:
                return known
        compressor = self.settings._compressor()
        plan = compressor.plan
        try:
            shortened = compress_tool_result(
                compressor,
                text,
                question,
                budget=plan.budget or Budget(ratio=_RATIO),
                min_tokens=self._min_tokens,
                timeout=plan.timeout,
            ).text
        except Exception as error:
            if plan.on_error == "raise":
                raise
            _LOG.warning("a tool's result was passed on whole: %s: %s", type(error).__name__, error)
            return text  # and not kept: the next try may do better
        with self._lock:
            first = self._known.setdefault(key, shortened)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return first


def _texts(content: Any) -> list[str] | None:
    """The texts of a result; None: not all of it is text."""
    if isinstance(content, str):
        return [content]
    texts = [part if isinstance(part, str) else part.get("text") for part in content]
    plain = all(isinstance(part, str) or part.get("type") == "text" for part in content)
    return texts if plain and texts and all(isinstance(text, str) for text in texts) else None


def _part(part: Any, text: str) -> Any:
    return text if isinstance(part, str) else {**part, "text": text}


def _question(state: Any, call: Any) -> str:
    """The user's last message and the call: what the result was asked for."""
    messages: Sequence[AnyMessage] = (
        state if isinstance(state, list) else state.get("messages", ()) if isinstance(state, dict) else ()
    )
    request = next((m.text for m in reversed(messages) if isinstance(m, HumanMessage)), "")
    arguments = json.dumps(call["args"], ensure_ascii=False, sort_keys=True, default=str)
    return f"{request}\n{call['name']}: {arguments}".strip()[:_LIMIT]
