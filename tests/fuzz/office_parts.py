"""Office files for fuzzing: small ones with what the loaders look at, and changes that leave XML whole.

Bytes that are changed at random are hardly ever XML. And a Word file that python-docx makes holds 800 kB of
styles that nobody uses: reading it takes a quarter of a second, to find the first wrong byte.
"""

from __future__ import annotations

import io
import random
from datetime import date
from typing import Any

import openpyxl
import pptx
from docx.document import Document as Word
from lxml import etree
from office_files import saved, slides, word
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_BODY = """
<w:p><w:pPr><w:pStyle w:val="ListBullet"/><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>
<w:r><w:rPr><w:vertAlign w:val="superscript"/><w:strike/><w:sz w:val="24"/><w:position w:val="6"/></w:rPr>
<w:t>2</w:t></w:r><w:ins w:id="1"><w:r><w:t>new</w:t></w:r></w:ins><w:del w:id="2"><w:r>
<w:delText>old</w:delText></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>
<w:p><w:fldSimple w:instr="PAGE"><w:r><w:t>3</w:t></w:r></w:fldSimple>
<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>FORMCHECKBOX</w:instrText></w:r>
<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>yes</w:t></w:r>
<w:r><w:fldChar w:fldCharType="end"/></w:r><w:r><w:sym w:font="Symbol" w:char="F061"/><w:tab/><w:br/></w:r>
<w:ruby><w:rt><w:r><w:t>a</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>b</w:t></w:r></w:rubyBase></w:ruby></w:p>
<w:sdt><w:sdtPr><w:alias w:val="Name"/></w:sdtPr><w:sdtContent><w:p><w:r><w:t>filled</w:t></w:r></w:p>
</w:sdtContent></w:sdt><w:p><w:pPr><w:framePr w:dropCap="drop" w:lines="3"/></w:pPr><w:r><w:t>O</w:t></w:r>
</w:p><w:p><w:r><w:t>nce</w:t></w:r><m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r>
<m:t>b</m:t></m:r></m:den></m:f><m:nary><m:naryPr><m:chr m:val="S"/></m:naryPr><m:sub/><m:sup/><m:e><m:r>
<m:t>x</m:t></m:r></m:e></m:nary></m:oMath></w:p>
<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/><w:vMerge w:val="restart"/></w:tcPr><w:p/></w:tc></w:tr>
<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p><w:r><w:t>c</w:t>
</w:r></w:p></w:tc></w:tr></w:tbl>
"""
_NUMBERS = ("", "0", "1", "-1", "2", "99999999999", "1.5", "٣", "²", "\xa0")
_VALUES = (*_NUMBERS, "x", "none", "continue", "restart", "rId1", "A1", "[h]", "0;0", "General", "true")
_CHANGES = 6


def small_word() -> Word:
    """A Word file with the styles that it uses, and one of each kind of markup that is looked at."""
    file = word()
    body = etree.fromstring(f"<w:body {_SPACES}>{_BODY}</w:body>".replace("\n", ""))
    for element in reversed(list(body)):
        file.element.body.insert(1, element)
    used = {style.get(style.nsmap["w"].join("{}") + "val") for style in file.element.iter("{*}pStyle")}
    for style in list(file.styles):
        if style.style_id not in {*used, "Normal"}:
            style.delete()
    for unused in file.styles.element.findall("{*}latentStyles"):
        file.styles.element.remove(unused)
    for name, relation in list(file.part.rels.items()):
        if relation.reltype.endswith(("stylesWithEffects", "theme", "fontTable", "webSettings", "customXml")):
            del file.part.rels[name]
    return file


def full_workbook() -> bytes:
    """A workbook with joined and hidden cells, formats, dates, a formula, a comment and a chart."""
    file = openpyxl.Workbook()
    sheet = file.active
    for row in (
        ["Fees", None, None],
        ["Year", "Share", "Day"],
        [1902, 0.25, date(1902, 5, 1)],
        [True, "=1/0", "x"],
    ):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet["B3"].number_format = "0.0%;[Red]-0"
    sheet["A3"].comment = Comment("Why?", "A")
    sheet.row_dimensions[4].hidden = True
    drawn = BarChart()
    drawn.add_data(Reference(sheet, min_col=2, min_row=2, max_row=3), titles_from_data=True)
    sheet.add_chart(drawn, "E1")
    return saved(file)


def full_slides() -> bytes:
    """Slides with a chart, a table with joined cells, a group and numbered points."""
    file = pptx.Presentation(io.BytesIO(slides()))
    slide = file.slides[0]
    numbered = slide.placeholders[1].text_frame.paragraphs[0]._p.get_or_add_pPr()
    numbered.append(numbered.makeelement(f"{{{numbered.nsmap['a']}}}buAutoNum", {"type": "alphaLcParenR"}))
    values = CategoryChartData()
    values.categories = ["1902", "1903"]
    values.add_series("Cost", (4.5, 7))
    slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, 9, 9, values)
    slide.shapes.add_group_shape().shapes.add_textbox(0, 0, 9, 9).text_frame.text = "grouped"
    table = file.slides[3].shapes[0].table
    table.cell(0, 0).merge(table.cell(0, 1))
    return saved(file)


def changed_xml(data: bytes, most: int, seed: int) -> bytes:
    """Change the elements of an XML part; its first byte says which part it is, and stays.

    Args:
        most: longest result in bytes; what would be longer stays as it was.
        seed: of the changes.
    """
    try:
        root = etree.fromstring(data[1:])
    except (etree.XMLSyntaxError, ValueError):
        return data
    drawn = random.Random(seed)
    for _ in range(drawn.randint(1, _CHANGES)):
        _change(root, drawn)
    written = data[:1] + etree.tostring(root)
    return written if len(written) <= most else data


def _change(root: Any, drawn: random.Random) -> None:
    elements = [each for each in root.iter() if isinstance(each.tag, str)]
    one, other = drawn.choice(elements), drawn.choice(elements)
    copied = etree.fromstring(etree.tostring(one))
    how = drawn.randrange(6)
    if how == 0 and one.getparent() is not None:
        one.getparent().remove(one)
    elif how == 1:
        other.insert(drawn.randint(0, len(other)), copied)
    elif how == 2 and other.getparent() is not None:
        other.getparent().replace(other, copied)
    elif how == 3:
        one.tag = other.tag
    elif how == 4:
        one.text = drawn.choice((*_VALUES, other.text))
    elif one.attrib or other.attrib:
        name = drawn.choice(list(one.attrib or other.attrib))
        one.set(name, drawn.choice((*_VALUES, *other.attrib.values())))
