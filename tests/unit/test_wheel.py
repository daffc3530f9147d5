"""The wheel holds what it should, and nothing at its top that isn't ours."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROOTS = {"ragcompress": ROOT, "ragcompress_adapters": ROOT / "adapters", "ragcompress_eval": ROOT / "eval"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    assert path.name.startswith("ragcompress_probe-")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", ROOTS)
def test_every_file_of_the_packages_is_in_it(wheel: set[str], package: str) -> None:
    folder = ROOTS[package] / package
    files = {p.relative_to(ROOTS[package]).as_posix() for p in folder.rglob("*") if p.is_file()}
    ours = {name for name in files if "__pycache__" not in name}
    assert f"{package}/py.typed" in ours
    assert ours - wheel == set()


def test_samples_and_probes_are_in_it(wheel: set[str]) -> None:
    assert "ragcompress/samples/demo.json" in wheel
    assert sum(name.startswith("ragcompress/samples/demo/") for name in wheel) >= 6
    assert any(name.startswith("ragcompress/probes/") and name.endswith(".safetensors") for name in wheel)


def test_nothing_else_is_at_its_top(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOTS)


def test_license_and_commands_are_in_it(wheel: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel)
