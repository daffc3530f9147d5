"""JSON that holds no documents is data: each record a document of its own, as it is written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragcompress import segment
from ragcompress.data import Document
from ragcompress.documents.reading import read_documents, read_file
from ragcompress.documents.records import json_documents, parse_document
from ragcompress.errors import DataError, InputError, UnreadableFile

RECORDS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=9) | st.integers() | st.lists(st.none())),
    min_size=1,
)


@given(RECORDS, st.sampled_from((None, 1, "\t")))
def test_records_are_exact_slices_that_are_valid(records: list[object], indent: int | str | None) -> None:
    text = "\n " + json.dumps(records, indent=indent, ensure_ascii=False) + "\n"
    notes: list[str] = []
    found = json_documents(text, "f.json", "f.json", notes.append)
    assert [json.loads(d.text) for d in found] == records
    position = 0
    for document in found:
        position = text.index(document.text, position)
        place = document.place(0, 1)
        assert place is not None
        assert place.first == text.count("\n", 0, position) + 1
        position += len(document.text)
    assert {d.source for d in found} == {"f.json"}
    assert len(notes) == 1


def read(tmp_path: Path, name: str, content: str) -> list[Document]:
    (tmp_path / name).write_text(content)
    return read_file(tmp_path / name, note=lambda text: None)


def test_other_json_is_one_document(tmp_path: Path) -> None:
    for content in ('{"name": "x",\n "more": []}', '[1, "two", []]', "[[1, 2], [3, 4]]"):
        (document,) = read(tmp_path, "a.json", content)
        assert document.text == content


def test_lines_of_data_know_their_line(tmp_path: Path) -> None:
    one, two = read(tmp_path, "a.jsonl", '{"a": 1}\n\n  {"a": 2}\n')
    assert (one.text, two.text) == ('{"a": 1}', '{"a": 2}')
    place = two.place(0, 8)
    assert place is not None
    assert place.cite("a.jsonl") == "a.jsonl:3"


@pytest.mark.parametrize(
    "content", ['{"question": "Who?", "documents": []}', '{"a": 1}\n{"text": "b"}', '{"a": 1}\n[2]', "[]"]
)
def test_what_is_half_documents_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="line 1 "):
        read(tmp_path, "a.jsonl", content)


def test_a_document_may_bring_the_retrievers_score() -> None:
    assert parse_document({"text": "A", "score": 2}, "here").score == 2.0
    assert parse_document({"text": "A", "score": None}, "here").score is None
    with pytest.raises(InputError, match=r"here: Document.score must be a finite number or None, got '0.5'"):
        parse_document({"text": "A", "score": "0.5"}, "here")


def test_a_document_may_bring_its_places() -> None:
    places = {"unit": "page", "starts": [0, 3], "numbers": [4, 5]}
    document = parse_document({"text": "Aa.Bb.", "id": "r.pdf", "places": places}, "here")
    place = document.place(3, 6)
    assert place is not None
    assert place.cite(str(document.source)) == "r.pdf p. 5"
    with pytest.raises(ValueError, match="here: starts and numbers"):
        parse_document({"text": "A", "places": {"unit": "page", "starts": ["x"], "numbers": [1]}}, "here")


def test_gzip_is_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.md.gz").write_bytes(gzip.compress(b"# Head\n\nText."))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "One."}'))
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(b"0" * 100_000))
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"text" * 100)[:-9])
    (tmp_path / "plain.txt.gz").write_bytes(b"not packed")
    notes: list[str] = []
    documents = read_documents([tmp_path], note=notes.append, max_file_size=50_000)
    assert [d.text for d in documents] == ["# Head\n\nText.", "One."]
    assert [n.split("gz ")[1].split(":")[0] for n in notes[:-1]] == [
        "unpacks to more than 50,000 bytes; raise the limit on file sizes to read it",
        "is broken gzip data",
        "is broken gzip data",
    ]
    assert notes[-1].endswith("read 2 files, left out 3 files: 2 broken, 1 too large")


def test_minified_scripts_are_left_out_of_folders(tmp_path: Path) -> None:
    (tmp_path / "a.min.js").write_text("var a=1;" * 200)
    (tmp_path / "b.js").write_text("var b = 1;\n" * 20)
    notes: list[str] = []
    assert [Path(str(d.source)).name for d in read_documents([tmp_path], note=notes.append)] == ["b.js"]
    assert notes[0].endswith("left out 1 file: 1 made by tools (minified)")
    assert len(read_documents([tmp_path / "a.min.js"])) == 1


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="larger than 1,000 bytes"):
        read_file("/dev/zero", max_file_size=1000)


def test_a_document_may_say_its_language(tmp_path: Path) -> None:
    german = "Er kam am 3. Mai. Er blieb z. B. bis abends."
    documents = [{"text": german, "language": "de"}, {"text": german, "language": "en"}, {"text": german}]
    (tmp_path / "a.json").write_text(json.dumps(documents), encoding="utf-8")
    found = read_documents([str(tmp_path / "a.json")])
    assert [d.language for d in found] == ["de", "en", None]
    cut = [sum(s.document == d for s in segment(found).sentences) for d in range(2)]
    assert cut[0] == 2 < cut[1]
    assert parse_document({"text": german, "language": ""}, "here").language is None
    with pytest.raises(InputError, match="'language' must be a string, not a number"):
        parse_document({"text": german, "language": 5}, "here")
