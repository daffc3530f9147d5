"""Short documents of ordinary kinds: a value is kept with its label, and beside no other's."""

from __future__ import annotations

import pytest

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment

CLAUSES = """4.1 The tenant shall:
(a) pay the rent at the start of each month;
(b) report in writing:
    (i) any defect of the heating, within two days;
    (ii) any other defect, within ten days;
(c) keep no animals other than:
    (i) fish;

4.2 The landlord shall:
(a) repair the roof;
(b) answer a report:
    (i) of a defect of the heating, within one day.
"""
SETTINGS = """[server]
port = 8443
timeout = 30

[cache]
port = 6379
timeout = 2
"""
SHEET = """The bike comes in two sizes.

Model S
Length 2.10 m
Maximum load 80 kg
Price from 2,190 EUR

Model L
Length 2.55 m
Maximum load 140 kg
Price from 2,890 EUR

Both have a stand.
"""
NOTES = (
    "# Notes\n\n## 2.3.0 (2025-11-20)\n\n- Left Python 3.8.\n- New sieve.\n\n## [2.2.0]\n\n- Took up rye.\n"
)
TRANSCRIPT = """Q. What colour was it?
A. Dark green. It may have been black.
Q. What time was it?
A. A little after six. The bakery was open.
"""
ENTRIES = """Ahmadi, R. (2019). On the wear of stones. Journal of Mills 44, 87-95.

Lund, P. and Ahmadi, R. (2020). Stone and steel. Milling
Today 5, 12-19.
"""
LOG = """2026-03-02 04:00:01 INFO  scheduler started
    at once
2026-03-02 04:00:02 INFO  job 1 started
    at once
"""


def over(text: str, unit: str) -> list[str]:
    """What the last unit with these words needs, nearest first."""
    parts = segment([Document(text)])
    found = companions(parts)
    at = max(i for i, s in enumerate(parts.sentences) if unit in s.text)
    above = []
    while needed := found.needs.get(at):
        at = needed[-1]
        above.append(parts.sentences[at].text)
    return above


@pytest.mark.parametrize(
    ("text", "unit", "above"),
    [
        (CLAUSES, "within ten days", ["(b) report in writing:", "4.1 The tenant shall:"]),
        (CLAUSES, "fish", ["(c) keep no animals other than:", "4.1 The tenant shall:"]),
        (CLAUSES, "within one day", ["(b) answer a report:", "4.2 The landlord shall:"]),
        (CLAUSES, "repair the roof", ["4.2 The landlord shall:"]),
        (CLAUSES, "4.2", []),
        (SETTINGS, "timeout = 2", ["[cache]"]),
        (SHEET, "140 kg", ["Model L"]),
        (SHEET, "Both", []),
        (NOTES, "Left Python", ["## 2.3.0 (2025-11-20)"]),
        (NOTES, "rye", ["## [2.2.0]"]),
        (TRANSCRIPT, "It may have been black.", ["Q. What colour was it?"]),
        (TRANSCRIPT, "The bakery was open.", ["Q. What time was it?"]),
        (LOG, "job 1", []),
    ],
)
def test_what_a_line_is_read_under(text: str, unit: str, above: list[str]) -> None:
    assert over(text, unit) == above


@pytest.mark.parametrize("letters", ["ghij", "hijk"])
def test_a_clause_i_behind_h_is_one_of_the_same_list(letters: str) -> None:
    listed = "".join(f"({letter}) clause of the {letter} kind;\n" for letter in letters)
    text = f"It shall:\n{listed}"
    assert all(over(text, f"({letter})") == ["It shall:"] for letter in letters)


def test_what_follows_the_clauses_needs_nothing_of_them() -> None:
    assert over("It shall:\n(a) turn;\n(b) stop.\n\nIt is old.\n", "It is old.") == []
    assert over("It is so:\n\nThe mill is old. (a) It turns.\n", "(a)") == []


def test_entries_of_a_bibliography_are_whole() -> None:
    found = [s.text for s in segment([Document(ENTRIES)]).sentences]
    assert found == [entry.strip() for entry in ENTRIES.split("\n\n")]
    prose = "Lund, P. said so in 2019. He was right. It was late.\n"
    assert len(segment([Document(prose)]).sentences) == 3


@pytest.mark.parametrize(
    ("text", "question", "tokens", "wanted", "other"),
    [
        (SETTINGS, "timeout of the cache", 5, "timeout = 2", "timeout = 30"),
        (SHEET, "maximum load of model L", 6, "Maximum load 140 kg", "80 kg"),
        (NOTES, "Which version left Python 3.8?", 8, "- Left Python 3.8.", "rye"),
    ],
)
def test_a_value_is_kept_under_its_label(
    text: str, question: str, tokens: int, wanted: str, other: str
) -> None:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    kept = compressor(question, [Document(text)], budget=Budget(max_tokens=tokens)).text
    assert wanted in kept
    assert other not in kept
    assert over(text, wanted)[0] in kept
