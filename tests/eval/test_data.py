"""Reading questions: what is right is kept, what is wrong is named with its place."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ragcompress import DataError, InputError
from ragcompress.training.examples import Example, parse_example, read_files

SAMPLE = Path(__file__).parent.parent / "data" / "questions.jsonl"


def record(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "made-up-1",
        "dataset": "made-up",
        "lang": "en",
        "question": "Who keeps bees?",
        "answers": ["Berit"],
        "documents": [
            {"title": "Bees", "sentences": ["Bees are insects.", "", "Berit keeps bees."]},
            {"title": "", "sentences": ["It rains.", "Berit's hat, BERIT!"]},
        ],
        "supporting": [[0, 2]],
        "meta": {},
    }
    return base | changes


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def texts(example: Example) -> list[str]:
    return [example.segmentation.sentences[i].text for i in example.gold]


def test_the_sample_is_read_whole() -> None:
    (file,) = read_files([SAMPLE])
    assert (file.name, file.n_read, len(file.examples), file.bad) == ("questions.jsonl", 10, 10, ())
    assert file.sha256 == sha256(SAMPLE.read_bytes()).hexdigest()
    assert [len(e.gold) for e in file.examples] == [2, 1, 1, 2, 1, 0, 1, 1, 1, 1]
    assert list(dict.fromkeys(e.dataset for e in file.examples)) == ["fable", "open", "zh"]


def test_marks_count_empty_sentences_and_the_segmentation_does_not_hold_them() -> None:
    example = parse_example(record())
    assert texts(example) == ["Berit keeps bees."]
    assert example.gold == (1,)
    assert [d.text for d in example.segmentation.documents] == [
        "Bees are insects. Berit keeps bees.",
        "It rains. Berit's hat, BERIT!",
    ]
    assert [d.title for d in example.segmentation.documents] == ["Bees", None]


def test_a_mark_on_an_empty_sentence_marks_nothing() -> None:
    assert parse_example(record(supporting=[[0, 1]])).gold == ()
    assert parse_example(record(supporting=[[0, 1], [0, 2], [0, 2]])).gold == (1,)


def test_chinese_is_joined_with_nothing() -> None:
    documents = [{"title": None, "sentences": ["下雨了。", "他带伞。"]}]
    example = parse_example(record(lang="zh", documents=documents, supporting=[[0, 1]]))
    assert example.segmentation.documents[0].text == "下雨了。他带伞。"
    assert texts(example) == ["他带伞。"]


def test_sentences_that_answer_a_step_are_known_beside_the_evidence() -> None:
    steps = [
        {"question": "Who has a hat?", "answer": "berit", "doc": 1},
        {"question": "What are bees?", "answer": "insects", "doc": 0},
        {"question": "When?", "answer": "insects", "doc": None},
        "of another form",
    ]
    example = parse_example(record(decomposition=steps))
    assert texts(example) == ["Berit keeps bees."]
    assert [example.segmentation.sentences[i].text for i in example.steps] == [
        "Bees are insects.",
        "Berit's hat, BERIT!",
    ]
    assert parse_example(record(decomposition="none")).steps == parse_example(record()).steps == ()


def test_evidence_that_the_data_says_is_incomplete() -> None:
    assert parse_example(record()).complete
    assert parse_example(record(meta={"dropped_supporting": 0})).complete
    assert not parse_example(record(meta={"dropped_supporting": 1})).complete


def test_without_marks_the_gold_documents_sentences_with_an_answer_are_evidence() -> None:
    both = parse_example(record(supporting=None, gold_docs=[0, 1]))
    assert texts(both) == ["Berit keeps bees.", "Berit's hat, BERIT!"]
    assert texts(parse_example(record(supporting=None, gold_docs=[1]))) == ["Berit's hat, BERIT!"]
    punctuated = record(supporting=None, gold_docs=[1], answers=["berits HAT; berit"])
    assert texts(parse_example(punctuated)) == ["Berit's hat, BERIT!"]


@pytest.mark.parametrize(
    "changes",
    [
        {"supporting": []},
        {"supporting": [], "gold_docs": [0]},
        {"supporting": None},
        {"supporting": None, "gold_docs": []},
        {"supporting": None, "gold_docs": [0], "answers": []},
        {"supporting": None, "gold_docs": [0], "answers": ["?!"]},
        {"supporting": None, "gold_docs": [0], "answers": ["Nils"]},
    ],
)
def test_evidence_that_is_not_there_is_no_evidence(changes: dict[str, Any]) -> None:
    assert parse_example(record(**changes)).gold == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": " "}, "'question' must be a text"),
        ({"id": 7}, "'id' must be a text"),
        ({"answers": "Berit"}, "'answers' must be a list"),
        ({"answers": [1957]}, "'answers' must be a list"),
        ({"documents": {}}, "'documents' must be a list"),
        ({"documents": ["text"]}, "'documents' must be a list"),
        ({"documents": [{"title": "x"}]}, "sentences of document 0"),
        ({"documents": [{"title": 3, "sentences": ["a"]}]}, "title of document 0"),
        ({"documents": []}, "hold no text"),
        ({"documents": [{"title": "x", "sentences": ["", " "]}], "supporting": []}, "hold no text"),
        ({"documents": [{"title": "x", "sentences": ["\ud800"]}], "supporting": []}, "surrogate"),
        ({"supporting": [[2, 0]]}, r"not there: \[2, 0\]"),
        ({"supporting": [[0, 3]]}, r"not there: \[0, 3\]"),
        ({"supporting": [[0, -1]]}, r"not there: \[0, -1\]"),
        ({"supporting": [[0, True]]}, "not there"),
        ({"supporting": [[0]]}, "not there"),
        ({"supporting": "none"}, "'supporting' must be a list"),
        ({"supporting": None, "gold_docs": [2]}, "'gold_docs' must be numbers"),
        ({"supporting": None, "gold_docs": 0.5}, "'gold_docs' must be numbers"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_example(record(**changes))


@pytest.mark.parametrize("key", ["id", "dataset", "lang", "question", "answers", "documents", "supporting"])
def test_a_missing_key_is_named(key: str) -> None:
    made = record()
    del made[key]
    with pytest.raises(InputError, match=f"the key '{key}' is missing"):
        parse_example(made)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not a JSON object"),
        ("[1]", "must be an object"),
        ("null", "must be an object"),
        ("[" * 100_000, "not a JSON object"),
    ],
    ids=["cut off", "list", "null", "deep"],
)
def test_a_bad_line_stops_with_its_place(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "q.jsonl", record(), "", line)
    with pytest.raises(DataError, match=rf"q\.jsonl, line 3: .*{reason}"):
        read_files([path])


def test_bytes_that_are_not_utf8_are_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(DataError, match="line 1: .*UTF-8"):
        read_files([path])


def test_bad_lines_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", record(), "{", record(id="made-up-2", supporting=[[9, 9]]))
    (file,) = read_files([path], on_bad="skip")
    assert [e.id for e in file.examples] == ["made-up-1"]
    assert file.n_read == 3
    assert [reason.partition(": ")[0].rpartition(", ")[2] for reason in file.bad] == ["line 2", "line 3"]


def test_an_id_twice_is_a_bad_record_also_across_files(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.jsonl", record()), write(tmp_path / "b.jsonl", record())
    with pytest.raises(
        DataError, match=r"b\.jsonl, line 1: the id 'made-up-1' was there already: .*a\.jsonl"
    ):
        read_files([one, other])
    assert [len(f.examples) for f in read_files([one, other], on_bad="skip")] == [1, 0]


def test_the_limit_counts_records_of_each_file(tmp_path: Path) -> None:
    lines = [record(id=f"made-up-{i}") for i in range(4)]
    path = write(tmp_path / "q.jsonl", lines[0], "", *lines[1:], "{")
    (file,) = read_files([path], limit=3)
    assert [e.id for e in file.examples] == ["made-up-0", "made-up-1", "made-up-2"]
    assert file.n_read == 3


def test_gzip_is_read_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    (file,) = read_files([path])
    assert file.examples == read_files([SAMPLE])[0].examples


@pytest.mark.parametrize("damage", ["plain", "cut", "flipped"])
def test_a_damaged_gzip_file_is_told(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(SAMPLE.read_bytes() * 50)
    content = {"plain": b"{}\n", "cut": whole[:-20], "flipped": whole[:40] + b"\xff\x00\xff" + whole[43:]}
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(content[damage])
    with pytest.raises(DataError, match=r"q\.jsonl\.gz"):
        read_files([path], on_bad="skip")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read: No such file"):
        read_files([tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        read_files([tmp_path])
