"""What Word and PowerPoint show without its being text of the file: numbers, drop caps, WordArt, layouts."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import docx
import office_files as office
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ragcompress.documents.loaders import Loaded
from ragcompress.documents.loaders import load as load_file

MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
SPACES = f'{nsdecls("w", "m", "wp", "a")} xmlns:v="urn:schemas-microsoft-com:vml"'
DRAWING = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'


def level(number: int, form: str, text: str, start: int = 1, more: str = "") -> str:
    return (
        f"<w:lvl w:ilvl='{number}'><w:start w:val='{start}'/><w:numFmt w:val='{form}'/>{more}"
        f"<w:lvlText w:val='{text}'/></w:lvl>"
    )


LISTS = (
    (90, level(0, "decimal", "%1.") + level(1, "lowerLetter", "%2)") + level(2, "lowerRoman", "(%3)")),
    (91, level(0, "decimal", "Article %1") + level(1, "decimal", "%1.%2")),
    (92, level(0, "upperRoman", "%1.", 4)),
    (94, level(0, "upperRoman", "%1.") + level(1, "decimal", "%1.%2", more="<w:isLgl/>")),
    (95, level(0, "decimal", "%1.") + level(1, "decimal", "%1.%2", more="<w:lvlRestart w:val='0'/>")),
)


def word(*xml: str, styles: str = "") -> Loaded:
    file = docx.Document()
    numbering = file.part.numbering_part.element
    for number, levels in LISTS:
        abstract = f"<w:abstractNum {SPACES} w:abstractNumId='{number}'>{levels}</w:abstractNum>"
        numbering.insert(0, parse_xml(abstract))
        used = f"<w:num {SPACES} w:numId='{number}'><w:abstractNumId w:val='{number}'/></w:num>"
        numbering.append(parse_xml(used))
    again = (
        f"<w:num {SPACES} w:numId='93'><w:abstractNumId w:val='90'/>"
        "<w:lvlOverride w:ilvl='0'><w:startOverride w:val='1'/></w:lvlOverride></w:num>"
    )
    numbering.append(parse_xml(again))
    for style in parse_xml(f"<w:styles {SPACES}>{styles}</w:styles>"):
        file.styles.element.append(style)
    body = file.element.body
    for element in parse_xml(f"<w:body {SPACES}>{''.join(xml)}</w:body>"):
        body.insert(len(body) - 1, element)
    return load_file(office.saved(file), ".docx", "a.docx", 1 << 24)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def paragraph(*runs: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(runs)}</w:p>"


def item(text: str, number: int, depth: int = 0, style: str = "") -> str:
    named = f"<w:pStyle w:val='{style}'/>" if style else ""
    place = f"<w:numPr><w:ilvl w:val='{depth}'/><w:numId w:val='{number}'/></w:numPr>"
    return paragraph(run(text), properties=named + place)


def cell(content: str) -> str:
    return f"<w:tc><w:tcPr/>{content}</w:tc>"


def table(*rows: str) -> str:
    grid = "<w:tblPr/><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid>"
    return f"<w:tbl>{grid}{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (
            [item("one", 90), item("a", 90, 1), item("b", 90, 1), item("i", 90, 2), item("two", 90)],
            "1. one\n   - a) a\n   - b) b\n     - (i) i\n2. two",
        ),
        (
            [item("one", 90), paragraph(run("Between.")), item("two", 90), item("anew", 93)],
            "1. one\n\nBetween.\n\n2. two\n1. anew",
        ),
        ([item("four", 92), item("five", 92)], "- IV. four\n- V. five"),
        ([item("Scope", 94), item("Tar.", 94, 1)], "- I. Scope\n\n1.1 Tar."),
        (
            [item("Scope", 95), item("Tar.", 95, 1), item("Fees", 95), item("Salt.", 95, 1)],
            "1. Scope\n\n1.1 Tar.\n\n2. Fees\n\n2.2 Salt.",
        ),
        (
            [
                item("Scope", 91, 0, "Heading1"), item("Tar.", 91, 1), item("Salt.", 91, 1),
                item("Fees", 91, 0, "Heading1"), item("See 1.2.", 91, 1),
            ],
            "# Article 1 Scope\n\n1.1 Tar.\n\n1.2 Salt.\n\n# Article 2 Fees\n\n2.1 See 1.2.",
        ),
        (
            [table(cell(item("k", 90)) + cell(item("v", 90)), cell(item("a", 90)) + cell(item("b", 90)))],
            "| 1. k | 2. v |\n| --- | --- |\n| 3. a | 4. b |",
        ),
    ],
)  # fmt: skip
def test_numbers_of_paragraphs_are_those_of_the_page(xml: list[str], text: str) -> None:
    assert word(*xml).text == text


def test_a_style_numbers_its_paragraphs() -> None:
    styles = (
        "<w:style w:type='paragraph' w:styleId='Part'><w:name w:val='Part'/>"
        "<w:pPr><w:numPr><w:numId w:val='91'/></w:numPr></w:pPr></w:style>"
        "<w:style w:type='paragraph' w:styleId='Sub'><w:name w:val='Sub'/><w:basedOn w:val='Part'/></w:style>"
    )
    named = [
        paragraph(run(t), properties=f"<w:pStyle w:val='{s}'/>") for t, s in (("A", "Part"), ("B", "Sub"))
    ]
    assert word(*named, styles=styles).text == "- Article 1 A\n- Article 2 B"


def test_a_drop_cap_is_part_of_its_word() -> None:
    first = run("O", "<w:position w:val='-10'/><w:sz w:val='90'/>")
    framed = paragraph(first, properties="<w:framePr w:dropCap='drop' w:lines='3'/>")
    assert word(framed, paragraph(run("nce upon a time."))).text == "Once upon a time."


def test_text_boxes_without_an_alternative_and_wordart_are_read() -> None:
    box = (
        "<w:r><w:drawing><wp:inline><a:graphic><a:graphicData><w:txbxContent>"
        f"{paragraph(run('In a box.'))}</w:txbxContent></a:graphicData></a:graphic></wp:inline></w:drawing>"
        "</w:r>"
    )
    assert word(paragraph(box, run("Body."))).text == "Body.\n\nIn a box."
    art = "<w:r><w:pict><v:shape><v:textpath string='GRAND OPENING'/></v:shape></w:pict></w:r>"
    assert word(paragraph(art, run("Body."))).text == "GRAND OPENING Body."


def test_signs_that_are_typed_in_a_font_of_signs() -> None:
    fonts = "<w:rFonts w:ascii='Symbol' w:hAnsi='Symbol'/>"
    assert word(paragraph(run("Angle "), run("\uf061", fonts), run("."))).text == "Angle α."


def test_a_deleted_cell_keeps_its_place_and_is_counted() -> None:
    gone = "<w:tc><w:tcPr><w:cellDel w:id='1' w:author='a'/></w:tcPr>" + paragraph(run("gone")) + "</w:tc>"
    names = cell(paragraph(run("k"))) + cell(paragraph(run("v")))
    loaded = word(table(names, cell(paragraph(run("a"))) + gone))
    assert loaded.text == "| k | v |\n| --- | --- |\n| a |  |"
    assert loaded.left_out["tracked deletion"] == 1


def test_tabs_of_an_alignment_part_words() -> None:
    tab = "<w:r><w:ptab w:relativeTo='margin' w:alignment='right' w:leader='none'/></w:r>"
    assert word(paragraph(run("Name"), tab, run("Price"))).text.split() == ["Name", "Price"]


def test_lines_and_hats_over_signs_of_formulas() -> None:
    def over(kind: str, properties: str = "") -> str:
        return f"<m:oMath><m:{kind}>{properties}<m:e><m:r><m:t>x</m:t></m:r></m:e></m:{kind}></m:oMath>"

    bar = over("bar", "<m:barPr><m:pos m:val='top'/></m:barPr>")
    tilde = over("acc", "<m:accPr><m:chr m:val='\u0303'/></m:accPr>")
    assert word(paragraph(bar, run(", "), over("acc"), run(", "), tilde)).text.replace(" ", "") == (
        "x\u0305,x\u0302,x\u0303"
    )


def slides(fill: Callable[[Any, Any], None], layout: int = 1) -> str:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    slide.shapes.title.text = "T"
    fill(deck, slide)
    buffer = io.BytesIO()
    deck.save(buffer)
    return load_file(buffer.getvalue(), ".pptx", "a.pptx", 1 << 24).text.removeprefix("## T\n\n")


def write(slide: Any, paragraphs: str) -> None:
    body = slide.placeholders[1].text_frame._txBody
    body.remove(body.p_lst[0])
    spaces = f'{DRAWING} xmlns:m="{MATH}" xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main"'
    for each in pptx.oxml.parse_xml(f"<a:x {spaces}>{paragraphs}</a:x>"):
        body.append(each)


def test_numbered_paragraphs_of_slides() -> None:
    def point(text: str, form: str, depth: int = 0, start: str = "") -> str:
        begins = f" startAt='{start}'" if start else ""
        numbered = f"<a:buAutoNum type='{form}'{begins}/>" if form else ""
        return f"<a:p><a:pPr lvl='{depth}'>{numbered}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>"

    points = [
        point("one", "arabicPeriod"), point("a", "alphaLcParenR", 1), point("b", "alphaLcParenR", 1),
        point("two", "arabicPeriod"), point("four", "romanUcPeriod", 0, "4"), point("mark", ""),
        point("anew", "arabicPeriod"),
    ]  # fmt: skip
    assert slides(lambda _, slide: write(slide, "".join(points))) == (
        "1. one\n  - a) a\n  - b) b\n2. two\n- IV. four\n- mark\n1. anew"
    )


def test_all_formulas_of_a_paragraph_of_a_slide_are_read() -> None:
    def equation(text: str) -> str:
        return f"<m:oMath><m:r><m:t>{text}</m:t></m:r></m:oMath>"

    both = f"<a14:m><m:oMathPara>{equation('a+b')}{equation('c+d')}</m:oMathPara></a14:m>"
    assert slides(lambda _, slide: write(slide, f"<a:p>{both}</a:p>")) == "a+b c+d"


def test_words_of_a_layout_are_said_once() -> None:
    def fill(deck: Any, slide: Any) -> None:
        layout = deck.slide_layouts[5]
        space = f'{DRAWING} xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
        shape = (
            f"<p:sp {space}><p:nvSpPr><p:cNvPr id='77' name='c'/><p:cNvSpPr/><p:nvPr userDrawn='1'/>"
            "</p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>Confidential</a:t></a:r></a:p></p:txBody></p:sp>"
        )
        layout.shapes._spTree.append(pptx.oxml.parse_xml(shape))
        deck.slides.add_slide(layout).shapes.title.text = "Second"

    assert slides(fill, 5) == "Slide layout: Confidential\n\n## Second"


def test_names_of_several_levels_in_a_chart_belong_to_their_values() -> None:
    def fill(_: Any, slide: Any) -> None:
        data = CategoryChartData()
        for year, quarters in (("2023", ("Q1", "Q2")), ("2024", ("Q1",))):
            named = data.add_category(year)
            for quarter in quarters:
                named.add_sub_category(quarter)
        data.add_series("n", (1, 2, 3))
        slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)

    lines = slides(fill, 5).split("\n")
    assert lines[-3:] == ["| 2023 / Q1 | 1 |", "| 2023 / Q2 | 2 |", "| 2024 / Q1 | 3 |"]
