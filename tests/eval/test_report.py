"""``report``: one page, with the numbers of the JSON files and pictures that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragcompress_eval import cli

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture
def results(tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "evidence.json"
    command = ["evidence", str(SAMPLE), "--scorer", "bm25", "--scorer", "lead", "--proxy", proxy]
    assert cli.main([*command, "--ratio", "0.2", "--ratio", "0.5", "--json", str(out)]) == 0
    capsys.readouterr()
    return out


def test_the_page_has_tables_pictures_and_what_they_rest_on(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "report"
    assert cli.main(["report", str(results), "-o", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.md")
    page = (folder / "report.md").read_text(encoding="utf-8")
    for wanted in ("### fable", "### zh", "| bm25 | 0.2 |", "| lead | 0.5 |", "questions.jsonl", "SHA-256"):
        assert wanted in page
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert sorted(pictures) == sorted(p.name for p in folder.iterdir() if p.suffix == ".png")
    assert {"recall-fable.png", "time-fable.png"} <= set(pictures)
    for picture in pictures:
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_what_is_no_result_is_refused(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in ("{", "[]", '{"results": [{}], "provenance": {}}', '{"results": [], "provenance": {}}'):
        bad = tmp_path / "bad.json"
        bad.write_text(content, encoding="utf-8")
        assert cli.main(["report", str(bad), "-o", str(tmp_path / "r")]) == 1
        assert "bad.json holds no results" in capsys.readouterr().err
    copy = tmp_path / "copy.json"
    copy.write_bytes(results.read_bytes())
    assert cli.main(["report", str(results), str(copy), "-o", str(tmp_path / "r")]) == 1
    assert "copy.json both hold fable, bm25, 0.2" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
