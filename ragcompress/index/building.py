"""Building an index: only what is new, changed or gone, aside, switched to in one step.

    IDX/current     name of the version to read
    IDX/v3/         passages.sqlite, vectors.faiss; never changed once it is there
    IDX/building/   the next version; an interrupted build resumes with it
    IDX/keys/       keys and values of the passages, if they were asked for

Readers open a version and keep it. The version before the current one stays, for those that are just opening
it; older ones go.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data import Progress
from ..documents.reading import MAX_FILE_SIZE, FolderReader, Note
from ..errors import DataError, InputError, RagCompressError
from ..files import lock, open_regular, write_whole
from ..models.embedding import Embedder, MiniLM
from ..text.segmentation import segment
from . import vectors
from .database import ANEW, Database, FileState
from .passages import Passage, cut
from .states import is_as_it_was, size_of, state_of

PASSAGES, VECTORS, KEYS = "passages.sqlite", "vectors.faiss", "keys"
PASSAGE_TOKENS = 128
_FORMAT = 3
_LONGEST_NAME = 64
_TOGETHER = 64  # passages written in one transaction, of as many files as that takes
_File = tuple[str, FileState, list[Passage]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did.

    Attributes:
        version: the one that is current now.
        n_new, n_changed, n_deleted: files.
        n_failed: files that could not be read; each was noted.
        n_files, n_passages: in the index now.
    """

    version: str
    n_new: int
    n_changed: int
    n_deleted: int
    n_failed: int
    n_files: int
    n_passages: int


def build_index(
    folder: str | Path,
    path: str | Path,
    *,
    embedder: Embedder | None = None,
    passage_tokens: int = PASSAGE_TOKENS,
    max_file_size: int = MAX_FILE_SIZE,
    note: Note = lambda text: None,
    progress: Progress | None = None,
) -> Report:
    """Bring an index up to date with a folder, or make it.

    A file that has the size and time it had, or the same bytes, is not read again. Interrupted at any moment,
    a build resumes where it was. The index can be searched meanwhile: as it was before.

    Args:
        folder: searched to the bottom, as ``ragcompress compress`` does.
        path: folder of the index; an index belongs to one folder.
        embedder: ``MiniLM()`` by default.
        passage_tokens: most tokens of a passage, in the embedder's tokens.
        max_file_size: larger files are left out, also if they are only larger when unpacked; bytes.
        note: called with a line about each file that is left out, and one that sums up.
        progress: called with (bytes read, bytes in all) of the files that are new or changed.

    Raises:
        InputError: for a number of tokens that can't be, or an index made with other settings.
        DataError: if the folder or the index can't be used, or another build is running.
    """
    if passage_tokens < 1:
        raise InputError(f"passage_tokens must be at least 1, got {passage_tokens}")
    root, target = Path(folder).absolute(), Path(path)
    if not os.path.isdir(root):
        raise DataError(f"there is no folder {folder}")
    vectors.check()
    with _exclusive(target):
        embedder = embedder or MiniLM()
        about = {"folder": str(root), "passage_tokens": passage_tokens, "embedder": embedder.name}
        before = current(target)
        database = _begin(target, before, about, note)
        left_out, tokenizer = FolderReader(), embedder.tokenizer

        def read(file: Path) -> list[Passage] | None:
            documents = left_out.read(file, note, max_file_size)
            return None if documents is None else list(cut(segment(documents), tokenizer, passage_tokens))

        try:
            files = left_out.files(root, note, but=target)
            by_key = {_key(p, root): p for p in files}
            counts = _update(database, by_key, embedder, read, progress)
            if summary := left_out.summary(folder, len(database.files())):
                note(summary)
            n_passages, n_files = database.n_passages(), len(database.files())
            version = _switch(target, before, database)
        finally:
            database.close()
        _tidy(target, keep=(version, before))
    return Report(version, *counts, n_files=n_files, n_passages=n_passages)


def current(path: Path) -> str | None:
    """Name of the version to read; None if there is none yet."""
    try:
        with open_regular(path / "current") as file:
            name = file.read(_LONGEST_NAME)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path / 'current'} can't be read: {error.strerror or error}") from error
    if not re.fullmatch(rb"v\d{1,18}\n", name):
        raise DataError(f"{path / 'current'} names no version of an index; {ANEW}")
    return name.decode("ascii").strip()


def readable(path: Path) -> str:
    """Name of the version to read.

    Raises:
        DataError: if there is none.
    """
    if version := current(path):
        return version
    if (path / "building").exists():
        raise DataError(
            f"{path} has nothing to search yet: its first build is running or was interrupted; "
            "run `ragcompress index build` again"
        )
    raise DataError(f"{path} is no index; make one with: ragcompress index build DIR -o {path}")


def check_format(path: Path, about: Mapping[str, Any]) -> None:
    """Refuse an index that another version of ragcompress made.

    Raises:
        DataError: if it is such a one.
    """
    if about.get("format") != _FORMAT:
        raise DataError(
            f"the index {path} has format {about.get('format')}, and this version of ragcompress reads "
            f"format {_FORMAT}; {ANEW}"
        )


@contextmanager
def _exclusive(target: Path) -> Iterator[None]:
    """Make the folder of the index, if need be, and keep other builds out of it."""
    try:
        if target.is_dir() and any(target.iterdir()) and not (target / "lock").exists():
            raise DataError(
                f"{target} is a folder with other things in it; give one that is empty or not there"
            )
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = lock(target / "lock", f"another build of {target} is running")
    except DataError:
        raise
    except OSError as error:
        raise _unusable(target, error) from error
    try:
        yield
    except RagCompressError:
        raise
    except OSError as error:  # a full disk, or a volume that can only be read by now
        raise _unusable(target, error) from error
    finally:
        held.release()


def _unusable(target: Path, error: OSError) -> DataError:
    return DataError(f"{target} can't be used as an index: {error.strerror or error}")


def _begin(target: Path, before: str | None, about: dict[str, object], note: Note) -> Database:
    """The next version, to be worked on: as a build that was cut short left it, or as the current one is."""
    place = target / "building"
    if not place.is_dir() and (done := target / _next(before)).is_dir():
        os.rename(done, place)  # killed, or the disk was full, before it could switch to what it had built
    if place.is_dir():
        try:
            database = Database(place / PASSAGES, writable=True)
            check_format(target, database.meta())
            if database.meta().get("before") == before and _check_settings(database, target, about):
                return database
            database.close()
        except DataError:
            note(f"{place} is of an interrupted build, and cannot be used; the build starts over")
        shutil.rmtree(place)
    scratch = target / "copying"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    if before:
        try:
            old = Database(target / before / PASSAGES)
        except FileNotFoundError as error:
            raise DataError(f"{error} is missing; {ANEW}") from error
        check_format(target, old.meta())
        _check_settings(old, target, about)
        old.copy_to(scratch / PASSAGES)
        old.close()
    database = Database(scratch / PASSAGES, writable=True)
    with database.transaction():
        database.note(**about, format=_FORMAT, before=before, changed=False)
    database.close()
    os.rename(scratch, place)
    return Database(place / PASSAGES, writable=True)


def _check_settings(database: Database, target: Path, about: dict[str, object]) -> bool:
    had = database.meta()
    for key, value in about.items():
        if had.get(key) != value:
            raise InputError(
                f"the index {target} was made with {key.replace('_', ' ')} {had.get(key)!r}, not {value!r}; "
                "give the same, or build another index"
            )
    return True


def _update(
    database: Database,
    by_key: Mapping[str, Path],
    embedder: Embedder,
    read: Callable[[Path], list[Passage] | None],
    progress: Progress | None,
) -> tuple[int, int, int, int]:
    """Make the passages those of the files. Returns how many were new, changed, gone and left out."""
    known = database.files()
    _drop_begun(database, by_key)
    deleted = [name for name in known if name not in by_key]
    _remove(database, deleted)
    stale = {name: p for name, p in by_key.items() if not is_as_it_was(p, known.get(name))}
    total = sum(size_of(p) for p in stale.values())
    done = n_failed = n_new = n_changed = 0
    waiting: list[_File] = []
    for name, p in stale.items():
        state = state_of(p)
        before, done = done, done + (state.size if state else 0)
        if state and name in known and state.sha256 == known[name].sha256:
            with database.transaction():
                database.put_file(name, state)  # touched, not changed
            continue
        passages = read(p)
        if state is None or passages is None:
            n_failed += 1
            _remove(database, [name] if name in known else [])
            continue
        n_new += name not in known
        n_changed += name in known
        if len(passages) > _TOGETHER:
            _write_large(database, (name, state, passages), embedder, _part(progress, before, done, total))
        else:
            waiting.append((name, state, passages))
        if progress:
            progress(done, total)
        if sum(len(w[2]) for w in waiting) >= _TOGETHER:
            _write(database, waiting, embedder)
            waiting = []
    _write(database, waiting, embedder)
    return n_new, n_changed, len(deleted), n_failed


def _remove(database: Database, names: list[str]) -> None:
    """Forget files, in one transaction."""
    if names:
        with database.transaction():
            for name in names:
                database.remove_file(name)
            database.note(changed=True)


def _write(database: Database, waiting: list[_File], embedder: Embedder) -> None:
    """Put files in place of what they were, in one transaction."""
    embedded = [vectors.embed(embedder, [p.titled for p in passages]) for _, _, passages in waiting]
    with database.transaction():
        for (name, state, passages), rows in zip(waiting, embedded, strict=True):
            database.remove_file(name)
            database.add(name, passages, rows)
            database.put_file(name, state)
        if waiting:
            database.note(changed=True)


def _part(progress: Progress | None, start: int, end: int, total: int) -> Progress:
    """Progress within one file, which goes from ``start`` to ``end`` of ``total``."""

    def report(n: int, n_all: int) -> None:
        if progress:
            progress(start + (end - start) * n // n_all, total)

    return report


def _write_large(database: Database, file: _File, embedder: Embedder, progress: Progress) -> None:
    """Put a file in place of what it was, bit by bit: interrupted, it resumes where it was."""
    name, state, passages = file
    begun = database.begun() or {}
    start = begun["n"] if (begun.get("path"), begun.get("sha256")) == (name, state.sha256) else 0
    if not start:
        with database.transaction():
            database.remove_file(name)
            database.note(changed=True)
    for first in range(start, len(passages), _TOGETHER):
        group = passages[first : first + _TOGETHER]
        rows = vectors.embed(embedder, [p.titled for p in group])
        with database.transaction():
            database.add(name, group, rows)
            database.note(begun={"path": name, "sha256": state.sha256, "n": first + len(group)})
        progress(first + len(group), len(passages))
    with database.transaction():
        database.put_file(name, state)
        database.note(begun=None)


def _drop_begun(database: Database, by_key: Mapping[str, Path]) -> None:
    """Forget a large file that was half written when a build was cut short, and is no more or has changed."""
    begun = database.begun()
    if not begun:
        return
    path = by_key.get(begun["path"])
    state = path and state_of(path)
    if not state or state.sha256 != begun["sha256"]:
        with database.transaction():
            database.remove_file(begun["path"])
            database.note(begun=None)


def _key(path: Path, root: Path) -> str:
    """What the index calls a file; SQLite takes no bytes of a name that are not UTF-8: they are escaped."""
    return os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")


def _next(version: str | None) -> str:
    return f"v{int(version.removeprefix('v')) + 1 if version else 1}"


def _switch(target: Path, before: str | None, database: Database) -> str:
    """Switch to what was built, unless it is what there is. Returns the version to read."""
    if before and not database.meta().get("changed") and _has_vectors(target / before, database):
        return before
    return _finish(target, before, database)


def _finish(target: Path, before: str | None, database: Database) -> str:
    """Write the vectors, give the version its name, and switch to it."""
    place = target / "building"
    checksum = vectors.write(place / VECTORS, database.vectors(), database.n_passages())
    size = (place / VECTORS).stat().st_size
    with database.transaction():  # still as changed: a build that is cut short here has to switch
        database.note(vectors=checksum, vectors_size=size)
    database.finish()
    version = _next(before)
    shutil.rmtree(target / version, ignore_errors=True)  # of a build killed before it could switch
    os.rename(place, target / version)
    write_whole(target / "current", f"{version}\n".encode("ascii"))
    return version


def _has_vectors(version: Path, database: Database) -> bool:
    """Whether its vectors can be read; they stand among the passages as well, and can be written anew."""
    try:
        about = database.meta()
        vectors.read(version / VECTORS, about.get("vectors"), about.get("vectors_size"))
    except (DataError, FileNotFoundError):
        return False
    return True


def _tidy(target: Path, keep: tuple[str | None, str | None]) -> None:
    """Remove old versions and what is left of a build that found nothing to do."""
    for path in target.iterdir():
        old = path.name.startswith("v") and path.name not in keep
        if path.is_dir() and (old or path.name == "building"):
            shutil.rmtree(path, ignore_errors=True)
