"""``/api/compress/question-specific/`` and ``…/batch``: what LiteLLM's guardrail ``compresr`` calls.

After litellm 1.110.2: a text and a question in, the shorter text out; a ratio below 1 is the share that goes.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, Field

from ..budget import Budget
from .schemas import Body, example, question
from .tools import AtToolDesk, ToolDesk

_INPUT = {
    "context": "11:00 INFO compiling\n11:01 ERROR no space left on device\n11:02 INFO stopping\n",
    "query": "read_log: why did the build fail?",
}
_RATIO = {"target_compression_ratio": 0.6}


class InputIn(Body):
    """A text, and what is looked for in it."""

    context: str
    query: Annotated[
        str,
        Field(
            min_length=1, pattern=r"\S", description="What is looked for; its first 4,000 characters count."
        ),
        AfterValidator(question),
    ]


class SettingsIn(Body):
    """How much goes: up to 1 the share that is removed, above 1 the factor by which the text shrinks.

    ``deadline_ms`` is ours: LiteLLM sends what its ``compression_params`` hold.
    """

    target_compression_ratio: Annotated[float, Field(ge=0)] | None = None
    deadline_ms: Annotated[float, Field(gt=0)] | None = None

    def budget(self, default: Budget) -> Budget:
        """The budget as the library has it."""
        ratio = self.target_compression_ratio
        if ratio is None:
            return default
        kept = 1 - ratio if ratio < 1 else 1 / ratio
        return Budget(ratio=min(1.0, max(kept, 0.01)))


class OneIn(InputIn, SettingsIn):
    """One text."""


class BatchIn(SettingsIn):
    """Several texts, each with a question of its own."""

    inputs: list[InputIn] = Field(min_length=1, max_length=200)


def router(default: Budget) -> APIRouter:
    """The endpoints.

    Args:
        default: the budget of requests that name no ratio.
    """
    made = APIRouter(prefix="/api/compress/question-specific", tags=["compresr"])

    @made.post("/", openapi_extra=example(_INPUT | _RATIO))
    async def one(body: OneIn, at: AtToolDesk) -> dict[str, Any]:
        """Shorten one text; it comes back as it was where it can't be shortened."""
        return {"data": await _shorten(at, body, body.budget(default), body.deadline_ms)}

    @made.post("/batch", openapi_extra=example({"inputs": [_INPUT], **_RATIO}))
    async def batch(body: BatchIn, at: AtToolDesk) -> dict[str, Any]:
        """Shorten several texts, in order."""
        at.limits.check([item.context for item in body.inputs])
        budget = body.budget(default)
        deadline = body.deadline_ms
        return {"data": {"results": [await _shorten(at, item, budget, deadline) for item in body.inputs]}}

    return made


async def _shorten(at: ToolDesk, item: InputIn, budget: Budget, deadline_ms: float | None) -> dict[str, Any]:
    at.limits.check([item.context])
    answer = await at.shorten(item.context, item.query, budget, deadline_ms)
    return {
        "compressed_context": answer.text,
        "original_tokens": answer.tokens_before,
        "compressed_tokens": answer.tokens_after,
    }
