"""Of a few-shot prompt, which worked examples are kept, and is one of the case's own kind among them?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer

from ragcompress import Budget, BudgetTooSmall, CompressedContext, Compressor, Document, Plan
from ragcompress.cli.console import note, out
from ragcompress.cli.options import ScorerName
from ragcompress.training.examples import read_lines
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_results
from ragcompress_eval.bench.summary import describe, lay_out

RATIOS, NEAR_REPEATS = [0.05, 0.2], [0.0]
ABOUT = describe(
    "worked-examples",
    "Which examples of a prompt are kept?",
    ("kind", "ratio", "method"),
    {"whole": ("kept whole", ".1f"), "parts": ("kept in part", ".1f"), "same": ("same label", ".2f")},
    higher=["same"],
)
FIRST, SENTENCES, WHOLE = "first that fit", "sentences", "whole"
_QUESTION_WORDS = ("who", "whose", "where", "when", "which", "what", "how", "why")


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be solved, and the examples that there are.

    Attributes:
        kind: name of the task.
        label: of the case; None: the task has none.
        labels: of each example.
    """

    kind: str
    question: str
    label: str | None
    examples: tuple[str, ...]
    labels: tuple[str | None, ...]


Asked = tuple[str, str | None]
"""What an example asks, and its label."""


def _of_type(lines: Sequence[str]) -> Asked:
    return lines[0], lines[-1].partition(":")[2].strip()


def _of_dialogue(lines: Sequence[str]) -> Asked:
    return "\n".join(lines[:-1]), None


def _of_passage(lines: Sequence[str]) -> Asked:
    question = lines[len(lines) - 1 - lines[::-1].index("Question:") + 1]
    return question, question_word(question)


TASKS: dict[str, Callable[[Sequence[str]], Asked]] = {
    "trec": _of_type,
    "samsum": _of_dialogue,
    "triviaqa": _of_passage,
}


def question_word(question: str) -> str:
    """What kind of answer a question wants, told by its first interrogative; ``other`` without one."""
    words = question.lower().replace("'", " ").split()
    return next((word for word in words if word in _QUESTION_WORDS), "other")


def read_cases(file: Path, n: int) -> list[Case]:
    """Read LongBench records; ``n`` cases a task: each prompt's own, then examples, each left out in turn."""
    records: dict[str, list[Any]] = {task: [] for task in TASKS}
    for _, line in read_lines(file):
        record = json.loads(line)
        if (task := record["dataset"].rpartition("/")[2]) in TASKS:
            records[task].append(record)
    return [case for task, own in records.items() for case in _cases(task, own, n)]


def _cases(task: str, records: Sequence[Any], n: int) -> Iterator[Case]:
    tell = TASKS[task]
    own = records[:n]
    for record in own:
        *examples, last = [document["sentences"] for document in record["documents"]]
        if task == "triviaqa":  # only there the record's question is the case's own
            yield _case(task, record["question"], question_word(record["question"]), examples)
        else:
            label = record["answers"][0] if task == "trec" else None
            yield _case(task, tell(last)[0], label, examples)
    for k in range(n - len(own)):
        record = records[k % len(records)]
        examples = [document["sentences"] for document in record["documents"][:-1]]
        left_out = examples.pop((k // len(records) * 7 + 3) % len(examples))
        yield _case(task, *tell(left_out), examples)


def _case(task: str, question: str, label: str | None, examples: Sequence[Sequence[str]]) -> Case:
    labels = tuple(TASKS[task](lines)[1] for lines in examples)
    return Case(task, question, label, tuple("\n".join(lines) for lines in examples), labels)


def measure(
    cases: Sequence[Case], plan: Plan, ratios: Sequence[float], shares: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Every case under every method.

    Returns:
        Rows with ``whole``: examples that are kept whole; ``parts``: those of which only a part is kept;
        ``same``: whether one that is kept whole has the case's label, None where the task has none.
    """
    cut = Compressor.from_plan(plan)
    for done, case in enumerate(cases):
        for ratio in ratios:
            for method, kept in _kept(case, cut, ratio, shares):
                whole = [d for d, (n, size) in enumerate(kept) if n == size]
                yield {
                    "kind": case.kind,
                    "method": method,
                    "ratio": ratio,
                    "whole": len(whole),
                    "parts": sum(0 < n < size for n, size in kept),
                    "same": None if case.label is None else case.label in {case.labels[d] for d in whole},
                }
        note(f"{done + 1} of {len(cases)}: {case.kind}")


def _kept(
    case: Case, cut: Compressor, ratio: float, shares: Sequence[float]
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """By method, how many characters each example keeps, and has, white space aside."""
    documents = [Document(text) for text in case.examples]
    sizes = [_letters(text) for text in case.examples]
    limit = int(ratio * cut.count("\n\n".join(case.examples)))
    n = 0
    while n < len(sizes) and cut.count("\n\n".join(case.examples[: n + 1])) <= limit:
        n += 1
    yield FIRST, [(size if d < n else 0, size) for d, size in enumerate(sizes)]
    budget, scores = Budget(max_tokens=limit), None
    yield SENTENCES, _sizes(cut, case.question, documents, budget, sizes)
    for share in shares:
        plan = cut.plan.with_options({"whole_documents": True, "near_repeats": share})
        whole = Compressor(cut.scorer, counter=cut.count, plan=plan, proxy=cut.proxy)
        scores = scores or whole(case.question, documents, budget=Budget(ratio=1)).scores
        name = f"{WHOLE}, near repeats {share:g}" if share else WHOLE
        yield name, _sizes(whole, case.question, documents, budget, sizes, scores=scores)


def _sizes(
    compressor: Compressor, question: str, documents: list[Document], budget: Budget, sizes: list[int],
    **more: Any,
) -> list[tuple[int, int]]:  # fmt: skip
    try:
        context: CompressedContext = compressor(question, documents, budget=budget, **more)
    except BudgetTooSmall:
        return [(0, size) for size in sizes]
    kept = [0] * len(documents)
    for piece in context.pieces:
        sentence = context.segmentation.sentences[piece.sentence]
        kept[sentence.document] += _letters(sentence.text)
    return list(zip(kept, sizes, strict=True))


def _letters(text: str) -> int:
    return len("".join(text.split()))


def worked_examples_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Records of LongBench.", exists=True)],
    scorer: ScorerName = "bm25",
    n: Annotated[int, typer.Option("--questions", metavar="N", min=1, help="Of each task.")] = 15,
    ratio: Annotated[list[float], typer.Option("--ratio", metavar="R", help="Repeatable.")] = RATIOS,
    near_repeats: Annotated[
        list[float], typer.Option("--near-repeats", metavar="W", help="Repeatable.")
    ] = NEAR_REPEATS,
    json_file: ResultFile = None,
) -> None:
    """Which worked examples are kept, and is one with the case's label among them?"""
    rows = list(measure(read_cases(file, n), Plan(scorer=scorer), ratio, near_repeats))
    means = summarize(rows)
    out().print(lay_out(ABOUT, means, caption="examples of a prompt, means over its cases"))
    settings = {"scorer": scorer}
    write_results(json_file, rows, about=ABOUT, settings=settings, scorer=scorer, means=means)


def summarize(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over the cases of each task."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in ABOUT["labels"]), []).append(row)
    means = []
    for labels, own in groups.items():
        found = {key: [r[key] for r in own if r[key] is not None] for key in ("whole", "parts", "same")}
        shown = {key: fmean(values) if values else None for key, values in found.items()}
        means.append({**dict(zip(ABOUT["labels"], labels, strict=True)), "n": len(own), **shown})
    return means
