"""Code blocks of the documents, and what they say that they print."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Pages about frameworks read from top to bottom like one program, and need these frameworks.
FRAMEWORKS = ("langchain", "llamaindex", "haystack", "openai-anthropic", "migration", "splitting")
# A block of Python and, where the page shows what it prints, the block of text right behind it.
PYTHON = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


def blocks_of(path: Path) -> list[tuple[str, str]]:
    """Code and expected output, in order."""
    return PYTHON.findall(path.read_text(encoding="utf-8"))
