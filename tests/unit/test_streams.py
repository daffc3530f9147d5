"""Pipes, devices and links are written to, never replaced; closed standard streams are no bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragcompress.errors import DataError
from ragcompress.files import is_stream, write_whole

ROOT = Path(__file__).parents[2]


def test_streams_are_known_by_what_they_are(tmp_path: Path) -> None:
    pipe, file, link = tmp_path / "pipe", tmp_path / "file", tmp_path / "link"
    os.mkfifo(pipe)
    file.write_bytes(b"x")
    link.symlink_to(pipe)
    assert [is_stream(p) for p in (pipe, link, Path("/dev/null"), Path("/dev/stdout"))] == [True] * 4
    link.unlink()
    link.symlink_to(file)
    assert [is_stream(p) for p in (file, link, tmp_path, tmp_path / "new")] == [False] * 4
    link.unlink()
    link.symlink_to(link.name)
    assert not is_stream(link)


def test_what_the_shell_appends_to_is_not_replaced(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    with log.open("ab") as file:
        write_whole(Path(f"/dev/fd/{file.fileno()}"), b"result\n")
    assert log.read_bytes() == b"before\nresult\n"


def test_private_files_are_for_their_owner(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"x", private=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_full_device_is_said() -> None:
    with pytest.raises(DataError, match="No space"):
        write_whole(Path("/dev/full"), b"x")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("closed", "status", "said"),
    [
        ("-o '{out}' <&-", 0, "kept"),
        ("-o '{out}' >&-", 0, "kept"),
        ("-o '{out}' <&- >&- 2>&-", 0, ""),
        (">&-", 1, "error: the result can't be written: standard output is closed"),
    ],
)
def test_closed_standard_streams(
    closed: str, status: int, said: str, tmp_path: Path, counting_folder: Path
) -> None:
    (tmp_path / "a.txt").write_text("Ann built the bridge. It is old.", encoding="utf-8")
    out = tmp_path / "out.txt"
    command = f"'{sys.executable}' -m ragcompress compress 'Who built the bridge?' '{tmp_path / 'a.txt'}'"
    line = f"{command} --scorer bm25 --proxy '{counting_folder}' --budget 25 {closed.format(out=out)}"
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, said in done.stderr, done.stderr.count("\n") <= 1) == (status, True, True)
    if not status:
        assert out.read_text(encoding="utf-8") == "Ann built the bridge.\n"
