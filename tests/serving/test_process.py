"""The commands as users start them: processes of their own, real sockets, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from serving_parts import BRIDGE, folder_with_ways_out, post, refusals
from shared import QUESTION

BODY = {"query": QUESTION, "documents": [BRIDGE], "budget": {"max_tokens": 45}}
KEY = "a-long-enough-key"
Start = Callable[..., Any]


def command(name: str, folder: Path, *more: object) -> list[str]:
    free = ["--scorer", "bm25", "--proxy", str(folder)]
    return [sys.executable, "-m", "ragcompress", name, *free, *map(str, more)]


@contextmanager
def started(
    name: str, folder: Path, *more: object, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address that a command says it listens on, and its process."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command(name, folder, *more), stderr=said, stdout=subprocess.DEVNULL, env=os.environ | environment
        )
        try:
            while (found := re.search(rb"http://\S+?:\d+", _all(said))) is None:
                assert process.poll() is None, _all(said).decode()
                threading.Event().wait(0.05)
            yield found[0].decode(), process
        finally:
            process.terminate()
            process.wait(300)


def _all(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), 1 << 20, 0)


@contextmanager
def served(folder: Path, *more: object, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with started("serve", folder, "--port", 0, *more, **environment) as (url, process):
        while httpx.get(f"{url}/readyz", timeout=120).status_code != 200:
            threading.Event().wait(0.05)
        yield url, process


def refusal(folder: Path, *more: object) -> str:
    """What the server says that does not start."""
    ended = subprocess.run(
        command("serve", folder, *more), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode not in (0, None)
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.replace("│", " ").split())


def test_sigterm_lets_a_request_end_that_is_being_read(counting_folder: Path) -> None:
    with served(counting_folder) as (url, process):
        body = json.dumps(BODY).encode()
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 60) as client:
            client.sendall(
                b"POST /v1/compress HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nConnection: close\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
            )
            assert client.recv(100).startswith(b"HTTP/1.1 100")  # the server is at work on the request
            process.send_signal(signal.SIGTERM)
            client.sendall(body)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"Anna Lund built the bridge" in answer
        assert process.wait(300) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM for a group of processes")
def test_several_processes_answer_alike_count_together_and_end_together(counting_folder: Path) -> None:
    with served(counting_folder, "--processes", 2) as (url, process):
        texts = set()
        for _ in range(12):
            answer = post(url, "/v1/compress", BODY)
            if answer.status_code == 200:  # the other process may still load
                texts.add(answer.json()["text"])
        assert texts == {"Anna Lund built the bridge in 1902."}
        counters = httpx.get(f"{url}/metrics", timeout=60).text
        counted = re.findall(r'requests_total{endpoint="/v1/compress",outcome="\w+"} ([\d.]+)', counters)
        assert sum(map(float, counted)) == 12
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz", timeout=10)


@pytest.mark.parametrize("source", ["file", "environment"])
def test_a_public_host_takes_a_key(counting_folder: Path, tmp_path: Path, source: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# who\n{KEY}\n", encoding="utf-8")
    more = ["--host", "0.0.0.0", *(["--api-keys", file] if source == "file" else [])]
    environment = {"RAGCOMPRESS_API_KEYS": KEY} if source == "environment" else {}
    with served(counting_folder, *more, **environment) as (url, _):
        here = url.replace("0.0.0.0", "127.0.0.1")
        assert post(here, "/v1/compress", BODY).status_code == 401
        assert post(here, "/v1/compress", BODY, **{"X-API-Key": "wrong"}).status_code == 401
        assert post(here, "/v1/compress", BODY, Authorization=f"Bearer {KEY}").status_code == 200


def test_what_can_not_be_served_is_said(counting_folder: Path, tmp_path: Path) -> None:
    assert "no API key is asked for" in refusal(counting_folder, "--host", "0.0.0.0", "--port", 0)
    empty = tmp_path / "keys"
    empty.write_text("# none\n", encoding="utf-8")
    assert "holds no key" in refusal(counting_folder, "--api-keys", empty)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"nothing can listen on 127.0.0.1 port {port}" in refusal(counting_folder, "--port", port)


def told(said: list[str]) -> None:
    """Of what is outside an agent learns nothing, not even whether it is there."""
    *refused, found = said
    assert "Anna Lund built the bridge in 1902." in found
    assert not [text for text in said if "secret bridge" in text or "root:" in text]
    assert all("below the folders that may be read" in text for text in refused)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_mcp_over_stdio_reads_nothing_outside(counting_folder: Path, tmp_path: Path) -> None:
    program, *arguments = command("mcp", counting_folder, "--root", folder_with_ways_out(tmp_path))
    server = StdioServerParameters(command=program, args=arguments)

    async def talk() -> list[str]:
        async with Client(stdio_client(server)) as client:
            return await refusals(client)

    told(asyncio.run(talk()))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_mcp_over_http(counting_folder: Path, tmp_path: Path) -> None:
    async def talk(url: str) -> list[str]:
        async with Client(f"{url}/mcp") as client:
            return await refusals(client)

    root = folder_with_ways_out(tmp_path)
    with started("mcp", counting_folder, "--root", root, "--http", "--port", 0) as (url, _):
        told(asyncio.run(talk(url)))
        # A page of another site that the user has open must not be able to ask.
        foreign = httpx.post(f"{url}/mcp", json={}, headers={"Host": "evil.example"}, timeout=60)
    assert foreign.status_code in (403, 421)
