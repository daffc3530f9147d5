"""Texts that tools said, shortened for gateways: each once, and the same bytes ever after."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import asdict
from typing import Annotated

from fastapi import Depends, Request

from ..budget import Budget
from ..errors import RagCompressError
from ..stopping import Stop
from ..tool_results import ToolResult, compress_tool_result
from .compressing import Desk, desk
from .engine import Work

MIN_TOKENS = 100
"""Texts of fewer tokens stay as they are."""
_KEPT_CHARACTERS = 64 << 20


class Replay:
    """Keeps what became of a text, so that a history that is sent again reads the same.

    The least recently used go when the texts outgrow ``max_characters``. Safe to use from several threads.
    """

    def __init__(self, max_characters: int = _KEPT_CHARACTERS) -> None:
        self._max, self._size = max_characters, 0
        self._found: OrderedDict[str, ToolResult] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def key(text: str, question: str, budget: Budget) -> str:
        """A name for the work: whoever asks the same has the same."""
        about = json.dumps([text, question, asdict(budget)], sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()

    def get(self, key: str) -> ToolResult | None:
        """What became of it; None: it is new, or was dropped."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: str, result: ToolResult) -> ToolResult:
        """Keep a result; if another thread was first, its result is the one that counts."""
        with self._lock:
            if (first := self._found.get(key)) is not None:
                return first
            self._found[key] = result
            self._size += len(result.text)
            while self._size > self._max and len(self._found) > 1:
                self._size -= len(self._found.popitem(last=False)[1].text)
            return result


class ToolDesk:
    """Shortens texts for one request."""

    def __init__(self, at: Desk, replay: Replay) -> None:
        self._at, self._replay = at, replay
        self.limits, self.engine = at.limits, at.engine

    async def shorten(
        self, text: str, question: str, budget: Budget, deadline_ms: float | None = None
    ) -> ToolResult:
        """Shorten a text; where nothing can be gained, or all fails, it comes back as it was, with a reason.

        What was answered once is answered again, also where time was short and the words alone decided: a
        model's provider has read it by then, and its prompt cache holds for these bytes only.
        """
        key = Replay.key(text, question, budget)
        if (known := self._replay.get(key)) is not None:
            self._at.count(known.tokens_before, known.tokens_after)
            return known
        main, spare = self.engine.compressor_for({}), self.engine.compressor_for({}, cheap=True)
        plain = budget.without_recall()

        def full(stop: Stop) -> ToolResult:
            return compress_tool_result(
                main, text, question, budget=budget, min_tokens=MIN_TOKENS,
                timeout=stop.seconds_left(), progress=stop.after(None),
            )  # fmt: skip

        def cheap() -> ToolResult:
            try:
                return compress_tool_result(spare, text, question, budget=plain, min_tokens=MIN_TOKENS)
            except RagCompressError as error:
                tokens = main.count(text)
                return ToolResult(text, tokens, tokens, str(error))

        with self._at.span("compress") as tell:
            answer = await self._at.run(Work(full, cheap, self._at.due(deadline_ms)))
            result: ToolResult = answer.value
            limit = plain.limit(result.tokens_before)
            self._at.report(tell, result, documents=1, budget=limit, scorer=main.scorer.name)
        return self._replay.put(key, result)


def tool_desk(request: Request, at: Annotated[Desk, Depends(desk)]) -> ToolDesk:
    """The desk of a request."""
    return ToolDesk(at, request.app.state.replay)


AtToolDesk = Annotated[ToolDesk, Depends(tool_desk)]
