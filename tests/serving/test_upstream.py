"""``/retrieval`` over sources that misbehave, or do not answer."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from http_server import serving as answering
from serving_parts import BRIDGE, get, post, serving
from shared import QUESTION

from ragcompress import Budget
from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits

BODY = {"knowledge_id": "k", "query": QUESTION, "retrieval_setting": {"top_k": 9, "score_threshold": 0.0}}
GOOD = {"content": BRIDGE, "score": 0.9, "title": "Bridge", "metadata": {"page": 3}}


def asked(records: Any, status: int = 200) -> Any:
    """What Dify gets when the source answers that."""
    content = records if isinstance(records, bytes) else json.dumps({"records": records}).encode()
    with answering((status, {}, content)) as source:
        service = Service(Budget(max_tokens=12), limits=Limits(deadline=100), upstream=source.url)
        with serving(service=service) as url:
            answer = post(url, "/retrieval", BODY)
            assert get(f"{url}/readyz").status_code == 200
    return answer


def test_a_bad_record_never_costs_the_others() -> None:
    bad = [
        7,
        {"title": "no content"},
        {"content": None},
        {"content": "Half a pair \ud800.", "title": "\udc00"},
        {"content": "Ferries leave.", "score": "high", "title": 7, "metadata": [1]},
        {"content": "Ferries.", "score": float("nan"), "metadata": {"a": float("inf"), "b": "\ud800"}},
    ]
    answer = asked([*bad, GOOD])
    assert answer.status_code == 200
    last = answer.json()["records"][-1]
    assert last["content"].endswith("Anna Lund built the bridge in 1902.")
    assert (last["score"], last["title"], last["metadata"]["page"]) == (0.9, "Bridge", 3)


NONSENSE = [b"", b"[]", b'{"records": 7}', b'{"records": {}}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("content", NONSENSE, ids=range(len(NONSENSE)))
def test_a_source_that_talks_nonsense_is_502(content: bytes) -> None:
    answer = asked(content)
    assert answer.status_code == 502
    assert "gave" in answer.json()["message"]


def test_a_source_without_hits_is_no_error() -> None:
    assert asked([]).json() == {"records": []}
    assert asked([{"content": " \n"}]).json() == {"records": []}


def test_a_source_that_does_not_answer_fills_the_queue_and_no_more() -> None:
    go, came = threading.Event(), threading.Semaphore(0)

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.release()
            go.wait(60)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"records": [GOOD]}).encode())

        def log_message(self, *_: object) -> None: ...

    source = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=source.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    upstream = f"http://127.0.0.1:{source.server_port}"
    service = Service(limits=Limits(threads=1, queue=1, deadline=100), upstream=upstream)
    try:
        with serving(service=service) as url, ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(post, url, "/retrieval", BODY) for _ in range(2)]
            for _ in waiting:
                assert came.acquire(timeout=60)
            refused = post(url, "/retrieval", BODY)
            go.set()
            answers = [w.result() for w in waiting]
    finally:
        go.set()
        source.shutdown()
        source.server_close()
        thread.join()
    # A fifth of one short record holds no sentence; that is no fault of whoever asks.
    assert [a.json()["records"][0]["content"] for a in answers] == [BRIDGE] * 2
    assert {a.headers["x-ragcompress-outcome"] for a in answers} == {"passthrough"}
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


def test_an_index_that_is_gone_is_said(tmp_path: Path) -> None:
    service = Service(limits=Limits(deadline=100), indexes={"k": tmp_path / "gone"})
    with serving(service=service) as url:
        answer = post(url, "/retrieval", BODY)
        assert (answer.status_code, "gone" in answer.json()["message"]) == (502, True)
        unknown = post(url, "/retrieval", BODY | {"knowledge_id": "other"})
        assert (unknown.status_code, "knowledge_id 'other'" in unknown.json()["message"]) == (404, True)
