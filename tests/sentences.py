"""Sentences of what people read: Markdown pages and docstrings. For the test that none is too long."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
# Literals count as one word, whatever is in them.
_CODE = re.compile(r"(`+)[^`]+?\1")
_BLOCK = re.compile(r"^ *(?:[-*+] |\d+\. |#+ |> ?|\||:::|<)|^ *$")
# A colon ends a sentence here, too: what it announces is read by itself.
_END = re.compile(r"(?<=[.!?])[)\"”*_]*\s+|:\s+| · ")
_DRAWN = re.compile(r"\S {2,}\S|[│├└]|^=+ ")
_WORD = re.compile(r"\w")


def of_markdown(text: str) -> Iterator[str]:
    """Sentences of a page, without code; each cell of a table is text of its own."""
    text = _COMMENT.sub("", _FENCE.sub("\n", text))
    text = _CODE.sub("Code", _LINK.sub(r"\1", text))
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if _BLOCK.match(line):
            yield from _sentences(" ".join(block))
            block = []
            if line.lstrip().startswith("|"):
                for cell in line.strip().strip("|").split("|"):
                    yield from _sentences(cell)
                continue
        block.append(line.strip())
    yield from _sentences(" ".join(block))


def of_docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Lines and sentences of the docstrings of a module; the text of each argument stands for itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            line = 1 if isinstance(node, ast.Module) else node.lineno
            for sentence in _of_docstring(text or ""):
                yield line, sentence


def _of_docstring(text: str) -> Iterator[str]:
    """Items of a section, by indent, are blocks of their own."""
    block: list[str] = []
    depth = 0
    for line in [*text.splitlines(), ""]:
        indent = len(line) - len(line.lstrip())
        if _DRAWN.search(line.strip()):  # a drawing or a table, no prose
            continue
        if not line.strip() or indent < depth or (indent == 4 and re.match(r" {4}[\w, *`]+: ", line)):
            yield from of_markdown("\n".join(block).replace("``", "`"))
            block = []
        depth = indent if line.strip() else 0
        block.append(line.strip())
    yield from of_markdown("\n".join(block).replace("``", "`"))


def _sentences(text: str) -> Iterator[str]:
    for sentence in _END.split(text):
        if sentence and sentence.strip():
            yield " ".join(sentence.split())


def count_words(sentence: str) -> int:
    """Words: what has a letter or digit."""
    return sum(bool(_WORD.search(word)) for word in sentence.split())


def too_long(root: Path, most: int = 30) -> list[str]:
    """Sentences of more words in README, CONTRIBUTING, docs and the docstrings of the packages."""
    found = []
    pages = [
        root / "README.md",
        root / "CONTRIBUTING.md",
        root / "eval" / "README.md",
        *sorted((root / "docs").rglob("*.md")),
    ]
    for page in pages:
        if page.name == "cli.md":  # the help texts
            continue
        for sentence in of_markdown(page.read_text(encoding="utf-8")):
            if (n := count_words(sentence)) > most:
                found.append(f"{page.relative_to(root)}: {n}: {sentence}")
    for package in ("ragcompress", "adapters", "eval"):
        for path in sorted((root / package).rglob("*.py")):
            for line, sentence in of_docstrings(path.read_text(encoding="utf-8")):
                if (n := count_words(sentence)) > most:
                    found.append(f"{path.relative_to(root)}:{line}: {n}: {sentence}")
    return found
