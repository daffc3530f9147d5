"""Readers: what answers a question from a context, seen alike."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, count
from pathlib import Path
from typing import Any, Protocol

from ragcompress import InputError, MissingExtra, ModelError, RagCompressError, Tokenizer
from ragcompress.quiet import no_transformers_bar

MAX_ANSWER_TOKENS = 32
TIMEOUT_SECONDS = 120.0
PATIENCE_SECONDS = 600.0
_REFUSED = {400, 413, 422}
_LONGEST_PAUSE = 8.0
_INSTRUCTION = "Answer the question with a few words from the documents. Say only the answer."
_CONTENT = "content goes here"


class Reader(Protocol):
    """Answers questions, the same way every time.

    Attributes:
        settings: what its answers rest on, JSON-able, without paths and addresses.
    """

    settings: Mapping[str, Any]

    def answer(self, question: str, context: str) -> str:
        """Answer from a context.

        Raises:
            InputError: if question and context are longer than the reader's window.
            RagCompressError: if it can't be asked.
        """
        ...


def prompt(question: str, context: str) -> str:
    """What every reader is asked. The instruction is next to the question, else small models forget it."""
    return f"Documents:\n\n{context}\n\n{_INSTRUCTION}\n\nQuestion: {question}\nAnswer:"


def first_line(text: str) -> str:
    """The answer within what was generated: its first line that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


class TransformersReader:
    """A causal language model on disk, decoded greedily in float32, on a GPU where there is one.

    The model's chat template is used where it has one, else the prompt alone. Questions and documents are
    plain text to it: a special token's name in them is no special token.

    Args:
        folder: of the model; nothing is fetched, and no code of its own is run.
        name, fingerprint: of the model, for the results.

    Raises:
        MissingExtra: without torch and transformers.
        ModelError: if it can't be loaded.
    """

    def __init__(
        self, folder: Path, *, name: str, fingerprint: str, max_answer_tokens: int = MAX_ANSWER_TOKENS
    ) -> None:
        try:
            import torch
            import transformers
        except ImportError as error:
            raise MissingExtra("a reader on this machine", "torch") from error
        self._torch, self._max_new = torch, max_answer_tokens
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with no_transformers_bar():
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
                model = transformers.AutoModelForCausalLM.from_pretrained(
                    folder, dtype=torch.float32, local_files_only=True
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{folder} can't be loaded as a reader: {error}") from error
        self._model = model.to(device).eval()
        self._window = int(getattr(model.config, "max_position_embeddings", 0) or tokenizer.model_max_length)
        ends = _end_ids(tokenizer, model)
        # Of our own, so that what the folder says about sampling doesn't count.
        self._model.generation_config = transformers.GenerationConfig(
            do_sample=False, max_new_tokens=max_answer_tokens, eos_token_id=ends, pad_token_id=ends[0]
        )
        self._plain, self._tokenizer = Tokenizer.from_folder(folder), tokenizer
        self._before, self._after = _frame(tokenizer)
        self.settings: Mapping[str, Any] = {
            "kind": "transformers",
            "model": name,
            "fingerprint": fingerprint,
            "window": self._window,
            "precision": "float32",
            "device": device,
            "max_answer_tokens": max_answer_tokens,
            "chat_template": bool(tokenizer.chat_template),
        }

    def answer(self, question: str, context: str) -> str:
        """Answer greedily; the answer ends with its first line."""
        ids = [*self._before, *self._plain.encode([prompt(question, context)])[0], *self._after]
        if len(ids) + self._max_new > self._window:
            raise InputError(
                f"question and context are {len(ids)} tokens with the instruction; the reader reads "
                f"{self._window}, {self._max_new} of them its answer"
            )
        tensor = self._torch.tensor([ids], device=self._model.device)
        with self._torch.inference_mode():
            out = self._model.generate(tensor, attention_mask=self._torch.ones_like(tensor))
        return first_line(str(self._tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)))


def _end_ids(tokenizer: Any, model: Any) -> list[int]:
    """All ids that end an answer, as the model's folder says."""
    ids: list[int] = []
    for value in (tokenizer.eos_token_id, model.generation_config.eos_token_id, model.config.eos_token_id):
        ids += value if isinstance(value, list) else [value]
    ends = list(dict.fromkeys(i for i in ids if isinstance(i, int)))
    if not ends:
        raise ModelError("the model's folder doesn't say which token ends a text")
    return ends


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Token ids before and behind the prompt."""

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    if not tokenizer.chat_template:
        begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        return begin, []
    messages = [{"role": "user", "content": _CONTENT}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before, marker, after = str(text).partition(_CONTENT)
    if not marker:
        raise ModelError("the model's chat template leaves out what the user says")
    return encode(before), encode(after)


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
            completion = self._client.chat.completions.create(messages=messages, **self._body)
            return first_line(completion.choices[0].message.content or "")
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
