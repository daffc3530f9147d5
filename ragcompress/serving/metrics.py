"""Counters for Prometheus, one set for each server."""

from __future__ import annotations

import os
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which several processes count together."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What the server counts; names as Prometheus has them, times in seconds."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"ragcompress_{name}", about, labels, registry=self._registry)

        self.requests = counter("requests", "Requests answered.", ("endpoint", "outcome"))
        self.seconds = Histogram(
            "ragcompress_request_duration_seconds",
            "From a request's arrival to its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.tokens_before = counter("tokens_before", "Tokens of the documents that came.")
        self.tokens_after = counter("tokens_after", "Tokens of what was kept.")
        self.passthrough = counter("passthrough", "Answers that the scorer had no part in.", ("reason",))
        self.cache_hits = counter("cache_hits", "Passages whose keys and values were at hand.")
        self.passages = counter("passages", "Passages that were asked for.")
        self.queue_depth = Gauge(
            "ragcompress_queue_depth",
            "Requests that wait for a thread.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def count_lookup(self, hit: bool) -> None:
        """Count a passage that was looked up."""
        self.passages.inc()
        if hit:
            self.cache_hits.inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format; of all processes, where they count together."""
        if not os.environ.get(SHARED_FOLDER):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
