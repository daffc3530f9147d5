from __future__ import annotations

from pathlib import Path

import pytest

from ragcompress import cores


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "200000 100000\n"}, 2.0),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense\n"}, None),
        ({"cpu.max": "1 0\n"}, None),
        ({}, None),
    ],
)
def test_quotas_of_containers(files: dict[str, str], quota: float | None, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="ascii")
    assert cores.cgroup_quota(tmp_path) == quota


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("0::/a.slice/b.service\n", {"a.slice/b.service/cpu.max": "50000 100000"}, 0.5),
        ("0::/a.slice/b.service\n", {"a.slice/cpu.max": "150000 100000"}, 1.5),
        (
            "0::/a/b\n",
            {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000", "cpu.max": "400000 100000"},
            1.0,
        ),
        (
            "4:memory:/x\n1:cpu:/b\n",
            {"cpu/b/cpu.cfs_quota_us": "50000", "cpu/b/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ("4:memory:/x\n", {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("0::/../../a\n", {"a/cpu.max": "50000 100000"}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_quotas_of_the_groups_of_a_process(
    groups: str, files: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="ascii")
    (tmp_path / "own").write_text(groups, encoding="ascii")
    assert cores.cgroup_quota(root, tmp_path / "own") == quota


def test_a_quota_bounds_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_count_allowed", lambda: 64)
    for quota, n, limit in ((None, 64, 0), (1.5, 2, 2), (0.1, 1, 1), (80.0, 64, 0)):
        monkeypatch.setattr(cores, "cgroup_quota", lambda quota=quota: quota)
        assert (cores.n_cores(), cores.thread_limit()) == (n, limit)
