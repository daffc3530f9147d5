"""One attribute that no program writes must not cost a whole Office file."""

from __future__ import annotations

import io
import re
import zipfile

import office_files as office
import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded

ODD = ("x", "²", "-1", "1.5", "", "9" * 5000)


def load(data: bytes, suffix: str) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", 1 << 26, None)


def with_part(data: bytes, part: str, pattern: bytes, put: bytes) -> bytes:
    """The same file, something in one part of it replaced."""
    buffer, n = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            if name == part:
                content, n = re.subn(pattern, lambda _: put, content)
            made.writestr(name, content)
    assert n, f"nothing to replace in {part}"
    return buffer.getvalue()


def workbook() -> bytes:
    file = openpyxl.Workbook()
    for row in (["Year", "Share"], [1902, 0.5], [1903, 41]):
        file.active.append(row)
    file.active["B2"].number_format = "0.0%"
    return office.saved(file)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("xl/worksheets/sheet1.xml", "r"),
        ("xl/worksheets/sheet1.xml", "s"),
        ("xl/styles.xml", "numFmtId"),
        ("xl/styles.xml", "fontId"),
        ("xl/styles.xml", "fillId"),
    ],
)
def test_of_a_workbook(part: str, name: str, value: str) -> None:
    data = with_part(workbook(), part, rb'\b%s="\d+"' % name.encode(), f'{name}="{value}"'.encode())
    assert "1902" in load(data, ".xlsx").text


def test_texts_numbers_and_columns_of_a_workbook_that_are_not_there() -> None:
    sheet = "xl/worksheets/sheet1.xml"
    data = with_part(workbook(), sheet, rb't="\w+">.{1,20}?Share.{1,20}?</c>', b't="s"><v>99</v></c>')
    loaded = load(with_part(data, sheet, rb"<v>41</v>", b"<v>about 41</v>"), ".xlsx")
    assert (loaded.left_out["broken cell"], "about 41" in loaded.text) == (1, True)
    columns = b'<cols><col min="-999999999" max="-5" hidden="1"/></cols><sheetData>'
    assert "1902" in load(with_part(workbook(), sheet, b"<sheetData>", columns), ".xlsx").text


def test_a_row_that_a_sheet_has_twice_keeps_its_cells() -> None:
    data = with_part(workbook(), "xl/worksheets/sheet1.xml", rb'<row r="3"', b'<row r="2"')
    data = with_part(data, "xl/worksheets/sheet1.xml", rb'r="[AB]3"', b'r="E2"')
    assert "1902" in load(data, ".xlsx").text


@pytest.mark.parametrize("value", ODD)
def test_of_slides(value: str) -> None:
    run = rb"<a:r><a:t>Built 1902"
    data = office.slides()
    with zipfile.ZipFile(io.BytesIO(data)) as given:
        assert b"Built 1902" in given.read("ppt/slides/slide1.xml")
    put = f'<a:r><a:rPr><a:x baseline="{value}"/></a:rPr><a:t>Built 1902'.encode()
    assert "Built 1902" in load(with_part(data, "ppt/slides/slide1.xml", run, put), ".pptx").text


def test_a_chart_without_a_chart() -> None:
    deck = pptx.Presentation(io.BytesIO(office.slides()))
    values = CategoryChartData()
    values.categories = ["1902"]
    values.add_series("Cost", (4.5,))
    deck.slides[0].shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, 9, 9, values)
    data, buffer = office.saved(deck), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in given.namelist():
            part = given.read(name)
            made.writestr(name, part.replace(b"c:chart>", b"c:lang>") if "charts/chart" in name else part)
    assert "Built 1902" in load(buffer.getvalue(), ".pptx").text


@pytest.mark.parametrize("value", ODD)
def test_of_word(value: str) -> None:
    field = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
    odd = (
        f"<w:r><w:rPr><w:sz w:val='{value}'/><w:position w:val='{value}'/></w:rPr><w:t>The end.</w:t></w:r>"
        f"<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:ddList><w:result w:val='{value}'/>"
        f"<w:listEntry w:val='one'/></w:ddList></w:ffData></w:fldChar></w:r>{field.format('end')}"
        f"{field.format('begin')}<w:r><w:instrText>SYMBOL {value}</w:instrText></w:r>{field.format('end')}"
    )
    data = with_part(office.saved(office.word()), "word/document.xml", rb"<w:r><w:t>The end\.</w:t></w:r>",
                     odd.encode())  # fmt: skip
    assert "The end." in load(data, ".docx").text


def test_an_equation_of_word_whose_result_was_not_kept_is_read() -> None:
    field = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
    asked = "<w:r><w:instrText> EQ \\f(1,2) </w:instrText></w:r>"
    put = "".join((field.format("begin"), asked, field.format("separate"), field.format("end")))
    data = with_part(
        office.saved(office.word()), "word/document.xml", rb"<w:r><w:t>The end\.</w:t></w:r>", put.encode()
    )
    assert "\\f(1,2)" in load(data, ".docx").text
