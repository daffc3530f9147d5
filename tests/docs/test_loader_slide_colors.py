"""Letters on slides in the color of what they stand on are hidden, and counted; others are not."""

from __future__ import annotations

import io
import zipfile
from copy import deepcopy
from typing import Any

import office_files as office
import pptx
import pytest
from pptx.dml.color import RGBColor
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Emu

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded

WHITE, BLUE = RGBColor(255, 255, 255), RGBColor(0, 0, 200)


def load(deck: Any) -> Loaded:
    return loaders.load(office.saved(deck), ".pptx", "file.pptx", 1 << 26)


def deck_with(color: Any, *, fill: Any = None, background: Any = None, behind: Any = None) -> Any:
    """A slide that says "seen", and "letters" in a color, perhaps on something."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    if background is not None:
        slide.background.fill.solid()
        slide.background.fill.fore_color.rgb = background
    if behind is not None:
        area = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Emu(behind), 0, Emu(900), Emu(900))
        area.fill.solid()
        area.fill.fore_color.rgb = BLUE
    box = slide.shapes.add_textbox(0, 0, Emu(999), Emu(999))
    if fill is not None:
        box.fill.solid()
        box.fill.fore_color.rgb = fill
    paragraph = box.text_frame.paragraphs[0]
    paragraph.add_run().text = "seen "
    run = paragraph.add_run()
    run.text = "letters"
    if isinstance(color, RGBColor):
        run.font.color.rgb = color
    else:
        run.font.color.theme_color = color
    return deck


@pytest.mark.parametrize(
    "deck",
    [
        deck_with(BLUE, fill=BLUE),
        deck_with(BLUE, background=BLUE),
        deck_with(WHITE),
        deck_with(MSO_THEME_COLOR.BACKGROUND_1),
        deck_with(MSO_THEME_COLOR.BACKGROUND_1, fill=WHITE, background=BLUE),
        deck_with(WHITE, behind=1_000),
    ],
)
def test_letters_in_the_color_of_their_ground_are_out(deck: Any) -> None:
    loaded = load(deck)
    assert (loaded.text, +loaded.left_out) == ("seen", {"hidden run": 1})


@pytest.mark.parametrize(
    "deck",
    [
        deck_with(WHITE, fill=BLUE),
        deck_with(WHITE, background=BLUE),
        deck_with(WHITE, behind=0),
        deck_with(BLUE),
        deck_with(MSO_THEME_COLOR.TEXT_1),
    ],
)
def test_letters_on_another_color_stay(deck: Any) -> None:
    loaded = load(deck)
    assert (loaded.text, +loaded.left_out) == ("seen letters", {})


def test_letters_in_the_color_of_their_cell_are_out() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, 0, 0, 9_999, 9_999).table
    for n, cell in enumerate(cell for row in table.rows for cell in row.cells):
        run = cell.text_frame.paragraphs[0].add_run()
        run.text, run.font.color.rgb = f"c{n}", WHITE
        if n != 1:
            cell.fill.solid()
            cell.fill.fore_color.rgb = BLUE if n else WHITE
    loaded = load(deck)
    assert loaded.text.split("\n") == ["|  | c1 |", "| --- | --- |", "| c2 | c3 |"]
    assert +loaded.left_out == {"hidden run": 1}


def test_a_theme_that_can_not_be_read_costs_no_slide() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(office.saved(deck_with(WHITE)))) as given,
        zipfile.ZipFile(buffer, "w") as made,
    ):
        for name in given.namelist():
            made.writestr(name, b"<theme" if "/theme/" in name else given.read(name))
    loaded = loaders.load(buffer.getvalue(), ".pptx", "file.pptx", 1 << 26)
    assert (loaded.text, +loaded.left_out) == ("seen letters", {})


def test_letters_over_very_many_shapes_stay_and_cost_little() -> None:
    deck = deck_with(BLUE, background=BLUE, behind=1_000)
    tree = deck.slides[0].shapes._spTree
    area, box = [e for e in tree if e.tag.endswith("}sp")]
    for _ in range(600):
        box.addprevious(deepcopy(area))
    assert load(deck).text.endswith("seen letters")
