"""The contracts of Dify, Compresr and headroom, and MCP's tools with the SDK's own client."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from serving_parts import BRIDGE, count_words, post, serving
from shared import QUESTION

from ragcompress import Budget, Compressor, InputError, scorers
from ragcompress.serving.agent import Agent
from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits
from ragcompress.serving.mcp import build
from ragcompress.serving.roots import Roots

LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(100))
CULPRIT = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(service=Service(Budget(ratio=0.5), limits=Limits(deadline=100))) as found:
        yield found


def test_compresr_shortens_one_and_several(url: str) -> None:
    body = {"context": LOG + CULPRIT, "query": "Why did the build fail?", "target_compression_ratio": 0.9}
    path = "/api/compress/question-specific"
    one = post(url, f"{path}/", body | {"coarse": True, "source": "x"}).json()["data"]
    assert CULPRIT.strip() in one["compressed_context"]
    assert one["compressed_tokens"] <= 0.1 * one["original_tokens"]
    inputs = [body, {"context": "short", "query": "why?"}]
    several = post(url, f"{path}/batch", {"inputs": inputs, "target_compression_ratio": 10}).json()
    first, second = several["data"]["results"]
    assert first["compressed_tokens"] <= 0.1 * first["original_tokens"]
    assert second["compressed_context"] == "short"
    assert post(url, f"{path}/", body | {"query": ""}).status_code == 422


def test_of_messages_only_tool_results_change_and_replay_is_the_same(url: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "read_log", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": LOG},
        {"role": "user", "content": "Why did the build fail?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": LOG + CULPRIT},
    ]
    answer = post(url, "/v1/compress", {"messages": messages}).json()
    assert answer["messages"][:3] == messages[:3]
    row = answer["messages"][3]
    assert CULPRIT.strip() in row["content"]
    assert (row["role"], row["tool_call_id"]) == ("tool", "c1")
    assert answer["tokens_saved"] == answer["tokens_before"] - answer["tokens_after"] > 0
    later = [
        *messages,
        {"role": "assistant", "content": "Disk."},
        {"role": "user", "content": "And heartbeat 3?"},
    ]
    assert post(url, "/v1/compress", {"messages": later}).json()["messages"][3] == row
    unasked = post(url, "/v1/compress", {"messages": messages[3:]}).json()
    assert unasked["messages"] == messages[3:]


@pytest.mark.parametrize("calls", [5, True, "c1", {"id": "c1"}, [5], [{"id": ["c1"], "function": 5}]])
def test_calls_of_another_shape_are_passed_over(url: str, calls: Any) -> None:
    messages = [
        {"role": "user", "content": "Why did the build fail?"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": LOG + CULPRIT},
    ]
    answer = post(url, "/v1/compress", {"messages": messages})
    assert answer.status_code == 200
    assert CULPRIT.strip() in answer.json()["messages"][2]["content"]


def test_dify_asks_upstream_through_us(url: str) -> None:
    from http_server import serving as answering

    records = [
        {"content": BRIDGE, "score": 0.9, "title": "Bridge", "metadata": {"page": 3}},
        {"content": "Ferries leave at noon.", "score": 0.1, "title": "Ferry", "metadata": None},
    ]
    body = {"knowledge_id": "k", "query": QUESTION, "retrieval_setting": {"top_k": 2, "score_threshold": 0.2}}
    assert post(url, "/retrieval", body).status_code == 404
    with answering((200, {}, json.dumps({"records": records}).encode()), (500, {}, b"")) as source:
        service = Service(Budget(max_tokens=9), limits=Limits(deadline=100), upstream=source.url)
        with serving(service=service) as between:
            found = post(between, "/retrieval", body, Authorization="Bearer theirs").json()["records"]
            assert post(between, "/retrieval", body).status_code == 502
        assert source.requests[0][2] == "Bearer theirs"
    (record,) = found
    assert record["content"] == "Anna Lund built the bridge in 1902."
    assert (record["score"], record["title"], record["metadata"]["page"]) == (0.9, "Bridge", 3)
    (span,) = record["metadata"]["ragcompress"]["spans"]
    assert BRIDGE[span["start_char"] : span["end_char"]] == record["content"]


def test_coheres_own_client_reads_our_spans(url: str) -> None:
    http = httpx.Client(timeout=120)
    client = cohere.ClientV2(api_key="any", base_url=url, httpx_client=http)
    documents = ["Ferries leave at noon.", BRIDGE]
    answer = client.rerank(
        model="any", query=QUESTION, documents=documents, relevant_spans={"mode": "enabled"}
    )
    http.close()
    best = answer.results[0]
    assert best.index == 1
    (first, *_) = best.relevant_spans or []
    assert BRIDGE[first.start : first.end] == "Anna Lund built the bridge in 1902."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "root"
    inside.mkdir()
    (inside / "bridge.md").write_text(f"# Bridge\n\n{BRIDGE}\n", encoding="utf-8")
    (inside / "build.log").write_text(LOG + CULPRIT, encoding="utf-8")
    (tmp_path / "secret.md").write_text("Anna Lund built the secret bridge.", encoding="utf-8")
    (inside / "link.md").symlink_to(tmp_path / "secret.md")
    (inside / "up").symlink_to(tmp_path)
    return inside


@pytest.mark.parametrize(
    "path",
    ["../secret.md", "link.md", "up/secret.md", "/etc/passwd", "\\\\host\\share", "//host/share", "a\0b", "",
     "~/x", "no.md", "bridge.md/../../secret.md", "x" * 5000],
)  # fmt: skip
def test_nothing_outside_the_roots_is_read(folder: Path, path: str) -> None:
    with pytest.raises(InputError, match="below the folders"):
        Roots([folder]).files(path)


def test_a_folder_is_read_without_what_leads_out_of_it(folder: Path) -> None:
    names = [Path(file).name for file in Roots([folder]).files(".")]
    assert names == ["bridge.md", "build.log"]


def agent(folder: Path) -> Agent:
    return Agent(lambda: Compressor(scorers.make("bm25"), counter=count_words), Roots([folder]), {})


def test_the_sdks_client_reads_what_matters(folder: Path) -> None:
    async def talk() -> tuple[Any, Any, Any, Any]:
        async with Client(build(agent(folder), has_indexes=False)) as client:
            tools = (await client.list_tools()).tools
            arguments = {"question": QUESTION, "paths": ["."], "max_tokens": 50}
            found = await client.call_tool("read_relevant", arguments)
            (place,) = [e for e in found.structured_content["excerpts"] if "bridge" in e["path"]][:1]
            around = {"path": place["path"], "start": place["start"], "end": place["end"], "around": 1}
            more = await client.call_tool("expand", around)
            refused = await client.call_tool("read_relevant", arguments | {"paths": ["../secret.md"]})
            return tools, found, more, refused

    tools, found, more, refused = asyncio.run(talk())
    assert [t.name for t in tools] == ["read_relevant", "expand"]
    assert all(t.annotations.read_only_hint for t in tools)
    assert "Anna Lund built the bridge in 1902." in found.structured_content["text"]
    assert "bridge.md:3" in found.structured_content["text"]
    assert "secret" not in found.structured_content["text"]
    assert "The bridge is red." in more.structured_content["text"]
    assert refused.is_error
    assert "below the folders" in refused.content[0].text


def test_the_command_speaks_over_stdio(folder: Path, counting_folder: Path) -> None:
    arguments = [
        "-m",
        "ragcompress",
        "mcp",
        "--root",
        str(folder),
        "--scorer",
        "bm25",
        "--proxy",
        str(counting_folder),
    ]
    server = StdioServerParameters(command=sys.executable, args=arguments)

    async def talk() -> Any:
        async with Client(stdio_client(server)) as client:
            return await client.call_tool(
                "read_relevant", {"question": QUESTION, "paths": ["bridge.md"], "max_tokens": 80}
            )

    assert "Anna Lund" in asyncio.run(talk()).structured_content["text"]


def test_what_was_answered_when_time_was_short_is_answered_again() -> None:
    from serving_parts import HeldScorer, held

    scorer = HeldScorer()
    body = {"context": LOG + CULPRIT, "query": "Why did the build fail?", "target_compression_ratio": 0.9}
    path = "/api/compress/question-specific/"
    with serving(held(scorer), Service(limits=Limits(deadline=100))) as url:
        scorer.go.clear()
        short = post(url, path, body | {"deadline_ms": 200}).json()["data"]["compressed_context"]
        scorer.go.set()
        later = post(url, path, body).json()["data"]["compressed_context"]
    assert CULPRIT.strip() in short
    assert later == short
