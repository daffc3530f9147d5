"""A table's header goes along with its rows, a heading with its text if asked, within the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress.budget import Budget
from ragcompress.data import Document, Scores, Segmentation, Selection
from ragcompress.selection.companions import add_companions, closure, complete, credit_openers, find_leaders
from ragcompress.selection.layout import Layout
from ragcompress.selection.ordering import ORDERS
from ragcompress.text.companions import Companions, companions
from ragcompress.text.segmentation import segment

PROPERTY = tries(60)
CSV = "year,cost\n1902,40\n1903,41\n1904,42\n"
MARKDOWN = "Intro.\n\n# One\n\nAa. Bb.\n\n## Two\n\n- item\n"


def units_of(text: str, *, headings: bool = False) -> tuple[Segmentation, Companions]:
    parts = segment([Document(text)])
    return parts, companions(parts, headings=headings)


def kept_of(text: str, *wanted: str, headings: bool = False) -> list[str]:
    """What is kept where the units that begin with these words are."""
    parts, found = units_of(text, headings=headings)
    chosen = [i for i, s in enumerate(parts.sentences) if s.text.startswith(wanted)]
    assert len(chosen) == len(wanted)
    return [parts.sentences[i].text for i in sorted(closure(chosen, found))]


def test_rows_have_their_header_and_sentences_their_heading() -> None:
    parts = segment([Document(CSV, syntax="csv"), Document(MARKDOWN), Document("Alone.")])
    assert companions(parts).needs == {1: (0,), 2: (0,), 3: (0,)}
    assert companions(parts, headings=True).needs == {
        1: (0,), 2: (0,), 3: (0,), 6: (5,), 7: (5,), 9: (8,),
    }  # fmt: skip


def test_a_header_has_a_heading_too() -> None:
    rows = "\n".join(f"| {i} | {'x' * 40} |" for i in range(100))
    parts = segment([Document(f"# Costs\n\n| a | b |\n|---|---|\n{rows}")])
    found = companions(parts, headings=True)
    whole, leaders = find_leaders((7, 5), found)
    assert (whole, leaders) == ({0, 1, 5, 7}, (5, 7))
    assert add_companions((7, 5), found, whole) == (0, 1, 7, 5)


def test_companions_stand_before_what_they_go_along_with() -> None:
    found = Companions({4: (3,), 5: (3,), 2: (1,)}, {})
    assert add_companions((4, 2, 5), found, {1, 2, 3, 4, 5}) == (3, 4, 1, 2, 5)
    opened = Companions({}, {0: (1, 3)})
    assert find_leaders((0,), opened) == ({0, 1}, (1,))
    assert find_leaders((0, 2), opened) == ({0, 2}, (2,))
    assert add_companions((5, 2), opened, {0, 2, 5}) == (5, 0, 2)
    assert add_companions((3, 1), Companions({}, {}), {1, 3}) == (3, 1)


def test_a_selection_is_completed_and_forgets_that_they_were_dropped() -> None:
    found = Companions({4: (3,)}, {})
    selection = complete(Selection((4,), {0: "over_budget", 3: "over_budget"}), found)
    assert (selection.kept, dict(selection.dropped)) == ((3, 4), {0: "over_budget"})


OPTIONS = """checkpoint_timeout (integer)

Maximum time between automatic checkpoints. The default is five minutes (5min).

checkpoint_completion_target (floating point)

Specifies the target. The default is 0.9.
"""
MAN = """OPTIONS
       -d
           Recurse. Off by default.

       -f, --force
           Force it.

SEE ALSO
       git(1)
"""
STEPS = """# Search

## How

You can bisect by the command:

```
git bisect run it
```

Then do these:

- good
- bad

## Why is it fast?

It halves. It is old.
"""


@pytest.mark.parametrize(
    ("text", "wanted", "kept"),
    [
        (OPTIONS, ("The default is five",),
         ["checkpoint_timeout (integer)", "The default is five minutes (5min)."]),
        (OPTIONS, ("checkpoint_c",),
         ["checkpoint_completion_target (floating point)", "Specifies the target."]),
        ("-n\n\n\n--no-tags\n\n\n        Take none. Nowhere.\n\n", ("Nowhere",),
         ["-n", "--no-tags", "Nowhere."]),
        (MAN, ("Off by",), ["-d", "Off by default."]),
        (MAN, ("git(1)",), ["git(1)"]),
        (STEPS, ("You can",), ["You can bisect by the command:", "```\ngit bisect run it\n```"]),
        (STEPS, ("```",), ["You can bisect by the command:", "```\ngit bisect run it\n```"]),
        (STEPS, ("- bad",), ["Then do these:", "- bad"]),
        (STEPS, ("Then",), ["Then do these:", "- good"]),
        (STEPS, ("## Why",), ["## Why is it fast?", "It halves."]),
        (STEPS, ("It halves",), ["## Why is it fast?", "It halves."]),
        (STEPS, ("## How", "- bad"), ["## How", "Then do these:", "- bad"]),
        ("Term\n:   Meaning. More.\n\nOutside.", ("More",), ["Term", "More."]),
        ("Term\n:   Meaning. More.\n\nOutside.", ("Outside",), ["Outside."]),
        ("Table 1: Costs\n\n| a |\n|---|\n| 1 |", ("| a",), ["Table 1: Costs", "| a |\n|---|\n| 1 |"]),
        ("Q: Who?\nA: He. She.", ("A:",), ["Q: Who?", "A: He."]),
        ("The light is red. It was built in 1931.", ("It was",),
         ["The light is red.", "It was built in 1931."]),
    ],
)  # fmt: skip
def test_what_can_not_be_understood_alone_brings_what_it_needs(
    text: str, wanted: tuple[str, ...], kept: list[str]
) -> None:
    assert kept_of(text, *wanted) == kept


def test_what_a_name_opens_with_is_as_good_as_the_name() -> None:
    parts = segment([Document("-n\n\n--none\n\n    Take no tags. Not one. It is new.\n")])
    found = companions(parts)
    scores = Scores(np.array([3.0, 1, 0, 2, 0]), "given")
    assert credit_openers(scores, parts, found).values.tolist() == [3, 3, 3, 2, 0]
    assert scores.values.tolist() == [3, 1, 0, 2, 0]


def test_a_title_says_what_a_sentence_speaks_of() -> None:
    parts = segment([Document("The light is red. It was built.", "Lights")])
    assert not companions(parts)


DOCUMENTS = st.lists(
    st.sampled_from(
        [
            Document(CSV, syntax="csv"),
            Document(MARKDOWN),
            Document("Some prose. More.", title="Title"),
            Document(OPTIONS),
            Document(STEPS),
            Document(MAN),
        ]
    ),
    min_size=1,
    max_size=4,
)


@PROPERTY
@given(
    DOCUMENTS, st.sampled_from(ORDERS), st.booleans(), st.booleans(), st.integers(1, 200), st.integers(0, 9)
)
def test_nothing_is_kept_without_its_companion_and_the_budget_holds(
    documents: list[Document], order: str, headings: bool, together: bool, limit: int, seed: int
) -> None:
    parts = segment(documents)
    scores = Scores(np.random.default_rng(seed).random(len(parts.sentences)), "random")
    layout = Layout(len, order, keep_together=together, headings=headings)
    smallest = min(len(layout.render(parts, (i,), scores).text) for i in range(len(parts.sentences)))
    kept = layout.select(parts, scores, max(limit, smallest), budget=Budget(ratio=1))
    rendered = layout.render(parts, kept.kept, scores)
    assert len(rendered.text) <= max(limit, smallest)
    sequence = [p.sentence for p in rendered.pieces]
    assert sorted(sequence) == list(kept.kept)
    found = companions(parts, headings=headings)
    for index, needed in found.needs.items():
        if index in sequence:
            assert all(sequence.index(n) < sequence.index(index) for n in needed)
    for opener, (first, stop) in found.opens.items():
        if opener in sequence:
            assert set(sequence) & set(range(first, stop))
    assert sorted([*kept.kept, *kept.dropped]) == list(range(len(parts.sentences)))


def test_a_row_that_only_fits_without_its_header_does_not_fit() -> None:
    parts = segment([Document(CSV, syntax="csv"), Document("A sentence.")])
    scores = Scores(np.array([0.0, 9.0, 8.0, 7.0, 1.0]), "given")
    kept = Layout(len).select(parts, scores, len("1902,40") + 5)
    assert kept.kept == (4,)
    assert kept.dropped[1] == "too_long"
    kept = Layout(len).select(parts, scores, len("year,cost\n1902,40"))
    assert kept.kept == (0, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_whole_tables_read_as_they_did(order: str) -> None:
    parts = segment([Document(CSV, syntax="csv")])
    rising = Scores(np.arange(4.0), "given")
    text = Layout(len, order).render(parts, (0, 1, 2, 3), rising).text
    assert text.startswith("year,cost")


INDENTED = (
    "  -d kinds\n  Convert the kinds.\n      user\n      Entries of users.\n      host\n"
    "      Entries of hosts.\n    See the section on defaults.\n"
)
FLAT = (
    "It is so.\n\ndate_format(text)¶\nThese signs are known:\n\n\n\n%a\nThe name of the day.\n\n\n%b\nThe"
    " name of the month.\n\n\n\n\n\nThe result is a text.\n"
)


@pytest.mark.parametrize(
    ("text", "behind", "name"), [(INDENTED, "See", "-d"), (FLAT, "The result", "date_format")]
)
def test_what_follows_a_list_within_a_description_is_under_the_name_around_it(
    text: str, behind: str, name: str
) -> None:
    parts = segment([Document(text)])
    unit = next(i for i, s in enumerate(parts.sentences) if s.text.startswith(behind))
    assert [parts.sentences[i].text[: len(name)] for i in companions(parts).needs[unit]] == [name]


def test_a_sentence_that_goes_on_in_an_example_is_its_lead_in() -> None:
    text = (
        "Test it.\n\nIf that works, type\n\n```\n$ mark good\n```\n\nIt ends.\n\nPage 3\n\n```\n$ stop\n```\n"
    )
    assert kept_of(text, "```\n$ mark") == ["If that works, type", "```\n$ mark good\n```"]
    assert kept_of(text, "```\n$ stop") == ["```\n$ stop\n```"]
    parts, found = units_of(text)
    opened = {parts.sentences[i].text: parts.sentences[first].text for i, (first, _) in found.opens.items()}
    assert opened == {"If that works, type": "```\n$ mark good\n```"}


def test_a_caption_stays_in_one_with_its_number() -> None:
    text = "It is so.\n\nTable\xa013.1. Levels of it\n\n| a | b |\n|---|---|\n| c | d |\n"
    assert kept_of(text, "| a")[0] == "Table\xa013.1. Levels of it"


def test_a_lead_in_at_the_end_of_a_chunk_opens_nothing_that_is_there() -> None:
    text = "The valve is shut at night. The signs are these:"
    found = companions(segment([Document(text, metadata={"source": "a", "start_index": 40})]))
    assert found.broken == {1: 0}
    assert not companions(segment([Document(text)])).broken


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("argument.", 0),
        ("of the valve.", 0),
        ("about 5 GB.", 0.5),
        ("when it is shut at night.", 0.5),
    ],
)
def test_a_scrap_of_a_sentence_is_worth_nothing_and_half_of_one_half(text: str, share: float) -> None:
    chunk = Document(f"{text} It rains.", metadata={"source": "a", "start_index": 40})
    assert companions(segment([chunk])).broken == {0: share}


def test_what_several_units_need_is_paid_for_once() -> None:
    header = 'mill,"' + " ".join(f"column{i}" for i in range(60)) + '"\n'
    table = Document(header + "".join(f"row{i},{i}\n" for i in range(4)), syntax="csv")
    prose = Document(
        "A sentence of seven words is here. Another one of seven words is there. It was so. It is."
    )
    parts = segment([table, prose])
    order = [s.text[:4] for s in parts.sentences]
    assert order == ["mill", "row0", "row1", "row2", "row3", "A se", "Anot", "It w", "It i"]
    scores = Scores(np.array([0.0, 9, 8, 7, 6, 5, 4, 3, 2]), "?")
    layout = Layout(lambda text: len(text.split()))
    size = layout.count(layout.render(parts, (1, 2, 3, 4, 5, 6), scores).text)
    assert layout.select(parts, scores, size).kept == (0, 1, 2, 3, 4, 5, 6)
    # One token more is no reason to leave out what is better for what is shorter.
    assert layout.select(parts, scores, size + 1).kept == (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("said", ["One of the following:", "Mill options:"])
def test_a_name_of_a_list_within_a_description_needs_the_name_around_it(said: str) -> None:
    text = (
        f"logKind\n\nThe kind of the log. {said}\n\nkind_daemon\n\nThe daemon writes it.\n\n"
        "kind_user\n\nThe user writes it.\n\n\n\nlogSize\n\nThe size of the log.\n"
    )
    parts, found = units_of(text)
    names = {s.text: i for i, s in enumerate(parts.sentences) if s.kind == "term"}
    assert list(names) == ["logKind", "kind_daemon", "kind_user", "logSize"]
    outer = (names["logKind"],) if "following" in said else ()
    assert found.needs.get(names["kind_daemon"], ()) == found.needs.get(names["kind_user"], ()) == outer
    assert not found.needs.get(names["logSize"])
