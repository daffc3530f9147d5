"""A row goes along with the row that names its group, as ``North`` over its towns."""

from __future__ import annotations

import pytest
from promises import by_words

from ragcompress import Budget, Compressor, Document, segment
from ragcompress.scorers import bm25
from ragcompress.text.companions import companions

TOWNS = {region: [f"town{region[0]}{i}" for i in range(4)] for region in ("North", "South")}
CSV = "town,fee,note\n" + "".join(
    f"{region},,\n" + "".join(f"{town},7,open all year\n" for town in towns)
    for region, towns in TOWNS.items()
)


def needs(rows: str) -> dict[str, list[str]]:
    """By row, what it needs besides its header."""
    parts = segment([Document(f"a,b,c\n{rows}", syntax="csv")])
    named = {parts.sentences[i].text: over for i, over in companions(parts).needs.items()}
    return {row: [parts.sentences[i].text for i in over[1:]] for row, over in named.items()}


@pytest.mark.parametrize("order", ["source", "best-first", "best-last", "edges"])
@pytest.mark.parametrize("mark_gaps", [False, True])
def test_a_kept_row_has_the_name_of_its_group(order: str, mark_gaps: bool) -> None:
    compressor = Compressor(
        bm25.Scorer(), counter=by_words, order=order, mark_gaps=mark_gaps, format="plain",
        budget=Budget(max_tokens=9 if mark_gaps else 7),
    )  # fmt: skip
    context = compressor("What of townS2?", [Document(CSV, syntax="csv")])
    lines = [line for line in context.text.split("\n") if line and "…" not in line]
    assert lines[:3] == ["town,fee,note", "South,,", "townS2,7,open all year"]


def test_a_group_within_a_group_has_both_names() -> None:
    found = needs("Europe,,\nNorth,,\nVik,1,2\nNes,1,2\nSouth,,\nBari,1,2\nRome,3,4\n")
    assert found["North,,"] == ["Europe,,"]
    assert found["Vik,1,2"] == ["North,,"]
    assert found["Rome,3,4"] == ["South,,"]


@pytest.mark.parametrize(
    "rows",
    [
        "Vik,1,2\nNes,,\nBari,,\nRome,,\nOslo,3,4\n",  # gaps in the data
        "Vik,1,2\nNes,,\nOslo,3,4\n",
        "Vik,1,2\nNes,3,4\nBari,,\n",  # names nothing
        '"Vik, east",,\n,1,2\n',
    ],
)
def test_a_row_with_gaps_is_no_name(rows: str) -> None:
    assert not any(needs(rows).values())


def test_rows_of_pipe_tables_have_the_name_of_their_group() -> None:
    rows = "".join(f"| {town} | {'x' * 300} |\n" for town in TOWNS["South"])
    parts = segment([Document(f"| a | b |\n|---|---|\n| South |  |\n{rows}| **East** | |\n{rows}")])
    texts = [s.text for s in parts.sentences]
    assert companions(parts).needs[len(texts) - 1] == (0, texts.index("| **East** | |"))


def test_one_column_of_prices_has_its_name() -> None:
    parts = segment([Document("Preis\n12,50 €\n13,00 €\n", syntax="csv")])
    assert [(s.kind, s.text) for s in parts.sentences] == [
        ("table header", "Preis"), ("table row", "12,50 €"), ("table row", "13,00 €"),
    ]  # fmt: skip
