"""What a slide shows: shapes for newer programs, lists in cells and boxes, tables without a header."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import office_files as office
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded

OFFICE = "http://schemas.openxmlformats.org"
SPACES = " ".join(
    f'xmlns:{name}="{space}"'
    for name, space in {
        "a": f"{OFFICE}/drawingml/2006/main",
        "p": f"{OFFICE}/presentationml/2006/main",
        "mc": f"{OFFICE}/markup-compatibility/2006",
        "m": f"{OFFICE}/officeDocument/2006/math",
        "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
    }.items()
)


def slide(fill: Callable[[Any], None]) -> Loaded:
    """Read a deck of one slide."""
    deck = pptx.Presentation()
    fill(deck.slides.add_slide(deck.slide_layouts[6]).shapes)
    return loaders.load(office.saved(deck), ".pptx", "a.pptx", 1 << 26, None)


def shape(paragraphs: str) -> str:
    return (
        "<p:sp><p:nvSpPr><p:cNvPr id='5' name='t'/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>"
        f"<p:txBody><a:bodyPr/><a:p>{paragraphs}</a:p></p:txBody></p:sp>"
    )


def run(text: str) -> str:
    return f"<a:r><a:t>{text}</a:t></a:r>"


FORMULA = f"{run('so ')}<a14:m><m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath></a14:m>"
OLD = f"<mc:Choice/><mc:Fallback>{shape(run('old'))}</mc:Fallback>"
CHOICE, FALLBACK = f"<mc:Choice>{shape(FORMULA)}</mc:Choice>", f"<mc:Fallback>{shape(run(' '))}</mc:Fallback>"


@pytest.mark.parametrize(
    ("choices", "text"),
    [(CHOICE + FALLBACK, "so x=1"), (CHOICE, "so x=1"), (OLD, "old")],
)
@pytest.mark.parametrize("in_group", [False, True])
def test_shapes_with_a_choice_for_newer_programs_are_read(choices: str, text: str, in_group: bool) -> None:
    def fill(shapes: Any) -> None:
        tree = shapes.add_group_shape()._element if in_group else shapes._spTree
        tree.append(parse_xml(f"<mc:AlternateContent {SPACES}>{choices}</mc:AlternateContent>"))

    assert slide(fill).text == text


def marked(frame: Any, mark: str, *texts: str) -> None:
    frame.text = "\n".join(texts)
    for paragraph in frame.paragraphs:
        paragraph._p.get_or_add_pPr().append(parse_xml(f"<a:{mark} {SPACES}/>"))


@pytest.mark.parametrize(
    ("mark", "items", "lines"),
    [
        ("buChar char='•'", "tar; salt", "- tar\n- salt"),
        ("buAutoNum type='arabicPeriod'", "1. tar; 2. salt", "1. tar\n2. salt"),
        ("buNone", "tar salt", "tar\n\nsalt"),
    ],
)
def test_lists_in_cells_and_boxes_of_slides(mark: str, items: str, lines: str) -> None:
    def fill(shapes: Any) -> None:
        table = shapes.add_table(2, 2, 0, 0, 999, 999).table
        for n, text in enumerate(("Work", "Fee", "", "12")):
            table.cell(n // 2, n % 2).text = text
        marked(table.cell(1, 0).text_frame, mark, "tar", "salt")
        marked(shapes.add_textbox(0, 0, 999, 999).text_frame, mark, "tar", "salt")

    table, box = f"| Work | Fee |\n| --- | --- |\n| {items} | 12 |", lines
    assert slide(fill).text == f"{table}\n\n{box}"


def test_a_table_of_a_slide_whose_first_column_has_the_names() -> None:
    def fill(shapes: Any) -> None:
        table = shapes.add_table(2, 2, 0, 0, 999, 999).table
        table.first_row, table.first_col = False, True
        for n, text in enumerate(("Tar", "12", "Salt", "7")):
            table.cell(n // 2, n % 2).text = text

    assert slide(fill).text == "|  |  |\n| --- | --- |\n| Tar | 12 |\n| Salt | 7 |"


def test_embedded_objects_of_slides_are_counted() -> None:
    def fill(shapes: Any) -> None:
        shapes.add_textbox(0, 0, 999, 999).text_frame.text = "yes"
        shapes.add_ole_object(io.BytesIO(b"x"), "Excel.Sheet.12", 0, 0, 99, 99)

    loaded = slide(fill)
    assert (loaded.text, +loaded.left_out) == ("yes", {"embedded object": 1})


@pytest.mark.parametrize("is_hidden", [False, True])
def test_charts_of_slides_stand_where_they_are_shown(is_hidden: bool) -> None:
    def fill(shapes: Any) -> None:
        shapes.add_textbox(0, 0, 99, 99).text_frame.text = "before"
        data = CategoryChartData()
        data.categories = ["Tar"]
        data.add_series("Fee", (12,))
        frame = shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, data)
        if is_hidden:
            frame._element.nvGraphicFramePr.cNvPr.set("hidden", "1")
        shapes.add_textbox(0, 0, 99, 99).text_frame.text = "behind"

    loaded = slide(fill)
    table = "" if is_hidden else "Chart\n\n|  | Fee |\n| --- | --- |\n| Tar | 12 |\n\n"
    assert loaded.text == f"before\n\n{table}behind"
    assert loaded.left_out["hidden shape"] == is_hidden


def test_a_hidden_title_of_a_slide_is_left_out() -> None:
    deck = pptx.Presentation()
    for n, text in enumerate(("no", "yes")):
        title = deck.slides.add_slide(deck.slide_layouts[5]).shapes.title
        title.text = text
        title._element.nvSpPr.cNvPr.set("hidden", str(1 - n))
    loaded = loaders.load(office.saved(deck), ".pptx", "a.pptx", 1 << 26, None)
    assert (loaded.text, +loaded.left_out) == ("## yes", {"hidden shape": 1})
