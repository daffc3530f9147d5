"""Blocks of Markdown, HTML, JSON, CSV and source code: whole, tiled, found in linear time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress.data import Document, Syntax
from ragcompress.text.blocks import LONG
from ragcompress.text.segmentation import segment

PROPERTY = tries(60)
FRAGMENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ("def f():", "    x = 1", "}", "", "", "a,b", '"q', '"', "c;d", "<table>", "</table>", "<pre>",
             "</pre>", "| a | b |", "|---|---|", "{", "[1]", '{"a": 1}', "]", "  # why", "end", "é😀",
             "\t\tdeep", "A b. C d.")
        ),
        st.sampled_from(("\n", "\r\n", "\r", " ")),
    )
)  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=5), values, max_size=4),
    max_leaves=10,
)


def units(text: str, syntax: Syntax = "markdown") -> list[tuple[str, str]]:
    return [(s.kind, s.text) for s in segment([Document(text, syntax=syntax)]).sentences]


@PROPERTY
@given(FRAGMENTS, st.sampled_from(("markdown", "code", "csv")), st.integers(1, 60))
def test_any_text_is_tiled_exactly_in_any_syntax(
    parts: list[tuple[str, str]], syntax: Syntax, times: int
) -> None:
    text = "".join(fragment + end for fragment, end in parts) * times
    segmentation = segment([Document(text, syntax=syntax)])  # checks that only white space is outside
    for s in segmentation.sentences:
        assert text[s.start_char : s.end_char] == s.text == s.text.strip()
    assert segment([Document(text, syntax=syntax)]) == segmentation


@PROPERTY
@given(FRAGMENTS, st.sampled_from(("code", "csv")))
def test_code_and_records_begin_at_lines(parts: list[tuple[str, str]], syntax: Syntax) -> None:
    text = "".join(fragment + end for fragment, end in parts)
    for s in segment([Document(text, syntax=syntax)]).sentences:
        if s.kind == "prose":  # a title above the records
            continue
        before = text[: s.start_char].rstrip(" \t")
        assert not before or before[-1] in "\r\n" or before[-1].isspace()


def test_a_short_table_is_whole_and_of_a_long_one_the_rows_are() -> None:
    head = "| year | cost |\n|:-----|-----:|"
    rows = [f"| {1900 + i} | {i} crowns |" for i in range(200)]
    short = "\n".join([head, *rows[:5]])
    assert units(f"Before.\n\n{short}\n\nAfter.") == [
        ("prose", "Before."),
        ("table", short),
        ("prose", "After."),
    ]
    long = "\n".join([head, *rows])
    assert len(long) > LONG
    assert units(f"Before.\n\n{long}\n\nAfter.") == [
        ("prose", "Before."), ("table header", head), *(("table row", r) for r in rows), ("prose", "After."),
    ]  # fmt: skip


def test_a_list_item_without_an_end_is_prose_with_what_is_nested_in_it() -> None:
    lines = "".join(f"Sentence {i} of the page. It goes on\nhere. " for i in range(100))
    kinds = {kind for kind, _ in units(f"7. Appendix\n{lines}")}
    assert kinds == {"prose"}
    nested = f"- long\n\n  {lines}\n\n  ```\n  code. Code.\n  ```\n\n  - item. One."
    assert [u for u in units(nested) if u[0] != "prose"] == [
        ("code", "```\n  code. Code.\n  ```"), ("list item", "- item. One."),
    ]  # fmt: skip


def test_text_has_no_blocks() -> None:
    text = "7. Head\n# No. Head\n- item"
    assert {kind for kind, _ in units(text, "text")} == {"prose"}
    assert "heading" in {kind for kind, _ in units(text)}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_records_of_csv_may_span_lines(end: str, delimiter: str) -> None:
    lines = ["name,note", '"Lund, Anna","built{}it"', "Olsen,x", "", '"a ""b""",c']
    text = end.join(lines).replace(",", delimiter).replace("{}", end) + end
    expected = [line.replace(",", delimiter).replace("{}", end) for line in lines if line]
    assert units(text, "csv") == [("table header", expected[0]), *(("table row", e) for e in expected[1:])]


@pytest.mark.parametrize(
    "header",
    [
        "City,Fee,\n,Old,New",
        "City,Fee,\n,2023,2024",
        "City,Fee,,,\n,2023,,2024,\n,S1,S2,S1,S2",
    ],
)
def test_a_header_of_several_records_is_one(header: str) -> None:
    width = header.split("\n")[0].count(",")
    rows = [f"Vik{',1' * width}", f"Lo{',2' * width}"]
    found = units("\n".join([header, *rows]), "csv")
    assert found == [("table header", header), *(("table row", row) for row in rows)]


def test_a_row_of_years_below_a_gap_is_no_header() -> None:
    text = "City,Sales,\nVik,2023,2024\nLo,1,2"
    assert units(text, "csv")[0] == ("table header", "City,Sales,")


@pytest.mark.parametrize(
    "table",
    [
        "|===\n|A |B\n\n|1 |2\n|===",
        ".. list-table:: Fees\n   :header-rows: 1\n\n   * - A\n     - B\n   * - 1\n     - 2",
        '.. csv-table::\n   :header: "A", "B"\n\n   1, 2\n   3, 4',
    ],
)
def test_marked_tables_stay_whole(table: str) -> None:
    assert units(f"Before it.\n\n{table}\n\nAfter it.") == [
        ("prose", "Before it."), ("table", table), ("prose", "After it."),
    ]  # fmt: skip


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest() -> None:
    lines = ["a,b", '"open,1', *(f"{i},{i}" for i in range(200))]
    assert [t for _, t in units("\n".join(lines), "csv")] == lines


def test_json_is_whole_wherever_it_comes_from() -> None:
    value = json.dumps({"a": ["One. Two.", {"b": "# no heading\n- x"}], "c": "|a|\n|-|"}, indent=1)
    assert units(f"\n{value}\n") == [("code", value)]
    assert units(json.dumps([1, "Two. Three."])) == [("code", '[1, "Two. Three."]')]
    lines = [json.dumps({"n": i, "text": "One. Two."}) for i in range(3)]
    assert units("\n".join(lines)) == [("code", line) for line in lines]
    for text in ("[A link](x). Two [b]", "{not json}", "[" * 5000 + "]" * 5000):
        assert "".join(t for _, t in units(text)).replace(" ", "") == text.replace(" ", "")


@PROPERTY
@given(JSON, st.sampled_from((None, 1, "\t")))
def test_what_is_kept_of_json_is_valid_json(value: object, indent: int | str | None) -> None:
    if isinstance(value, (list, dict)):
        ((_, text),) = units(json.dumps(value, indent=indent, ensure_ascii=False))
        assert json.loads(text) == value


def test_html_blocks_in_markdown_stay_whole() -> None:
    table = "<table>\n<tr><td>\n\n- One. Two.\n<table><tr></table>\n\n</td></tr>\n</TABLE >"
    code = "  <pre class='x'>\na. B.\n\n# no heading\n</pre>"
    text = f"Before. It.\n\n{table}\n\n{code} And after.\n\n<table> is never closed. Here."
    assert units(text) == [
        ("prose", "Before."), ("prose", "It."), ("table", table), ("code", code.strip()),
        ("prose", "And after."), ("prose", "<table> is never closed."), ("prose", "Here."),
    ]  # fmt: skip
    fence = "```\n<table>\n```"
    assert units(f"{fence}\n\nA. B.\n\n</table>")[0] == ("code", fence)


MODULE = '''# What it is.
import os

@decorated
def first(a,
          b
):
    x = 1

    return x

class Long:
    """Doc."""
{methods}
value = [
    1,

]
'''


def test_source_code_is_cut_at_blocks() -> None:
    method = "    def m{}(self):\n        # {}\n\n        return 1\n"
    methods = [method.format(i, "x" * 300) for i in range(8)]
    text = MODULE.format(methods="\n" + "\n".join(methods))
    found = units(text, "code")
    assert {kind for kind, _ in found} == {"code"}
    texts = [t for _, t in found]
    assert texts[0] == "# What it is.\nimport os"
    assert texts[1].startswith("@decorated") and texts[1].endswith("return x")
    assert texts[2] == 'class Long:\n    """Doc."""'
    assert texts[3:-1] == [m.strip() for m in methods]
    assert texts[-1] == "value = [\n    1,\n\n]"
    short = MODULE.format(methods="\n" + methods[0])
    assert len(units(short, "code")) == 4


def test_code_without_blank_lines_is_cut_between_its_outermost_lines() -> None:
    text = "".join(f"key{i}:\n  - value\n  - other\n" for i in range(300))
    texts = [t for _, t in units(text, "code")]
    assert len(texts) > 1
    assert all(t.startswith("key") and len(t) <= LONG for t in texts)
    parts = [t for _, t in units("x = (\n" + "    1,\n" * 2000 + ")", "code")]
    assert parts[-1].endswith(")")
    assert all(len(t) <= LONG for t in parts)


HOSTILE = (
    ("<table>\n" * 20_000, "markdown"), ("<table>\n</pre>" * 10_000, "markdown"), ("<" * 50_000, "markdown"),
    ("<table " * 20_000, "markdown"), ("[" * 100_000 + "]", "markdown"),
    ('{"a":1}\n' * 20_000 + "{", "markdown"),
    ('"' * 100_001, "csv"), ('",\n' * 30_000, "csv"), ("a,b\n" * 50_000, "csv"),
    ("".join(" " * (i % 300) + "x\n\n" for i in range(3_000)), "code"), ("x\n" * 50_000, "code"),
    ("\n\n" * 50_000, "code"), ("}\n\n" * 30_000, "code"),
)  # fmt: skip


@pytest.mark.parametrize(("hostile", "syntax"), HOSTILE)
def test_hostile_text_is_cut_without_running_long(hostile: str, syntax: Syntax) -> None:
    kept = "".join("".join(text.split()) for _, text in units(hostile, syntax))
    assert kept == "".join(hostile.split())
