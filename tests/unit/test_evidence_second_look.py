"""The evidence model's second look: it equals its steps, and is taken only where it can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fake_probe import fake_evidence
from shared import QUESTION, Letters

from ragcompress import Segmentation, given
from ragcompress.probes import ProbeWeights
from ragcompress.prompts.parts import Parts
from ragcompress.prompts.passages import join, make_tail
from ragcompress.scorers.evidence import Scorer, second_look, surroundings
from ragcompress.scorers.evidence.head import MAIN, network_logits, probabilities
from ragcompress.scorers.evidence.reading import Reading
from ragcompress.scorers.passage_probe.head import SECOND
from ragcompress.scorers.passage_probe.looks import attention_logits
from ragcompress.scorers.passage_probe.second_look import choose, fact_texts
from ragcompress.stopping import UNBOUNDED, Bounds
from ragcompress.testing import FakeProxy

TEXTS = [
    ["The bridge stands in Oslo.", "Anna Lund built it in 1902.", "It is red."],
    ["Ferries cross the fjord.", "They leave at noon."],
    ["Anna Lund was born in Bergen.", "She built bridges."],
    ["Wheat grows here.", "It is made into bread."],
]


def cut() -> Segmentation:
    return given(TEXTS, titles=["Bridge", None, "Anna Lund", "Wheat"])


def scorer(probe: ProbeWeights | None = None, **settings: object) -> Scorer:
    return Scorer(proxy=FakeProxy(), probe=probe or fake_evidence(), embedder=Letters(), **settings)  # type: ignore[arg-type]


def looked(made: Scorer, until: float | None = None) -> Reading:
    return made.look(QUESTION, cut(), bounds=Bounds(until))


def test_the_second_look_equals_its_steps() -> None:
    made = scorer(read="all")
    found, whole = looked(made), cut()
    first, second = found.looks
    parts = Parts.of(found.passages)
    assert made._recipe
    chosen = choose(probabilities(first.logits)[parts.sentence], parts, made._recipe)
    assert chosen and found.facts == chosen.facts and second.read == chosen.passages
    tail = make_tail(made.proxy.tokenizer, made._template, QUESTION, fact_texts(whole, chosen))
    prompts = [join(found.passages[p], tail) for p in chosen.passages]
    attentions = made.proxy.probe(prompts, n_layers=made.n_layers)
    own_layers = [replace(a, mass=a.mass[:, : made.probe.n_layers]) for a in attentions]
    logits = attention_logits(made.probe.arrays, own_layers, SECOND)
    of_sentence = np.full((len(whole.sentences), logits.shape[1]), np.nan)
    places = [i for p in chosen.passages for i in found.passages[p].sentences]
    for place, row in zip(places, logits, strict=True):
        of_sentence[place] = row
    vectors = made._vectors(QUESTION, whole, UNBOUNDED, None, ())
    rows = second_look.features(QUESTION, whole, of_sentence, first.own, found.signals, chosen, vectors)
    assert np.array_equal(second.features, rows, equal_nan=True)
    own = (first.own + network_logits(made.probe.arrays, second_look.NETWORK, rows)) / 2
    assert np.allclose(second.own, own)
    of_both = (1 - second.weights) * own + second.weights * second.opinion
    expected = probabilities(2 / 3 * of_both + found.cheap_logits / 3)
    assert np.allclose(found.values, expected)
    assert np.allclose(made.score(QUESTION, whole).values, expected)


def test_facts_are_marked_and_what_was_not_read_again_has_no_attention() -> None:
    found = looked(scorer(read="all"))
    second = found.looks[1]
    is_fact = second.features[:, second_look.NAMES.index("is_fact")]
    assert set(np.flatnonzero(is_fact)) == set(found.facts)
    again = {i for p in second.read for i in found.passages[p].sentences}
    assert 0 < len(again) < len(is_fact)
    assert set(np.flatnonzero(np.isfinite(second.attention))) == again


def test_one_look_is_what_the_first_comes_to() -> None:
    both, one = looked(scorer(read="all")), looked(scorer(read="all", second_look=False))
    assert len(one.looks) == 1 and one.facts == ()
    assert np.array_equal(one.looks[0].logits, both.looks[0].logits)
    assert not np.array_equal(one.values, both.values)
    around = surroundings.NAMES
    assert one.looks[0].network == MAIN and one.looks[0].features.shape[1] == len(around)


def test_a_passage_that_the_gate_left_out_may_be_read_by_the_second_look() -> None:
    probe = fake_evidence()
    found = looked(scorer(ProbeWeights(probe.arrays, {**probe.card, "gate": {"missed": 0.9, "tokens": 0}})))
    first, second = found.looks
    assert set(second.read) - set(first.read)
    assert found.read == tuple(sorted({*first.read, *second.read}))


def test_results_say_how_much_was_read_twice_and_whether_it_could_be() -> None:
    made = scorer(read="all")
    scores = made.score(QUESTION, cut())
    assert scores.details["passages_read_again"] == len(looked(made).looks[1].read)
    assert scores.settings["second_look"] is True
    one = scorer(second_look=False).score(QUESTION, cut())
    assert one.details["passages_read_again"] == 0 and one.settings["second_look"] is False


def test_without_time_there_is_no_second_look() -> None:
    found = looked(scorer(read="all"), until=0.0)
    assert len(found.looks) == 1 and found.stopped_early


def test_a_second_look_that_came_too_late_is_told() -> None:
    made = Scorer(proxy=FakeProxy(), probe=fake_evidence(), embedder="none", read="all")
    times = iter([0.0, 1.0, 1.0, 5.0, 5.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ragcompress.scorers.evidence.scorer.time.monotonic", lambda: next(times))
        found = looked(made, until=3.0)
    assert len(found.read) == len(TEXTS)
    assert len(found.looks) == 1 and found.stopped_early


def test_nothing_in_doubt_nothing_is_read_again() -> None:
    probe = fake_evidence()
    recipe = {**probe.card["second_look"], "at_least": 1.0}
    found = looked(scorer(ProbeWeights(probe.arrays, {**probe.card, "second_look": recipe})))
    assert len(found.looks) == 1


@pytest.mark.parametrize("sentence", range(9))
def test_an_attribution_tells_of_the_last_look_that_read_the_sentence(sentence: int) -> None:
    made = scorer(read="all")
    found = looked(made)
    told = made.attribute(QUESTION, cut(), sentence)
    look = found.look_at(sentence)
    assert look
    assert told.probability == pytest.approx(found.values[sentence])
    assert told.logit == pytest.approx(look.attention[sentence], rel=1e-4)
    assert len(told.rows) == (8 if look is found.looks[1] else 7)
    assert told.heads.sum() == pytest.approx(told.logit - told.mean_logit, rel=1e-3, abs=1e-6)
    assert "is_fact" in told.context
    said = found.explain(sentence)
    assert (said["attention_again"] is None) == (look is found.looks[0])
