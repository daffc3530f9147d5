"""A table that would take most of a budget gives its best rows, under its header."""

from __future__ import annotations

import pytest
from promises import by_threes

from ragcompress import Budget, BudgetTooSmall, CompressedContext, Compressor, Document, scorers
from ragcompress.text.open_tables import open_tables
from ragcompress.text.segmentation import segment

HEADER = "| Mill | Height | Building |\n| --- | --- | --- |\n"
ROWS = [
    f"| {mill} mill | {height} m | built of {wall} |\n"
    for mill, height, wall in (("Oak", 12, "granite"), ("Larch", 14, "slate"), ("Elm", 9, "brick"))
]
TEXT = "The valley has mills.\n\n" + HEADER + "".join(ROWS) + "\nThe ferry runs at nine. It is a large one.\n"
ORG = "| Mill | Height |\n|------+--------|\n| Oak | 12 |\n| Larch | 14 |\n"


def kept(text: str, tokens: int) -> CompressedContext:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    return compressor("How high is the Larch mill?", [Document(text)], budget=Budget(max_tokens=tokens))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_of_a_table_that_does_not_fit_the_best_row_is_kept_under_its_header(end: str) -> None:
    text = TEXT.replace("\n", end)
    context = kept(text, 30)
    lines = context.text.splitlines()
    header = lines.index("| Mill | Height | Building |")
    assert lines[header + 1 : header + 3] == ["| --- | --- | --- |", ROWS[1].rstrip()]
    assert all(name not in context.text for name in ("Oak", "Elm"))


def test_a_table_that_takes_less_than_half_of_the_budget_stays_whole() -> None:
    table = (HEADER + "".join(ROWS)).rstrip()
    long = TEXT + "\n" + "The ferry has a lamp and a bell. " * 60
    assert table in kept(long, 120).text
    assert [s.kind for s in kept(long, 120).segmentation.sentences].count("table") == 1


def test_what_was_scored_whole_and_what_the_caller_has_cut_stays_whole() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    question, documents = "How high is the Larch mill?", [Document(TEXT)]
    parts = segment(documents)
    scores = compressor.scorer.score(question, parts)
    for given in (parts, documents):
        context = compressor(question, given, budget=Budget(max_tokens=20), scores=scores)
        assert context.segmentation.sentences == parts.sentences


def test_scores_of_another_budget_fit_the_same_documents() -> None:
    small = "| Mill | Wheel |\n| --- | --- |\n| Oak | 1 |\n| Elm | 2 |\n"
    documents = [Document(TEXT + "\n" + small)]
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    question, budgets = "How high is the Larch mill?", (30, 50, 500)
    contexts = [compressor(question, documents, budget=Budget(max_tokens=b)) for b in budgets]
    opened = [[s.kind for s in c.segmentation.sentences].count("table") for c in contexts]
    assert opened == [0, 1, 2]
    for scored in contexts:
        for budget in budgets:
            again = compressor(question, documents, budget=Budget(max_tokens=budget), scores=scored.scores)
            assert again.segmentation.sentences == scored.segmentation.sentences


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (ORG, ["table header", "table row", "table row"]),
        (HEADER + ROWS[0], ["table"]),
        ("<table><tr><th>Mill<td>Oak</tr>\n<tr><th>Height<td>12</tr></table>\n", ["table"]),
        (
            "+------+----+\n| Mill | m  |\n+======+====+\n| Oak  | 12 |\n| Elm  | 14 |\n+------+----+\n",
            ["table"],
        ),
    ],
)
def test_tables_whose_header_is_told_from_their_rows_are_opened(table: str, kinds: list[str]) -> None:
    parts = open_tables(segment([Document(table)]), lambda _: True)
    assert [s.kind for s in parts.sentences] == kinds
    assert all(s.text == table[s.start_char : s.end_char] for s in parts.sentences)


@pytest.mark.parametrize("limit", [1, 20, 36])
def test_so_does_the_one_named_before_anything_is_read(limit: int) -> None:
    compress = Compressor(scorers.make("bm25"), counter=len, format="xml")
    document = Document("0|0\n-|- \n0\n0", syntax="markdown")
    with pytest.raises(BudgetTooSmall) as raised:
        compress("0", [document], budget=Budget(max_tokens=limit))
    assert compress("0", [document], budget=Budget(max_tokens=raised.value.smallest)).pieces


@pytest.mark.parametrize("rows", ["0\n0", "0\n0\n0", "0 0 0\n0"])
@pytest.mark.parametrize("limit", [1, 2, 5, 8])
def test_the_budget_that_an_error_names_works_though_the_table_is_whole_there(rows: str, limit: int) -> None:
    compress = Compressor(scorers.make("bm25"), counter=by_threes, format="md")
    documents = [*map(Document, "ab"), Document(f"0|0\n-|-\n{rows}", syntax="markdown")]
    with pytest.raises(BudgetTooSmall) as raised:
        compress("0", documents, budget=Budget(max_tokens=limit, min_per_document=1))
    context = compress("0", documents, budget=Budget(max_tokens=raised.value.smallest, min_per_document=1))
    documents_kept = {context.segmentation.sentences[piece.sentence].document for piece in context.pieces}
    assert documents_kept == {0, 1, 2}
