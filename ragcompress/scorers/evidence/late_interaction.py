"""How a question's tokens compare with the sentences', in the contexts in which both stand.

A small encoder reads each document in windows (its title, what comes before, some sentences), so that "it was
built by …" knows what was built. A sentence's vector is the mean over its tokens' states (late chunking,
Günther et al., arXiv 2409.04701). Each token of the question looks for the token of a sentence that is most
like it (late interaction, ColBERT; Khattab & Zaharia, SIGIR 2020).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data import FloatArray, Segmentation
from ...models.embedding import TokenEmbedder
from ...stopping import UNBOUNDED, Bounds
from ...text.tokenizing import PlainTokenizer
from .words import shared_words, stems

States = NDArray[np.float32]

_WINDOW = 192  # tokens of a window that are its own
_TITLE = 36  # tokens of the title before them, at most
_BEFORE = 24  # tokens of the text before them
_QUESTION = 254  # tokens the encoder reads at once
_AT_ONCE = 8  # windows read between two looks at the clock
_LEAST_SHARE = 3  # the worst third of the question's tokens counts by itself
# Of a long text so much is read, and so many times what can be kept: the windows with the question's words.
_ENOUGH = 20_000
_TIMES_KEPT = 20
_FUSION = 10  # of the reciprocal ranks by words and by the retriever


@dataclass(frozen=True, slots=True)
class Vectors:
    """How a question of Q tokens compares with S sentences.

    Attributes:
        question: (V,) of length 1.
        sentences: (S, V) of length 1; what stands in rows without a vector is of no account.
        there: (S,) which sentences have one.
        matches: (S, Q) for each token of the question, the cosine of the token of the sentence that is most
            like it.
        centred: (S, Q) the same of states from which the mean over all documents was taken.
        covered: (S,) the mean over the sentence's tokens of the cosine to the token of the question that is
            most like each.
        weights: (Q,) how rare the tokens of the question are among the sentences; their sum is 1.
    """

    question: NDArray[np.float32]
    sentences: NDArray[np.float32]
    there: NDArray[np.bool_]
    matches: NDArray[np.float32]
    centred: NDArray[np.float32]
    covered: NDArray[np.float32]
    weights: NDArray[np.float32]


class WindowCache:
    """States of windows that were read before, up to so many bytes. Safe to use from threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._held: OrderedDict[tuple[int, ...], NDArray[np.float16]] = OrderedDict()
        self._lock = Lock()

    def states(self, embedder: TokenEmbedder, windows: Sequence[Sequence[int]]) -> list[States]:
        """Hidden states (T, V) of windows, rounded to half precision whether they are held or not."""
        keys = [tuple(ids) for ids in windows]
        with self._lock:
            found = {key: self._held[key] for key in keys if key in self._held}
            for key in found:
                self._held.move_to_end(key)
        new = [key for key in dict.fromkeys(keys) if key not in found]
        for key, states in zip(new, embedder.states_of_each(new), strict=True):
            found[key] = states.astype(np.float16)
        with self._lock:
            for key in new:
                if key not in self._held and found[key].nbytes <= self._max_bytes:
                    self._held[key] = found[key]
                    self._bytes += found[key].nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return [found[key].astype(np.float32) for key in keys]

    def clear(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._held.clear()
            self._bytes = 0


def compare(
    question: str,
    segmentation: Segmentation,
    embedder: TokenEmbedder,
    *,
    cache: WindowCache | None = None,
    bounds: Bounds = UNBOUNDED,
    ranks: FloatArray | None = None,
    anchors: Sequence[Sequence[int]] = (),
) -> Vectors | None:
    """Read question and documents, and compare them; None if nothing was read.

    Args:
        cache: of the windows that were read for other questions.
        bounds: no window is begun after its time. Of a long text the windows that share most words with the
            question are read, up to many times what can be kept.
        ranks: (D,) of the documents, from 0, if a retriever ranked them; they then count like the words.
        anchors: for each sentence those whose matches count as its own (``text.companions.find_anchors``).
    """
    cache = cache or WindowCache(0)
    tokens = embedder.tokenizer.encode([s.text for s in segmentation.sentences])
    (asked,) = embedder.tokenizer.encode([question])
    if not asked or not any(tokens):
        return None
    parts = [asked[a : a + _QUESTION] for a in range(0, len(asked), _QUESTION)]
    states = np.concatenate(cache.states(embedder, parts))
    most = max(_ENOUGH, round(_TIMES_KEPT * bounds.share * sum(map(len, tokens))))
    every = list(windows_of(segmentation, tokens, embedder.tokenizer))
    windows = _promising(every, question, segmentation, ranks, most)
    read = []
    for start in range(0, len(windows), _AT_ONCE):
        some = windows[start : start + _AT_ONCE]
        whole = cache.states(embedder, [w.ids for w in some])
        read += [(w.of, own[-len(w.of) :]) for w, own in zip(some, whole, strict=True)]
        if bounds.is_late():
            break
    return _under(_compared(asked, states, tokens, read), anchors)


class Window(NamedTuple):
    """Tokens that are read at once; the last ones are its own.

    Attributes:
        of: the sentence of each of its own tokens.
    """

    ids: list[int]
    of: NDArray[np.int64]


def windows_of(
    segmentation: Segmentation, tokens: Sequence[Sequence[int]], tokenizer: PlainTokenizer
) -> Iterator[Window]:
    """The windows of all documents, in order."""
    titles = tokenizer.encode([d.title or "" for d in segmentation.documents])
    sentences: list[list[int]] = [[] for _ in segmentation.documents]
    for i, s in enumerate(segmentation.sentences):
        sentences[s.document].append(i)
    for title, own in zip(titles, sentences, strict=True):
        text = [t for i in own for t in tokens[i]]
        of = np.repeat(np.array(own, dtype=np.int64), [len(tokens[i]) for i in own])
        for start, end in windows([len(tokens[i]) for i in own]):
            before = text[max(0, start - _BEFORE) : start]
            yield Window([*title[:_TITLE], *before, *text[start:end]], of[start:end])


def _promising(
    windows: Sequence[Window],
    question: str,
    segmentation: Segmentation,
    ranks: FloatArray | None,
    most: int,
) -> list[Window]:
    """The windows of up to so many tokens that words, and the retriever's ranks, find best; in order."""
    sizes = np.array([len(w.ids) for w in windows])
    if sizes.sum() <= most:
        return list(windows)
    own = [np.unique(w.of) for w in windows]
    held = [stems(s.text) for s in segmentation.sentences]
    titles = [stems(d.title or "") for d in segmentation.documents]
    document = [segmentation.sentences[of[0]].document for of in own]
    texts = [titles[d] + [t for i in of for t in held[i]] for d, of in zip(document, own, strict=True)]
    shared = shared_words(stems(question), texts)
    value = 1 / (_FUSION + np.argsort(np.argsort(-shared, kind="stable"), kind="stable"))
    if ranks is not None:
        value = value + 1 / (_FUSION + ranks[document])
    order = np.argsort(-value, kind="stable")
    fitting = int((np.cumsum(sizes[order]) <= most).sum())
    return [windows[i] for i in sorted(order[: max(1, fitting)])]


def windows(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of tokens of a text whose sentences have so many: whole sentences, unless one is too long."""
    start, end, total = 0, 0, sum(sizes)
    ends = np.cumsum(sizes)
    while start < total:
        fitting = ends[(ends > start) & (ends <= start + _WINDOW)]
        end = int(fitting[-1]) if len(fitting) else start + _WINDOW
        yield start, end
        start = end


def _compared(
    asked: Sequence[int],
    question: States,
    tokens: Sequence[Sequence[int]],
    read: Sequence[tuple[NDArray[np.int64], States]],
) -> Vectors:
    n, size = len(tokens), question.shape[1]
    counts = np.bincount(np.concatenate([of for of, _ in read]), minlength=n)
    centre = np.sum([s.sum(0, dtype=np.float64) for _, s in read], axis=0) / counts.sum()
    sums = np.zeros((n, size), dtype=np.float32)
    matches, centred = np.full((2, n, len(asked)), -np.inf, dtype=np.float32)
    covered = np.zeros(n, dtype=np.float32)
    middle = centre.astype(np.float32)
    for of, states in read:
        starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
        own = of[starts]
        sums[own] += np.add.reduceat(states, starts)
        alike = _unit(states) @ _unit(question).T  # (T, Q)
        covered[own] += np.add.reduceat(alike.max(1), starts)
        matches[own] = np.maximum(matches[own], np.maximum.reduceat(alike, starts))
        apart = _unit(states - middle) @ _unit(question - middle).T
        centred[own] = np.maximum(centred[own], np.maximum.reduceat(apart, starts))
    there = counts > 0
    matches[~there] = centred[~there] = 0.0
    return Vectors(
        _unit(question.mean(0)),
        _unit(sums),
        there,
        matches,
        centred,
        np.asarray(covered / np.maximum(counts, 1), dtype=np.float32),
        rarity(asked, tokens),
    )


def _under(vectors: Vectors, anchors: Sequence[Sequence[int]]) -> Vectors:
    """Each sentence matches what those match that it is read under."""
    matches, centred = vectors.matches.copy(), vectors.centred.copy()
    for i, over in enumerate(anchors):
        if vectors.there[i] and (held := [a for a in over if vectors.there[a]]):
            for rows, own in ((matches, vectors.matches), (centred, vectors.centred)):
                rows[i] = np.maximum(own[i], own[held].max(0))
    return replace(vectors, matches=matches, centred=centred)


def rarity(asked: Sequence[int], tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Weights (Q,) of tokens, log((S + 1) / (n + 1/2)) for n of S sentences with one; their sum is 1."""
    held = Counter(t for own in tokens for t in set(own))
    weights = np.array([np.log((len(tokens) + 1) / (held[t] + 0.5)) for t in asked])
    weights = np.maximum(weights, 1e-3)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def worst_matches(matches: FloatArray) -> FloatArray:
    """The mean (S,) over the third of the question's tokens that a sentence matches worst."""
    n = max(1, matches.shape[1] // _LEAST_SHARE)
    return np.asarray(np.sort(matches, axis=1)[:, :n].mean(1))


def _unit(rows: States) -> States:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), dtype=np.float32)
