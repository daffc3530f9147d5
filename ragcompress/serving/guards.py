"""What every request passes before it is read: a name of its own, the key, the bounds on its body."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .limits import Keys, Limits
from .metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json")
"""Paths that need no key: they tell nothing about anybody's texts."""
DOCS_FILES = "/docs-files"
"""Below this path are the scripts of the page ``/docs``; they need no key, either."""
OUTCOME = b"x-ragcompress-outcome"
"""Header of answers in any contract: ``ok``, ``degraded_deadline``, ``degraded_failed``, ``passthrough``."""

_HEALTH = ("/healthz", "/readyz")
_LOG = logging.getLogger("ragcompress.serving")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Guard:
    """Wraps the application, as ASGI has it.

    Gives each request a name: ``X-Request-ID``, the caller's own if it is plain. Asks for the key before
    anything of the body is read, and reads the body within its bounds. Counts, and writes one line into the
    log.
    """

    def __init__(self, app: App, *, keys: Keys, limits: Limits, metrics: Metrics) -> None:
        self._app, self._keys, self._limits, self._metrics = app, keys, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = headers.get("x-request-id", "")
        name = asked if _NAME.fullmatch(asked) else uuid.uuid4().hex
        scope.setdefault("state", {}).update(request_id=name, arrived=time.monotonic(), outcome=None)
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = [(b"x-request-id", name.encode())]
                if outcome := scope["state"]["outcome"]:
                    told.append((OUTCOME, outcome.encode()))
                message["headers"] = [*message["headers"], *told]
            await send(message)

        try:
            await self._admitted(scope, headers, receive, named)
        finally:
            self._note(scope, status)

    async def _admitted(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        if not _is_open(scope["path"]) and not self._keys.lets_in(headers):
            await refuse(scope, send, 401, "unauthorized", "an API key is needed: Authorization: Bearer KEY")
            return
        if int(length if (length := headers.get("content-length", "")).isdecimal() else 0) > (
            self._limits.body_bytes
        ):
            await self._too_large(scope, send)
            return
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await _body(receive, self._limits.body_bytes)
        except TimeoutError:
            seconds = self._limits.body_seconds
            await refuse(scope, send, 408, "too_slow", f"the body did not come within {seconds:g} s")
            return
        except _Gone:
            return
        if body is None:
            await self._too_large(scope, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    async def _too_large(self, scope: Scope, send: Send) -> None:
        limit = self._limits.body_bytes
        await refuse(scope, send, 413, "too_large", f"the body is larger than {limit:,} bytes")

    def _note(self, scope: Scope, status: int) -> None:
        state = scope["state"]
        route = scope.get("route")
        endpoint = getattr(route, "path", "other")
        seconds = time.monotonic() - state["arrived"]
        outcome = state["outcome"] or (str(status) if status else "gone")
        self._metrics.requests.labels(endpoint, outcome).inc()
        self._metrics.seconds.labels(endpoint).observe(seconds)
        about = (scope["method"], endpoint, status, f"{seconds * 1000:.0f}", outcome, state["request_id"])
        # Orchestrators ask for health every few seconds: those lines would hide the others.
        level = logging.DEBUG if scope["path"] in _HEALTH else logging.INFO
        _LOG.log(level, "%s %s %s %s ms %s %s", *about)


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(f"{DOCS_FILES}/")


class _Gone(Exception):
    """The client hung up while it sent its body."""


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None: it is larger than that."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand on what was read; after that, what the server says, which is that the client is gone."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


async def refuse(scope: Scope, send: Send, status: int, kind: str, message: str) -> None:
    """Answer with an error and close the connection: what is left of the body is not read."""
    body = json.dumps({"message": message, "type": kind, "request_id": scope["state"]["request_id"]}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
