"""What is kept of ordinary documents can be understood: labels, questions, examples, sections."""

from __future__ import annotations

import pytest

from ragcompress import Budget, Compressor, Document, scorers

FILL = (
    "The team meets on Mondays in the large hall and talks about the week that lies ahead. "
    "Lunch is served at noon on the second floor. Visitors sign a book at the door."
)


def kept(text: str, question: str, tokens: int, scorer: str = "bm25") -> str:
    compressor = Compressor(scorers.make(scorer), counter=lambda text: len(text.split()))
    return compressor(question, [Document(text)], budget=Budget(max_tokens=tokens)).text


@pytest.mark.parametrize(
    ("oak", "larch"),
    [
        ("## Oak lamp\n\nPrice: 12 EUR\nWeight: 300 g", "## Larch lamp\n\nPrice: 19 EUR\nWeight: 450 g"),
        ("Oak lamp\nPrice: 12 EUR\nWeight: 300 g", "Larch lamp\nPrice: 19 EUR\nWeight: 450 g"),
        ("### Oak lamp\n\nPrice: 12 EUR", "### Larch lamp\n\nPrice: 19 EUR"),
        ("### Oak lamp\n**Price:** 12 EUR", "### Larch lamp\n**Price:** 19 EUR"),
    ],
)
def test_a_value_stands_under_what_it_is_of(oak: str, larch: str) -> None:
    text = kept(f"{FILL}\n\n{oak}\n\n{larch}\n\n{FILL}\n", "What does the Larch lamp cost?", 7)
    assert "Larch lamp" in text
    assert "19 EUR" in text
    assert "12 EUR" not in text


@pytest.mark.parametrize("mark", ["**{}**\n", "{}", "## {}\n", "Q: {}"])
def test_an_answer_has_its_question_and_no_question_stands_alone(mark: str) -> None:
    pairs = [
        ("Are dogs allowed here?", "Yes, if they are on a lead."),
        ("Are cats allowed here?", "No, they must stay at home."),
        ("Is smoking allowed here?", "Nobody does."),
    ]
    listed = "\n\n".join(f"{mark.format(question)}\n{answer}" for question, answer in pairs)
    for question, answer in pairs:
        text = kept(f"{FILL}\n\n{listed}\n\n{FILL}\n", question, 12)
        assert question in text
        assert answer in text
        for other_question, other_answer in pairs:
            assert (other_question in text) == (other_answer in text)


def test_a_question_within_a_paragraph_asks_nothing_of_the_reader() -> None:
    text = kept("The bridge is old. Who built it? Nobody knows the name. It is of larch.", "Nobody knows", 4)
    assert text == "Nobody knows the name."


def test_code_stands_under_the_sentence_that_points_at_it_and_lists_do() -> None:
    code = "Never do the following.\n\n```sh\nlarch index --rebuild\n```"
    assert kept(f"{FILL}\n\n{code}\n\n{FILL}", "larch index --rebuild", 9) == code
    listed = "These files are left out, as described below.\n\n- caches\n- core dumps\n- mail"
    text = kept(f"{FILL}\n\n{listed}\n\n{FILL}", "core dumps", 12)
    assert text.startswith("These files are left out")
    assert "- core dumps" in text


@pytest.mark.parametrize("mark", ["### `{}`", "### {}", "## --{}"])
def test_what_describes_an_option_has_the_heading_that_names_it(mark: str) -> None:
    names = [mark.format(name) for name in ("max_wal", "min_wal")]
    described = (
        f"{names[0]}\n\nHow large the log gets. It is written then.\n\n{names[1]}\n\nHow small the log gets."
    )
    text = kept(f"# Settings\n\n{FILL}\n\n{described}\n\n## Others\n\n{FILL}", "small log", 8)
    assert text == f"{names[1]}\n\nHow small the log gets."


def test_what_would_be_read_under_the_heading_of_another_section_brings_its_own() -> None:
    bridge = "## Winter hours of the bridge\n\nClosed at four."
    text = f"{bridge}\n\n## The ferry\n\nOpen until nine at night.\n\n{FILL}"
    found = kept(text, "winter hours, nine at night", 18)
    assert "## Winter hours" in found
    assert "Open until nine" in found
    assert found.index("## The ferry") < found.index("Open until nine")


def test_a_sentence_that_follows_a_list_somewhere_is_none_of_its_items() -> None:
    text = kept(
        f"To change it:\n\n1. Open the lid.\n2. Close the lid.\n\n{FILL}", "Open lid lunch served", 18
    )
    assert "1. Open the lid.\n\nLunch is served" in text


MAIL = """Hello all,

On Mon, 3 Mar 2025, Ada Miller wrote:
> Could we rotate the log of the pump every week instead of every day?
> It fills the disk, and the pump stops when the disk is full.

No, that is too seldom. We rotate at four each night, and keep ten.

> And who gets the key of the backup?

Bo has it until June.

The canteen is closed on Friday. Bring your own lunch.
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_of_a_mail_and_its_answer_stand_together(end: str) -> None:
    lines = kept(MAIL.replace("\n", end), "How often is the log of the pump rotated?", 45).splitlines()
    assert "> Could we rotate the log of the pump every week instead of every day?" in lines
    assert any(line.startswith("No, that is too seldom.") for line in lines)
    text = kept(MAIL.replace("\n", end), "Who has it until June?", 14)
    assert [line for line in text.splitlines() if line] == [
        "> And who gets the key of the backup?", "Bo has it until June.",
    ]  # fmt: skip


def test_a_quote_that_nobody_wrote_in_a_mail_is_not_answered() -> None:
    text = "The poet says this of mills.\n\n> All mills turn slowly in the end.\n\nThe ferry runs at nine.\n"
    assert "ferry" not in kept(text, "How do mills turn?", 9)
