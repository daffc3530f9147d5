"""What stands out in a log, whatever is asked."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragcompress import scorers
from ragcompress.data import Progress, Scores, Segmentation
from ragcompress.log_scores import LogScorer
from ragcompress.text.log_lines import outstanding, repetition, severity, template
from ragcompress.text.tool_results import segment_tool_result


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("queue.c:5:13: error: no member named size", 1.0),
        ("main.o: undefined reference to `flush_all'", 1.0),
        ("make: *** [app] Error 1", 1.0),
        ("ValueError: no header", 1.0),
        ("Caused by: java.lang.IllegalStateException: held", 1.0),
        ("bash: foo: command not found", 1.0),
        ("warning: unused variable", 0.4),
        ("connection timed out", 0.4),
        ("0 errors, 0 warnings", 0.0),
        ("failed: 0, passed: 12", 0.0),
        ("heartbeat 12", 0.0),
        ("terror of the seas", 0.0),
    ],
)
def test_severity(line: str, expected: float) -> None:
    assert severity(line) == expected


def test_lines_of_one_statement_are_alike() -> None:
    assert template("11:00:01 job 7 took 0x3fa ms\n  at x") == template("12:30:59 job 8123 took 0x11 ms")
    assert template("job 7 done") != template("job 7 failed")


@given(st.lists(st.sampled_from(["job 1 done", "job 2 done", "error: x", "warning 3", "once"]), max_size=30))
def test_what_is_bad_or_seldom_stands_out(units: list[str]) -> None:
    found = outstanding(units)
    assert found.shape == (len(units),)
    assert ((found >= 0) & (found <= 1)).all()
    of = {unit: found[i] for i, unit in enumerate(units)}
    assert of.get("error: x", 1.0) > max((v for u, v in of.items() if u.startswith("job")), default=0.0)


def test_the_best_of_its_like_comes_first() -> None:
    assert repetition(["a 1", "b", "a 2", "a 3"], np.array([0.1, 0.2, 0.9, 0.1])).tolist() == [1, 0, 0, 2]


def test_the_scorer_of_logs_is_one() -> None:
    assert LogScorer(scorers.make("bm25")).scorer is None


def test_only_the_most_promising_lines_are_read() -> None:
    class Reading:
        name: ClassVar[str] = "reading"
        needs_proxy: ClassVar[bool] = False

        def score(
            self, question: str, segmentation: Segmentation, *, progress: Progress | None = None
        ) -> Scores:
            self.read = segmentation
            return scorers.make("bm25").score(question, segmentation)

    reading = Reading()
    lines = [f"11:00:{i % 60:02} INFO heartbeat {i}" for i in range(3000)]
    lines[1234] = "11:00:00 ERROR no space left"
    parts = segment_tool_result("\n".join(lines))
    scores = LogScorer(reading).score("why?", parts)
    assert sum(len(s.text) for s in reading.read.sentences) <= 12_000
    assert lines[1234] in reading.read.documents[0].text
    assert scores.ranking()[0] == 1234
