"""What the papers' scorers do besides their arithmetic: hints, gates, windows, refusals."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_probe import fake_heads, fake_probe, fake_sentinel
from shared import QUESTION

from ragcompress import InputError, ProbeMismatch, ProxyInfo, Segmentation, given, models, probes
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers import attentionrag, calibrated, retrieval_heads, sentinel
from ragcompress.scorers._hints import by_proxy, by_rules
from ragcompress.testing import FakeProxy


@pytest.mark.parametrize(
    ("question", "hint"),
    [
        ("What is the capital of Peru?", "The capital of Peru is"),
        ("who were the  founders of Rome ?", "The founders of Rome were"),
        ("Which film came out first, A or B?", "The film is"),
        ("The author of X was born in what city?", "The city is"),
        ("Who wrote Hamlet?", "The person is"),
        ("When was Ann Lund born?", "The date is"),
        ("How many islands are there?", "The number is"),
        ("how did it end", "The way is"),
        ("What did she say?", ""),
        ("Is it raining?", ""),
        ("Were A and B both poets?", ""),
        ("谁建了桥？", ""),
        ("", ""),
    ],
)
def test_hints_by_rules(question: str, hint: str) -> None:
    assert by_rules(question) == hint


@pytest.mark.parametrize(
    ("says", "hint"),
    [
        (" Daniel is in the", "Daniel is in the"),
        (" None", ""),
        (" none.", ""),
        ("\n\nIt is", "It is"),
        ("", ""),
    ],
)
def test_hints_by_the_proxy(says: str, hint: str) -> None:
    proxy = FakeProxy(says=says)
    assert by_proxy(proxy, proxy, QUESTION) == hint


class Split(FakeProxy):
    """Finds nothing where the chunk speaks of ferries."""

    def next_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        silent = FakeProxy(says=" None!")
        speak = FakeProxy(says=" Not a word")
        return [
            (silent if b"ferries" in bytes(i % 256 for i in p.prefix) else speak).next_tokens([p])[0]
            for p in prompts
        ]


CHUNKS = given([["The bridge was built by Ann.", "It is red."], ["The ferries built it.", "Boats go."]])


def test_a_chunk_that_says_none_comes_last() -> None:
    scorer = attentionrag.Scorer(proxy=Split(), chunk_tokens=40, top_k=3)
    values = scorer.score(QUESTION, CHUNKS).values
    assert (values[:2] >= 1).all() and (values[2:] < 1).all()
    assert set(scorer.kept(QUESTION, CHUNKS)) <= {0, 1}


@pytest.mark.parametrize("says", [" none", " NONE.", " yes"])
def test_if_every_chunk_says_none_the_gate_is_left_out(says: str) -> None:
    scorer = attentionrag.Scorer(proxy=FakeProxy(says=says), chunk_tokens=40, top_k=3)
    assert (scorer.score(QUESTION, CHUNKS).values >= 1).all()
    assert scorer.kept(QUESTION, CHUNKS)


def test_the_best_scores_are_those_that_the_paper_keeps() -> None:
    scorer = attentionrag.Scorer(proxy=Split(), chunk_tokens=40, top_k=3)
    kept = scorer.kept(QUESTION, CHUNKS)
    assert set(scorer.score(QUESTION, CHUNKS).ranking()[: len(kept)]) == set(kept)


def test_attentionrag_needs_next_tokens() -> None:
    class Silent:
        info, tokenizer, probe = FakeProxy().info, FakeProxy().tokenizer, FakeProxy().probe

    with pytest.raises(InputError, match="can't tell next tokens"):
        attentionrag.Scorer(proxy=Silent())
    for settings in ({"top_k": 0}, {"chunk_tokens": 0}, {"hint": "magic"}):
        with pytest.raises(InputError, match="must be"):
            attentionrag.Scorer(proxy=FakeProxy(), **settings)  # type: ignore[arg-type]


def long_documents() -> Segmentation:
    return given([[f"Sentence {n} of {d} says nothing." for n in range(9)] for d in range(9)])


@pytest.mark.parametrize(
    "scorer",
    [
        sentinel.Scorer(proxy=FakeProxy(), probe=fake_sentinel(), window_tokens=500),
        retrieval_heads.Scorer(proxy=FakeProxy(), probe=fake_heads(), window_tokens=500),
        calibrated.Scorer(proxy=FakeProxy(), window_tokens=500, dummies="all"),
    ],
    ids=lambda s: s.name,
)
def test_what_does_not_fit_goes_into_windows_and_is_all_read(scorer: sentinel.Scorer) -> None:
    parts = long_documents()
    assert len(scorer.score(QUESTION, parts).values) == 81
    proxy = scorer.proxy
    assert isinstance(proxy, FakeProxy)
    assert all(len(p) <= 500 for p in proxy.prompts) and len(proxy.prompts) > 5
    assert {i for p in proxy.prompts for i in p.sentences} == set(range(81))


@pytest.mark.parametrize("scorer", [sentinel.Scorer, retrieval_heads.Scorer])
def test_weights_of_another_scorer_or_proxy_are_refused(scorer: type[sentinel.Scorer]) -> None:
    with pytest.raises(ProbeMismatch, match="trained for the scorer 'passage-probe'"):
        scorer(proxy=FakeProxy(), probe=fake_probe())
    own = fake_sentinel() if scorer is sentinel.Scorer else fake_heads()
    with pytest.raises(ProbeMismatch, match="trained for 'fake'"):
        scorer(proxy=FakeProxy(n_layers=3), probe=own)
    with pytest.raises(ProbeMismatch, match=f"train FILE… --scorer {scorer.name}"):
        scorer(proxy=FakeProxy())


@pytest.mark.parametrize("settings", [{"level": "word"}, {"dummies": "some"}, {"dummy": ""}])
def test_settings_that_calibrated_does_not_know(settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match="must be"):
        calibrated.Scorer(proxy=FakeProxy(), **settings)  # type: ignore[arg-type]


def test_weights_ship_for_the_default_proxy_and_its_wording() -> None:
    default = models.KNOWN[DEFAULT_PROXY].gguf_sha256
    info = ProxyInfo(DEFAULT_PROXY, default, 30, 9, 8192, "onnx", "float32")
    probe = probes.shipped_for(info, "sentinel")
    probe.check(info, sentinel.TEMPLATE, "sentinel")
    assert {name: array.shape for name, array in probe.arrays.items()} == {
        "plain.weight": (270,), "plain.bias": (1,), "invariant.weight": (270,), "invariant.bias": (1,),
    }  # fmt: skip
    assert probes.shipped_for(info).scorer == "passage-probe"
