"""What goes wrong → status, and JSON of one shape: ``message``, ``type``, ``request_id``, ``detail``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import (
    BudgetTooSmall,
    DataError,
    InputError,
    MissingExtra,
    RagCompressError,
    UnknownName,
    explain,
)
from .limits import Full, Gone, NotHere, NotReady, TooLarge

_DIFY = {401: 1002, 404: 2001}  # as docs.dify.ai has them: authorization failed; no such knowledge
GONE = 499
"""Status of requests that nobody waits for any more: for the log and the counters."""

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (Gone, GONE, "gone"),
    (TooLarge, 413, "too_large"),
    (NotHere, 404, "not_found"),
    (Full, 429, "queue_full"),
    (NotReady, 503, "not_ready"),
    (BudgetTooSmall, 422, "budget_too_small"),
    (InputError, 422, "invalid"),
    (UnknownName, 422, "invalid"),
    (MissingExtra, 501, "not_installed"),
    (DataError, 502, "source_failed"),
)


def answer_faults(app: FastAPI) -> None:
    """Give the application its error handlers."""
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RagCompressError, _answer_known)
    app.add_exception_handler(Exception, _answer_bug)


def _respond(request: Request, status: int, kind: str, message: str, **more: Any) -> JSONResponse:
    content = fault(request.scope, status, kind, message) | more
    headers = {"Retry-After": str(more["retry_after"])} if "retry_after" in more else None
    return JSONResponse(content, status, headers)


def fault(scope: Mapping[str, Any], status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error: ours, and on Dify's path Dify's fields as well."""
    body = {"message": message, "type": kind, "request_id": scope["state"]["request_id"]}
    if scope["path"] == "/retrieval" and status in _DIFY:
        body |= {"error_code": _DIFY[status], "error_msg": message}
    return body


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """Fields that are wrong, by name; their values are not repeated: they may be long, or no valid text."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"loc": _loc(e["loc"]), "msg": _printable(e["msg"]).removeprefix("Value error, "), "type": e["type"]}
        for e in error.errors()[:20]
    ]
    if any(e["type"] == "json_invalid" for e in faults):
        return _respond(request, 400, "broken_json", "the body is not valid JSON", detail=faults)
    first = faults[0]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "json" not in kind and first["loc"][0] == "body":
        sent = f", not {_printable(kind)[:80]}" if kind else ""
        message = f"the body must be sent as Content-Type: application/json{sent}"
        return _respond(request, 415, "content_type", message)
    field = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return _respond(request, 422, "invalid", f"{field}: {first['msg']}", detail=faults)


def _loc(parts: Sequence[int | str]) -> list[int | str]:
    """The place of a wrong field, without the tags of the contracts that the body might have followed."""
    return [part for part in parts if not str(part).endswith(":")]


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = "broken_json" if error.status_code == 400 else "http"
    answer = _respond(request, error.status_code, kind, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _answer_known(request: Request, error: Exception) -> JSONResponse:
    for cls, status, kind in _STATUS:
        if isinstance(error, cls):
            more: dict[str, Any] = {}
            if isinstance(error, Full):
                more["retry_after"] = error.retry_after
            if isinstance(error, NotReady):
                more["retry_after"] = 2
            if isinstance(error, BudgetTooSmall):
                more["smallest"] = error.smallest
            return _respond(request, status, kind, _printable(explain(error)), **more)
    return _respond(request, 503, "model_failed", _printable(explain(error)))


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    return _respond(
        request, 500, "internal", f"{type(error).__name__}: a bug in ragcompress; see the server's log"
    )


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
