"""Multilingual E5, as it is fetched: alone, in an index, and as what ``evidence`` reads with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, InputError, ModelNotFound, ProbeMismatch
from ragcompress.index import Index, MiniLM, MultilingualE5, build_index
from ragcompress.models.bert import Bert
from ragcompress.models.multilingual import EvidenceE5
from ragcompress.proxy.fake import FakeProxy
from ragcompress.scorers.evidence import Scorer

pytestmark = pytest.mark.model
SAME = ["Where is the old lighthouse?", "Wo steht der alte Leuchtturm?", "古い灯台はどこにありますか。"]
OTHER = ["The cake is sweet.", "Der Kuchen ist süß.", "ケーキは甘いです。"]


@pytest.fixture(scope="module")
def e5() -> MultilingualE5:
    return MultilingualE5()


def test_a_translation_is_nearer_than_another_sentence_of_the_language(e5: MultilingualE5) -> None:
    vectors = e5.embed([*SAME, *OTHER])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    for i, other in ((i, j + 3) for i in range(3) for j in range(3)):
        assert all(alike[i, same] > alike[i, other] for same in range(3))


def test_it_is_a_model_of_its_own(e5: MultilingualE5) -> None:
    assert e5.name != MiniLM.name
    with pytest.raises(InputError, match=f"{e5.name} reads at most 254"):
        e5.states([5] * 255)


def test_offline_it_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path))
    with pytest.raises(ModelNotFound, match=r"multilingual-e5-small-int8 is not in"):
        MultilingualE5(download=False)


def test_an_index_is_searched_with_what_it_was_built_with(e5: MultilingualE5, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "turm.txt").write_text("Der alte Leuchtturm steht auf der Insel Holm.\n", encoding="utf-8")
    (folder / "kuchen.txt").write_text("Der Kuchen wird eine Stunde gebacken.\n", encoding="utf-8")
    build_index(folder, tmp_path / "idx", embedder=e5)
    (first, *_) = Index(tmp_path / "idx").search("Where is the lighthouse?")
    assert "Leuchtturm" in first.passage.document.text
    with pytest.raises(InputError, match=rf"built with the embedder '{e5.name}', not '{MiniLM.name}'"):
        Index(tmp_path / "idx", embedder=MiniLM())


DOCUMENTS = [
    Document("Der alte Leuchtturm wurde 1871 von Berit Holm erbaut. Er ist rot. Die Fähre legt um neun ab."),
    Document("Der Kuchen wird eine Stunde gebacken. Man isst ihn warm. Zucker kommt zuletzt darauf."),
]


def test_a_question_in_another_language_finds_its_sentence() -> None:
    compress = Compressor.from_pretrained()
    context = compress("Who built the lighthouse?", DOCUMENTS, budget=Budget(ratio=0.5))
    assert context.text.startswith("Der alte Leuchtturm wurde 1871 von Berit Holm erbaut.")
    assert "Kuchen" not in context.text


def test_weights_and_vectors_must_belong_together(e5: MultilingualE5) -> None:
    compress = Compressor.from_pretrained(scorer_settings={"embedder": "multilingual"})
    assert isinstance(compress.scorer, Scorer)
    fitted = compress.scorer.probe
    assert fitted.card["embedder"] == EvidenceE5.name
    with pytest.raises(ProbeMismatch, match=r"vectors of multilingual-e5-small-evidence-\w{8}-int8, not of"):
        Scorer(proxy=compress.scorer.proxy, probe=fitted, embedder=MiniLM())
    with pytest.raises(ProbeMismatch):
        Scorer(proxy=FakeProxy(), embedder="multilingual")


def test_both_embedders_are_one_kind_of_model(e5: MultilingualE5) -> None:
    assert all(issubclass(kind, Bert) for kind in (MiniLM, MultilingualE5))
    assert e5.states([]).shape == (0, 384)
