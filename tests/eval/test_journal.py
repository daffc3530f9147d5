"""Rows on disk: nothing lost, nothing mixed up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragcompress import DataError, InputError
from ragcompress_eval.bench.journal import Journal, rows_path


def test_rows_are_there_at_once_and_after_resuming(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path, settings={"a": (1, 2)}) as journal:
        journal.add(("x", "1"), {"value": "é\ud800"})
        last = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        assert last["key"] == ["x", "1"]
    with Journal(path, settings={"a": [1, 2]}, resume=True) as journal:
        assert journal.n_resumed == 1
        assert list(journal.rows) == [("x", "1")]
        assert len(journal.sessions) == 2


def test_a_torn_line_is_dropped_and_a_broken_one_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path, settings={}) as journal:
        journal.add(("1",), {})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key":["2"')
    with Journal(path, settings={}, resume=True) as journal:
        assert list(journal.rows) == [("1",)]
        journal.add(("3",), {})
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
    for bad, reason in ((b"{nonsense\n", "not JSON"), (b"[]\n", "not a row")):
        path.write_bytes(whole + bad)
        with pytest.raises(DataError, match=f"line 3: {reason}"):
            Journal(path, settings={}, resume=True)


def test_unfinished_rows_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path, settings={}):
        pass
    with Journal(path, settings={}) as journal:  # no row yet: nothing would be lost
        journal.add(("1",), {})
    with pytest.raises(InputError, match="--resume, or delete it"):
        Journal(path, settings={})
    with Journal(path, settings={}, resume=True) as journal:
        journal.finish()
    with Journal(path, settings={"other": 1}) as journal:
        assert not journal.rows


def test_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path, settings={"ratio": 0.2, "proxy": "a"}) as journal:
        journal.add(("1",), {})
    with pytest.raises(InputError, match="begun with ratio = 0.2, this run has 0.3"):
        Journal(path, settings={"ratio": 0.3, "proxy": "a"}, resume=True)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be written"):
        Journal(tmp_path / "none" / "rows.jsonl", settings={})


def test_rows_lie_beside_the_result() -> None:
    assert rows_path(Path("a/out.json")) == Path("a/out.rows.jsonl")
    assert rows_path(Path("a/out.v2")) == Path("a/out.v2.rows.jsonl")
