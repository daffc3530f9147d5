"""Rows of a long run, on disk as soon as they are measured: an interrupted run resumes from them.

A file of JSON Lines. Each session, the first and every resumed one, begins with a line ``{"session": …,
"settings": …}``; each row is a line ``{"key": […], …}``; ``{"finished": true}`` is the end. A last line that
was cut off is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any

from ragcompress import DataError, InputError
from ragcompress.files import AppendOnly, to_bytes
from ragcompress.training.examples import Example

Row = dict[str, Any]
Key = tuple[str, ...]


class Journal(AbstractContextManager["Journal"]):
    """Rows by key. To be used in a ``with`` statement.

    Args:
        path: its file; None keeps the rows in memory alone.
        settings: what all rows rest on, JSON-able; a journal with others is not resumed.
        session: what else is worth knowing of this session, JSON-able (``provenance.code``, versions).
        resume: start with the rows that the file holds, if any.

    Raises:
        InputError: if there are rows that a new start would lose, or that rest on other settings.
        DataError: if the file can't be read or written, or a line of it is broken.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        settings: Mapping[str, Any],
        session: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self.rows: dict[Key, Row] = {}
        self.sessions: list[dict[str, Any]] = []
        # Through JSON, as a file gives it back, to be compared.
        begin = json.loads(json.dumps({"session": dict(session or {}), "settings": dict(settings)}))
        n_bytes = self._load(path, begin["settings"], resume) if path else 0
        self._file = AppendOnly(path, n_bytes) if path else None
        self.n_resumed = len(self.rows)
        self._write(begin)
        self.sessions.append(begin["session"])

    def __exit__(self, *error: object) -> None:
        """Close the file; the rows stay."""
        if self._file:
            self._file.close()

    def add(self, key: Key, row: Mapping[str, Any]) -> None:
        """Keep a row; it is in the file when this returns.

        Raises:
            DataError: if it can't be written.
        """
        self.rows[key] = {"key": list(key), **row}
        self._write(self.rows[key])

    def finish(self) -> None:
        """Say that the run is complete: a new one may replace the rows."""
        self._write({"finished": True})

    def _load(self, path: Path, settings: Mapping[str, Any], resume: bool) -> int:
        """Take over the rows of a file; returns how many bytes of it stay."""
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror or error}") from error
        whole = content[: content.rfind(b"\n") + 1]
        lines = [_parse(path, n, line) for n, line in enumerate(whole.splitlines(), 1)]
        if not resume:
            if any("key" in line for line in lines) and not lines[-1].get("finished"):
                raise InputError(
                    f"{path} holds the rows of an unfinished run: continue it with --resume, or delete it"
                )
            return 0
        for line in lines:
            if "session" in line:
                _compare(path, line["settings"], settings)
                self.sessions.append(line["session"])
            elif "key" in line:
                self.rows[tuple(line["key"])] = line
        return len(whole)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file:
            text = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            self._file.append(to_bytes(text + "\n"))


def rows_path(json_file: Path) -> Path:
    """Where the rows of a result go: ``out.json`` has ``out.rows.jsonl``."""
    return json_file.with_name(
        f"{json_file.stem if json_file.suffix == '.json' else json_file.name}.rows.jsonl"
    )


def fingerprint(example: Example) -> str:
    """Hash of all that a question's rows rest on: question, answers, documents, sentences, evidence."""
    parts = example.segmentation
    content: Sequence[object] = (
        example.question,
        example.answers,
        [(d.title, d.text) for d in parts.documents],
        [(s.document, s.start_char, s.end_char) for s in parts.sentences],
        example.gold,
    )
    return sha256(json.dumps(content).encode()).hexdigest()


def _parse(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: not JSON ({error}); delete the file to start over") from None
    if not isinstance(row, dict) or not ({"key", "session", "finished"} & set(row)):
        raise DataError(f"{path}, line {number}: not a row of ragcompress-eval")
    return row


def _compare(path: Path, stored: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    for name in sorted({*stored, *settings}):
        if stored.get(name) != settings.get(name):
            raise InputError(
                f"{path} was begun with {name} = {stored.get(name)!r}, this run has {settings.get(name)!r}: "
                "give the same options, or another --json"
            )
