"""How a question's tokens compare with a sentence's: equal to the definition, whatever the windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st
from shared import QUESTION

from ragcompress import given
from ragcompress.scorers.evidence.late_interaction import (
    WindowCache,
    compare,
    rarity,
    windows,
    worst_matches,
)
from ragcompress.stopping import Bounds
from ragcompress.testing import FakeProxy

SENTENCES = [
    ["The bridge stands in Oslo.", "Anna Lund built it in 1902.", "It is red."],
    ["Ferries cross the fjord. " * 80, "They leave at noon.", " "],
]


class Blind:
    """An embedder whose states depend on their token alone, and which remembers what it read."""

    name = "blind"
    tokenizer = FakeProxy().tokenizer

    def __init__(self) -> None:
        self.read: list[list[int]] = []

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
        return [self.states(ids) for ids in texts]

    def states(self, ids: Sequence[int]) -> np.ndarray:
        assert len(ids) <= 254
        self.read.append(list(ids))
        # What half precision can hold exactly: the cache rounds to it.
        rows = [np.random.default_rng(i).normal(size=8).astype(np.float16) for i in ids]
        return np.stack(rows).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def test_where_context_says_nothing_windows_change_nothing() -> None:
    embedder, segmentation = Blind(), given(SENTENCES, titles=["Bridge", None])
    found = compare(QUESTION, segmentation, embedder)
    assert found is not None

    def states(text: str) -> np.ndarray:
        return np.concatenate([embedder.states([i]) for i in embedder.tokenizer.encode([text])[0]])

    question = states(QUESTION)
    texts = [s.text for s in segmentation.sentences]
    everything = np.concatenate([states(t) for t in texts])
    centre = everything.mean(0)
    for i, text in enumerate(texts):
        own = states(text)
        alike = unit(question) @ unit(own).T
        assert np.allclose(found.matches[i], alike.max(1), atol=1e-5)
        assert np.allclose(found.covered[i], alike.max(0).mean(), atol=1e-5)
        centred = unit(question - centre) @ unit(own - centre).T
        assert np.allclose(found.centred[i], centred.max(1), atol=1e-4)
        assert np.allclose(found.sentences[i], unit(own.mean(0)), atol=1e-5)
    assert np.allclose(found.question, unit(question.mean(0)), atol=1e-5)
    assert found.there.all()


def test_a_window_begins_with_the_title_and_what_comes_before() -> None:
    embedder = Blind()
    compare(QUESTION, given(SENTENCES, titles=["Bridge", "Ferries"]), embedder)
    (title,) = embedder.tokenizer.encode(["Ferries"])
    of_second = [ids for ids in embedder.read if ids[: len(title)] == title]
    assert len(of_second) > 1
    for before, behind in pairwise(of_second):
        assert behind[len(title) : len(title) + 24] == before[-24:]


def test_nothing_to_compare_is_none() -> None:
    assert compare("", given(SENTENCES), Blind()) is None
    assert compare(QUESTION, given([[" "]]), Blind()) is None


def test_after_its_time_no_further_window_is_read() -> None:
    embedder, documents = Blind(), [[f"Line {n} of a log."] for n in range(30)]
    found = compare(QUESTION, given(documents), embedder, bounds=Bounds(0.0))
    assert found is not None and found.there.tolist() == [True] * 8 + [False] * 22
    assert len(embedder.read) == 9
    assert np.isfinite(found.sentences).all() and np.isfinite(found.matches).all()


def test_a_window_that_was_read_is_not_read_again() -> None:
    embedder, cache, segmentation = Blind(), WindowCache(1 << 20), given(SENTENCES)
    first = compare(QUESTION, segmentation, embedder, cache=cache)
    n = len(embedder.read)
    again = compare(QUESTION, segmentation, embedder, cache=cache)
    assert len(embedder.read) == n
    other = compare("Where is it?", segmentation, embedder, cache=cache)
    assert len(embedder.read) == n + 1
    assert first is not None and again is not None and other is not None
    assert np.array_equal(first.matches, again.matches)
    assert np.array_equal(first.sentences, other.sentences)
    cache.clear()
    compare(QUESTION, segmentation, embedder, cache=cache)
    assert embedder.read[n + 1 :] == embedder.read[:n]


def test_a_cache_forgets_what_it_has_no_room_for() -> None:
    embedder, cache = Blind(), WindowCache(3 * 8 * 2)
    for ids in ([1, 2], [3, 4], [1, 2]):  # each takes 32 of its 48 bytes
        cache.states(embedder, [ids])
    assert embedder.read == [[1, 2], [3, 4], [1, 2]]


@given_values(st.lists(st.integers(0, 500), max_size=40))
def test_windows_cover_every_token_once(sizes: list[int]) -> None:
    found = list(windows(sizes))
    assert [t for a, b in found for t in range(a, b)] == list(range(sum(sizes)))
    assert all(0 < b - a <= 192 for a, b in found)
    ends = set(np.cumsum(sizes).tolist())
    whole = [s for s in sizes if s > 192]
    assert whole or all(b in ends for _, b in found)


def test_rare_tokens_weigh_more() -> None:
    weights = rarity([1, 2, 3], [[1, 2], [1], [1]])
    assert weights[0] < weights[1] < weights[2]
    assert weights.sum() == pytest.approx(1)


def test_the_worst_third_counts() -> None:
    assert worst_matches(np.array([[0.1, 0.9, 0.8], [0.5, 0.5, 0.5]])).tolist() == [0.1, 0.5]


def test_of_a_long_text_the_windows_with_the_words_of_the_question_are_read() -> None:
    lines = [[f"Line {n} of a log, which says nothing much."] for n in range(2500)]
    lines[1800] = ["Anna Lund built the bridge."]
    segmentation, bounds = given(lines), Bounds(share=0.001)
    found = compare("Who built the bridge?", segmentation, Blind(), bounds=bounds)
    everything = compare("Who built the bridge?", segmentation, Blind())
    assert found is not None and everything is not None and everything.there.all()
    assert 0 < found.there.sum() < 2500 and found.there[1800]
    assert np.allclose(found.matches[found.there], everything.matches[found.there])
    # The retriever's first document is read, whatever its words are.
    ranks = np.roll(np.arange(2500.0), -1)
    ranked = compare("Who built the bridge?", segmentation, Blind(), bounds=bounds, ranks=ranks)
    assert not found.there[2499] and ranked is not None and ranked.there[2499]
    assert compare("Who?", segmentation, Blind(), bounds=Bounds(share=0.5)).there.all()  # type: ignore[union-attr]


def test_what_a_sentence_is_read_under_matches_for_it_too() -> None:
    segmentation = given(SENTENCES)
    alone = compare(QUESTION, segmentation, Blind())
    found = compare(QUESTION, segmentation, Blind(), anchors=[(), (0,), (0, 1), (), ()])
    assert alone is not None and found is not None
    for rows, own in ((found.matches, alone.matches), (found.centred, alone.centred)):
        assert np.array_equal(rows[[0, 3, 4]], own[[0, 3, 4]])
        assert np.array_equal(rows[1], np.maximum(own[1], own[0]))
        assert np.array_equal(rows[2], own[:3].max(0))
    assert np.array_equal(found.sentences, alone.sentences)
