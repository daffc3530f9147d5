"""What style sheets, formats of runs and of cells say of the words: raised, struck out, added, hidden."""

# ruff: noqa: E501

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

import docx
import office_files as office
import openpyxl
import pptx
import pytest
from docx.document import Document as Word
from lxml import etree
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.formatting.rule import ColorScaleRule
from openpyxl.styles import Color, Font, PatternFill
from pptx.util import Emu

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def load(data: bytes, suffix: str) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", 1 << 26)


def page(html: str) -> Loaded:
    return load(f"<!doctype html>{html}".encode(), ".html")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<style>.p{vertical-align:super}</style><p>10<span class=p>6</span> kg", "10^6 kg"),
        ("<style>i.n{vertical-align: sub}</style><p>x<i class=n>1</i>", "x_1"),
        ("<style>.old{text-decoration-line:line-through}</style><p>Fee <b class=old>99</b> 12", "Fee ~~99~~ 12"),
        ("<style>.old{text-decoration:line-through}.on{text-decoration:none}</style><p>a <b class='old on'>b</b>", "a b"),
        ("<style>.done{text-decoration:red line-through}</style><ul><li class=done>tar<li>oil</ul>", "- ~~tar~~\n- oil"),
        ("<p style='text-decoration:line-through'>12 <b>kr</b></p><p>13", "~~12 kr~~\n\n13"),
        ("<style>.p::before{content:'Fee: '}.p:after{content:\" kr\"}</style><p class=p>12", "Fee: 12 kr"),
        ("<style>td::before{content:attr(data-of) ' '}</style><p><span data-of=x>1", "1"),
        ("<style>:root{--l:'Fee: '}p::before{content:var(--l)}</style><p>12", "Fee: 12"),
        ("<p>10<i style='--v:super;vertical-align:var(--v)'>6</i> kg", "10^6 kg"),
        ("<style>b::after{content:attr(title)}</style><p><b title=' AD'>12</b>", "12 AD"),
        ("<style>.i::before{content:'\\f007'}</style><p class=i>user", "user"),
        ("<style>@media print{a::after{content:' (x)'}}</style><p><a>y</a>", "y"),
        ("<p>e<sup>iπ</sup>, n<sup>th</sup>, XIX<sup>e</sup>, D<sup>r</sup>", "e^(iπ), nth, XIXe, Dr"),
        ("<p>5<sup>[3]</sup> boats.<sup>[citation needed]</sup> x", "5[3] boats.[citation needed] x"),
        ("<p>1<sup>1</sup>&frasl;<sub>2</sub> cups, <sup>3</sup>/<sub>4</sub> l", "1 1/2 cups, 3/4 l"),
        ("<dl><dt>Fee<dd>12<dd>13 in May<dt>Age<dd>4</dl>", "Fee\n:   12\n:   13 in May\n\nAge\n:   4"),
        ("<ol reversed><li>c<li>b</ol><ol reversed start=9><li>x<li value=4>y<li>z</ol>", "2. c\n1. b\n\n9. x\n4. y\n3. z"),
        ("<p>Fee 5<sup>a</sup>, 9<sup>b, c</sup><p><sup>a</sup> Est.<p><b><sup>b</sup></b>Low", "Fee 5[a], 9[b, c]\n\n[a] Est.\n\n[b]Low"),
        ("<p>7<sup>1</sup>, 10<sup>2</sup>, 3 m<sup>2</sup><br><sup>1</sup> Est.<br><sup>2</sup> Low", "7[1], 10^2, 3 m^2\n[1] Est.\n[2] Low"),
        ("<p>1,200<sup>1)</sup> 12.5<sup>b</sup> 2<sup>n</sup>, 5<sup>a</sup> planta", "1,200[1)] 12.5[b] 2^n, 5a planta"),
        ("<p><sup>14</sup>C and <sup>14</sup>C, 5<sup>14</sup>", "14C and 14C, 5^14"),
        ("<p>x<sup>y<sup>z</sup></sup>, 25<sup>o</sup>C, a<sub>b<sub>c</sub></sub>", "x^(y^z), 25°C, a_(b_c)"),
        ("<del><p>old</p><p>older</p></del><ins><p>new</p></ins>", "~~old~~\n\n~~older~~\n\nnew"),
        ("<a href='#t1'>Old</a> <a href='#t2'>New</a><p id=t1>12<p id=t2 style='display:none'>15", "Old New\n\n12\n\n15"),
        ("<p>12 <embed src=x> crowns <p>and more", "12 crowns\n\nand more"),
        ("<p>a<svg><title>Chart</title><text>Fee 12</text></svg>", "a[Image: Fee 12]"),
    ],
)  # fmt: skip
def test_what_styles_say_of_words_becomes_characters(html: str, text: str) -> None:
    loaded = page(html)
    assert loaded.text.strip() == text
    assert loaded.title is None


HIDDEN = (
    "<div style='font-size:0'><span style='font-size:1em'>no</span></div>",
    "<div style='display:none'><span style='font-size:16px;visibility:visible'>no</span></div>",
    "<p style='width:0;height:0;overflow:hidden'>no</p>",
    "<p style='max-height:0; overflow-y:hidden'>no</p>",
    "<p style='color:#FFF;background:#fff'>no</p>",
    "<p style='color:red;background-color:red'>no</p>",
    "<p style='color:white'>no</p>",
    "<style>.w{color:rgb(255, 255, 255)}</style><p class=w>no</p>",
    "<font color='#FFFFFF'>no</font>",
    "<p style='transform:scale(0)'>no</p>",
    "<p style='margin-left:-9999px'>no</p>",
    "<p style='font-size:1px'>no</p>",
    "<p style='opacity:.01'>no</p>",
    "<p style='filter:opacity(0)'>no</p>",
    "<style>.a{overflow:hidden}.b{height:0}</style><p class='a b'>no</p>",
)
SHOWN = (
    "<div style='font-size:0'>no <span style='font-size:16px'>yes</span> no</div>",
    "<style>.r{font-size:0}.r>div{font-size:1rem}</style><section class=r>no<div>yes</div>no</section>",
    "<p style='visibility:hidden'>no <b style='visibility:visible'>yes</b> no</p>",
    "<div style='color:white'>no<p style='color:black'>yes</p></div>",
    "<div style='color:#fff'>no<p><i style='background:navy'>yes</i></p></div>",
    "<div class=carousel style='height:0;overflow:hidden'>yes</div>",
    "<p style='height:0'>yes</p>",
    "<p style='height:20px;overflow:hidden'>yes</p>",
    "<div style='background:#003'><p style='color:white'>yes</p></div>",
    "<table bgcolor=blue><tr><td style='color:#fff'>yes</table>",
    "<style>.dark{background:navy}.w{color:white}</style><div class=dark><p class=w>yes</p></div>",
    "<link rel=stylesheet href=x.css><p style='color:white'>yes</p>",
    "<style>.w{color:white}</style><p class=w style='color:black'>yes</p>",
    "<button class=accordion>How long?</button><div style='max-height:0;overflow:hidden'>yes</div>",
    "<p style='opacity:.5;font-size:11px;margin-left:-10px'>yes</p>",
)  # fmt: skip


NESTED = (
    "<style>.a{color:red;.b{display:none}}</style><div class=a><p class=b>no</div>",
    "<style>.a{& > .b, .c{display:none}}</style><div class=a><p class=b>no</div>",
    "<style>.z,.a{.b{&.c{visibility:hidden}}}</style><div class=a><div class=b></div><p class='b c'>no</div>",
    "<style>.b{@media screen{display:none}}</style><p class=b>no",
    "<p style='color:rgba(0,0,0,0)'>no",
    "<p style='color:hsl(0 0% 0% / 0%)'>no",
    "<p style='color:#12345600'>no",
    "<STYLE>.X{DISPLAY:NONE}</STYLE><P CLASS=X>no",
    "<style>@media not print{.m{display:none}}</style><p class=m>no",
    "<style>@media screen, print{.m{display:none}}</style><p class=m>no",
    "<style>@media (width >= 600px){.m{display:none}}</style><p class=m>no",
    "<style>@scope (.s){.m{display:none}}</style><div class=s><p class=m>no</div>",
    "<p style='position:absolute;inset:0 auto auto -9999px'>no",
    "<p style='translate:-9999px 0'>no",
    "<p style='scale:0'>no",
)
NESTED_SHOWN = (
    "<p style='color:rgb(0,0,0)'>yes",
    "<p style='color:rgba(0,0,0,.5)'>yes",
    "<style>@media (width<=600px){.m{display:none}}</style><p class=m>yes",
    "<style>@media (600px >= width){.m{display:none}}</style><p class=m>yes",
    "<style>@media not all{.m{display:none}}</style><p class=m>yes",
    "<style>@scope (.s){.m{display:none}}</style><p class=m>yes",
    "<p style='scale:1;translate:10px 0;inset:0'>yes",
    "<style>.a{.b{display:none}}</style><p class=b>yes</p>",
    "<style>.b{@media print{display:none}}</style><p class=b>yes</p>",
    "<style>.a{.b{display:none}.b.c{display:block}}</style><div class=a><p class='b c'>yes</div>",
)
VARIABLES = (
    "<style>:root{--d:none}.x{display:var(--d)}</style><p class=x>no",
    "<style>:root{--c:#fff;--b:var(--c)}.x{color:var(--b)}</style><p class=x>no",
    "<style>.x{display:var(--d,block)}.off{--d:none}</style><div class=off><p class=x>no</div>",
    "<style>.x{display:var(--d,block)}</style><p class=x style='--d:none'>no",
    "<p style='display:var(--q, none)'>no",
    "<style>.x{color:rgb(255 255 255 / var(--a))}.t{--a:0}</style><p class='x t'>no",
    "<style>:root{--far:9999px}.x{position:absolute;left:calc(-1 * var(--far))}</style><p class=x>no",
    "<style>:root{--bg:navy}.x{color:var(--bg);background:var(--bg)}</style><p class=x>no",
    "<style>:root{--v:hidden}.x{visibility:var(--v)!important}</style><p class=x style='visibility:visible'>no",
    "<style>.x{font-size:var(--s)}body{--s:0}</style><p class=x>no",
)
COLORS = (
    "<style>body{background:#000080;color:white}.x{color:navy}</style><p class=x>no",
    "<div style='background:#123456'><p style='color:#123456'>no</div>",
    "<table bgcolor=white><tr><td><font color=white>no</font></table>",
    "<p style='color:hsl(0 0% 100%)'>no",
    "<p style='color:oklch(100% 0 0)'>no",
    "<p style='color:#f00;background:red'>no",
    "<style>.d{background:navy}.l{background:#fff}.w{color:#fff}</style><div class=d><div class=l><p class=w>no</div></div>",
    "<style>.x{-webkit-text-fill-color:transparent;background:linear-gradient(red,blue)}</style><p class=x>no",
)
CASCADE = (
    "<p style='font:0/0 a'>no",
    "<p style='clip-path:polygon(0 0,0 0,0 0)'>no",
    "<p style='display : none ! important'>no",
    "<style>.x{-webkit-transform:scale(0)}</style><p class=x>no",
    "<style>.x{display:none;display:bogus}</style><p class=x>no",
    "<style>@layer a,b;@layer b{.x{display:none}}@layer a{.x{display:block}}</style><p class=x>no",
    "<style>@layer a{.x{display:none!important}}.x{display:block!important}</style><p class=x>no",
)
CASCADE_SHOWN = (
    "<style media=print>.x{display:none}</style><p class=x>yes",
    "<style media='(max-width:600px)'>.x{display:none}</style><p class=x>yes",
    "<style type='text/x-template'>.x{display:none}</style><p class=x>yes",
    "<style>@media (min-width:5000px){.x{display:none}}</style><p class=x>yes",
    "<style>.x{display:block}@layer base{.x{display:none}}</style><p class=x>yes",
    "<style>.x{color:#fff;text-shadow:0 0 2px #000}</style><p class=x>yes",
    "<style>.x{color:white;box-shadow:inset 0 0 99px navy}</style><p class=x>yes",
    "<style>.x{font:12px/0 a}</style><p class=x>yes",
    "<p style='clip-path:polygon(0 0,100% 0,100% 100%)'>yes",
)
VARIABLES_SHOWN = (
    "<style>:root{--d:none}.x{display:var(--d)}.on{--d:block}</style><p class='x on'>yes",
    "<style>.x{display:var(--d,none)}</style><div style='--d:block'><p class=x>yes</div>",
    "<style>:root{--c:#fff;--bg:#000}.x{color:var(--c);background:var(--bg)}</style><p class=x>yes",
    "<style>:root{--a:var(--b);--b:var(--a)}.x{display:var(--a)}</style><p class=x>yes",
    "<style>@media print{:root{--d:none}}.x{display:var(--d,block)}</style><p class=x>yes",
    "<style>.x{display:var(--gone)}</style><p class=x>yes",
    "<style>.x{color:transparent;background:linear-gradient(red,blue);-webkit-background-clip:text}</style><h1 class=x>yes</h1>",
    "<div style='background:#123456'><p style='color:#654321'>yes</div>",
)


@pytest.mark.parametrize("html", HIDDEN + NESTED + VARIABLES + COLORS + CASCADE)
def test_what_nobody_sees_is_out_and_counted(html: str) -> None:
    loaded = page(f"<p>12 crowns</p>{html}")
    assert loaded.text.strip() == "12 crowns"
    assert +loaded.left_out == {"hidden part": 1}


def test_rules_that_multiply_within_each_other_cost_little() -> None:
    inner = "& " * 900 + "{" + "& " * 900 + "{" + "& " * 900 + "{display:none}}}"
    started = time.process_time()
    assert "yes" in page(f"<style>.a{{{inner}}}</style><p class=a>yes").text
    assert time.process_time() - started < 10


def test_grounds_are_looked_for_once_in_deep_pages() -> None:
    started = time.process_time()
    sheet = "<style>p{color:var(--b,red)}</style>"
    assert page(sheet + "<div>" * 1_500 + "<p>text" * 3_000).text.count("text") == 3_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "nested",
    ["<style>.x{background:" + "a(" * 5_000 + "}</style>", "<p style='color:" + "rgb(" * 5_000 + "'>"],
)
def test_styles_nested_too_deeply_cost_no_page(nested: str) -> None:
    assert page(f"{nested}yes").text.strip() == "yes"


def test_variables_that_multiply_cost_little() -> None:
    doubled = "".join(f"--v{n}:var(--v{n - 1}) var(--v{n - 1});" for n in range(1, 40))
    started = time.process_time()
    assert (
        "yes"
        in page(f"<style>:root{{--v0:none;{doubled}}}.x{{display:var(--v39)}}</style><p class=x>yes").text
    )
    assert time.process_time() - started < 5


@pytest.mark.parametrize("html", SHOWN + NESTED_SHOWN + VARIABLES_SHOWN + CASCADE_SHOWN)
def test_what_only_looks_hidden_stays(html: str) -> None:
    text = page(f"<p>text</p>{html}").text
    assert "yes" in text and "no" not in text


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        (
            "<tr><td rowspan=3>City<td colspan=4>Fee<tr><td colspan=2>2023<td colspan=2>2024<tr><td>S1<td>S2<td>S1<td>S2"
            "<tr><td>Vik<td>1<td>2<td>3<td>4",
            ["| City | Fee / 2023 / S1 | Fee / 2023 / S2 | Fee / 2024 / S1 | Fee / 2024 / S2 |", "| Vik | 1 | 2 | 3 | 4 |"],
        ),
        ("<tr><td>Key<td>Value<tr><td>a<td><pre>x  1\ny</pre>", ["| Key | Value |", "| a | x 1 y |"]),
        ("<tr><th>A<th>B<tr><td>x<td><table><tr><td>p<td>q<tr><td>r<td>s</table>", ["| A | B |", "| x | p q; r s |"]),
        ("<tr><th>A<th>B<th>C<tr><td rowspan=2 colspan=2>x<td>1<tr><td>2", ["| A | B | C |", "| x | x | 1 |", "| x | x | 2 |"]),
    ],
)  # fmt: skip
def test_tables_of_many_levels_keep_row_and_column(html: str, lines: list[str]) -> None:
    found = [line for line in page(f"<table border=1>{html}</table>").text.split("\n") if "---" not in line]
    assert found == lines


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def word(*blocks: str) -> Word:
    file = docx.Document()
    for number, xml in enumerate(blocks):
        file.element.body.insert(number, etree.fromstring(xml))
    return file


def word_table(*rows: str) -> str:
    table = f"<w:tbl {W}><w:tblPr/>{''.join(rows)}</w:tbl>"
    return load(office.saved(word(table)), ".docx").text


SPAN = "<w:gridSpan w:val='{}'/>".format
BEGINS, GOES_ON = "<w:vMerge w:val='restart'/>", "<w:vMerge/>"


def test_cells_of_word_lie_where_the_page_has_them() -> None:
    def row(*cells: str, properties: str = "") -> str:
        return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"

    abc = row(*map(cell, "ABC"))
    assert word_table(abc, row(cell("b"), cell("c"), properties="<w:gridBefore w:val='1'/>")).endswith(
        "|  | b | c |"
    )
    assert word_table(abc, row(cell("a"), cell("b"), properties="<w:gridAfter w:val='1'/>")).endswith(
        "| a | b |  |"
    )
    joined = row(cell("x", "<w:hMerge w:val='restart'/>"), cell("", "<w:hMerge/>"), cell("c"))
    assert word_table(abc, joined).endswith("| x | x | c |")
    header = (
        row(cell("City", BEGINS), cell("Fee", SPAN(4))),
        row(cell("", GOES_ON), cell("2023", SPAN(2)), cell("2024", SPAN(2))),
        row(cell("", GOES_ON), *map(cell, ("S1", "S2", "S1", "S2"))),
    )
    text = word_table(*header, row(*map(cell, ("Vik", "1", "2", "3", "4"))))
    assert (
        text.split("\n")[0]
        == "| City | Fee / 2023 / S1 | Fee / 2023 / S2 | Fee / 2024 / S1 | Fee / 2024 / S2 |"
    )


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


WHITE = "<w:color w:val='FFFFFF'/>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (run("99", "<w:dstrike/>") + run(" 12"), "~~99~~ 12"),
        (f"<w:dir w:val='rtl'>{run('left')}</w:dir><w:bdo w:val='ltr'>{run(' right')}</w:bdo>", "left right"),
        (run("12") + run(" no", WHITE), "12"),
        (run("12") + run(" no", "<w:sz w:val='2'/>"), "12"),
        (run("12") + run(" yes", WHITE + "<w:shd w:val='clear' w:fill='000080'/>"), "12 yes"),
        (run("12") + run(" yes", "<w:sz w:val='16'/>"), "12 yes"),
        (run("12") + run(" no", "<w:color w:val='000000'/><w:highlight w:val='black'/>"), "12"),
        (run("12") + run(" no", "<w:color w:val='1f3864'/><w:shd w:val='clear' w:fill='1F3864'/>"), "12"),
        (run("12") + run(" yes", "<w:color w:val='000000'/><w:highlight w:val='yellow'/>"), "12 yes"),
        (run("12") + run(" yes", "<w:color w:val='auto'/><w:shd w:val='clear' w:fill='auto'/>"), "12 yes"),
        (
            run("so ") + "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>EQ \\f(1,2)</w:instrText></w:r>"
            "<w:r><w:fldChar w:fldCharType='end'/></w:r>",
            "so \\f(1,2)",
        ),
    ],
)  # fmt: skip
def test_runs_of_word_are_read_as_they_look(xml: str, text: str) -> None:
    loaded = load(office.saved(word(f"<w:p {W}>{xml}</w:p>")), ".docx")
    assert loaded.text.strip() == text
    assert loaded.left_out["hidden run"] == ("no" in xml)


def test_white_letters_in_tables_of_word_are_shown() -> None:
    file = docx.Document()
    table = file.add_table(2, 2)
    for number, place in enumerate(c for r in table.rows for c in r.cells):
        place.paragraphs[0].add_run(f"c{number}").font.color.rgb = docx.shared.RGBColor(255, 255, 255)
    assert load(office.saved(file), ".docx").text.split("\n")[0] == "| c0 | c1 |"


def test_cells_with_white_letters_are_hidden_unless_something_colors_them() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["City", "Fee"], ["Vik", 1], ["no", 2], ["yes", 3]):
        sheet.append(row)
    sheet["A3"].font = sheet["A4"].font = Font(color="FFFFFFFF")
    sheet["A4"].fill = PatternFill("solid", fgColor="FF000080")
    loaded = load(office.saved(book), ".xlsx")
    assert "no" not in loaded.text and "| yes | 3 |" in loaded.text
    assert loaded.left_out["hidden cell"] == 1
    sheet.conditional_formatting.add("A1:A9", ColorScaleRule())
    assert "| no | 2 |" in load(office.saved(book), ".xlsx").text


@pytest.mark.parametrize(
    ("letters", "ground", "is_seen"),
    [
        ({"rgb": "FF000080"}, {"rgb": "FF000080"}, False),
        ({"theme": 1}, {"rgb": "FF000000"}, False),
        ({"theme": 4, "tint": 0.5}, {"theme": 4, "tint": 0.5}, False),
        ({"theme": 4, "tint": 0.5}, {"theme": 4}, True),
        ({"rgb": "FF000000"}, {"rgb": "FF000080"}, True),
    ],
)
def test_letters_in_the_color_of_their_cell_are_hidden(
    letters: dict[str, Any], ground: dict[str, Any], is_seen: bool
) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"], book.active["A3"] = "Name", "secret", 5
    for cell in (book.active["A2"], book.active["A3"]):
        cell.font, cell.fill = Font(color=Color(**letters)), PatternFill("solid", fgColor=Color(**ground))
    book.active["A4"] = "seen"
    loaded = load(office.saved(book), ".xlsx")
    assert ("secret" in loaded.text, "| 5 |" in loaded.text) == (is_seen, is_seen)
    assert loaded.left_out["hidden cell"] == (0 if is_seen else 2)


@pytest.mark.parametrize(
    ("cell", "fill", "text", "hidden"),
    [
        ("FF000000", None, "seen own", "hidden run"),
        ("FFFFFFFF", None, "seen", "hidden run"),
        ("FFFFFFFF", "FF000080", "seen own no", ""),
        ("FF000000", "FFFFFFFF", "seen own", "hidden run"),
    ],
)
@pytest.mark.parametrize("white", [{"rgb": "FFFFFFFF"}, {"theme": 0}, {"indexed": 9}])
def test_white_runs_within_a_cell_are_hidden_unless_something_colors_it(
    cell: str, fill: str | None, text: str, hidden: str, white: dict[str, Any]
) -> None:
    book = openpyxl.Workbook()
    runs = [
        TextBlock(InlineFont(color=Color(rgb="FFFF0000")), "seen"),
        " own",
        TextBlock(InlineFont(color=Color(**white)), " no"),
    ]
    book.active["A1"], book.active["A2"] = "Name", CellRichText(runs)
    book.active["A2"].font = Font(color=cell)
    if fill:
        book.active["A2"].fill = PatternFill("solid", fgColor=fill)
    loaded = load(office.saved(book), ".xlsx")
    assert loaded.text.split("\n")[-1] == f"| {text} |"
    assert {name for name, n in loaded.left_out.items() if n} == ({hidden} if hidden else set())


def test_headers_of_three_rows_in_a_sheet_are_joined_and_struck_out_cells_say_so() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["City", "Fee", None, None],
        [None, 2023, None, 2024],
        [None, "Old", "New", "New"],
        ["Vik", 1, 2, 3],
    ):
        sheet.append(row)
    for span in ("A1:A3", "B1:D1", "B2:C2"):
        sheet.merge_cells(span)
    sheet["B4"].font = sheet["A4"].font = Font(strike=True)
    lines = load(office.saved(book), ".xlsx").text.split("\n")
    assert lines[2] == "| City | Fee / 2023 / Old | Fee / 2023 / New | Fee / 2024 / New |"
    assert lines[4] == "| ~~Vik~~ | ~~1~~ | 2 | 3 |"


DRAWING = (
    "<xdr:wsDr xmlns:xdr='http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing' "
    "xmlns:a='http://schemas.openxmlformats.org/drawingml/2006/main'><xdr:sp><xdr:nvSpPr><xdr:cNvPr id='2' name='b'/></xdr:nvSpPr>"
    "<xdr:txBody><a:p><a:r><a:t>Closed in </a:t></a:r><a:r><a:t>May</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    "<xdr:pic><xdr:nvPicPr><xdr:cNvPr id='3' name='p' descr='Map of Vik'/></xdr:nvPicPr></xdr:pic>"
    "<mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'><mc:Choice><xdr:graphicFrame>"
    "<xdr:nvGraphicFramePr><xdr:cNvPr id='4' name='c'{0}/></xdr:nvGraphicFramePr>"
    "<cx:chart xmlns:cx='http://schemas.microsoft.com/office/drawing/2014/chartex' xmlns:r='http://r' r:id='r1'/></xdr:graphicFrame>"
    "</mc:Choice><mc:Fallback><xdr:sp><xdr:txBody><a:p><a:r><a:t>Your Excel is too old</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    "</mc:Fallback></mc:AlternateContent></xdr:wsDr>"
)
WATERFALL = (
    "<cx:chartSpace xmlns:cx='http://schemas.microsoft.com/office/drawing/2014/chartex'><cx:chartData><cx:data id='0'>"
    "<cx:strDim><cx:lvl><cx:pt idx='0'>Vik</cx:pt></cx:lvl></cx:strDim><cx:numDim><cx:lvl><cx:pt idx='0'>12</cx:pt></cx:lvl></cx:numDim>"
    "</cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:txData><cx:v>Fees</cx:v></cx:txData></cx:tx></cx:title></cx:chart></cx:chartSpace>"
)
RELATIONS = (
    "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
    "<Relationship Id='r1' Type='http://x/{0}' Target='{1}'/></Relationships>"
)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_boxes_pictures_and_new_charts_of_a_sheet_are_read(is_hidden: bool) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "City"
    buffer = io.BytesIO(office.saved(book))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(
            "xl/worksheets/_rels/sheet1.xml.rels", RELATIONS.format("drawing", "../drawings/drawing1.xml")
        )
        archive.writestr("xl/drawings/drawing1.xml", DRAWING.format(" hidden='1'" if is_hidden else ""))
        archive.writestr(
            "xl/drawings/_rels/drawing1.xml.rels", RELATIONS.format("chartEx", "../charts/chartEx1.xml")
        )
        archive.writestr("xl/charts/chartEx1.xml", WATERFALL)
    text = load(buffer.getvalue(), ".xlsx").text
    assert "Closed in May\n\n[Image: Map of Vik]" in text
    assert "too old" not in text
    assert ("Chart: Fees\n\n" in text and "| Vik | 12 |" in text) is not is_hidden


def test_a_sheet_that_is_not_there_is_counted() -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "City"
    book.create_sheet("Gone")["A1"] = "no"
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(office.saved(book))) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in given.namelist():
            if not name.endswith("sheet2.xml"):
                made.writestr(name, given.read(name))
    loaded = load(buffer.getvalue(), ".xlsx")
    assert "City" in loaded.text and "no" not in loaded.text
    assert +loaded.left_out == {"broken sheet": 1}


def test_slides_have_headers_of_two_rows_and_nothing_beside_them() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, 0, 0, 9999, 9999).table
    for place, text in zip(
        (c for r in table.rows for c in r.cells), "City Fee - - Old New Vik 1 2".split(), strict=True
    ):
        place.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(0, 0).text, table.cell(0, 1).text = "City", "Fee"
    slide.shapes.add_textbox(Emu(-9_999_999), 0, Emu(999), Emu(999)).text_frame.text = "no"
    loaded = load(office.saved(deck), ".pptx")
    assert loaded.text.split("\n") == [
        "| City | Fee / Old | Fee / New |",
        "| --- | --- | --- |",
        "| Vik | 1 | 2 |",
    ]
    assert +loaded.left_out == {"shape beside its slide": 1}


def test_markdown_hides_what_pages_hide_but_not_in_code() -> None:
    text = (
        "a <span style='display: none'>no</span> b\n\n<div hidden>\n\nno\n\n</div>\n\n`<i hidden>yes</i>`\n"
    )
    loaded = load(text.encode(), ".md")
    assert loaded.text.split() == ["a", "b", "`<i", "hidden>yes</i>`"]
    assert len(loaded.text) == len(text)
    assert loaded.left_out == {"hidden part": 2}


def test_rich_text_is_refused_by_name() -> None:
    with pytest.raises(loaders.UnreadableFile, match="is Rich Text, not plain text"):
        load(rb"{\rtf1 The fee is 12.}", ".txt")


def test_styles_add_no_more_than_a_page_can_bear_and_strike_out_once() -> None:
    many = "<b class=x>a</b>" * 2_000
    loaded = page(f"<style>.x::after{{content:'{'long ' * 1_000}'}}</style><p>{many}")
    assert len(loaded.text) < 200_000
    deep = "<div class=o>" * 300 + "12 crowns" + "</div>" * 300
    assert page(f"<style>.o{{text-decoration:line-through}}</style>{deep}").text.strip() == "~~12 crowns~~"


SECRET = "BT /F1 12 Tf 72 600 Td (unseen words) Tj ET"


@pytest.mark.parametrize(
    "draw",
    [
        f"1 1 1 rg {SECRET}",
        f"1 g {SECRET}",
        f"0 0 0 0 k {SECRET}",
        f"0.99 g {SECRET}",
        f"3 Tr {SECRET}",
        f"0 0.2 0.5 rg 60 500 400 40 re f 1 g {SECRET}",
        f"q 1 0 0 1 0 -900 cm 1 g {SECRET} Q",
    ],
)
def test_letters_of_a_pdf_that_nobody_sees_are_left_out_and_counted(draw: str) -> None:
    loaded = load(office.pdf([["Seen words."]], draw), ".pdf")
    assert loaded.text == "Seen words."
    assert loaded.left_out == {"hidden part": 1}


@pytest.mark.parametrize(
    "draw",
    [
        SECRET,
        f"0.9 g {SECRET}",
        f"0 0.2 0.5 rg 60 590 400 30 re f 1 g {SECRET}",  # in a dark bar
        f"0.3 g 60 590 400 30 re f 3 Tr {SECRET}",  # over the picture of a scanned page
    ],
)
def test_pale_letters_of_a_pdf_that_are_seen_stay(draw: str) -> None:
    loaded = load(office.pdf([["Seen words."]], draw), ".pdf")
    assert loaded.text == "Seen words.\nunseen words"
    assert not +loaded.left_out


HIDDEN_CELL = ("visibility:hidden", "opacity:0", "font-size:0", "color:transparent", "color:white")


@pytest.mark.parametrize("style", HIDDEN_CELL)
def test_a_cell_that_is_not_seen_keeps_its_place(style: str) -> None:
    loaded = page(f"<table><tr><th>a<th>b<th>c<tr><td>1<td style='{style}'>x<td>3</table>")
    assert loaded.text == "| a | b | c |\n| --- | --- | --- |\n| 1 |  | 3 |"
    assert loaded.left_out == {"hidden part": 1}


def test_rows_that_are_not_seen_still_count_for_what_spans_them() -> None:
    rows = "<tr><td rowspan=3>s<td>1<tr style='visibility:hidden'><td>x<tr><td>3<tr><td>t<td>4"
    loaded = page(f"<table><tr><th>a<th>b{rows}</table>")
    assert [line for line in loaded.text.splitlines()[2:] if "|  |" not in line] == [
        "| s | 1 |",
        "| s | 3 |",
        "| t | 4 |",
    ]


@pytest.mark.parametrize(
    "columns",
    [
        "<col><col class=x>",
        "<colgroup><col><col style='visibility:collapse'></colgroup>",
        "<colgroup span=1></colgroup><colgroup class=x span=1></colgroup>",
        "<colgroup></colgroup><colgroup class=x><col></colgroup><col>",
    ],
)
def test_columns_that_a_style_collapses_are_left_out(columns: str) -> None:
    head = "<style>.x{visibility:collapse}</style>"
    rows = "<tr><th>a<th>b<th>c<tr><td rowspan=2>1<td>x<td>3<tr><td>y<td>4<tr><td>5<td colspan=2>6"
    loaded = page(f"{head}<table>{columns}{rows}</table>")
    assert loaded.text.splitlines()[::2] == ["| a | c |", "| 1 | 3 |", "| 5 | 6 |"]
    assert loaded.text.splitlines()[3] == "| 1 | 4 |"
    assert loaded.left_out == {"hidden part": 3}


def test_other_styles_of_columns_hide_nothing() -> None:
    loaded = page(
        "<table><col style='display:none'><col style='color:white'><tr><th>a<th>b<tr><td>1<td>2</table>"
    )
    assert loaded.text == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Claim.<a href='#n1' class=footnote-ref>1</a> Next.", "Claim.[1] Next."),
        ("<p>Claim<a href='#n1' role=doc-noteref>2</a>.", "Claim[2]."),
        ("<p>Claim<sup><a href='#n1' role=doc-noteref>2</a></sup>.", "Claim[2]."),
        ("<p>Claim <a class=footnote-reference href='#n1'>[3]</a>.", "Claim [3]."),
        ("<p>See <a href='#n1' class=footnote-ref>the note on larch</a>.", "See the note on larch."),
        ("<p>So <math><mi>a</mi><mo>=</mo><mn>1</mn></math>.", "So a = 1."),
        ("<p>If <math><mi>a</mi></math>, then <math><mi>b</mi></math> holds.", "If a, then b holds."),
        (
            "<label><input type=checkbox checked>Yes</label><label><input type=radio>No</label>",
            "[x] Yes [ ] No",
        ),
        ("<p>Name:<input value=Ann>Town:<select><option>Oslo</select>!", "Name: Ann Town: Oslo !"),
    ],
)
def test_marks_of_notes_formulas_and_controls_stand_apart(html: str, text: str) -> None:
    assert page(html).text == text


def test_numbers_that_a_style_sheet_counts_are_said_to_be_left_out() -> None:
    style = "<style>h2::before{content:'Chapter ' counter(c) '. '} p::after{content:' (km)'}</style>"
    loaded = page(f"{style}<h2>Intro</h2><p>Nine")
    assert loaded.text == "## Intro\n\nNine (km)"
    assert loaded.left_out == {"number that a style sheet counts": 1}


def test_carriage_returns_and_formulas_of_word_keep_words_apart() -> None:
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    file = docx.Document()
    for xml in (
        f"<w:p {W}><w:r><w:t>one</w:t><w:cr/><w:t>two</w:t></w:r></w:p>",
        f"<w:p {W} {math}><w:r><w:t>So</w:t></w:r><m:oMath><m:r><m:t>x</m:t></m:r></m:oMath><w:r><w:t>.</w:t></w:r></w:p>",
    ):
        file.element.body.insert(len(file.element.body) - 1, etree.fromstring(xml))
    assert load(office.saved(file), ".docx").text == "one\ntwo\n\nSo x."
