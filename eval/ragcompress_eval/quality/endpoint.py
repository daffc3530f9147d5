"""A reader behind HTTP: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from ragcompress import InputError, RagCompressError

from .readers import MAX_ANSWER_TOKENS, first_line, prompt

TIMEOUT_SECONDS = 120.0
PATIENCE_SECONDS = 600.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_RETRIED = {408, 409, 425, 429}
_REFUSED = {400, 413, 422}


class EndpointReader:
    """Asks ``URL/chat/completions`` with temperature 0; waits for a server that is down, slow or busy.

    Args:
        url: up to and without ``/chat/completions``, such as ``http://localhost:8000/v1``.
        model: name of the model, as the server calls it.
        key: sent as a bearer token; never stored.
        timeout: seconds for one request.
        patience: seconds of failing before it gives up on a question.
        tell: called with what went wrong and how long it waits.
        clock, sleep: seconds, from any start; what waits.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        max_answer_tokens: int = MAX_ANSWER_TOKENS,
        timeout: float = TIMEOUT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        tell: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json", "User-Agent": "ragcompress-eval"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._body = {"model": model, "temperature": 0, "max_tokens": max_answer_tokens}
        self._timeout, self._patience, self._tell = timeout, patience, tell
        self._clock, self._sleep = clock, sleep
        self.settings: Mapping[str, Any] = {"kind": "endpoint", **self._body}

    def answer(self, question: str, context: str) -> str:
        """Ask, again and again with growing pauses, until the server answers or patience ends."""
        messages = [{"role": "user", "content": prompt(question, context)}]
        body = json.dumps({**self._body, "messages": messages}).encode()
        start, wait = self._clock(), _FIRST_WAIT
        while True:
            try:
                return first_line(self._ask(body))
            except _Again as reason:
                left = self._patience - (self._clock() - start)
                if left <= 0:
                    raise RagCompressError(
                        f"the reader gave no answer for {self._patience:g} seconds, last: {reason}; "
                        "what it answered before is kept, --resume goes on"
                    ) from reason
                pause = min(left, max(wait, reason.wait))
                self._tell(f"the reader: {reason}; again in {pause:.0f} s")
                self._sleep(pause)
                wait = min(2 * wait, _LONGEST_WAIT)

    def _ask(self, body: bytes) -> str:
        """One request.

        Raises:
            _Again: if another one may succeed.
        """
        request = urllib.request.Request(self._url, data=body, headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return _content(response.read())
        except urllib.error.HTTPError as error:
            with error:
                said = f"status {error.code}: {_message(error.read())}"
            if error.code in _REFUSED:
                raise InputError(f"the reader refused the question, {said}") from None
            if error.code in _RETRIED or error.code >= 500:
                raise _Again(said, _seconds(error.headers.get("Retry-After"))) from None
            raise RagCompressError(f"the reader can't be asked, {said}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _Again(str(reason) or type(reason).__name__) from None


class _Again(Exception):
    """A failure that may pass; ``wait`` is how many seconds the server asked to wait."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def _content(raw: bytes) -> str:
    """The text of a completion; a model that says nothing has an empty one."""
    try:
        content = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        raise _Again(f"its answer is no chat completion: {raw[:80]!r}") from None
    if not isinstance(content, str | None):
        raise _Again(f"its answer is no text: {content!r:.80}")
    return content or ""


def _message(raw: bytes) -> str:
    """What the server says about an error."""
    try:
        error = json.loads(raw)["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:300]
    except (ValueError, LookupError, TypeError):
        return raw[:300].decode("utf-8", "replace")


def _seconds(header: str | None) -> float:
    """``Retry-After`` where it is a number of seconds; dates are not understood."""
    try:
        return min(max(0.0, float(header or 0)), _LONGEST_WAIT)
    except ValueError:
        return 0.0
