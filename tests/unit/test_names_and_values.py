"""Eight ways in which what is left out makes the rest read as an answer; texts of the same make, our own.

Probabilities are like those that a model gave to such sentences.
"""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.data import Scores
from ragcompress.scorers import bm25
from ragcompress.text.segmentation import segment

SETTINGS = """       writer_delay (integer)
      
      
        How long the writer waits. The default is five turns.
       9.2.\xa0Restingrest_timeout (integer)
      
      
        Longest time between automatic rests.
        If it is given without units, it is taken as seconds.
        The default is five minutes (5min).
       rest_target (floating point)
      
      
        Says how much of the rest is over.
        The default is 0.9.
"""
LEVELS = """| Level | Dirty read | Phantom read |
| --- | --- | --- |
| Read what is written | Allowed, but not in mills | Possible |
| Read what is done | Not possible | Possible |
"""
LOCKS = """       SHARE UPDATE (ShareUpdateLock)
      
         Acquired by GRIND (without STONES), MAKE INDEX BESIDE, and WEIGH.
        
       SHARE (ShareLock)
      
         Acquired by MAKE INDEX (without BESIDE).
"""
BISECT = """You can search by hand. If a script can tell good from bad, you can bisect by issuing the command:

```
mill bisect run my_script arguments
```
"""


def kept(
    documents: list[Document], likely: dict[str, float], *, tokens: int = 30, question: str = "Which is it?"
) -> str:
    """What the reader gets where sentences that begin so have these probabilities, all others .001."""
    parts = segment(documents)
    values = np.full(len(parts.sentences), 0.001)
    for start, value in likely.items():
        (index,) = (i for i, s in enumerate(parts.sentences) if s.text.startswith(start))
        values[index] = value
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    scores = Scores(values, "given", calibrated=True)
    return compressor(question, parts, budget=Budget(max_tokens=tokens), scores=scores).text


def test_no_default_stands_below_another_name() -> None:
    """1: the name of one option, the default of the next."""
    likely = {"Longest time": 0.4, "The default is 0.9": 0.1, "The default is five turns": 0.05}
    text = " ".join(kept([Document(SETTINGS, syntax="text")], likely).split())
    assert "rest_timeout (integer) Longest time between automatic rests." in text
    assert "rest_target (floating point) The default is 0.9." in text
    assert "writer_delay (integer) How long the writer waits. The default is five turns." in text


def test_a_value_is_found_by_the_name_that_it_stands_under() -> None:
    """1: the answer has no word of the question."""
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    question = "What is the default of rest_target?"
    text = compressor(question, [Document(SETTINGS, syntax="text")], budget=Budget(max_tokens=8)).text
    assert " ".join(text.split()) == "rest_target (floating point) The default is 0.9."


def test_an_ellipsis_is_no_end() -> None:
    """2: the name goes with one half of a sentence, its meaning with the other."""
    text = "       --if-there\n           Use DROP ... IF EXISTS commands to drop things in --clean mode.\n"
    parts = segment([Document(text, syntax="text")])
    assert [s.text for s in parts.sentences] == [
        "--if-there", "Use DROP ... IF EXISTS commands to drop things in --clean mode.",
    ]  # fmt: skip


def test_a_table_comes_whole_and_a_name_says_what_is_the_default() -> None:
    """3: cells on lines of their own, rows without a header."""
    text = kept([Document(LEVELS)], {"| Level": 0.6}, tokens=60)
    assert text == LEVELS.strip()


def test_code_comes_with_what_announces_it_and_either_way() -> None:
    """4 and 5: prose about the code, and not the code; a colon without its block."""
    for likely in ({"If a script": 0.2}, {"```": 0.2}):
        text = kept([Document(BISECT)], likely)
        assert "issuing the command:\n\n```\nmill bisect run my_script arguments\n```" in text


@pytest.mark.parametrize("half", [0.151, 0.9])
def test_the_whole_sentence_is_kept_and_not_its_half(half: float) -> None:
    """6: the chunk's edge cuts a sentence, and the half scores better."""
    whole = "When set to apply, the mill waits until replies from all stones say that they have turned once."
    text = f"It has modes. {whole} Then it goes on. It is slow."
    cut = text.index(" say that")
    meta = {"source": "mill.html"}
    chunks = [
        Document(text[:cut], None, None, {**meta, "start_index": 0}),
        Document(text[14:], None, None, {**meta, "start_index": 14}),
    ]
    parts = segment(chunks)
    values = [half if s.fragment else 0.077 if s.text == whole else 0.01 for s in parts.sentences]
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    scores = Scores(np.array(values), "given", calibrated=True)
    assert compressor("?", parts, budget=Budget(max_tokens=20), scores=scores).text == whole


def test_these_bring_what_they_speak_of() -> None:
    """7: ``these three types``: which?"""
    text = "Text is stored as text, char or long. These three types are equally fast. Rain fell."
    assert kept([Document(text)], {"These three": 0.3}, tokens=15) == text[: text.index(" Rain")]


def test_one_of_parallel_entries_has_its_label() -> None:
    """8: which lock it is that a plain MAKE INDEX takes."""
    text = " ".join(kept([Document(LOCKS, syntax="text")], {"Acquired by MAKE": 0.04}, tokens=10).split())
    assert text == "SHARE (ShareLock) Acquired by MAKE INDEX (without BESIDE)."


def test_what_says_it_of_the_sentence_before_is_not_as_good_as_that_sentence() -> None:
    parts = segment([Document("The bridge is of larch. Berit Holm built the bridge. It is red.")])
    values = bm25.Scorer().score("What did Berit Holm build?", parts).values
    assert [s.text for s in parts.sentences][2] == "It is red."
    assert values[1] > values[2] == 0


def test_a_name_right_above_a_dash_and_its_description_is_one_unit_with_it() -> None:
    text = "  mill\n  - turns the corn.\n\n  wheel\n  - is of oak and\n      turns.\n\n  Both\n  - 1\n  - 2\n"
    units = [s.text for s in segment([Document(text)]).sentences]
    assert units[:2] == ["mill\n  - turns the corn.", "wheel\n  - is of oak and\n      turns."]
    assert units[2:] == ["Both", "- 1", "- 2"]
