"""Small files of all formats, each with what a person sees on it, and what nobody does.

All are made here. A fact is a stretch of text; ``…`` in it stands for anything on the same line, so that
``Vik … 15`` says that both stand in one row. Facts are compared without marks of emphasis and with white
space as one blank.
"""

# ruff: noqa: E501

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """A file.

    Attributes:
        shown: facts that a reader of the file has.
        hidden: what the file holds without showing it.
    """

    name: str
    suffix: str
    data: bytes
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = ()


# name, body, what is shown, what is hidden
_PAGES: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("plain page", "<nav>Menu Home</nav><h1>The bridge</h1><p>Anna Lund built it.<script>track()</script>", ("The bridge", "Anna Lund built it."), ("track()",)),
    ("powers", "<p>10<sup>6</sup> kg on 12 m<sup>2</sup> of CO<sub>2</sub>.", ("10^6 kg on 12 m^2 of CO2.",), ()),
    ("footnote marks", "<p>Built in 1931.<sup><a href='#n'>1</a></sup> Of larch.<p id=n>By hand.", ("1931.[1] Of larch.",), ("1931.1",)),
    ("struck out", "<p>Fee <s>99</s> 12 crowns", ("~~99~~ 12 crowns",), ()),
    ("joined rows", "<table><tr><th>City<th>Fee<tr><td rowspan=2>Vik<td>15<tr><td>20</table>", ("Vik … 15", "Vik … 20"), ()),
    ("joined columns", "<table><tr><th>City<th>Old<th>New<tr><td>Vik<td colspan=2>15</table>", ("Vik … 15 … 15",), ()),
    ("header of two rows", "<table><tr><th rowspan=2>City<th colspan=2>Fee<tr><th>Old<th>New<tr><td>Vik<td>15<td>20</table>", ("Fee / Old … Fee / New", "Vik … 15 … 20"), ()),
    ("caption", "<table><caption>Fees of 2024</caption><tr><th>City<th>Fee<tr><td>Vik<td>15</table>", ("Fees of 2024", "Vik … 15"), ()),
    ("list in a cell", "<table><tr><th>City<th>Ways<tr><td>Vik<td><ul><li>boat<li>bus</ul></table>", ("Vik … boat … bus",), ()),
    ("key and value", "<table><tr><th>Name<td>Anna<tr><th>Born<td>1870</table>", ("Name … Anna", "Born … 1870"), ()),
    ("hidden by style", "<p>12 crowns<p style='display:none'>secret</p><p hidden>secret</p>", ("12 crowns",), ("secret",)),
    ("hidden by sheet", "<style>.x{visibility:hidden}</style><p>12 crowns<p class=x>secret</p>", ("12 crowns",), ("secret",)),
    ("off the page", "<p>12 crowns<p style='position:absolute;left:-9999px'>secret</p>", ("12 crowns",), ("secret",)),
    ("accordion", "<button aria-controls=a>How long?</button><div id=a hidden>Ten days.</div>", ("How long?", "Ten days."), ()),
    ("details", "<details><summary>How long?</summary>Ten days.</details>", ("How long?", "Ten days."), ()),
    ("form", "<label>Name <input value=Anna></label><select><option>Oslo<option selected>Vik</select>", ("Anna", "Vik"), ("Oslo",)),
    ("picture", "<img src=x.png alt='A bridge of larch'>", ("A bridge of larch",), ()),
    ("ruby", "<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", ("漢(kan)",), ()),
    ("formula", "<p><math><mfrac><mi>a</mi><mn>2</mn></mfrac></math> metres", ("a/2 metres",), ()),
    ("code", "<pre>a  =  1\nb</pre>", ("a = 1", "b"), ()),
    ("lists", "<ol start=3><li>three<ul><li>inner</ul><li>four</ol>", ("3. three", "inner", "4. four"), ()),
)  # fmt: skip
_TEXTS: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("markdown", ".md", "# The bridge\n\nBuilt <!-- secret --> in 1902.\n", ("The bridge", "Built", "in 1902."), ("secret",)),
    ("markdown with a picture", ".md", f"![map](data:image/png;base64,{'QUJD' * 200})\nVik\n", ("map", "Vik"), ("QUJDQUJD",)),
    ("values", ".csv", "City,Fee\nVik,15\n", ("Vik … 15",), ()),
    ("values of Excel", ".csv", "sep=;\nCity;Fee\nVik;1,5\n", ("City … Fee", "Vik … 1,5"), ()),
    ("text", ".txt", "The bridge\nis of larch.\n", ("The bridge", "is of larch."), ()),
)  # fmt: skip


def cases() -> Iterator[Case]:
    """All files."""
    for name, body, shown, hidden in _PAGES:
        yield Case(name, ".html", f"<!doctype html><meta charset=utf-8>{body}".encode(), shown, hidden)
    for name, suffix, text, shown, hidden in _TEXTS:
        yield Case(name, suffix, text.encode(), shown, hidden)
    yield Case(
        "page of Windows", ".html", "<meta charset=latin1><p>“Vik” – 5 €".encode("cp1252"), ("“Vik” – 5 €",)
    )
    yield Case("page of China", ".html", "<meta charset=gb2312><p>朱镕基".encode("gbk"), ("朱镕基",))
    yield Case("utf-16", ".txt", "Brücke in Vik".encode("utf-16"), ("Brücke in Vik",))
    yield from _word()
    yield from _sheets()
    yield from _slides()
    yield Case("pdf", ".pdf", pdf(["The bridge is of larch.", "Built in 1902."]), ("The bridge is of larch.", "Built in 1902."))  # fmt: skip


def saved(file: Any) -> bytes:
    """The bytes of a file of python-docx, openpyxl or python-pptx."""
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
_RUN = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
_FIELD = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
_MARKED = "<w:r><w:rPr>{}</w:rPr><w:t>{}</w:t></w:r>"
_PARAGRAPHS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("field", _RUN.format("Ends on ") + _FIELD.format("begin") + "<w:r><w:instrText>DATE</w:instrText></w:r>" + _FIELD.format("separate") + _RUN.format("3 May") + _FIELD.format("end"), ("Ends on 3 May",), ("DATE",)),
    ("power", _RUN.format("10") + _MARKED.format("<w:vertAlign w:val='superscript'/>", "6") + _RUN.format(" kg"), ("10^6 kg",), ()),
    ("hidden run", _RUN.format("12 crowns") + _MARKED.format("<w:vanish/>", "secret"), ("12 crowns",), ("secret",)),
    ("struck run", _MARKED.format("<w:strike/>", "99") + _RUN.format(" 12"), ("~~99~~ 12",), ()),
    ("tracked changes", "<w:del><w:r><w:delText>secret</w:delText></w:r></w:del><w:ins>" + _RUN.format("12 crowns") + "</w:ins>", ("12 crowns",), ("secret",)),
    ("word formula", "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>", ("x^2",), ()),
    ("content control", f"<w:sdt><w:sdtContent>{_RUN.format('chosen')}</w:sdtContent></w:sdt>", ("chosen",), ()),
)  # fmt: skip


def _word() -> Iterator[Case]:
    import docx
    from lxml import etree

    for name, xml, shown, hidden in _PARAGRAPHS:
        file: Any = docx.Document()
        file.element.body.insert(0, etree.fromstring(f"<w:p {_W}>{xml}</w:p>"))
        yield Case(f"word: {name}", ".docx", saved(file), shown, hidden)
    file = docx.Document()
    file.add_heading("The bridge", 1)
    file.add_paragraph("Tar every spring", style="List Bullet")
    table = file.add_table(3, 3)
    for cell, text in zip(
        (c for r in table.rows for c in r.cells), "City Fee - - Old New Vik 15 20".split(), strict=True
    ):
        cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0)).text = "City"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "Fee"
    file.sections[0].header.paragraphs[0].text = "Draft of May"
    shown = ("The bridge", "- Tar every spring", "Fee / Old … Fee / New", "Vik … 15 … 20", "Draft of May")
    yield Case("word: table", ".docx", saved(file), shown)


def _sheets() -> Iterator[Case]:
    import openpyxl

    def book(rows: list[list[Any]], change: Callable[[Any], Any] = lambda sheet: None) -> bytes:
        file: Any = openpyxl.Workbook()
        for row in rows:
            file.active.append(row)
        change(file.active)
        return saved(file)

    def formats(sheet: Any) -> None:
        for place, code in (("A2", "0%"), ("B2", '#,##0.00 "kr"'), ("C2", "d mmmm yyyy")):
            sheet[place].number_format = code

    rows: list[list[Any]] = [["Share", "Fee", "Since"], [0.25, 1234.5, date(2024, 5, 3)]]
    yield Case("sheet: formats", ".xlsx", book(rows, formats), ("25% … 1,234.50 kr … 3 May 2024",))

    def hide(sheet: Any) -> None:
        sheet.row_dimensions[3].hidden = sheet.column_dimensions["C"].hidden = True

    rows = [["City", "Fee", "Note"], ["Vik", 15, "secret"], ["secret", 2, ""], ["Lo", 3, ""]]
    yield Case("sheet: hidden", ".xlsx", book(rows, hide), ("Vik … 15", "Lo … 3"), ("secret",))

    def join(sheet: Any) -> None:
        for span in ("A1:C1", "B2:C2", "A2:A3"):
            sheet.merge_cells(span)

    rows = [["Fees of 2024", None, None], ["City", "Fee", None], [None, "Old", "New"], ["Vik", 15, 20]]
    shown = ("Fees of 2024", "City … Fee / Old … Fee / New", "Vik … 15 … 20")
    yield Case("sheet: joined", ".xlsx", book(rows, join), shown)
    yield Case("sheet: formula", ".xlsx", book([["City", "Fee"], ["Vik", "=7+8"]]), ("Vik … =7+8",))
    far = book([["City", "Fee"], ["Vik", 15]], lambda sheet: sheet.__setitem__("XFD9", "far"))
    yield Case("sheet: far", ".xlsx", far, ("Vik … 15", "far"), ("| | | | | |",))


def _slides() -> Iterator[Case]:
    import pptx

    deck: Any = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Fees"
    table = slide.shapes.add_table(3, 2, 0, 0, 9999, 9999).table
    for cell, text in zip(
        (c for r in table.rows for c in r.cells), "City Fee Vik 15 - 20".split(), strict=True
    ):
        cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(1, 0).text = "Vik"
    slide.notes_slide.notes_text_frame.text = "Say the fee"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "in a group"
    ghost = deck.slides.add_slide(deck.slide_layouts[5])
    ghost.shapes.title.text = "secret"
    ghost._element.set("show", "0")
    shown = ("Fees", "Vik … 15", "Vik … 20", "Say the fee", "in a group")
    yield Case("slides", ".pptx", saved(deck), shown, ("secret",))
    deck = pptx.Presentation()
    frame = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 99, 99).text_frame
    for text, key, value in (("10", "", ""), ("6", "baseline", "30000"), (" kg", "", "")):
        run = frame.paragraphs[0].add_run()
        run.text = text
        if key:
            run.font._element.set(key, value)
    yield Case("slides: power", ".pptx", saved(deck), ("10^6 kg",))


def pdf(*pages: list[str]) -> bytes:
    """A PDF of pages of lines in Helvetica."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET".encode("latin-1")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, n = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % n + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (n, start))
