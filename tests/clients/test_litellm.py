"""LiteLLM's proxy as a process, its guardrail asking our server, a stub model behind it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import litellm_parts as gateway
import pytest
from serving_parts import BRIDGE, count_words, post, serving
from shared import QUESTION

from ragcompress import Budget
from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits

LITELLM = gateway.litellm_command(Path(__file__).parents[2])
LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(200))
CULPRIT = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "read_build_log", "arguments": '{"of": "failed"}'},
}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You help." + LOG},
    {"role": "user", "content": "Why did the build fail?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": LOG + CULPRIT},
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(LITELLM is None, reason="LiteLLM is not there: make clients"),
]


def test_the_guardrail_shortens_tool_results_once_and_fails_open(tmp_path: Path) -> None:
    assert LITELLM is not None
    stub = gateway.StubModel(count_words)
    asked = {"model": gateway.MODEL, "messages": MESSAGES}
    later = [*MESSAGES, {"role": "assistant", "content": "Disk."}, {"role": "user", "content": "And then?"}]
    service = Service(Budget(ratio=0.2), limits=Limits(deadline=100))
    try:
        with serving(service=service) as server:
            config = gateway.configuration(
                stub.url, server, {"target_compression_ratio": 0.9, "allow_bypass_header": True}
            )
            with gateway.proxy(LITELLM, config, tmp_path) as url:
                client = httpx.Client(base_url=url, timeout=300)
                answers = [
                    client.post("/v1/chat/completions", json=asked),
                    client.post("/v1/chat/completions", json=asked | {"messages": later}),
                ]
                bypass = httpx.Headers({"x-compresr-bypass": "true"})
                whole = client.post("/v1/chat/completions", json=asked, headers=bypass)
                lines = gateway.spend(tmp_path, 3)
                client.close()
        with gateway.proxy(LITELLM, config, tmp_path) as url:  # our server is gone by now
            alone = httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=300)
    finally:
        stub.close()
    assert [a.status_code for a in (*answers, whole, alone)] == [200] * 4
    first, second, *_, last = stub.messages
    row = first[3]
    assert first[:2] == MESSAGES[:2]
    assert CULPRIT.strip() in row["content"]
    assert (row["role"], row["tool_call_id"]) == ("tool", "c1")
    assert count_words(row["content"]) < 0.2 * count_words(LOG + CULPRIT)
    assert second[3] == row, "the history that is sent again must read the same"
    assert stub.messages[2][3]["content"] == LOG + CULPRIT, (
        "a request may say that it must go through as it is"
    )
    assert last[3]["content"] == LOG + CULPRIT, "fail_open"
    told = lines[0]["guardrail_information"]
    saved = [
        i["guardrail_response"]["tokens_saved"] for i in told if "tokens_saved" in i["guardrail_response"]
    ]
    assert saved[0] > 0.8 * count_words(LOG)
    n_words = sum(count_words(m.get("content") or "") for m in first)
    assert answers[0].json()["usage"]["prompt_tokens"] == n_words


RERANK = """
import json, sys, litellm

providers, question, texts = map(json.loads, sys.argv[2:])
for model, path in providers:
    found = litellm.rerank(model=model, query=question, documents=texts, top_n=2,
                           api_base=sys.argv[1] + path, api_key="any", return_documents=True)
    print(json.dumps([[r["index"], r["relevance_score"], r["document"]["text"]] for r in found.results]))
"""


def test_each_of_its_rerank_providers_reads_our_answers() -> None:
    assert LITELLM is not None
    providers = [("cohere/x", ""), ("jina_ai/x", "/v1/rerank"), ("hosted_vllm/x", ""), ("huggingface/x", "")]
    texts = ["Ferries leave at noon.", BRIDGE]
    with serving(service=Service(limits=Limits(deadline=100))) as url:
        results = post(url, "/rerank", {"query": QUESTION, "documents": texts}).json()["results"]
        ended = subprocess.run(
            [LITELLM.parent / "python", "-c", RERANK, url, *map(json.dumps, (providers, QUESTION, texts))],
            capture_output=True, text=True, timeout=500, check=False,
            env={**os.environ, "PYTHONPATH": "", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    expected = [[r["index"], pytest.approx(r["relevance_score"]), texts[r["index"]]] for r in results]
    assert [json.loads(line) for line in ended.stdout.splitlines()] == [expected] * len(providers)
