"""R14: no file is touched but those that were named, whatever documents refer to, C code included."""

# ruff: noqa: E501

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import office_files as office
import openpyxl
import pytest
from no_sockets import MACHINES
from watched import AVAILABLE, Watched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AVAILABLE or os.uname().machine not in MACHINES, reason="inotify is Linux's"),
]

FILTER = Path(__file__).parents[1] / "no_sockets.py"
SCRIPT = """
import sys
from ragcompress import Budget, Compressor, RagCompressError, read_documents, scorers
documents = []
for path in sys.argv[1:]:
    try:
        documents += read_documents([path], note=lambda line: None)
    except RagCompressError:  # Word itself refuses a file with entities
        assert path.endswith("entity.docx"), path
assert len(documents) >= len(sys.argv) - 2
compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
for document in documents:
    assert "BAIT" not in document.text, document.id
context = compressor("What is the fee in Vik?", documents, budget=Budget(ratio=0.5))
assert context.pieces and "BAIT" not in context.text
"""
_ENTITY = '<!DOCTYPE a [<!ENTITY x SYSTEM "{0}"><!ENTITY % y SYSTEM "{0}"> %y;]>'
TEXTS = {
    "page.html": "<base href='{0}'><link rel=stylesheet href='{0}'><style>@import url('{0}')</style><img src='{0}'>"
    "<iframe src='{0}'></iframe><object data='{0}'></object><embed src='{0}'><script src='{0}'></script>"
    "<svg><use href='{0}'/><image href='{0}'/></svg><p>The fee is 12.",
    "page.xhtml": f"<?xml version='1.0'?>{_ENTITY}<html><body><p>The fee is &x; 12.</body></html>",
    "data.xml": f"<?xml version='1.0'?>{_ENTITY}<a>&x; 12</a>",
    "picture.svg.txt": f"{_ENTITY}<svg><text>&x; 12</text></svg>",
    "notes.md": "![map]({0})\n\n[here]: {0}\n\n<!--#include file='{0}' -->\n\nThe fee is 12.\n",
    "manual.rst": ".. include:: {0}\n.. literalinclude:: {0}\n.. csv-table::\n   :file: {0}\n\nThe fee is 12.\n",
    "paper.tex": "\\input{{{0}}}\\include{{{0}}}\\openin5={0} The fee is 12.\n",
    "outline.org": '#+INCLUDE: "{0}"\n#+SETUPFILE: {0}\nThe fee is 12.\n',
    "book.adoc": "include::{0}[]\n\nThe fee is 12.\n",
    "settings.yaml": "fee: !include {0}\nother: !!python/object/apply:builtins.open ['{0}']\n",
    "fees.csv": 'city,fee\n"=WEBSERVICE(""{0}"")",12\n\'file:\'{0}\'#$Sheet1.A1,3\n',
    "questions.jsonl": '{{"text": "The fee is 12.", "metadata": {{"source": "{0}", "path": "{0}"}}}}\n',
    "code.py": "exec(open('{0}').read())\n",
}


def with_part(data: bytes, part: str, change: dict[bytes, bytes]) -> bytes:
    """An Office file with other bytes in one of its parts."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            for old, new in change.items() if name == part else ():
                assert old in content
                content = content.replace(old, new)
            made.writestr(name, content)
    return buffer.getvalue()


def office_documents(bait: str) -> Iterator[tuple[str, bytes]]:
    """Word and Excel files that refer to a file by entities and by relations."""
    file = docx.Document()
    file.add_paragraph("The fee is 12.")
    kinds = ("image", "aFChunk", "attachedTemplate", "oleObject", "subDocument", "header", "footnotes")
    for kind in kinds:
        file.part.relate_to(
            f"file://{bait}",
            f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}",
            True,
        )
    data = office.saved(file)
    yield "linked.docx", data
    entity = f'?>\n<!DOCTYPE w [<!ENTITY x SYSTEM "file://{bait}">]>'.encode()
    change = {b"?>": entity, b"The fee": b"The &x; fee"}
    yield "entity.docx", with_part(data, "word/document.xml", change)
    book = openpyxl.Workbook()
    book.active.append(["City", "Fee"])
    book.active.append(["Vik", f"='file://{bait}'!A1"])
    book.active["A3"] = f'=HYPERLINK("file://{bait}","here")'
    yield "linked.xlsx", office.saved(book)


def test_documents_that_refer_to_files_have_none_of_them_read(tmp_path: Path) -> None:
    home, baits, given = (tmp_path / name for name in ("home", "baits", "given"))
    for folder in (home, baits, given):
        folder.mkdir()
    bait = baits / "secret.txt"
    bait.write_text("BAIT secret of the house")
    for name, text in TEXTS.items():
        (given / name).write_text(text.format(bait))
    for name, data in office_documents(str(bait)):
        (given / name).write_bytes(data)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    before = sorted(given.iterdir())
    watched = Watched(home, baits)
    try:
        done = subprocess.run(
            [sys.executable, str(FILTER), str(script), *map(str, before)],
            capture_output=True, text=True, cwd=home, timeout=300,
            env={**os.environ, "HOME": str(home), "TMPDIR": str(home), "RAGCOMPRESS_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert watched.touched() == []
        assert sorted(given.iterdir()) == before
        bait.read_text()
        assert watched.touched() == [bait], "the watch sees what it is to see"
    finally:
        watched.close()
