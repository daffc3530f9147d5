"""The HTTP server over real sockets: contracts, bounds, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest
from serving_parts import (
    BRIDGE,
    HeldScorer,
    count_words,
    get,
    held,
    post,
    running,
    serving,
    words_only,
)
from shared import QUESTION

from ragcompress import Budget, Compressor, Document, ModelNotFound, Scores, Segmentation, scorers
from ragcompress.data import Progress
from ragcompress.serving.app import Service, create_app
from ragcompress.serving.engine import OnLookup
from ragcompress.serving.limits import Keys, Limits, NotReady
from ragcompress.serving.running import _Protocol
from ragcompress.stopping import Bounds

RERANKS = ("/rerank", "/v1/rerank", "/v2/rerank")
DOCUMENTS = ["Ferries leave at noon.", BRIDGE, "", "The bridge."]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    limits = Limits(deadline=100, body_bytes=1 << 20, documents=200, characters=300_000, rank_documents=50)
    with serving(service=Service(limits=limits)) as found:
        yield found


def test_compress_answers_what_the_library_does(url: str) -> None:
    documents = [
        {"text": BRIDGE, "title": "Bridge", "id": 7, "metadata": {"source": "b.md"}},
        "Other. Words.",
    ]
    body = {"query": QUESTION, "documents": documents, "budget": {"ratio": 0.5}, "order": "best-first"}
    answer = post(url, "/v1/compress", body).json()
    sources = [Document(BRIDGE, "Bridge", "7", {"source": "b.md"}), Document("Other. Words.")]
    compressor = Compressor(scorers.make("bm25"), counter=count_words, order="best-first")
    expected = compressor(QUESTION, sources, budget=Budget(ratio=0.5)).to_dict()
    ignored = ("seconds", "settings")
    assert {k: v for k, v in answer.items() if k not in ignored} == {
        k: v for k, v in expected.items() if k not in ignored
    }


def test_without_explain_the_dropped_are_left_out(url: str) -> None:
    body = {"query": QUESTION, "documents": [BRIDGE], "budget": {"max_tokens": 8}, "explain": False}
    answer = post(url, "/v1/compress", body).json()
    assert answer["text"] == "Anna Lund built the bridge in 1902."
    assert "dropped" not in answer


@pytest.mark.parametrize("path", RERANKS)
def test_a_rerank_returns_every_document_best_first(url: str, path: str) -> None:
    answer = post(url, path, {"model": "any", "query": QUESTION, "documents": DOCUMENTS}).json()
    scores = [result["relevance_score"] for result in answer["results"]]
    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2, 3]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert answer["results"][0]["index"] == 1
    assert answer["model"] == "any"
    assert answer["meta"]["tokens"]["input_tokens"] == answer["usage"]["total_tokens"]
    assert all(result.keys() == {"index", "relevance_score"} for result in answer["results"])


@pytest.mark.parametrize("path", RERANKS)
def test_texts_are_answered_as_tei_does(url: str, path: str) -> None:
    answer = post(url, path, {"query": QUESTION, "texts": DOCUMENTS, "truncate": True}).json()
    assert [set(row) for row in answer] == [{"index", "score"}] * 4
    assert answer[0]["index"] == 1
    shown = post(url, path, {"query": QUESTION, "texts": DOCUMENTS, "return_text": True}).json()
    assert {row["index"]: row["text"] for row in shown} == dict(enumerate(DOCUMENTS))


@pytest.mark.parametrize("name", ["top_n", "top_k"])
def test_top_n_cuts_the_list(url: str, name: str) -> None:
    answer = post(url, "/rerank", {"query": QUESTION, "documents": DOCUMENTS, name: 1}).json()
    assert [result["index"] for result in answer["results"]] == [1]
    everything = post(url, "/rerank", {"query": QUESTION, "documents": DOCUMENTS, name: 0}).json()
    assert len(everything["results"]) == 4


def test_flags_may_be_words_and_documents_objects(url: str) -> None:
    documents = [{"text": text, "more": 1} for text in DOCUMENTS]
    body = {"query": QUESTION, "documents": documents, "return_documents": "true", "rank_fields": ["text"]}
    answer = post(url, "/v1/rerank", body).json()
    assert {r["index"]: r["document"]["text"] for r in answer["results"]} == dict(enumerate(DOCUMENTS))


def test_spans_are_code_points_best_first_and_above_the_threshold(url: str) -> None:
    text = "Zoë 𝔘𝔫𝔦 ate. Anna Lund built the bridge in 1902. The bridge is red."
    wanted: dict[str, Any] = {"mode": "enabled", "threshold": 0.05}
    body = {"query": QUESTION, "documents": [text, "Nothing here."], "relevant_spans": wanted}
    first, second = post(url, "/v2/rerank", body).json()["results"]
    assert [text[s["start"] : s["end"]] for s in first["relevant_spans"]] == [
        "Anna Lund built the bridge in 1902.",
        "The bridge is red.",
    ]
    scores = [s["score"] for s in first["relevant_spans"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == first["relevance_score"]
    assert "relevant_spans" not in second
    wanted["max_spans"] = 1
    assert len(post(url, "/v2/rerank", body).json()["results"][0]["relevant_spans"]) == 1
    wanted |= {"max_spans": None, "threshold": scores[1] + 1e-6}
    assert len(post(url, "/v2/rerank", body).json()["results"][0]["relevant_spans"]) == 1
    wanted["mode"] = "disabled"
    assert "relevant_spans" not in post(url, "/v2/rerank", body).json()["results"][0]


def test_returned_texts_can_be_compressed(url: str) -> None:
    body = {
        "query": QUESTION,
        "documents": DOCUMENTS,
        "return_documents": True,
        "ragcompress": {"max_tokens": 9},
    }
    results = post(url, "/rerank", body).json()["results"]
    shown = {r["index"]: r["document"]["text"] for r in results}
    assert shown[1] == "Anna Lund built the bridge in 1902."
    assert all(shown[i] in DOCUMENTS[i] for i in shown)


def test_documents_beyond_the_rank_limit_stand_behind_those_that_were_read(url: str) -> None:
    documents = [f"Ferry {i} leaves." for i in range(120)] + [BRIDGE]
    results = post(url, "/rerank", {"query": QUESTION, "documents": documents}).json()["results"]
    assert results[0]["index"] == 120
    assert sorted(r["index"] for r in results) == list(range(121))


def test_the_server_tells_about_itself(url: str) -> None:
    assert get(f"{url}/healthz").json() == {"status": "ok"}
    assert get(f"{url}/readyz").json() == {"status": "ready", "scorer": "bm25"}
    assert "reranker" in get(f"{url}/info").json()["model_type"]
    assert [model["id"] for model in get(f"{url}/v1/models").json()["data"]] == ["bm25"]
    assert get(f"{url}/openapi.json").json()["paths"].keys() >= {"/v1/compress", *RERANKS}
    exposition = get(f"{url}/metrics").text
    for name in ("requests_total", "request_duration_seconds_bucket", "tokens_before_total", "queue_depth"):
        assert f"ragcompress_{name}" in exposition


def test_a_request_keeps_its_plain_name_and_loses_a_strange_one(url: str) -> None:
    assert get(f"{url}/healthz", **{"X-Request-ID": "job-17.a"}).headers["x-request-id"] == "job-17.a"
    assert get(f"{url}/healthz", **{"X-Request-ID": "a b<c>"}).headers["x-request-id"] != "a b<c>"


COMPRESS = {"query": QUESTION, "documents": [BRIDGE]}
BAD: list[tuple[str, Any, int, str]] = [
    ("/v1/compress", COMPRESS | {"query": " "}, 422, "query: "),
    ("/v1/compress", COMPRESS | {"documents": []}, 422, "documents"),
    ("/v1/compress", COMPRESS | {"documents": [BRIDGE, {"title": "x"}]}, 422, "documents.1.text: "),
    ("/v1/compress", COMPRESS | {"budget": {"ratio": 2}}, 422, "budget.ratio: "),
    ("/v1/compress", COMPRESS | {"budget": {"ratio": 0.5, "max_tokens": 9}}, 422, "budget: give exactly one"),
    ("/v1/compress", COMPRESS | {"order": "sideways"}, 422, "order"),
    ("/v1/compress", COMPRESS | {"order": "attention-sort"}, 422, "attention-sort"),
    ("/v1/compress", COMPRESS | {"deadline_ms": 0}, 422, "deadline_ms"),
    ("/v1/compress", COMPRESS | {"documents": [" \n "]}, 422, "no text"),
    ("/v1/compress", COMPRESS | {"documents": ["fine", "a\ud800"]}, 422, "documents.1"),
    ("/v1/compress", COMPRESS | {"query": "a\ud800"}, 422, "query"),
    ("/v1/compress", COMPRESS | {"documents": ["x"] * 10_000}, 413, "10,000 documents"),
    ("/v1/compress", COMPRESS | {"documents": ["x" * 400_000]}, 413, "400,000 characters"),
    ("/v1/compress", COMPRESS | {"documents": ["x" * 10_000_000]}, 413, "larger than"),
    ("/rerank", {"query": QUESTION}, 422, "documents"),
    ("/rerank", {"query": QUESTION, "documents": ["a"], "texts": ["a"]}, 422, "documents"),
    ("/rerank", {"query": QUESTION, "documents": ["a", 7]}, 422, "documents.1: "),
    ("/rerank", {"query": QUESTION, "texts": ["a", "\ud800"]}, 422, "texts.1"),
    ("/rerank", {"query": QUESTION, "documents": ["a"], "top_n": -1}, 422, "top_n"),
    ("/rerank", {"query": QUESTION, "documents": ["a"] * 201}, 413, "201 documents"),
    ("/rerank", [1], 422, "body"),
]


@pytest.mark.parametrize(("path", "body", "status", "names"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named(url: str, path: str, body: Any, status: int, names: str) -> None:
    # httpx refuses lone surrogates; JSON has them as escapes.
    sent = json.dumps(body).encode()
    answer = httpx.post(
        f"{url}{path}", content=sent, headers={"Content-Type": "application/json"}, timeout=120
    )
    assert answer.status_code == status, answer.text
    message = answer.json()["message"]
    assert message.startswith(names) if ":" in names else names in message
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert get(f"{url}/readyz").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b'{"query": "a" "b"}', b"\xff\xfe", b"[" * 100_000])
def test_broken_json_is_400(url: str, body: bytes) -> None:
    answer = httpx.post(
        f"{url}/rerank", content=body, headers={"Content-Type": "application/json"}, timeout=120
    )
    assert answer.status_code == (422 if not body else 400), answer.text


def test_nul_and_a_long_single_line_are_text(url: str) -> None:
    body = {"query": "Who built\x00 it?", "documents": ["a\x00b built it. " + "word " * 50_000]}
    assert post(url, "/v1/compress", body).status_code == 200


def test_a_budget_too_small_says_what_would_work(url: str) -> None:
    answer = post(url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 1}})
    assert (answer.status_code, answer.json()["type"]) == (422, "budget_too_small")
    enough = {"max_tokens": answer.json()["smallest"]}
    assert post(url, "/v1/compress", COMPRESS | {"budget": enough}).status_code == 200


KEY = "a-long-enough-key"


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    with serving(service=Service(limits=Limits(deadline=100), keys=Keys((KEY, "another-good-key")))) as found:
        yield found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": f"Bearer {KEY}x"}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Authorization": "bearer another-good-key"}, 200),
        ({"X-API-Key": KEY}, 200),
    ],
)
def test_a_key_is_asked_for(locked: str, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(
        f"{locked}/v1/compress", json=COMPRESS | {"budget": {"max_tokens": 9}}, headers=headers, timeout=120
    )
    assert answer.status_code == status
    assert get(f"{locked}/metrics", **headers).status_code == status
    assert get(f"{locked}/healthz", **headers).status_code == 200


def test_a_model_that_is_missing_is_503() -> None:
    def load(on_lookup: OnLookup) -> Compressor:
        raise ModelNotFound("there is no such model")

    with running(lambda: create_app(load)) as url:
        while "no such model" not in get(f"{url}/readyz").text:
            pass
        answers = [get(f"{url}/readyz"), post(url, "/v1/compress", COMPRESS), get(f"{url}/info")]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert answers[1].headers["retry-after"] == "2"
        assert get(f"{url}/healthz").status_code == 200


def test_who_waits_for_the_model_answers_the_first_request() -> None:
    let_go = threading.Event()

    def load(on_lookup: OnLookup) -> Compressor:
        let_go.wait()
        return words_only(on_lookup)

    async def ask() -> int:
        app = create_app(load, wait=True)
        threading.Timer(0.2, let_go.set).start()
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.get("/readyz")).status_code

    assert asyncio.run(ask()) == 200


def test_who_waits_for_a_model_that_is_missing_does_not_start() -> None:
    def load(on_lookup: OnLookup) -> Compressor:
        raise ModelNotFound("there is no such model")

    async def start() -> None:
        app = create_app(load, wait=True)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(NotReady, match="no such model"):
        asyncio.run(start())


def test_a_full_queue_is_429_and_the_rest_is_answered() -> None:
    scorer = HeldScorer()
    limits = Limits(threads=1, queue=1, deadline=60)
    with serving(held(scorer), Service(limits=limits)) as url, ThreadPoolExecutor(2) as pool:
        scorer.began.acquire()  # the trial
        scorer.go.clear()
        first = pool.submit(post, url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 9}})
        scorer.began.acquire()
        second = pool.submit(post, url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 9}})
        while "ragcompress_queue_depth 1.0" not in get(f"{url}/metrics").text:
            pass
        third = post(url, "/v1/compress", COMPRESS)
        assert third.status_code == 429
        assert int(third.headers["retry-after"]) >= 1
        scorer.go.set()
        assert [f.result().status_code for f in (first, second)] == [200, 200]


def test_after_the_deadline_the_words_alone_answer() -> None:
    scorer = HeldScorer()
    limits = Limits(threads=1, queue=4, deadline=60)
    with serving(held(scorer), Service(limits=limits)) as url, ThreadPoolExecutor(3) as pool:
        scorer.go.clear()
        body = COMPRESS | {"budget": {"max_tokens": 9}, "deadline_ms": 200}
        # The first has the thread, the others wait for it and never get it in time.
        answers = [f.result() for f in [pool.submit(post, url, "/v1/compress", body) for _ in range(3)]]
        headed = post(
            url, "/v2/rerank", {"query": QUESTION, "documents": DOCUMENTS}, **{"X-Deadline-Ms": "100"}
        )
        metrics = get(f"{url}/metrics").text
        scorer.go.set()
    assert [a.json()["degraded"] for a in answers] == ["deadline"] * 3
    assert {a.json()["text"] for a in answers} == {"Anna Lund built the bridge in 1902."}
    assert headed.json()["degraded"] == "deadline"
    assert headed.json()["results"][0]["index"] == 1
    assert 'ragcompress_passthrough_total{reason="deadline"} 4.0' in metrics


def test_work_stops_when_the_client_is_gone() -> None:
    scorer = HeldScorer()
    with serving(held(scorer), Service(limits=Limits(threads=1, deadline=60))) as url:
        scorer.began.acquire()
        scorer.go.clear()
        port = int(url.rpartition(":")[2])
        body = json.dumps(COMPRESS | {"budget": {"max_tokens": 9}}).encode()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b"POST /v1/compress HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert scorer.began.acquire(timeout=30)
        assert scorer.stopped.acquire(timeout=30)
        scorer.go.set()
        assert post(url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 9}}).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"GET /heal"])
def test_headers_that_do_not_come_end_the_connection(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Protocol, "header_seconds", 0.2)
    with serving() as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as client:
        client.sendall(sent)
        assert client.recv(100) == b""
        assert get(f"{url}/readyz").status_code == 200


def test_a_body_that_does_not_come_is_408() -> None:
    with serving(service=Service(limits=Limits(body_seconds=0.2))) as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as client:
            client.sendall(b"POST /rerank HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
            assert client.recv(100).startswith(b"HTTP/1.1 408")
        assert get(f"{url}/readyz").status_code == 200


def test_a_scorer_that_fails_leaves_the_words() -> None:
    class Failing(HeldScorer):
        def score(self, *args: Any, **kwargs: Any) -> Any:
            if self.go.is_set():
                return super().score(*args, **kwargs)
            raise ModelNotFound("the weights are gone")

    scorer = Failing()
    with serving(held(scorer)) as url:
        scorer.go.clear()
        answer = post(url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 9}}).json()
        scorer.go.set()
    assert answer["degraded"] == "the weights are gone"
    assert answer["text"] == "Anna Lund built the bridge in 1902."


def test_many_clients_get_what_the_library_gives() -> None:
    compressor = words_only(lambda hit: None)
    limit = {"max_tokens": 12}
    bodies = [
        {"query": f"Who built {i % 7}?", "documents": [BRIDGE, f"Bridge {i % 7}. Red."], "budget": limit}
        for i in range(200)
    ]

    def expected(body: dict[str, Any]) -> str:
        documents = [Document(text) for text in body["documents"]]
        return compressor(body["query"], documents, budget=Budget(max_tokens=12)).text

    with (
        serving(service=Service(limits=Limits(queue=64, deadline=100))) as url,
        ThreadPoolExecutor(8) as pool,
    ):
        with httpx.Client(base_url=url, timeout=120) as client:
            answers = list(pool.map(lambda b: client.post("/v1/compress", json=b).json()["text"], bodies))
    assert answers == [expected(body) for body in bodies]
    assert threading.active_count() < 30


class EarlyScorer:
    """BM25 that says of every answer within a time limit that it stopped reading."""

    name: ClassVar[str] = "early"
    needs_proxy: ClassVar[bool] = False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return scorers.make("bm25").score(question, segmentation)

    def score_within(
        self, question: str, segmentation: Segmentation, *, bounds: Bounds, progress: Progress | None = None
    ) -> Scores:
        late = bounds.until is not None
        return replace(self.score(question, segmentation), details={"stopped_early": late})


def test_what_a_scorer_read_in_time_is_the_answer_and_marked() -> None:
    with serving(lambda on_lookup: Compressor(EarlyScorer(), counter=count_words)) as url:
        answer = post(url, "/v1/compress", COMPRESS | {"budget": {"max_tokens": 9}}).json()
        ranked = post(url, "/rerank", {"query": QUESTION, "documents": DOCUMENTS}).json()
        metrics = get(f"{url}/metrics").text
    assert answer["text"] == "Anna Lund built the bridge in 1902."
    assert answer["degraded"] == ranked["degraded"] == "deadline"
    assert ranked["results"][0]["index"] == 1
    assert 'ragcompress_passthrough_total{reason="deadline"} 2.0' in metrics


def test_a_body_that_is_not_sent_as_json_is_told_so(url: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{url}/v1/compress", content=json.dumps(COMPRESS), headers=form, timeout=120)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["message"]


def test_the_page_of_the_endpoints_loads_nothing_from_elsewhere(locked: str) -> None:
    page = get(f"{locked}/docs")
    assert page.status_code == 200
    assert not re.findall(r"(?:https?:)?//[\w.-]+\.\w", page.text.replace(locked, ""))
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(files) >= 3
    assert [get(f"{locked}{file}").status_code for file in files] == [200] * len(files)
