from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries

from ragcompress.data import Document, Piece, Scores, Segmentation, Sentence
from ragcompress.errors import InputError, UnknownName
from ragcompress.places import Places
from ragcompress.selection.layout import Layout
from ragcompress.selection.rendering import FORMATS, Rendered, render
from ragcompress.text.segmentation import given, segment

PROPERTY = tries(60)

FRAGMENTS = (
    "A b. C d.",
    "- item",
    "# head",
    "```",
    "|a|b|\n|-|-|",
    "  x. Y. ",
    "你好。是。",
    "",
    "😀!\x0b\u2028?",
)
LINES = st.lists(st.sampled_from(FRAGMENTS))
TEXTS = st.text(max_size=40) | st.builds("\n".join, LINES) | st.builds("\r\n".join, LINES)
DOCUMENTS = st.lists(st.builds(Document, TEXTS, st.none() | st.text(max_size=10)), max_size=3)


def one(text: str, *, language: str = "en") -> Segmentation:
    return segment([Document(text)], language=language)


def sequence_of(data: st.DataObject, segmentation: Segmentation) -> list[int]:
    indices = range(len(segmentation.sentences))
    return data.draw(st.lists(st.sampled_from(indices), unique=True)) if indices else []


@PROPERTY
@for_all(TEXTS)
def test_everything_kept_of_one_untitled_document_is_its_text(text: str) -> None:
    segmentation = one(text)
    assert render(segmentation, range(len(segmentation.sentences))).text == text.strip()


@PROPERTY
@for_all(DOCUMENTS, st.sampled_from(FORMATS), st.booleans(), st.data())
def test_sentences_go_in_verbatim_in_the_order_given(
    documents: list[Document], format: str, mark_gaps: bool, data: st.DataObject
) -> None:
    segmentation = segment(documents)
    sequence = sequence_of(data, segmentation)
    rendered = render(segmentation, sequence, format=format, mark_gaps=mark_gaps)
    assert [p.sentence for p in rendered.pieces] == sequence
    end = 0
    for piece in rendered.pieces:
        assert piece.start >= end
        assert rendered.text[piece.start : piece.end] == segmentation.sentences[piece.sentence].text
        end = piece.end
    # Behind the last one nothing but what closes a fence, or the elements of XML, is written.
    assert not rendered.text[end:].strip("`~\n") or format == "xml"
    assert render(segmentation, sequence, format=format, mark_gaps=mark_gaps) == rendered


@PROPERTY
@for_all(DOCUMENTS, st.data())
def test_blocks_share_no_line(documents: list[Document], data: st.DataObject) -> None:
    segmentation = segment(documents)
    rendered = render(segmentation, sequence_of(data, segmentation))
    for before, after in zip(rendered.pieces, rendered.pieces[1:], strict=False):
        if {segmentation.sentences[p.sentence].kind for p in (before, after)} != {"prose"}:
            assert set(rendered.text[before.end : after.start]) & {"\n", "\r"}


@PROPERTY
@for_all(DOCUMENTS, st.sampled_from(FORMATS), st.data())
def test_leaving_sentences_out_never_makes_the_text_longer(
    documents: list[Document], format: str, data: st.DataObject
) -> None:
    segmentation = segment(documents)
    kept = sorted(sequence_of(data, segmentation))
    everything = render(segmentation, range(len(segmentation.sentences)), format=format)
    assert len(render(segmentation, kept, format=format).text) <= len(everything.text)


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        ("Aa.  Bb. Cc.", (0, 1), "Aa.  Bb."),
        ("Aa. Bb. Cc.", (0, 2), "Aa. Cc."),
        ("Aa.\nBb. Cc.", (0, 2), "Aa.\nCc."),
        ("Aa.\r\nBb.\r\n\r\nCc.", (0, 2), "Aa.\n\nCc."),
        ("Aa. Bb.\n \nCc.", (0, 2), "Aa.\n\nCc."),
        ("Aa.\n\n\n\nBb. Cc.", (0, 2), "Aa.\n\nCc."),
        ("Aa. Bb.\n\nCc. Dd.", (0, 3), "Aa. Dd."),
        ("# A\nBb. Cc.", (0, 2), "# A\nCc."),
        ("Aa.\n- b\n- c\n\n- d", (0, 2), "Aa.\n- c"),
        ("Aa. Bb. Cc.", (2, 0, 1), "Cc.\n\nAa. Bb."),
    ],
)
def test_separators(text: str, kept: tuple[int, ...], expected: str) -> None:
    assert render(one(text), kept).text == expected


def test_chinese_sentences_join_without_a_space() -> None:
    chinese = one("甲。乙。丙。", language="zh")
    assert render(chinese, (0, 2)).text == "甲。丙。"
    assert render(chinese, (0, 2), mark_gaps=True).text == "甲。 […] 丙。"


def test_a_block_gets_its_own_line_even_where_the_source_shows_none() -> None:
    text = "a b c"
    sentences = (Sentence(0, 0, 1, "a", "code"), Sentence(0, 2, 3, "b"), Sentence(0, 4, 5, "c"))
    assert render(Segmentation((Document(text),), sentences), (0, 2)).text == "a\nc"


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        ("Aa. Bb. Cc.", (0, 2), "Aa. […] Cc."),
        ("Aa. Bb. Cc.", (0, 1), "Aa. Bb."),
        ("Aa. Bb. Cc.", (1,), "Bb."),
        ("Aa.\nBb.\nCc.", (0, 2), "Aa.\n[…]\nCc."),
        ("Aa.\n\nBb. Cc.", (0, 2), "Aa.\n\n[…]\n\nCc."),
    ],
)
def test_marked_gaps(text: str, kept: tuple[int, ...], expected: str) -> None:
    assert render(one(text), kept, mark_gaps=True).text == expected


def test_titles_head_every_run() -> None:
    segmentation = given([["A.", "B."], ["C."], ["D."]], titles=["One", None, "Three"])
    assert render(segmentation, (0, 2, 3)).text == "One\nA.\n\nC.\n\nThree\nD."
    assert render(segmentation, (1, 3, 0)).text == "One\nB.\n\nThree\nD.\n\nOne\nA."
    assert render(segmentation, (1, 0)).text == "One\nB.\n\nOne\nA."
    markdown = "### [1] One\n\nA. B.\n\n### [2]\n\nC.\n\n### [3] Three\n\nD."
    assert render(segmentation, range(4), format="md").text == markdown


def test_a_line_that_is_the_title_needs_none_above_it() -> None:
    segmentation = segment([Document("# The light\n\nIt burns. It is old.", "The light", syntax="markdown")])
    assert render(segmentation, (0, 2)).text == "# The light\n\nIt is old."
    assert render(segmentation, (1,)).text == "The light\nIt burns."
    line = segment([Document("The light\n\nIt burns. It is old.", "The light")])
    assert render(line, (0, 1)).text == "The light\n\nIt burns."
    other = segment([Document("# The light\n\nIt burns.", "Keepers", syntax="markdown")])
    assert render(other, (0,)).text == "Keepers\n# The light"


def test_markdown_names_the_source_of_untitled_documents() -> None:
    documents = [Document("A.", metadata={"source": "dir/a.txt"}), Document("B.", metadata={"source": None})]
    assert render(segment(documents), (0, 1), format="md").text == "### [1] dir/a.txt\n\nA.\n\n### [2]\n\nB."


def test_parts_of_one_source_have_one_heading_and_no_folders_of_the_machine() -> None:
    def part(text: str, source: str, title: str | None = "T") -> Document:
        return Document(text, title, metadata={"source": source})

    parts = segment(
        [
            part("A.", "/home/ann/docs/a.md"),
            part("B.", "/home/ann/docs/x/b.md", None),
            part("C.", "/home/ann/docs/a.md"),
            part("D.", "/home/ann/docs/a.md"),
            part("E.", "https://e.example/e"),
        ]
    )
    assert render(parts, (0, 2, 3, 1), format="md").text == (
        "### [1] T\n\nA.\n\nC.\n\nD.\n\n### [2] x/b.md\n\nB."
    )
    assert (
        render(parts, (4, 3, 0), format="md").text == "### [1] T\n\nE.\n\n### [2] T\n\nD.\n\n### [2] T\n\nA."
    )
    xml = render(parts, (0, 2, 1, 4), format="xml").text
    root = ElementTree.fromstring(xml)
    assert [d.attrib["index"] for d in root] == ["1", "2", "3"]
    assert [d.findtext("source") for d in root] == ["a.md", "x/b.md", "https://e.example/e"]
    assert [(d.findtext("document_content") or "").strip() for d in root] == ["A.\n\nC.", "B.", "E."]


@pytest.mark.parametrize(
    ("sources", "shown"),
    [
        (
            ["C:\\Users\\ann\\d\\a.md", "c:\\Users\\ann\\d\\e\\a.md", "D:\\x\\b.md"],
            ["a.md", "e\\a.md", "b.md"],
        ),
        (["file:///home/ann/my%20docs/a.md", "/home/ann/b.md"], ["my docs/a.md", "b.md"]),
        (["file:///C:/Users/ann/a.md"], ["a.md"]),
        (["/a.md", "/b/c.md"], ["a.md", "b/c.md"]),
        (["docs/a.md", "https://e.example/home/ann"], ["docs/a.md", "https://e.example/home/ann"]),
    ],
)
def test_paths_are_short_and_tell_files_apart(sources: list[str], shown: list[str]) -> None:
    documents = [Document(f"{i} is it.", metadata={"source": s}) for i, s in enumerate(sources)]
    xml = render(segment(documents), range(len(documents)), format="xml").text
    assert [d.findtext("source") for d in ElementTree.fromstring(xml)] == shown


def test_a_place_is_not_said_again_below_the_same_header() -> None:
    def chunk(text: str, page: int, start: int) -> Document:
        about = {"source": "a.pdf", "start_index": start}
        return Document(text, "T", metadata=about, places=Places("page", (0,), (page,)))

    parts = segment([chunk("Aa. Bb.", 2, 0), chunk("C.", 2, 90), chunk("D.", 3, 200)])
    assert render(parts, (0, 2, 3), format="md").text == (
        "### [1] T (a.pdf)\n\n[p. 2] Aa.\n\nC.\n\n[p. 3] D."
    )


def test_xml_says_the_page_but_no_line() -> None:
    paged = Document("Aa. Bb.\nCc. Dd.", metadata={"source": "a.pdf"}, places=Places("page", (0, 8), (1, 2)))
    text = "Ee.\nFf."
    lined = Document(text, metadata={"source": "n.md"}, places=Places.of_lines(text))
    root = ElementTree.fromstring(render(segment([paged, lined]), (0, 3, 4, 5), format="xml").text)
    assert [d.findtext("document_content") for d in root] == ["\n[p. 1] Aa. [p. 2] Dd.\n", "\nEe.\nFf.\n"]


def test_chunks_of_one_source_that_were_found_apart_stand_together() -> None:
    def chunk(text: str, source: str, start: int) -> Document:
        return Document(text, metadata={"source": source, "start_index": start})

    found = [
        chunk("D.", "b.md", 90),
        chunk("A.", "a.md", 0),
        chunk("C.", "b.md", 40),
        chunk("E.", "b.md", 95),
    ]
    parts = segment(found)
    scores = Scores(np.ones(4), "given")
    layout = Layout(count=len, format="md")
    assert layout.render(parts, (0, 1, 2, 3), scores).text == (
        "### [1] b.md\n\nC.\n\nD.\n\nE.\n\n### [2] a.md\n\nA."
    )
    assert layout.everything(parts).text == layout.render(parts, (0, 1, 2, 3), scores).text
    assert replace(layout, format="text").render(parts, (0, 1, 2), scores).text == "D.\n\nA.\n\nC."


def test_no_document_closes_an_element_of_xml() -> None:
    hostile = "Bad </document_content></document></documents_1> text."
    title = "T</source>&<x>"
    xml = render(segment([Document(hostile, title)]), (0,), format="xml").text
    assert xml.startswith(
        '<documents_2>\n<document_2 index="1">\n<title>T&lt;/source&gt;&amp;&lt;x&gt;</title>'
    )
    assert xml.endswith("</document_content_2>\n</document_2>\n</documents_2>")
    assert hostile in xml


def test_a_fence_that_was_cut_is_closed_and_what_is_missing_of_a_sentence_is_marked() -> None:
    code = "```py\n" + "".join(f"call_number({i})  # and so on, and so on\n" for i in range(200)) + "```"
    parts = segment([Document(f"Before it.\n\n{code}\n\nAfter it.")])
    pieces = [i for i, s in enumerate(parts.sentences) if s.kind == "code"]
    assert len(pieces) > 3
    for kept in ([pieces[0]], [pieces[1]], [pieces[-1]], pieces[1:3], [pieces[0], pieces[2]], [*pieces]):
        text = render(parts, [0, *kept, len(parts.sentences) - 1]).text
        assert text.count("```") == 2 * len([i for i in kept if i - 1 not in kept])
    talk = segment([Document("and so i said to him that " * 60)])
    assert len(talk.sentences) > 2
    assert render(talk, (1,)).text == f"[…] {talk.sentences[1].text} […]"
    assert render(talk, (0, 1)).text.count("[…]") == 1


def test_plain_leaves_titles_out() -> None:
    documents = [Document("One. Two.", title="T"), Document("Three.", title="U")]
    assert render(segment(documents), (0, 1, 2), format="plain").text == "One. Two.\n\nThree."


PAGES = Places("page", (0, 8, 20), (1, 2, 4))


def test_markdown_marks_pages_where_they_begin_and_after_gaps() -> None:
    text = "Aa. Bb.\nCc. Dd. Ee.\n# Ff\nGg."
    parts = segment([Document(text, "T", metadata={"source": "a.pdf"}, places=PAGES)])
    everything = "### [1] T (a.pdf)\n\n[p. 1] Aa. Bb.\n[p. 2] Cc. Dd. Ee.\n[p. 4]\n# Ff\nGg."
    assert render(parts, range(7), format="md").text == everything
    assert render(parts, (0, 3, 4, 6), format="md").text == (
        "### [1] T (a.pdf)\n\n[p. 1] Aa. [p. 2] Dd. Ee.\n[p. 4] Gg."
    )
    assert render(parts, (2, 4), format="md").text == "### [1] T (a.pdf)\n\n[p. 2] Cc. Ee."
    assert render(parts, (2, 0), format="md").text == (
        "### [1] T (a.pdf)\n\n[p. 2] Cc.\n\n### [1] T (a.pdf)\n\n[p. 1] Aa."
    )
    assert "[p." not in render(parts, range(7)).text


def test_markdown_marks_lines_only_after_gaps() -> None:
    text = "Aa.\nBb.\nCc. Dd.\n- e\n"
    parts = segment([Document(text, metadata={"source": "n.md"}, places=Places.of_lines(text))])
    assert render(parts, (0, 1, 2), format="md").text == "### [1] n.md\n\n[line 1] Aa.\nBb.\nCc."
    assert render(parts, (1, 3, 4), format="md").text == ("### [1] n.md\n\n[line 2] Bb.\n[line 3] Dd.\n- e")
    assert render(parts, (0, 4), format="md").text == "### [1] n.md\n\n[line 1] Aa.\n[line 4]\n- e"


@pytest.mark.parametrize("format", ["text", "md"])
def test_a_hostile_title_stays_on_one_line(format: str) -> None:
    title = "A\r\n\n### [2] B\u2028c\x85d\x0be\x0cf\x1cg\x00h\x1b[31m\u2029 "
    text = render(segment([Document("S.", title=title)]), (0,), format=format).text
    assert text.splitlines()[0].removeprefix("### [1] ") == "A ### [2] B c d e f g h [31m"
    assert [line for line in text.splitlines() if line][1:] == ["S."]


@pytest.mark.parametrize("blank", ["", "\n", "\x00"])
def test_a_blank_title_is_none(blank: str) -> None:
    assert render(segment([Document("S.", title=blank)]), (0,)).text == "S."


def test_nothing_renders_to_nothing() -> None:
    assert render(one("Aa. Bb."), ()) == Rendered("", ())
    assert render(one("Aa. Bb."), (1,)) == Rendered("Bb.", (Piece(0, 3, 1),))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UnknownName, match="unknown format 'html'; known are: text, md, plain, xml"):
        render(one("A."), (0,), format="html")
    with pytest.raises(InputError, match="twice"):
        render(one("A."), (0, 0))
    for index in (-1, 1):
        with pytest.raises(InputError, match=f"no sentence {index}"):
            render(one("A."), (index,))
