"""Files, folders, standard input and JSON become documents, or are refused by name."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragcompress.data import Document
from ragcompress.documents.reading import decode, parse_document, parse_request, read_documents
from ragcompress.errors import DataError, InputError


class Desk:
    """Reads, and keeps the notes."""

    def __init__(self, stdin: bytes = b"") -> None:
        self.stdin = io.BytesIO(stdin)
        self.notes: list[str] = []

    def read(self, *paths: str | Path) -> list[Document]:
        return read_documents([str(p) for p in paths], stdin=self.stdin, note=self.notes.append)


def sources(documents: list[Document]) -> list[Any]:
    return [d.metadata.get("source") for d in documents]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.MARKDOWN", "a.rst", "noending"])
def test_a_named_text_file_is_one_document_with_its_path(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("Grüße.\r\nZwei\r Zeilen \n".encode())
    (document,) = Desk().read(tmp_path / name)
    assert document.text == "Grüße.\r\nZwei\r Zeilen \n"
    assert document.id == document.metadata["source"] == str(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf8_and_marked_utf16_are_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("Ωμέγα 𝔘".encode(encoding))
    assert Desk().read(tmp_path / "a.txt")[0].text == "Ωμέγα 𝔘"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_decoding_gives_back_what_was_encoded(text: str) -> None:
    assert decode(text.encode("utf-8"), "x") == text.removeprefix("\ufeff")
    assert decode(text.encode("utf-16"), "x") == text


@given(st.binary())
def test_any_bytes_are_text_or_refused_by_name(data: bytes) -> None:
    try:
        text = decode(data, "some file")
    except DataError as error:
        assert str(error).startswith("some file is ")
    else:
        assert "\0" not in text


def test_a_folder_is_read_to_the_bottom_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "b.md",
        "a.txt",
        "sub/deep/c.txt",
        ".hidden.txt",
        ".git/d.txt",
        "e.png",
        "f.py",
        "sub/README",
    ):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Text of {name}.")
    (tmp_path / "docs" / "program").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "docs" / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "docs" / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    desk = Desk()
    files = ["docs/a.txt", "docs/b.md", "docs/f.py", "docs/sub/README", "docs/sub/deep/c.txt"]
    assert sources(desk.read("docs")) == files
    assert desk.notes == ["docs: read 5 files, left out 2 files: 2 of other types (.png, no ending)"]


def test_bad_files_of_a_folder_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "good.txt").write_text("Good.")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    desk = Desk()
    assert [d.text for d in desk.read(tmp_path)] == ["Good."]
    assert len(desk.notes) == 4
    assert "bad.txt is not UTF-8 text (byte 3)" in desk.notes[0]
    assert "broken.json is not valid JSON" in desk.notes[1]
    assert "empty.txt is empty" in desk.notes[2]
    assert desk.notes[3].endswith("read 1 file, left out 3 files: 1 broken, 1 empty, 1 in another encoding")


def test_a_folder_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, scandir = tmp_path / "closed", os.scandir
    closed.mkdir()
    (tmp_path / "good.txt").write_text("Good.")

    def refusing(path: str) -> Any:  # tests may run as root, to whom every folder opens
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    desk = Desk()
    assert [d.text for d in desk.read(tmp_path)] == ["Good."]
    assert desk.notes == [
        f"left out: {closed} can't be opened: Permission denied",
        f"{tmp_path}: read 1 file, left out 1 folder that can't be opened",
    ]


def test_paths_come_in_the_order_given(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    texts = [d.text for d in Desk(b"from stdin").read(tmp_path / "b.txt", "-", tmp_path)]
    assert texts == ["b.txt", "from stdin", "a.txt", "b.txt"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_documents_keep_all_they_bring(tmp_path: Path, wrapped: bool) -> None:
    documents = [
        {"text": "One.", "title": "T", "id": "same", "metadata": {"page": [1, {"x": None}]}},
        {"text": "", "id": 7, "score": 0.5},
        {"text": "Three."},
    ]
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"documents": documents} if wrapped else documents))
    one, two, three = Desk().read(path)
    assert (one.title, one.id, dict(one.metadata)) == ("T", "same", {"page": [1, {"x": None}]})
    assert (two.text, two.id, dict(two.metadata)) == ("", "7", {})
    assert (three.id, dict(three.metadata)) == (None, {"source": f"{path}:2"})


def test_json_lines_count_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "One\u2028still one."}\n\n{"text": "Three."}\r\n', newline="")
    assert [(d.text, d.metadata["source"]) for d in Desk().read(path)] == [
        ("One\u2028still one.", f"{path}:1"),
        ("Three.", f"{path}:3"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", '{"text": "a"}\n{"txt": 1}', "d.jsonl, line 2 has no field 'text'"),
        ("d.jsonl", '{"text": "a"}\n{"text": 1}', "line 2: field 'text' must be a string, not a number"),
        ("d.jsonl", '{"text": "a"}\n{"text": ', "line 2 is not valid JSON: Expecting value"),
        ("d.jsonl", '["a"]', "line 1 must be an object with a field 'text', not a list"),
        ("d.jsonl", '{"text": "a", "title": []}', "field 'title' must be a string, not a list"),
        ("d.jsonl", '{"text": "a", "id": true}', "field 'id' must be a string, not true or false"),
        ("d.jsonl", '{"text": "a", "metadata": "m"}', "field 'metadata' must be an object, not a string"),
        ("d.jsonl", '{"text": "\\ud800"}', "line 1: .*lone surrogate"),
        ("d.json", '"text"', "d.json must hold a list of documents, not a string"),
        ("d.json", '[{"text": "a"}, null]', "document 1 must be an object with a field 'text', not null"),
        ("d.json", '{"documents": {}}', "must hold a list of documents, not an object"),
        ("d.json", '[\n{"text" "a"}]', r"d.json is not valid JSON: .* \(line 2, column 9\)"),
        ("d.json", "[" * 100_000, "d.json is not JSON that can be read"),
        ("d.json", "9" * 10_000, "d.json is not JSON that can be read"),
        ("d.json", "[]", "no text to compress in .*d.json"),
        ("d.txt", " \n\t", "no text to compress in .*d.txt"),
        ("d.txt", "a\0b", "d.txt is binary data, not text"),
        ("d.pdf", "%PDF-1.7\0", "d.pdf .*"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_place(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        Desk().read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_places_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.txt: there is no such file or folder"):
        Desk().read(tmp_path / "missing.txt")
    with pytest.raises(DataError, match="no text to compress"):
        Desk().read(tmp_path)


def test_a_path_that_is_not_utf8_can_be_written_out(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")
    Path(path).write_text("Text.")
    assert Desk().read(path)[0].metadata["source"] == f"{tmp_path}/caf\ufffd.txt"


@pytest.mark.parametrize(
    ("stdin", "texts"),
    [
        ("Plain text.", ["Plain text."]),
        ('{"text": "One."}', ["One."]),
        ('{\n "text": "One."\n}\n', ["One."]),
        ('{"text": "One."}\n{"text": "Two."}\n', ["One.", "Two."]),
        (' [{"text": "One."}]', ["One."]),
        ('{"documents": [{"text": "One."}]}', ["One."]),
        ("[a link](b) and more", ["[a link](b) and more"]),
        ("{not json", ["{not json"]),
    ],
)
def test_standard_input_is_taken_for_what_it_begins_like(stdin: str, texts: list[str]) -> None:
    desk = Desk(stdin.encode())
    assert [d.text for d in desk.read("-")] == texts
    assert desk.notes == []


def test_standard_input_that_looks_like_json_but_is_none_is_noted() -> None:
    desk = Desk(b'{"question": "Who?"}')
    assert desk.read("-")[0].text == '{"question": "Who?"}'
    assert "looks like JSON" in desk.notes[0]


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b'{"text": "One."}\n{"txt": "Two."}', "standard input, line 2 has no field 'text'"),
        (b"\x89PNG\0\0", "standard input is binary data"),
        (b"", "no text to compress in -"),
    ],
)
def test_bad_standard_input_is_refused(stdin: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Desk(stdin).read("-")


def test_a_request_is_parsed() -> None:
    line = b'{"id": [1], "question": "Who?", "documents": [{"text": "A."}], "more": 1}\n'
    request = parse_request(line)
    assert (request.id, request.question, request.documents) == ([1], "Who?", (Document("A."),))
    assert parse_request(b'{"question": "Who?", "documents": []}').id is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[]", "a request must be an object, not a list"),
        (b"{}", "field 'question' must be a string, not null"),
        (b'{"question": "Who?"}', "field 'documents' must be a list, not null"),
        (b'{"question": "Who?", "documents": ["A."]}', "document 0 must be an object"),
        (b"{", "the line is not valid JSON"),
        (b"\xff\xff", "the line is not UTF-8 text"),
    ],
)
def test_a_bad_request_says_which_field(line: bytes, message: str) -> None:
    with pytest.raises((InputError, DataError), match=message):
        parse_request(line)


def test_a_document_is_not_changed_by_parsing() -> None:
    value = {"text": "A.", "metadata": {"tags": ["x"]}}
    parse_document(value, "here")
    assert value == {"text": "A.", "metadata": {"tags": ["x"]}}


def test_a_limit_of_any_size_and_a_name_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Ann built it.")
    (document,) = read_documents([tmp_path / "a.md"], max_file_size=10**30)
    assert document.text == "Ann built it."
    with pytest.raises(DataError, match="can't be the name of a file"):
        read_documents(["a\0b"])
