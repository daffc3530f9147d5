"""The head of ``passage-probe`` in the evidence model: it says what the scorer ``passage-probe`` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_probe import fake_evidence, fake_probe
from shared import QUESTION, Letters

from ragcompress import DataError, Segmentation, given
from ragcompress.probes import ProbeWeights
from ragcompress.scorers import passage_probe
from ragcompress.scorers.evidence import Scorer
from ragcompress.scorers.evidence.attention_probe import KEY, PREFIX, WEIGHT
from ragcompress.scorers.evidence.head import probabilities
from ragcompress.testing import FakeProxy

TEXTS = [
    ["The bridge stands in Oslo.", "Anna Lund built it in 1902.", "It is red."],
    ["Ferries cross the fjord.", "They leave at noon."],
    ["Anna Lund was born in Bergen.", "She built bridges."],
    ["Wheat grows here.", "It is made into bread."],
]


TITLES = ["Bridge", "Ferries", "Anna Lund", "Wheat"]


def cut(titles: Sequence[str | None] = ("Bridge", None, "Anna Lund", "Wheat")) -> Segmentation:
    return given(TEXTS, titles=list(titles))


def scorer(probe: ProbeWeights, **settings: Any) -> Scorer:
    return Scorer(proxy=FakeProxy(), probe=probe, embedder=Letters(), **settings)


def weighing(probe: ProbeWeights, level: float, slope: float) -> ProbeWeights:
    arrays = {**probe.arrays, WEIGHT: np.array([level, slope, 1.0], dtype=np.float32)}
    return ProbeWeights(arrays, probe.card)


def with_card(probe: ProbeWeights, **about: Any) -> ProbeWeights:
    return ProbeWeights(probe.arrays, {**probe.card, **about})


@pytest.mark.parametrize("second", [False, True])
def test_alone_it_is_the_scorer_passage_probe(second: bool) -> None:
    found = scorer(weighing(fake_evidence(second=second), 100.0, 0.0), read="all").look(QUESTION, cut(TITLES))
    alone = passage_probe.Scorer(proxy=FakeProxy(), probe=fake_probe(second=second))
    assert len(found.looks) == 1 + second
    before_the_cheap_network = probabilities(found.looks[-1].logits)
    assert np.allclose(before_the_cheap_network, alone.score(QUESTION, cut(TITLES)).values, atol=2e-6)


def test_both_logits_count_by_the_weight_which_falls_with_the_length_of_titled_documents() -> None:
    found = scorer(weighing(fake_evidence(), 0.5, 2.0), read="all").look(QUESTION, cut())
    tokens = [
        sum(end - start for p in found.passages if p.document == d for start, end in p.spans)
        for d in range(4)
    ]
    expected = [0.0 if d == 1 else 1 / (1 + np.exp(2 * np.log(n / 100) - 0.5)) for d, n in enumerate(tokens)]
    for look in found.looks:
        assert np.allclose(look.weights, [expected[s.document] for s in cut().sentences])
        assert np.allclose(look.logits, (1 - look.weights) * look.own + look.weights * look.opinion)
    assert (found.looks[1].opinion >= found.looks[0].opinion).all()


def test_in_a_ranked_list_it_counts_for_less() -> None:
    plain = cut()
    documents = tuple(replace(d, score=3.0 - k) for k, d in enumerate(plain.documents))
    made = scorer(fake_evidence(), read="all")
    ranked = made.look(QUESTION, Segmentation(documents, plain.sentences)).looks[0].weights
    assert np.allclose(ranked, 0.5 * made.look(QUESTION, plain).looks[0].weights)
    assert ranked.max() > 0


def test_without_it_the_network_counts_alone() -> None:
    found, other = (scorer(fake_evidence(opinion=o), read="all").look(QUESTION, cut()) for o in (False, True))
    assert np.array_equal(found.looks[0].own, other.looks[0].own)
    assert all(np.array_equal(look.logits, look.own) for look in found.looks)
    assert found.explain(0)["passage_probe"] is None


def test_its_layers_are_read_only_where_a_document_has_a_title() -> None:
    made = scorer(fake_evidence(), read="all")
    layers = [
        look.attentions[0].mass.shape[1]
        for titles in (TITLES, [None] * 4)
        for look in made.look(QUESTION, cut(titles)).looks
    ]
    n = made.probe.n_layers
    assert layers == [n + 1, n + 1, n, n] and made.n_layers == n + 1


def test_what_was_not_read_is_left_to_the_network() -> None:
    probe = with_card(fake_evidence(second=False), gate={"missed": 0.9, "tokens": 0})
    found = scorer(probe).look(QUESTION, cut())
    (look,) = found.looks
    read = [i for p in look.read for i in found.passages[p].sentences]
    unread = np.setdiff1d(np.arange(len(look.own)), read)
    assert len(unread) and np.isfinite(look.opinion[read]).all()
    assert np.isnan(look.opinion[unread]).all()
    assert np.array_equal(look.logits[unread], look.own[unread])


def test_a_passage_that_is_first_read_in_the_second_look_has_an_opinion() -> None:
    found = scorer(with_card(fake_evidence(), gate={"missed": 0.9, "tokens": 0})).look(QUESTION, cut())
    first, second = found.looks
    new = [i for p in set(second.read) - set(first.read) for i in found.passages[p].sentences]
    assert new and np.isnan(first.opinion[new]).all() and np.isfinite(second.opinion[new]).all()


def test_an_explanation_tells_what_it_said() -> None:
    found = scorer(fake_evidence(), read="all").look(QUESTION, cut())
    assert found.explain(2)["passage_probe"] == probabilities(found.looks[0].opinion)[2]


@pytest.mark.parametrize("about", [{}, {"n_layers": 0}, {"n_layers": "2"}, 7])
def test_a_card_that_tells_of_it_in_another_way_is_refused(about: Mapping[str, Any]) -> None:
    with pytest.raises(DataError, match=KEY):
        scorer(with_card(fake_evidence(), **{KEY: about}))


def test_its_numbers_must_be_there_and_as_many() -> None:
    probe = fake_evidence()
    name = f"{PREFIX}context.mean"
    for arrays in (
        {k: v for k, v in probe.arrays.items() if k != name},
        {**probe.arrays, name: np.zeros(3, dtype=np.float32)},
    ):
        with pytest.raises(DataError, match="context.mean"):
            scorer(ProbeWeights(arrays, probe.card))
