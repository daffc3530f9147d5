"""MCP's tools: what is read, what is not, how much comes back, and that reading ends when nobody waits."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from serving_parts import BRIDGE, HeldScorer
from shared import QUESTION
from word_vectors import WordVectors

from ragcompress import Compressor, DataError, InputError, scorers
from ragcompress.errors import RagCompressError
from ragcompress.index import Index, build_index
from ragcompress.scorers import Scorer
from ragcompress.serving.agent import MOST_TOKENS, Agent
from ragcompress.serving.mcp import build
from ragcompress.serving.roots import Roots

LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(300))
CULPRIT = "2026-01-02 11:05:00 ERROR no space left on device\n"
WHY = "Why did the build fail?"


def count_quarters(text: str) -> int:
    """As agents' clients do: four bytes are a token."""
    return (len(text.encode()) + 3) // 4


def agent(folder: Path, scorer: Scorer | None = None, **indexes: Callable[[], Index]) -> Agent:
    reader = Compressor(scorer or scorers.make("bm25"), counter=count_quarters)
    return Agent(lambda: reader, Roots([folder]), indexes)


def test_excerpts_are_the_files_own_text_and_can_be_expanded(tmp_path: Path) -> None:
    text = f"# Bridge\n\n{BRIDGE} Many come.\n\nWho built the tower? Nobody knows.\n"
    (tmp_path / "b.md").write_text(text, encoding="utf-8")
    found = agent(tmp_path).read_relevant(QUESTION, ["b.md"], 200)
    assert found.excerpts
    for excerpt in found.excerpts:
        part = text[excerpt.start : excerpt.end]
        assert " ".join(part.split()) in " ".join(found.text.split())
        assert excerpt.location == f"b.md:{text.count(chr(10), 0, excerpt.start) + 1}"
        assert excerpt.location in found.text
        more = agent(tmp_path).expand(excerpt.path, excerpt.start, excerpt.end, around=0)
        assert " ".join(part.split()) in " ".join(more.text.split())


def test_a_place_between_sentences_is_shown_with_what_stands_around_it(tmp_path: Path) -> None:
    text = "One. Two." + "\n" * 20 + "Three. Four."
    (tmp_path / "gap.txt").write_text(text, encoding="utf-8")
    (shown,) = agent(tmp_path).expand("gap.txt", 15, 18, around=0).excerpts
    assert text[shown.start : shown.end].split() == ["Two.", "Three."]
    (shown,) = agent(tmp_path).expand("gap.txt", 9, 10, around=1).excerpts
    assert text[shown.start : shown.end].split() == ["One.", "Two.", "Three.", "Four."]


def test_a_place_that_is_too_long_is_said_to_end_early(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Larks sing at dawn. " * 20_000, encoding="utf-8")
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return count_quarters(text)

    reader = Compressor(scorers.make("bm25"), counter=count)
    found = Agent(lambda: reader, Roots([tmp_path]), {}).expand("a.txt", 0, 390_000, around=0)
    assert found.tokens_after <= MOST_TOKENS
    assert found.notes == [
        f"ends at {found.excerpts[0].end}: more is longer than {MOST_TOKENS} tokens; go on there"
    ]
    assert counted < 400 * 400_000  # each sentence once, and what is left until it fits


def test_an_agent_is_told_paths_as_it_names_them(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bin.txt").write_bytes(b"\0\1\2")
    (tmp_path / "in" / "b.md").write_text(BRIDGE, encoding="utf-8")
    for call in (
        lambda: agent(tmp_path).read_relevant(QUESTION, ["in/bin.txt"], 200),
        lambda: agent(tmp_path).expand("in/bin.txt", 0, 1),
    ):
        with pytest.raises(DataError, match=r"\Ain/bin\.txt is binary"):
            call()
    (note, *_) = agent(tmp_path).read_relevant(QUESTION, ["in"], 200).notes
    assert note.startswith("left out: in/bin.txt is binary")


@pytest.mark.parametrize("max_tokens", [200, 1_000, MOST_TOKENS])
def test_places_count_too(tmp_path: Path, max_tokens: int) -> None:
    text = "".join(f"Bridge {i} is red. Larks {i} sing at dawn and sleep at night. " for i in range(4_000))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    found = agent(tmp_path).read_relevant("Which bridge is red?", ["."], max_tokens)
    assert found.excerpts
    assert count_quarters(found.model_dump_json()) <= max_tokens
    assert "did not fit" in found.notes[-1]


@pytest.mark.parametrize("name", ["build.log", "build.jsonl"])
def test_of_a_log_the_line_that_says_why_comes_back(tmp_path: Path, name: str) -> None:
    lines = (LOG + CULPRIT).splitlines()
    if name.endswith("jsonl"):
        lines = [f'{{"n": {i}, "msg": "{line}"}}' for i, line in enumerate(lines)]
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = agent(tmp_path).read_relevant(WHY, [name], 400)
    assert "no space left" in found.text
    assert f"{name}:{len(lines)}" in [e.location for e in found.excerpts]


def test_json_is_read_as_it_stands(tmp_path: Path) -> None:
    text = '{\n  "name": "bridge",\n  "builder": "Anna Lund built the bridge in 1902."\n}\n'
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    found = agent(tmp_path).read_relevant(QUESTION, ["a.json"], 200)
    assert "Anna Lund" in found.text
    assert all(e.end <= len(text) for e in found.excerpts)


def test_a_search_says_where_in_the_file_it_is(tmp_path: Path, counting_folder: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    texts = {
        "bridge.md": "# Bridge\n\n" + "It is old. It is red. Larks sing.\n\n" * 20 + f"{BRIDGE}\n",
        "ferry.md": "# Ferry\n\nFerries leave at noon.\n",
    }
    for name, text in texts.items():
        (docs / name).write_text(text, encoding="utf-8")
    embedder = WordVectors(counting_folder)
    build_index(docs, tmp_path / "idx", embedder=embedder, passage_tokens=200)

    def opened() -> Index:
        return Index(tmp_path / "idx", embedder=embedder)

    found = agent(docs, town=opened).search_relevant(QUESTION, "town", 300)
    best = max(found.excerpts, key=lambda e: e.score)
    assert "Anna Lund built the bridge in 1902." in texts[best.path][best.start : best.end]
    assert best.location == f"{best.path}:43"
    with pytest.raises(RagCompressError, match="town"):
        agent(docs, town=opened).search_relevant(QUESTION, "city", 300)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_or_a_folder_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    for path in ("pipe", "folder"):
        with pytest.raises(InputError, match="is no file"):
            agent(tmp_path).expand(path, 0, 1)
    with pytest.raises(InputError, match="is no file"):
        agent(tmp_path).read_relevant(QUESTION, ["pipe"], 100)
    with pytest.raises(DataError, match="empty"):
        agent(tmp_path).expand("empty.txt", 0, 1)
    assert agent(tmp_path).read_relevant(QUESTION, ["folder"], 100).notes == ["no text"]


def test_reading_ends_when_the_client_waits_no_longer(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text(BRIDGE, encoding="utf-8")
    scorer = HeldScorer()

    async def talk() -> bool:
        async with Client(build(agent(tmp_path, scorer), has_indexes=False)) as client:
            call = client.call_tool("read_relevant", {"question": QUESTION, "paths": ["b.md"]})
            asked = asyncio.ensure_future(call)
            assert await asyncio.to_thread(scorer.began.acquire, timeout=60)
            asked.cancel()
            return await asyncio.to_thread(scorer.stopped.acquire, timeout=60)

    assert asyncio.run(talk())


def test_the_model_is_loaded_once_for_calls_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text(BRIDGE, encoding="utf-8")
    loads, both = [], threading.Barrier(2, timeout=60)

    def load() -> Compressor:
        loads.append(1)
        return Compressor(scorers.make("bm25"), counter=count_quarters)

    reading = Agent(load, Roots([tmp_path]), {})

    def ask() -> None:
        both.wait()
        reading.read_relevant(QUESTION, ["b.md"], 100)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


def test_text_for_the_model_and_places_for_the_client(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text(BRIDGE, encoding="utf-8")

    async def talk() -> Any:
        async with Client(build(agent(tmp_path), has_indexes=False)) as client:
            told: list[tuple[float, float | None]] = []

            async def progress(done: float, total: float | None, message: str | None) -> None:
                told.append((done, total))

            asked = {"question": QUESTION, "paths": ["b.md"], "max_tokens": 60}
            return await client.call_tool("read_relevant", asked, progress_callback=progress), told

    found, _ = asyncio.run(talk())
    (content,) = found.content
    assert content.text.startswith("b.md:1\n")
    assert content.text.count("Anna Lund") == 1
    assert "{" not in content.text
    (excerpt,) = found.structured_content["excerpts"]
    assert (excerpt["path"], excerpt["location"]) == ("b.md", "b.md:1")
