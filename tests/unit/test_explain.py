"""``ragcompress explain``, and that what it says of heads adds up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_probe import fake_probe
from typer.testing import Result

from ragcompress import Document, InputError, segment
from ragcompress.cli.feature_words import describe
from ragcompress.prompts.parts import Parts
from ragcompress.prompts.passages import ROWS, Template
from ragcompress.scorers.evidence import second_look as evidence_look
from ragcompress.scorers.passage_probe.context import context_features
from ragcompress.scorers.passage_probe.features import attention_features
from ragcompress.scorers.passage_probe.head import Head
from ragcompress.scorers.passage_probe.scorer import Scorer, probe_passages
from ragcompress.scorers.passage_probe.second_look import SECOND_NAMES
from ragcompress.testing import FakeProxy

QUESTION = "Who built the bridge at Oslo?"
PARTS = segment(
    [
        Document("The bridge stands in Oslo. Anna built it. Ferries cross at noon.", "Bridge"),
        Document("Anna was born in Bergen. She built nine bridges.", "Anna"),
    ]
)


@pytest.mark.parametrize("sentence", range(5))
def test_heads_add_up_to_the_first_stage_and_left_out_features_change_the_second(sentence: int) -> None:
    probe = fake_probe(second=False)
    scorer = Scorer(proxy=FakeProxy(), probe=probe)
    found = scorer.attribute(QUESTION, PARTS, sentence)
    scores = scorer.score(QUESTION, PARTS).values
    assert found.probability == pytest.approx(scores[sentence], abs=1e-12)
    assert 1 / (1 + np.exp(-found.final_logit)) == pytest.approx(found.probability)

    passages, attentions = probe_passages(
        scorer.proxy, Template(), QUESTION, PARTS, n_layers=probe.n_layers, passage_tokens=512
    )
    features = attention_features(attentions)
    head = Head.load(probe.arrays)
    logits = head.regressions.logits(features)
    assert found.logit == pytest.approx(logits[sentence, 0])
    assert found.heads.sum() == pytest.approx(logits[sentence, 0] - logits[:, 0].mean(), abs=1e-4)
    assert sum(found.kinds.values()) == pytest.approx(found.heads.sum())
    assert found.heads.shape == (len(ROWS), 2, 2)
    # One head by hand: its three features, in the order that the features are documented to have.
    weight, f = probe.arrays["look.weight"][0], features.astype(np.float64)
    columns = [kind * len(ROWS) * 4 + 1 * 4 + 0 * 2 + 1 for kind in range(3)]
    by_hand = sum((f[sentence, c] - f[:, c].mean()) * weight[c] for c in columns)
    assert found.heads[1, 0, 1] == pytest.approx(by_hand)

    context = context_features(logits, Parts.of(passages), PARTS, QUESTION)
    for k, (value, change) in enumerate(found.context.values()):
        changed = context[sentence].copy()
        changed[k] = context[:, k].mean()
        p = head.network.probabilities(changed[None])[0]
        assert value == context[sentence, k]
        assert change == pytest.approx(found.final_logit - np.log(p / (1 - p)), abs=1e-6)


@pytest.mark.parametrize("up", [-3.0, 0.0, 3.0])
def test_of_a_passage_read_twice_the_reading_is_told_that_thought_more_of_it(up: float) -> None:
    probe = fake_probe()
    bias = probe.arrays["second.context.bias"] + np.float32(up)
    probe = replace(probe, arrays={**probe.arrays, "second.context.bias": bias})
    scorer = Scorer(proxy=FakeProxy(), probe=probe)
    scores = scorer.score(QUESTION, PARTS).values
    parts, (first, second) = scorer._looks(QUESTION, PARTS, None)
    assert second.was_read.any()
    for sentence in range(5):
        found = scorer.attribute(QUESTION, PARTS, sentence)
        both = first.probabilities[sentence], second.probabilities[sentence]
        assert scores[sentence] == max(both)
        assert found.probability == pytest.approx(scores[sentence], abs=1e-12)
        decided = second if both[1] > both[0] else first
        assert list(found.context) == list(decided.names)
        look = decided if decided.was_read[sentence] else first
        assert found.rows == look.rows
        logits = look.head.regressions.logits(look.features)
        assert found.heads.sum() == pytest.approx(found.logit - logits[:, 0].mean(), abs=1e-4)
    assert parts.sentence.tolist() == [0, 1, 2, 3, 4]


def test_the_strongest_heads_come_first_and_all_is_json() -> None:
    found = Scorer(proxy=FakeProxy(), probe=fake_probe()).attribute(QUESTION, PARTS, 1)
    strongest = found.strongest(3)
    assert abs(strongest[0][3]) == pytest.approx(np.abs(found.heads).max())
    assert [abs(h[3]) for h in strongest] == sorted((abs(h[3]) for h in strongest), reverse=True)
    row, layer, head, value = strongest[0]
    first = json.loads(json.dumps(found.to_dict()))["first_stage"]
    assert first["heads"][first["rows"].index(row)][layer][head] == value


def test_a_sentence_that_is_not_there_has_no_heads() -> None:
    with pytest.raises(InputError, match="there is no sentence 5: there are 5"):
        Scorer(proxy=FakeProxy(), probe=fake_probe()).attribute(QUESTION, PARTS, 5)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(
        "The bridge is in Oslo. Anna built the bridge. \x1b[31mFerries [bold]leave[/bold]. It rained."
    )
    return path


def test_every_sentence_is_signed_and_the_best_are_ranked(invoke: Callable[..., Result], text: Path) -> None:
    result = invoke("explain", QUESTION, text, "--budget", 45, "--top", 3)
    assert result.exit_code == 0
    assert "- 0.000  It rained." in result.stdout
    assert re.findall(r"^ *(\d)  [\d.]+ +(kept|dropped)", result.stdout, re.MULTILINE) == [
        ("1", "kept"),
        ("2", "kept"),
        ("3", "dropped"),
    ]
    assert "Dropped: the budget was full" in result.stdout
    assert "\x1b" not in result.stdout
    assert "[bold]leave[/bold]" in result.stdout
    assert result.stdout.endswith("bm25: kept 45 of 89 tokens (51%), 2 of 4 sentences\n")


def test_the_best_that_was_dropped_is_shown_whatever_its_rank(
    invoke: Callable[..., Result], text: Path
) -> None:
    result = invoke("explain", QUESTION, text, "--budget", 45, "--top", 1)
    assert re.findall(r"^ *(\d)  [\d.]+ +(kept|dropped)", result.stdout, re.MULTILINE) == [
        ("1", "kept"),
        ("3", "dropped"),
    ]


def test_every_feature_has_words() -> None:
    for names in (SECOND_NAMES, evidence_look.NAMES):
        assert len({describe(name) for name in names}) == len(names)


def test_the_record_has_a_reason_for_every_drop(
    invoke: Callable[..., Result], text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "why.json"
    result = invoke("explain", QUESTION, text, "--budget", 45, "--format", "json", "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [r["rank"] for r in found["ranking"]] == [1, 2, 3, 4]
    assert all(r["kept"] == (r["reason"] is None) for r in found["ranking"])
    assert len(found["dropped"]) == sum(not r["kept"] for r in found["ranking"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--heads", "1"), "--heads: the scorer bm25 reads no attention"),
        (("--format", "md"), "'md' is not one of 'text', 'json'"),
        (("-o", "x.json"), "--output is for --format json"),
        (("--top", "0"), "--top"),
    ],
)
def test_wrong_usage_is_told(
    invoke: Callable[..., Result], text: Path, options: tuple[str, ...], said: str
) -> None:
    result = invoke("explain", QUESTION, text, *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
