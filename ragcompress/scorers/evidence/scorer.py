"""The default scorer: attention where cheap signals can't rule out evidence, and one probability of all.

The cheap signals (shared words, vectors, the retriever's rank, place, the form of the question) give every
sentence a first probability. It decides which passages the proxy reads (``gate``). What it reads there, as
``passage-probe`` does in its first look, and the cheap signals go into one head (``head``). It was fitted
across many kinds of documents, and any of the signals may be missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ... import probes
from ...data import Attention, FloatArray, Progress, Scores, Segmentation
from ...errors import InputError, ModelNotFound, ProbeMismatch
from ...models.embedding import MiniLM, TokenEmbedder
from ...probes import ProbeWeights
from ...prompts.passages import ROWS, Passage, Prompt, Template, cut_passages, join, make_tail
from ...proxy.base import Proxy
from ..passage_probe.attribution import Attribution
from ..passage_probe.context import EXPERTS
from ..passage_probe.features import PER_HEAD
from ..passage_probe.looks import attention_logits
from . import gate, signals, surroundings
from .attribution import attribute
from .head import CHEAP, MAIN, network_logits, probabilities, shapes_of
from .late_interaction import Vectors, WindowCache, compare

Read = Literal["gated", "all"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found out about S sentences on the way to their scores.

    Attributes:
        passages: all P of them.
        read: positions of those that the proxy read, ascending.
        signals: (S, ·) cheap signals, columns as in ``signals.NAMES``; NaN where one is missing.
        cheap: (S,) probabilities by the cheap signals alone.
        attention: (S,) probabilities by the attention alone; NaN where nothing was read.
        values: (S,) probabilities by all of it.
        vectors: (S, V) of length 1, zeros where a sentence has none; None: no embedder was there.
        attentions: of the passages that were read, in their order.
        features: (S, K) what the head saw, columns as in ``surroundings.NAMES``.
        stopped_early: whether time ran out before all passages were read that should have been.
    """

    passages: tuple[Passage, ...]
    read: tuple[int, ...]
    signals: FloatArray
    cheap: FloatArray
    attention: FloatArray
    values: FloatArray
    vectors: NDArray[np.float32] | None
    attentions: tuple[Attention, ...]
    features: FloatArray
    stopped_early: bool

    def explain(self, sentence: int) -> dict[str, float | None]:
        """What each signal said of a sentence: probabilities, and the signals by name; None: missing."""
        own: dict[str, float] = {
            "probability": self.values[sentence],
            "attention": self.attention[sentence],
            "cheap": self.cheap[sentence],
            **dict(zip(signals.NAMES, self.signals[sentence], strict=True)),
        }
        return {name: float(v) if np.isfinite(v) else None for name, v in own.items()}


class Scorer:
    """Probability that the question needs a sentence.

    Args:
        proxy: the model that is probed.
        probe: weights, or a path to them; None: those shipped for this proxy.
        read: ``gated``: the proxy reads the passages in which the cheap signals can't rule out evidence;
            ``all``: every passage.
        embedder: turns sentences into vectors: ``auto`` takes MiniLM if its files are there already,
            ``minilm`` fetches them if need be (a log message says so first), ``none`` does without.

    Raises:
        InputError: for a setting that is not among these.
        ProbeMismatch: if the weights were trained for another proxy, template or list of features.
    """

    name: ClassVar[str] = "evidence"
    needs_proxy: ClassVar[bool] = True
    makes_vectors: ClassVar[bool] = True

    def __init__(
        self,
        *,
        proxy: Proxy,
        probe: ProbeWeights | Path | str | None = None,
        read: Read = "gated",
        embedder: str | TokenEmbedder = "auto",
    ) -> None:
        if read not in get_args(Read):
            raise InputError(f"read must be one of {', '.join(get_args(Read))}, got {read!r}")
        if isinstance(embedder, str) and embedder not in _EMBEDDERS:
            raise InputError(f"embedder must be one of {', '.join(_EMBEDDERS)}, got {embedder!r}")
        if probe is None:
            probe = probes.shipped_for(proxy.info, self.name)
        elif not isinstance(probe, ProbeWeights):
            probe = probes.load(Path(probe))
        self.proxy, self.probe, self.read, self.embedder = proxy, probe, read, embedder
        self._template = Template()
        probe.check(proxy.info, self._template, self.name)
        for key, names in (("rows", ROWS), ("signals", signals.NAMES), ("features", surroundings.NAMES)):
            _check_names(probe.card, key, names)
        n_features = len(PER_HEAD) * len(ROWS) * probe.n_layers * proxy.info.n_heads
        probe.check_shapes(
            {"look.weight": (len(EXPERTS), n_features), "look.bias": (len(EXPERTS),)}
            | shapes_of(probe.arrays, CHEAP, len(signals.NAMES))
            | shapes_of(probe.arrays, MAIN, len(surroundings.NAMES))
        )
        self._gate = gate.Gate(**probe.card["gate"])
        self._lock, self._windows = threading.Lock(), WindowCache(_CACHED_BYTES)
        self._loaded: TokenEmbedder | None = None if isinstance(embedder, str) else embedder

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score the sentences."""
        return self._scores(self.look(question, segmentation, progress=progress))

    def score_until(
        self, question: str, segmentation: Segmentation, *, until: float, progress: Progress | None = None
    ) -> Scores:
        """Score the sentences; passages are read, the most promising first, while there is time."""
        return self._scores(self.look(question, segmentation, progress=progress, until=until))

    def _scores(self, found: Reading) -> Scores:
        details = {
            "passages": len(found.passages),
            "passages_read": len(found.read),
            "stopped_early": found.stopped_early,
            "vectors": found.vectors is not None,
        }
        return Scores(
            found.values,
            self.name,
            calibrated=True,
            settings=self._settings(),
            details=details,
            vectors=found.vectors,
        )

    def look(
        self,
        question: str,
        segmentation: Segmentation,
        *,
        progress: Progress | None = None,
        until: float | None = None,
    ) -> Reading:
        """Score the sentences, and keep what each signal said.

        Args:
            question: what the reader will be asked.
            segmentation: the documents and their sentences.
            progress: called with passages read, and passages that are to be read.
            until: a time of ``time.monotonic`` after which nothing more is read; None: there is none.

        Raises:
            InputError: if question and longest passage do not fit into the proxy together.
        """
        arrays, ranks = self.probe.arrays, signals.ranks_of(segmentation)
        passages = cut_passages(self.proxy.tokenizer, self._template, segmentation, self.probe.passage_tokens)
        vectors = self._vectors(question, segmentation, until)
        own = signals.signals(question, segmentation, vectors, ranks)
        cheap = network_logits(arrays, CHEAP, own)
        wanted: Sequence[int] = range(len(passages))
        if self.read == "gated":
            wanted = gate.choose(probabilities(cheap), passages, self._gate)
        if until is not None:
            wanted = [p for p in gate.reading_order(probabilities(cheap), passages) if p in set(wanted)]
        attentions = self._attentions(question, [passages[p] for p in wanted], progress, until)
        chosen = wanted[: len(attentions)]
        attention = self._logits(len(segmentation.sentences), [passages[p] for p in chosen], attentions)
        around = surroundings.surroundings(question, segmentation, attention, cheap, own, vectors)
        order = sorted(range(len(chosen)), key=lambda k: chosen[k])
        return Reading(
            passages=passages,
            read=tuple(chosen[k] for k in order),
            signals=own,
            cheap=probabilities(cheap),
            attention=probabilities(attention[:, 0]),
            values=probabilities(network_logits(arrays, MAIN, around)) if len(own) else np.zeros(0),
            vectors=None if vectors is None else vectors.sentences * vectors.there[:, None],
            attentions=tuple(attentions[k] for k in order),
            features=around,
            stopped_early=len(chosen) < len(wanted),
        )

    def forget(self) -> None:
        """Let go of what the embedder read for earlier questions."""
        self._windows.clear()

    def attribute(
        self, question: str, segmentation: Segmentation, sentence: int, *, progress: Progress | None = None
    ) -> Attribution:
        """Tell what carried the decision about one sentence; the passages are read again.

        Raises:
            InputError: if there is no such sentence, or the proxy did not read it.
        """
        if not 0 <= sentence < len(segmentation.sentences):
            raise InputError(f"there is no sentence {sentence}: there are {len(segmentation.sentences)}")
        found = self.look(question, segmentation, progress=progress)
        return attribute(self.probe.arrays, found, sentence, (self.probe.n_layers, self.proxy.info.n_heads))

    def _attentions(
        self, question: str, passages: Sequence[Passage], progress: Progress | None, until: float | None
    ) -> list[Attention]:
        """Read passages, in order; only the first of them where there is a time to stop at."""
        if not passages:
            return []
        tail = make_tail(self.proxy.tokenizer, self._template, question)
        longest = max(p.spans[0][0] for p in passages) + self.probe.passage_tokens + len(tail)
        if longest > self.proxy.info.max_tokens:
            raise InputError(
                f"the question ({len(tail)} tokens with its instruction) and the longest title leave no "
                f"room for passages of {self.probe.passage_tokens} tokens; {self.proxy.info.name} reads "
                f"{self.proxy.info.max_tokens}: shorten them"
            )
        return self._probe([join(p, tail) for p in passages], progress, until)

    def _logits(self, n: int, passages: Sequence[Passage], attentions: Sequence[Attention]) -> FloatArray:
        """Logits (n, E) of the regressions on attention; NaN in sentences that were not read."""
        result = np.full((n, len(EXPERTS)), -np.inf)
        # A sentence that was too long for one prompt counts as its best part.
        parts = [i for p in passages for i in p.sentences]
        np.maximum.at(result, parts, attention_logits(self.probe.arrays, attentions))
        return np.where(np.isfinite(result), result, np.nan)

    def _probe(
        self, prompts: Sequence[Prompt], progress: Progress | None, until: float | None
    ) -> list[Attention]:
        """Attention in the prompts, in order; only the first of them where there is a time to stop at."""
        if until is None:
            return self.proxy.probe(prompts, n_layers=self.probe.n_layers, progress=progress)
        found: list[Attention] = []
        now, took = time.monotonic(), 0.0
        # What took as long as the last few would end too late is not begun.
        while len(found) < len(prompts) and now + took < until:
            some = prompts[len(found) : len(found) + _TOGETHER]
            found += self.proxy.probe(some, n_layers=self.probe.n_layers)
            if progress:
                progress(len(found), len(prompts))
            took, now = time.monotonic() - now, time.monotonic()
        return found

    def _vectors(self, question: str, segmentation: Segmentation, until: float | None) -> Vectors | None:
        """How question and sentences compare; None without an embedder."""
        embedder = self._ready_embedder()
        if embedder is None or (until is not None and time.monotonic() >= until):
            return None
        return compare(question, segmentation, embedder, cache=self._windows, until=until)

    def _ready_embedder(self) -> TokenEmbedder | None:
        if self.embedder == "none":
            return None
        with self._lock:
            if self._loaded is None:
                try:
                    self._loaded = MiniLM(download=self.embedder == "minilm")
                except ModelNotFound:
                    return None  # ``auto``: the head does without, and the settings say so
            return self._loaded

    def _settings(self) -> dict[str, object]:
        return {
            **self.proxy.info.settings(),
            "n_layers": self.probe.n_layers,
            "passage_tokens": self.probe.passage_tokens,
            "probe": self.probe.fingerprint(),
            "read": self.read,
        }


_EMBEDDERS = ("auto", "minilm", "none")
_CACHED_BYTES = 64 << 20  # of the embedder's states: some 80,000 tokens
_TOGETHER = 4  # passages read between two looks at the clock


def _check_names(card: Mapping[str, object], key: str, names: Sequence[str]) -> None:
    if (trained := card.get(key)) != list(names):
        raise ProbeMismatch(
            f"the evidence model reads the {key} {trained}, this version makes {list(names)}; train it anew "
            "with: ragcompress train --scorer evidence"
        )
