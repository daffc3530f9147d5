"""Of a few-shot prompt, which worked examples are kept, and is one of the case's own kind among them?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import Budget, BudgetTooSmall, CompressedContext, Compressor, Document, Plan, given
from ragcompress.cli.options import ScorerName
from ragcompress.training.examples import Example, read_lines
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Label, Row, Study, mean, once_per_question, plain

RATIOS, NEAR_REPEATS = [0.05, 0.2], [0.0]
METRICS = (
    plain("whole", "kept whole", form=".1f"),
    plain("parts", "kept in part", form=".1f"),
    mean("same", "same label"),
)
FIRST, SENTENCES, WHOLE = "first that fit", "sentences", "whole"
_QUESTION_WORDS = ("who", "whose", "where", "when", "which", "what", "how", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Example):
    """What is to be solved, and the examples that there are, a document each; its data set is the task.

    Attributes:
        label: of the case; None: the task has none.
        labels: of each example.
    """

    label: str | None
    labels: tuple[str | None, ...]


Lines = Sequence[str]
Asked = tuple[str, str | None]
"""What an example asks, and its label."""


def _of_type(lines: Lines) -> Asked:
    return lines[0], lines[-1].partition(":")[2].strip()


def _of_dialogue(lines: Lines) -> Asked:
    return "\n".join(lines[:-1]), None


def _of_passage(lines: Lines) -> Asked:
    question = lines[len(lines) - 1 - lines[::-1].index("Question:") + 1]
    return question, question_word(question)


TASKS: dict[str, Callable[[Lines], Asked]] = {
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
    records: dict[str, list[Any]] = {}
    for _, line in read_lines(file):
        record = json.loads(line)
        if (task := record["dataset"].rpartition("/")[2]) in TASKS:
            records.setdefault(task, []).append(record)
    return [
        _case(f"{task}-{k}", task, *asked)
        for task, own in records.items()
        for k, asked in enumerate(_asked(task, own, n))
    ]


def _asked(task: str, records: Sequence[Any], n: int) -> Iterator[tuple[str, str | None, Sequence[Lines]]]:
    """What each case asks, its label, and its examples."""
    tell = TASKS[task]
    own = records[:n]
    for record in own:
        *examples, last = [document["sentences"] for document in record["documents"]]
        if task == "triviaqa":  # only there the record's question is the case's own
            yield record["question"], question_word(record["question"]), examples
        else:
            yield tell(last)[0], record["answers"][0] if task == "trec" else None, examples
    for k in range(n - len(own)):
        record = records[k % len(records)]
        examples = [document["sentences"] for document in record["documents"][:-1]]
        left_out = examples.pop((k // len(records) * 7 + 3) % len(examples))
        yield *tell(left_out), examples


def _case(name: str, task: str, question: str, label: str | None, examples: Sequence[Lines]) -> Case:
    return Case(
        id=name,
        dataset=task,
        question=question,
        answers=(),
        segmentation=given([["\n".join(lines)] for lines in examples]),
        gold=(),
        label=label,
        labels=tuple(TASKS[task](lines)[1] for lines in examples),
    )


def study(cut: Compressor, ratios: Sequence[float], shares: Sequence[float]) -> Study:
    """Methods × ratios.

    A row has ``whole``: examples that are kept whole; ``parts``: those of which only a part is kept;
    ``same``: whether one that is kept whole has the case's label, None where the task has none.
    """
    conditions = tuple(
        Condition(f"{name}, {ratio:g}", {"ratio": ratio, "method": name})
        for ratio in dict.fromkeys(ratios)
        for name in (FIRST, SENTENCES, *map(_whole, dict.fromkeys(shares)))
    )

    @once_per_question
    def compressed(case: Case) -> dict[tuple[Label, ...], list[tuple[int, int]]]:
        return {(ratio, name): kept for ratio in ratios for name, kept in _kept(case, cut, ratio, shares)}

    def measure(case: Case, condition: Condition) -> Row:
        kept = compressed(case)[tuple(condition.labels.values())]
        whole = [d for d, (n, size) in enumerate(kept) if n == size]
        same = None if case.label is None else case.label in {case.labels[d] for d in whole}
        parts = sum(0 < n < size for n, size in kept)
        return Row({"whole": len(whole), "parts": parts, "same": same})

    return Study("worked-examples", "Which examples of a prompt are kept?", conditions, measure, METRICS)


def _whole(share: float) -> str:
    return f"{WHOLE}, near repeats {share:g}" if share else WHOLE


def _kept(
    case: Case, cut: Compressor, ratio: float, shares: Sequence[float]
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """By method, how many characters each example keeps, and has, white space aside."""
    examples = [document.text for document in case.segmentation.documents]
    documents = [Document(text) for text in examples]
    sizes = [_letters(text) for text in examples]
    limit = int(ratio * cut.count("\n\n".join(examples)))
    n = 0
    while n < len(sizes) and cut.count("\n\n".join(examples[: n + 1])) <= limit:
        n += 1
    yield FIRST, [(size if d < n else 0, size) for d, size in enumerate(sizes)]
    budget, scores = Budget(max_tokens=limit), None
    yield SENTENCES, _sizes(cut, case.question, documents, budget, sizes)
    for share in shares:
        plan = cut.plan.with_options({"whole_documents": True, "near_repeats": share})
        whole = Compressor(cut.scorer, counter=cut.count, plan=plan, proxy=cut.proxy)
        scores = scores or whole(case.question, documents, budget=Budget(ratio=1)).scores
        yield _whole(share), _sizes(whole, case.question, documents, budget, sizes, scores=scores)


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


@study_command
def worked_examples_command(
    run: Run,
    scorer: ScorerName = "bm25",
    n: Annotated[int, typer.Option("--questions", metavar="N", min=1, help="Of each task.")] = 15,
    ratio: Annotated[list[float], typer.Option("--ratio", metavar="R", help="Repeatable.")] = RATIOS,
    near_repeats: Annotated[
        list[float], typer.Option("--near-repeats", metavar="W", help="Repeatable.")
    ] = NEAR_REPEATS,
) -> None:
    """Which worked examples are kept, and is one with the case's label among them?

    The files are records of LongBench.
    """
    questions = run.read(parse=lambda path: read_cases(path, n))
    made = study(Compressor.from_plan(Plan(scorer=scorer)), ratio, near_repeats)
    run.carry_out(made, questions, {"scorer": scorer, "cases": n})
