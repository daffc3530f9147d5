"""Scorers of other packages get what they ask for, and no model of ours that they didn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragcompress.loading import load_models
from ragcompress.plan import Plan
from ragcompress.scorers import takes_evidence_embedder

MODULE = """
class Scorer:
    name = "{name}"
    needs_proxy = False
    {more}

    def __init__(self, *, embedder="its own"):
        self.embedder = embedder

    def score(self, question, segmentation, *, progress=None):
        raise NotImplementedError
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "of_others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: of-others\nVersion: 1.0\n")
    points = "[ragcompress.scorers]\nof-others = of_others:Scorer\ndeclared = of_others_declared:Scorer\n"
    (about / "entry_points.txt").write_text(points)
    (tmp_path / "of_others.py").write_text(MODULE.format(name="of-others", more=""))
    declared = MODULE.format(name="declared", more="takes_evidence_embedder = True")
    (tmp_path / "of_others_declared.py").write_text(declared)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("installed")
def test_a_setting_of_another_package_named_embedder_is_left_to_it() -> None:
    made = load_models(Plan(scorer="of-others"), counter=len).scorer
    assert made.embedder == "its own"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("installed")
def test_who_takes_the_embedder_of_evidence_says_so() -> None:
    names = ("evidence", "declared", "of-others", "bm25")
    assert [takes_evidence_embedder(name) for name in names] == [True, True, False, False]
