"""Tuning the encoder: what it learns from, its loss against the scorer's comparison, that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn_minilm import FLOAT, drawn_weights

from ragcompress import given
from ragcompress.models import low_rank
from ragcompress.models.bert import Graph
from ragcompress.models.bert_graph import float_graph, word_table
from ragcompress.models.embedding import MiniLM
from ragcompress.proxy.fake import FakeProxy
from ragcompress.scorers.evidence.late_interaction import compare
from ragcompress.training import encoder
from ragcompress.training.encoder import Item, Settings
from ragcompress.training.evidence_recipe import Recipe
from ragcompress.training.examples import DataFile, Example

torch = pytest.importorskip("torch")
tuning = pytest.importorskip("ragcompress.training.encoder_tuning")


class Words:
    """The fake proxy's tokens, among those that MiniLM knows."""

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[2000 + t % 20_000 for t in ids] for ids in FakeProxy().tokenizer.encode(texts)]


tokenizer: Any = Words()
CITIES = ("Oslo", "Bergen", "Tromso", "Molde", "Bodo", "Alta")


def example(n: int) -> Example:
    city = CITIES[n % len(CITIES)]
    texts = [[f"{c} has a bridge.", "It is old.", f"Wheat of {n} grows there."] for c in CITIES]
    segmentation = given(texts, titles=["Town"] * len(CITIES))
    return Example(f"q{n}", "kind", f"Where is {city} {n}?", ("x",), segmentation, (3 * (n % len(CITIES)),))


def data(n: int = 12, name: str = "kind.train.jsonl.gz") -> DataFile:
    return DataFile(name, "0" * 64, n, tuple(example(i) for i in range(n)), ())


@pytest.fixture(scope="module")
def weights() -> dict[str, FLOAT]:
    return drawn_weights()


def test_questions_of_the_evidence_model_are_left_out() -> None:
    recipe = Recipe(questions=4, more=(("none", 0),))
    settings = Settings(questions=5, more=(("other", 1),), recipe=recipe)
    found = encoder.examples_of(
        [data(), data(name="other.train.jsonl.gz"), data(name="none.train.jsonl.gz")], settings
    )
    learned = {e.id for e in encoder.picked(data(), 4)}
    assert [kind for kind, _ in found] == ["kind"] * 5 + ["other"]
    assert not learned & {e.id for kind, e in found if kind == "kind"}


def test_windows_with_evidence_are_among_those_read() -> None:
    settings = Settings(windows=3)
    item = encoder.item_of(example(2), settings, tokenizer, np.random.default_rng(0))
    assert item is not None
    assert len(item.windows) == 3
    assert any(6 in w.of for w in item.windows)
    assert item.gold.tolist() == [6]
    assert np.isclose(item.weights.sum(), 1)


class Drawn:
    """The encoder of drawn weights, in float32."""

    name = "drawn"
    tokenizer = tokenizer

    def __init__(self, weights: dict[str, FLOAT]) -> None:
        self._graph = Graph(float_graph(weights), word_table(weights))

    def states_of_each(self, texts: list[list[int]]) -> list[FLOAT]:
        return [
            self._graph.states(np.array([[MiniLM.vocabulary.begin, *ids, MiniLM.vocabulary.end]]))[0][1:-1]
            for ids in texts
        ]


@pytest.mark.slow
def test_the_loss_is_that_of_the_scorers_own_comparison(weights: dict[str, FLOAT]) -> None:
    asked = example(1)
    item = encoder.item_of(asked, Settings(windows=99), tokenizer, np.random.default_rng(0))
    assert item is not None
    scales = torch.tensor([3.0, 2.0]).log()
    found = float(tuning.loss(tuning.encoder(weights, MiniLM.vocabulary), [item], scales))
    vectors = compare(asked.question, asked.segmentation, Drawn(weights))  # type: ignore[arg-type]
    assert vectors is not None
    matches, centred = vectors.matches @ vectors.weights, vectors.centred @ vectors.weights
    cosines = vectors.sentences @ vectors.question

    def listwise(scores: FLOAT) -> float:
        return float(np.log(np.exp(scores).sum()) - scores[list(asked.gold)].mean())

    wanted = [listwise(s) for s in (3 * matches, 2 * cosines, 1.5 * (matches + centred) + 2 * cosines)]
    assert found == pytest.approx(np.mean(wanted), abs=0.02)  # products in 16 bits


@pytest.mark.slow
def test_questions_read_together_have_the_mean_of_their_losses(weights: dict[str, FLOAT]) -> None:
    items = [encoder.item_of(example(i), Settings(), tokenizer, np.random.default_rng(i)) for i in range(5)]
    model, scales = tuning.encoder(weights, MiniLM.vocabulary), torch.tensor([3.0, 2.0]).log()
    each = [float(tuning.loss(model, [item], scales)) for item in items]
    assert float(tuning.loss(model, items, scales)) == pytest.approx(np.mean(each), abs=0.01)
    assert np.std(each) > 0.02


@pytest.mark.slow
def test_gradients_of_one_question_after_the_other_are_those_of_all(weights: dict[str, FLOAT]) -> None:
    items = [encoder.item_of(example(i), Settings(), tokenizer, np.random.default_rng(i)) for i in range(3)]
    found = []
    for learn in (tuning._add_gradients, lambda *given: tuning.loss(*given).backward()):
        model, scales = tuning.encoder(weights, MiniLM.vocabulary), torch.tensor([20.0, 10.0]).log()
        layer = model.encoder.layer[0].output.dense.weight.requires_grad_(True)
        learn(model, items, scales)
        found.append(layer.grad.flatten())
    assert torch.nn.functional.cosine_similarity(*found, dim=0) > 0.99  # products in 16 bits
    assert found[0].norm() == pytest.approx(float(found[1].norm()), rel=0.02)


@pytest.mark.parametrize("lengths", [[], [5], [9, 2, 8, 3, 100, 71, 10], [7] * 150])
def test_texts_of_like_length_are_read_together(lengths: list[int]) -> None:
    groups = list(tuning._alike(lengths))
    assert sorted(i for some in groups for i in some) == list(range(len(lengths)))
    for some in groups:
        assert 0 < len(some) <= 64
        assert lengths[some[0]] >= 0.7 * lengths[some[-1]]
        assert lengths[some[-1]] == max(lengths[i] for i in some)


def test_the_change_that_is_kept_is_the_nearest_of_its_rank() -> None:
    change = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    a, b = tuning._of_low_rank(change, 2)
    u, s, v = np.linalg.svd(change.numpy(), full_matrices=False)
    assert np.abs(b.astype(np.float64) @ a - (u[:, :2] * s[:2]) @ v[:2]).max() < 2e-3
    assert np.linalg.norm(change.numpy() - b @ a) == pytest.approx(np.sqrt((s[2:] ** 2).sum()), abs=1e-2)


@pytest.mark.slow
def test_it_learns_and_what_it_learned_can_be_added(weights: dict[str, FLOAT]) -> None:
    settings = Settings(windows=4, together=2, rank=8, rate=1e-4)
    items = [encoder.item_of(example(i), settings, tokenizer, np.random.default_rng(i)) for i in range(16)]
    seen: list[int] = []
    model = tuning.encoder(weights, MiniLM.vocabulary)
    changes = tuning.tune(model, iter([None, *items]), 17, settings, seen.append)
    assert seen == [*range(2, 17, 2), 17]
    changed = low_rank.apply(weights, {k: v.astype(np.float32) for k, v in changes.items()})
    before, after = (mean_loss(w, [i for i in items if i]) for w in (weights, changed))
    assert after < 0.95 * before


def mean_loss(weights: dict[str, FLOAT], items: list[Item]) -> float:
    model, scales = tuning.encoder(weights, MiniLM.vocabulary), torch.tensor([20.0, 10.0]).log()
    with torch.no_grad():
        return float(tuning.loss(model, items, scales))
