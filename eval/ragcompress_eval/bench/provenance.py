"""What a result rests on: code, versions, data and settings.

Files by name only; nothing about the machine but its system and processor.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragcompress.training.examples import DataFile
from ragcompress.training.versions import versions

from .bootstrap import LEVEL, N_RESAMPLES


def provenance(
    files: Sequence[DataFile],
    *,
    settings: Mapping[str, Any],
    limit: int | None = None,
    seed: int | None = None,
    sessions: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Gather it, ready for JSON.

    Args:
        files: what was read.
        settings: what else decided the results, JSON-able.
        limit: records asked for per file; None for all.
        seed: of the bootstrap; None where nothing is resampled.
        sessions: those of a run that was resumed (``session``); shown where there are several.
    """
    several = {"sessions": [dict(s) for s in sessions]} if len(sessions) > 1 else {}
    resampling = {"seed": seed, "n_resamples": N_RESAMPLES, "level": LEVEL, "kind": "percentile"}
    return {
        **session(),
        **several,
        "files": [
            {
                "name": f.name,
                "sha256": f.sha256,
                "n_asked": limit,
                "n_read": f.n_read,
                "n_used": len(f.examples),
                "n_bad": len(f.bad),
            }
            for f in files
        ],
        "settings": dict(settings),
        **({} if seed is None else {"bootstrap": resampling}),
        "platform": {"system": platform.system(), "cpu": _cpu(), "n_cpus": os.cpu_count()},
    }


def session() -> dict[str, Any]:
    """What runs now: the code's commit, and versions."""
    return {"code": _code(), "versions": versions()}


def _code() -> dict[str, Any]:
    """Commit of the checkout this file belongs to; None if it doesn't belong to one."""
    # Asking for this very file keeps out the repository that an environment merely lies in.
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return {"commit": None}
    changed = _git("status", "--porcelain", "--untracked-files=no", ":/")
    return {"commit": _git("rev-parse", "HEAD"), "changed_since": changed != ""}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    """The processor's name as Linux gives it, else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
