"""One line of a batch: a request as JSON in, a result or a reason as JSON out.

``ragcompress batch`` does this for every line of a file, a cluster's workers for those that they are given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..budget import Budget
from ..compressor import Compressor
from ..documents.reading import parse_request
from ..errors import ModelError, explain
from ..files import to_bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes:
        line: one line of JSON with its line end, in UTF-8: what ``CompressedContext.to_dict`` gives with the
            request's ``id`` and the documents ``left_out``, or ``{"line", "id", "reason"}`` of a request
            that failed.
        failed: whether it is the latter.
        tokens_before, tokens_after: of the result; 0 for a request that failed.
        promised: whether a promise about the recall holds; None where none was asked for.
    """

    line: bytes
    failed: bool
    tokens_before: int = 0
    tokens_after: int = 0
    promised: bool | None = None


def run_request(compressor: Compressor, budget: Budget | None, number: int, request: bytes) -> Outcome:
    """Compress for one request.

    Args:
        compressor: what compresses.
        budget: of this request; None: that of the compressor's plan.
        number: of its line, from 1; a reason names it.
        request: JSON, ``{"id"?, "question", "documents": [{"text", "title"?, "id"?, "metadata"?}]}``.

    Raises:
        ModelError: a broken model fails every request alike. What else goes wrong is an outcome.
    """
    failure: dict[str, Any] = {"line": number}
    try:
        read = parse_request(request)
        failure["id"] = name = finite(read.id)
        context = compressor(read.question, read.documents, budget=budget)
        left_out = [{"document": i, "reason": reason} for i, reason in read.left_out.items()]
        marked = {"left_out": left_out} if left_out else {}
        line = json_line({"id": name, **context.to_dict(), **marked})
    except ModelError:
        raise
    except Exception as error:
        return Outcome(json_line({**failure, "reason": explain(error)}), True)
    promised = None if context.promise is None else context.promise.holds
    return Outcome(line, False, context.tokens_before, context.tokens_after, promised)


def json_line(value: dict[str, Any]) -> bytes:
    """One line of JSON with its line end; a lone surrogate is written as its escape."""
    return to_bytes(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """JSON without the numbers that Python reads and no standard has: NaN and infinities become null."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, list):
        return [finite(v) for v in value]
    return {key: finite(v) for key, v in value.items()} if isinstance(value, dict) else value
