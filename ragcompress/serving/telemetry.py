"""Spans for OpenTelemetry, where its API is installed; otherwise nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

Value = str | int | float | bool
Tell = Callable[[Mapping[str, Value]], None]


@contextmanager
def span(name: str = "ragcompress.compress") -> Iterator[Tell]:
    """Open an internal span; what it yields takes attributes, named without ``ragcompress.``. No texts."""
    if find_spec("opentelemetry") is None:
        yield lambda attributes: None
        return
    from opentelemetry import trace

    with trace.get_tracer("ragcompress").start_as_current_span(name, record_exception=False) as current:
        yield lambda attributes: current.set_attributes(
            {f"ragcompress.{key}": value for key, value in attributes.items()}
        )
