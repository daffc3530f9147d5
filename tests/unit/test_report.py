"""The report's parts that need no browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from typer.testing import Result

from ragcompress import Budget, Compressor, Document, Scores, scorers
from ragcompress.data import Reason
from ragcompress.report.markup import scale, summary
from ragcompress.report.payload import STATES
from ragcompress.report.sweep import budgets, sweep

HOSTILE = "</script><script>alert(1)</script> <!-- & \u2028 \x00 é 橋"


def page() -> str:
    compressor = Compressor(scorers.make("bm25"), counter=len)
    document = Document(f"{HOSTILE} One sentence. Another sentence.", HOSTILE)
    return compressor("One?", [document], budget=Budget(ratio=0.9)).to_html()


@for_all(st.integers(1, 50), st.integers(0, 5000), st.sets(st.integers(1, 6000), max_size=3))
@settings(deadline=None, derandomize=True)
def test_budgets_rise_from_the_smallest_to_all_and_hold_those_asked_for(
    low: int, more: int, own: set[int]
) -> None:
    found = budgets(low, low + more, own)
    assert (found[0], found[-1]) == (low, low + more)
    assert found == sorted(set(found))
    assert {b for b in own if low <= b <= low + more} <= set(found)
    assert all(b - a == 1 for a, b in pairwise(found) if b <= 90)
    assert all(b <= max(a + 1, a * 1.03) for a, b in pairwise(found))


def test_long_originals_are_tried_at_fewer_budgets() -> None:
    assert len(budgets(20, 40_000, ())) < len(budgets(20, 4_000, ()))


def test_every_reason_has_words_of_its_own() -> None:
    assert set(STATES) == {"kept", *get_args(Reason)}
    assert len({letter for letter, _ in STATES.values()}) == len(STATES)


def test_shades_rise_with_the_score() -> None:
    levels, edges = scale(Scores(np.array([0.0, 0.03, 0.3, 0.99]), "test", calibrated=True))
    assert (levels, len(edges)) == ([0, 1, 4, 6], 6)
    levels, _ = scale(Scores(np.array([-2.0, 5.0, 1.5]), "test"))
    assert (levels[0], levels[1], levels[2]) == (0, 6, 3)
    assert scale(Scores(np.array([3.0, 3.0]), "test")) == ([0, 0], [])
    assert scale(Scores(np.zeros(0), "test")) == ([], [])


def test_a_sweep_holds_the_run_itself_at_its_own_budget() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=len, order="edges")
    documents = [Document("The bridge is old. Anna built it. Ferries leave. It is long.")]
    context = compressor("Who built the bridge?", documents, budget=Budget(ratio=0.6))
    (stops,) = sweep([context])
    own = next(s for s in stops if s.limit == context.limit)
    assert (own.selection, own.rendered.text, own.tokens) == (
        context.selection,
        context.text,
        context.tokens_after,
    )
    assert stops[-1].limit == context.tokens_before


def test_the_page_is_ascii_and_asks_for_nothing() -> None:
    text = page()
    assert text.isascii()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text)
    assert text.count("<script") == 2 and text.count("</script") == 2


def test_the_policy_names_the_hashes_of_style_and_script() -> None:
    text = page()
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]+)"', text)[0])
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none';")


def test_the_data_are_exact_whatever_the_text() -> None:
    (inner,) = re.findall(r'id="data">(.*?)</script>', page(), re.DOTALL)
    assert "".join(s["t"] for s in json.loads(inner)["sentences"]).startswith(HOSTILE)


def test_a_passthrough_says_why() -> None:
    class Broken:
        name, needs_proxy = "broken", False

        def score(self, *_: object, **__: object) -> Scores:
            raise ValueError("<b>broken</b>")

    context = Compressor(Broken(), counter=len)(
        "Who?", [Document("One. Two.")], budget=Budget(ratio=0.9), on_error="passthrough"
    )
    assert "Nothing was compressed: ValueError: &lt;b&gt;broken&lt;/b&gt;" in context.to_html()
    assert "kept 9 of 9 tokens" in summary(context)


def test_the_command_writes_a_report(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The bridge is old. Anna built it. Ferries leave at noon.")
    report = tmp_path / "report.html"
    common = ("compress", "Who built the bridge?", tmp_path / "a.txt", "--budget", 40)
    plain, told = invoke(*common), invoke(*common, "--html", report)
    assert (told.exit_code, told.stdout) == (0, plain.stdout)
    assert report.read_text(encoding="ascii").startswith("<!doctype html>")
    assert invoke(*common, "--html", report, "--compare", "lead").exit_code == 0
    assert "Settings of lead" in report.read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--compare", "lead"), "give --html too"),
        (("--html", "r.html", "--compare", "nobody"), "'nobody' is none of"),
        (("--html", "no/such/folder/r.html"), "is not a file in a folder that exists"),
    ],
)
def test_wrong_usage_is_told(
    invoke: Callable[..., Result], tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "a.txt").write_text("One. Two.")
    result = invoke("compress", "Who?", tmp_path / "a.txt", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
