"""What a person sees in a file is in its text, what nobody sees is not; cells keep row and column."""

# ruff: noqa: E501

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import docx
import office_files as office
import openpyxl
import pptx
import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from ragcompress.data import Document
from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded
from ragcompress.documents.loaders._number_formats import shown
from ragcompress.documents.reading import read_documents
from ragcompress.documents.titles import title
from ragcompress.errors import UnreadableFile
from ragcompress.text.segmentation import segment

NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)


def load(data: bytes, suffix: str, seconds: float | None = None) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", 1 << 26, seconds)


def page(html: str) -> str:
    return load(html.encode(), ".html").text


@pytest.mark.parametrize(
    ("html", "rows"),
    [
        ("<tr><th>A<th>B<tr><td rowspan=2>x<td>1<tr><td>2", ["A | B", "x | 1", "x | 2"]),
        ("<tr><th>A<th>B<th>C<tr><td>x<td colspan=2>1", ["A | B | C", "x | 1 | 1"]),
        ("<tr><th>A<th>B<tr><td>1<td rowspan=0>2<tr><td>3", ["A | B", "1 | 2", "3 | 2"]),
        (
            "<thead><tr><th rowspan=2>City<th colspan=2>Old<tr><th>Fee<th>Tax</thead><tr><td>a<td>1<td>2",
            ["City | Old / Fee | Old / Tax", "a | 1 | 2"],
        ),
        ("<tfoot><tr><td>Sum<td>3</tfoot><tr><th>A<th>B<tr><td>x<td>3", ["A | B", "x | 3", "Sum | 3"]),
        ("<caption>Cap</caption><colgroup><col><col></colgroup><tr><th>A<th>B<tr><td>x. y.<td>1", ["A | B", "x. y. | 1"]),
        ("<tr><th>A<th>B<tr><td>x<td><ul><li>one<li>two|three</ul>", ["A | B", "x | one; two\\|three"]),
        ("<tr><th>A<th>B<tr><td>x<td>one<br>two<p>three", ["A | B", "x | one two three"]),
        ("<tr><th>Name<td>Ann<tr><th>Born<td>1900", [" | ", "Name | Ann", "Born | 1900"]),
        ("<tr><th colspan=2>Fees<tr><th>A<th>B<tr><td>1<td>2", ["A | B", "1 | 2"]),
        ("<tr><th>A<th>B<tr><td colspan=1000>x<tr><td>y<td>z", ["A | B", "x | ", "y | z"]),
    ],
)  # fmt: skip
def test_a_table_of_a_page_keeps_row_and_column(html: str, rows: list[str]) -> None:
    lines = [line for line in page(f"<table>{html}</table>").split("\n") if line.startswith("|")]
    assert lines[0] == f"| {rows[0]} |"
    assert set(lines[1]) <= set("| -")
    assert [line[: len(row) + 4] for line, row in zip(lines[2:], rows[1:], strict=False)] == [
        f"| {r} |" for r in rows[1:]
    ]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("10<sup>6</sup> kg", "10^6 kg"),
        ("<b>10</b><sup>−3</sup>", "10^−3"),
        ("5 m<sup>2</sup> and x<sup>2n</sup>", "5 m^2 and x^(2n)"),
        ("CO<sub>2</sub>, x<sub>1</sub>, 10<sub>2</sub>", "CO2, x_1, 10_2"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("Built in 1931.<sup>1</sup> Old.", "Built in 1931.[1] Old."),
        ("The bridge<sup><a href='#n2'>2</a></sup> stands.", "The bridge[2] stands."),
        ("<s>99</s> 12 and <del>old</del> <ins>new</ins>", "~~99~~ 12 and ~~old~~ new"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"),
        ("<ruby>漢<rp>(<rt>kan<rp>)</ruby>字", "漢(kan)字"),  # end tags may be left out
        ("<ruby><rb>漢<rb>字<rt>kan<rt>ji</ruby>.", "漢字(kan)(ji)."),
        ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", "a/(b + 1)"),
        ("<math><semantics><msup><mi>x</mi><mn>2</mn></msup><annotation>x^{2}</annotation></semantics></math>", "x^2"),
        ("<img src=x alt='A bridge of larch'>", "[Image: A bridge of larch]"),
        ("soft&shy;hyphen", "softhyphen"),
    ],
)  # fmt: skip
def test_markup_that_carries_meaning_becomes_characters(html: str, text: str) -> None:
    assert page(f"<p>{html}</p>") == text


@pytest.mark.parametrize(
    "html",
    [
        "<p style='color:red; DISPLAY : none'>no</p>",
        "<div style='visibility:hidden'><p>no</div>",
        "<p hidden>no</p>",
        "<span aria-hidden=true>no</span>",
        "<template><p>no</template>",
        "<style>.x{display:none}</style><p class='a x'>no</p>",
        "<style>#q, p.y{visibility:hidden}</style><p id=q>no<p class=y>no</p>",
        "<style>@media screen{div > .x{display:none !important}}</style><div><p class=x style='display:block'>no</div>",
        "<button aria-controls=m>Menu</button><div role=dialog id=m hidden>no</div>",
    ],
)
def test_what_a_page_hides_is_out_and_counted(html: str) -> None:
    loaded = load(f"<p>12 crowns</p>{html}".encode(), ".html")
    assert "12 crowns" in loaded.text
    assert "no" not in loaded.text
    assert sum(loaded.left_out.values()) or "<template>" in html


@pytest.mark.parametrize(
    "html",
    [
        "<style>@media print{.x{display:none}}</style><p class=x>yes</p>",
        "<style>.x{display:none}.x.open{display:block}</style><p class='x open'>yes</p>",
        "<style>.x{display:none}</style><p class=x style='display:block'>yes</p>",
        "<h2><button aria-expanded=false>Q</button></h2><div aria-hidden=true>yes</div>",
        "<dl><dt><button>Why so?</button><dd hidden>yes</dl>",
        "<button data-bs-toggle=collapse data-bs-target=#a>Q</button><p>x</p><div id=a style='display:none'>yes</div>",
        "<style>.panel{display:none}</style><button class=accordion>Q</button><div class=panel>yes</div>",
        "<a role=tab href=#t>Q</a><p>x</p><div id=t role=tabpanel hidden>yes</div>",
        "<details><summary>Q</summary>yes</details>",
        "<input type=checkbox id=c><label for=c>Q</label><div style='display:none'>yes</div>",
        "<input value=yes>",
        "<select><option>a<option selected>yes</select>",
    ],
)
def test_what_a_page_shows_when_asked_is_in(html: str) -> None:
    assert "yes" in page(f"<p>text</p>{html}")


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("<meta charset=gb2312>", "gbk", "朱镕基"),
        ("<meta charset=latin1>", "cp1252", "“quoted” – €"),
        ("<meta charset='x-sjis'>", "cp932", "①橋"),
        ("<meta name=a data-charset=utf-8><meta charset=windows-1251>", "cp1251", "мост"),
        ("<meta charset=ks_c_5601-1987>", "cp949", "다리"),
        ("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>", "koi8-r", "мост"),
        ("<?xml version='1.0' encoding='windows-1251'?>", "cp1251", "мост"),
        ("<!-- charset=big5 --><meta charset=utf-16>", "utf-8", "Brücke"),
        ("", "utf-16-le", "Bridge of larch over the river"),
    ],
)
def test_pages_are_decoded_as_browsers_do(declared: str, codec: str, text: str) -> None:
    assert load(f"{declared}<p>{text}</p>".encode(codec), ".html").text == text


@pytest.mark.parametrize(
    ("suffix", "before", "codec"),
    [
        (".xml", "<?xml version='1.0' encoding='ISO-8859-1'?>\n<a>", "latin-1"),
        (".py", "#!/usr/bin/python\n# -*- coding: cp1251 -*-\n#", "cp1251"),
        (".css", '@charset "windows-1252";\n/* ', "cp1252"),
    ],
)
def test_source_code_is_decoded_as_it_declares(suffix: str, before: str, codec: str) -> None:
    word = "Мост" if codec == "cp1251" else "caf\xe9"
    assert load(f"{before}{word}".encode(codec), suffix).text == before + word
    for wrong in ("nothing", "utf-8", "hex"):
        with pytest.raises(UnreadableFile, match="is not UTF-8 text"):
            load(f"<?xml version='1.0' encoding='{wrong}'?>\n\xe9".encode("latin-1"), suffix)


def test_style_sheets_in_other_files_are_not_read_and_counted() -> None:
    links = (
        "<link rel=stylesheet href=a.css><link rel='alternate stylesheet' href=b.css><link rel=icon href=c>"
    )
    loaded = load(
        f"<head>{links}<link rel=stylesheet media=print href=d.css></head><p>text".encode(), ".html"
    )
    assert loaded.text == "text"
    assert loaded.left_out["linked style sheet"] == 1


def test_a_page_with_a_damaged_byte_is_read_with_a_note() -> None:
    loaded = load(b"<meta charset=utf-8><p>" + b"larch " * 100 + b"\xff</p>", ".html")
    assert loaded.text.endswith("\ufffd")
    assert "1 bytes" in loaded.notes[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntitle: The Bridge\nlayout: post\n---\n\n# Other\n", "The Bridge"),
        ("---\ntitle: 'A: B' # c\n---\nx", "A: B"),
        ("---\ntitle: >-\n  Long\n  title\n---\n", "Long title"),
        ('+++\ntitle = "Toml"\n+++\n', "Toml"),
        ("---\nlayout: x\n---\n# Heading\n", "Heading"),
        ("[![build](b.svg)](ci) [![x](y)](z)\n\n# Heading\n", "Heading"),
        (
            "<!-- markdownlint-disable -->\n<p align=center><img src=x></p>\n\n# **Bold** [link](x)\n",
            "Bold link",
        ),
        ("<h1 align='center'>Html</h1>\n", "Html"),
        ("Setext\n======\n", "Setext"),
        ("\n\n# One #\r\n# Two", "One"),
        ("## Second level", None),
        ("#hashtag", None),
        ("Text.\n# Later", None),
        ("", None),
    ],
)
def test_the_title_is_that_of_the_front_matter_or_the_first_heading(text: str, expected: str | None) -> None:
    assert title(text.replace("<!-- markdownlint-disable -->", " " * 30)) == expected


def test_comments_of_markdown_are_blanks_and_offsets_stay() -> None:
    text = "A.\n<!-- secret\nagain -->\n`<!-- code -->`\n```\n<!-- fence -->\n```\n[//]: # (secret)\nB. <!-- open"
    loaded = load(text.encode(), ".md")
    assert "secret" not in loaded.text
    assert len(loaded.text) == len(text)
    assert [loaded.text.index(w) for w in ("code", "fence", "B.")] == [
        text.index(w) for w in ("code", "fence", "B.")
    ]
    assert loaded.left_out == {"comment": 2}


@pytest.mark.parametrize("suffix", [".md", ".txt", ".css"])
def test_embedded_data_is_left_out_and_lines_stay(suffix: str) -> None:
    text = f"a\n![x](data:image/png;base64,{'QUJD' * 5000}) b\nurl(data:image/svg+xml,{'%3Csvg%20' * 300}) c\nlast"
    loaded = load(text.encode(), suffix)
    assert len(loaded.text) < 200
    assert loaded.left_out == {"piece of embedded data": 2}
    start = loaded.text.index("last")
    assert loaded.places.at(start, start + 4).first == 4


def kinds(text: str) -> list[tuple[str, str]]:
    return [(s.kind, s.text) for s in segment([Document(text, syntax="csv")]).sentences]


@pytest.mark.parametrize(
    ("text", "header", "row"),
    [
        ("sep=;\nCity;Fee\nVik;15\n", "City;Fee", "Vik;15"),
        ('"sep=|"\r\nCity|Fee\r\nVik|15\r\n', "City|Fee", "Vik|15"),
        ("Fees of 2024\n\nCity,Fee\nVik,15\n", "City,Fee", "Vik,15"),
        ("Fees;;\n;;\nCity;Fee;Note\nVik;15;a, b, c, d\n", "City;Fee;Note", "Vik;15;a, b, c, d"),
        ("City\tFee\nVik\t1,5\n", "City\tFee", "Vik\t1,5"),
        (
            ";Old;;New;\nCity;Fee;Tax;Fee;Tax\nVik;1;2;3;4\n",
            ";Old;;New;\nCity;Fee;Tax;Fee;Tax",
            "Vik;1;2;3;4",
        ),
    ],
)
def test_the_header_of_csv_is_the_row_of_names(text: str, header: str, row: str) -> None:
    found = kinds(text)
    assert [t for k, t in found if k == "table header"] == [header]
    assert found[-1] == ("table row", row)


def word(*paragraphs: str) -> docx.document.Document:
    file = docx.Document()
    for xml in paragraphs:
        file.element.body.insert(len(file.element.body) - 1, etree.fromstring(f"<w:p {NAMES}>{xml}</w:p>"))
    return file


RUN = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (RUN.format("Ends on ") + f"<w:fldSimple w:instr='DATE'>{RUN.format('3 May')}</w:fldSimple>", "Ends on 3 May"),
        (
            "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>"
            f"<w:r><w:fldChar w:fldCharType='separate'/></w:r>{RUN.format('7.2')}<w:r><w:fldChar w:fldCharType='end'/></w:r>",
            "7.2",
        ),
        (RUN.format("10") + "<w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>6</w:t></w:r>", "10^6"),
        (RUN.format("12") + "<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r>", "12"),
        ("<w:del><w:r><w:delText>99</w:delText></w:r></w:del><w:ins>" + RUN.format("12") + "</w:ins>", "12"),
        ("<w:r><w:rPr><w:strike/></w:rPr><w:t>99</w:t></w:r>", "~~99~~"),
        (
            "<w:r><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby></w:r>",
            "漢(kan)",
        ),
        (
            "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>",
            "x^2",
        ),
        (f"<w:sdt><w:sdtContent>{RUN.format('chosen')}</w:sdtContent></w:sdt>", "chosen"),
    ],
)  # fmt: skip
def test_word_reads_what_is_on_the_page(xml: str, text: str) -> None:
    assert load(office.saved(word(xml)), ".docx").text == text


def test_word_keeps_joined_cells_and_the_margins_of_pages() -> None:
    file = docx.Document()
    table = file.add_table(3, 3)
    for number, cell in enumerate(c for row in table.rows for c in row.cells):
        cell.text = str(number)
    table.cell(1, 0).merge(table.cell(2, 0)).text = "North"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "Both"
    file.sections[0].header.paragraphs[0].text = "Draft of May"
    text = load(office.saved(file), ".docx").text
    assert "| 0 | Both | Both |\n| --- | --- | --- |\n| North | 4 | 5 |\n| North | 7 | 8 |" in text
    assert text.endswith("Page header: Draft of May")


def test_a_workbook_shows_what_excel_shows() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"] = "Fees of 2024"
    sheet.merge_cells("A1:E1")
    for place, value in zip(("A2", "B2", "D2", "B3", "C3", "D3", "E3"),
                            ("City", "Old", "New", "Fee", "Share", "Fee", "Since"), strict=True):  # fmt: skip
        sheet[place] = value
    for span in ("A2:A3", "B2:C2", "D2:E2"):
        sheet.merge_cells(span)
    sheet.append(["Vik", 15.5, 0.25, "=B4*2", date(2024, 5, 3)])
    sheet["B4"].number_format, sheet["C4"].number_format = '#,##0.00 "kr"', "0%"
    sheet.append(["Gone", 1, 2, 3, 4])
    sheet.row_dimensions[5].hidden = True
    sheet["G4"] = "secret"
    sheet.column_dimensions["G"].hidden = True
    book.create_sheet("Notes")["A1"] = "secret"
    book["Notes"].sheet_state = "hidden"
    loaded = load(office.saved(book), ".xlsx")
    assert loaded.text == (
        "## Sheet\n\nFees of 2024\n\n| City | Old / Fee | Old / Share | New / Fee | New / Since |\n"
        "| --- | --- | --- | --- | --- |\n| Vik | 15.50 kr | 25% | =B4*2 | 2024-05-03 |"
    )
    assert +loaded.left_out == {"hidden row": 1, "hidden column": 1, "hidden sheet": 1}
    assert "1 cell holds a formula" in loaded.notes[0]


@pytest.mark.parametrize(
    "places", [["XFD1"], ["A1", "XFD1048576"], [f"{c}{r}" for r, c in enumerate("ABCDEFGH", 1)]]
)
def test_far_cells_of_a_sheet_cost_no_more_than_near_ones(places: list[str]) -> None:
    book = openpyxl.Workbook()
    for row in range(1, 40):
        book.active.append([f"item {row}", row])
    for place in places:
        book.active[place] = "far"
    loaded = load(office.saved(book), ".xlsx")
    assert loaded.text.count("far") == len(places)
    assert len(loaded.text) < 3_000


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0.125, "0.0%", "12.5%"), (1234.5, "#,##0.00", "1,234.50"), (1234.5, "[$€-407] #,##0", "€ 1,235"),
        (-5, "#,##0;(#,##0)", "(5)"), (0, '0;-0;"none"', "none"), (8524, "dd.mm.yyyy", "03.05.1923"),
        (0.5, "h:mm AM/PM", "12:00 PM"), (1.5, "[h]:mm", "36:00"), (45000, "d mmmm yyyy", "15 March 2023"),
        (12345678, "0.00E+00", "1.23E+07"), (2.5, "# ?/?", "2 1/2"), (5551234, "000-0000", "555-1234"),
        (1.5e6, '0.0,,"M"', "1.5M"), (7, "000", "007"), (1500, '[>=1000]0.0,"k";0', "1.5k"),
        (2.675, "0.00", "2.68"), (0.1 + 0.2, "General", "0.3"), (3, '0" pcs"', "3 pcs"), (-1, "yyyy", "-1"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_spreadsheets_show_them(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_slides_keep_charts_and_joined_cells_and_leave_out_hidden_ones() -> None:
    file = pptx.Presentation()
    slide = file.slides.add_slide(file.slide_layouts[6])
    data = CategoryChartData(number_format="0%")
    data.categories = ["East", "West"]
    data.add_series("2024", (0.19, 0.21))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, data)
    table = slide.shapes.add_table(2, 2, 0, 0, 99, 99).table
    table.cell(0, 0).text, table.cell(1, 0).text, table.cell(1, 1).text = "Both", "a", "b"
    table.cell(0, 0).merge(table.cell(0, 1))
    hidden = file.slides.add_slide(file.slide_layouts[5])
    hidden.shapes.title.text = "secret"
    hidden.element.set("show", "0")
    loaded = load(office.saved(file), ".pptx")
    assert "| East | 19% |\n| West | 21% |" in loaded.text
    assert "Both" in loaded.text
    assert "| a | b |" in loaded.text
    assert "secret" not in loaded.text
    assert loaded.left_out["hidden slide"] == 1


def filled_form() -> bytes:
    """A page with a label and a field behind it, filled in, without an appearance of its own."""
    before = office.pdf([["Owner:"]])
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (f1) /V (Berit Holm) /Rect [120 715 300 735] /F 4 >>"
    )
    body = before.replace(b"/Type /Page /Parent", b"/Type /Page /Annots [9 0 R] /Parent")
    body = body.replace(b"/Type /Catalog", b"/Type /Catalog /AcroForm << /Fields [9 0 R] >>")
    return body + b"\n9 0 obj\n" + field + b"\nendobj\ntrailer\n<< /Size 10 /Root 1 0 R >>\n%%EOF\n"


def test_values_of_a_form_in_a_pdf_stand_behind_their_labels() -> None:
    assert "Owner: Berit Holm" in load(filled_form(), ".pdf").text


def test_what_is_left_out_is_said_for_a_file_and_summed_up_for_a_folder(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text("<p>text<p hidden>secret<p hidden>secret")
    (tmp_path / "c.md.gz").write_bytes(gzip.compress("# Title\n\nText. <!-- no -->".encode("utf-16")))
    notes: list[str] = []
    read_documents([tmp_path / "a.html"], note=notes.append)
    assert notes == [f"{tmp_path / 'a.html'}: left out 2 hidden parts"]
    notes.clear()
    documents = read_documents([tmp_path], note=notes.append)
    assert notes == [f"{tmp_path}: read 3 files, left out parts of 3 files: 1 comment, 4 hidden parts"]
    assert documents[-1].title == "Title"


def many_runs(n: int) -> bytes:
    runs = "".join(f"<w:r w:rsidR='00{i:06}'><w:rPr><w:b/></w:rPr><w:t>w</w:t></w:r>" for i in range(n))
    return office.saved(word(runs))


def far_row() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(office.workbook())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(
                name,
                old.read(name).replace(b'<row r="4"', b'<row r="1048576"').replace(b'"C4"', b'"XFD1048576"'),
            )
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (many_runs(20_000), ".docx"),
        (far_row(), ".xlsx"),
        (b"x " + b"<table> " * 2_000 + b"y", ".md"),
        (b"<p>" + b"<a id=x></a>w <button>b</button>" * 20_000, ".html"),
        (("|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n" + "x\n" * 140).encode() * 40, ".md"),
        (b"a " * 500_000, ".txt"),
    ],
)  # fmt: skip
def test_work_is_in_proportion_to_what_is_there(data: bytes, suffix: str) -> None:
    loaded = load(data, suffix)
    assert 0 < len(loaded.text) <= len(data)
    sentences = segment([Document(loaded.text, syntax=loaded.syntax)]).sentences
    assert len(sentences) <= len(loaded.text)


def test_a_file_that_takes_too_long_is_refused_by_name() -> None:
    with pytest.raises(UnreadableFile, match="longer to read than its time limit") as caught:
        load(b"<p>x</p>" * 1_000, ".html", seconds=1e-9)
    assert caught.value.reason == "too slow"
