"""Public files as they are published → records in the schema that ``data`` reads.

Each converter yields records; ``convert`` reads the file and adds what is the same for all. Sentences are
those of the source where it has them, else those of ``ragcompress.segment``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from ragcompress import DataError, Document, InputError, segment
from ragcompress.training.metrics import holds_answer, normalize

from . import Task

Record = dict[str, Any]
_N_DOCUMENTS = 10
# How LongBench numbers the documents of its multi-document tasks.
_NUMBERED = re.compile(r"^(?:Passage|Paragraph|段落|文章) ?\d+ ?[:：]? *\n?", re.MULTILINE)
_FACT = re.compile(r"(\d+) (.*)")


def convert(task: Task, path: Path, *, seed: int = 0) -> Iterator[Record]:
    """Records of one raw file.

    Args:
        seed: of the order of documents, where they are put together here.

    Raises:
        DataError: if the file can't be read.
        InputError: if it is not of the task's format; says what was expected.
    """
    raw = _read(path)
    about = {**task.about, "source": path.name, "source_sha256": sha256(raw).hexdigest()}
    try:
        for number, record in enumerate(_CONVERTERS[task.format](raw, task, path, Random(seed))):
            identity = f"{task.name}-{record.pop('id', None) or f'{path.stem}-{number}'}"
            fixed = {"id": identity, "dataset": task.name, "lang": task.lang}
            yield {**fixed, **record, "meta": {**about, **record.get("meta", {})}}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not in the format of {task.name} ({type(error).__name__}: {error}); "
            f"expected is the file of {', '.join(task.source)}"
        ) from error


def cut(text: str) -> list[str]:
    """Sentences of a text, without the white space around them."""
    return [s.text for s in segment([Document(text=text)]).sentences]


def record(
    question: str,
    answers: Sequence[str],
    documents: Iterable[tuple[str, Sequence[str]]],
    supporting: Sequence[Sequence[int]] | None = None,
    **more: Any,
) -> Record:
    """A record of the schema.

    Args:
        documents: title and sentences of each.
        supporting: (document, sentence) of what is evidence; None where the source doesn't say.
    """
    shown = [{"title": title, "sentences": list(sentences)} for title, sentences in documents]
    made = {"question": question, "answers": list(answers), "documents": shown}
    return {**made, "supporting": supporting and list(map(list, supporting)), **more}


def _hotpotqa(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for r in json.loads(raw):
        places = {title: d for d, (title, _) in reversed(list(enumerate(r["context"])))}
        marked = [(places[t], s) for t, s in r["supporting_facts"] if t in places]
        usable = [(d, s) for d, s in marked if s < len(r["context"][d][1])]
        about = {"type": r.get("type"), "dropped_supporting": len(r["supporting_facts"]) - len(usable)}
        documents = [(title, [s.strip() for s in sentences]) for title, sentences in r["context"]]
        yield record(r["question"], [r["answer"]], documents, usable, id=r["_id"], meta=about)


def _musique(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for r in _lines(raw):
        documents = [(p["title"], cut(p["paragraph_text"])) for p in r["paragraphs"]]
        place = {p["idx"]: d for d, p in enumerate(r["paragraphs"])}
        steps = [
            {"question": s["question"], "answer": s["answer"], "doc": place.get(s["paragraph_support_idx"])}
            for s in r["question_decomposition"]
        ]
        gold = [d for d, p in enumerate(r["paragraphs"]) if p["is_supporting"]]
        answers = [r["answer"], *r["answer_aliases"]]
        yield record(r["question"], answers, documents, id=r["id"], gold_docs=gold, decomposition=steps)


def _lost_in_the_middle(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for r in _lines(raw):
        documents = [(c["title"], cut(c["text"])) for c in r["ctxs"]]
        gold = [d for d, c in enumerate(r["ctxs"]) if c["isgold"]]
        yield record(r["question"], r["answers"], documents, gold_docs=gold)


def _squad(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    articles = json.loads(raw)["data"]
    everything = [
        (a, article.get("title", ""), paragraph)
        for a, article in enumerate(articles)
        for paragraph in article["paragraphs"]
    ]
    for number, title, paragraph in everything:
        for qa in paragraph["qas"]:
            answers = list(dict.fromkeys(a["text"] for a in qa["answers"]))
            normalized = [n for n in map(normalize, answers) if n]
            others = [(a, t, p["context"]) for a, t, p in everything if p is not paragraph]
            same = [(t, c) for a, t, c in others if a == number]
            rest = [
                (t, c) for a, t, c in others if a != number and not holds_answer(normalize(c), normalized)
            ]
            picked = [*same, *random.sample(rest, len(rest))][: _N_DOCUMENTS - 1]
            place = random.randrange(len(picked) + 1)
            picked.insert(place, (title, paragraph["context"]))
            documents = [(t, cut(c)) for t, c in picked]
            marked = [(place, s) for s in _find_spanned(paragraph["context"], qa["answers"])]
            yield record(qa["question"], answers, documents, marked, id=str(qa["id"]), gold_docs=[place])


def _pubmedqa(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for identity, r in json.loads(raw).items():
        documents = [(label, cut(c)) for label, c in zip(r["LABELS"], r["CONTEXTS"], strict=True)]
        about = {"long_answer": r["LONG_ANSWER"]}
        yield record(r["QUESTION"], [r["final_decision"]], documents, id=identity, meta=about)


def _longbench(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for r in _lines(raw):
        question = r["input"].strip() or f"What is needed for {r['dataset']}?"
        documents = [("", cut(part)) for part in _numbered_parts(r["context"])]
        dataset = f"{task.name}/{r['dataset']}"
        yield record(question, r["answers"], documents, id=r["_id"], dataset=dataset, lang=r["language"])


def _numbered_parts(context: str) -> list[str]:
    """The numbered documents of a context, or all of it where they aren't numbered."""
    parts = [part for part in _NUMBERED.split(context) if part.strip()]
    return parts if len(_NUMBERED.findall(context)) > 1 else [context]


def _leval(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    for number, r in enumerate(_lines(raw)):
        documents = [("", cut(r["input"]))]
        for index, (question, answer) in enumerate(zip(r["instructions"], r["outputs"], strict=True)):
            identity, dataset = f"{path.stem}-{number}-{index}", f"{task.name}/{path.stem}"
            yield record(question, [answer], documents, id=identity, dataset=dataset)


def _babi(raw: bytes, task: Task, path: Path, random: Random) -> Iterator[Record]:
    story: dict[int, int] = {}
    facts: list[str] = []
    for number, line in enumerate(raw.decode("utf-8").splitlines()):
        match = _FACT.fullmatch(line.strip())
        if not match:
            raise ValueError(f"line {number + 1} does not begin with a number")
        place, rest = int(match[1]), match[2]
        if place == 1:
            story, facts = {}, []
        question, *marks = rest.split("\t")
        if not marks:
            story[place] = len(facts)
            facts.append(rest)
            continue
        evidence = [(0, story[int(n)]) for n in marks[1].split()]
        dataset = f"{task.name}/{path.stem.split('_')[0]}"
        yield record(question.strip(), [marks[0]], [("", facts)], evidence, dataset=dataset)


_Converter = Callable[[bytes, Task, Path, Random], Iterator[Record]]
_CONVERTERS: dict[str, _Converter] = {
    "hotpotqa": _hotpotqa,
    "musique": _musique,
    "lost-in-the-middle": _lost_in_the_middle,
    "squad": _squad,
    "pubmedqa": _pubmedqa,
    "longbench": _longbench,
    "leval": _leval,
    "babi": _babi,
}


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError) as error:
        raise DataError(f"{path} can't be read: {error}") from error


def _lines(raw: bytes) -> Iterator[Record]:
    return (json.loads(line) for line in raw.splitlines() if line.strip())


def _find_spanned(text: str, answers: Iterable[Record]) -> list[int]:
    """Sentences that a marked span touches; a mark that doesn't fit is moved to the first occurrence."""
    spans = []
    for answer in answers:
        start = answer["answer_start"]
        if text[start : start + len(answer["text"])] != answer["text"]:
            start = text.find(answer["text"])
        if start >= 0:
            spans.append((start, start + len(answer["text"])))
    sentences = segment([Document(text=text)]).sentences
    return [i for i, s in enumerate(sentences) if any(s.start_char < b and a < s.end_char for a, b in spans)]
