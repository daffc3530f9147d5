"""A long run of one character costs what its length does, not its square."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from ragcompress import Document, RagCompressError, segment
for text in ("\\t" * 300_000, " " * 300_000):
    try:
        segment([Document(text, syntax={syntax!r})])
    except RagCompressError:
        pass
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of processor time")
@pytest.mark.parametrize("syntax", ["markdown", "code"])
def test_a_document_of_blanks_is_cut_in_proportion(syntax: str) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT.format(syntax=syntax)], check=True)
