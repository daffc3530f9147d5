from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import sentencex
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries

from ragcompress.data import Document, Segmentation
from ragcompress.errors import InputError
from ragcompress.text.blocks import _parser
from ragcompress.text.segmentation import given, segment
from ragcompress.text.sentences import _WINDOW

PROPERTY = tries(60)

FRAGMENTS = (
    "# Head", "- item", "  - nested", "1. first", "> quote", "```", "~~~py", "|a|b|", "|-|-|", ":-:", "***",
    "Dr. Who left. He came back!", "你好。我是谁?",
    "e.g. this", "\t", "    deep", "", " ", "\x00", "\x0b", "\u2028", "\x85",
    "😀. 𝔘n", "[x]: y", "<div>", "===", "a" * 1200,
)  # fmt: skip
MARKDOWN = st.lists(st.tuples(st.sampled_from(FRAGMENTS), st.sampled_from(("\n", "\r\n", "\r", " ", "\n\n"))))


def units(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(s.kind, s.text) for s in segment([Document(text)], language=language).sentences]


def check_tiling(segmentation: Segmentation) -> None:
    """Spell out what a segmentation promises, independently of ``Segmentation``'s own check."""
    for d, document in enumerate(segmentation.documents):
        outside, done = "", 0
        for s in (s for s in segmentation.sentences if s.document == d):
            assert document.text[s.start_char : s.end_char] == s.text == s.text.strip() != ""
            assert s.start_char >= done
            outside += document.text[done : s.start_char]
            done = s.end_char
        assert not (outside + document.text[done:]).strip()


@PROPERTY
@for_all(st.lists(st.text(), max_size=4), st.sampled_from(("en", "zh", "de", "xx")))
def test_any_unicode_text_is_tiled_exactly(texts: list[str], language: str) -> None:
    check_tiling(segment([Document(t) for t in texts], language=language))


@PROPERTY
@for_all(MARKDOWN)
def test_any_mix_of_blocks_and_line_ends_is_tiled_exactly(parts: list[tuple[str, str]]) -> None:
    text = "".join(fragment + end for fragment, end in parts)
    segmentation = segment([Document(text)])
    check_tiling(segmentation)
    assert segment([Document(text)]) == segmentation


@PROPERTY
@for_all(MARKDOWN)
def test_line_ends_do_not_change_the_units(parts: list[tuple[str, str]]) -> None:
    lines = "\n".join(fragment for fragment, _ in parts)
    for end in ("\r\n", "\r"):
        assert [(k, t.replace(end, "\n")) for k, t in units(lines.replace("\n", end))] == units(lines)


def test_repeated_documents_keep_their_positions() -> None:
    document = Document("One. Two.", id="same")
    segmentation = segment([document, Document(""), document])
    assert [(s.document, s.text) for s in segmentation.sentences] == [
        (0, "One."),
        (0, "Two."),
        (2, "One."),
        (2, "Two."),
    ]


def test_abbreviations_quotes_and_numbers_do_not_end_a_sentence() -> None:
    text = 'Dr. Smith paid 3.50 dollars, e.g. to Mr. Jones. "Is it true?" he asked. It was.'
    assert [t for _, t in units(text)] == [
        "Dr. Smith paid 3.50 dollars, e.g. to Mr. Jones.",
        '"Is it true?" he asked.',
        "It was.",
    ]


def test_chinese_needs_no_spaces() -> None:
    assert [t for _, t in units("你好。我是谁?好!", "zh")] == ["你好。", "我是谁?", "好!"]


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\n\u3000\n\n\n"])
def test_a_blank_line_ends_a_sentence(blank: str) -> None:
    assert [t for _, t in units(f"A title{blank}The text")] == ["A title", "The text"]


def test_one_line_break_does_not_end_a_sentence() -> None:
    assert [t for _, t in units("A wrapped\r\nsentence. Next")] == ["A wrapped\r\nsentence.", "Next"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_stay_whole(end: str) -> None:
    blocks = [
        ("heading", "# The head. Really."),
        ("prose", "Some prose."),
        ("list item", "- one. Two.\n  - nested. Deep.\n\n    ```\n    in. Side.\n    ```"),
        ("list item", "- second\nlazily continued"),
        ("table", "| a. b | c |\n|:---|---|\n| 1. 2. | x |"),
        ("code", "```py\nx = 1.\n\n# no. Heading\n- no item\n```"),
        ("prose", "After it."),
        ("code", "~~~\nnever closed. Goes on.\n\n- to the end"),
    ]
    text = "\n\n".join(block for _, block in blocks).replace("\n", end)
    assert units(text) == [(kind, block.replace("\n", end)) for kind, block in blocks]


def test_blocks_inside_quotes_stay_whole() -> None:
    text = "> A quote. Two sentences.\n> ```\n> x. Y.\n> ```\n> - item"
    assert units(text) == [
        ("prose", "> A quote."),
        ("prose", "Two sentences."),
        ("code", "> ```\n> x. Y.\n> ```"),
        ("list item", "> - item"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "#hashtag",
        "-5 degrees",
        "A\n===",
        "A\n---",
        "    indented text",
        "<b>bold</b> x",
        "[a]: b",
        "1.5 is a number",
    ],
)
def test_plain_text_is_not_misread_as_a_block(text: str) -> None:
    assert units(text) == [("prose", text.strip())]


def test_other_line_separators_are_not_line_ends() -> None:
    assert units("a\u2028- b\x0b# c\x85> d") == [("prose", "a\u2028- b\x0b# c\x85> d")]


def test_a_nul_character_and_wide_characters_keep_offsets_exact() -> None:
    sentences = segment([Document("😀\x00 x\r\n- 𝔘\x00\r\n\r\nEnd.")]).sentences
    assert [(s.kind, s.start_char, s.end_char) for s in sentences] == [
        ("prose", 0, 4),
        ("list item", 6, 10),
        ("prose", 14, 18),
    ]


def test_lines_without_sentence_ends_become_units_only_when_they_grow_long() -> None:
    short, long = "a,b\nc,d\n", "value one,value two\r\n" * 60
    assert [t for _, t in units(short)] == ["a,b\nc,d"]
    assert [t for _, t in units(long)] == ["value one,value two"] * 60


def test_windows_do_not_show() -> None:
    rng = random.Random(5)
    words = ["alpha", "Dr. Beta", "e.g. gamma", "3.14", "(delta)", "été", "😀", '"epsilon"']
    text = " ".join(
        " ".join(rng.choices(words, k=rng.randint(2, 30))) + rng.choice(".?!") for _ in range(300)
    )
    assert len(text) > 5 * _WINDOW
    whole = [s["text"].strip() for s in sentencex.get_sentence_boundaries("en", text)]
    assert [t for _, t in units(text)] == whole


HOSTILE = (
    "> " * 10_000, "- " * 10_000 + "x", "1. " * 7_000, "[" * 20_000, "> - " * 5_000, "|" * 20_000, "- - - - ",
    "|a\n|-\n" * 1_500, "\n" * 20_000, "\n " * 10_000, "#\n" * 3_000, "`" * 20_000, "```x`\n" * 3_000,
    "(é. " * 5_000, "「" * 20_000, "!é" * 5_000, ("> " * 50 + "- x\n") * 200, ("  " * 30 + "- x\n") * 300,
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_tiled_without_running_deep_or_long(hostile: str) -> None:
    check_tiling(segment([Document(hostile)]))


def test_the_parser_may_be_born_in_many_threads_at_once() -> None:
    text = "# a\n\n- b. c\n\nd. E."
    expected = units(text)
    for _ in range(5):
        _parser.cache_clear()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(units, [text] * 16)) == [expected] * 16


def test_unknown_languages_fall_back_and_impossible_ones_are_refused() -> None:
    assert len(units("One. Two.", "tlh")) == 2
    for wrong in ("", 3):
        with pytest.raises(InputError, match="language"):
            segment([Document("x")], language=wrong)  # type: ignore[arg-type]


def test_what_is_no_document_is_refused_by_position() -> None:
    with pytest.raises(InputError, match="document 1 must be a Document, got str"):
        segment([Document("x"), "y"])  # type: ignore[list-item]


@PROPERTY
@for_all(st.lists(st.lists(st.text(max_size=20), max_size=5), max_size=4), st.sampled_from(("", " ", "\n")))
def test_given_sentences_are_kept_as_they_are(documents: list[list[str]], joiner: str) -> None:
    segmentation = given(documents, joiner=joiner)
    check_tiling(segmentation)
    expected = [(d, t.strip()) for d, parts in enumerate(documents) for t in parts if t.strip()]
    assert [(s.document, s.text) for s in segmentation.sentences] == expected
    assert len(segmentation.documents) == len(documents)


def test_given_carries_titles() -> None:
    assert [d.title for d in given([["a"], []], titles=["T", None]).documents] == ["T", None]
    assert given([["a. b", " c "]]).documents[0].text == "a. b c"


def test_given_refuses_what_would_be_misread() -> None:
    with pytest.raises(InputError, match="1 titles for 2 documents"):
        given([["a"], ["b"]], titles=["T"])
    with pytest.raises(InputError, match="white space"):
        given([["a", "b"]], joiner=", ")
    with pytest.raises(InputError, match="list of sentences"):
        given(["a string"])


def test_what_is_quoted_in_japanese_stays_with_who_says_it() -> None:
    parts = ["東京は首都。", "「はい。」と言った。", "『本当。』って何。", "「いい。」", "とても良い。"]
    assert [s.text for s in segment([Document("".join(parts))]).sentences] == parts
