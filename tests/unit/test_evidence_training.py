"""The fit of the evidence model: gradients, cross-fitting, and a head that the scorer takes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fake_probe import fake_evidence
from shared import Letters

from ragcompress import given
from ragcompress.probes import ProbeWeights
from ragcompress.scorers.evidence import Scorer
from ragcompress.scorers.evidence.gate import Gate
from ragcompress.scorers.evidence.head import CHEAP, MAIN, network_logits
from ragcompress.scorers.passage_probe.second_look import Chosen, Recipe
from ragcompress.testing import FakeProxy
from ragcompress.training import evidence_networks as networks
from ragcompress.training.evidence_cases import Case, Settings, case_of, signals_of, surroundings_of
from ragcompress.training.evidence_fitting import Fit
from ragcompress.training.evidence_measures import second_look_gain
from ragcompress.training.evidence_reading import Reader, Task
from ragcompress.training.evidence_second import FitSecond, Second, picked, read_again
from ragcompress.training.examples import Example

KINDS = ("maps", "logs", "letters")
PEOPLE = ("Anna", "Berit", "Carl", "David", "Erik", "Frida", "Gunnar", "Hilde", "Ivar", "Jonas")
SETTINGS = Settings(components=12, network=networks.Options(hidden=2, networks=1, iterations=15))
GATE = Gate(missed=0.3, tokens=40)
AGAIN = Second(Recipe(at_least=0.001, passages=3), spread=4, single=3)


def example(number: int, kind: str) -> Example:
    """Who built the bridge, and where was that one born: two sentences of six documents, or one of them."""
    who, others = PEOPLE[number % 10], [p for p in PEOPLE if p != PEOPLE[number % 10]]
    texts = [
        [f"{who} built the bridge of {kind}.", "It is red."],
        [f"{who} was born in Bergen.", "It rains."],
    ]
    texts += [[f"{p} built a boat number {number}.", f"{p} lives in Oslo."] for p in others[:4]]
    gold = (0, 2) if number % 2 else (0,)
    asked = "Where was the builder of the bridge born?" if number % 2 else "Who built the bridge?"
    return Example(f"{kind}/{number}", kind, asked, ("Bergen",), given(texts), gold)


def tasks() -> list[Task]:
    found = [Task(example(i, kind), kind, "natural", read=0.5) for i in range(8) for kind in KINDS]
    ranked = replace(found[0], ranks=(0, 1, 2, 3, 4, 5), shape="retrieved")
    return [*found, ranked]


def reader(store: Path | None = None) -> Reader:
    return Reader(FakeProxy(), Letters(), n_layers=2, passage_tokens=64, store=store)


def cases() -> list[Case]:
    return [case_of(reader()(task)) for task in tasks()]


@cache
def fitted() -> tuple[Fit, FitSecond]:
    fit = Fit(cases(), KINDS.index, SETTINGS)
    return fit, FitSecond(fit, read_again(fit, reader(), GATE, AGAIN, lambda done, total: None))


def probe() -> ProbeWeights:
    fit, second = fitted()
    card = {
        **fake_evidence(opinion=False).card,
        "n_layers": 2,
        "second_look": {"facts": 2, "fact_tokens": 128, "passages": 3, "at_least": 0.001},
        "passage_tokens": 64,
        "gate": {"missed": 0.3, "tokens": 40},
    }
    return ProbeWeights(fit.arrays() | second.arrays(), card)


def test_the_gradient_of_the_networks_is_that_of_the_loss() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 4)).astype(np.float32)
    labels = generator.random(30) < 0.3
    weights = generator.uniform(0.5, 2, 30)
    question = np.repeat(np.arange(6), 5)
    loss = networks._Loss(rows, labels, weights, question, networks.Options(hidden=2))
    values = generator.normal(0, 0.5, 4 + 4 * 2 + 2 + 2 + 1)
    _, gradient = loss(values)
    step = 1e-2
    for k in range(len(values)):
        moved = np.zeros(len(values))
        moved[k] = step
        slope = (loss(values + moved)[0] - loss(values - moved)[0]) / (2 * step)
        assert gradient[k] == pytest.approx(slope, abs=2e-3)


def test_a_network_learns_what_can_be_seen() -> None:
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(400, 3)).astype(np.float32)
    labels = rows[:, 0] * rows[:, 1] > 0.5
    found = networks.fit_tanh(
        rows, labels, np.ones(400), np.repeat(np.arange(40), 10), networks.Options(hidden_penalty=1e-3), 0
    )
    hidden = np.tanh(rows @ found.hidden_weight + found.hidden_bias)
    logits = rows @ found.linear + hidden @ found.weight + found.bias
    assert ((logits > 0) == labels).mean() > 0.9


@pytest.mark.slow
def test_the_scorer_takes_what_was_fitted_and_finds_what_it_learned_to_find() -> None:
    made = Scorer(proxy=FakeProxy(), probe=probe(), embedder=Letters())
    unseen = example(9, "maps")
    found = made.look(unseen.question, unseen.segmentation)
    assert len(found.looks) == 2
    assert ((found.values > 0) & (found.values < 1)).all()
    assert found.values[list(unseen.gold)].mean() > np.delete(found.values, unseen.gold).mean()


@pytest.mark.slow
def test_a_fit_is_the_same_each_time() -> None:
    fit, second = fitted()
    again = Fit(cases(), KINDS.index, SETTINGS)
    twice = FitSecond(again, read_again(again, reader(), GATE, AGAIN, lambda done, total: None))
    for name, array in (fit.arrays() | second.arrays()).items():
        other = (again.arrays() | twice.arrays())[name]
        np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_later_stages_learn_from_results_on_questions_not_seen() -> None:
    fit, _ = fitted()
    i = 1
    own = fit.cases[i]
    regressions = fit.fit_attention(fit.question_fold != fit.question_fold[i])
    logits = fit.own[i] @ regressions[0].T + regressions[1]
    assert np.allclose(fit.attention_by_question[i][own.part], logits, atol=1e-4)
    network = fit.fit_main(fit.question_fold != fit.question_fold[i])
    first = fit.first_looks([i], GATE)[i]
    cheap = network_logits(fit.cheap_networks[int(fit.fold[i])], CHEAP, signals_of(own, first.view))
    rows = surroundings_of(own, first.view, fit.attention_by_question[i], cheap)
    assert np.allclose(first.logits, network_logits(network, MAIN, rows))
    assert not first.view.read.all()


@pytest.mark.slow
def test_of_each_kind_some_are_read_again_and_those_with_spread_evidence_more() -> None:
    fit, second = fitted()
    chosen = picked(fit.cases, AGAIN)
    for kind in KINDS:
        own = [fit.cases[i] for i in chosen if fit.cases[i].kind == kind and fit.cases[i].ranks is None]
        assert sum(c.is_spread for c in own) == 4 and sum(not c.is_spread for c in own) == 3
    assert {a.index for a in second.again} <= set(chosen)


def test_what_was_read_again_is_read_from_the_store(tmp_path: Path) -> None:
    reading = reader(tmp_path)(tasks()[1])
    chosen = Chosen(facts=(0,), passages=(0, 2))
    first = reader(tmp_path).again(reading, chosen)
    assert len(list((tmp_path / "again").iterdir())) == 1
    for a, b in zip(first, reader(tmp_path).again(reading, chosen), strict=True):
        assert a.rows[-1] == "facts"
        np.testing.assert_allclose(a.mass, b.mass, rtol=1e-3)


@pytest.mark.slow
def test_networks_say_the_same_as_written_out() -> None:
    fit, _ = fitted()
    arrays = fit.arrays()
    for network, rows in ((CHEAP, fit.cheap_rows[0][0]), (MAIN, fit.main_rows[0][0])):
        scaled = np.nan_to_num((rows - arrays[f"{network}.mean"]) / arrays[f"{network}.scale"], nan=0.0)
        scaled = np.clip(scaled, -6, 6)
        hidden = np.tanh(scaled @ arrays[f"{network}.hidden_weight"] + arrays[f"{network}.hidden_bias"])
        expected = scaled @ arrays[f"{network}.linear"] + hidden @ arrays[f"{network}.weight"]
        expected = expected + arrays[f"{network}.bias"][0]
        assert np.allclose(network_logits(arrays, network, rows), expected, atol=1e-4)


@pytest.mark.slow
def test_the_second_look_is_measured_on_questions_not_seen() -> None:
    _, second = fitted()
    logits = second.unseen()
    assert [len(own) for own in logits] == [second.fit.cases[a.index].n for a in second.again]
    table = second_look_gain(second)
    assert set(table) == set(KINDS)
    natural = [second.fit.cases[a.index].reading.task.shape == "natural" for a in second.again]
    assert sum(row["questions"] for row in table.values()) == sum(natural)
    for row in table.values():
        assert 0 <= row["first"]["recall_20"] <= 1 and 0 <= row["second"]["recall_20"] <= 1
