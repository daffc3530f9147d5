"""The only places that a tool may read: folders named at the start, and nothing that leads out of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError

_LONGEST = 4096


class Roots:
    """Folders below which paths are read.

    Args:
        folders: at least one; links are resolved once, now.

    Raises:
        InputError: if one is no folder.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        if not folders:
            raise InputError("name at least one folder that may be read")
        for folder in folders:
            if not os.path.isdir(folder):
                raise InputError(f"{folder} is not a folder that may be read")
        self.folders = tuple(Path(os.path.realpath(folder)) for folder in folders)

    def inside(self, path: str) -> Path:
        """The real path of what is named, relative to the first root that has it, or absolute.

        Raises:
            InputError: if it is not there, or lies outside, itself or by a link. The message is the same for
                both, so that nobody learns what there is outside.
        """
        if not path or "\0" in path or len(path) > _LONGEST or path.startswith(("\\\\", "//", "~")):
            raise InputError(f"{path[:80]!r} is no path below the folders that may be read")
        try:
            for root in self.folders:
                resolved = Path(os.path.realpath(root / path))
                if resolved.is_relative_to(root) and resolved.exists():
                    return resolved
        except (OSError, ValueError):
            pass
        raise InputError(f"there is no {path[:200]!r} below the folders that may be read")

    def display_path(self, path: str | Path) -> str:
        """A path as an agent may name it again: relative to its root where there is one alone."""
        real = Path(os.path.realpath(path))
        if len(self.folders) == 1 and real.is_relative_to(self.folders[0]):
            return real.relative_to(self.folders[0]).as_posix()
        return real.as_posix()

    def files(self, path: str) -> list[str]:
        """A file, or what is below a folder and stays below the roots.

        Raises:
            InputError: as ``inside``.
        """
        named = self.inside(path)
        if not named.is_dir():
            return [str(self.file(path))]
        return [str(p) for p in _below(named) if self._holds(p)]

    def file(self, path: str) -> Path:
        """The real path of a regular file.

        Raises:
            InputError: as ``inside``, and for what is no file, such as a folder or a pipe.
        """
        named = self.inside(path)
        if not named.is_file():
            raise InputError(f"{path[:200]!r} is no file")
        return named

    def _holds(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(root) for root in self.folders)


def _below(folder: Path) -> list[Path]:
    """Regular files that are not hidden, sorted; links to folders are not followed."""
    paths: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        paths += [Path(parent, n) for n in names if not n.startswith(".")]
    return sorted(p for p in paths if p.is_file())
