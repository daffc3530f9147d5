"""Every page about a framework is run from top to bottom; the providers' clients talk to a server of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from doc_blocks import FRAMEWORKS, ROOT, blocks_of

from ragcompress import models

pytestmark = pytest.mark.model


class Provider(BaseHTTPRequestHandler):
    """Answers as the two providers do, and keeps what it was asked."""

    asked: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        usage = {
            "input_tokens": 1,
            "output_tokens": 1,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "total_tokens": 2,
        }
        shared = {"id": "1", "model": body["model"], "created": 0, "usage": usage}
        if self.path.endswith("/chat/completions"):
            message = {"role": "assistant", "content": "Berit Holm."}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            answer = shared | {"object": "chat.completion", "choices": [choice], "usage": usage}
        else:
            content = [{"type": "text", "text": "Berit Holm."}]
            answer = shared | {
                "type": "message",
                "role": "assistant",
                "content": content,
                "stop_reason": "end_turn",
            }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []
    handler = type("Handler", (Provider,), {"asked": found})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for name, url in (("OPENAI", f"{address}/v1"), ("ANTHROPIC", address)):
            monkeypatch.setenv(f"{name}_BASE_URL", url)
            monkeypatch.setenv(f"{name}_API_KEY", "none")
        yield found
        server.shutdown()


@pytest.mark.parametrize("page", FRAMEWORKS)
def test_a_page_runs_as_one_program(
    page: str,
    asked: list[tuple[str, Any]],
    default_folder: models.ModelFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    blocks = blocks_of(ROOT / "docs" / f"{page}.md")
    assert blocks
    for code, output in blocks:
        exec(compile(code, f"docs/{page}.md", "exec"), namespace)
        assert capsys.readouterr().out == output
    if page == "openai-anthropic":
        assert [path for path, _ in asked] == ["/v1/chat/completions", "/v1/messages"]
        for _, body in asked:
            assert "Berit Holm" in json.dumps(body["messages"][-1])


@pytest.mark.parametrize("page", ["README.md", "docs/langchain.md"])
def test_a_newcomers_script_has_ten_lines_and_needs_langchain_core_alone(
    page: str, default_folder: models.ModelFolder
) -> None:
    code, output = next(b for b in blocks_of(ROOT / page) if "RagCompressRetriever" in b[0])
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    others = (
        "torch",
        "transformers",
        "sentence_transformers",
        "faiss",
        "langchain_classic",
        "ragcompress_eval",
    )
    before = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'adapters')!r}]\n"
    before += f"sys.modules.update(dict.fromkeys({others!r}))\n"
    command = [sys.executable, "-W", "error", "-c", before + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == (output, "")
