"""Examples of commands and code that no fence marks name nothing; a chunk may begin within a description."""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.data import Scores, Selection
from ragcompress.selection.companions import without_scraps
from ragcompress.text.companions import Companions, companions
from ragcompress.text.segmentation import segment


def units(text: str, kind: str) -> list[str]:
    return [s.text for s in segment([Document(text)]).sentences if s.kind == kind]


def broken(*documents: Document) -> list[str]:
    parts = segment(documents)
    return [parts.sentences[i].text for i in sorted(companions(parts).broken)]


def chunk(text: str, start: int = 900, source: str = "a") -> Document:
    return Document(text, metadata={"source": source, "start_index": start})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "It is so. Example:\n\n mill -f https://mill.example/a\n    See also -x.\n",
            ["mill -f https://mill.example/a"],
        ),
        (
            "   Examples:\n\n mill --grind 'rye' -n 3\n\n mill --grind @wheat\n    See also -x. So it is.\n",
            ["mill --grind 'rye' -n 3", "mill --grind @wheat"],
        ),
        ("It is so, as with\n\n mill -a -b\n\nThen it turns.\n", ["mill -a -b"]),
        ("Run:\nmill -a \\\n  -b stone\nIt turns.\n", ["mill -a \\\n  -b stone"]),
        ("See more at:\n\nhttps://mill.example/stones\n\nIt turns.\n", ["https://mill.example/stones"]),
        ("    Passes on:\n\n --flour [arg]\n\n --bran\n    It is so.\n", ["--flour [arg]", "--bran"]),
        (
            "As in:\n@app.mill(404)\ndef grind(rye):\n    return 'flour', 404\n\n\nIt is so.\n",
            ["@app.mill(404)\ndef grind(rye):\n    return 'flour', 404"],
        ),
        (
            "It is.\n@mill\ndef grind(rye):\n    return flour\n\nIt turns.\n",
            ["@mill\ndef grind(rye):\n    return flour"],
        ),
        ("You can do this:\nmill.grind('rye')\nThen it turns.\n", ["mill.grind('rye')"]),
        ("Commands are:\n\n  grind -a\n     Grinds it all.\n\n  sift -f rye\n     Sifts it.\n", []),
        ("Commands are:\n\n  grind [-a] FILE\n  Grinds it all.\n", []),
        ("He said:\n\nit is of rye, and not of bran-meal\n\nIt turns.\n", []),
    ],
)
def test_examples_are_code(text: str, code: list[str]) -> None:
    assert units(text, "code") == code


@pytest.mark.parametrize("line", ["@mill\n", "mill -a \\\n", "x:\n", "mill -a 'b'\n\n"])
def test_many_lines_of_one_kind_are_read_once(line: str) -> None:
    text = "Run:\n" + line * 30_000
    assert "".join("".join(s.text.split()) for s in segment([Document(text)]).sentences) == "".join(
        text.split()
    )


def test_what_goes_on_behind_an_example_belongs_to_the_option() -> None:
    text = (
        "  -f, --file\n  Reads what is to be ground from a file.\n    Example:\n    \n\n"
        " mill -f rye https://mill.example\n\n mill -f oats https://mill.example\n"
        "    See also -x. Added in 7.1.\n  \n  -x, --exit\n  It ends.\n"
    )
    parts = segment([Document(text)])
    found = companions(parts)
    names = [i for i, s in enumerate(parts.sentences) if s.kind == "term"]
    assert [parts.sentences[i].text for i in names] == ["-f, --file", "-x, --exit"]
    assert all(names[0] in found.needs[i] for i in range(1, names[1]))


def test_a_comment_over_a_command_is_no_heading() -> None:
    assert units("# This turns the mill once.\nmill --turn 1\n\n# Stop\n\nIt stops.\n", "heading") == [
        "# Stop"
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "  -n, --stones\n  It is so.\n    -n, --stones can be used twice in a\n      line. So.\n",
            1,
        ),
        ("rate()¶\nIt is so.\n\nReturn type:\nOptional[Mill]\n\n\n\nIt is so.\n", 1),
        ("It is so.\n\nhttps://mill.example\nIt is the page of the mill.\n", 0),
        ("SIGHUP\n  It reads it all.\n    \n  SIGTERM\n  It ends at once.\n  SIGINT\n  So it does.\n", 3),
        ("  turn TURNS  - how\n    often it turns. It is so.\n  no { a | b }  -\n    says none of it.\n", 0),
        ("NAME\n  mill - grinds\n\nSYNOPSIS\n  mill\n", 0),
    ],
)
def test_sentences_values_and_addresses_name_nothing(text: str, names: int) -> None:
    assert len(units(text, "term")) == names


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It gives te.NoReturn. So be it.", 2),
        ("Rye is made decimal.Decimal by it.", 1),
        ("One of io.IOBase and mill.Run() is it.", 1),
        ("It is of the city.The mayor said so.", 2),
        ("It has halls.AnnexesCARB has none.", 2),
    ],
)
def test_a_full_stop_within_a_name_of_code_ends_nothing(text: str, sentences: int) -> None:
    assert len(segment([Document(text, language="en")]).sentences) == sentences


def test_what_is_said_last_of_a_function_that_is_not_there_has_no_name() -> None:
    fields = (
        "Parameters:\n\nrye (Any) – What is ground.\n\n\nReturn type:\nAny\n\n\n\nMills¶\nThere are many.\n"
    )
    assert broken(chunk(fields)) == ["Parameters:", "rye (Any) – What is ground.", "Return type:\nAny"]
    assert broken(chunk("Return type\nstr\n\n\nMills¶\nThere are many.\n")) == ["Return type\nstr"]
    assert broken(chunk("It is old. Added in 7.1.\n")) == ["Added in 7.1."]
    assert broken(chunk("It is old. Added in 1902 by the council.\n")) == []
    assert broken(chunk(fields, 0)) == []


def test_a_page_is_laid_out_like_the_other_manuals() -> None:
    manual = "  -a, --all\n    It is so.\n  -b, --bran\n    It is so.\n  -c, --coarse\n    It is so.\n"
    middle = "It turns by day. By night\n    it stands still.\n    It is of larch.\n"
    assert broken(chunk(manual, 0, "other"), chunk(middle)) == [
        "It turns by day.", "By night\n    it stands still.", "It is of larch.",
    ]  # fmt: skip
    assert broken(chunk(middle)) == []
    assert broken(chunk("It is.\n", 0, "other"), chunk(middle)) == []


def test_no_scrap_fills_what_is_left_of_a_budget() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    documents = [
        chunk("The mill grinds rye by day and by night. However, this", 40),
        chunk("It is a long way from here to there.", 900, "b"),
    ]
    context = compressor("What does the mill grind?", documents, budget=Budget(max_tokens=12))
    assert context.text == "The mill grinds rye by day and by night."
    assert context.selection.dropped[1] == "over_budget"
    everything = compressor("What does the mill grind?", documents, budget=Budget(max_tokens=40))
    assert "However, this" in everything.text


def test_a_name_over_a_scrap_goes_with_it_where_its_description_is_too_long() -> None:
    # A name, its description, a scrap of it, and what is known of another text.
    found = Companions(needs={1: (0,), 2: (0,)}, opens={0: (1, 3)}, broken={2: 0.0})
    scores = Scores(np.array([0.4, 0.2, -0.1, 0.5]), "bm25")
    first, second = without_scraps(Selection((0, 2, 3), {1: "did_not_fit"}), scores, found)
    assert first == Selection((0, 3), {1: "over_budget", 2: "over_budget"})
    assert second == Selection((3,), {0: "over_budget", 1: "over_budget", 2: "over_budget"})
    assert not list(without_scraps(Selection((0, 1), {2: "over_budget", 3: "over_budget"}), scores, found))
    assert not list(without_scraps(Selection((0, 1, 2, 3), {}), scores, found))
    assert not list(without_scraps(Selection((2,), {0: "too_long", 1: "too_long"}), scores, found))
