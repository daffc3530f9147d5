"""A real server on a real socket of this machine, over a scorer that reads no model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
import uvicorn
from fastapi import FastAPI

from ragcompress import Compressor, Scores, Segmentation, scorers
from ragcompress.data import Progress
from ragcompress.serving.app import Service, create_app
from ragcompress.serving.engine import Load, OnLookup
from ragcompress.serving.running import Listening, bind, configuration

BRIDGE = "The bridge is red. Anna Lund built the bridge in 1902. Ferries leave at noon."

OUTSIDE = (
    "../secret.md", "link.md", "up/secret.md", "/etc/passwd", "\\\\host\\share\\x", "//host/share/x", "a\0b",
    "..\\secret.md", "bridge.md/../../secret.md", "./.././secret.md", "~/secret.md", "C:\\secret.md", "",
)  # fmt: skip
"""Paths that lead out of the roots, or nowhere."""


def folder_with_ways_out(parent: Path) -> Path:
    """A folder to be read, and beside it what must not be; links lead there."""
    inside = parent / "root"
    inside.mkdir()
    (inside / "bridge.md").write_text(f"# Bridge\n\n{BRIDGE}\n", encoding="utf-8")
    (parent / "secret.md").write_text("Anna Lund built the secret bridge.", encoding="utf-8")
    (inside / "link.md").symlink_to(parent / "secret.md")
    (inside / "up").symlink_to(parent)
    return inside


async def refusals(client: Any) -> list[str]:
    """What an agent is told that asks for what is outside, by either tool; ends with what is inside."""
    said = []
    for path in OUTSIDE:
        for tool, asked in (
            ("read_relevant", {"question": "Who built the bridge?", "paths": [path], "max_tokens": 200}),
            ("expand", {"path": path, "start": 0, "end": 5}),
        ):
            found = await client.call_tool(tool, asked)
            assert found.is_error, path
            said.append(found.content[0].text)
    asked = {"question": "Who built the bridge?", "paths": ["."], "max_tokens": 200}
    found = await client.call_tool("read_relevant", asked)
    return [*said, found.content[0].text]


def count_words(text: str) -> int:
    return len(text.split())


def words_only(on_lookup: OnLookup) -> Compressor:
    return Compressor(scorers.make("bm25"), counter=count_words)


class HeldScorer:
    """BM25 that waits, passage by passage, until it is let go; ``stopped`` counts those told to stop."""

    name: ClassVar[str] = "held"
    needs_proxy: ClassVar[bool] = False

    def __init__(self) -> None:
        self.go, self.began, self.stopped = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        self.began.release()
        while not self.go.wait(0.01):
            try:
                if progress:
                    progress(0, 1)
            except BaseException:
                self.stopped.release()
                raise
        return scorers.make("bm25").score(question, segmentation)


def held(scorer: HeldScorer) -> Load:
    """Load a compressor that waits, but not for the trial at the start."""

    def load(on_lookup: OnLookup) -> Compressor:
        scorer.go.set()
        return Compressor(scorer, counter=count_words)

    return load


@contextmanager
def serving(load: Load = words_only, service: Service | None = None) -> Iterator[str]:
    """The address of a server that is ready."""
    with running(lambda: create_app(load, service)) as url:
        headers = {"X-API-Key": service.keys.secrets[0]} if service and service.keys else {}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            while client.get("/readyz").status_code != 200:
                threading.Event().wait(0.01)
        yield url


@contextmanager
def running(make: Callable[[], FastAPI]) -> Iterator[str]:
    """The address of a server that listens."""
    bound = bind(Listening(port=0))
    server = uvicorn.Server(configuration(make))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def post(url: str, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{url}{path}", json=body, headers=headers, timeout=120)


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=120)
