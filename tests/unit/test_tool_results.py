"""What tools say: cut by its own structure, shortened without breaking it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries, words

from ragcompress import Budget, Compressor, compress_tool_result, scorers, segment_tool_result
from ragcompress.text.tool_results import shape_of

LOG = """\
2026-01-02 10:00:00 INFO starting worker 1
2026-01-02 10:00:01 INFO connected to queue
2026-01-02 10:00:02 ERROR job 17 failed
Traceback (most recent call last):
  File "worker.py", line 12, in run
    load(path)
ValueError: the file lund.csv has no header
2026-01-02 10:00:03 INFO job 18 done
2026-01-02 10:00:04 WARN slow disk
    detail: 400 ms
"""
DIFF = """\
diff --git a/one.py b/one.py
--- a/one.py
+++ b/one.py
@@ -1,2 +1,2 @@
-old = 1
+new = 1
@@ -9,2 +9,2 @@
-x
+y
diff --git a/two.py b/two.py
--- a/two.py
+++ b/two.py
@@ -1 +1 @@
-a
+b
"""
LONG = "Anna Lund built the bridge in 1902. " + "Ferries leave at noon and come back at night. " * 12


@pytest.fixture(scope="module")
def compressor() -> Compressor:
    return Compressor(scorers.make("bm25"), counter=words)


def units(text: str) -> list[str]:
    return [s.text for s in segment_tool_result(text).sentences]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (LOG, "log"),
        (DIFF, "diff"),
        ('{"a": 1}', "json"),
        ('{"a": 1}\n{"a": 2}\n', "json lines"),
        ("<!doctype html><p>x", "html"),
        ("A page of prose. It goes on.\nAnd on.\nAnd on.", "text"),
        ("", "text"),
    ],
)
def test_the_shape_shows(text: str, shape: str) -> None:
    assert shape_of(text) == shape


def test_a_traceback_stays_with_its_error() -> None:
    found = units(LOG)
    assert len(found) == 6
    (trace,) = (unit for unit in found if "Traceback" in unit)
    assert trace.startswith("Traceback")
    assert trace.endswith("has no header")
    assert found[-1].endswith("detail: 400 ms")


def test_hunks_are_units_and_the_first_has_the_header() -> None:
    found = units(DIFF)
    assert len(found) == 3
    assert found[0].startswith("diff --git a/one.py")
    assert found[1].startswith("@@ -9")
    assert found[2].startswith("diff --git a/two.py")


def test_of_a_log_the_lines_that_say_why_stay(compressor: Compressor) -> None:
    noise = "".join(f"2026-01-02 11:00:{i:02} INFO heartbeat {i}\n" for i in range(60))
    found = compress_tool_result(
        compressor, noise + LOG + noise, "why has job 17 failed? ValueError", budget=Budget(max_tokens=30)
    )
    assert "ValueError: the file lund.csv has no header" in found.text
    assert found.tokens_after <= 30


def test_json_keeps_keys_numbers_and_short_texts(compressor: Compressor) -> None:
    text = json.dumps(
        {"id": "a-17", "n": 1.10, "body": LONG, "next": [{"id": 18, "body": LONG}], "\u00e4": None}
    )
    found = compress_tool_result(compressor, text, "Who built the bridge?", budget=Budget(ratio=0.2))
    value = json.loads(found.text)
    assert list(value) == ["id", "n", "body", "next", "ä"]
    assert (value["id"], value["n"], value["next"][0]["id"]) == ("a-17", 1.1, 18)
    assert "Anna Lund" in value["body"] + value["next"][0]["body"]
    assert len(found.text) < len(text) / 2


def test_what_can_not_get_shorter_comes_back(compressor: Compressor) -> None:
    for text, reason in (("short", "short"), ('{"a": "b"}', "no shorter"), (" \n ", "blank")):
        least = 10 if reason == "short" else 0
        found = compress_tool_result(compressor, text, "x", budget=Budget(ratio=0.5), min_tokens=least)
        assert (found.text, found.reason) == (text, reason)


_LINES = st.lists(
    st.sampled_from(["INFO a", "  at b", "Traceback (most recent call last):", "E   x", "@@ -1 +1 @@",
                     "--- a", "+++ b", "ValueError: y", "", "{", '{"a": 1}', "make: *** [x]", "\t", "é𝔘"]),
    max_size=30,
)  # fmt: skip


@given(lines=_LINES, end=st.sampled_from(["\n", "\r\n"]))
@tries(60)
def test_units_hold_all_text_in_order(lines: list[str], end: str) -> None:
    text = end.join(lines)
    segment_tool_result(text)  # Segmentation checks that nothing is lost, doubled or out of order
    assert segment_tool_result(text).documents[0].text == text


def test_of_a_page_what_it_shows_comes_back(compressor: Compressor) -> None:
    pytest.importorskip("lxml")
    menu = "".join(f'<li><a href="/p{i}">Page {i}</a></li>' for i in range(60))
    page = (
        "<!doctype html><html><head><title>Skarn</title><script>var bridge = 1;</script></head>"
        f"<body><nav><ul>{menu}</ul></nav><main><h1>Skarn</h1>"
        "<p>Ferries leave at noon. They come back at night.</p>"
        "<p>Anna <b>Lund</b> built the bridge in 1902.</p></main></body></html>"
    )
    found = compress_tool_result(compressor, page, "Who built the bridge?", budget=Budget(max_tokens=12))
    assert "Anna Lund built the bridge in 1902." in found.text
    assert not any(part in found.text for part in ("<p>", "var bridge", "Page 7"))
    assert found.tokens_after < found.tokens_before


def test_a_log_says_why_though_the_question_has_none_of_its_words(compressor: Compressor) -> None:
    lines = [f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}" for i in range(3000)]
    lines[1700] = "2026-01-02 11:28:20 ERROR disk 3: no space left on device"
    found = compress_tool_result(
        compressor, "\n".join(lines), "Why did the build fail?", budget=Budget(max_tokens=40)
    )
    assert lines[1700] in found.text
    asked = compress_tool_result(
        compressor, "\n".join(lines), "What is heartbeat 2222?", budget=Budget(max_tokens=40)
    )
    assert lines[2222] in asked.text


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-02 10:00:05 INFO state " + "key=value " * 3_000,
        json.dumps({"n": 1, "text": "Ferries leave at noon. " * 2_000}),
        "+" + "function f(a,b){return a+b};" * 2_000,
    ],
)
def test_no_line_is_longer_than_a_budget_may_be(compressor: Compressor, line: str) -> None:
    before = {"2": LOG, "{": '{"n": 0, "text": "Anna Lund"}\n', "+": DIFF}[line[0]]
    text = f"{before}{line}\n"
    parts = segment_tool_result(text)
    assert all(len(s.text) < 9_000 for s in parts.sentences)
    assert any(s.cut for s in parts.sentences)
    assert "".join("".join(s.text.split()) for s in parts.sentences) == "".join(text.split())
    result = compress_tool_result(compressor, text, "Who is Lund?", budget=Budget(max_tokens=700))
    assert result.reason is None and result.tokens_after <= 700
