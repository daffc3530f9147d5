"""How far long work is, where no bar can be drawn."""

from __future__ import annotations

import pytest

from ragcompress.cli.console import byte_bar, phase_bar


def test_without_a_terminal_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter(range(0, 10_000, 10))
    with phase_bar(every=35, clock=lambda: float(next(seconds))) as update:
        for done in range(1, 11):
            update("reading", done, 10)
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "reading: 4 of 10, about 0:01:00 left"
    assert 1 < len(lines) < 4


def test_every_phase_has_a_pace_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with phase_bar(every=30, clock=lambda: now) as update:
        update("reading", 50, 100)
        now = 100.0
        update("fitting", 1, 9)
        assert not capsys.readouterr().err, "it has just begun"
        now = 140.0
        update("fitting", 5, 9)
    assert capsys.readouterr().err.splitlines() == ["fitting: 5 of 9, about 0:00:32 left"]


def test_bytes_are_told_in_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter(range(0, 10_000, 20))
    with byte_bar("indexing", "writing", every=30, clock=lambda: float(next(seconds))) as update:
        for done in (1_000_000, 2_000_000, 4_000_000):
            update(done, 4_000_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("indexing: 2.0 of 4.0 MB, about 0:")
