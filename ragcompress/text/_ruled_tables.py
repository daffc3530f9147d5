"""Tables drawn with other rules than Markdown's: those of Org, data bases, reStructuredText, box signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..data import Kind

_M = re.MULTILINE
# Each has the lines of its header as group 1, its rows as group 2. Bounded, and no two parts match the same.
_ORG = re.compile(
    r"^([ \t]*\|[^\n]*\|[ \t]*\n[ \t]*\|-[-+]*\|?[ \t]*\n)((?:[ \t]*\|[^\n]*(?:\n|\Z)){1,5000})", _M
)
_BASE = re.compile(
    r"^([^\n|]{1,500}\|[^\n]{0,2000}\n[ \t]*-{2,}(?:\+-{2,})+[ \t]*\n)"
    r"((?:(?!\()[^\n|]*\|[^\n]*(?:\n|\Z)){1,5000})",
    _M,
)
_BOX = re.compile(
    r"^([ \t]*[┌╭╔┏][─═━┬╦┳╤┯]{2,}[^\n]*\n(?:[ \t]*[│║┃][^\n]*\n){1,5}[ \t]*[├╠┣╞┡][^\n]*\n)"
    r"((?:[ \t]*[│║┃├╠┣╟└╰╚┗][^\n]*(?:\n|\Z)){1,5000})",
    _M,
)
_RULE = r"[ \t]*={2,}(?:[ ]+={2,})+[ \t]*"
_RST = re.compile(
    rf"^({_RULE}\n(?:(?![ \t]*=)[^\n]*\S[^\n]*\n){{1,5}}{_RULE}\n)"
    rf"((?:(?![ \t]*={{2,}} )[^\n]*\S[^\n]*\n){{1,5000}}{_RULE}(?:\n|\Z))",
    _M,
)
_SIGNS = ((_ORG, ("|-",)), (_BASE, ("-+-",)), (_BOX, ("──", "══", "━━")), (_RST, ("== =", "==  ")))
_LINE = re.compile(r"[^\n]+\n?")


def ruled_tables(lines: str, long: int) -> Iterator[tuple[int, int, Kind]]:
    """The tables in a text, whole; of those with more characters than ``long`` the header and each row.

    Args:
        lines: the text, a line feed at the end of each line.
    """
    for pattern, signs in _SIGNS:
        if not any(sign in lines for sign in signs):
            continue
        for table in pattern.finditer(lines):
            if table.end() - table.start() <= long:
                yield table.start(), table.end(), "table"
                continue
            yield table.start(1), table.end(1), "table header"
            for row in _LINE.finditer(lines, table.start(2), table.end(2)):
                yield row.start(), row.end(), "table row"
