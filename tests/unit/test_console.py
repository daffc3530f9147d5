"""What the console writes: how far long work is where no bar can be drawn, and what a terminal gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals")
def test_what_steers_a_terminal_does_not_reach_one(tmp_path: Path, counting_folder: Path) -> None:
    """R12: a document's title of the window, colors, directions; to a pipe they go as they are."""
    text = "Ann\x1b]0;owned\x07 built\x9b31m it \u202eevil\u202c in\r 1902.\r\n\tIt is\x08 old.\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    command = [sys.executable, "-m", "ragcompress", "compress", "Who?", str(tmp_path / "a.txt")]
    command += ["--scorer", "bm25", "--proxy", str(counting_folder), "--budget", "300"]
    piped = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert piped.strip() == text.strip()
    seen, terminal = os.openpty()
    subprocess.run(command, stdout=terminal, stderr=subprocess.DEVNULL, check=True)
    os.close(terminal)
    shown = os.read(seen, 10_000).decode()
    os.close(seen)
    assert shown.split() == "Ann ]0;owned built 31m it evil in 1902. It is old.".split()
    assert not set(shown) - set(text) - {" "}
    assert not set("\x1b\x07\x9b\u202e\x08") & set(shown)
