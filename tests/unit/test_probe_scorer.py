"""The default scorer: features and context against slow oracles, probe files, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from fake_probe import fake_probe

from ragcompress import DataError, Document, InputError, ProbeMismatch, segment
from ragcompress import given as from_sentences
from ragcompress.data import Attention
from ragcompress.probes import ProbeWeights, load
from ragcompress.prompts.parts import Parts
from ragcompress.prompts.passages import Passage, Template, cut_passages
from ragcompress.scorers.passage_probe.context import NAMES, context_features
from ragcompress.scorers.passage_probe.features import attention_features
from ragcompress.scorers.passage_probe.head import Head
from ragcompress.scorers.passage_probe.looks import attention_logits, look_logits
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.scorers.passage_probe.second_look import (
    SECOND_NAMES,
    Chosen,
    Recipe,
    choose,
    fact_texts,
    second_context,
    was_read,
)
from ragcompress.testing import FakeProxy


def random_attention(n_sentences: int, seed: int) -> Attention:
    draw = np.random.default_rng(seed)
    mass = draw.dirichlet(np.ones(n_sentences + 1), size=(2, 3, 2))[..., :-1].astype(np.float32)
    return Attention(mass, draw.integers(1, 20, n_sentences), ("last", "question"), "f")


def test_features_equal_the_definition_written_out() -> None:
    attentions = [random_attention(3, 0), random_attention(1, 1), random_attention(4, 2)]
    found = attention_features(attentions)
    row = 0
    for a in attentions:
        for s in range(a.mass.shape[3]):
            column = 0
            for kind in range(3):
                for r in range(2):
                    for layer in range(3):
                        for h in range(2):
                            total = log(a.mass[r, layer, h].sum() + 1e-7)
                            mean = np.mean([log(b.mass[r, layer, h].sum() + 1e-7) for b in attentions])
                            share = log(a.mass[r, layer, h, s] + 1e-7) - total - log(a.n_tokens[s])
                            expected = (share, total, total - mean)[kind]
                            assert found[row, column] == pytest.approx(expected, abs=1e-4)
                            column += 1
            row += 1
    assert found.shape == (8, 36)


def test_scores_name_the_probe_that_made_them() -> None:
    probe = fake_probe()
    name = next(iter(probe.arrays))
    other = ProbeWeights({**probe.arrays, name: probe.arrays[name] + 1}, probe.card)
    first, again, changed = (
        Scorer(proxy=FakeProxy(), probe=p).score("Who?", SENTENCES).settings["probe"]
        for p in (probe, fake_probe(), other)
    )
    assert first == again != changed


def test_logits_made_passage_by_passage_are_those_of_all_features_at_once() -> None:
    attentions = [random_attention(n, n) for n in (3, 1, 4, 1, 9)]
    draw, n_features = np.random.default_rng(0), 36
    arrays = {
        "look.weight": draw.normal(size=(3, n_features)).astype(np.float32),
        "look.bias": draw.normal(size=3).astype(np.float32),
    }
    expected = look_logits(arrays, attention_features(attentions))
    assert np.array_equal(attention_logits(arrays, attentions), expected)


def test_no_passages_have_no_features() -> None:
    assert attention_features([]).shape[0] == 0


SENTENCES = from_sentences(
    [["Ada met Bea Low.", "It rained."], ["She lived in Rome."], ["Nothing here.", "Nor here.", "End."]],
    titles=["Ada (poet)", "Bea Low", None],
)
PASSAGES = (
    Passage(0, (), ((0, 5), (5, 8)), (0, 1)),
    Passage(1, (), ((0, 4),), (2,)),
    Passage(2, (), ((0, 3), (3, 6)), (3, 4)),
    Passage(2, (), ((0, 2),), (5,)),
)
PARTS = Parts.of(PASSAGES)
LOGITS = np.array([[1.0, -2.0, 0.5, -3.0, -3.0, -4.0], [2, 0, 1, -1, -2, 5], [0, 0, 0, 0, 3, 0]], float).T


def column(name: str) -> list[float]:
    features = context_features(LOGITS, PARTS, SENTENCES, "Where did the friend of Ada live?")
    return [round(float(x), 4) for x in features[:, NAMES.index(name)]]


def test_context_features_of_a_small_case() -> None:
    assert column("previous") == [-6, 1, -6, -6, -3, -3]
    assert column("next") == [-2, -6, -6, -3, -4, -6]
    assert column("best_of_passage_others") == [-2, 1, -6, -3, -3, -6]
    assert column("mean_of_passage") == [-0.5, -0.5, 0.5, -3, -3, -4]
    assert column("below_best") == [0, -3, -0.5, -4, -4, -5]
    assert column("below_best_of_document") == [0, -3, 0, 0, 0, -1]
    assert column("share_of_better") == [0, round(2 / 6, 4), round(1 / 6, 4), 0.5, 0.5, round(5 / 6, 4)]
    assert column("log_position") == [0, round(log(2), 4), 0, 0, round(log(2), 4), round(log(3), 4)]
    assert column("from_end") == [round(log(2), 4), 0, 0, round(log(3), 4), round(log(2), 4), 0]


def test_each_kind_of_question_has_its_own_logits() -> None:
    assert column("logit") == [1, -2, 0.5, -3, -3, -4]
    assert column("one_document_logit") == [2, 0, 1, -1, -2, 5]
    assert column("one_document_best_of_passage") == [2, 2, 1, -1, -1, 5]
    assert column("one_document_below_best") == [-3, -5, -4, -6, -7, 0]
    assert column("several_documents_best_of_passage") == [0, 0, 0, 3, 3, 0]


@pytest.mark.parametrize("n", [2, 5, 17, 64])
def test_equal_sentences_have_equal_probabilities_wherever_they_stand(n: int) -> None:
    head, draw = Head.load(fake_probe().arrays), np.random.default_rng(n)
    weight, bias = head.regressions.weight, head.regressions.bias
    features = np.repeat(draw.normal(size=(1, weight.shape[1])).astype(np.float32), n, axis=0)
    logits = head.regressions.logits(features)
    context = np.repeat(draw.normal(size=(1, len(NAMES))), n, axis=0)
    assert (logits == logits[0]).all()
    assert len(set(head.network.probabilities(context))) == 1
    assert logits == pytest.approx(features @ weight.astype(np.float64).T + bias, abs=1e-4)


def test_a_sentence_that_names_a_title_links_the_two_documents() -> None:
    assert column("links_to") == [0.5, -6, -6, -6, -6, -6]
    assert column("linked_from") == [-6, -6, 1, -6, -6, -6]
    assert column("is_linked") == [0, 0, 1, 0, 0, 0]
    assert column("has_link") == [1, 0, 0, 0, 0, 0]


def test_words_of_the_question_count_in_sentence_and_title() -> None:
    held, named = column("words_in_question"), column("title_in_question")
    assert held[0] > 0 and held[1] == 0
    assert named[0] == named[1] > 0 and named[2] == named[5] == 0


def test_rare_words_shared_with_a_good_sentence_of_another_document_count() -> None:
    # "bea" and "low" stand in the first sentence and in the title above the third, and nowhere else.
    weight, first, third = log(7 / 1.5), 1 / (1 + exp(-1.0)), 1 / (1 + exp(-0.5))
    sums = [third * 2 * weight, 0, first * 2 * weight, 0, 0, 0]  # "here" is shared within one document only
    assert column("shared_with_a_best") == column("shared_with_the_best") == [round(x, 4) for x in sums]
    assert column("rarest_shared_with_a_best") == [round(x / 2, 4) for x in sums]


FIRST = np.array([0.9, 0.01, 0.6, 0.05, 0.3, 0.001])


def test_the_second_look_is_told_the_best_and_reads_what_is_in_doubt() -> None:
    recipe = Recipe(facts=2, fact_tokens=4, passages=3, at_least=0.02)
    found = choose(FIRST, PARTS, recipe)
    assert found == Chosen(facts=(2, 4), passages=(0, 1, 2)), "the first sentence has five tokens"
    assert fact_texts(SENTENCES, found) == ["Bea Low: She lived in Rome.", "Nor here."]
    assert was_read(PARTS, found).tolist() == [True] * 5 + [False]
    assert choose(FIRST, PARTS, Recipe(passages=2)) == Chosen((0, 2), (0, 1))
    assert choose(FIRST, PARTS, Recipe(at_least=0.7)) is None, "one passage alone is no reason to look"
    assert choose(FIRST, PARTS, Recipe(fact_tokens=1)) is None
    assert choose(np.zeros(0), Parts.of(()), Recipe()) is None


def test_features_of_the_second_look_written_out() -> None:
    chosen = Chosen((0, 2), (1, 2))
    again = np.array([[2.0, 1.0, -1.0], [4.0, 3.0, 5.0], [0.0, 0.0, 0.0]]).T
    found = second_context(again, FIRST, chosen, PARTS, SENTENCES, "Who?")
    before = [log(p / (1 - p)) for p in FIRST]
    combined = [-2, before[1] - 2, 2, 1, -1, before[5] - 2]
    assert found[:, SECOND_NAMES.index("logit")] == pytest.approx(combined)
    others = [-2, before[1] - 2, 4, 3, 5, before[5] - 2]
    assert found[:, SECOND_NAMES.index("one_document_logit")] == pytest.approx(others)
    assert found[:, SECOND_NAMES.index("first_look")] == pytest.approx(before)
    assert found[:, SECOND_NAMES.index("is_fact")].tolist() == [1, 0, 1, 0, 0, 0]
    assert found[:, SECOND_NAMES.index("was_read")].tolist() == [0, 0, 1, 1, 1, 0]


def test_a_second_look_equals_its_steps_and_none_is_taken_where_the_facts_find_no_room() -> None:
    proxy, probe = FakeProxy(), fake_probe()
    bias = {"second.context.bias": probe.arrays["second.context.bias"] + np.float32(3)}
    probe = replace(probe, arrays={**probe.arrays, **bias})  # so that the second look has a say
    question, parts = "Where did the friend of Ada live?", SENTENCES
    scores = Scorer(proxy=proxy, probe=probe).score(question, parts)
    alone = Scorer(proxy=FakeProxy(), probe=fake_probe(second=False)).score(question, parts)
    passages = cut_passages(proxy.tokenizer, Template(), parts, 512)
    chosen = choose(alone.values, Parts.of(passages), Recipe(fact_tokens=64))
    again = [p for p in proxy.prompts if "facts" in p.row_names]
    assert chosen is not None and len(again) > 1
    text = bytes(i for i in again[0].tail if i < 256).decode()
    assert all(f" {fact}" in text for fact in fact_texts(parts, chosen))
    assert text.index("Known:") < text.index(question)
    assert not np.array_equal(scores.values, alone.values)
    room = max(len(p) for p in proxy.prompts if "facts" not in p.row_names)
    tight = Scorer(proxy=FakeProxy(max_tokens=max(room, 512 + 200)), probe=probe).score(question, parts)
    longest = max(map(len, again))
    assert np.array_equal(tight.values, alone.values) == (longest > max(room, 512 + 200))


def test_scores_are_probabilities_and_a_long_sentence_has_its_best_parts() -> None:
    scorer = Scorer(proxy=FakeProxy(), probe=fake_probe())
    long = "word " * 400 + "harbour light"  # longer than a passage of 512 bytes: several parts
    scores = scorer.score("Which harbour light?", segment([Document(long), Document("Short. Text.")]))
    assert scores.calibrated and ((scores.values >= 0) & (scores.values <= 1)).all()
    parts = [p for p in scorer.proxy.prompts if 0 in p.sentences]  # type: ignore[attr-defined]
    assert len(parts) > 1


def test_a_probe_survives_its_files(tmp_path: Path) -> None:
    fake_probe().save(tmp_path / "deep" / "probe")
    for name in ("probe", "probe.json", "probe.safetensors"):
        read = load(tmp_path / "deep" / name)
        assert read.card == fake_probe().card
        assert all(np.array_equal(read.arrays[k], v) for k, v in fake_probe().arrays.items())


def test_a_dotted_name_is_kept_whole(tmp_path: Path) -> None:
    fake_probe().save(tmp_path / "qwen2.5")
    assert load(tmp_path / "qwen2.5").card == fake_probe().card


@pytest.mark.parametrize("damage", ["truncated", "not json", "other format", "missing"])
def test_broken_probe_files_are_named(tmp_path: Path, damage: str) -> None:
    fake_probe().save(tmp_path / "p")
    if damage == "truncated":
        whole = (tmp_path / "p.safetensors").read_bytes()
        (tmp_path / "p.safetensors").write_bytes(whole[:40])
    if damage == "not json":
        (tmp_path / "p.json").write_text("{", encoding="utf-8")
    if damage == "other format":
        (tmp_path / "p.json").write_text(json.dumps({"format": 99}), encoding="utf-8")
    if damage == "missing":
        (tmp_path / "p.safetensors").unlink()
    with pytest.raises(DataError, match="the probe"):
        load(tmp_path / "p")


def test_a_probe_for_another_proxy_or_template_is_refused() -> None:
    with pytest.raises(ProbeMismatch, match="was trained for 'fake'"):
        Scorer(proxy=FakeProxy(n_layers=3), probe=fake_probe())
    other = ProbeWeights(fake_probe().arrays, dict(fake_probe().card) | {"template": "0" * 16})
    with pytest.raises(ProbeMismatch, match="template"):
        Scorer(proxy=FakeProxy(), probe=other)
    with pytest.raises(ProbeMismatch, match="no probe for 'passage-probe' ships for 'fake'"):
        Scorer(proxy=FakeProxy())


def test_a_question_longer_than_the_window_is_refused_not_cut() -> None:
    scorer = Scorer(proxy=FakeProxy(max_tokens=900), probe=fake_probe())
    with pytest.raises(InputError, match="leave no room"):
        scorer.score("why " * 200, segment([Document("Text.")]))


def test_parts_are_the_columns_of_the_passages() -> None:
    assert PARTS.sentence.tolist() == [0, 1, 2, 3, 4, 5]
    assert PARTS.passage.tolist() == [0, 0, 1, 2, 2, 3]
    assert PARTS.document.tolist() == [0, 0, 1, 2, 2, 2]
    assert PARTS.n_tokens.tolist() == [5, 3, 4, 3, 3, 2]
    assert len(Parts.of(())) == 0
    long = Parts.of((Passage(0, (), ((0, 5),), (0,)), Passage(0, (), ((0, 2), (2, 4)), (0, 1))))
    assert long.best_of_sentences(np.array([0.1, 0.7, 0.2]), 3, least=0.0).tolist() == [0.7, 0.2, 0.0]


def test_a_head_goes_into_a_file_and_back() -> None:
    arrays = fake_probe().arrays
    for prefix in ("", "second."):
        written = Head.load(arrays, prefix).arrays(prefix)
        own = {name for name in arrays if name.startswith("second.") == bool(prefix)}
        assert own == set(written) and all(written[name] is arrays[name] for name in own)
