"""Tables that are drawn otherwise than in Markdown stay whole, or bring their header with each row."""

from __future__ import annotations

import time

import pytest

from ragcompress import Document, segment
from ragcompress.text.companions import companions

ORG = ("| Town | Fee |\n|------+-----|\n", "| Vik | 12 |\n", "")
BASE = (" town | fee \n------+-----\n", " Vik  |  12\n", "")
BOX = ("┌──────┬─────┐\n│ Town │ Fee │\n├──────┼─────┤\n", "│ Vik  │ 12  │\n", "└──────┴─────┘\n")
RST = ("=====  =====\nTown   Fee\n=====  =====\n", "Vik    12\n", "=====  =====\n")
TABLES = [ORG, BASE, BOX, RST]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_stays_whole(table: tuple[str, str, str], end: str) -> None:
    drawn = "".join(table).replace("\n", end)
    parts = segment([Document(f"Fees are due.{end}{end}{drawn}{end}Larks sing.")])
    assert [s.kind for s in parts.sentences] == ["prose", "table", "prose"]
    assert parts.sentences[1].text == drawn.strip()


@pytest.mark.parametrize("table", TABLES)
def test_each_row_of_a_long_one_brings_the_header(table: tuple[str, str, str]) -> None:
    header, row, last = table
    parts = segment([Document(header + row * 200 + last)])
    assert [s.kind for s in parts.sentences[:2]] == ["table header", "table row"]
    assert parts.sentences[0].text == header.strip()
    assert companions(parts).needs[150] == (0,)


@pytest.mark.parametrize(
    "text",
    ["Title\n=====\n\nText.", "a | b\n\n--+--\n\nc", "== ==\n\na\n\n== ==", "┌──┐\nText", "x |- y\n| z"],
)
def test_what_is_no_table_is_none(text: str) -> None:
    assert {s.kind for s in segment([Document(text)]).sentences} <= {"prose", "heading"}


@pytest.mark.parametrize(
    "line", ["| a |\n|-\n", "a | b\n--+--\n", "┌──\n│ a\n", "== ==\na\n", "== ==\n", "|-" * 20]
)
def test_bait_costs_little(line: str) -> None:
    started = time.process_time()
    segment([Document(line * 10_000)])
    assert time.process_time() - started < 5
