"""What ``deploy/`` holds, read by the tools that read it where it is used; no container engine runs here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def run(*command: object) -> str:
    ended = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    assert run(hadolint, DEPLOY / "Dockerfile") == ""


def test_the_image_copies_what_is_there_and_runs_as_nobody_in_particular() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert "$RAGCOMPRESS_API_KEYS" not in "".join(line for line in lines if not line.startswith("#"))


def test_the_composition_is_locked_down_and_builds_our_image() -> None:
    composed: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    ours = composed["services"]["ragcompress"]
    assert (DEPLOY / ours["build"]["context"] / ours["build"]["dockerfile"]).is_file()
    assert ours["read_only"]
    assert ours["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for s in composed["services"].values() for port in s["ports"])
    named = {volume.partition(":")[0] for s in composed["services"].values() for volume in s["volumes"]}
    assert named == composed["volumes"].keys()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "ragcompress.service").read_text(encoding="utf-8")
    unit = tmp_path / "ragcompress.service"
    installed = "/opt/ragcompress/bin/ragcompress"
    assert text.count(installed) == 1
    unit.write_text(text.replace(installed, sys.executable), encoding="utf-8")
    run("systemd-analyze", "verify", unit)
