"""Small real files of every format, made with the libraries that people make them with."""

from __future__ import annotations

import io

import docx
import openpyxl
import pptx
from docx.document import Document as Word


def pdf(pages: list[list[str]], draw: str = "") -> bytes:
    """A PDF of pages of lines in Helvetica, written by hand: no library of ours writes text.

    ``draw`` is drawn behind the lines of each page, in PDF's own words.
    """
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for lines in pages:
        shown = "".join(f"({line}) Tj T* " for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET {draw}".encode("latin-1")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % len(objects)
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def saved(file: object) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer)  # type: ignore[attr-defined]
    return buffer.getvalue()


def word() -> Word:
    file = docx.Document()
    file.add_heading("The bridge", 1)
    file.add_paragraph("Anna Lund built the bridge in 1902. It is of larch.")
    file.add_paragraph("")
    file.add_heading("Upkeep", 2)
    file.add_paragraph("Tar every spring", style="List Bullet")
    file.add_paragraph("New planks every ten years", style="List Bullet")
    table = file.add_table(rows=0, cols=2)
    for cells in (("Year", "Cost"), ("1902", "40 | crowns"), ("1912", "7 crowns")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    file.add_paragraph("The end.")
    return file


def slides() -> bytes:
    file = pptx.Presentation()
    for title, points, notes in (
        ("The bridge", ["Built 1902", "Of larch"], ""),
        ("Upkeep", ["Tar"], "Say thanks."),
    ):
        slide = file.slides.add_slide(file.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = "\n".join(points)
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    file.slides.add_slide(file.slide_layouts[6])
    last = file.slides.add_slide(file.slide_layouts[6])
    table = last.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for i, text in enumerate(("Year", "Cost", "1902", "40")):
        table.cell(i // 2, i % 2).text = text
    return saved(file)


def workbook(n_rows: int = 3) -> bytes:
    file = openpyxl.Workbook()
    file.active.title = "Costs"
    file.active.append([None, "Year", "Cost"])
    for i in range(n_rows):
        file.active.append([None, 1902 + i, 40.0 + i])
    file.create_sheet("Empty")
    other = file.create_sheet("Names")
    other["C5"] = "Anna | Lund"
    return saved(file)
