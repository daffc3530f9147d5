"""One line of a batch: a request as JSON in, a result or a reason as JSON out.

``ragcompress batch`` does this for every line of a file, a cluster's workers for those that they are given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..compressor import Compressor
from ..documents.reading import parse_request
from ..errors import ModelError, explain
from ..files import to_bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes:
        line: one line of JSON with its line end, in UTF-8: what ``CompressedContext.to_dict`` gives with the
            request's ``id``, or ``{"line", "id", "reason"}`` of a request that failed.
        failed: whether it is the latter.
        tokens_before, tokens_after: of the result; 0 for a request that failed.
    """

    line: bytes
    failed: bool
    tokens_before: int = 0
    tokens_after: int = 0


def run_request(compressor: Compressor, number: int, request: bytes) -> Outcome:
    """Compress for one request.

    Args:
        compressor: its plan has a budget.
        number: of its line, from 1; a reason names it.
        request: JSON, ``{"id"?, "question", "documents": [{"text", "title"?, "id"?, "metadata"?}]}``.

    Raises:
        ModelError: a broken model fails every request alike. What else goes wrong is an outcome.
    """
    failure: dict[str, Any] = {"line": number}
    try:
        read = parse_request(request)
        failure["id"] = read.id
        context = compressor(read.question, read.documents)
        line = _json_line({"id": read.id, **context.to_dict()})
    except ModelError:
        raise
    except Exception as error:
        return Outcome(_json_line({**failure, "reason": explain(error)}), True)
    return Outcome(line, False, context.tokens_before, context.tokens_after)


def _json_line(value: dict[str, Any]) -> bytes:
    return to_bytes(json.dumps(value, ensure_ascii=False) + "\n")
