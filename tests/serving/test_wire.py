"""What clients of other projects count on, and what strangers try: over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_parts import BRIDGE, count_words, get, post, serving
from shared import QUESTION
from word_vectors import WordVectors

from ragcompress import Budget, Compressor, compress_tool_result, scorers
from ragcompress.index import Index, build_index
from ragcompress.serving.app import Service
from ragcompress.serving.conditions import Condition, MetadataCondition
from ragcompress.serving.dify import search
from ragcompress.serving.limits import Keys, Limits
from ragcompress.serving.running import Listening, bind

COMPRESS = {"query": QUESTION, "documents": [BRIDGE], "budget": {"max_tokens": 9}}
KEY = "a-long-enough-key"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(service=Service(limits=Limits(deadline=100))) as found:
        yield found


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    with serving(service=Service(limits=Limits(deadline=100), keys=Keys((KEY,)))) as found:
        yield found


def test_the_rest_of_a_document_that_is_an_object_comes_back(url: str) -> None:
    documents = [{"text": BRIDGE, "title": "Bridge", "page": 3, "tags": ["a", "\ud800"]}, "Ferries leave."]
    body = {"query": QUESTION, "documents": documents, "return_documents": True}
    sent = json.dumps(body).encode()
    answer = httpx.post(f"{url}/v1/rerank", content=sent, headers={"Content-Type": "application/json"})
    shown = {r["index"]: r["document"] for r in answer.json()["results"]}
    assert shown == {0: documents[0], 1: {"text": "Ferries leave."}}
    shorter = post(url, "/v1/rerank", body | {"documents": documents[1:], "ragcompress": {"ratio": 1.0}})
    assert shorter.json()["results"][0]["document"] == {"text": "Ferries leave."}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rerank", b'{"query": "a", "documents": ["a"], "model": "\\ud800"}'),
        (
            "/v1/compress",
            b'{"query": "a", "budget": {"max_tokens": 9}, '
            b'"documents": [{"text": "a.", "metadata": {"b": "\\ud800"}}]}',
        ),
    ],
)
def test_half_a_character_that_is_handed_on_is_no_fault(url: str, path: str, body: bytes) -> None:
    answer = httpx.post(f"{url}{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_numbers_that_json_has_not_are_refused(url: str) -> None:
    body = b'{"query": "a", "documents": [{"text": "a", "n": NaN}], "return_documents": true}'
    answer = httpx.post(f"{url}/rerank", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("documents.0: ")


def test_a_body_without_a_content_type_is_told_so(url: str) -> None:
    body = json.dumps(COMPRESS).encode()
    with httpx.Client(timeout=120) as client:
        answer = client.send(httpx.Request("POST", f"{url}/v1/compress", content=body))
    assert answer.status_code == 415
    assert answer.json()["message"] == "the body must be sent as Content-Type: application/json"


def test_answers_do_not_wait_for_the_clients_acknowledgment() -> None:
    with bind(Listening(port=0)) as bound:
        assert bound.proto == socket.IPPROTO_TCP  # for which asyncio sets TCP_NODELAY


def test_the_verbs_that_work_are_said(url: str) -> None:
    assert httpx.get(f"{url}/rerank").headers["allow"] == "POST"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8484", "[::2]:80"])
def test_a_page_can_not_reach_us_by_a_name_of_its_own(url: str, locked: str, host: str) -> None:
    refused = get(f"{url}/info", Host=host)
    assert refused.status_code == 421
    assert "--api-keys" in refused.json()["message"]
    assert get(f"{url}/healthz", Host=host).status_code == 200
    assert get(f"{locked}/info", Host=host, **{"X-API-Key": KEY}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8484", "[::1]:8484", "127.0.0.2"])
def test_names_of_this_machine_are_its_own(url: str, host: str) -> None:
    assert get(f"{url}/info", Host=host).status_code == 200


def test_bodies_that_wait_have_a_bound_together() -> None:
    limits = Limits(deadline=100, held_bytes=30_000, body_bytes=20_000)
    head = b"POST /rerank HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n"
    with serving(service=Service(limits=limits)) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, 60) as first, socket.create_connection(address, 60) as second:
            first.sendall(head + b"x" * 19_000)
            second.sendall(head + b"x" * 19_000)
            # One of the two was too much; which came last is up to the system.
            ready = _first_answer(first, second)
        assert ready.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 1" in ready.lower()
        assert post(url, "/v1/compress", COMPRESS).status_code == 200


def _first_answer(*sockets: socket.socket) -> bytes:
    import select

    (ready, *_), _, _ = select.select(sockets, [], [], 60)
    return bytes(ready.recv(65536))


def test_a_call_that_holds_a_whole_file_is_a_question_too(url: str) -> None:
    log = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(100))
    culprit = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"
    body = {"context": log + culprit, "query": "build failed" + " x" * 50_000}
    answer = post(url, "/api/compress/question-specific/", body)
    assert answer.status_code == 200
    assert culprit.strip() in answer.json()["data"]["compressed_context"]


def test_a_result_that_is_no_text_comes_back_as_it_was() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=count_words)
    text = f"{BRIDGE} \ud800 " * 40
    found = compress_tool_result(compressor, text, QUESTION, budget=Budget(ratio=0.2))
    assert (found.text, found.reason) == (text, "not valid Unicode")


def test_difys_own_fields_are_in_its_errors(url: str, locked: str) -> None:
    body = {"knowledge_id": "k", "query": QUESTION, "retrieval_setting": {"top_k": 2, "score_threshold": 0.2}}
    unknown = post(url, "/retrieval", body).json()
    assert (unknown["error_code"], unknown["error_msg"]) == (2001, unknown["message"])
    stranger = post(locked, "/retrieval", body)
    assert (stranger.status_code, stranger.json()["error_code"]) == (401, 1002)


HOLDS = [
    ("contains", "rid", True), ("contains", "x", False), ("not contains", "x", True),
    ("start with", "Br", True),
    ("end with", "ge", True), ("is", "Bridge", True), ("is", "bridge", False), ("is not", "Ferry", True),
    ("in", ["Bridge", "Ferry"], True), ("in", "Ferry, Bridge", True), ("not in", ["Ferry"], True),
    ("empty", None, False), ("not empty", None, True), ("=", 3, False), ("before", "2026-01-01", False),
]  # fmt: skip


@pytest.mark.parametrize(("comparison", "value", "holds"), HOLDS)
def test_conditions_on_texts(comparison: Any, value: Any, holds: bool) -> None:
    condition = Condition(name="title", comparison_operator=comparison, value=value)
    assert condition.holds({"title": "Bridge"}) is holds


NUMBERS = [
    ("=", 3, True),
    ("≠", 3, False),
    (">", 2, True),
    ("<", "3", False),
    ("≥", 3, True),
    ("≤", 2.5, False),
]


@pytest.mark.parametrize(("comparison", "value", "holds"), NUMBERS)
def test_conditions_on_numbers(comparison: Any, value: Any, holds: bool) -> None:
    assert Condition(name="page", comparison_operator=comparison, value=value).holds({"page": 3}) is holds


def test_conditions_on_dates_and_on_what_is_not_there() -> None:
    def holds(comparison: Any, value: Any = None, **metadata: Any) -> bool:
        return Condition(name=["day"], comparison_operator=comparison, value=value).holds(metadata)

    assert holds("before", "2026-03-02", day="2026-03-01T10:00:00")
    assert holds("after", 0, day=1_700_000_000)
    assert not holds("after", "2026-03-02", day="2026-03-01")
    assert holds("empty")
    assert holds("is not", "x")
    assert not holds("is", "x")
    assert not holds("<", 3)


@pytest.mark.parametrize("comparison", ["=", ">", "before", "after"])
def test_numbers_of_hundreds_of_digits_fulfill_no_condition(comparison: Any) -> None:
    for value, found in ((10**400, 3), (3, 10**400)):
        assert not Condition(name="n", comparison_operator=comparison, value=value).holds({"n": found})


def test_one_condition_or_all() -> None:
    conditions = [
        {"name": "page", "comparison_operator": "=", "value": 3},
        {"name": "title", "comparison_operator": "is", "value": "Ferry"},
    ]
    found = {"page": 3, "title": "Bridge"}
    assert not MetadataCondition.model_validate({"conditions": conditions}).holds(found)
    either = {"logical_operator": "or", "conditions": conditions}
    assert MetadataCondition.model_validate(either).holds(found)
    assert MetadataCondition().holds(found)


def test_records_of_an_index_are_those_that_meet_the_condition(tmp_path: Path, counting_folder: Path) -> None:
    rows = [{"text": f"{BRIDGE} Number {i}.", "metadata": {"part": i}} for i in range(40)]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bridges.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    embedder = WordVectors(counting_folder)
    build_index(tmp_path / "docs", tmp_path / "idx", embedder=embedder, passage_tokens=60)
    condition = MetadataCondition.model_validate(
        {"conditions": [{"name": "part", "comparison_operator": "≥", "value": 30}]}
    )

    def opened() -> Index:
        return Index(tmp_path / "idx", embedder=embedder)

    found = search(opened, QUESTION, 2, condition).documents
    assert len(found) == 2
    assert all(d.metadata["part"] >= 30 for d in found)
    everything = search(opened, QUESTION, 50, condition).documents
    assert {d.metadata["part"] for d in everything} == set(range(30, 40))


def test_an_operator_that_dify_has_not_is_named(url: str) -> None:
    condition = {"conditions": [{"name": "a", "comparison_operator": "like", "value": "b"}]}
    answer = post(url, "/retrieval", {"knowledge_id": "k", "query": "q", "metadata_condition": condition})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("metadata_condition.conditions.0.comparison_operator: ")
