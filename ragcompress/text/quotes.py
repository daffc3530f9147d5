"""Quotes of e-mails and the answers below them: neither says much without the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from .announcing import asks
from .placed import Placed

# ``On 3 March 2025, Ada wrote:`` over a line that is quoted. Quotes of other texts are not answered.
_ATTRIBUTED = re.compile(
    r"(?:[\d@]|wrote|writes|schrieb|écrit|escribió|ha scritto|escreveu)[^\n]{0,160}[:：][ \t]*\r?\n"
    r"(?:[ \t]*\r?\n)?[ \t]*>"
)
# So many units at the end of a quote are what an answer may be about.
_LAST = 4


def find_quotes(text: Placed, units: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Quoted units, and the units of the paragraph right below them, which answers.

    Args:
        text: the text.
        units: its units, by their numbers, without boilerplate.

    Yields:
        The last of a quote, the question first if there is one among them; and the answer.
    """
    if "\n>" not in text.stretch.text or not _ATTRIBUTED.search(text.stretch.text):
        return
    quoted = [_is_quoted(text, i) for i in units]
    for k in range(1, len(units)):
        if quoted[k] or not quoted[k - 1] or text.sentences[units[k]].kind != "prose":
            continue
        first = k - 1
        while first and quoted[first - 1] and k - first < _LAST:
            first -= 1
        quote = units[first:k]
        question = next((i for i in reversed(quote) if asks(text.sentences[i].text)), quote[-1])
        pairs = zip(units[k:], units[k + 1 :], strict=False)
        others = takewhile(lambda pair: text.lines_between(*pair) < 2, pairs)
        yield [question, *(i for i in quote if i != question)], [units[k], *(i for _, i in others)]


def _is_quoted(text: Placed, index: int) -> bool:
    """Whether the last line of a unit begins with the mark of a quote."""
    last = (text.line(index) + text.sentences[index].text).replace("\r", "\n").rpartition("\n")[2]
    return last.lstrip().startswith(">")
