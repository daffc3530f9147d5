"""Citations: what stands where it is cited is told from what doesn't."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import citations
import office_files as office
import pytest

from ragcompress import Budget, Compressor, read_documents, scorers

PAGES = [["The bridge is of larch."], ["Anna Lund built it in 1902."], ["Ferries leave at noon."]]
WEB = (
    "<h1 id=top>Bridge</h1>\n<p>It is <b>old</b\n>, of larch.\n<h2 ID='who'>Who</h2><p>Anna\nbuilt it.</p>\n"
    "<p>Ferries leave<ol><li>at noon<li id=late>late</ol>"
)


@pytest.fixture
def result(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.pdf.gz").write_bytes(gzip.compress(office.pdf(PAGES)))
    (tmp_path / "b.html").write_text(WEB)
    (tmp_path / "c.txt").write_bytes("Über die Brücke.\r\n\r\nAnna built it.\nIt is of larch.\n".encode())
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    context = compressor("Who built it?", read_documents([tmp_path]), budget=Budget(ratio=1.0))
    return context.to_dict()


def test_true_citations_are_right_and_moved_ones_are_not(result: dict[str, Any], tmp_path: Path) -> None:
    checked = citations.check(result)
    assert {kind for kind, _, _ in checked} == {"pdf, page", "html, line", "txt, line"}
    assert [piece["location"]["cite"] for _, right, piece in checked if not right] == []
    assert len(checked) == len(result["pieces"])
    for piece in result["pieces"]:
        moved = {**piece["location"], "first": piece["location"]["first"] % 3 + 1}
        moved["last"] = moved["first"]
        if piece["location"]["first"] == piece["location"]["last"]:
            assert not citations.check({**result, "pieces": [{**piece, "location": moved}]})[0][1], piece
