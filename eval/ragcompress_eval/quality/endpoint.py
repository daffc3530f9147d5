"""A reader behind HTTP: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, count
from typing import Any

from ragcompress import InputError, MissingExtra, RagCompressError

from .readers import MAX_ANSWER_TOKENS, first_line, prompt

TIMEOUT_SECONDS = 120.0
PATIENCE_SECONDS = 600.0
_REFUSED = {400, 413, 422}
_LONGEST_PAUSE = 8.0


class EndpointReader:
    """Asks ``URL/chat/completions`` with temperature 0; waits for a server that is down, slow or busy.

    Args:
        url: up to and without ``/chat/completions``, such as ``http://localhost:8000/v1``.
        model: name of the model, as the server calls it.
        key: sent as a bearer token; never stored.
        timeout: seconds for one request.
        patience: seconds of pauses between failed requests before it gives up on a question.

    Raises:
        MissingExtra: without the package ``openai``.
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
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtra("a reader behind HTTP", "eval") from error
        self._openai = openai
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or "none",  # A local server needs none, the client does.
            timeout=timeout,
            max_retries=retries(patience),
        )
        self._body: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": max_answer_tokens}
        self.settings: Mapping[str, Any] = {"kind": "endpoint", **self._body}

    def answer(self, question: str, context: str) -> str:
        """Ask; what may pass is asked again with growing pauses.

        Raises:
            InputError: if the server refuses the request itself, for its length say.
            RagCompressError: if it can't be asked.
        """
        messages: list[Any] = [{"role": "user", "content": prompt(question, context)}]
        try:
            found = self._client.chat.completions.create(messages=messages, **self._body)
            return first_line(found.choices[0].message.content or "")
        except self._openai.APIStatusError as error:
            kind = InputError if error.status_code in _REFUSED else RagCompressError
            detail = error.response.text.strip()[:300]
            raise kind(f"the reader can't be asked, status {error.status_code}: {detail}") from error
        except self._openai.OpenAIError as error:
            raise RagCompressError(
                f"the reader gave no answer, last: {error.__cause__ or error}; what it answered before is "
                "kept, continue with --resume"
            ) from error
        except (ValueError, LookupError, AttributeError) as error:
            raise RagCompressError(f"what the reader answered is no chat completion: {error}") from error


def retries(patience: float) -> int:
    """How often to ask again: the client's pauses double from half a second to eight seconds."""
    pauses = accumulate(min(0.5 * 2**n, _LONGEST_PAUSE) for n in count())
    return next(n for n, waited in enumerate(pauses) if waited > patience)
