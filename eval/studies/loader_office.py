"""Files of offices, made by python-docx, openpyxl and python-pptx, and PDFs; with what they show and hide."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from typing import Any

import docx
import openpyxl
import pptx
from lxml import etree
from openpyxl.comments import Comment
from openpyxl.styles import Font
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Emu

Made = Iterator[tuple[str, bytes, tuple[str, ...]] | tuple[str, bytes, tuple[str, ...], tuple[str, ...]]]
"""Name, content, what is shown, and what is hidden where something is."""
_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)


def _saved(file: Any) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def _fill(table: Any, words: str) -> None:
    """Give each cell a word, row by row."""
    for cell, text in zip((c for r in table.rows for c in r.cells), words.split(), strict=True):
        cell.text = text


def _join(table: Any, *blocks: tuple[str, tuple[int, int], tuple[int, int]]) -> None:
    """Join blocks of cells, each from its first to its last, and write into them."""
    for text, first, last in blocks:
        table.cell(*first).merge(table.cell(*last))
        table.cell(*first).text = text


def paragraph(xml: str) -> bytes:
    """A letter of one paragraph, given as WordprocessingML."""
    file: Any = docx.Document()
    file.element.body.insert(0, etree.fromstring(f"<w:p {_SPACES}>{xml}</w:p>"))
    return _saved(file)


def letters() -> Made:
    """Files of Word."""
    file: Any = docx.Document()
    file.add_heading("The bridge", 1)
    file.add_paragraph("Tar every spring", style="List Bullet")
    table = file.add_table(3, 3)
    _fill(table, "City Fee - - Old New Vik 15 20")
    _join(table, ("City", (0, 0), (1, 0)), ("Fee", (0, 1), (0, 2)))
    file.sections[0].header.paragraphs[0].text = "Draft of May"
    shown: tuple[str, ...] = ("The bridge", "- Tar every spring", "Fee / Old … Fee / New", "Vik … 15 … 20")
    yield "word: table", _saved(file), (*shown, "Draft of May")

    file = docx.Document()
    file.add_heading("Invoice 17", 0)
    due = file.add_paragraph("Due on ")
    due.add_run("3 May").bold = True
    due.add_run(" at ")
    due.add_run("12:00").font.strike = True
    _fill(file.add_table(3, 3), "Item N Sum Lamp 2 158.00 Rug 1 120.50")
    shown = ("Invoice 17", "Due on 3 May", "~~12:00~~", "Lamp … 2 … 158.00", "Rug … 1 … 120.50")
    yield "word: invoice", _saved(file), shown

    file = docx.Document()
    for level, heading in enumerate(("Rules", "Boats"), 1):
        file.add_heading(heading, level)
        file.add_paragraph(f"{heading} of the harbour.", style="List Number")
    secret = file.add_paragraph("12 crowns").add_run(" secret")
    secret.font.color.rgb = docx.shared.RGBColor(255, 255, 255)
    file.sections[0].footer.paragraphs[0].text = "Harbour office"
    shown = ("# Rules", "## Boats", "Boats of the harbour.", "12 crowns", "Harbour office")
    yield "word: rules", _saved(file), shown, ("secret",)


def _book(rows: Sequence[Sequence[Any]], change: Callable[[Any], None] = lambda sheet: None) -> bytes:
    """A book of one sheet, changed before it is saved."""
    file: Any = openpyxl.Workbook()
    for row in rows:
        file.active.append(row)
    change(file.active)
    return _saved(file)


def _format(codes: dict[str, str], *spans: str) -> Callable[[Any], None]:
    """A change of a sheet: how the numbers of some cells are shown, and blocks of cells joined."""

    def change(sheet: Any) -> None:
        for place, code in codes.items():
            sheet[place].number_format = code
        for span in spans:
            sheet.merge_cells(span)

    return change


def sheets() -> Made:
    """Files of Excel."""
    rows: list[list[Any]] = [["Share", "Fee", "Since"], [0.25, 1234.5, date(2024, 5, 3)]]
    formats = _format({"A2": "0%", "B2": '#,##0.00 "kr"', "C2": "d mmmm yyyy"})
    yield "sheet: formats", _book(rows, formats), ("25% … 1,234.50 kr … 3 May 2024",)

    rows = [["City", "Fee", "Note"], ["Vik", 15, "secret"], ["secret", 2, ""], ["Lo", 3, ""]]
    yield "sheet: hidden", _book(rows, _hide), ("Vik … 15", "Lo … 3"), ("secret",)

    rows = [["Fees of 2024", None, None], ["City", "Fee", None], [None, "Old", "New"], ["Vik", 15, 20]]
    shown: tuple[str, ...] = ("Fees of 2024", "City … Fee / Old … Fee / New", "Vik … 15 … 20")
    yield "sheet: joined", _book(rows, _format({}, "A1:C1", "B2:C2", "A2:A3")), shown

    yield "sheet: formula", _book([["City", "Fee"], ["Vik", "=7+8"]]), ("Vik … =7+8",)

    far = _book([["City", "Fee"], ["Vik", 15]], lambda sheet: sheet.__setitem__("XFD9", "far"))
    yield "sheet: far", far, ("Vik … 15", "far"), ("| | | | | |",)

    rows = [["City", "Fee", None, None, None], [None, 2023, None, 2024, None]]
    rows += [[None, "Old", "New", "Old", "New"], ["Vik", 0.12, 0.15, 0.2, 0.25]]
    levels = _format(dict.fromkeys(("B4", "C4", "D4", "E4"), "0%"), "A1:A3", "B1:E1", "B2:C2", "D2:E2")
    shown = ("Fee / 2023 / Old … Fee / 2024 / New", "Vik … 12% … 15% … 20% … 25%")
    yield "sheet: three levels", _book(rows, levels), shown

    rows = [["Name", "Start", "Hours"], ["Anna", date(2024, 5, 3), time(9, 30)]]
    rows += [["Bo", date(2023, 1, 9), time(8)], ["secret"]]
    shown = ("## Staff", "Anna … 2024-05-03 … 09:30:00", "Bo … 2023-01-09", "## Boats", "Ida … 9")
    yield "sheet: several", _book(rows, _staff), shown, ("secret",)

    rows = [["Item", "Price"], ["Lamp", 79], ["Rug", -120.5]]
    yield "sheet: prices", _book(rows, _prices), ("Lamp … 79.00 €", "~~Rug~~ … (120.50 €)")


def _hide(sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = sheet.column_dimensions["C"].hidden = True


def _staff(sheet: Any) -> None:
    sheet.title = "Staff"
    sheet["A4"].font = Font(color="FFFFFFFF")
    sheet["A2"].comment = Comment("secret", "Bo")
    for n in (2, 3):
        sheet[f"B{n}"].number_format, sheet[f"C{n}"].number_format = "yyyy-mm-dd", "hh:mm:ss"
    ghost = sheet.parent.create_sheet("Ghost")
    ghost["A1"], ghost.sheet_state = "secret", "hidden"
    boats = sheet.parent.create_sheet("Boats")
    for row in (["Boat", "Seats"], ["Ida", 9]):
        boats.append(row)


def _prices(sheet: Any) -> None:
    _format(dict.fromkeys(("B2", "B3"), '#,##0.00 "€";[Red](#,##0.00 "€")'))(sheet)
    sheet["A3"].font = Font(strike=True)


def _slide(deck: Any, layout: int, title: str = "") -> Any:
    """A new slide of one of the layouts that every deck has."""
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    if title:
        slide.shapes.title.text = title
    return slide


def decks() -> Made:
    """Files of PowerPoint."""
    deck: Any = pptx.Presentation()
    slide = _slide(deck, 5, "Fees")
    table = slide.shapes.add_table(3, 2, 0, 0, 9999, 9999).table
    _fill(table, "City Fee Vik 15 - 20")
    _join(table, ("Vik", (1, 0), (2, 0)))
    slide.notes_slide.notes_text_frame.text = "Say the fee"
    slide.shapes.add_group_shape().shapes.add_textbox(0, 0, 9, 9).text_frame.text = "in a group"
    _slide(deck, 5, "secret")._element.set("show", "0")
    shown: tuple[str, ...] = ("Fees", "Vik … 15", "Vik … 20", "Say the fee", "in a group")
    yield "slides", _saved(deck), shown, ("secret",)

    deck = pptx.Presentation()
    frame = _slide(deck, 6).shapes.add_textbox(0, 0, 99, 99).text_frame
    for text, key, value in (("10", "", ""), ("6", "baseline", "30000"), (" kg", "", "")):
        run = frame.paragraphs[0].add_run()
        run.text = text
        if key:
            run.font._element.set(key, value)
    yield "slides: power", _saved(deck), ("10^6 kg",)

    deck = pptx.Presentation()
    slide = _slide(deck, 1, "Plan of 2024")
    frame = slide.placeholders[1].text_frame
    frame.text = "Tar the bridge"
    frame.add_paragraph().text = "Count the boats"
    slide.shapes.add_textbox(Emu(-9_999_999), 0, Emu(99), Emu(99)).text_frame.text = "secret"
    shown = ("Plan of 2024", "- Tar the bridge", "- Count the boats")
    yield "slides: list", _saved(deck), shown, ("secret",)

    deck = pptx.Presentation()
    kind: Any = CategoryChartData
    data = kind(number_format="0%")
    data.categories = ["Vik", "Lo"]
    data.add_series("Share", (0.25, 0.75))
    _slide(deck, 5, "Shares").shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 999, 999, data)
    yield "slides: chart", _saved(deck), ("Shares", "Vik … 25%", "Lo … 75%")

    deck = pptx.Presentation()
    table = _slide(deck, 6).shapes.add_table(3, 3, 0, 0, 999, 999).table
    _fill(table, "City Fee - - Old New Vik 12 15")
    _join(table, ("City", (0, 0), (1, 0)), ("Fee", (0, 1), (0, 2)))
    yield "slides: two levels", _saved(deck), ("Fee / Old … Fee / New", "Vik … 12 … 15")


def pdf(*pages: Sequence[str]) -> bytes:
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
