"""How many cores this process may use: those that it may run on, and the quota of its container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

_CGROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def n_cores() -> int:
    """Cores that this process may use, at least 1."""
    quota = cgroup_quota()
    allowed = _count_allowed()
    return allowed if quota is None else max(1, min(allowed, ceil(quota)))


def thread_limit() -> int:
    """Threads for a library that counts the machine's cores itself: 0, its own choice, without a quota."""
    quota = cgroup_quota()
    return 0 if quota is None or quota >= _count_allowed() else n_cores()


def cgroup_quota(root: Path = _CGROUPS, process: Path = _OWN) -> float | None:
    """Cores' worth of time that this process gets; None: as much as there is, or not known.

    Args:
        root: where groups are mounted; in a container it is the container's own.
        process: which groups the process is in, below that, as under systemd's ``CPUQuota``.
    """
    quotas = [quota for folder in _groups(root, process) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _groups(root: Path, process: Path) -> Iterator[Path]:
    """Folders of the groups that a process is in, of both versions of cgroups, and of those above them."""
    yield from (root, root / "cpu")
    try:
        lines = process.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        parts = [part for part in path.split("/") if part]
        if ".." not in parts and (not controllers or "cpu" in controllers.split(",")):
            base = root / "cpu" if controllers else root
            yield from (base.joinpath(*parts[:n]) for n in range(1, len(parts) + 1))


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:  # the first version of cgroups
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
    try:
        cores = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return None
    return cores if cores > 0 else None


def _count_allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
