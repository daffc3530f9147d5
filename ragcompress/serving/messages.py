"""Conversations, in headroom's contract: tool results are shortened, all else is handed on as it came.

A tool's result is compressed against its own call and the user's message before it, never against the newest
question: what came out once comes out again, whatever was said since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator

from ..budget import Budget
from .schemas import Body, check_echo, question
from .tools import ToolDesk

_TEXT = "text"


class MessagesIn(Body):
    """A conversation as OpenAI's clients hold it."""

    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2_000)
    model: str | None = None
    deadline_ms: Annotated[float, Field(gt=0)] | None = None

    @field_validator("messages")
    @classmethod
    def _can_be_sent_on(cls, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        check_echo(rows)
        return rows


async def shorten_messages(at: ToolDesk, body: MessagesIn, budget: Budget) -> dict[str, Any]:
    """The same rows, roles and parts; texts of tool rows shorter."""
    at.limits.check([part for row in body.messages for part in _texts(row)])
    before = after = n_shortened = 0
    rows: list[dict[str, Any]] = []
    for i, row in enumerate(body.messages):
        question = _question(body.messages[:i], row) if row.get("role") == "tool" else ""
        if not question or not _all_text(row):
            rows.append(row)
            continue
        parts: list[str] = []
        for text in _texts(row):
            answer = await at.shorten(text, question, budget, body.deadline_ms)
            before, after = before + answer.tokens_before, after + answer.tokens_after
            n_shortened += answer.reason is None
            parts.append(answer.text)
        rows.append(_replace_texts(row, parts))
    return {
        "messages": rows,
        "tokens_before": before,
        "tokens_after": after,
        "tokens_saved": before - after,
        "compression_ratio": after / before if before else 1.0,
        "transforms_applied": [f"ragcompress:{n_shortened}"] if n_shortened else [],
        "ccr_hashes": [],
    }


def _texts(row: Mapping[str, Any]) -> list[str]:
    content = row.get("content")
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)]


def _all_text(row: Mapping[str, Any]) -> bool:
    content = row.get("content")
    if isinstance(content, str):
        return True
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(p, dict) and p.get("type") == _TEXT and isinstance(p.get("text"), str) for p in content
        )
    )


def _replace_texts(row: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    if isinstance(row["content"], str):
        return {**row, "content": texts[0]}
    return {**row, "content": [{**p, "text": t} for p, t in zip(row["content"], texts, strict=True)]}


def _question(earlier: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> str:
    """The user's last message before the result, and the call; empty: neither was sent."""
    request = next((" ".join(_texts(r)) for r in reversed(earlier) if r.get("role") == "user"), "")
    listed = [calls for r in earlier if isinstance(calls := r.get("tool_calls"), list)]
    calls = [c for some in listed for c in some if isinstance(c, dict)]
    call = next((c.get("function") for c in calls if c.get("id") == row.get("tool_call_id")), None)
    named = f"{call.get('name')}: {call.get('arguments')}" if isinstance(call, dict) else ""
    return question(f"{request}\n{named}".strip())
