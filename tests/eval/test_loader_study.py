"""The loaders' corpus: every fact of every file is in its text, nothing hidden is; the score counts both."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.loaders import Case, cases, ours, score, write_files

CASES = list(cases())


def test_there_are_files_of_all_formats() -> None:
    assert len(CASES) >= 100
    assert {case.suffix for case in CASES} >= set(
        ".html .md .csv .tsv .txt .log .rst .tex .org .py .yaml .docx .xlsx .pptx .pdf .md.gz".split()
    )


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_a_person_sees_is_read(case: Case, tmp_path: Path) -> None:
    files = write_files(tmp_path, [case])
    (text,) = ours(files).values()
    assert score(case, text) == 1, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("| **Vik** | 15 |", 1), ("| Vik | 15 | secret |", 0.5), ("Vik\n15", 0.5), ("", 0), ("Vik \\15", 1)],
)
def test_a_score_counts_facts_and_secrets(text: str, expected: float) -> None:
    assert score(Case("a", ".txt", b"", ("Vik … 15",), ("secret",)), text) == expected
