"""R7: servers have their own listener, and speak to nobody else: every system call of the network is seen."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

CALLS = "socket,connect,bind,sendto,sendmsg,sendmmsg"
TRACED = ["strace", "-f", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o"]
SECONDS = 30


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    done = subprocess.run([*TRACED, os.devnull, "true"], capture_output=True, check=False)
    return done.returncode == 0


pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.skipif(not can_trace(), reason="needs strace, and the right to use it"),
]


def environment() -> dict[str, str]:
    """Without what tests set so that nothing is asked of a network."""
    return {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY")}


def made(trace: Path) -> list[str]:
    """What was called, without what goes to a pipe of the process, to who asked, or to the machine itself."""
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    calls = [line for line in lines if re.search(rf" (?:{CALLS.replace(',', '|')})\(", line)]
    answers = re.compile(r" send\w+\(\d+, .*(?:NULL, 0\)|<unfinished \.\.\.>$)")
    return [line for line in calls if not answers.search(line) and "AF_UNIX" not in line]


def test_a_server_has_its_own_listener_only(tmp_path: Path) -> None:
    trace, said = tmp_path / "trace", tmp_path / "said"
    command = [*TRACED, str(trace), sys.executable, "-m", "ragcompress", "serve", "--port", "0"]
    with said.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, stdout=subprocess.DEVNULL, env=environment())
    try:
        while (found := re.search(r"http://\S+?:\d+", said.read_text())) is None:
            assert process.poll() is None, said.read_text()
            threading.Event().wait(0.1)
        while httpx.get(f"{found[0]}/readyz", timeout=120).status_code != 200:
            threading.Event().wait(0.1)
        body = {"query": "Who?", "documents": ["Ann built it. It is old."], "budget": {"max_tokens": 8}}
        assert httpx.post(f"{found[0]}/v1/compress", json=body, timeout=120).status_code == 200
        threading.Event().wait(SECONDS)
    finally:
        # A signal for strace would let go of what it follows; the first that it writes of is the server.
        os.kill(int(trace.read_text().split(None, 1)[0]), signal.SIGTERM)
        process.wait(120)
    listener, *others = [line for line in made(trace) if " bind(" in line]
    assert not others
    assert "127.0.0.1" in listener
    (opened, *more) = [line for line in made(trace) if " bind(" not in line]
    assert " socket(AF_INET, SOCK_STREAM" in opened
    assert not more


def test_tools_on_stdin_open_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Ann built the bridge. It is old.")
    trace = tmp_path / "trace"
    arguments = [*TRACED[1:], str(trace), sys.executable, "-m", "ragcompress", "mcp"]
    server = StdioServerParameters(
        command="strace", args=[*arguments, "--root", str(tmp_path / "docs")], env=environment()
    )

    async def ask() -> bool:
        async with Client(stdio_client(server)) as client:
            question = {"paths": ["a.md"], "question": "Who built the bridge?"}
            answer = await client.call_tool("read_relevant", question)
            await asyncio.sleep(SECONDS)
            return bool(answer.is_error)

    assert asyncio.run(ask()) is False
    assert made(trace) == []
