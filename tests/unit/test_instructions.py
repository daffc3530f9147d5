"""What a compress call costs beside the model, in instructions: no part grows without being noticed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import counted_parts
import pytest

# Instructions ÷ those of the reference (``counted_parts``), as counted on 29 November 2026.
KNOWN = {"segmentation": 0.0715, "features": 0.272, "selection and rendering": 0.366}
MARGIN = 1.15


def total(dump: Path) -> int:
    """Instructions since the mark before."""
    found = re.search(r"^totals: (\d+)", dump.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="callgrind counts; valgrind is not installed")
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the figures are of Python 3.11")
def test_no_part_beside_the_model_costs_more_instructions_than_it_did(tmp_path: Path) -> None:
    command = [
        "valgrind", "--tool=callgrind", "--dump-before=getpriority", "--callgrind-out-file=out",
        sys.executable, counted_parts.__file__,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    start, reference, *parts = (total(tmp_path / f"out.{n}") for n in range(1, 3 + len(KNOWN)))
    assert start > reference
    found = {name: n / reference for name, n in zip(counted_parts.PARTS, parts, strict=True)}
    assert {n: v for n, v in found.items() if v > MARGIN * KNOWN[n]} == {}, found
    assert {n: v for n, v in found.items() if v < KNOWN[n] / 2} == {}, "faster: make the figures smaller"
