"""Tasks: published formats become records, generators keep their promises, and all of it is read back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ragcompress import InputError, UnknownName
from ragcompress.training.examples import parse_example, read_files
from ragcompress.training.metrics import normalize
from ragcompress_eval import cli, tasks
from ragcompress_eval.tasks import converting, generating

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
PARAGRAPH = "The lamp was lit in 1931. Nobody saw it. The keeper was Odile Marchetti."
# One record of each format, as its authors publish it.
RAW: dict[str, Any] = {
    "hotpotqa": [
        {
            "_id": "h1", "question": "Who kept the lamp?", "answer": "Odile", "type": "bridge",
            "supporting_facts": [["Lamp", 1], ["Gone", 0], ["Lamp", 9]],
            "context": [["Sea", ["Waves.", " Salt."]], ["Lamp", ["It was lit.", " Odile kept it."]]],
        }
    ],
    "musique": {
        "id": "2hop__1_2", "question": "When was it lit?", "answer": "1931", "answer_aliases": ["in 1931"],
        "paragraphs": [
            {"idx": 0, "title": "Sea", "paragraph_text": "Waves in 1931.", "is_supporting": False},
            {"idx": 1, "title": "Lamp", "paragraph_text": PARAGRAPH, "is_supporting": True},
        ],
        "question_decomposition": [
            {"id": 1, "question": "who", "answer": "Odile Marchetti", "paragraph_support_idx": 1},
        ],
    },
    "nq-20": {
        "question": "when was the lamp lit", "answers": ["1931"],
        "ctxs": [
            {"id": "1", "title": "Lamp", "text": PARAGRAPH, "isgold": True, "hasanswer": True},
            {"id": "2", "title": "Sea", "text": "Waves in 1931.", "isgold": False},
        ],
    },
    "xquad-en": {
        "data": [
            {
                "title": "Lamps",
                "paragraphs": [
                    {
                        "context": PARAGRAPH,
                        "qas": [
                            {
                                "id": "q1", "question": "Who was the keeper?",
                                "answers": [{"text": "Odile Marchetti", "answer_start": 56}],
                            },
                            {
                                "id": "q2", "question": "When?",
                                "answers": [{"text": "1931", "answer_start": 3}],
                            },
                        ],
                    },
                    {"context": "Of the same article, Odile Marchetti again.", "qas": []},
                ],
            },
            {
                "title": "Sea",
                "paragraphs": [{"context": c, "qas": []} for c in ("In 1931.", "Salt.", "Tide.")],
            },
        ]
    },
    "pubmedqa": {
        "21645374": {
            "QUESTION": "Do lamps play a role?", "CONTEXTS": [PARAGRAPH, "It did."],
            "LABELS": ["BACKGROUND", "RESULTS"], "final_decision": "yes", "LONG_ANSWER": "They do.",
        }
    },
    "longbench": {
        "_id": "a1", "dataset": "qasper", "language": "en", "input": "Who?", "answers": ["Odile"],
        "context": PARAGRAPH, "length": 13, "all_classes": None,
    },
    "leval": {
        "input": PARAGRAPH, "instructions": ["Who?", "When?"], "outputs": ["Odile", "1931"], "source": "x",
        "evaluation": "f1",
    },
}  # fmt: skip
BABI = (
    "1 Mary went home.\n2 Where is Mary?\thome\t1\n3 John ran.\n4 Mary ran out.\n5 Where is Mary?\tout\t4\n"
    "1 Sandra slept.\n2 Who slept?\tSandra\t1\n"
)


def published(folder: Path, name: str) -> Path:
    path = folder / ("qa1_single.txt" if name == "babi" else f"{name}.json")
    content = BABI if name == "babi" else json.dumps(RAW[name]) + "\n"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [*RAW, "babi"])
def test_published_files_become_records(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out.jsonl.gz"
    assert cli.main(["tasks", "convert", name, str(published(tmp_path, name)), "-o", str(out)]) == 0
    records = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    (file,) = read_files([out])
    assert len(file.examples) == len(records) > 0
    for record in records:
        assert (record["meta"]["task"], record["meta"]["task_version"]) == (name, 1)
        assert record["dataset"].startswith(name)
    again = out.read_bytes()
    assert cli.main(["tasks", "convert", name, str(published(tmp_path, name)), "-o", str(out)]) == 0
    assert out.read_bytes() == again


def gold(tmp_path: Path, name: str) -> list[list[str]]:
    records = list(converting.convert(tasks.load(name), published(tmp_path, name)))
    examples = [parse_example(r) for r in records]
    return [[e.segmentation.sentences[i].text for i in e.gold] for e in examples]


def test_what_is_marked_is_evidence(tmp_path: Path) -> None:
    assert gold(tmp_path, "hotpotqa") == [["Odile kept it."]]
    keeper, lit = "The keeper was Odile Marchetti.", "The lamp was lit in 1931."
    assert gold(tmp_path, "musique") == [[lit]]
    assert gold(tmp_path, "nq-20") == [[lit]]
    assert gold(tmp_path, "xquad-en") == [[keeper], [lit]]
    assert gold(tmp_path, "pubmedqa") == [[]]
    assert gold(tmp_path, "babi") == [["Mary went home."], ["Mary ran out."], ["Sandra slept."]]


def test_numbered_passages_become_documents() -> None:
    text = "Passage 1:\nA lamp.\nPassage 2:\nA sea.\n"
    assert converting._numbered_parts(text) == ["A lamp.\n", "A sea.\n"]
    assert converting._numbered_parts("段落1: 灯。\n段落2: 海。") == ["灯。\n", "海。"]
    assert converting._numbered_parts("Passage 1 is long.\nAnd whole.") == ["Passage 1 is long.\nAnd whole."]


def test_documents_put_together_here_hold_no_answer_of_other_articles(tmp_path: Path) -> None:
    (keeper, when) = converting.convert(tasks.load("xquad-en"), published(tmp_path, "xquad-en"), seed=3)
    assert len(keeper["documents"]) == 5
    assert len(when["documents"]) == 4  # not "In 1931."


@pytest.mark.parametrize("name", [*RAW, "babi"])
def test_another_format_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "raw.json"
    for content in ('{"a": 1}\n', "[1]\n", "nonsense\n"):
        path.write_text(content, encoding="utf-8")
        assert cli.main(["tasks", "convert", name, str(path), "-o", str(tmp_path / "o.jsonl")]) == 1
        assert "is not in the format of" in capsys.readouterr().err


@pytest.mark.parametrize("name", tasks.available())
def test_every_task_says_where_it_is_from(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = tasks.load(name)
    assert task.source
    assert task.generated or task.format in converting._CONVERTERS
    assert cli.main(["tasks", "show", name]) == 0
    said = capsys.readouterr().out
    assert task.license in said
    assert task.source[0] in said


def test_the_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tasks", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == tasks.available()
    assert cli.main(["tasks", "show", "none"]) == 2
    with pytest.raises(UnknownName, match="hotpotqa"):
        tasks.load("none")


def test_keys_stand_everywhere(tmp_path: Path) -> None:
    records = list(generating.key_values(tasks.load("kv-retrieval"), n=5, n_pairs=9, seed=1))
    assert [r["supporting"][0][1] for r in records] == [0, 2, 4, 6, 8]
    assert records == list(generating.key_values(tasks.load("kv-retrieval"), n=5, n_pairs=9, seed=1))
    for record in records:
        example = parse_example(record)
        (index,) = example.gold
        text = example.segmentation.sentences[index].text
        assert record["answers"][0] in text
        assert record["question"].split('"')[1] in text
    out = tmp_path / "kv.jsonl"
    assert cli.main(["tasks", "keys", "-o", str(out), "-n", "3", "--pairs", "4", "--seed", "1"]) == 0
    assert len(read_files([out])[0].examples) == 3


def test_stories_keep_their_order_and_evidence_among_the_book(tmp_path: Path) -> None:
    stories = tmp_path / "babi.jsonl"
    records = converting.convert(tasks.load("babi"), published(tmp_path, "babi"))
    stories.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    book = tmp_path / "book.txt"
    book.write_text(" ".join(f"It was day {n} of the long voyage." for n in range(100)), encoding="utf-8")
    out = tmp_path / "long.jsonl"
    command = ["tasks", "stories", str(stories), "--book", str(book), "-o", str(out), "--words"]
    assert cli.main([*command, "300"]) == 0
    originals = read_files([stories])[0].examples
    made = read_files([out])[0].examples
    assert len(made) == len(originals)
    for long, short in zip(made, originals, strict=True):
        texts = [s.text for s in long.segmentation.sentences]
        facts = [s.text for s in short.segmentation.sentences]
        assert [t for t in texts if not t.startswith("It was day")] == facts
        assert [texts[i] for i in long.gold] == [facts[i] for i in short.gold]
        assert 300 <= sum(len(normalize(t).split()) for t in texts) < 320
        assert 5 <= len(long.segmentation.documents) <= 10
    assert cli.main([*command, "3000"]) == 1
    with pytest.raises(InputError, match="no story has marked evidence"):
        list(generating.hidden_stories(tasks.load("babilong"), [], ["A."], n_words=9, seed=0))
