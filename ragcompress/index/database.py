"""Files, documents, passages, their vectors and their words in one SQLite file.

SQLite brings what an incremental build needs: a file's passages come and go in one transaction, a build that
was killed has all the files before it, and FTS5 is an inverted index with BM25.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Document
from ..errors import DataError
from ..files import to_bytes, write_whole
from ..models.bert import Vectors
from ..places import Places
from ..text.terms import terms
from .passages import Passage
from .vectors import Ids

ANEW = "remove the index and build it again"

# What SQLite says of a file that is no database of ours any more; all else, such as a full disk, passes.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
_CHUNK = 8192
_SUM = ".crc32"  # beside a file that is finished: SQLite finds no flipped bit in the lists of words
_BLOCK = 1 << 20  # bytes read at once for it
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, title TEXT, name TEXT, metadata TEXT,
    syntax TEXT
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, start_char INTEGER, text TEXT,
    sentences TEXT, header TEXT, places TEXT, vector BLOB, checksum INTEGER
);
CREATE INDEX documents_path ON documents (path);
CREATE INDEX passages_document ON passages (document);
CREATE VIRTUAL TABLE words USING fts5(terms, content='', tokenize="unicode61 remove_diacritics 0");
"""
_PASSAGES = """
SELECT p.id, p.text, d.title, d.name, d.metadata, d.syntax, p.places, p.start_char, p.sentences, p.header,
    p.checksum
FROM passages p JOIN documents d ON d.id = p.document
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was when it was read."""

    size: int
    mtime_ns: int
    sha256: str


class Database:
    """One version of an index. Safe to use from several threads.

    Args:
        path: the SQLite file.
        writable: for a build; made if need be. Without, the file is taken as one that never changes.

    Raises:
        DataError: if it can't be read.
        FileNotFoundError: if it isn't there and not ``writable``.
    """

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        if not writable and not path.exists():
            raise FileNotFoundError(path)
        if path.exists() and not path.is_file():  # SQLite would wait for ever at a pipe
            raise DataError(f"{path} is no file; {ANEW}")
        if not writable:
            _check_sum(path)
        mode = "rwc" if writable else "ro&immutable=1"
        self._path, self._lock = path, threading.RLock()
        try:
            if writable:
                path.touch(mode=0o600)  # it holds people's texts; SQLite gives its other files the same mode
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
            )
            if writable:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'words'"):
                    self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            else:
                self._db.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, row)")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close; what was written stands in the one file."""
        with self._lock:
            self._db.close()

    def finish(self) -> None:
        """After a build: close, everything in one file that never changes, its checksum beside it."""
        with self._translate_errors():
            self._db.execute("PRAGMA journal_mode=DELETE")
        self.close()
        write_whole(_sum_file(self._path), f"{_sum_of(self._path):08x}\n".encode("ascii"), private=True)

    def copy_to(self, path: Path) -> None:
        """Copy the whole database to a new file."""
        other = sqlite3.connect(path)
        with self._lock, self._translate_errors(), other:
            self._db.backup(other)
        other.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written within, or nothing."""
        with self._lock, self._translate_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def meta(self) -> dict[str, Any]:
        """What was noted about the index."""
        try:
            return {key: json.loads(value) for key, value in self._rows("SELECT key, value FROM meta")}
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{self._path} is damaged ({error}); {ANEW}") from error

    def begun(self) -> dict[str, Any] | None:
        """What is known of a large file of which not all is written: path, SHA-256 and number of passages."""
        version = self.meta().get("begun")
        if not version:
            return None
        kinds = {"path": str, "sha256": str, "n": int}
        if isinstance(version, dict) and all(isinstance(version.get(k), kind) for k, kind in kinds.items()):
            return version
        raise DataError(f"{self._path} is damaged (it says that {version!r} was begun); {ANEW}")

    def note(self, **values: Any) -> None:
        """Note something about the index, JSON-able."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def files(self) -> dict[str, FileState]:
        """Files that are in the index, by path."""
        return {row[0]: FileState(*row[1:]) for row in self._rows("SELECT * FROM files ORDER BY path")}

    def n_passages(self) -> int:
        """How many there are."""
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    def put_file(self, path: str, state: FileState) -> None:
        """Note what a file is now."""
        row = (path, state.size, state.mtime_ns, state.sha256)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", row)

    def remove_file(self, path: str) -> None:
        """Forget a file and all that came from it."""
        condition = "WHERE document IN (SELECT id FROM documents WHERE path = ?)"
        deleted = list(self._passages(f"{_PASSAGES} WHERE d.path = ?", (path,)))
        # An FTS table without content of its own needs the words again.
        self._db.executemany(
            "INSERT INTO words (words, rowid, terms) VALUES ('delete', ?, ?)",
            [(key, _words(passage)) for key, passage in deleted],
        )
        self._db.execute(f"DELETE FROM passages {condition}", (path,))
        self._db.execute("DELETE FROM documents WHERE path = ?", (path,))
        self._db.execute("DELETE FROM files WHERE path = ?", (path,))

    def add(self, path: str, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Add the passages of a file, in order, with their vectors (N, dimensions)."""
        row_id, last = 0, None
        for passage, vector in zip(passages, vectors, strict=True):
            document = passage.document
            name = document.id and to_bytes(document.id).decode("utf-8")
            about = (path, document.title, name, json.dumps(dict(document.metadata)), document.syntax)
            if about != last:
                row_id = self._insert("documents (path, title, name, metadata, syntax)", about)
                last = about
            places = document.places and json.dumps(document.places.to_dict())
            units, header = json.dumps(passage.sentences), json.dumps(passage.header)
            packed = _add_sum(vector.astype("<f4").tobytes())
            row = (row_id, passage.start_char, document.text, units, header, places, packed)
            read = (document.text, *about[1:], places, passage.start_char, units, header)
            key = self._insert(
                "passages (document, start_char, text, sentences, header, places, vector, checksum)",
                (*row, _checksum(*read)),
            )
            self._db.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (key, _words(passage)))

    def vectors(self) -> Iterator[tuple[Ids, Vectors]]:
        """All vectors, in chunks, by id."""
        last = -1
        while rows := self._rows(
            "SELECT id, vector FROM passages WHERE id > ? ORDER BY id LIMIT ?", (last, _CHUNK)
        ):
            last = rows[-1][0]
            opened = [self._verify(key, packed) for key, packed in rows]
            if len(longest := {len(vector) for vector in opened}) > 1:
                raise DataError(f"the vectors in {self._path} have {sorted(longest)} bytes; {ANEW}")
            whole = b"".join(opened)
            vectors = np.frombuffer(whole, dtype="<f4").reshape(len(rows), -1)
            yield np.array([row[0] for row in rows], dtype=np.int64), vectors.astype(np.float32)

    def get(self, keys: Sequence[int]) -> dict[int, Passage]:
        """Passages by id.

        Raises:
            DataError: if one is not there, or is damaged.
        """
        passages: dict[int, Passage] = {}
        # SQLite takes so many values in one query, and not any number.
        for first in range(0, len(keys), _CHUNK):
            some = tuple(keys[first : first + _CHUNK])
            passages |= self._passages(f"{_PASSAGES} WHERE p.id IN ({','.join('?' * len(some))})", some)
        if missing := [key for key in keys if key not in passages]:
            raise DataError(f"passage {missing[0]} of {self._path} is missing; {ANEW}")
        return passages

    def all_passages(self) -> Iterator[Passage]:
        """Every passage, by id."""
        last = -1
        while some := list(self._passages(f"{_PASSAGES} WHERE p.id > ? ORDER BY p.id LIMIT 256", (last,))):
            yield from (passage for _, passage in some)
            last = some[-1][0]

    def find_words(self, question: str, n: int) -> list[int]:
        """Ids of the passages with the best BM25 (k1 = 1.2, b = 0.75), best first, ties by id.

        Words that stand in more than half of the passages are left out: BM25 as FTS5 has it gives them no
        weight, and it would look at every passage for them.
        """
        words = sorted(set(terms(question)))
        total = self.n_passages()
        marks = ",".join("?" * len(words))
        counts = dict(self._rows(f"SELECT term, doc FROM vocabulary WHERE term IN ({marks})", tuple(words)))
        rare = [w for w in words if counts.get(w, 0) * 2 <= total] or words
        if not rare:
            return []
        query = " OR ".join(f'"{word}"' for word in rare)
        best = self._rows(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank, rowid LIMIT ?", (query, n)
        )
        return [row[0] for row in best]

    def _passages(self, query: str, values: tuple[Any, ...]) -> Iterator[tuple[int, Passage]]:
        for row in self._rows(query, values):
            key, text, title, name, about, syntax, places, start, sentences, lead, checksum = row
            if _checksum(*row[1:-1]) != checksum:
                raise DataError(f"passage {key} of {self._path} is damaged; {ANEW}")
            units = tuple((int(a), int(b), kind) for a, b, kind in json.loads(sentences))
            back = Places.from_dict(json.loads(places)) if places else None
            document = Document(
                text=text, title=title, id=name, metadata=json.loads(about), syntax=syntax, places=back
            )
            span = json.loads(lead)
            yield key, Passage(document, start, units, span and (span[0], span[1]))

    def _verify(self, key: int, packed: bytes) -> bytes:
        """The bytes of a vector, if they are those that were written."""
        if not isinstance(packed, bytes) or _add_sum(packed[:-4]) != packed:
            raise DataError(f"the vector of passage {key} of {self._path} is damaged; {ANEW}")
        return packed[:-4]

    def _insert(self, table: str, row: Iterable[Any]) -> int:
        values = tuple(row)
        done = self._db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)
        return int(done.lastrowid or 0)

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock, self._translate_errors():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> DataError:
        is_damaged = isinstance(error, UnicodeDecodeError) or (
            getattr(error, "sqlite_errorname", "").startswith(_DAMAGED)
        )
        return DataError(f"{self._path} can't be used: {error}{f'; {ANEW}' if is_damaged else ''}")


def _checksum(*values: Any) -> int:
    """CRC-32 of all that a passage is read from: nothing damaged is given out as the words of a source."""
    return zlib.crc32(repr(values).encode("utf-8", "backslashreplace"))


def _add_sum(packed: bytes) -> bytes:
    """Bytes with their CRC-32 behind them."""
    return packed + zlib.crc32(packed).to_bytes(4, "little")


def _words(passage: Passage) -> str:
    return " ".join(terms(passage.titled))


def _sum_file(path: Path) -> Path:
    return path.with_suffix(_SUM)


def _sum_of(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total = zlib.crc32(block, total)
    return total


def _check_sum(path: Path) -> None:
    """Refuse a finished file whose bytes are others than were written; older versions wrote no checksum."""
    try:
        written = _sum_file(path).read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{_sum_file(path)} can't be read: {error.strerror or error}") from error
    try:
        is_whole = written == f"{_sum_of(path):08x}\n".encode("ascii")
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    if not is_whole:
        raise DataError(f"{path} is damaged (its checksum is another); {ANEW}")
