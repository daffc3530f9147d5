"""More of the kinds of ``test_loader_kinds``: tables, markup that carries meaning, what is shown and hidden."""

# ruff: noqa: E501

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import docx
import office_files as office
import openpyxl
import pptx
import pytest
from lxml import etree
from typer.testing import CliRunner

from ragcompress.cli.app import app
from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded
from ragcompress.documents.loaders._formulas import formula
from ragcompress.documents.loaders._number_formats import shown, text_shown

NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)
STYLES = {
    "Above": "<w:rPr><w:vertAlign w:val='superscript'/></w:rPr>",
    "AboveToo": "<w:basedOn w:val='Above'/>",
    "Gone": "<w:rPr><w:strike/></w:rPr>",
    "Ghost": "<w:rPr><w:vanish/></w:rPr>",
}
RUN = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
FIELD = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
ASKED = "<w:r><w:instrText>IF</w:instrText></w:r>"


def load(data: bytes, suffix: str) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", 1 << 26, None)


def page(html: str) -> str:
    return load(html.encode(), ".html").text


def rows(html: str) -> list[str]:
    return [line[2:-2] for line in page(html).split("\n") if line.startswith("| ") and "---" not in line]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<table><tr><td><b>City</b><td colspan=2><b>Fee</b><tr><td><td><b>Old</b><td><b>New</b><tr><td>Vik<td>1<td>2</table>",
            ["City | Fee / Old | Fee / New", "Vik | 1 | 2"],
        ),
        (
            "<table><tr><td rowspan=2>City<td colspan=2>Fee<tr><td>Old<td>New<tr><td>Vik<td>a<td>b</table>",
            ["City | Fee / Old | Fee / New", "Vik | a | b"],
        ),
        (
            "<table><tr><td>Name<td colspan=2>Contact<tr><td>Ann<td>12<td>x@y<tr><td>Bo<td>13<td>z@y</table>",
            ["Name | Contact | Contact", "Ann | 12 | x@y", "Bo | 13 | z@y"],
        ),
        (
            "<table><tr><th>Name<th>Fee<tr><td><b>North</b><td><tr><td>Vik<td>1</table>",
            ["Name | Fee", "North | ", "Vik | 1"],
        ),
        (
            "<div role=table><div role=row><span role=columnheader>City</span><span role=columnheader>Fee</span></div>"
            "<div role=row><span role=cell>Vik</span><span role=cell>15</span></div></div>",
            ["City | Fee", "Vik | 15"],
        ),
        (
            "<div style='display: table'><div style='display:table-row'><p style='display:table-cell'>City</p>"
            "<p style='display:table-cell'>Fee</p></div><div style='display:table-row'><p style='display:table-cell'>Vik</p>"
            "<p style='display:table-cell'>15</p></div></div>",
            ["City | Fee", "Vik | 15"],
        ),
        (
            "<table><tr><th><th colspan=2>2023<th colspan=2>2024<tr><th>City<th>Q1<th>Q2<th>Q1<th>Q2<tr><td>Vik<td>1<td>2<td>3<td>4</table>",
            ["City | 2023 / Q1 | 2023 / Q2 | 2024 / Q1 | 2024 / Q2", "Vik | 1 | 2 | 3 | 4"],
        ),
    ],
)  # fmt: skip
def test_headers_of_tables_however_they_are_written(html: str, expected: list[str]) -> None:
    assert rows(html) == expected


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<!doctype html><title>T</title><main><p>Ten days.</main>", "Ten days."),
        ("<meta charset=utf-8><details><summary>Q</summary>A</details><p>after</p>", "Q\n\nA\n\nafter"),
        ("<title>T</title><section>one</section>two<p>three", "one\n\ntwo\n\nthree"),
        ("<meta charset=utf-8><label>Name <input value=Anna></label>", "Name Anna"),
        ("<head><style>p{color:red}</style></head><body><p>one", "one"),
    ],
)
def test_a_page_without_body_is_read_from_its_first_element(html: str, text: str) -> None:
    assert page(html) == text


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        ("<span class=tick aria-label='Included'></span>", "[Image: Included]"),
        ("<i title='Not in this plan'></i>", "[Image: Not in this plan]"),
        ("<svg><title>Yes</title><path d=''/></svg>", "[Image: Yes]"),
        ("<div><svg aria-label=Yes></svg></div>", "[Image: Yes]"),
        ("<span title='three of five'>3/5</span>", "3/5"),
        ("<button title=Edit></button>", ""),
        ("<progress value=70 max=100></progress>", "70/100"),
        ("<meter value=.6>60%</meter>", "60%"),
    ],
)
def test_a_sign_that_fills_a_cell_is_what_its_label_says(sign: str, said: str) -> None:
    found = rows(f"<table><tr><th>What<th>Free<tr><td>Calls<td>{sign}</table>")
    assert found[-1].rstrip() == f"Calls | {said}".rstrip()


def test_many_signs_in_one_cell_are_asked_for_once() -> None:
    html = "<table><tr><th>A<tr><td>x" + "<i title=t></i>" * 30_000 + "</table>"
    started = time.process_time()
    assert rows(html)[-1] == "x"
    assert time.process_time() - started < 20  # each by itself: minutes


def test_signs_beside_words_say_nothing_but_pictures_do() -> None:
    assert page("<p><i title='info'></i>Fee: <span role=img aria-label='four stars'></span></p>") == (
        "Fee: [Image: four stars]"
    )


@pytest.mark.parametrize(
    "formula",
    [
        "<m:math xmlns:m='http://www.w3.org/1998/Math/MathML'><m:msup><m:mi>x</m:mi><m:mn>2</m:mn></m:msup></m:math>",
        "<math alttext='x^2'></math>",
    ],
)
def test_formulas_with_a_prefix_or_only_an_alternative_are_read(formula: str) -> None:
    assert " ".join(page(f"<p>So {formula} holds.").split()) == "So x^2 holds."


def test_a_cell_without_its_row_is_no_table() -> None:
    assert "|" not in page("<div role=cell>alone</div><div role=table><p>text</p></div>")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("10<span style='vertical-align:super;font-size:70%'>6</span> kg", "10^6 kg"),
        ("H<span style='vertical-align: sub'>2</span>O, x<small style='vertical-align:SUB'>i</small>", "H2O, x_i"),
        ("<span style='text-decoration: line-through'>99</span> 12", "~~99~~ 12"),
        ("now 12<del> (was 99)</del> crowns", "now 12 ~~(was 99)~~ crowns"),
        ("Built 1931<sup>5</sup> of larch", "Built 1931[5] of larch"),
        ("1500<sup>3</sup> and 10<sup>5</sup>", "1500[3] and 10^5"),
        ("Sum: <output>42</output>, <meter value=0.6>60 %</meter> full", "Sum: 42, 60 % full"),
        ("<svg><text>Peak</text><g><text>42 MW</text></g></svg>", "[Image: Peak; 42 MW]"),
        ("<img class=lazy data-src=x><noscript><img src=x alt='A larch bridge'></noscript>", "[Image: A larch bridge]"),
        ("Size <select><option>S<option>M</select>", "Size S"),
    ],
)  # fmt: skip
def test_more_markup_that_carries_meaning(html: str, text: str) -> None:
    assert page(f"<p>{html}</p>") == text


@pytest.mark.parametrize(
    "html",
    [
        "<p style='opacity: 0'>no</p>",
        "<style>.g{opacity:0.0}</style><p class=g>no</p>",
        "<p style='position:absolute; left:-9999px'>no</p>",
        "<p style='font-size:0'>no</p>",
        "<p style='text-indent:-9999px'>no</p>",
        "<p style='color: transparent'>no</p>",
        "<style>.sr-only{position:absolute;clip:rect(0, 0, 0, 0)}</style><p class=sr-only>no</p>",
        "<style>.v{clip-path:inset(50%)}</style><p class=v>no</p>",
        "<p style='content-visibility:hidden'>no</p>",
        "<dialog>no</dialog>",
        "<div popover>no</div>",
    ],
)
def test_more_ways_to_hide(html: str) -> None:
    loaded = load(f"<p>12 crowns</p>{html}".encode(), ".html")
    assert loaded.text.strip() == "12 crowns"
    assert loaded.left_out == {"hidden part": 1}


@pytest.mark.parametrize(
    "html",
    [
        "<div class='fade-in' style='opacity:0'>yes</div>",
        "<div data-aos=zoom style='opacity:0'>yes</div>",
        "<p style='opacity:0.9; left:-20px; font-size:0.8em; color:#000'>yes</p>",
        "<style>.x{opacity:0}</style><p class=x style='opacity:1'>yes</p>",
        "<style>.answer{display:none}</style><h3>How long?</h3><div class=answer>yes</div>",
        "<style>.faq-answer{display:none}</style><p>How long?</p><div class=faq-answer>yes</div>",
        "<dialog open>yes</dialog>",
        "<p hidden=until-found>yes</p>",
    ],
)
def test_more_that_is_shown(html: str) -> None:
    assert "yes" in page(f"<p>text</p>{html}")


def word(*paragraphs: str) -> bytes:
    file = docx.Document()
    for name, said in STYLES.items():
        style = f"<w:style {NAMES} w:type='character' w:styleId='{name}'>{said}</w:style>"
        file.styles.element.append(etree.fromstring(style))
    for xml in paragraphs:
        file.element.body.insert(len(file.element.body) - 1, etree.fromstring(f"<w:p {NAMES}>{xml}</w:p>"))
    return office.saved(file)


def styled(name: str, text: str) -> str:
    return f"<w:r><w:rPr><w:rStyle w:val='{name}'/></w:rPr><w:t>{text}</w:t></w:r>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (RUN.format("10") + styled("Above", "6"), "10^6"),
        (RUN.format("10") + styled("AboveToo", "6"), "10^6"),
        (styled("Gone", "99") + RUN.format(" 12"), "~~99~~ 12"),
        (styled("Ghost", "99") + RUN.format("12"), "12"),
        ("<w:pPr><w:pStyle w:val='Ghost'/></w:pPr>" + RUN.format("99") + "</w:p><w:p>" + RUN.format("12"), "12"),
        (RUN.format("x") + "<w:r><w:rPr><w:position w:val='12'/></w:rPr><w:t>2</w:t></w:r>", "x^2"),
        (
            RUN.format("Due ") + FIELD.format("begin") + ASKED + FIELD.format("begin") + ASKED
            + FIELD.format("separate") + RUN.format("INNER") + FIELD.format("end") + FIELD.format("separate")
            + RUN.format("9 May") + FIELD.format("end") + RUN.format("."),
            "Due 9 May.",
        ),
        (
            RUN.format("Hue: ") + "<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:ddList><w:result w:val='1'/>"
            "<w:listEntry w:val='Red'/><w:listEntry w:val='Blue'/></w:ddList></w:ffData></w:fldChar></w:r>"
            + ASKED + FIELD.format("end"),
            "Hue: Blue",
        ),
        (
            "<w:r><w:drawing><wp:inline><wp:docPr id='1' name='p' descr='A larch bridge'/></wp:inline></w:drawing></w:r>",
            "[Image: A larch bridge]",
        ),
    ],
)  # fmt: skip
def test_word_by_its_styles_and_fields(xml: str, text: str) -> None:
    paragraphs = xml.split("</w:p><w:p>")
    assert load(word(*paragraphs), ".docx").text.strip() == text


def test_word_joins_headers_of_two_rows() -> None:
    file = docx.Document()
    table = file.add_table(3, 3)
    for number, cell in enumerate(c for row in table.rows for c in row.cells):
        cell.text = str(number)
    table.cell(0, 0).merge(table.cell(1, 0)).text = "City"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "Fee"
    table.cell(1, 1).text, table.cell(1, 2).text = "Old", "New"
    assert load(office.saved(file), ".docx").text.split("\n")[0] == "| City | Fee / Old | Fee / New |"


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0, "0;-0;;@", ""), (5, ";;;", ""), (-0.5, "0%;[Red](0%)", "(50%)"), (7, '"Q"0', "Q7"),
        (1234567.891, '#,##0.0,," Mio"', "1.2 Mio"), (44927, "[$-F800]dddd\\,\\ mmmm\\ dd", "Sunday, January 01"),
        (420123456, "000 000 000", "420 123 456"), (1.25, "[h]:mm:ss", "30:00:00"), (-3, "0;", ""),
    ],
)  # fmt: skip
def test_more_formats_of_numbers(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_texts_are_hidden_by_an_empty_fourth_section() -> None:
    assert [text_shown("a", code) for code in (";;;", "0;0;0;", "@", "0;0;0;@", '0;"a;b";0')] == [
        "", "", "a", "a", "a",
    ]  # fmt: skip


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The same workbook with other bytes in its sheets: openpyxl writes no height of nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in given.namelist():
            part = given.read(name)
            made.writestr(name, part.replace(old, new) if "sheet" in name else part)
    return buffer.getvalue()


def test_cells_that_a_sheet_does_not_show() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["City", "Fee", "Note"], ["Vik", 1, "seen"], ["Gone", 2, "x"], ["Ott", 3, "secret"]):
        sheet.append(row)
    sheet["B4"].number_format = sheet["C4"].number_format = ";;;"
    sheet.row_dimensions[3].height = 9.5
    loaded = load(changed(office.saved(book), b'ht="9.5"', b'ht="0"'), ".xlsx")
    assert [line for line in loaded.text.split("\n") if "|" in line][2:] == [
        "| Vik | 1 | seen |",
        "| Ott |  |  |",
    ]
    assert +loaded.left_out == {"hidden row": 1, "hidden cell": 2}


def test_slides_keep_the_blank_before_what_is_struck_out() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    paragraph = slide.shapes.add_textbox(0, 0, 99, 99).text_frame.paragraphs[0]
    for text, key, value in (("10", "", ""), ("6", "baseline", "30000"), (" old", "strike", "sngStrike")):
        run = paragraph.add_run()
        run.text = text
        if key:
            run.font._element.set(key, value)
    assert load(office.saved(deck), ".pptx").text == "10^6 ~~old~~"


def test_the_time_limit_of_the_command_line_reaches_loaders(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<p>Anna Lund built it.")
    result = CliRunner().invoke(app, ["compress", "Who?", str(path), "--timeout", "0.0000001"])
    assert result.exit_code == 1
    assert "time limit of 1e-07 s" in " ".join(result.stderr.split())


SHADOW = "<template shadowrootmode=open>"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<x-a>{SHADOW}<p>Fee: <slot></slot></p></template>12 <b>euros</b></x-a>", "Fee: 12 euros"),
        (
            f"<x-a>{SHADOW}<p><slot name=n>no</slot>, <slot>yes</slot></p></template><i slot=n>New</i></x-a>",
            "New, yes",
        ),
        (
            f"<x-a>{SHADOW}<style>p{{display:none}}</style><p>yes</p></template><p>no</p></x-a><p>and</p>",
            "yes\n\nand",
        ),
        (
            f"<x-a>{SHADOW}<x-b>{SHADOW}<p>in <slot></slot> out</p></template><slot></slot></x-b></template>deep</x-a>",
            "in deep out",
        ),
        ("<x-a><template>no</template>yes</x-a>", "yes"),
        ("<noscript><style>.x{display:none}</style></noscript><p class=x>yes</p>", "yes"),
        (
            "<style>a[href$='.no'],[id=\"x.y\"]{display:none}</style><a href=a.no>no</a><p id=x.y>no</p><p>yes</p>",
            "yes",
        ),
        (
            "<svg><defs><text>no</text></defs><text display=none>no</text><g visibility=hidden><text>no</text></g><text>yes</text></svg>",
            "[Image: yes]",
        ),
        ("<p>Press <button>Save</button> to keep it.</p>", "Press Save to keep it."),
        (
            "<math><mmultiscripts><mi>C</mi><mn>1</mn><none/><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts></math>",
            "_6^14C_1",
        ),
    ],
)
def test_a_page_says_what_a_browser_shows(html: str, text: str) -> None:
    assert page(f"<!doctype html><title>T</title>{html}") == text


def test_marks_before_a_letter_in_a_formula_of_office_stay_marks() -> None:
    parts = "".join(
        f"<m:{n}><m:r><m:t>{t}</m:t></m:r></m:{n}>" for n, t in (("sub", 6), ("sup", 14), ("e", "C"))
    )
    space = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    assert formula(etree.fromstring(f"<m:sPre xmlns:m='{space}'>{parts}</m:sPre>")) == "_6^14C"
