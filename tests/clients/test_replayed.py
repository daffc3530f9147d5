"""Requests as the sources of Dify and Open WebUI make them, and an agent's loop with OpenAI's client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from http_server import Answer
from http_server import serving as answering
from serving_parts import BRIDGE, post, serving
from shared import QUESTION

from ragcompress import Budget
from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits

DOCUMENTS = ["Ferries leave at noon.", BRIDGE, "Bread is baked at night."]
LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(100))
CULPRIT = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(service=Service(Budget(ratio=0.2), limits=Limits(deadline=100))) as found:
        yield found


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank"])
def test_open_webui_matches_scores_by_position(url: str, path: str) -> None:
    """``ExternalReranker.predict``: sorted by index, then one score for each document."""
    body = {"model": "reranker", "query": QUESTION, "documents": DOCUMENTS, "top_n": len(DOCUMENTS)}
    user = {"X-OpenWebUI-User-Name": "ann", "Authorization": "Bearer"}
    results = sorted(post(url, path, body, **user).json()["results"], key=lambda r: r["index"])
    scores = [r["relevance_score"] for r in results]
    assert len(scores) == len(DOCUMENTS)
    assert max(range(3), key=scores.__getitem__) == 1
    # After a 422 it asks again in TEI's words.
    asked = {"query": QUESTION, "texts": DOCUMENTS, "truncate": True}
    again = sorted(post(url, path, asked).json(), key=lambda r: r["index"])
    assert [r["score"] for r in again] == scores


def test_difys_openai_compatible_reranker(url: str) -> None:
    """``OpenAIRerankModel``: an empty ``Authorization`` where no key is set."""
    body = {"model": "any", "query": QUESTION, "documents": DOCUMENTS, "top_n": 2}
    answer = post(url, "/v1/rerank", body, Authorization="")
    assert answer.status_code == 200
    found = {r["index"]: r["relevance_score"] for r in answer.json()["results"]}
    assert len(found) == 2
    assert all(0 <= score <= 1 for score in found.values())


def test_difys_tei_plugin_asks_what_is_served_first(url: str) -> None:
    told = httpx.get(f"{url}/info", timeout=120).json()
    assert list(told["model_type"]) == ["reranker"]
    assert told["max_client_batch_size"] >= 1
    body = {"query": QUESTION, "texts": DOCUMENTS, "raw_scores": False, "return_text": True}
    answer = post(url, "/rerank", body | {"truncate": True, "truncation_direction": "Right"}).json()
    assert {r["index"]: r["text"] for r in answer} == dict(enumerate(DOCUMENTS))


def test_difys_jina_plugin(url: str) -> None:
    body = {"model": "any", "query": QUESTION, "documents": DOCUMENTS, "top_n": 3, "return_documents": False}
    results = post(url, "/v1/rerank", body).json()["results"]
    assert all("document" not in r for r in results)


def test_difys_external_knowledge_in_front_of_another_source(url: str) -> None:
    """Every field of Dify's request is handed on; records have the four fields that it reads."""
    condition = {
        "logical_operator": "and",
        "conditions": [{"name": ["page"], "comparison_operator": "is", "value": "3"}],
    }
    body = {
        "knowledge_id": "k-1",
        "query": QUESTION,
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0},
        "metadata_condition": condition,
    }
    records = [
        {"content": text, "score": 0.5, "title": f"{i}", "metadata": None} for i, text in enumerate(DOCUMENTS)
    ]
    with answering((200, {}, json.dumps({"records": records}).encode())) as source:
        service = Service(Budget(max_tokens=9), limits=Limits(deadline=100), upstream=source.url)
        with serving(service=service) as between:
            found = post(between, "/retrieval", body, Authorization="Bearer k").json()["records"]
        assert source.requests[0][1] == body
    assert found
    assert all(set(r) == {"content", "score", "title", "metadata"} for r in found)
    assert all(isinstance(r["metadata"], dict) for r in found)


def tool_call(name: str, arguments: dict[str, Any]) -> Answer:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    return completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")


def completion(message: dict[str, Any], reason: str = "stop") -> Answer:
    choice = {"index": 0, "finish_reason": reason, "message": message}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def test_an_agents_loop_sends_shorter_tool_results_and_the_same_ones_again(url: str) -> None:
    """The model asks for a log; what the tool says goes through us before it is sent back."""
    final = completion({"role": "assistant", "content": "No space left."})
    messages: list[Any] = [{"role": "user", "content": "Why did the build fail?"}]
    with answering(tool_call("read_log", {"path": "build.log"}), final, final) as model:
        with openai.OpenAI(api_key="none", base_url=model.url, max_retries=0) as client:
            while True:
                shorter = post(url, "/v1/compress", {"messages": messages}).json()["messages"]
                answer = client.chat.completions.create(model="m", messages=shorter).choices[0].message
                messages.append(answer.model_dump(exclude_none=True))
                if not answer.tool_calls:
                    break
                messages += [
                    {"role": "tool", "tool_call_id": call.id, "content": LOG + CULPRIT}
                    for call in answer.tool_calls
                ]
            messages.append({"role": "user", "content": "Is that so?"})
            shorter = post(url, "/v1/compress", {"messages": messages}).json()["messages"]
            client.chat.completions.create(model="m", messages=shorter)
    _, second, third = (body["messages"] for _, body, _ in model.requests)
    assert CULPRIT.strip() in second[2]["content"]
    assert len(second[2]["content"]) < 0.3 * len(LOG)
    assert third[2] == second[2]
    assert third[0] == second[0] == messages[0]
