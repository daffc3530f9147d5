"""The middleware in a real LangChain agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import ValidationError

from ragcompress import InputError, scorers
from ragcompress_adapters.agents import RagCompressToolMiddleware

LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(200))
CULPRIT = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"
QUESTION = "Why has the build failed?"


@tool
def read_log(name: str) -> str:
    """Read a log."""
    return LOG + CULPRIT + LOG


@tool
def fail(name: str) -> str:
    """Fail."""
    raise ValueError(LOG)


class Model(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def middleware(**more: Any) -> RagCompressToolMiddleware:
    given = {"scorer": scorers.make("bm25"), "counter": lambda text: len(text.split()), "max_tokens": 60}
    return RagCompressToolMiddleware(min_tokens=50, **(given | more))


def agent(ours: RagCompressToolMiddleware) -> Any:
    call = {"name": "read_log", "args": {"name": "build"}, "id": "c1", "type": "tool_call"}
    model = Model(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("No space.")]))
    return create_agent(model, tools=[read_log], middleware=[ours])


def results(state: dict[str, Any]) -> list[ToolMessage]:
    return [m for m in state["messages"] if isinstance(m, ToolMessage)]


def test_a_long_result_is_shortened_and_the_original_kept() -> None:
    (message,) = results(agent(middleware()).invoke({"messages": [HumanMessage(QUESTION)]}))
    assert CULPRIT.strip() in message.text
    assert len(message.text.split()) <= 60
    assert message.artifact["ragcompress"]["original"] == LOG + CULPRIT + LOG
    assert message.tool_call_id == "c1"


def test_async_gives_the_same_bytes() -> None:
    ours = middleware()
    (one,) = results(agent(ours).invoke({"messages": [HumanMessage(QUESTION)]}))
    (two,) = results(asyncio.run(agent(middleware()).ainvoke({"messages": [HumanMessage(QUESTION)]})))
    assert one.content == two.content


def shortened(ours: RagCompressToolMiddleware, content: Any, **more: Any) -> ToolMessage:
    class Request:
        tool_call = {"name": "read_log", "args": {"name": "build"}, "id": "c1"}  # noqa: RUF012
        state = {"messages": [HumanMessage(QUESTION)]}  # noqa: RUF012

    handler: Callable[[Any], Any] = lambda _: ToolMessage(content, tool_call_id="c1", **more)  # noqa: E731
    found = ours.wrap_tool_call(Request(), handler)  # type: ignore[arg-type]
    assert isinstance(found, ToolMessage)
    return found


def test_many_threads_give_the_same_bytes() -> None:
    ours = middleware()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shortened(ours, LOG + CULPRIT).content, range(32)))
    assert set(found) == {shortened(middleware(), LOG + CULPRIT).content}


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("short", {}),
        (LOG, {"status": "error"}),
        ([{"type": "text", "text": LOG}, {"type": "image", "url": "x"}], {}),
        (json.dumps({"id": 17, "rows": list(range(500))}), {}),
    ],
)
def test_what_is_not_for_us_passes(content: Any, more: dict[str, Any]) -> None:
    found = shortened(middleware(), content, **more)
    assert found.content == content
    assert found.artifact is None


def test_other_tools_pass_where_tools_are_named() -> None:
    assert shortened(middleware(tools=["other"]), LOG).content == LOG


def test_parts_of_text_are_shortened_in_place() -> None:
    parts = [{"type": "text", "text": LOG + CULPRIT, "id": "p"}]
    (part,) = shortened(middleware(), parts).content
    assert isinstance(part, dict)
    assert part["id"] == "p"
    assert CULPRIT.strip() in part["text"]


def test_ids_in_json_stay() -> None:
    body = "Heartbeat is fine. " * 100 + "The build failed: no space left. "
    found = shortened(middleware(max_tokens=20), json.dumps({"id": "a-17", "next": 18, "body": body})).text
    value = json.loads(found)
    assert (value["id"], value["next"]) == ("a-17", 18)
    assert value["body"].endswith("The build failed: no space left.")
    assert len(value["body"].split()) <= 20


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="min_tokens"):
        RagCompressToolMiddleware(min_tokens=-1)
    with pytest.raises(ValidationError, match="ratio"):
        middleware(max_tokens=None, ratio=2)
