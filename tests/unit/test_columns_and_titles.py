"""Names beside their description, titles by their marks, and captions: what a unit needs is what is meant."""

from __future__ import annotations

import pytest

from ragcompress import Document
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment


def needs(text: str, unit: str) -> list[str]:
    """What the unit that begins so needs."""
    parts = segment([Document(text)])
    (index,) = (i for i, s in enumerate(parts.sentences) if s.text.startswith(unit))
    return [parts.sentences[i].text for i in companions(parts).needs.get(index, ())]


def units(text: str, kind: str) -> list[str]:
    return [s.text for s in segment([Document(text)]).sentences if s.kind == kind]


MAN = """ENVIRONMENT
       PAGER  The program that shows the text.  If unset, less is used.

       TMPDIR Where files are kept.  /tmp is the default.

       LANG   Language of messages.

              The default is C.

       Both are read once.

EXIT STATUS
       0      All went well.

       >1     An error occurred.  Nothing is written.
"""


def test_short_names_of_man_pages_stay_with_their_values() -> None:
    items = [" ".join(item.split()) for item in units(MAN, "list item")]
    assert items == [
        "PAGER The program that shows the text. If unset, less is used.",
        "TMPDIR Where files are kept. /tmp is the default.",
        "0 All went well.",
        ">1 An error occurred. Nothing is written.",
    ]
    assert units(MAN, "term") == ["LANG"] and units(MAN, "heading") == ["ENVIRONMENT", "EXIT STATUS"]
    assert needs(MAN, "The default is C.") == ["LANG"]
    assert needs(MAN, "Both are read once.") == []


@pytest.mark.parametrize(
    "text",
    [
        "The wheel turns.  It is of oak.\n\nThe stones  lie below.  They weigh much.\n",
        "   snapshot create\n       Creates a snapshot.\n\n       -r      Recursively, with all below.\n",
        "Sort\n  ->  Scan of the mill\n        Key: rye\n  ->  Scan of the kiln\n        Key: oak\n",
        "1.  Open the lid of it.\n\n2.  Fill in some water.\n\n(a)  Not too much of it.\n",
    ],
)
def test_sentences_and_marks_are_no_names_before_a_column(text: str) -> None:
    kinds = [(s.kind, s.text) for s in segment([Document(text, syntax="text")]).sentences]
    assert not any(kind == "list item" and not unit.startswith("-r") for kind, unit in kinds), kinds


def test_a_title_in_bold_names_what_stands_below_it() -> None:
    text = (
        "## Faults\n\n**Error: port in use**\n\nAnother mill listens there. Stop it.\n\n"
        "**Error: no rights**\n\nAsk the miller. He has **all** of them.\n\n**This is a sentence.**\n"
    )
    assert units(text, "term") == ["**Error: port in use**", "**Error: no rights**"]
    assert needs(text, "Stop it.") == ["**Error: port in use**"]
    assert needs(text, "He has") == ["**Error: no rights**"]


def test_underlined_lines_are_headings() -> None:
    text = "====\nMill\n====\n\nIt grinds.\n\nHow is it built?\n----------------\n\nOf oak.\n\na: b\n---\nx"
    assert units(text, "heading") == ["====\nMill\n====", "How is it built?\n----------------"]
    assert needs(text, "Of oak.") == ["How is it built?\n----------------"]
    assert not units("Signed,\nAnna\n--\nMill Road\n\n-----\n\nIt ends.\n", "heading")


def test_a_title_over_items_is_no_part_of_the_item_above() -> None:
    text = "What we offer\n• Free delivery\n• Repairs within a week\nWhat we don't\n• Rentals\n"
    assert needs(text, "• Repairs") == ["What we offer"]
    assert needs(text, "• Rentals") == ["What we don't"]
    wrapped = "• Wear gloves where the wheel turns and keep the lid shut for the\nWinter\n• Run\n"
    assert units(wrapped, "term") == []
    spoken = "Anna kom hjem\n– Jeg er her, sa hun.\n– Det er bra.\n"
    assert units(spoken, "term") == [] and units(spoken.replace(".", ""), "term") == ["Anna kom hjem"]


def test_several_names_have_one_definition() -> None:
    text = "EACCES\nEPERM\n\n:   Not allowed.\n\nENOENT\n\n:   No such file. Look again.\n"
    assert units(text, "term") == ["EACCES", "EPERM", "ENOENT"]
    assert needs(text, ":   Not") == ["EPERM"] and needs(text, "EPERM") == ["EACCES"]


def test_labels_over_their_values_and_lines_of_one_list_are_no_names() -> None:
    assert units("Timeout:\n    30 seconds\nRetries:\n    5\n", "term") == []
    assert units("A-3 Red light blinks: battery low\nA-4 Red light stays on: motor blocked\n", "term") == []
    assert units("[Image: The wheel]\n\nFigure 2. The wheel\n\nIt turns left. It is new.\n", "term") == []


def test_an_option_below_the_example_of_another_is_a_name() -> None:
    text = (
        "       -X method\n           Use it instead.\n           Example:\n\n"
        "               mill -X POST http://mill/\n\n       -y time\n           Give up then. 30 if unset.\n"
    )
    assert needs(text, "30 if unset.") == ["-y time"]


def test_questions_of_other_languages_and_pages_have_their_answers() -> None:
    text = "Frage: Wie lange?\nAntwort: Zwei Tage.\n\nFrage: Was kostet es?\nAntwort: 4 €.\n"
    assert needs(text, "Antwort: 4") == ["Frage: Was kostet es?"]
    hidden = "<details>\n<summary>Which ports?</summary>\n\n443 and 8080. Both for TCP.\n\n</details>\n"
    assert needs(hidden, "443") == ["<details>\n<summary>Which ports?</summary>"]


def test_a_caption_below_a_table_brings_it() -> None:
    table = "| Mill | Year |\n| --- | --- |\n| Skarn | 1931 |\n\n"
    assert needs(table + "Table 1: Mills of the valley\n\nThey turn.\n", "Table 1") == [table.strip()]
    assert needs(table + "Table 1 shows two mills of the valley.\n", "Table 1") == []
    both = table + "Table 2: Kilns\n\n| Kiln | Year |\n| --- | --- |\n| Ask | 1940 |\n"
    assert needs(both, "Table 2") == []


def test_a_number_in_brackets_is_no_sentence() -> None:
    units_of = [s.text for s in segment([Document("See Fig. 3 and Eq. (4). It is long.")]).sentences]
    assert units_of == ["See Fig. 3 and Eq. (4).", "It is long."]
