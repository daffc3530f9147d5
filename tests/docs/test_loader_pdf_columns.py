"""Columns of a PDF that are drawn line by line across the page, and tables that look like them."""

from __future__ import annotations

import re
import textwrap

import office_files as office
import pytest

from ragcompress.documents.loaders import load

BRIDGE = (
    "The bridge over the river was built of larch wood by a woman who had learned the trade from her "
    "father. She kept a diary of each day of work, and it tells how the piles were driven into the mud "
    "of the banks, how the beams came down the river on rafts, and who was paid for what. In the spring "
    "the ice took two of the piles away. Nobody was hurt, but the work had to wait until new trees were "
    "felled in the hills."
)
TRAINS = (
    "Trains have run along the coast since the war and carry fish and timber to the towns in the south. "
    "There ships wait for the cargo of a whole week in the harbor, where cranes lift the boxes over the "
    "rails. A clerk writes down the weight of each, and the time at which it was taken on board. On "
    "Sundays the trains stand still, and children of the port are allowed to look at the engine and to "
    "blow its whistle once."
)
SCHOOL = (
    "A school for sailors was opened in the old mill when the last miller had died. Its pupils learn "
    "how to read charts, how to mend a sail and how to cook for twenty people in a storm. Twice a year "
    "they cross the bay in a cutter that is older than their teachers. Most of them find work on "
    "ferries, and some return as teachers themselves, because they miss the smell of tar and the noise "
    "of the wheel in the stream below."
)


def piece(x: float, y: float, text: str) -> str:
    return f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET "


def wrapped(text: str, width: int = 42) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def across(*columns: list[str], step: int = 250, off: int = 0, top: int = 700) -> str:
    """The lines of columns, drawn by turns; of the second one so many points lower."""
    drawn = ""
    for n in range(max(map(len, columns))):
        for i, lines in enumerate(columns):
            if n < len(lines) and lines[n]:
                drawn += piece(50 + step * i, top - 12 * n - off * (i % 2), lines[n])
    return drawn


def read(draw: str) -> str:
    return load(office.pdf([[]], draw), ".pdf", "a.pdf", 1 << 24).text


def text_of(*columns: list[str]) -> str:
    return "\n".join(line for lines in columns for line in lines if line)


@pytest.mark.parametrize("off", [0, 5])
def test_two_columns_are_read_one_after_the_other(off: int) -> None:
    columns = wrapped(BRIDGE), wrapped(TRAINS)
    assert read(across(*columns, off=off)) == text_of(*columns)


def test_three_columns_are_read_one_after_the_other() -> None:
    columns = [wrapped(text, 28) for text in (BRIDGE, TRAINS, SCHOOL)]
    assert read(across(*columns, step=170)) == text_of(*columns)


def test_a_column_may_be_much_shorter_than_the_other() -> None:
    columns = wrapped(BRIDGE + " " + SCHOOL), wrapped(TRAINS)[:8]
    assert read(across(*columns)) == text_of(*columns)


def test_words_that_are_drawn_one_by_one_are_lines_all_the_same() -> None:
    columns = wrapped(BRIDGE), wrapped(TRAINS)
    drawn = across(*columns).replace(" Td (", " Td [(").replace(") Tj", ")] TJ")
    by_words = "".join(
        f"BT /F1 10 Tf 50 {700 - 12 * n} Td {' '.join(f'({word} ) Tj' for word in one.split())} ET "
        f"BT /F1 10 Tf 300 {700 - 12 * n} Td {' '.join(f'({word} ) Tj' for word in other.split())} ET "
        for n, (one, other) in enumerate(zip(*columns, strict=False))
    )
    n = min(map(len, columns))
    assert read(drawn) == text_of(*columns)
    assert read(by_words) == text_of(columns[0][:n], columns[1][:n])


@pytest.mark.parametrize(
    "title", ["News of the week from Vik and all of the islands around it", "Short news"]
)
def test_what_stands_above_and_below_columns_stays_there(title: str) -> None:
    columns = wrapped(BRIDGE), wrapped(TRAINS)
    foot = "Printed in Vik by the heirs of Anna Lund, who built the bridge and the mill"
    drawn = piece(50, 740, title) + across(*columns) + piece(50, 500, foot) + piece(290, 40, "7")
    assert read(drawn) == "\n".join([title, text_of(*columns), foot, "7"])


def test_a_title_within_the_page_parts_two_pairs_of_columns() -> None:
    columns = [wrapped(text) for text in (BRIDGE, TRAINS, SCHOOL, BRIDGE)]
    title = "What else was said at the yearly meeting of all who live in the bay of Vik"
    drawn = across(*columns[:2]) + piece(50, 540, title) + across(*columns[2:], top=520)
    assert read(drawn) == "\n".join([text_of(*columns[:2]), title, text_of(*columns[2:])])


def test_a_word_that_a_column_breaks_is_whole_again() -> None:
    left, right = wrapped(BRIDGE), wrapped(TRAINS)
    left = [*left[:3], "A bro-", "ken beam was seen by all of the people who", *left[3:]]
    drawn = across(left, right) + piece(50, 300, "It was broken.")
    assert "A broken beam was seen" in read(drawn)


def test_columns_written_from_right_to_left_begin_on_the_right() -> None:
    """Letters that stand for those of Hebrew, each line from its end, as files have it."""
    kept = [wrapped(re.sub(r"[^a-y ]", "", text.lower())) for text in (BRIDGE, TRAINS)]
    shown = [[line[::-1] for line in lines] for lines in kept]
    data = office.pdf([[]], across(shown[1], shown[0]))
    ranges = b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
    ranges += b"2 beginbfrange <20> <20> <0020> <61> <7A> <05D0> endbfrange endcmap"
    unicode = b"6 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\nxref\n" % (len(ranges), ranges)
    data = data.replace(b"/Helvetica", b"/Helvetica /ToUnicode 6 0 R").replace(b"xref\n", unicode, 1)
    hebrew = str.maketrans({chr(ord("a") + n): chr(0x5D0 + n) for n in range(25)})
    wanted = text_of(*kept).translate(hebrew)
    assert load(data, ".pdf", "a.pdf", 1 << 24).text == wanted


def rows(draw: str) -> list[str]:
    return [" ".join(line.split()) for line in read(draw).splitlines()]


@pytest.mark.parametrize(
    "cells",
    [
        [(f"Fee of harbor {n}", f"{n * 7}.50 crowns") for n in range(20)],
        [(f"Pier {n}", line) for n, line in enumerate(wrapped(BRIDGE))],
        [(line.capitalize(), other.capitalize()) for line, other in zip(wrapped(BRIDGE), wrapped(TRAINS))],  # noqa: B905
        [(f"git {n}", "records changes of files that were added before") for n in "abcdefghijk"],
    ],
)
def test_rows_of_a_table_stay_rows(cells: list[tuple[str, str]]) -> None:
    drawn = across([a for a, _ in cells], [b for _, b in cells])
    assert rows(drawn) == [f"{a} {b}" for a, b in cells]


@pytest.mark.parametrize("is_ruled", [True, False])
def test_cells_of_several_lines_stay_with_their_row(is_ruled: bool) -> None:
    """Each cell is read as a whole, which keeps its sentences; rows are read one below the other."""
    cells = [(BRIDGE[:104], TRAINS[:177]), (SCHOOL[80:180], BRIDGE[104:250]), (TRAINS[99:240], SCHOOL[:200])]
    drawn, top, wanted = "", 700, []
    for row in cells:
        lines = [wrapped(cell.strip().capitalize()) for cell in row]
        drawn += across(*lines, top=top)
        top -= 12 * max(map(len, lines)) + 8
        drawn += f"50 {top + 14} m 560 {top + 14} l S " if is_ruled else ""
        wanted.append(text_of(*lines))
    assert read(drawn) == "\n".join(wanted)


def test_columns_that_are_drawn_one_after_the_other_stay_so() -> None:
    columns = wrapped(BRIDGE), wrapped(TRAINS)
    drawn = "".join(
        piece(50 + 250 * i, 700 - 12 * n, line) for i in (1, 0) for n, line in enumerate(columns[i])
    )
    assert read(drawn) == text_of(*columns[::-1])


def test_powers_in_columns_are_still_marked() -> None:
    left, right = wrapped(BRIDGE), wrapped(TRAINS)
    drawn = across(left, right).replace(
        "(" + left[2] + ") Tj", "(of 10) Tj 4 Ts /F1 6 Tf (6) Tj 0 Ts /F1 10 Tf ( people who had) Tj"
    )
    assert read(drawn) == text_of([*left[:2], "of 10^6 people who had", *left[3:]], right)


def test_a_page_of_gaps_takes_no_endless_time() -> None:
    drawn = "".join(piece(50 + 100 * (n % 2), 9_000 - n // 2 * 14, "a b c d e f g h i") for n in range(600))
    data = office.pdf([[]], drawn).replace(b"792]", b"9999]")
    assert load(data, ".pdf", "a.pdf", 1 << 24).text.count("a b c") == 600
