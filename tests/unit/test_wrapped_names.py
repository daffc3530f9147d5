"""Names that a line's end breaks, first lines of sentences that are none, and headings of man pages."""

from __future__ import annotations

import pytest

from ragcompress import Document
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment


def units(text: str, kind: str) -> list[str]:
    return [s.text for s in segment([Document(text)]).sentences if s.kind == kind]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "It is so.\n  longest-wait:\n    <number>\n  How long it waits.\n",
            ["longest-wait:\n    <number>"],
        ),
        ("It is so.\n  name: <zone\n    name>\n  Name of the zone.\n", ["name: <zone\n    name>"]),
        (
            "queue-stats switch\n    [port [queue]]\n  Prints the counts.\n",
            ["queue-stats switch\n    [port [queue]]"],
        ),
        (
            "end\n  mtu :\n    least: optional string\n  The least of it.\n",
            ["mtu :\n    least: optional string"],
        ),
        (
            "  size:\n    int (optional)\n  size of the mill\n"
            "  share:\n    bool (optional)\n  if false, none\n",
            ["size:\n    int (optional)", "share:\n    bool (optional)"],
        ),
        (
            "of it,\n    2.10)\n  drop-it:\n    boolean (optional) (If: CONFIG_MILL)\n  drops it now.\n"
            "  keep:\n    boolean\n    (optional) (If: CONFIG_MILL)\n  if true, it is kept.\n",
            [
                "drop-it:\n    boolean (optional) (If: CONFIG_MILL)",
                "keep:\n    boolean\n    (optional) (If: CONFIG_MILL)",
            ],
        ),
        (
            "It is.\n  -n, -net, -mill\n    <MILL>\n  turns to the mill. It does the same as:\n"
            "    mill exec MILL tc [ OPTIONS ]\n        OBJECT { GO | help }\n    to\n"
            "    mill -n[et] MILL [ OPTIONS ]\n        OBJECT { GO | help }\n  \n  -N, -Number\n  Print.\n",
            ["-n, -net, -mill\n    <MILL>", "-N, -Number"],
        ),
        (
            "It ends.\n  ~/.local/mill/log or\n    ~/.mill/log\n  The file of it. See there.\n",
            ["~/.local/mill/log or\n    ~/.mill/log"],
        ),
        ("It is so.\n\n\n  kind {\n    fast | slow } \n  type of the mill.\n", ["kind {\n    fast | slow }"]),
        ("It is.\n  put KIND\n    HEADER\n  attach the header to this mill.\n", ["put KIND\n    HEADER"]),
        ("It is.\n  by the\n    NASA and\n  some other people of it.\n", []),
        ("  Ss,\n    Se\n  Sets the style.\n", ["Ss,\n    Se"]),
        ("It ends.\n  remove_zone\n    name\n  Remove the zone.\n", ["remove_zone\n    name"]),
        (
            "  move-pane\n    [-bd] [-l\n    size]\n  \n    (alias: movep)\n    Moves it at once.\n",
            ["move-pane\n    [-bd] [-l\n    size]"],
        ),
        ("  The value is set\n      by it.\n  It is so in\n      any case\n  Another one comes.\n", []),
        ("    if x:\n        return y\n    for a in b:\n        print(a)\n", []),
        ("  -T tells the\n      kind of it.\n  -B shuts the valve of the\n      mill.\n", []),
        ("It ends.\n    -T tells mills\n        the kind of it. So it is.\n", []),
        ("  With -b, the mill is shut in the\n      night.\n  If -d does not turn\n      it.\n", []),
        ("  The\n      mill() turns.\n  If\n      it stops, it ends.\n", []),
    ],
)
def test_names_that_a_line_end_breaks(text: str, names: list[str]) -> None:
    assert units(text, "term") == names


def test_a_chunk_of_wrapped_names_is_not_without_names() -> None:
    text = "turn_limit:\n    optional integer\n  The limit.\n  stop :\n    why: string\n  Why it stops.\n"
    found = companions(segment([Document(text, metadata={"source": "a", "start_index": 90})]))
    assert not found.broken
    assert found.needs == {1: (0,), 3: (2,)}


def test_name_dash_and_description_are_one_unit() -> None:
    text = (
        "It is so.\n    limit BYTES - how many of them may wait in\n        line. Default is 4.\n    \n"
        "    ttl HOPS - how far they may\n        go.\n"
    )
    assert units(text, "list item") == [
        "limit BYTES - how many of them may wait in\n        line. Default is 4.",
        "ttl HOPS - how far they may\n        go.",
    ]
    text = "So\n\nurl (str) – Where it is. Here\nby default.\nerr (bool) – Whether it\nfailed.\n\nIt.\n"
    assert units(text, "list item") == [
        "url (str) – Where it is. Here\nby default.", "err (bool) – Whether it\nfailed.",
    ]  # fmt: skip


def test_sections_of_man_pages_are_headings_at_the_end_of_a_chunk_too() -> None:
    text = "It is so.\n\n\n\nSEE\n  ALSO\nmill(8)\n\n\n\nAUTHOR\nAnna Lund\n\n\n\nFILES"
    assert units(text, "heading") == ["SEE\n  ALSO", "AUTHOR", "FILES"]


def test_what_opens_nothing_at_the_end_of_a_chunk_is_worth_little() -> None:
    chunk = {"source": "a", "start_index": 40}
    text = "The valve is shut at night.\n\n\n\n\nExamples"
    assert set(companions(segment([Document(text, metadata=chunk)])).broken) == {1}
    text = "The valve is shut at night. These"
    parts = segment([Document(text, metadata=chunk)])
    assert [s.fragment for s in parts.sentences] == [False, True]
    assert companions(parts).broken == {1: 0}


def test_a_number_on_a_line_of_its_own_begins_what_follows() -> None:
    text = "All of it is off\n  2.\n  None of it is on\n  3.\n  Some of it.\n"
    assert [s.text for s in segment([Document(text)]).sentences] == [
        "All of it is off", "2.\n  None of it is on", "3.\n  Some of it.",
    ]  # fmt: skip


CLASS = (
    "It is.\n\n\n\n\n\nclass Mill(stones)¶\nIt grinds.\n\n\n\n\nturn(by)¶\nTurns it.\n"
    "\n\n\n\nstop()¶\nStops it.\n\n\n\n\nThe stones are of granite.\n"
)


def test_what_follows_the_methods_of_a_class_is_under_the_class() -> None:
    parts = segment([Document(CLASS)])
    last = len(parts.sentences) - 1
    assert [parts.sentences[i].text for i in companions(parts).needs[last]] == ["class Mill(stones)¶"]


def test_a_list_of_values_stands_within_a_name_that_links_to_itself() -> None:
    text = (
        "It is.\n\nreport_all¶\nWhether so.\n\nlogone line each\n\nsmsone message each\n\n\nDefault is no.\n"
    )
    parts = segment([Document(text)])
    unit = next(i for i, s in enumerate(parts.sentences) if s.text.startswith("Default"))
    assert [parts.sentences[i].text for i in companions(parts).needs[unit]] == ["report_all¶"]


def test_what_follows_a_list_whose_outer_name_is_not_there_is_worth_little() -> None:
    text = (
        "of the mill.\n      wait-first\n      The first wait.\n    Moreover the wheel is\n        shut.\n"
        "  limit-of-turns\n  The limit.\n  limit-of-stops\n  The other.\n"
    )
    parts = segment([Document(text, metadata={"source": "a", "start_index": 300})])
    found = companions(parts)
    assert [parts.sentences[i].text[:8] for i in sorted(found.broken)] == ["of the m", "Moreover"]
