"""Which files of a folder are touched by anyone, C code and other processes included (Linux: inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

AVAILABLE = sys.platform == "linux"
_NON_BLOCKING = 0o4000
_MODIFIED, _OPENED, _CREATED, _DELETED, _MOVED = 0x2, 0x20, 0x100, 0x200, 0xC0
_ALL = _MODIFIED | _OPENED | _CREATED | _DELETED | _MOVED
_HEAD = struct.Struct("iIII")


class Watched:
    """Watches folders, each without those in it."""

    def __init__(self, *folders: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(_NON_BLOCKING)
        self._folders = {
            libc.inotify_add_watch(self._file, os.fsencode(folder), _ALL): folder for folder in folders
        }
        if self._file < 0 or any(number < 0 for number in self._folders):
            raise OSError(ctypes.get_errno(), "the folders can't be watched")

    def touched(self) -> list[Path]:
        """Files that were opened, written, made, moved or deleted since the last call."""
        found = []
        try:
            data = os.read(self._file, 1 << 16)
        except BlockingIOError:
            return []
        while data:
            number, _, _, length = _HEAD.unpack_from(data)
            name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
            found.append(self._folders[number] / os.fsdecode(name))
            data = data[_HEAD.size + length :]
        return sorted(set(found))

    def close(self) -> None:
        """Let go of the watches."""
        os.close(self._file)
