"""The weights of the evidence model that ship, with the model they were fitted to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragcompress import Document, Segmentation, load_proxy, segment
from ragcompress.cli.app import app
from ragcompress.errors import ProbeMismatch
from ragcompress.models.embedders import EMBEDDER_NAMES, EmbedderName, for_evidence, for_search
from ragcompress.scorers.evidence import Scorer

pytestmark = pytest.mark.model
QUESTION = "Who built the bridge over the fjord?"
DOCUMENTS = [
    Document("It stands in Oslo. Anna Lund built it in 1902. It was painted red last year.", "Fjord bridge"),
    Document(
        "Ferries leave at noon. The harbour was enlarged in 1950. Tickets are sold on board.", "Ferries"
    ),
    Document("Wheat grows in the south. Farmers harvest it in August. Bread is made of it.", "Wheat"),
]


@pytest.fixture(scope="module", params=EMBEDDER_NAMES)
def scorer(request: pytest.FixtureRequest) -> Scorer:
    return Scorer(proxy=load_proxy(), embedder=for_evidence(request.param)())


def test_the_answer_comes_first(scorer: Scorer) -> None:
    scores = scorer.score(QUESTION, segment(DOCUMENTS))
    assert scores.ranking()[0] == 1
    assert scores.calibrated


@pytest.mark.parametrize("name", EMBEDDER_NAMES)
def test_an_encoder_that_it_was_not_fitted_with_is_refused(scorer: Scorer, name: EmbedderName) -> None:
    with pytest.raises(ProbeMismatch, match="vectors of [a-z0-9-]+-evidence-[0-9a-f]{8}-int8, not of"):
        Scorer(proxy=scorer.proxy, probe=scorer.probe, embedder=for_search(name)())


def test_it_does_without_vectors(scorer: Scorer) -> None:
    without = Scorer(proxy=scorer.proxy, embedder="none")
    scores = without.score(QUESTION, segment(DOCUMENTS))
    assert scores.ranking()[0] == 1
    assert scores.details["vectors"] is False


def test_a_better_rank_makes_evidence_more_probable(scorer: Scorer) -> None:
    whole = segment(DOCUMENTS)

    def ranked(order: tuple[float, ...]) -> Segmentation:
        documents = (replace(d, score=s) for d, s in zip(whole.documents, order, strict=True))
        return Segmentation(tuple(documents), whole.sentences)

    first, last = (scorer.score(QUESTION, ranked(o)).values[1] for o in ((3.0, 2.0, 1.0), (1.0, 2.0, 3.0)))
    assert first > last


def test_what_decided_is_told_in_words(tmp_path: Path) -> None:
    text = tmp_path / "bridge.txt"
    text.write_text(DOCUMENTS[0].text, encoding="utf-8")
    result = CliRunner().invoke(app, ["explain", QUESTION, str(text), "--heads", "1"])
    assert result.exit_code == 0
    told = result.stdout[result.stdout.index("What decided about rank 1") :]
    assert "Second stage" in told and "Anna Lund built it" in told
