"""Sheets of Excel and separated values, as one sees them: joined cells, headers, formats of numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import office_files as office
import openpyxl
import pytest

from ragcompress.documents.loaders import load as load_file
from ragcompress.documents.loaders._number_formats import shown, text_shown
from ragcompress.text.blocks import blocks

Fill = Callable[[openpyxl.worksheet.worksheet.Worksheet], None]


def excel(fill: Fill) -> tuple[str, dict[str, int]]:
    book = openpyxl.Workbook()
    book.active.title = "S"
    fill(book.active)
    loaded = load_file(office.saved(book), ".xlsx", "a.xlsx", 1 << 24)
    return loaded.text.removeprefix("## S\n\n"), {k: n for k, n in loaded.left_out.items() if n}


def of_rows(sheet: openpyxl.worksheet.worksheet.Worksheet, *rows: tuple[object, ...]) -> None:
    for row in rows:
        sheet.append(row)


def test_joined_cells_that_begin_in_a_hidden_row_or_column_are_shown_further_on() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        of_rows(sheet, ("region", "town", "n"), ("North", "Oslo", 1), (None, "Voss", 2), (None, "Odda", 3))
        sheet.merge_cells("A2:A4")
        sheet.row_dimensions[2].hidden = True

    assert excel(fill) == (
        "| region | town | n |\n| --- | --- | --- |\n| North | Voss | 2 |\n| North | Odda | 3 |",
        {"hidden row": 1},
    )

    def beside(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        of_rows(sheet, ("k", "2020", None, None), (None, "Q1", "Q2", "Q3"), ("x", 1, 2, 3))
        sheet.merge_cells("B1:D1")
        sheet.column_dimensions["B"].hidden = True

    assert excel(beside)[0] == "| k | 2020 / Q2 | 2020 / Q3 |\n| --- | --- | --- |\n| x | 2 | 3 |"


def test_days_below_a_joined_cell_name_columns() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        days = (dt.date(2024, 1, 1), dt.date(2024, 2, 1))
        of_rows(sheet, ("Item", "First quarter", None), (None, *days), ("Salt", 5, 6))
        sheet.merge_cells("B1:C1")
        sheet["B2"].number_format = sheet["C2"].number_format = "mmm-yy"

    assert excel(fill)[0] == (
        "| Item | First quarter / Jan-24 | First quarter / Feb-24 |\n| --- | --- | --- |\n| Salt | 5 | 6 |"
    )

    def named(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        of_rows(
            sheet, ("Who", "Days", None), ("Ann", dt.date(2024, 1, 1), dt.date(2024, 2, 1)), ("Ben", 1, 2)
        )
        sheet.merge_cells("B1:C1")

    assert excel(named)[0].split("\n")[2] == "| Ann | 2024-01-01 | 2024-02-01 |"


def test_a_header_of_two_rows_whose_cells_are_not_joined() -> None:
    rows = (
        ("Town", "2023", None, "2024", None),
        (None, "men", "women", "men", "women"),
        ("Oslo", 1, 2, 3, 4),
    )
    assert excel(lambda sheet: of_rows(sheet, *rows))[0].split("\n")[0] == (
        "| Town | 2023 / men | 2023 / women | 2024 / men | 2024 / women |"
    )


def test_tables_beside_each_other_stand_apart_where_each_has_a_title() -> None:
    rows = (
        ("Sales", None, None, "Costs", None), ("Town", "n", None, "Kind", "Euro"),
        ("Oslo", 1, None, "Rent", 900), ("Voss", 2, None, None, None),
    )  # fmt: skip
    assert excel(lambda sheet: of_rows(sheet, *rows))[0] == (
        "Sales\n\n| Town | n |\n| --- | --- |\n| Oslo | 1 |\n| Voss | 2 |\n\n"
        "Costs\n\n| Kind | Euro |\n| --- | --- |\n| Rent | 900 |"
    )
    spaced = (("Town", None, "n"), ("Oslo", None, 1), ("Voss", None, 2))
    assert excel(lambda sheet: of_rows(sheet, *spaced))[0].split("\n")[2] == "| Oslo | 1 |"


def test_zeros_that_a_sheet_does_not_show_are_left_out() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        of_rows(sheet, ("n", "m"), (0, 5))
        sheet.sheet_view.showZeros = False

    assert excel(fill) == ("| n | m |\n| --- | --- |\n|  | 5 |", {"hidden cell": 1})


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (12.5, '0.0"%"', "12.5%"), (12.5, "0.0\\%", "12.5%"), (0.125, "0.0%", "12.5%"),
        (12345, "##0.0E+0", "12.3E+3"), (12345, "0.0E-0", "1.2E4"), (0.00012, "0.0E-00", "1.2E-04"),
        (999.96, "##0.0E+0", "1.0E+3"), (0, "0.00E+00", "0.00E+00"), (-12345.678, "0.00E+00", "-1.23E+04"),
        (2.625, "# ?/8", "2 5/8"), (0.3, "# ??/16", "5/16"), (0.99, "# ?/?", "1"), (-5, "0.00;@", "-5.00"),
    ],
)  # fmt: skip
def test_formats_that_a_sheet_shows_otherwise_than_its_numbers(
    value: float, code: str, expected: str
) -> None:
    assert shown(value, code) == expected


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("007", '"ID-"@', "ID-007"), ("five", '@" kg"', "five kg"), ("x", '0;-0;0;"n/a: "@', "n/a: x"),
        ("x", ';;;"only"', "only"), ("x", ";;;", ""), ("x", "0.00", "x"), ("x", "0;-0", "x"), ("x", "@", "x"),
        ("a@b", "General", "a@b"), ("x", '0" @ home"', "x"),
    ],
)  # fmt: skip
def test_texts_are_written_in_the_format_of_their_cell(text: str, code: str, expected: str) -> None:
    assert text_shown(text, code) == expected


def test_words_that_a_format_puts_around_a_text_are_read() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        of_rows(sheet, ("part", "n"), ("007", 1))
        sheet["A2"].number_format = '"ID-"@'

    assert "| ID-007 | 1 |" in excel(fill)[0]


def csv_blocks(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], kind.removeprefix("table ")) for start, end, kind in blocks(text, "csv")]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Town,2020,2020,2021\n,Q1,Q2,Q1\nOslo,1,2,3\n", "Town,2020,2020,2021\n,Q1,Q2,Q1\n"),
        ("Town\tNote\nOslo\tbig, cold, wet\nVoss\tsmall, warm, dry\n", "Town\tNote\n"),
        ("Day;3 May\nUser;ann\n\nTown;n;m\nOslo;1;2\n", "Town;n;m\n"),
        ("Depth,Temp\n(m),(°C)\n1,5\n", "Depth,Temp\n(m),(°C)\n"),
        ("Town;Price\nOslo;1,5\nVoss;2,5\n", "Town;Price\n"),
    ],
)
def test_headers_of_separated_values(text: str, header: str) -> None:
    found = csv_blocks(text)
    assert found[0] == (header, "header")
    assert [kind for _, kind in found[1:]] == ["row"] * (len(found) - 1)


def test_rows_of_a_second_table_have_its_own_header() -> None:
    first, second = (
        [("Town,n\n", "header"), ("Oslo,1\n", "row")],
        [("Kind,Euro\n", "header"), ("Rent,9\n", "row")],
    )
    assert csv_blocks("Town,n\nOslo,1\n\nKind,Euro\nRent,9\n") == [*first, *second]
    assert csv_blocks("Town,n\nOslo,1\n\nCosts\nKind,Euro\nRent,9\n") == [*first, *second]
    assert csv_blocks("Town,n\nOslo,1\n\nKind,Euro,of\nRent,9,May\n")[2:] == [
        ("Kind,Euro,of\n", "header"), ("Rent,9,May\n", "row"),
    ]  # fmt: skip


def test_many_empty_lines_above_a_table_are_no_names() -> None:
    assert "".join(text for text, _ in csv_blocks("\n" * 60 + "a,b\n1,2\n")).split() == ["a,b", "1,2"]


def test_an_empty_line_between_rows_begins_no_table() -> None:
    found = csv_blocks("Town,n\nOslo,1\n\nVoss,2\n\nOdda,n/a\nBodo,4\n")
    assert [kind for _, kind in found] == ["header", "row", "row", "row", "row"]
