"""Data within addresses (``data:image/png;base64,…``): no words for anybody, and thousands of tokens."""

from __future__ import annotations

import re
from collections import Counter

_URI = re.compile(
    r"""(data:[\w.+-]{1,100}/[\w.+-]{1,100}(?:;[\w.=+-]{1,100}){0,9},)   # what it is
    ((?:[\w+/=%.~!*$&:;?@(-]|,(?!\s)|\r?\n[ \t]*(?=[A-Za-z0-9+/]{40}))*+)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
# Shorter ones are examples in a text.
_SHORT = 100


def without_data(text: str, left_out: Counter[str]) -> str:
    """The text with an ellipsis for the data of each address; lines stay as many as they were."""

    def cut(match: re.Match[str]) -> str:
        if len(match[2]) <= _SHORT:
            return match[0]
        left_out["piece of embedded data"] += 1
        return match[1] + "…" + "\n" * match[2].count("\n")

    return _URI.sub(cut, text) if "data:" in text else text
