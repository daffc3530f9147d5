"""What is loaded when, with the default models."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.model
CODE = """
import sys
from pathlib import Path
from ragcompress import Budget, Compressor, Document

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

document = Document("Anna Lund built the bridge in 1902. It stands in Oslo. It was painted red last year.")
with Compressor.from_pretrained(scorer=sys.argv[1]) as compressor:
    compressor.warm_up()
    loaded = set(compressor.proxy._sessions)
    before = resident()
    compressor("Who built the bridge?", [document], budget=Budget(max_tokens=12, min_tokens=0))
    assert loaded and set(compressor.proxy._sessions) == loaded, (loaded, set(compressor.proxy._sessions))
    grown = resident() - before
    held = resident()
print(grown, held - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("scorer", ["evidence", "passage-probe"])
def test_warming_up_loads_all_and_closing_frees_it(scorer: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, scorer], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    grown, freed = map(float, done.stdout.split())
    assert grown < 60  # megabytes; a graph's weights are 85
    assert freed > 80
