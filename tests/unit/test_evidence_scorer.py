"""The evidence model: what each signal says, what the gate lets through, what happens without a signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fake_probe import fake_evidence
from shared import QUESTION, Letters

from ragcompress import (
    DataError,
    Document,
    InputError,
    ProbeMismatch,
    Segmentation,
    given,
    segment,
)
from ragcompress.data import Sentence
from ragcompress.probes import ProbeWeights
from ragcompress.prompts.passages import Template, cut_passages
from ragcompress.scorers.evidence import Scorer, gate, late_interaction, signals, surroundings
from ragcompress.scorers.evidence.head import CHEAP, network_logits, standardised
from ragcompress.scorers.evidence.signals import NAMES, ranks_of
from ragcompress.scorers.evidence.words import shared_words, stems
from ragcompress.stopping import Bounds
from ragcompress.testing import FakeProxy

SENTENCES = [
    ["The bridge stands in Oslo.", "Anna Lund built it in 1902.", "It is red."],
    ["Ferries cross the fjord.", "They leave at noon."],
    ["Anna Lund was born in Bergen.", "She built bridges."],
]
TITLES = ["Bridge", None, "Anna Lund"]


def cut(scores: Sequence[float | None] = (None, None, None)) -> Segmentation:
    whole = given(SENTENCES, titles=TITLES)
    documents = tuple(replace(d, score=s) for d, s in zip(whole.documents, scores, strict=True))
    return Segmentation(documents, whole.sentences)


def scorer(**settings: object) -> Scorer:
    """With one look, unless told otherwise."""
    probe = fake_evidence(second=False)
    given_settings = {"proxy": FakeProxy(), "probe": probe, "embedder": "none", **settings}
    return Scorer(**given_settings)  # type: ignore[arg-type]


def column(values: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(values[:, NAMES.index(name)])


def test_shared_words_are_a_share_of_the_most_there_could_be() -> None:
    values = shared_words(["bridge", "built"], [["bridge"], ["bridge", "built"], ["red"], []])
    assert values[1] == values.max()
    assert values[2] == values[3] == 0
    assert 0 <= values.min() <= values.max() < 1


def test_stems_join_forms_of_a_word_and_pairs_of_characters() -> None:
    assert stems("Bridges bridge") == ["bridg", "bridg"]
    assert stems("東京都") == ["東", "東京", "京都"]


def test_a_rank_is_read_from_scores_whatever_the_order() -> None:
    assert ranks_of(cut((0.2, 0.9, 0.5))).tolist() == [2, 0, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("scores", [(None, None, None), (0.2, None, 0.5), (1.0, 1.0, 1.0)])
def test_scores_that_rank_nothing_give_no_rank(scores: tuple[float | None, ...]) -> None:
    assert ranks_of(cut(scores)) is None


def test_missing_signals_are_nan_and_count_as_their_mean() -> None:
    values = signals.signals(QUESTION, cut())
    missing = {n for k, n in enumerate(NAMES) if np.isnan(values[:, k]).all()}
    assert missing == {*signals.VECTORS, *signals.RANK}
    mean, scale = np.full(values.shape[1], 3.0), np.ones(values.shape[1])
    scaled = standardised(values, mean, scale)
    assert (column(scaled, "cosine") == 0).all()
    assert np.isfinite(scaled).all()


def test_a_sentence_without_tokens_has_no_vector() -> None:
    whole = cut()
    vectors = late_interaction.compare(QUESTION, whole, Letters())
    assert vectors is not None and vectors.there.all()
    some = replace(vectors, there=np.array([True, True, False, False, False, True, True]))
    values = signals.signals(QUESTION, whole, some)
    for name in ("cosine", "matches", "covered"):
        assert np.array_equal(np.isfinite(column(values, name)), some.there)


def test_words_of_what_a_sentence_is_read_under_count_as_its_own() -> None:
    texts = [["checkpoint_timeout (integer)", "The default is five minutes.", "It is red."]]
    alone = signals.signals("checkpoint_timeout?", given(texts))
    found = signals.signals("checkpoint_timeout?", given(texts), anchors=[(), (0,), ()])
    for name in ("words", "stems"):
        assert column(alone, name)[1] == 0 < column(found, name)[1] < column(found, name)[0]
    assert np.array_equal(column(found, "words_of_document"), column(alone, "words_of_document"))


def test_a_value_is_read_under_the_name_of_its_option() -> None:
    text = (
        "wal_level (enum)\n    How much is written to the log.\n    The default is replica.\n\n"
        "lamp_timeout (integer)\n    How long the lamp burns.\n    The default is five minutes.\n"
    )
    cut_text = segment([Document(text, syntax="text")])
    found = scorer(read="all").look("lamp_timeout", cut_text)
    words = column(found.signals, "words")
    values = {s.text: w for s, w in zip(cut_text.sentences, words, strict=True)}
    assert values["The default is five minutes."] > values["The default is replica."] == 0


def test_equal_sentences_get_equal_signals_and_scores() -> None:
    same = given([["A bridge."], ["A bridge."], ["Something else."]])
    found = scorer(read="all").look("bridge?", same)
    assert found.values[0] == found.values[1]


def test_everything_is_read_when_asked_for() -> None:
    found = scorer(read="all").look(QUESTION, cut())
    assert found.read == tuple(range(len(found.passages)))
    assert np.isfinite(found.attention).all()


def test_the_gate_leaves_passages_unread_and_says_so() -> None:
    probe = with_gate(fake_evidence(second=False), missed=0.9, tokens=0)
    made = scorer(probe=probe)
    found, scores = made.look(QUESTION, cut()), made.score(QUESTION, cut())
    assert len(found.read) < len(found.passages) == 3
    unread = {i for p in set(range(3)) - set(found.read) for i in found.passages[p].sentences}
    assert np.isnan(found.attention[sorted(unread)]).all()
    assert scores.details["passages_read"] == len(found.read)
    assert scores.details["passages"] == 3
    assert scores.calibrated


def test_question_and_sentences_are_compared() -> None:
    found = scorer(embedder=Letters()).look(QUESTION, cut())
    assert found.vectors is not None
    assert np.isfinite(column(found.signals, "matches")).all()


def test_the_strongest_signals_are_told() -> None:
    whole = scorer(embedder=Letters())
    found, scores = whole.look(QUESTION, cut()), whole.score(QUESTION, cut())
    assert set(scores.strongest) == set(signals.TELLING)
    assert scores.strongest["matches"] == column(found.signals, "matches").max()
    blind = scorer().score(QUESTION, cut()).strongest
    assert blind["matches"] is None and blind["words"] == scores.strongest["words"]
    assert set(scorer().score(QUESTION, Segmentation((Document(" "),), ())).strongest.values()) == {None}


def with_gate(probe: ProbeWeights, **settings: object) -> ProbeWeights:
    return ProbeWeights(probe.arrays, {**probe.card, "gate": settings})


def test_the_gate_stops_when_little_is_left_to_find() -> None:
    segmentation = cut()
    passages = cut_passages(FakeProxy().tokenizer, Template(), segmentation, 512)
    cheap = np.array([0.6, 0.3, 0.0, 0.0, 0.0, 0.09, 0.01])
    assert gate.choose(cheap, passages, gate.Gate(missed=0.2, tokens=0)) == [0]
    assert gate.choose(cheap, passages, gate.Gate(missed=0.05, tokens=0)) == [0, 2]
    assert gate.choose(cheap, passages, gate.Gate(missed=0.2, tokens=1000)) == [0, 1, 2]
    assert gate.reading_order(cheap, passages) == [0, 2, 1]


def test_where_little_can_be_kept_little_is_read() -> None:
    passages = cut_passages(FakeProxy().tokenizer, Template(), cut(), 384)
    cheap = np.array([0.4, 0.4, 0.0, 0.3, 0.3, 0.2, 0.2])
    rule = gate.Gate(missed=0.0, tokens=0, times_kept=4.0)
    order = gate.reading_order(cheap, passages)
    sizes = [len(p.prefix) for p in passages]
    assert gate.choose(cheap, passages, rule) == [0, 1, 2]
    for share in (0.0, 0.1, 0.2, 0.3):
        chosen = gate.choose(cheap, passages, rule, share)
        assert chosen == sorted(order[: len(chosen)])
        assert len(chosen) == 1 or sum(sizes[p] for p in chosen) <= 4 * share * sum(sizes)
    assert len(gate.choose(cheap, passages, rule, 0.2)) == 2
    assert gate.choose(cheap, passages, gate.Gate(missed=0.0), 0.0) == [0, 1, 2]


@pytest.mark.parametrize("key", ["gate", "second_look"])
@pytest.mark.parametrize(
    "held", [["tokens"], {"misses": 0.25}, {"tokens": 1.5, "facts": 1.5}, {"tokens": True}]
)
def test_a_card_with_other_settings_is_refused(key: str, held: object) -> None:
    probe = fake_evidence()
    with pytest.raises(DataError, match=f"'{key}'; it may have numbers as "):
        scorer(probe=ProbeWeights(probe.arrays, {**probe.card, key: held}))


def test_a_card_without_a_gate_is_refused() -> None:
    probe = fake_evidence()
    card = {key: value for key, value in probe.card.items() if key != "gate"}
    with pytest.raises(DataError, match="None as 'gate'; it may have numbers as missed, tokens"):
        scorer(probe=ProbeWeights(probe.arrays, card))


def test_each_signal_is_explained() -> None:
    found = scorer(read="all").look(QUESTION, cut((3.0, 2.0, 1.0)))
    said = found.explain(1)
    assert said["probability"] == found.values[1]
    assert said["cosine"] is None
    assert said["log_rank"] == 0
    assert {"attention", "cheap", "words", "log_position"} <= set(said)


def test_what_is_not_read_still_gets_a_probability_from_the_cheap_signals() -> None:
    made = scorer(probe=with_gate(fake_evidence(second=False), missed=0.9, tokens=0))
    found = made.look(QUESTION, cut())
    own = signals.signals(QUESTION, cut())
    assert np.array_equal(found.signals, own, equal_nan=True)
    assert np.allclose(found.cheap, 1 / (1 + np.exp(-network_logits(made.probe.arrays, CHEAP, own))))
    assert ((found.values >= 0) & (found.values <= 1)).all()


def test_the_cheap_network_counts_a_third_in_the_end() -> None:
    found = scorer(read="all").look(QUESTION, cut())
    logits = np.log(found.values / (1 - found.values))
    cheap = np.log(found.cheap / (1 - found.cheap))
    assert np.allclose(logits, (2 * found.looks[-1].logits + cheap) / 3)
    assert np.abs(logits - cheap).max() > 0.01


def test_the_features_are_as_many_as_their_names() -> None:
    segmentation = cut()
    own = signals.signals(QUESTION, segmentation)
    attention = np.full((7, 3), np.nan)
    rows = surroundings.surroundings(QUESTION, segmentation, attention, np.zeros(7), own)
    assert rows.shape == (7, len(surroundings.NAMES))
    assert len(set(surroundings.NAMES)) == len(surroundings.NAMES)


@pytest.mark.parametrize("key", ["signals", "features", "rows", "second_features"])
def test_a_head_for_other_features_is_refused(key: str) -> None:
    probe = fake_evidence()
    changed = ProbeWeights(probe.arrays, {**probe.card, key: ["another"]})
    with pytest.raises(ProbeMismatch, match=key):
        scorer(probe=changed)


@pytest.mark.parametrize(
    "name",
    ["look.weight", "cheap.mean", "main.hidden_weight", "main.bias", "second.mean", "second.look.weight"],
)
def test_numbers_of_another_shape_are_refused(name: str) -> None:
    probe = fake_evidence()
    short = {**probe.arrays, name: probe.arrays[name][:-1]}
    with pytest.raises(DataError, match=name):
        scorer(probe=ProbeWeights(short, probe.card))


@pytest.mark.parametrize(("setting", "value"), [("read", "some"), ("embedder", "word2vec")])
def test_a_setting_that_is_not_there_is_refused(setting: str, value: str) -> None:
    with pytest.raises(InputError, match=value):
        scorer(**{setting: value})


def test_a_question_too_long_for_the_proxy_is_refused() -> None:
    with pytest.raises(InputError, match="shorten"):
        scorer().score("bridge " * 10_000, cut())


def test_a_segmentation_without_sentences_has_no_scores() -> None:
    blank = Segmentation((Document(" "),), ())
    assert scorer().score(QUESTION, blank).values.shape == (0,)
    assert isinstance(cut().sentences[0], Sentence)


def test_with_time_enough_a_deadline_changes_nothing() -> None:
    whole = scorer(read="all").score(QUESTION, cut())
    hurried = scorer(read="all").score_within(QUESTION, cut(), bounds=Bounds(float("inf")))
    assert np.allclose(whole.values, hurried.values)
    assert not hurried.details["stopped_early"] and hurried.details["passages_read"] == 3


def test_after_the_deadline_the_cheap_signals_answer() -> None:
    found = scorer(read="all").score_within(QUESTION, cut(), bounds=Bounds(0.0))
    assert found.details["stopped_early"] and found.details["passages_read"] == 0
    assert found.calibrated and np.isfinite(found.values).all()


def test_what_is_read_before_the_deadline_is_what_promises_most() -> None:
    segmentation = given([[f"Line {n} of a log."] for n in range(30)] + [["Anna Lund built the bridge."]])
    reader = scorer(read="all")
    times = iter([0.0, *np.arange(1.0, 9.0)])

    with pytest.MonkeyPatch.context() as patch:  # a clock that ticks once a look
        patch.setattr("ragcompress.scorers.evidence.scorer.time.monotonic", lambda: next(times))
        found = reader.look(QUESTION, segmentation, bounds=Bounds(3.5))
    assert found.stopped_early and 0 < len(found.read) < 31
    order = gate.reading_order(found.cheap, found.passages)
    assert found.read == tuple(sorted(order[: len(found.read)]))
