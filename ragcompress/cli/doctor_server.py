"""``ragcompress doctor --server``: does a running server answer, let us in, and compress?"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import __version__, samples
from ..errors import DataError, InputError
from ..serving.limits import KEYS_VARIABLE, Keys
from .doctor import Finding

_SECONDS = 30.0
_RATIO = 0.3


class Server:
    """A server's answers.

    Args:
        url: begins with ``http://`` or ``https://``.
        key: sent with each request; None: none is.

    Raises:
        InputError: for another address.
    """

    def __init__(self, url: str, key: str | None) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"the server's address must begin with http:// or https://, got {url!r}")
        _check_address(url)
        if key is not None and not (key.isascii() and key.isprintable()):
            raise InputError("the key can't be sent: it may hold only printable ASCII; take another")
        self.url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of an answer, which may be an error's.

        Raises:
            OSError: if the server can't be reached, or answers in no HTTP.
        """
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", content, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                return answer.status, _parse(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parse(error.read())
        except (HTTPException, ValueError) as error:
            raise DataError(f"it gives no answer in HTTP ({error})") from error


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        has_host, _ = bool(parts.hostname), parts.port
    except ValueError as error:
        raise InputError(f"the server's address {url!r} can't be read: {error}") from None
    if not has_host or not url.isprintable() or " " in url:
        raise InputError(f"the server's address must be like http://localhost:8484, got {url!r}")


def examine_server(url: str, keys: Path | None) -> Iterator[Finding]:
    """Look at a server from outside, as its clients see it.

    Args:
        keys: file whose first key is sent; None: that of ``RAGCOMPRESS_API_KEYS``, if it is set.

    Raises:
        InputError, DataError: for an address or a file of keys that can't be used.
    """
    secrets = Keys.find(keys).secrets
    server = Server(url, secrets[0] if secrets else None)
    try:
        status, _ = server.ask("/healthz")
    except OSError as error:
        reason = getattr(error, "reason", error)
        yield Finding(
            "server", "broken", f"{url} can't be reached: {reason}", "is `ragcompress serve` running?"
        )
        return
    if status != 200:
        yield Finding("server", "broken", f"{url} answers {status}: that is no server of ragcompress")
        return
    yield Finding("server", "ok", f"{url} answers")
    yield _readiness(server)
    status, answer = server.ask("/info")
    if status == 401:
        yield Finding(
            "key", "broken", "no key, or a wrong one", f"give --api-keys FILE, or set {KEYS_VARIABLE}"
        )
        return
    if status != 200:
        yield Finding("info", "broken", f"{status}: {_message(answer)}")
        return
    yield _version(answer)
    yield from _trial(server)


def _readiness(server: Server) -> Finding:
    status, answer = server.ask("/readyz")
    if status == 200:
        return Finding("ready", "ok", f"scorer {answer.get('scorer')}")
    return Finding(
        "ready", "broken", f"{status}: {_message(answer)}", "see the server's log; wait if it loads"
    )


def _version(answer: Any) -> Finding:
    version = answer.get("version")
    if version != __version__:
        return Finding("version", "note", f"the server has {version}, this command {__version__}")
    return Finding("version", "ok", f"{version}")


def _trial(server: Server) -> Iterator[Finding]:
    """Compress the demo's documents twice: the second time they are known."""
    sample = samples.demo()
    documents = [{"text": d.text, "title": d.title} for d in sample.documents]
    body = {"query": sample.question, "documents": documents, "budget": {"ratio": _RATIO}, "explain": False}
    answer: Any = {}
    seconds: list[float] = []
    for _ in range(2):
        began = time.perf_counter()
        status, answer = server.ask("/v1/compress", body)
        seconds.append(time.perf_counter() - began)
        if status != 200:
            yield Finding("compress", "broken", f"{status}: {_message(answer)}")
            return
    before, after = answer.get("tokens_before"), answer.get("tokens_after")
    if not (isinstance(before, int) and isinstance(after, int)):
        yield Finding("compress", "broken", "the answer has no tokens_before and tokens_after as ours has")
        return
    text = f"{before} tokens to {after} in {seconds[0]:.2f} s, again in {seconds[1]:.2f} s"
    if "degraded" in answer or answer.get("passthrough"):
        reason = answer.get("degraded") or answer["passthrough"]
        yield Finding(
            "compress",
            "note",
            f"{text}, without the scorer: {reason}",
            "more time (--deadline) or fewer --threads",
        )
    elif not 0 < after <= _RATIO * before:
        yield Finding("compress", "broken", f"{text}, which is more than was asked for")
    else:
        yield Finding("compress", "ok", text)


def _parse(content: bytes) -> Any:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _message(answer: Any) -> str:
    return str(answer.get("message", "no reason is given"))
