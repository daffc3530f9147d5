"""Spans, outcomes and counters: what an operator sees of a request, never its texts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from serving_parts import BRIDGE, HeldScorer, get, held, post, serving
from shared import QUESTION

from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(100))
LIMIT = {"max_tokens": 9}
NAMES = (
    'requests_total{endpoint="/v1/compress",outcome="ok"}',
    'request_duration_seconds_bucket{endpoint="/v1/compress",le="+Inf"}',
    'request_duration_seconds_sum{endpoint="/v1/compress"}',
    "tokens_before_total",
    "tokens_after_total",
    'passthrough_total{reason="deadline"}',
    "queue_depth",
    "cache_hits_total",
    "passages_total",
)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def test_each_compression_is_a_span_of_the_callers_trace_without_texts(spans: InMemorySpanExporter) -> None:
    body = {"query": QUESTION, "documents": [BRIDGE, "Other words."], "budget": LIMIT}
    about_log = {"context": LOG, "query": "Why heartbeat?", "target_compression_ratio": 0.9}
    with serving(service=Service(limits=Limits(deadline=100))) as url:
        post(url, "/v1/compress", body, traceparent=f"00-{TRACE}-{PARENT}-01")
        post(url, "/rerank", {"query": QUESTION, "documents": [BRIDGE, "Other."]})
        post(url, "/api/compress/question-specific/", about_log)
    compress, rerank, tool = spans.get_finished_spans()
    assert compress.name == tool.name == "ragcompress.compress"
    assert rerank.name == "ragcompress.rerank"
    assert compress.kind is trace.SpanKind.INTERNAL
    assert compress.context is not None
    assert compress.parent is not None
    assert f"{compress.context.trace_id:032x}" == TRACE
    assert f"{compress.parent.span_id:016x}" == PARENT
    assert rerank.parent is None
    found = dict(compress.attributes or {})
    assert found == {
        "ragcompress.documents": 2,
        "ragcompress.tokens_before": found["ragcompress.tokens_before"],
        "ragcompress.tokens_after": 9,
        "ragcompress.budget": 9,
        "ragcompress.scorer": "bm25",
        "ragcompress.outcome": "ok",
    }
    told = json.dumps([span.to_json() for span in spans.get_finished_spans()])
    assert not [word for word in ("Anna", "heartbeat", "bridge") if word in told]


def test_the_outcome_is_a_header_in_every_contract_and_a_counter() -> None:
    scorer = HeldScorer()
    about_log = {"context": LOG, "query": "Why heartbeat?", "deadline_ms": 100}
    with serving(held(scorer), Service(limits=Limits(deadline=100))) as url:
        fine = post(url, "/v1/compress", {"query": QUESTION, "documents": [BRIDGE], "budget": LIMIT})
        scorer.go.clear()
        late = [
            post(url, "/rerank", {"query": QUESTION, "texts": [BRIDGE], "deadline_ms": 100}),
            post(url, "/api/compress/question-specific/", about_log),
        ]
        metrics = get(f"{url}/metrics").text
        scorer.go.set()
    assert fine.headers["x-ragcompress-outcome"] == "ok"
    assert {a.headers["x-ragcompress-outcome"] for a in late} == {"degraded_deadline"}
    for name in NAMES:
        assert f"\nragcompress_{name} " in metrics
