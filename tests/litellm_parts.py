"""LiteLLM's proxy with the guardrail ``compresr``, and a stub of OpenAI's API behind it: processes and notes.

LiteLLM lives in an environment of its own: its pins are not ours.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

MODEL = "stub"
# What LiteLLM would write into its spend log, written to a file: the log itself needs a database.
_RECORDER = """\
import json
import os

from litellm.integrations.custom_logger import CustomLogger


class Recorder(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        payload = kwargs["standard_logging_object"]
        names = ("prompt_tokens", "completion_tokens", "response_time", "guardrail_information")
        line = json.dumps({name: payload.get(name) for name in names}, default=str)
        with open(os.environ["SPEND_LOG"], "a", encoding="utf-8") as log:
            log.write(line + "\\n")


recorder = Recorder()
"""


def litellm_command(root: Path) -> Path | None:
    """The proxy's command: ``RAGCOMPRESS_LITELLM``, or what ``make clients`` has made."""
    found = Path(os.environ.get("RAGCOMPRESS_LITELLM") or root / ".venv-litellm" / "bin" / "litellm")
    return found if found.is_file() else None


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


class StubModel:
    """OpenAI's chat completions on a port of this machine: counts the tokens that come, and says the same.

    Attributes:
        messages: of every request, as they came.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self.messages: list[list[dict[str, Any]]] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                messages.append(asked["messages"])
                content = _completion(asked["messages"], count)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        """End it."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _completion(messages: list[dict[str, Any]], count: Callable[[str], int]) -> bytes:
    n_tokens = sum(count(_text(row.get("content"))) for row in messages)
    message = {"role": "assistant", "content": "Understood."}
    return json.dumps(
        {
            "id": "chatcmpl-stub",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": n_tokens, "completion_tokens": 1, "total_tokens": n_tokens + 1},
        }
    ).encode()


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def configuration(stub: str, server: str, guardrail: dict[str, Any] | None = None) -> dict[str, Any]:
    """The proxy's ``config.yaml`` (JSON is YAML): the guardrail as docs/clients.md has it, always on.

    Args:
        stub: address of the model's API.
        server: address of ``ragcompress serve``.
        guardrail: more of its settings.
    """
    return {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {"model": f"openai/{MODEL}", "api_base": stub, "api_key": "none"},
            }
        ],
        "litellm_settings": {"callbacks": ["spend_recorder.recorder"]},
        "guardrails": [
            {
                "guardrail_name": "shorten-tool-results",
                "litellm_params": {
                    "guardrail": "compresr",
                    "mode": "pre_call",
                    "api_base": server,
                    "api_key": "none",
                    "unreachable_fallback": "fail_open",
                    "default_on": True,
                    **(guardrail or {}),
                },
            }
        ],
    }


@contextmanager
def running(
    command: Sequence[str], is_ready: Callable[[], bool], *, seconds: float, **settings: Any
) -> Iterator[None]:
    """Start a server, wait until it is ready, and end it behind the ``with``.

    Args:
        seconds: in which it must be ready.
        settings: of ``subprocess.Popen``.

    Raises:
        TimeoutError: if it ends, or is not ready by then; says what it said last.
    """
    with tempfile.TemporaryDirectory() as folder, (log := Path(folder, "log")).open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **settings)
        try:
            until = time.monotonic() + seconds
            while not is_ready():
                if process.poll() is not None or time.monotonic() > until:
                    text = log.read_text("utf-8", "replace")
                    raise TimeoutError(f"{command[0]} is not ready; it said: {text[-2_000:]}")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def proxy(command: Path, config: dict[str, Any], folder: Path, seconds: float = 600) -> Iterator[str]:
    """The address of a running proxy.

    Args:
        folder: for its files; ``spend.jsonl`` has a line for each answered request.
        seconds: in which it must be ready.

    Raises:
        TimeoutError: if it is not ready by then; says what its log ends with.
    """
    (folder / "spend_recorder.py").write_text(_RECORDER, encoding="utf-8")
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    arguments = [str(command), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ, "SPEND_LOG": str(folder / "spend.jsonl"), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": "", "NO_PROXY": "127.0.0.1",
        # It listens on this machine alone, before a stub: nothing is there that a key would guard.
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/health/readiness", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    with running(arguments, is_ready, seconds=seconds, cwd=folder, env=environment):
        yield url


def spend(folder: Path, n: int, seconds: float = 60) -> list[dict[str, Any]]:
    """The first ``n`` lines of the log, which the proxy writes after it has answered.

    Raises:
        TimeoutError: if they are not there in time.
    """
    file, until = folder / "spend.jsonl", time.monotonic() + seconds
    while time.monotonic() < until:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if len(lines) >= n:
            return [json.loads(line) for line in lines[:n]]
        time.sleep(0.1)
    raise TimeoutError(f"{file.name} has less than {n} lines")
