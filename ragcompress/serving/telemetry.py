"""Spans for OpenTelemetry, where its API is installed; otherwise nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

Value = str | int | float | bool
Tell = Callable[[Mapping[str, Value]], None]


@contextmanager
def span(name: str, headers: Mapping[str, str]) -> Iterator[Tell]:
    """Open an internal span; what it yields takes attributes, named without ``ragcompress.``. No texts.

    Args:
        name: without ``ragcompress.``.
        headers: the request's, names in lower case. ``traceparent`` says whose child the span is, unless
            an instrumentation of the server has opened one already.
    """
    if not _has_api():
        yield lambda attributes: None
        return
    from opentelemetry import propagate, trace

    is_within = trace.get_current_span().get_span_context().is_valid
    parent = None if is_within else propagate.extract(headers)
    tracer = trace.get_tracer("ragcompress")
    with tracer.start_as_current_span(f"ragcompress.{name}", parent, record_exception=False) as current:
        yield lambda attributes: current.set_attributes(
            {f"ragcompress.{key}": value for key, value in attributes.items()}
        )


@cache
def _has_api() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.trace") is not None
