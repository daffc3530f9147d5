"""How many cores this process may use: those that it may run on, and the quota of its container."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def n_cores() -> int:
    """Cores that this process may use, at least 1."""
    quota = cgroup_quota()
    allowed = _allowed()
    return allowed if quota is None else max(1, min(allowed, ceil(quota)))


def thread_limit() -> int:
    """Threads for a library that counts the machine's cores itself: 0, its own choice, without a quota."""
    quota = cgroup_quota()
    return 0 if quota is None or quota >= _allowed() else n_cores()


def cgroup_quota(root: Path = _CGROUPS) -> float | None:
    """Cores' worth of time that the container gets; None: as much as there is, or not known."""
    try:
        quota, period = (root / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:  # the first version of cgroups
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (root / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
    try:
        found = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return None
    return found if found > 0 else None


def _allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
