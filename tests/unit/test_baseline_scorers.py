"""What each baseline computes: against numbers worked out by hand, and slow, obvious versions."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from math import log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries

from ragcompress import Attention, Document, InputError, Segmentation
from ragcompress.data import Progress
from ragcompress.errors import ModelNotFound
from ragcompress.prompts.passages import ROWS, Prompt
from ragcompress.proxy.fake import FakeProxy
from ragcompress.scorers import bm25, lead, minilm, random, raw_attention
from ragcompress.text.segmentation import given, segment

WORDS = st.sampled_from("the bridge Bridge was built by anna river 桥 梁 on".split())
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)


def slow_bm25(question: str, texts: Sequence[str], k1: float, b: float) -> list[float]:
    """The formula, term by term."""
    cut = [re.findall(r"[桥梁]|[a-z]+", t.lower()) for t in texts]
    mean = sum(map(len, cut)) / len(cut)
    found = []
    for sentence in cut:
        total = 0.0
        for term in re.findall(r"[桥梁]|[a-z]+", question.lower()):
            df = sum(term in other for other in cut)
            tf = sentence.count(term)
            idf = log(1 + (len(cut) - df + 0.5) / (df + 0.5))
            if tf:
                total += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(sentence) / mean))
        found.append(total)
    return found


@tries(50)
@for_all(TEXTS, st.lists(TEXTS, min_size=1, max_size=6), st.floats(0, 3), st.floats(0, 1))
def test_bm25_equals_its_formula(question: str, texts: list[str], k1: float, b: float) -> None:
    values = bm25.Scorer(k1=k1, b=b).score(question, given([texts])).values
    assert values == pytest.approx(slow_bm25(question, texts, k1, b))


def test_bm25_by_hand() -> None:
    values = bm25.Scorer().score("old bridge", given([["old bridge", "new bridge"]])).values
    both, one = log(1 + 0.5 / 2.5), log(1 + 1.5 / 1.5)
    # Both sentences have the mean length, so the last factor is 2.2 / 2.2.
    assert values == pytest.approx([both + one, both])


def test_titles_play_no_part_in_bm25() -> None:
    documents = [["It is red."], ["It is blue."]]
    titled = bm25.Scorer().score("Which bridge?", given(documents, titles=["Bridge", "Bridge"])).values
    assert titled.tolist() == [0.0, 0.0]


def test_bm25_reads_a_value_under_its_name() -> None:
    speed = "--speed N\n    Turns in a minute. The default is 40.\n\n"
    parts = segment([Document(f"{speed}--stones N\n    Stones. The default is 2.\n")])
    values = bm25.Scorer().score("What is the default of stones?", parts).values
    assert parts.sentences[int(np.argmax(values))].text == "The default is 2."


@pytest.mark.parametrize("k1", [-0.1, float("nan"), float("inf")])
def test_bm25_refuses_a_k1_out_of_range(k1: float) -> None:
    with pytest.raises(InputError, match="k1"):
        bm25.Scorer(k1=k1)


@pytest.mark.parametrize("b", [-0.1, 1.1, float("nan")])
def test_bm25_refuses_a_b_out_of_range(b: float) -> None:
    with pytest.raises(InputError, match="b must"):
        bm25.Scorer(b=b)


def test_lead_takes_first_sentences_first_and_earlier_documents_first() -> None:
    scores = lead.Scorer().score("?", given([["a.", "b.", "c."], [], ["d."], ["e.", "f."]]))
    assert scores.values.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1, 1, 1 / 2])
    assert scores.ranking() == (0, 3, 4, 1, 5, 2)


def test_random_depends_on_question_and_seed_alone() -> None:
    parts, others = given([["a.", "b.", "c."]]), given([["d.", "e.", "f."]])
    values = random.Scorer().score("who?", parts).values
    assert np.array_equal(values, random.Scorer().score("who?", others).values)
    assert not np.array_equal(values, random.Scorer().score("what?", parts).values)
    assert not np.array_equal(values, random.Scorer(seed=1).score("who?", parts).values)
    assert ((values >= 0) & (values < 1)).all()


@pytest.mark.parametrize("seed", [-1, 0.5, True, "0"])
def test_random_refuses_what_is_no_seed(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        random.Scorer(seed=seed)


class Scripted(FakeProxy):
    """Reads the same mass for every prompt: tokens of a sentence weigh as their first byte says."""

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        found = []
        for read, prompt in zip(
            super().probe(prompts, n_layers=n_layers, progress=progress), prompts, strict=True
        ):
            weights = np.array([prompt.prefix[end - 1] % 7 + 1 for _, end in prompt.spans]) / 100
            mass = np.broadcast_to(weights.astype(np.float32), read.mass.shape).copy()
            mass[:, 0] *= 0.5  # a layer that looks at the passage half as much changes no share
            found.append(Attention(mass, read.n_tokens, read.rows, read.proxy))
        return found


def test_raw_attention_is_the_share_per_token() -> None:
    parts = given([["aa1", "bbbb3"], ["c5"]])
    values = raw_attention.Scorer(proxy=Scripted()).score("?", parts).values
    one, three, five = (ord(c) % 7 + 1 for c in "135")
    # The blank before the second sentence is a token of it.
    assert values == pytest.approx([one / (one + three) / 3, three / (one + three) / 6, five / five / 2])


def test_raw_attention_cuts_passages_and_takes_the_best_part_of_a_sentence() -> None:
    proxy = FakeProxy()
    text = "Nothing here. " * 4 + "The bridge was built by Anna Lund. " + "Nothing there. " * 4
    parts = given([[text, "Short."]])
    found = raw_attention.Scorer(proxy=proxy, passage_tokens=60).score("Who built the bridge?", parts)
    assert len(proxy.prompts) > 2
    assert max(p.spans[-1][1] - p.spans[0][0] for p in proxy.prompts) <= 60
    best = 0.0
    for prompt, attention in zip(proxy.prompts, proxy.probe(proxy.prompts, n_layers=2), strict=True):
        if 0 in prompt.sentences:
            best = max(best, raw_attention.shares(attention)[prompt.sentences.index(0)])
    assert found.values[0] == best


def test_raw_attention_leaves_room_for_the_question() -> None:
    proxy = FakeProxy(max_tokens=400)
    parts = given([["word " * 300, "Anna built it."]], titles=["A title"])
    raw_attention.Scorer(proxy=proxy).score("Who built the bridge?", parts)
    assert max(map(len, proxy.prompts)) <= 400
    with pytest.raises(InputError, match="question and title take"):
        raw_attention.Scorer(proxy=proxy).score("who " * 100, parts)


def test_raw_attention_asks_nothing_where_there_is_nothing() -> None:
    proxy = FakeProxy()
    assert raw_attention.Scorer(proxy=proxy).score("?", Segmentation((), ())).values.shape == (0,)
    assert proxy.prompts == ()


def test_raw_attention_refuses_passages_without_tokens() -> None:
    with pytest.raises(InputError, match="passage_tokens"):
        raw_attention.Scorer(proxy=FakeProxy(), passage_tokens=0)


def test_shares_of_a_passage_that_nobody_looks_at() -> None:
    nothing = Attention(np.zeros((1, 2, 2, 3), dtype=np.float32), np.array([2, 3, 4]), ("last",), "x")
    assert raw_attention.shares(nothing).tolist() == [0.0, 0.0, 0.0]


class TestFakeProxy:
    def test_attention_is_valid_and_every_head_differs(self) -> None:
        proxy = FakeProxy(n_layers=3, n_heads=4)
        parts = given([["Anna built the bridge.", "It is red."]])
        raw_attention.Scorer(proxy=proxy).score("Who built the bridge?", parts)
        (read,) = proxy.probe(proxy.prompts, n_layers=2)
        assert read.mass.shape == (len(ROWS), 2, 4, 2)
        assert (read.mass.sum(-1) < 1).all()
        assert len(np.unique(read.mass[0, :, :, 0])) == 2 * 4
        assert (read.mass[..., 0] > read.mass[..., 1]).all()

    def test_its_limits_are_those_of_a_proxy(self) -> None:
        proxy = FakeProxy(max_tokens=8)
        prompt = Prompt(tuple(b"abcdef"), tuple(b"who"), ((0, 6),), (0,), ((2, 3),), ("last",))
        with pytest.raises(InputError, match="9 tokens"):
            proxy.probe([prompt], n_layers=1)
        for n_layers in (0, 3):
            with pytest.raises(InputError, match="n_layers"):
                proxy.probe([], n_layers=n_layers)
        with pytest.raises(InputError, match="at least 1"):
            FakeProxy(n_heads=0)
        assert proxy.prompts == ()

    def test_tokens_are_bytes_and_documents_are_plain_text(self) -> None:
        tokenizer = FakeProxy().tokenizer
        text = "é桥👍\x00<|begin|>"
        assert bytes(tokenizer.encode([text])[0]).decode() == text
        assert tokenizer.prefix_ids == (256,)

    def test_it_keeps_every_prompt_of_many_threads(self) -> None:
        proxy = FakeProxy()
        scorer = raw_attention.Scorer(proxy=proxy)
        parts = given([["One.", "Two."], ["Three."]])
        threads = [threading.Thread(target=scorer.score, args=(f"Who {i}?", parts)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(proxy.prompts) == 16
        assert len({p.tail for p in proxy.prompts}) == 8


def test_minilm_refuses_a_folder_without_a_model(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(ModelNotFound, match="sentence-transformers"):
            minilm.Scorer(model=str(missing))


@pytest.mark.slow
def test_baselines_import_no_model_library() -> None:
    code = (
        "import sys, ragcompress.scorers as s\n"
        "for name in s.available(): s.load(name)\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
