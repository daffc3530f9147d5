"""Dates, numbers and marks that depend on a language, a script or a style; tables beside each other."""

from __future__ import annotations

import docx
import office_files as office
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.oxml.ns import qn

from ragcompress import UnreadableFile
from ragcompress.documents.loaders import load
from ragcompress.documents.loaders._number_formats import shown
from ragcompress.documents.loaders._numerals import counted

LIMIT = 1 << 24


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (45000, "[$-407]d. mmmm yyyy", "15. März 2023"), (45000, "[$-40C]dddd d mmmm", "mercredi 15 mars"),
        (45000, "[$-419]mmmm yyyy", "март 2023"), (45000, "[$-FC19]d mmmm yyyy", "15 марта 2023"),
        (45000, "[$-804]mmmm", "三月"), (45000, "[$-de-DE]mmmm", "März"), (45000, "[$-C0A]mmmm", "marzo"),
        (45000, "[$-409]mmmm", "March"), (45000, "[$-zzzz]mmmm", "March"), (45000, "[$-415]mmmmm", "m"),
        (45000, "[$-x-sysdate]dddd", "Wednesday"), (12.5, "0.00 [$€-407]", "12.50 €"),
    ],
)  # fmt: skip
def test_months_and_days_are_in_the_language_of_the_format(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (60, "dddd d mmm yyyy", "Wednesday 29 Feb 1900"), (60.25, "yyyy-mm-dd h:mm", "1900-02-29 6:00"),
        (59, "dddd yyyy-mm-dd", "Tuesday 1900-02-28"), (61, "dddd yyyy-mm-dd", "Thursday 1900-03-01"),
        (1, "dddd yyyy-mm-dd", "Sunday 1900-01-01"), (0, "yyyy-mm-dd", "1900-01-00"), (0.5, "h:mm", "12:00"),
    ],
)  # fmt: skip
def test_days_before_march_1900_are_those_that_sheets_show(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_1904_has_a_calendar_of_its_own() -> None:
    assert [shown(n, "yyyy-mm-dd", from_1904=True) for n in (0, 59, 60)] == [
        "1904-01-01", "1904-02-29", "1904-03-01",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "numbers", "expected"),
    [
        ("chineseCountingThousand", (1, 10, 11, 21, 101, 110), "一 十 十一 二十一 一百零一 一百一十"),
        ("chineseCountingThousand", (123, 1005, 1205), "一百二十三 一千零五 一千二百零五"),
        ("japaneseCounting", (1, 10, 100, 101, 123, 1110), "一 十 百 百一 百二十三 千百十"),
        ("koreanCounting", (1, 11, 121), "일 십일 백이십일"),
        ("chineseLegalSimplified", (1, 10, 23), "壹 壹拾 贰拾叁"),
        ("ideographDigital", (10, 25), "一〇 二五"), ("decimalFullWidth", (12,), "１２"),
        ("ideographTraditional", (1, 10), "甲 癸"), ("aiueoFullWidth", (1, 46), "ア ン"),
        ("russianLower", (1, 29), "а я"), ("decimalEnclosedCircle", (1, 20), "① ⑳"),
    ],
)  # fmt: skip
def test_other_scripts_count_as_they_do(form: str, numbers: tuple[int, ...], expected: str) -> None:
    assert " ".join(counted(n, form) or "?" for n in numbers) == expected


@pytest.mark.parametrize(
    "form", ["ideographTraditional", "decimalEnclosedCircle", "japaneseCounting", "none of these"]
)
@pytest.mark.parametrize("number", [-1, 0, 10_000])
def test_what_a_script_can_not_count_is_left_to_digits(form: str, number: int) -> None:
    assert counted(number, form) is None


def test_word_numbers_paragraphs_in_chinese() -> None:
    file = docx.Document()
    level = (
        "<w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='chineseCounting'/>"
        "<w:lvlText w:val='第%1条'/></w:lvl>"
    )
    numbering = file.part.numbering_part.element
    numbering.insert(
        0, parse_xml(f"<w:abstractNum {nsdecls('w')} w:abstractNumId='90'>{level}</w:abstractNum>")
    )
    numbering.append(parse_xml(f"<w:num {nsdecls('w')} w:numId='90'><w:abstractNumId w:val='90'/></w:num>"))
    for n in range(1, 12):
        added = file.add_paragraph(f"条文{n}")._p.get_or_add_pPr()
        added.append(parse_xml(f"<w:numPr {nsdecls('w')}><w:ilvl w:val='0'/><w:numId w:val='90'/></w:numPr>"))
    lines = load(office.saved(file), ".docx", "a.docx", LIMIT).text.splitlines()
    assert lines[0].endswith("第一条 条文1") and lines[-1].endswith("第十一条 条文11")


def slide_text(layout: int, words: str, *changes: tuple[int, str]) -> str:
    """The text of a slide with one body of some paragraphs, of which some have a mark of their own."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    frame = slide.placeholders[1].text_frame
    frame.text = words
    for number, mark in changes:
        properties = frame.paragraphs[number]._p.get_or_add_pPr()
        properties.append(properties.makeelement(qn(f"a:{mark}"), {}))
    return load(office.saved(deck), ".pptx", "a.pptx", LIMIT).text


def test_only_paragraphs_with_a_mark_on_the_slide_are_items() -> None:
    assert slide_text(1, "one\ntwo") == "- one\n- two"  # the master has marks
    assert (
        slide_text(0, "A subtitle\nof two lines") == "A subtitle\n\nof two lines"
    )  # the layout takes them away
    marked = slide_text(1, "Before.\none\ntwo\nAfter.", (0, "buNone"), (3, "buNone"))
    assert marked == "Before.\n\n- one\n- two\n\nAfter."


def test_numbers_come_from_the_style_of_a_body_too() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    frame = slide.placeholders[1].text_frame
    frame.text = "first\nsecond"
    styles = frame._txBody.find(qn("a:lstStyle"))
    level = styles.makeelement(qn("a:lvl1pPr"), {})
    level.append(level.makeelement(qn("a:buAutoNum"), {"type": "arabicPeriod"}))
    styles.append(level)
    assert load(office.saved(deck), ".pptx", "a.pptx", LIMIT).text == "1. first\n2. second"


def sheet(*rows: tuple[object, ...]) -> str:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return load(office.saved(book), ".xlsx", "a.xlsx", LIMIT).text.partition("\n\n")[2]


def test_tables_beside_each_other_without_titles_stand_apart() -> None:
    apart = (
        "| Town | Fee |\n| --- | --- |\n| Oslo | 7 |\n| Voss | 4 |\n\n"
        "| Boat | Crew |\n| --- | --- |\n| Ada | 3 |"
    )
    assert sheet(("Town", "Fee", None, "Boat", "Crew"), ("Oslo", 7, None, "Ada", 3), ("Voss", 4)) == apart
    alike = sheet(
        ("Town", "Fee", None, "Town", "Fee"), ("Oslo", 7, None, "Odda", 3), ("Voss", 4, None, "A", 5)
    )
    assert alike.count("| Town | Fee |\n") == 2


@pytest.mark.parametrize(
    "rows",
    [
        (("Town", "Fee", None, "Port", "Depth"), ("Oslo", 7, None, "B", 3), ("Voss", 4, None, "A", 5)),
        (("Town", "Fee", None, "Year", "Depth"), ("Oslo", 7, None, 1902, 3), ("Voss", 4)),
        (("Town", "Fee", None, "Note", "Page"), ("Oslo", 7, None, None, 3), ("Voss", 4)),
    ],
)
def test_columns_of_one_table_stay_together(rows: tuple[tuple[object, ...], ...]) -> None:
    assert sheet(*rows).count("---") == sum(cell is not None for cell in rows[0])
    assert sheet(*rows).count("\n\n") == 0


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        ("Мост построен в 1931 году. Плата 12 крон.", "koi8_r", "KOI8-R"),
        ("Міст збудовано у 1931 році. Плата за проїзд 12 крон.", "koi8_u", "KOI8-R"),
        ("Мост построен в 1931 году. Плата 12 крон.", "cp866", "CP866"),
        ("Мост построен в 1931 году. Плата 12 крон. Fee: 12 kr", "cp1251", "WINDOWS-1251"),
        ("Η γέφυρα χτίστηκε το 1931. Το τέλος είναι 12 κορώνες.", "cp1253", "WINDOWS-1253"),
        ("市長は、この橋は1931年に作られたと言いました。", "cp932", "SHIFT_JIS"),
        ("市长说这座桥建于1931年。过桥费是12克朗。", "gbk", "GB18030"),
        ("이 다리는 1931년에 지어졌다. 요금은 12 크로네이다.", "cp949", "EUC-KR"),
        ("Le café coûte 12 couronnes à Orléans.", "cp1252", "WINDOWS-1252"),
        ("ÿ", "cp1252", "WINDOWS-1252"),
    ],
)
def test_the_hint_names_the_encoding_that_a_text_is_in(text: str, codec: str, named: str) -> None:
    with pytest.raises(UnreadableFile, match=f"iconv -f {named} -t UTF-8"):
        load(text.encode(codec), ".txt", "a.txt", LIMIT)


def test_marks_of_notes_in_word_are_told_by_the_notes() -> None:
    file = docx.Document()
    table = file.add_table(2, 2)
    for row, texts in zip(table.rows, (("Town", "Fee"), ("Vik", "5")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 1).paragraphs[0].add_run("a").font.superscript = True
    note = file.add_paragraph()
    note.add_run("a").font.superscript = True
    note.add_run(" Estimate.")
    text = load(office.saved(file), ".docx", "a.docx", LIMIT).text
    assert "| Vik | 5[a] |" in text
    assert text.endswith("[a] Estimate.")
