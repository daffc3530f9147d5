"""The oracle on structure: names and descriptions, found again in another text of the page, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragcompress.training.examples import read_files
from studies.cli import main
from studies.manual_judging import Judgment, Kept, judge
from studies.manual_pages import Located, Page, Question, default_value, locate, questions, read_page

HTML = """<html><head><title>mill</title></head><body><nav>Home Next</nav>
<h1>Options</h1>
<dl><dt>--speed N</dt> <dt>-s N</dt><dd>Turns of the wheel in one minute. The default is 40. One of:
  <dl><dt>slow</dt> <dd>As slow as the wheel can turn.</dl></dd>
<dt>--stones<dd>How many stones grind in the mill. The default is 2.</dd></dl>
<h1>Costs</h1><table><tr><th>Year<th>Crowns</tr><tr><td>1902<td>forty</tr><tr><td>1903<td>fifty</tr></table>
<p>It was built:</p><pre>make mill</pre></body></html>"""
MARKDOWN = """# Options

`--speed N`
`-s N`

:   Turns of the wheel in one minute. The default is 40. One of:

    slow
    :   As slow as the wheel can turn.

`--stones`
:   How many stones grind in the [mill](mill.html). The default is 2.

# Costs

| Year | Crowns |
|------|--------|
| 1902 | forty |
| 1903 | fifty |

It was built:

make mill
"""


@pytest.fixture
def page(tmp_path: Path) -> Page:
    file = tmp_path / "mill.html"
    file.write_text(HTML, encoding="utf-8")
    return read_page(file)


def seen_of(located: Located, *kept: str, asked: Question | None = None, text: str = "") -> Judgment:
    """What is seen of a chunk that is the whole page, of which these stretches are kept."""
    whole = (0, len(located.text))
    spans = [(at := located.text.index(k), at + len(k)) for k in kept]
    pieces = [Kept(0, span, 0, whole) for span in spans]
    return judge(text, pieces, [located], asked or Question(0, 0, "default", "?", "The default is 40"))


def test_names_and_descriptions_are_found_in_another_text(page: Page) -> None:
    assert [e.name for e in page.entries] == ["--speed N -s N", "slow", "--stones"]
    assert [e.within for e in page.entries] == [None, 0, None]
    for text in (page.text, MARKDOWN):
        located = locate(page, text)
        names = [text[slice(*e.name)].split()[0].strip("`-") for e in located.entries]
        assert names == ["speed", "slow", "stones"]
        assert [text[slice(*e.description)][:4] for e in located.entries] == ["Turn", "As s", "How "]
        assert located.owner(text.index("slow as")) == 1
        assert located.is_within(1, 0) and not located.is_within(2, 0)
        assert len(located.headings) == len(located.rows) == 2


def test_questions_ask_for_what_the_page_says(page: Page) -> None:
    asked = list(questions([page]))
    assert {(q.kind, q.wanted) for q in asked} == {
        ("default", "default is 2"), ("key words", "default is 2"),
        ("meaning", "How many stones grind in the mill."),
    }  # fmt: skip
    assert any(q.text == "What is the default of --stones (mill)?" for q in asked)


def test_a_value_under_its_name_is_right_and_under_another_mislabeled(page: Page) -> None:
    located = locate(page, MARKDOWN)
    names, stones = "`--speed N`\n`-s N`", "The default is 2."
    right = seen_of(located, names, "The default is 40.")
    assert (right.right, right.mislabeled, right.orphans.total()) == (True, 0, 0)
    wrong = seen_of(located, names, stones)
    assert (wrong.right, wrong.mislabeled) == (False, 1)
    alone = seen_of(located, "The default is 40.")
    assert (alone.right, alone.kept, dict(alone.orphans)) == (False, True, {"label": 1})
    inner = seen_of(located, names, "As slow as the wheel can turn.")
    assert inner.mislabeled == 1


def test_what_another_page_says_word_for_word_of_the_same_name_is_right(tmp_path: Path) -> None:
    site, other = tmp_path / "mill.1.html", tmp_path / "saw.html"
    site.write_text(HTML.replace("--speed N</dt>", "--speed N<a>#</a></dt>"), encoding="utf-8")
    other.write_text(HTML.replace("default is 40", "default is 400"), encoding="utf-8")
    (tmp_path / "mill.html").write_text(HTML, encoding="utf-8")
    pages = [locate(p, p.text) for p in map(read_page, (tmp_path / "mill.html", site, other))]
    asked = Question(0, 0, "default", "?", "The default is 40")
    for number, right in ((0, True), (1, True), (2, False)):
        text = pages[number].text
        at = text.index("--speed")
        end = text.index("One of")
        seen = judge("", [Kept(number, (at, end), 0, (0, len(text)))], pages, asked)
        assert (seen.right, seen.kept, seen.here) == (right, right, right and not number)


def test_what_announces_opens_and_heads_is_an_orphan_alone(page: Page) -> None:
    located = locate(page, MARKDOWN)
    table = MARKDOWN[MARKDOWN.index("| Year") : MARKDOWN.index("\n\nIt was")]
    assert not seen_of(located, "# Costs", table, "It was built:", "make mill").orphans
    assert dict(seen_of(located, "# Options", table).orphans) == {"heading": 1}
    assert dict(seen_of(located, "It was built:").orphans) == {"colon": 1}
    assert dict(seen_of(located, "| 1903 | fifty |").orphans) == {"row": 1}
    assert seen_of(located, text="```\na").unbalanced
    assert not seen_of(located, text="```\na\n```").unbalanced


def test_half_a_sentence_at_the_edge_of_a_chunk_is_a_fragment(page: Page) -> None:
    located = locate(page, MARKDOWN)
    begin, end = MARKDOWN.index("Turns"), MARKDOWN.index(" wheel in one")
    asked = Question(0, 0, "default", "?", "The default is 40")
    cut = judge("", [Kept(0, (begin, end), 0, (0, end))], [located], asked)
    whole = judge("", [Kept(0, (begin, end), 0, (0, len(MARKDOWN)))], [located], asked)
    assert (cut.orphans["fragment"], whole.orphans["fragment"]) == (1, 0)


def test_a_table_of_contents_holds_neither_headings_nor_definitions(tmp_path: Path) -> None:
    file = tmp_path / "mill.html"
    file.write_text(
        "<dl><dt>Part 1<dd><a href='#a'>Grinding stones</a><dt>Part 2<dd><a href='#b'>Water wheels</a></dl>"
        "<h2>Grinding stones</h2><p>They are of granite.</p><h2>Water wheels</h2><p>They are of oak.</p>"
        "<table class='directive'><tr><th>Module:<td>mill<tr><th>Status:<td>old</table>",
        encoding="utf-8",
    )
    page = read_page(file)
    located = locate(page, page.text)
    assert not page.entries and not page.rows
    assert [a for _, (a, _) in located.headings] == [page.text.rindex(h) for h in ("Grinding", "Water")]


def test_a_colon_announces_any_item_of_its_list_and_nothing_behind_it(tmp_path: Path) -> None:
    file = tmp_path / "mill.html"
    html = (
        "<html><body><p>It needs:</p><ul><li>two stones of granite</li><li>a wheel of larch</li></ul>"
        "<p>It turns.</p></body></html>"
    )
    file.write_text(html, encoding="utf-8")
    page = read_page(file)
    for text in (page.text, "It needs:\n\n- two stones of granite\n- a wheel of larch\n\nIt turns.\n"):
        located = locate(page, text)
        assert seen_of(located, "It needs:", "a wheel of larch").orphans == {}
        assert seen_of(located, "It needs:", "It turns.").orphans == {"colon": 1}


def test_a_remark_within_a_description_is_about_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mill.html"
    file.write_text(
        "<dl><dt>--disc<dd>The disc of the mill.<dl><dt>Example<dd>mill --disc=/path/to/it</dl>"
        "<dl><dt>slow<dd>As slow as it can be.</dl><dt>--other<dd>Something else of it.</dl>"
    )
    page = read_page(file)
    located = locate(page, page.text)
    example, asked = "mill --disc=/path/to/it", Question(0, 0, "meaning", "?", "The disc")
    assert seen_of(located, "--disc", example, asked=asked).mislabeled == 0
    assert seen_of(located, "--disc", "As slow as it can be.", asked=asked).mislabeled == 1


def test_questions_for_a_reader_have_a_value_for_an_answer(tmp_path: Path, page: Page) -> None:
    wanted = ["The default is ‘5min’", "off is the default", "latter is the default", "default is —"]
    assert [default_value(w) for w in wanted] == ["5min", "off", "", ""]
    written = tmp_path / "records.jsonl"
    assert main(["manuals", str(tmp_path), "--way", "text", "--top-k", "1", "--records", str(written)]) == 0
    ((file,),) = ([f.examples for f in read_files([written])],)
    assert [(e.question, e.answers) for e in file] == [("What is the default of --stones (mill)?", ("2",))]
    assert "The default is 2." in file[0].segmentation.documents[0].text
