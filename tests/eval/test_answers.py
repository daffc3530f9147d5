"""``answers``: what the reader gets, what its answers are worth, and that nothing asked is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from http_server import said, serving
from shared import words

from ragcompress import Budget, Compressor, InputError, RagCompressError, Scores, Segmentation, given
from ragcompress.scorers import make
from ragcompress.testing import FakeProxy
from ragcompress.training.examples import Example, read_files
from ragcompress_eval import cli
from ragcompress_eval.bench import metrics
from ragcompress_eval.bench.journal import Journal
from ragcompress_eval.bench.methods import Target, full_text, head, ours
from ragcompress_eval.bench.runner import measure_all, rows_of
from ragcompress_eval.bench.study import Row, Study
from ragcompress_eval.bench.summary import summarize
from ragcompress_eval.quality.answers import conditions, cut_anew, study

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


class Finder:
    """Says the answer if the context holds it; refuses contexts longer than its window."""

    settings: ClassVar[Mapping[str, Any]] = {"kind": "finder"}

    def __init__(self, examples: tuple[Example, ...], window: int = 10_000, breaks_at: int = -1) -> None:
        self.answers = {e.question: e.answers[0] for e in examples}
        self.window, self.breaks_at = window, breaks_at
        self.asked: list[tuple[str, str]] = []

    def answer(self, question: str, context: str) -> str:
        if len(self.asked) == self.breaks_at:
            raise RagCompressError("the line is dead")
        if words(context) > self.window:
            raise InputError("too long")
        self.asked.append((question, context))
        return self.answers[question] if self.answers[question] in context else "no idea"


class Knowing:
    name: ClassVar[str] = "knowing"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, examples: tuple[Example, ...]) -> None:
        self.gold = {e.question: e.gold for e in examples}

    def score(self, question: str, segmentation: Segmentation, *, progress: Any = None) -> Scores:
        values = np.linspace(0.1, 0, len(segmentation.sentences))
        values[list(self.gold[question])] += 1
        return Scores(values, self.name)


@pytest.fixture
def examples() -> tuple[Example, ...]:
    return tuple(e for e in read_files([SAMPLE])[0].examples if e.gold and e.dataset == "fable")


def setup(examples: tuple[Example, ...], reader: Finder, *orders: str) -> Study:
    methods = ours({"knowing": Knowing(examples)}, counter=words)
    return study(methods, reader, words, conditions(list(methods), [0.4], orders or ("source",)))


def run(examples: Sequence[Example], made: Study, **options: Any) -> dict[str, list[Row]]:
    rows = measure_all(made, examples, **options)
    return {name: [r for r in found if r is not None] for name, found in rows.items()}


def test_every_context_is_what_it_says(examples: tuple[Example, ...]) -> None:
    reader = Finder(examples)
    rows = run(examples, setup(examples, reader, "source", "best-last"))
    contexts = [[c for q, c in reader.asked if q == e.question] for e in examples]
    for example, (full, truncated, source, best_last) in zip(examples, contexts, strict=True):
        limit = int(0.4 * words(full))
        assert full == full_text(example)
        assert full.startswith(truncated)
        assert words(truncated) <= limit < words(full)
        assert words(source) <= limit
        assert sorted(source.split()) == sorted(best_last.split()) or words(best_last) <= limit
    for found in rows.values():
        assert all(r.values["prediction"] for r in found)
    full_rows = [r.values for r in rows["full"]]
    assert all(r["evidence"] == r["ratio_kept"] == 1 for r in full_rows)
    assert all(r["f1"] == r["em"] == r["answer_in_output"] for r in full_rows)


def test_results_pair_with_full_and_truncated(examples: tuple[Example, ...]) -> None:
    made = setup(examples, Finder(examples))
    rows = run(examples, made)
    full, truncated, compressed = summarize(made, examples, rows, seed=0)
    assert full["versus"] == {}
    assert list(truncated["versus"]) == ["full"]
    assert list(compressed["versus"]) == ["full", "truncated"]
    assert compressed["f1"] > truncated["f1"]
    for metric in ("f1", "em", "answer_in_output"):
        difference = compressed["versus"]["truncated"][metric]["difference"]
        assert difference == pytest.approx(compressed[metric] - truncated[metric])
    json.dumps([full, truncated, compressed, *rows_of(made, examples, rows)], allow_nan=False)


def test_what_is_longer_than_the_window_is_refused(examples: tuple[Example, ...]) -> None:
    window = max(words(full_text(e)) for e in examples) - 1
    made = setup(examples, Finder(examples, window))
    with pytest.raises(RagCompressError, match=r"full, question 'fable-\d': too long"):
        run(examples, made)
    full, _, compressed = summarize(made, examples, run(examples, made, on_bad="skip"), seed=0)
    assert 0 < full["n_refused"] < len(examples)
    assert full["n"] + full["n_refused"] == compressed["n"] == len(examples)
    assert compressed["versus"]["full"]["n"] == full["n"]


def test_a_dead_reader_ends_the_run_and_the_rest_is_asked_later(
    examples: tuple[Example, ...], tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"

    def timeless(rows: dict[str, list[Row]]) -> object:
        return [[{**r.values, "seconds": 0.0} for r in found] for found in rows.values()]

    whole = run(examples, setup(examples, Finder(examples)))
    first, second = Finder(examples, breaks_at=4), Finder(examples)
    with (
        Journal(path, settings={}) as journal,
        pytest.raises(RagCompressError, match="the line is dead"),
    ):
        run(examples, setup(examples, first), journal=journal, on_bad="skip")
    with Journal(path, settings={}, resume=True) as journal:
        resumed = run(examples, setup(examples, second), journal=journal, on_bad="skip")
    assert len(first.asked) + len(second.asked) == 3 * len(examples)
    assert timeless(resumed) == timeless(whole)


def test_the_head_is_the_longest_that_fits() -> None:
    assert head("one two three", 2, words) == "one two "
    assert head("one two", 2, words) == "one two"
    assert head("one", 0, words) == ""


def test_scores_of_answers() -> None:
    answers = ("the Corvo Prize", "Corvo")
    assert metrics.exact_match("Corvo prize!", answers)
    assert not metrics.exact_match("Corvo prizes", answers)
    assert metrics.f1("a big Corvo Prize", answers) == pytest.approx(2 * 2 / (3 + 2))
    assert metrics.f1("nothing", answers) == 0
    assert metrics.f1("", answers) == metrics.f1("", ()) == 0
    assert metrics.f1("林白", ("林白露",)) == pytest.approx(4 / 5)
    assert metrics.answer_in_output("It was the corvo-less one", answers)
    assert not metrics.answer_in_output("", answers)
    assert metrics.f1("The", ("a",)) == 1  # as SQuAD's script has it: both are empty


def test_the_command_line_asks_a_server_and_goes_on(
    tmp_path: Path,
    proxy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    broken = (401, {}, b'{"error": "no more"}')
    common = [
        "answers",
        str(SAMPLE),
        "--limit",
        "2",
        "--scorer",
        "bm25",
        "--proxy",
        proxy,
        "--json",
        str(out),
    ]
    with serving(*[said("1931")] * 4, broken, said("1931"), said("1931")) as server:
        command = [*common, "--reader", server.url, "--model", "m", "--order", "edges", "--ratio", "0.5"]
        assert cli.main(command) == 1
        assert 'status 401: {"error": "no more"}' in capsys.readouterr().err
        assert cli.main([*command, "--resume"]) == 0
        assert len(server.requests) == 7
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [(r["context"], r["n"]) for r in content["results"]] == [
        ("full", 2), ("truncated", 2), ("compressed", 2),
    ]  # fmt: skip
    assert content["results"][0]["em"] == 0.5
    assert content["provenance"]["settings"]["reader"]["model"] == "m"
    assert len(content["rows"]) == 6
    assert str(server.port) not in out.read_text(encoding="utf-8")
    for wrong in (["--reader", server.url], ["--model", "m"], ["--order", "backwards"]):
        assert cli.main([*common, *wrong]) == 2


def test_attention_sort_reads_the_proxy_even_where_the_scorer_does_not(
    examples: tuple[Example, ...],
) -> None:
    loaded: list[int] = []

    def load() -> FakeProxy:
        loaded.append(1)
        return FakeProxy()

    methods = ours({"bm25": make("bm25")}, counter=words, proxy=load)
    orders = ["source", "attention-sort", "attention-sort+together"]
    wanted = conditions(list(methods), [0.6], orders, truncated=False)
    reader = Finder(examples)
    run(examples[:1], study(methods, reader, words, wanted[:2]))
    assert loaded == []
    rows = run(examples[:1], study(methods, reader, words, wanted))
    assert loaded == [1, 1]
    assert all(found[0].values["prediction"] for found in rows.values())


def test_an_order_of_whole_documents_is_asked_for_by_its_name(examples: tuple[Example, ...]) -> None:
    (method,) = ours({"bm25": make("bm25")}, counter=words).values()
    orders = ("best-last", "best-last+together")
    differ = 0
    for example in examples:
        contexts = method.compress(example, [Target(Budget(ratio=0.6), o) for o in orders]).contexts
        for name, found in zip(orders, contexts, strict=True):
            compressor = Compressor(make("bm25"), counter=words, order="best-last", keep_together="+" in name)
            made = compressor(example.question, example.segmentation, budget=Budget(ratio=0.6))
            assert found is not None and found.text == made.text
        differ += len({c.text for c in contexts if c}) > 1
    assert differ


def test_with_alone_nothing_is_kept_for_the_sake_of_something_else() -> None:
    manual = (
        "--speed N\n    Turns of the wheel. The default is 40.\n\n--stones N\n    Grinds. The default is 2.\n"
    )
    whole = given([[manual, "Mills stand by the river, and so do the millers. Some of them grind rye."]])
    example = cut_anew(Example("m", "manuals", "What is 40?", ("40",), whole, (0,)))
    texts = [s.text for s in example.segmentation.sentences]
    assert "--speed N" in texts and len(texts) > 5
    assert [texts[i] for i in example.gold] == texts[:6]
    (method,) = ours({"bm25": make("bm25")}, counter=words).values()
    targets = [Target(Budget(max_tokens=8), o) for o in ("source", "source+alone")]
    both, alone = method.compress(example, targets).contexts
    assert both and alone and both.fits and alone.fits
    assert "--speed N" in both.text and "The default is 40." in both.text
    assert "--speed N" not in alone.text and "The default is 40." in alone.text
    made = conditions(["bm25"], [0.2], ["source", "source+alone"])
    assert [list(c.versus) for c in made][2:] == [["full", "truncated", "alone"], ["full", "truncated"]]
    without = conditions(["bm25"], [0.2], ["source", "source+alone"], full=False, truncated=False)
    assert [list(c.versus) for c in without] == [["alone"], []]
