"""``eval/data``: what is shipped can be read, is what its README says, and may be handed on."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from ragcompress.training.examples import read_files
from studies.tool_results import read_cases

FOLDER = Path(__file__).parents[2] / "eval" / "data"
FILES = sorted(FOLDER.glob("*.dev.jsonl.gz"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SOURCES = dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \| [^|]+ \|$", README, re.MULTILINE))


def test_the_files_are_small() -> None:
    assert FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_sound_and_its_sources_are_named(path: Path) -> None:
    (read,) = read_files([path])
    assert f"| `{path.name}` | {len(read.examples)}" in README
    assert sha256(path.read_bytes()).hexdigest() in README
    for dataset in {e.dataset for e in read.examples}:
        assert SOURCES[dataset].strip()
        assert not re.search(r"NC|GPL|none", SOURCES[dataset]), dataset
    assert sum(bool(e.gold) for e in read.examples) > 0.85 * len(read.examples)


def test_what_tools_said_is_sound_and_its_sources_are_named() -> None:
    path = FOLDER / "tool_results.jsonl.gz"
    cases = read_cases(path)  # checks that what is needed stands in the text
    assert len(cases) == len({case.id for case in cases}) == 40
    assert sha256(path.read_bytes()).hexdigest() in README
    for case in cases:
        assert case.needed
        assert re.search(r"Apache-2\.0|BSD-\d-Clause|Expat|a machine of ours", case.source), case.id
        assert not re.search(r"/root/", case.text), case.id
