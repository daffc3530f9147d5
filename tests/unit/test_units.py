"""Units as a reader sees them: whole sentences, names with descriptions, nothing longer than any budget."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress.data import Document
from ragcompress.errors import InputError
from ragcompress.text import sentences
from ragcompress.text.boilerplate import is_boilerplate
from ragcompress.text.languages import detect
from ragcompress.text.lengths import LONGEST, estimate
from ragcompress.text.segmentation import segment

PROPERTY = tries(40)


def units(text: str) -> list[tuple[str, str]]:
    return [(s.kind, s.text) for s in segment([Document(text)]).sentences]


@pytest.mark.parametrize(
    "sentence",
    [
        "Use DROP ... IF EXISTS commands to drop objects.",
        "It wrote SELECT … FROM it all.",
        "He waited... then left.",
        "It has marks, e.g. The first, i.e. One.",
        "We set $a. B = c$ here.",
        "Call `x. Y` now.",
        "It is old.[^1]",
        "It was built in 1931.¹",
        "Table\xa013.1. Levels of it.",
        "2.1. A party agrees to it.",
        "The range D..M leaves A..B and 1..10 out.",
        "(It ends in a call of stop(1).)",
        "It was built.<sup>1</sup>",
        "It was built.[citation needed]",
        "_Go now._",
        "__Why?__",
        "~~The fee is 12.~~",
        "~~The fee is 12. It was set by Ann.~~",
        "They sell larch etc. here.",
        "Write #!/bin/sh on top, then ask $? for ?.md files.",
        "See ![the map of *Vik*](vik.png) here.",
        "![Map][1] shows ![[fee.png]] and a ![F](data:image/png;base64,AA).",
        "El Sr. Holm y la Sra. Lund lo hicieron en EE. UU. en la pág. 5.",
    ],
)
def test_this_is_one_sentence(sentence: str) -> None:
    assert units(f"{sentence} Next one.")[0] == ("prose", sentence)


@pytest.mark.parametrize("mark", ["(ii) ", "(a) ", "(12) ", "(IV) ", "  (iv) ", "(ii). ", "ii) ", "xi. "])
def test_a_number_before_a_paragraph_keeps_its_sentences_apart(mark: str) -> None:
    text = f"{mark}The rent is 40. He pays in May, as (b) says. Then he goes."
    assert [t for _, t in units(f"Intro is here.\n{text}")][1:] == [
        f"{mark.strip()} The rent is 40.",
        "He pays in May, as (b) says.",
        "Then he goes.",
    ]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("fr", "Il a vu M. Lund. Mme. Roy est là. M. Lund est là. Il y a 5 m. Puis rien.",
         ["Il a vu M. Lund.", "Mme. Roy est là.", "M. Lund est là.", "Il y a 5 m.", "Puis rien."]),
        ("nl", "De brug is o.a. van hout, d.w.z. van lariks. Ja.",
         ["De brug is o.a. van hout, d.w.z. van lariks.", "Ja."]),
        ("pl", "Zbudował go inż. Lis, m.in. tu. Tak.", ["Zbudował go inż. Lis, m.in. tu.", "Tak."]),
        ("en", "See vol. 2 and ch. 3. Eqs. 4 hold.", ["See vol. 2 and ch. 3.", "Eqs. 4 hold."]),
        ("en", "Ms. Lund paid approx. 12 crowns. Built est. 1931. Tel. 55.",
         ["Ms. Lund paid approx. 12 crowns.", "Built est. 1931.", "Tel. 55."]),
        ("en", "It runs on .NET 8. Edit .env first. Plan B. We go.",
         ["It runs on .NET 8.", "Edit .env first.", "Plan B.", "We go."]),
        ("de", "Am 3. Tag kam er. Er kam um 5. Dann ging er.",
         ["Am 3. Tag kam er.", "Er kam um 5.", "Dann ging er."]),
        ("ru", "См. рис. 5. Да.", ["См. рис. 5.", "Да."]),
        ("ru", "Это 50 коп. за шт. Проф. Иванов А. Б. сказал так. Да.",
         ["Это 50 коп. за шт.", "Проф. Иванов А. Б. сказал так.", "Да."]),
    ],
)  # fmt: skip
def test_short_forms_of_a_language_end_no_sentence(language: str, text: str, expected: list[str]) -> None:
    assert [s.text for s in segment([Document(text)], language=language).sentences] == expected


def test_a_mark_stays_with_the_sentence_behind_it() -> None:
    text = "A. The first. 2. The second. B. Then this. (b) And that. Done."
    assert [t for _, t in units(text)] == [
        "A. The first.", "2. The second.", "B. Then this.", "(b) And that.", "Done.",
    ]  # fmt: skip


def test_a_line_begins_with_its_number() -> None:
    text = "Terms and Words\n2.1. First Level\n2.1.1. Second Level\n2.2. A party agrees."
    assert [t for _, t in units(text)] == [
        "Terms and Words", "2.1. First Level", "2.1.1. Second Level", "2.2. A party agrees.",
    ]  # fmt: skip


def test_prices_are_no_formula_and_a_pause_may_end_a_sentence() -> None:
    assert [t for _, t in units("It costs $5. He paid $6. He waited... Then he left.")] == [
        "It costs $5.", "He paid $6.", "He waited...", "Then he left.",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("kind", "block"),
    [
        ("code", "$$\nP = q. L = 3.\n$$"),
        ("code", "\\[\nP. Q\n\\]"),
        ("code", "\\begin{align}\nP. Q\n\\end{align}"),
        ("table", "+---+---+\n| a | b. C |\n+===+===+\n| 1 | 2 |\n+---+---+"),
    ],
)
def test_formulas_and_drawn_tables_stay_whole(kind: str, block: str, end: str) -> None:
    assert (kind, block.replace("\n", end)) in units(f"Before.\n\n{block}\n\nAfter it.".replace("\n", end))


def test_names_and_labeled_values_are_units() -> None:
    text = "work_mem (integer)\nSets it. More.\n\n--if-exists\n\nUse it.\n\n  -q    Be quiet.\n\n"
    text += "Width: 12 m\nAge: 5\n"
    assert units(text) == [
        ("term", "work_mem (integer)"), ("prose", "Sets it."), ("prose", "More."), ("term", "--if-exists"),
        ("prose", "Use it."), ("list item", "-q    Be quiet."), ("list item", "Width: 12 m"),
        ("list item", "Age: 5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("copyright¶\nWho has it. New.\n\nauthor¶\nWho wrote it.", ["copyright¶", "author¶"]),
        ("Formats:\n\n%e\nDay of the month.\n  %Ld\n  Minor type.\n", ["%e", "%Ld"]),
        ("See it.\n\ncommit.gpgSign\n\n\n\n        Whether to sign.\n", ["commit.gpgSign"]),
        ("save [-q] [<message>]\n\n\n   Keep it.\n\n", ["save [-q] [<message>]"]),
        ("by number\n\n   Pick it.\n\nby name\n\n   Say it.\n", ["by number", "by name"]),
        ("  -f,\n    --follow[=NAME]\n  goes on reading.\n", ["-f,\n    --follow[=NAME]"]),
        ("Use it with the\n--only option below.\nIt is quick.", []),
        ("a\n:   Sets the size of\n    one.\n\nb\n:   Sets the size of\n    two.\n", ["a", "b"]),
        ("Then he said\n\n    nothing.\n", []),
        ("GIT URLS\n\n  They are of two kinds.\n", []),
    ],
)
def test_lines_of_bare_text_that_name_what_stands_below(text: str, names: list[str]) -> None:
    assert [unit for kind, unit in units(text) if kind == "term"] == names


WORDS = st.sampled_from(
    [
        "bridge",
        "น้ำ",
        "ខ្មែរ",
        "東京タワー",
        "好",
        "བཀྲ་",
        "ລາວ",
        "a=1;",
        "{x}",
        "été",
        ",",
        " ",
        "\n",
        "한국",
        "हिन्दी",
    ]
)


@PROPERTY
@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(1, 300), st.sampled_from(["", " "]))
def test_no_unit_of_prose_is_longer_than_the_bound_and_all_is_there(
    words: list[str], times: int, joiner: str
) -> None:
    text = joiner.join(words * times)
    sentences = segment([Document(text, syntax="text")]).sentences
    assert all(estimate(s.text) <= LONGEST + 1 for s in sentences if s.kind == "prose")
    assert "".join("".join(s.text.split()) for s in sentences) == "".join(text.split())
    assert not any(s.cut for s in sentences[-1:])


def test_a_cut_falls_between_words() -> None:
    text = "so then he said to me that the bridge was red " * 40
    assert all(
        s.text in text and s.text.split()[0] in text.split() for s in segment([Document(text)]).sentences
    )
    thai = segment([Document("สวัสดีครับผมชื่อสมชายและผมทำงานที่นี่" * 20)]).sentences
    assert len(thai) > 2
    assert not any(s.text[0] in "ะาำิีึืุู็่้๊๋" for s in thai)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "The bridge at Skarn was built by de la Cruz."), ("de", "Das ist z. B. der Fall."),
        ("es", "El Sr. Holm y la Sra. Lund lo hicieron."), ("fr", "Le chat est sur la table."),
        ("ru", "Москва является столицей и не только"), ("uk", "Він був у Києві і це не все"),
        ("ja", "今日は天気がとても良い"), ("zh", "今天天气很好"), ("fa", "در تهران است که این را"),
        ("en", "Short"),
    ],
)  # fmt: skip
def test_the_language_is_found_out_or_given(code: str, text: str) -> None:
    assert detect(text) == code
    spanish = "Lo dijo la Sra. Lund en la pág. 5."
    assert len(segment([Document(spanish, language="es")], language="en").sentences) == 1
    assert len(segment([Document(spanish)], language="es").sentences) == 1
    assert len(segment([Document(spanish)], language="en").sentences) > 1


def test_a_region_behind_the_code_of_a_language_changes_nothing() -> None:
    german, expected = "Am 3. Tag kam er. Er ging.", ["Am 3. Tag kam er.", "Er ging."]
    for tag in ("de-AT", "DE", "de_DE"):
        assert [s.text for s in segment([Document(german)], language=tag).sentences] == expected
        assert [s.text for s in segment([Document(german, language=tag)]).sentences] == expected
    unknown = Document(german, language="German")
    assert [s.text for s in segment([unknown], language="de").sentences] == expected
    with pytest.raises(InputError, match="got 'german'"):
        segment([unknown], language="german")


@pytest.mark.parametrize(
    "text",
    ["Prev | Up | Chapter 21. Locks | Home | Next", "Last updated 2024-05-31", "Skip to main content",
     "Introduction ........ 5", "© 2024 Skarn Ltd. All rights reserved.", "Page 3 of 12",
     "CP(1)                 User Commands                CP(1)", "next |", "Show Source", "Quick search",
     "xfs_db(8)\n    System Manager's Manual\n    xfs_db(8)", "Skarn tools 9.1     May 2022     cp(1)",
     "Home | Docs | API | Contact", "Privacy Policy | Terms of Use | Imprint", "Edit this page on GitHub",
     "Accept all", "Was this page helpful?", "Letzte Änderung: 3. Mai 2024",
     "Open Switch           3.1.0           ovs(7)", "Debian         November 28, 2022          Debian"],
)  # fmt: skip
def test_boilerplate_is_known(text: str) -> None:
    assert is_boilerplate(text)


@pytest.mark.parametrize(
    "text",
    ["We use cookies to bake.", "We use cookies to enhance your visit.", "Was this page written by Ann?",
     "Docs | Wheel | Stone", "Edit this page first.", "The page was last updated by Ann, who also wrote it.", 
     "Home is where it is.", "Next of kin", "Copyright law protects it.", "Contents of the box are old.",
     "cp(1) copies and mv(1) moves", "next", "Bergen     2019     Bergen", "12.5     2022-08-05     12.5",
     "Pump     May 2022     Valve"],
)  # fmt: skip
def test_content_is_no_boilerplate(text: str) -> None:
    assert not is_boilerplate(text)


def test_the_license_at_the_head_of_a_text_is_boilerplate_and_names_nothing() -> None:
    head = 'Licensed under the Apache License, Version 2.0 (the "License"); you may not use it otherwise.\n\n'
    about = "The software is provided by the miller. Home is where it is. "
    whole = segment([Document(head + about * 60)]).sentences
    assert whole[0].kind == "boilerplate" and {s.kind for s in whole[1:]} == {"prose"}
    assert {s.kind for s in segment([Document(head + about)]).sentences} == {"prose"}
    led = segment([Document("Home | Docs | API | Contact\n\nThe wheel turns left. It is of oak.")])
    assert [s.kind for s in led.sentences] == ["boilerplate", "prose", "prose"]


def test_edges_of_chunks_are_fragments() -> None:
    first = "It is red. When set, commits will wait until replies from the standby"
    second = (
        "replies from the standby. When set, commits will wait until replies from the standby come in. End."
    )
    flags = [
        (s.document, s.text[:12], s.fragment) for s in segment([Document(first), Document(second)]).sentences
    ]
    assert [f for f in flags if f[2]] == [(0, "When set, co", True), (1, "replies from", True)]
    assert not any(s.fragment for s in segment([Document("A title"), Document("It is red.")]).sentences)


@pytest.mark.parametrize("head", ["2024-05-03 12:{n:02}:00 ", "10.2.{n}.4 - ", "web{n} sshd: ", "[{n}] "])
def test_each_line_of_a_log_is_a_unit(head: str) -> None:
    lines = [head.format(n=n) + f"worker {n} is done in {n} ms after it began" for n in range(40)]
    assert [text for _, text in units("\n".join(lines))] == lines


def test_lines_of_a_wrapped_paragraph_are_none() -> None:
    text = "the ferry came in about nine and everyone got on and then it went out again " * 20
    lines = textwrap.wrap(text, 70)
    assert all(len(text) > 300 for _, text in units("\n".join(lines))[:-1])


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("ភាសាខ្មែរ។ ប្រទេសកម្ពុជា។", ["ភាសាខ្មែរ។", "ប្រទេសកម្ពុជា។"]),
        ("བོད་སྐད་ཡིན། དེ་ནི་ཡིན། །", ["བོད་སྐད་ཡིན།", "དེ་ནི་ཡིན། །"]),
        ("<details><summary>How long?</summary> Ten days.</details>", None),
    ],
)
def test_ends_that_scripts_and_tags_have(text: str, units: list[str] | None) -> None:
    found = [s.text for s in segment([Document(text, syntax="text")]).sentences]
    assert found == (units or ["<details><summary>How long?</summary>", "Ten days.</details>"])


@pytest.mark.parametrize(
    ("record", "begins"),
    [
        ('{{"id": {0}, "name": "Ann", "note": "late"}}, ', '{"id"'),
        ("function f{0}(a,b){{return a+b}};", "function"),
        (".c{0}{{color:red;margin:2px}}", ".c"),
        ("[{0}, 1.5, 2.5], ", "["),
    ],
)
def test_long_lines_of_data_and_code_are_cut_between_their_records(record: str, begins: str) -> None:
    text = "".join(record.format(n) for n in range(200)).strip(", ")
    sentences = segment([Document(text, syntax="code")]).sentences
    assert len(sentences) > 5
    assert all(s.text.startswith(begins) for s in sentences)


@pytest.mark.parametrize(
    "words",
    [
        "ພາສາ ລາວ ເປັນ ພາສາ ທາງການ ຂອງ ປະເທດ ລາວ",
        "ភាសាខ្មែរ ជា ភាសាផ្លូវការ របស់ ប្រទេស កម្ពុជា",
        "စကား သည် နိုင်ငံတော် ၏ စကား ဖြစ်သည်",
    ],
)
def test_scripts_without_blanks_are_cut_between_words_where_icu_is_installed(words: str) -> None:
    pytest.importorskip("icu4py")
    text = words.replace(" ", "") * 40
    parts = [s.text for s in segment([Document(text)]).sentences]
    assert len(parts) > 2
    assert "".join(parts) == text
    starts = {word[:3] for word in words.split()}
    assert all(part[:3] in starts for part in parts)


@pytest.mark.parametrize("syntax", ["text", "markdown"])
def test_a_row_of_plain_text_that_is_far_too_long_is_cut(syntax: str) -> None:
    text = "| a | b |\n|---|---|\n| 1 | " + "we run to the sea " * 600 + "|\n"
    cut = segment([Document(text, syntax=syntax)]).sentences  # type: ignore[arg-type]
    assert max(len(s.text) for s in cut) < 2_500
    assert "".join("".join(s.text.split()) for s in cut) == "".join(text.split())


@pytest.mark.parametrize("part", ["`a``b", "\"a.' ", "« a "])
def test_paragraphs_of_quotation_marks_are_read_in_windows(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, boundaries = [], sentences._boundaries

    def counted(text: str, language: str) -> list[int]:
        read.append(len(text))
        return boundaries(text, language)

    monkeypatch.setattr(sentences, "_boundaries", counted)
    text = part * 8_000
    cut = segment([Document(text, syntax="text")]).sentences
    assert "".join("".join(s.text.split()) for s in cut) == "".join(text.split())
    assert max(read) <= 8_192 and sum(read) < 4 * len(text)
