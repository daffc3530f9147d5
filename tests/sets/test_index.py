"""An index over a folder: what is found, what a build does, and what a build that is cut short leaves."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragcompress import Budget, Compressor, DataError, Document, InputError, Tokenizer, segment
from ragcompress.index import Index, Passage, Report, build_index, to_sources
from ragcompress.index import vectors as faiss_vectors
from ragcompress.index.passages import assemble, cut
from ragcompress.places import Places
from ragcompress.scorers import make
from ragcompress.scorers.bm25 import terms
from ragcompress.writing import lock

ROOT = Path(__file__).parents[2]


class WordVectors:
    """An embedder without a model: a fixed random direction per word, summed."""

    name = "words"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_folder(folder)

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        rows = [sum((self._word(w) for w in terms(t)), np.full(64, 1e-6)) for t in texts]
        found = np.array(rows, dtype=np.float32).reshape(len(rows), 64)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)

    @staticmethod
    def _word(word: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.random.default_rng(list(word.encode())).standard_normal(64)


@pytest.fixture(scope="module")
def embedder(counting_folder: Path) -> WordVectors:
    return WordVectors(counting_folder)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    for i in range(30):
        text = f"# Town {i}\r\n\r\nThe mayor of town{i} is person{i}. It rains there. Larks sing.\n"
        (folder / f"{i}.md").write_text(text, newline="")
    (folder / "deep" / "more.jsonl").write_text(
        '{"text": "Ferries cross the fjord.", "title": "Fjord", "metadata": {"page": 3}}\n'
        '{"text": "Bridges are of larch.", "title": "Bridges", "id": "b"}\n'
    )
    (folder / "left.bin").write_bytes(b"\0\1")
    return folder


def built(docs: Path, path: Path, embedder: WordVectors) -> Report:
    return build_index(docs, path, embedder=embedder, passage_tokens=60)


def contents(index: Index) -> list[Passage]:
    return sorted(index.passages(), key=lambda p: (str(p.document.source), p.start_char))


TEXT = st.text(st.sampled_from("ab. \n|-#1*`é"), max_size=300)


@given(st.lists(st.tuples(TEXT, st.booleans()), max_size=3), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_passages_hold_every_sentence_once_and_know_their_lines(
    texts: list[tuple[str, bool]], size: int
) -> None:
    folder = os.environ["COUNTING_FOLDER"]
    tokenizer = Tokenizer.from_folder(Path(folder))
    documents = [Document(t, places=Places.of_lines(t) if known else None) for t, known in texts]
    whole = segment(documents)
    passages = list(cut(whole, tokenizer, size))
    parts = assemble(passages)
    assert [s.text for s in parts.sentences] == [s.text for s in whole.sentences]
    assert [s.kind for s in parts.sentences] == [s.kind for s in whole.sentences]
    for s, original in zip(parts.sentences, whole.sentences, strict=True):
        assert s.start_char + passages[s.document].start_char == original.start_char
        one, other = documents[original.document], passages[s.document].document
        assert other.place(s.start_char, s.end_char) == one.place(original.start_char, original.end_char)
    for p in passages:
        inner = sum(tokenizer.count(p.document.text[a:b]) for a, b, _ in p.sentences)
        assert inner <= size or len(p.sentences) == 1


@pytest.fixture(autouse=True)
def _folder_for_hypothesis(counting_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTING_FOLDER", str(counting_folder))


def test_the_passage_is_found_and_offsets_lead_into_its_file(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    report = built(docs, tmp_path / "idx", embedder)
    assert (report.version, report.n_new, report.n_files) == ("v1", 31, 31)
    index = Index(tmp_path / "idx", embedder=embedder)
    assert len(index) == report.n_passages
    hits = index.search("Town 17: who is the mayor of town17?", top_k=5)
    assert hits[0].passage.document.source == str(docs / "17.md")
    assert (hits[0].bm25_rank, hits[0].vector_rank) == (1, 1)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    compressor = Compressor(make("bm25"), counter=embedder.tokenizer)
    context = compressor("mayor of town17?", index.segmentation(hits), budget=Budget(ratio=0.6))
    result = to_sources(context.to_dict(), hits)
    assert result["pieces"] and result["dropped"]
    for piece in result["pieces"]:
        text = Path(piece["source"]).read_bytes().decode()
        sentence = result["text"][piece["start"] : piece["end"]]
        assert text[piece["start_char"] : piece["end_char"]] == sentence
        assert sentence in text.splitlines()[piece["location"]["first"] - 1]
    found = index.search("Ferries fjord", 1)[0].passage.document
    assert (found.title, dict(found.metadata)["page"]) == ("Fjord", 3)


def test_only_what_changed_is_read_again_and_the_result_is_that_of_a_new_index(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    path = tmp_path / "idx"
    built(docs, path, embedder)
    again = built(docs, path, embedder)
    assert (again.version, again.n_new, again.n_changed, again.n_deleted) == ("v1", 0, 0, 0)
    os.utime(docs / "1.md")
    (docs / "2.md").write_text("The mayor of town2 is somebody else now.")
    (docs / "3.md").unlink()
    (docs / "new.txt").write_text("Owls hoot at night.")
    report = built(docs, path, embedder)
    assert (report.version, report.n_new, report.n_changed, report.n_deleted) == ("v2", 1, 1, 1)
    fresh = tmp_path / "fresh"
    built(docs, fresh, embedder)
    one, other = (Index(p, embedder=embedder) for p in (path, fresh))
    assert contents(one) == contents(other)
    for question in ("somebody else of town2", "person1 of town1", "owls at night", "larch"):
        found = [i.search(question, 1)[0].passage for i in (one, other)]
        assert found[0] == found[1], question
    assert not [p for p in contents(one) if p.document.source == str(docs / "3.md")]


def test_bm25_is_that_of_the_formula(docs: Path, tmp_path: Path, embedder: WordVectors) -> None:
    built(docs, tmp_path / "idx", embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    passages = list(index.passages())
    bags = [terms(p.titled) for p in passages]
    mean = sum(map(len, bags)) / len(bags)
    wanted = ["mayor", "town5", "person5", "fjord"]

    def score(bag: list[str]) -> float:
        total = 0.0
        for term in wanted:
            df = sum(term in b for b in bags)
            idf = max(np.log((len(bags) - df + 0.5) / (df + 0.5)), 1e-6)
            tf = bag.count(term)
            total += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(bag) / mean))
        return total

    expected = sorted((-round(score(b), 9), i) for i, b in enumerate(bags) if score(b) > 1e-3)
    found = index.search(" ".join(wanted), 3)
    best = [passages[i] for _, i in expected[:2]]
    assert [h.passage for h in sorted(found, key=lambda h: h.bm25_rank or 99)][:2] == best


def test_what_cannot_be_read_is_summed_up_and_strange_names_are_no_trouble(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    (docs / "empty.txt").touch()
    (docs / "noending").write_bytes(bytes(range(256)))
    (docs / "made.js").write_text("x=1;" * 100)
    (docs / "huge.txt").write_text("The mayor of Oslo is old. " * 100)
    (docs / "ids.jsonl").write_text('{"text": "The mayor of Sur is Zoe.", "id": "x\\ud800"}\n')
    strange = Path(os.fsdecode(os.fsencode(docs) + b"/bad\xff.txt"))
    strange.write_text("The mayor of Bad is Xi.")
    path, said = tmp_path / "idx", list[str]()
    for _ in range(2):
        said.clear()
        build_index(docs, path, embedder=embedder, passage_tokens=60, max_file_size=2000, note=said.append)
        assert said[-1] == (
            f"{docs}: read 33 files, left out 5 files: 1 empty, 1 made by tools (minified), 1 too large, "
            "2 of other types (.bin, no ending)"
        )
    index = Index(path, embedder=embedder)
    assert index.search("mayor of Bad", 1)[0].passage.document.text == "The mayor of Bad is Xi."
    assert index.search("Zoe", 1)[0].passage.document.id == "x\\ud800"
    strange.unlink()
    report = build_index(docs, path, embedder=embedder, passage_tokens=60, max_file_size=2000)
    assert (report.version, report.n_deleted) == ("v2", 1)


def test_settings_of_an_index_hold(docs: Path, tmp_path: Path, embedder: WordVectors) -> None:
    path = tmp_path / "idx"
    built(docs, path, embedder)
    with pytest.raises(InputError, match="passage tokens 60"):
        build_index(docs, path, embedder=embedder, passage_tokens=61)
    with pytest.raises(InputError, match="folder"):
        build_index(docs / "deep", path, embedder=embedder, passage_tokens=60)
    with pytest.raises(DataError, match="other things"):
        build_index(docs, docs, embedder=embedder)
    with pytest.raises(DataError, match="no index"):
        Index(tmp_path, embedder=embedder)
    with (path / "lock").open("ab") as held:
        lock(held, "free")
        with pytest.raises(DataError, match="another build"):
            built(docs, path, embedder)
        assert len(Index(path, embedder=embedder)) > 30
    assert len(built(docs, path, embedder).version) == 2


BUILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import test_index
class Slow(test_index.WordVectors):
    def embed(self, texts):
        time.sleep(0.01 * len(texts))
        return super().embed(texts)
test_index.build_index({docs!r}, {path!r}, embedder=Slow(Path({folder!r})), passage_tokens=60)
"""


def test_killed_builds_go_on_and_readers_see_the_old_version_meanwhile(
    docs: Path, tmp_path: Path, embedder: WordVectors, counting_folder: Path
) -> None:
    path = tmp_path / "idx"
    built(docs, path, embedder)
    for i in range(150):
        (docs / f"n{i}.txt").write_text(f"Village n{i} has a well. Its baker is called b{i}. The moon is up.")
    code = BUILD.format(
        here=str(Path(__file__).parent), docs=str(docs), path=str(path), folder=str(counting_folder)
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    lines = [f'{{"text": "Large file, record {i}: lamps of street{i} are lit."}}\n' for i in range(200)]
    (docs / "large.jsonl").write_text("".join(lines))
    before = contents(Index(path, embedder=embedder))
    rng = random.Random(5)
    n_seen = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        building, seen = path / "building" / "passages.sqlite", 0.0
        while process.poll() is None and not seen:
            seen = building.stat().st_mtime if building.exists() else 0.0
        time.sleep(rng.uniform(0.2, 1.0))
        if process.poll() is None:
            n_seen += 1
            assert contents(Index(path, embedder=embedder)) == before
        process.kill()
        process.wait()
    assert n_seen
    built(docs, path, embedder)
    fresh = tmp_path / "fresh"
    built(docs, fresh, embedder)
    assert contents(Index(path, embedder=embedder)) == contents(Index(fresh, embedder=embedder))
    assert {p.name for p in path.iterdir()} == {"current", "lock", "v1", "v2"}


def test_one_index_serves_many_threads(docs: Path, tmp_path: Path, embedder: WordVectors) -> None:
    built(docs, tmp_path / "idx", embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    expected = [index.search(f"mayor of town{i}", 7) for i in range(30)]
    wrong: list[int] = []

    def ask() -> None:
        wrong.extend(i for i in range(30) if index.search(f"mayor of town{i}", 7) != expected[i])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_beyond_the_flat_size_neighbours_are_found_all_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3000, 32)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    ids = np.arange(3000, dtype=np.int64) * 3 + 1
    found = []
    for limit in (3000, 100):
        faiss_vectors.write(tmp_path / str(limit), [(ids, points)], 3000, flat_up_to=limit)
        index = faiss_vectors.read(tmp_path / str(limit))
        found.append([faiss_vectors.nearest(index, p, 10) for p in points[:50]])
    assert [row[0] for row in found[0]] == list(ids[:50])
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*found, strict=True)])
    assert recall > 0.95


def test_an_empty_folder_makes_an_empty_index(tmp_path: Path, embedder: WordVectors) -> None:
    (tmp_path / "docs").mkdir()
    built(tmp_path / "docs", tmp_path / "idx", embedder)
    assert Index(tmp_path / "idx", embedder=embedder).search("anything?") == []
