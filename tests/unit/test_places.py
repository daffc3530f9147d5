"""Offsets lead back to pages and lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragcompress.errors import InputError
from ragcompress.places import Place, Places

TEXTS = st.text(st.sampled_from("ab\r\n\u2028 "), max_size=40)


@given(TEXTS, st.integers(1, 9), st.data())
def test_a_line_is_what_an_editor_counts(text: str, first: int, data: st.DataObject) -> None:
    places = Places.of_lines(text, first)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    plain = text.replace("\r\n", "\n\n").replace("\r", "\n")  # of the same length, one line end too many each

    def line(offset: int) -> int:
        before = text[: offset + 1]
        return first + len(before[:-1].replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1

    if end > start and not {plain[start], plain[end - 1]} & {"\n"}:
        place = places.at(start, end)
        assert (place.first, place.last) == (line(start), line(end - 1))
    cut = places.cut(start, end)
    for i in range(start, end):
        assert cut.at(i - start, i - start + 1) == places.at(i, i + 1)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9), st.sampled_from([None, "a"]))).map(
        lambda found: sorted(found, key=lambda f: f[0])
    )
)
def test_stretches_are_found_again(found: list[tuple[int, int, str | None]]) -> None:
    if not found:
        with pytest.raises(InputError):
            Places.of_stretches("page", found)
        return
    places = Places.of_stretches("page", found)
    assert Places.from_dict(places.to_dict()) == places
    last = {start: (number, part) for start, number, part in found}
    for start, expected in last.items():
        if start >= min(last):
            place = places.at(start, start + 1)
            assert (place.first, place.part) == expected


@pytest.mark.parametrize(
    ("place", "mark", "cite"),
    [
        (Place("line", 41, 41), "line 41", "f:41"),
        (Place("line", 41, 43), "lines 41-43", "f:41-43"),
        (Place("line", 41, 43, "install"), "#install", "f#install"),
        (Place("page", 12, 12), "p. 12", "f p. 12"),
        (Place("page", 12, 13), "pp. 12-13", "f pp. 12-13"),
        (Place("slide", 3, 3), "slide 3", "f slide 3"),
        (Place("row", 7, 9, "Costs"), '"Costs" rows 7-9', 'f "Costs" rows 7-9'),
        (Place("paragraph", 2, 2), "par. 2", "f par. 2"),
    ],
)
def test_places_have_names(place: Place, mark: str, cite: str) -> None:
    assert (place.mark(), place.cite("f")) == (mark, cite)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"unit": "mile", "starts": [0], "numbers": [1]},
        {"unit": "page", "starts": [1], "numbers": [1]},
        {"unit": "page", "starts": [0, 0], "numbers": [1, 2]},
        {"unit": "page", "starts": [0], "numbers": [0]},
        {"unit": "page", "starts": [0], "numbers": []},
        {"unit": "page", "starts": ["a"], "numbers": [1]},
        {"unit": "page", "starts": 3, "numbers": [1]},
    ],
)
def test_what_is_no_map_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="place|starts"):
        Places.from_dict(value)
