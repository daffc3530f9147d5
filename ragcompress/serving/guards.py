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

from .faults import fault
from .limits import Full, Keys, Limits, TooLarge, is_local
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
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = headers.get("x-request-id", "")
        name = request_id if _NAME.fullmatch(request_id) else uuid.uuid4().hex
        scope.setdefault("state", {}).update(request_id=name, arrived=time.monotonic(), outcome=None)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"x-request-id", name.encode())]
                if outcome := scope["state"]["outcome"]:
                    extra.append((OUTCOME, outcome.encode()))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            await self._serve(scope, headers, receive, send_with_id)
        finally:
            self._note(scope, status)

    async def _serve(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        if not _is_open(scope["path"]) and not self._keys.lets_in(headers):
            await refuse(scope, send, 401, "unauthorized", "an API key is needed: Authorization: Bearer KEY")
            return
        if not self._keys and not _is_open(scope["path"]) and not _names_us(headers.get("host")):
            message = (
                "without keys the server answers to 127.0.0.1 and localhost alone, since a web page can make "
                "another name lead here; start it with --api-keys FILE"
            )
            await refuse(scope, send, 421, "wrong_host", message)
            return
        if int(length if (length := headers.get("content-length", "")).isdecimal() else 0) > (
            self._limits.body_bytes
        ):
            await self._too_large(scope, send)
            return
        body = bytearray()
        try:
            if await self._has_come(scope, receive, send, body):
                await self._app(scope, _replay(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _has_come(self, scope: Scope, receive: Receive, send: Send, body: bytearray) -> bool:
        """Whether a body has come within its bounds; if not, the request is refused."""
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                await self._read(receive, body)
        except TimeoutError:
            seconds = self._limits.body_seconds
            await refuse(scope, send, 408, "too_slow", f"the body did not come within {seconds:g} s")
        except TooLarge:
            await self._too_large(scope, send)
        except Full as error:
            await refuse(scope, send, 429, "queue_full", str(error), retry_after=error.retry_after)
        except _Gone:
            pass
        else:
            return True
        return False

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Read a body.

        Raises:
            TooLarge: if it is larger than one may be.
            Full: if it would be too much beside those of others.
            _Gone: if the client hung up.
        """
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            if len(body) > self._limits.body_bytes:
                raise TooLarge
            if self._held > max(self._limits.held_bytes, len(body)):
                raise Full("the bodies of other requests fill the memory for them", 1)
            more = message.get("more_body", False)

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


def _names_us(host: str | None) -> bool:
    """Whether a ``Host`` is the machine itself; a name that is made to lead here is not (DNS rebinding)."""
    return host is None or is_local(re.sub(r":\d+$", "", host).strip("[]"))


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand on what was read; after that, what the server says, which is that the client is gone."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


async def refuse(
    scope: Scope, send: Send, status: int, kind: str, message: str, *, retry_after: int | None = None
) -> None:
    """Answer with an error and close the connection: what is left of the body is not read."""
    body = json.dumps(fault(scope, status, kind, message)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
