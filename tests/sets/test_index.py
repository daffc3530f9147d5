"""An index over a folder: what is found, what a build does, and what a build that is cut short leaves."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import flipped, without_checksums
from hypothesis import given, settings
from hypothesis import strategies as st
from word_vectors import WordVectors

from ragcompress import Budget, Compressor, DataError, Document, InputError, Tokenizer, segment
from ragcompress.files import lock
from ragcompress.index import Index, Passage, Report, build_index, to_sources
from ragcompress.index import vectors as faiss_vectors
from ragcompress.index.passages import assemble, cut
from ragcompress.places import Places
from ragcompress.scorers import make
from ragcompress.text.terms import terms

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("size", [40, 50, 70])
def test_a_description_that_is_apart_from_its_name_brings_it(size: int) -> None:
    tokenizer = Tokenizer.from_folder(Path(os.environ["COUNTING_FOLDER"]))
    text = (
        "# Options\n\n--force\n\n"
        + "It is done at once. " * 9
        + "\n\n--quiet\n\nNothing is said. Really nothing."
    )
    passages = list(cut(segment([Document(text)]), tokenizer, size))
    assert len(passages) > 2
    for p in passages:
        units = [(p.document.text[a:b], kind) for a, b, kind in p.sentences]
        named = [unit for unit, kind in units if kind == "term"]
        assert units[-1][1] == "prose"
        assert ("--force" in named) == any(unit == "It is done at once." for unit, _ in units)
        assert ("--quiet" in named) == any("othing" in unit for unit, _ in units)
        for a, b, _ in p.sentences:
            assert text[slice(*p.in_document(a, b))] == p.document.text[a:b]


CELL = st.text(st.sampled_from("abé1"), min_size=1, max_size=12)


@given(
    st.lists(CELL, min_size=2, max_size=3),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=40, deadline=None)
def test_rows_of_a_table_bring_their_header(cells: list[str], n: int, size: int, line_end: str) -> None:
    tokenizer = Tokenizer.from_folder(Path(os.environ["COUNTING_FOLDER"]))
    lines = [",".join(cells), *(",".join(f"{c}{i}" for c in cells) for i in range(n))]
    text = line_end.join(lines)
    whole = segment(
        [Document("First.", syntax="text"), Document(text, syntax="csv", places=Places.of_lines(text))]
    )
    found = []
    for p in list(cut(whole, tokenizer, size))[1:]:
        assert assemble([p]).sentences[0].kind == "table header"
        for start, end, _ in p.sentences:
            first, last = p.in_document(start, end)
            assert text[first:last] == p.document.text[start:end]
            place = p.document.place(start, end)
            assert place and lines[place.first - 1] == text[first:last]
            found.append((first, last))
        if len(p.sentences) > 2:
            assert sum(tokenizer.count(p.document.text[a:b]) for a, b, _ in p.sentences) <= size
    assert sorted(set(found)) == [(s.start_char, s.end_char) for s in whole.sentences[1:]]
    assert len(found) - len(set(found)) == found.count(found[0]) - 1


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


def test_a_row_of_a_long_table_is_kept_with_its_header(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    rows = "".join(f"place{i},boss{i},{i * 7}\n" for i in range(200))
    (docs / "t.csv").write_text(f"town,chief,crowns\n{rows}")
    built(docs, tmp_path / "idx", embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    hits = index.search("boss150", 1)
    compressor = Compressor(make("bm25"), counter=embedder.tokenizer)
    kept = "town,chief,crowns\nplace150,boss150,1050"
    budget = Budget(max_tokens=embedder.tokenizer.count(kept))
    context = compressor("boss150", index.segmentation(hits), budget=budget)
    assert context.text == kept
    pieces = to_sources(context.to_dict(), hits)["pieces"]
    assert [p["location"]["first"] for p in pieces] == [1, 152]
    assert [p["start_char"] for p in pieces] == [0, (docs / "t.csv").read_text().index("place150")]


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
    with lock(path / "lock", "free"):
        with pytest.raises(DataError, match="another build"):
            built(docs, path, embedder)
        assert len(Index(path, embedder=embedder)) > 30
    assert len(built(docs, path, embedder).version) == 2


def test_progress_goes_on_within_a_large_file(tmp_path: Path, embedder: WordVectors) -> None:
    docs, seen = tmp_path / "docs", list[tuple[int, int]]()
    docs.mkdir()
    (docs / "a.jsonl").write_text("".join(f'{{"text": "Lamp {i} is lit."}}\n' for i in range(300)))
    (docs / "b.txt").write_text("The last one.")
    build_index(docs, tmp_path / "idx", embedder=embedder, progress=lambda *at: seen.append(at))
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1] == (sum(p.stat().st_size for p in docs.iterdir()),) * 2


def damaged(data: bytes) -> bytes:
    return data[:8192] + bytes(40_000) + data[48_192:]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("current", lambda data: b"", "names no version"),
        ("current", lambda data: b"\xff\n", "names no version"),
        ("current", lambda data: b"v9\n", "v9.*is missing"),
        ("v1/passages.sqlite", None, "is missing"),
        ("v1/passages.sqlite", lambda data: b"x" * len(data), "not a database"),
        ("v1/passages.sqlite", lambda data: b"", "no such table"),
        ("v1/passages.sqlite", damaged, "malformed"),
    ],
)
def test_a_damaged_index_is_told_and_not_built_upon(
    name: str,
    damage: Callable[[bytes], bytes] | None,
    said: str,
    docs: Path,
    tmp_path: Path,
    embedder: WordVectors,
) -> None:
    built(docs, tmp_path / "idx", embedder)
    without_checksums(tmp_path / "idx")
    path = tmp_path / "idx" / name
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    (docs / "new.txt").write_text("The mayor of Nova is Kim.")
    for use in (
        lambda: Index(tmp_path / "idx", embedder=embedder).search("mayor of town3"),
        lambda: built(docs, tmp_path / "idx", embedder),
    ):
        with pytest.raises(DataError, match=f"{said}.*build it again"):
            use()


@pytest.mark.parametrize("data", [None, b"", b"x" * 5000])
def test_vectors_that_are_lost_are_written_anew(
    data: bytes | None, docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    before = Index(tmp_path / "idx", embedder=embedder).search("mayor of town3")
    path = tmp_path / "idx" / "v1" / "vectors.faiss"
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(DataError, match="vectors.faiss"):
        Index(tmp_path / "idx", embedder=embedder)
    report = built(docs, tmp_path / "idx", embedder)
    assert (report.version, report.n_new) == ("v2", 0)
    assert Index(tmp_path / "idx", embedder=embedder).search("mayor of town3") == before


def test_an_index_of_another_version_is_refused_and_a_build_of_one_begins_again(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    path = tmp_path / "idx"
    built(docs, path, embedder)
    (tmp_path / "first" / "building").mkdir(parents=True)
    with pytest.raises(DataError, match="nothing to search yet"):
        Index(tmp_path / "first", embedder=embedder)
    (path / "building").mkdir()
    (path / "building" / "passages.sqlite").write_bytes(b"left over" * 1000)
    assert built(docs, path, embedder).version == "v1"
    without_checksums(path)
    with sqlite3.connect(path / "v1" / "passages.sqlite") as database:
        database.execute("UPDATE meta SET value = '1' WHERE key = 'format'")
    database.close()
    for use in (lambda: Index(path, embedder=embedder), lambda: built(docs, path, embedder)):
        with pytest.raises(DataError, match="has format 1, .* build it again"):
            use()


BUILD = """
import sys, time
from pathlib import Path
sys.path[:0] = {here!r}
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
        here=[str(p) for p in Path(__file__).parents[:2]],
        docs=str(docs),
        path=str(path),
        folder=str(counting_folder),
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


def test_beyond_the_flat_size_neighbors_are_found_all_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3000, 32)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    ids = np.arange(3000, dtype=np.int64) * 3 + 1
    found = []
    for limit in (3000, 100):
        checksum = faiss_vectors.write(tmp_path / str(limit), [(ids, points)], 3000, flat_up_to=limit)
        index = faiss_vectors.read(tmp_path / str(limit), checksum)
        found.append([faiss_vectors.nearest(index, p, 10) for p in points[:50]])
    assert [row[0] for row in found[0]] == list(ids[:50])
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*found, strict=True)])
    assert recall > 0.95


def test_an_empty_folder_makes_an_empty_index(tmp_path: Path, embedder: WordVectors) -> None:
    (tmp_path / "docs").mkdir()
    built(tmp_path / "docs", tmp_path / "idx", embedder)
    assert Index(tmp_path / "idx", embedder=embedder).search("anything?") == []


def test_an_index_within_its_folder_is_no_document(docs: Path, embedder: WordVectors) -> None:
    path = docs / "deep" / ".." / "idx"
    assert built(docs / "deep" / "..", path, embedder).n_files == 31
    again = built(docs / "deep" / "..", path, embedder)
    assert (again.version, again.n_new, again.n_files) == ("v1", 0, 31)


def flip(path: Path, needle: bytes) -> None:
    """Turn one bit of what stands in a file."""
    data = bytearray(path.read_bytes())
    data[data.index(needle) + 3] ^= 1
    path.write_bytes(data)


def test_a_passage_that_was_damaged_is_not_given_out(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    flip(tmp_path / "idx" / "v1" / "passages.sqlite", b"The mayor of town3 is")
    with pytest.raises(DataError, match=r"is damaged \(its checksum is another\); .*build it again"):
        Index(tmp_path / "idx", embedder=embedder)
    without_checksums(tmp_path / "idx")
    index = Index(tmp_path / "idx", embedder=embedder)
    assert index.search("Ferries cross the fjord", 1)[0].passage.document.title == "Fjord"
    with pytest.raises(DataError, match=r"passage \d+ of .* is damaged.*build it again"):
        index.search("mayor of town3", 30)


def test_a_flipped_bit_anywhere_in_the_passages_is_told(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    """In the lists of words, too, where SQLite says nothing and other passages would be found."""
    built(docs, tmp_path / "idx", embedder)
    path = tmp_path / "idx" / "v1" / "passages.sqlite"
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        path.write_bytes(flipped(whole, [(int(place), int(place) % 8)]))
        with pytest.raises(DataError, match=r"damaged \(its checksum is another\)"):
            Index(tmp_path / "idx", embedder=embedder)
        with pytest.raises(DataError, match="build it again"):
            built(docs, tmp_path / "idx", embedder)
    path.write_bytes(whole)
    assert Index(tmp_path / "idx", embedder=embedder).search("mayor of town3")


def test_a_passage_that_is_missing_is_told(docs: Path, tmp_path: Path, embedder: WordVectors) -> None:
    built(docs, tmp_path / "idx", embedder)
    without_checksums(tmp_path / "idx")
    database = sqlite3.connect(tmp_path / "idx" / "v1" / "passages.sqlite")
    database.execute("DELETE FROM passages")
    database.commit()
    database.close()
    index = Index(tmp_path / "idx", embedder=embedder)
    with pytest.raises(DataError, match=r"passage \d+ of .* is missing; .*build it again"):
        index.search("mayor of town3", 3)


def test_vectors_that_were_damaged_are_told_and_written_anew(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    before = Index(tmp_path / "idx", embedder=embedder).search("mayor of town3")
    path = tmp_path / "idx" / "v1" / "vectors.faiss"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged"):
        Index(tmp_path / "idx", embedder=embedder)
    built(docs, tmp_path / "idx", embedder)
    assert Index(tmp_path / "idx", embedder=embedder).search("mayor of town3") == before


def test_a_vector_that_was_damaged_is_not_built_upon(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    without_checksums(tmp_path / "idx")
    with sqlite3.connect(tmp_path / "idx" / "v1" / "passages.sqlite") as database:
        database.execute("UPDATE passages SET vector = zeroblob(length(vector)) WHERE id = 2")
    database.close()
    with pytest.raises(DataError, match="vector of passage 2 .* is damaged"):
        list(Index(tmp_path / "idx", embedder=embedder).vectors())


def test_an_index_is_for_its_owner_only(docs: Path, tmp_path: Path, embedder: WordVectors) -> None:
    built(docs, tmp_path / "idx", embedder)
    files = [p for p in (tmp_path / "idx").rglob("*") if p.suffix in (".sqlite", ".faiss")]
    assert len(files) == 2
    assert all(p.stat().st_mode & 0o077 == 0 for p in [*files, tmp_path / "idx"])


def test_a_file_cut_while_it_is_open_ends_no_process(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    expected = index.search("mayor of town3")
    os.truncate(tmp_path / "idx" / "v1" / "vectors.faiss", 10)
    assert index.search("mayor of town3") == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_search_before_a_fork_does_not_hang_the_child(
    docs: Path, tmp_path: Path, embedder: WordVectors
) -> None:
    built(docs, tmp_path / "idx", embedder)
    index = Index(tmp_path / "idx", embedder=embedder)
    expected = len(index.search("mayor of town3"))
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(0 if len(index.search("mayor of town3")) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_index_of_an_embedder_that_is_not_ours_asks_for_it(
    docs: Path, tmp_path: Path, embedder: WordVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model is fetched that would not fit."""
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    built(docs, tmp_path / "idx", embedder)
    with pytest.raises(InputError, match=rf"embedder '{embedder.name}', which is none of ours: give it"):
        Index(tmp_path / "idx")
    assert not (tmp_path / "cache").exists()
