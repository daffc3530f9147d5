"""The load study against a real server: every request is counted once, whatever became of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving_parts import BRIDGE, HeldScorer, held, serving
from shared import QUESTION

from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits
from studies.load import arrive, send, summary

BODIES = [{"query": QUESTION, "documents": [BRIDGE], "budget": {"max_tokens": 9 + i % 3}} for i in range(20)]


@pytest.mark.parametrize("steady", [True, False])
def test_answers_are_in_the_order_of_the_requests(steady: bool) -> None:
    with serving(service=Service(limits=Limits(deadline=100))) as url:
        found, seconds = asyncio.run(arrive(url, BODIES, 200) if steady else send(url, BODIES, 3))
    assert [answer["limit"] for _, _, answer in found] == [body["budget"]["max_tokens"] for body in BODIES]
    row = summary("bm25", "cold", 3, found, seconds)
    assert (row["n"], row["refused"], row["degraded"], row["failed"]) == (20, 0, 0, {})
    assert 0 < row["p50"] <= row["p95"] <= row["p99"] <= row["slowest"]
    assert seconds >= (19 / 200 if steady else 0)


def test_what_is_refused_or_degraded_is_counted() -> None:
    scorer = HeldScorer()
    limits = Limits(threads=1, queue=1, deadline=0.5)
    with serving(held(scorer), Service(limits=limits)) as url, ThreadPoolExecutor(1) as pool:
        scorer.began.acquire()
        scorer.go.clear()
        asked = pool.submit(lambda: asyncio.run(arrive(url, BODIES[:6], 1_000)))
        found, seconds = asked.result()
        scorer.go.set()
    row = summary("held", "overload", 0, found, seconds)
    assert row["refused"] >= 1
    assert row["refused"] + row["degraded"] == 6
    assert not row["failed"]
