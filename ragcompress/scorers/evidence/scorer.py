"""The default scorer: attention where cheap signals can't rule out evidence, and one probability of all.

The cheap signals (shared words, vectors, the retriever's rank, place, the form of the question) give every
sentence a first probability. It decides which passages the proxy reads (``gate``). What it reads there, as
``passage-probe`` does in its first look, and the cheap signals go into one head (``head``). Passages in doubt
are then read again with the best sentences given (``second_look``). The head was fitted across many kinds of
documents, and any of the signals may be missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np

from ... import probes
from ...data import Attention, FloatArray, Progress, Scores, Segmentation
from ...errors import InputError, ModelNotFound, ProbeMismatch
from ...models.embedders import EMBEDDER_NAMES, fitted_with, for_evidence
from ...models.embedding import TokenEmbedder
from ...probes import ProbeWeights
from ...prompts.parts import Parts
from ...prompts.passages import ROWS, Passage, Prompt, Tail, Template, cut_passages, join, make_tail
from ...proxy.base import Proxy
from ...stopping import UNBOUNDED, Bounds
from ...text.companions import find_anchors
from ..passage_probe.attribution import Attribution
from ..passage_probe.context import EXPERTS
from ..passage_probe.features import PER_HEAD
from ..passage_probe.head import SECOND
from ..passage_probe.looks import attention_logits
from ..passage_probe.second_look import Chosen, Recipe, choose, fact_texts
from . import gate, second_look, signals, surroundings
from .attention_probe import AttentionProbe, first_layers
from .attribution import attribute
from .head import CHEAP, MAIN, network_logits, probabilities, shapes_of
from .late_interaction import Vectors, WindowCache, compare
from .reading import Asked, Look, Reading

Read = Literal["gated", "all"]


class Scorer:
    """Probability that the question needs a sentence.

    Args:
        proxy: the model that is probed.
        probe: weights, or a path to them; None: those shipped for this proxy.
        read: ``gated``: the proxy reads the passages in which the cheap signals can't rule out evidence;
            ``all``: every passage.
        embedder: turns sentences into vectors: ``auto`` takes multilingual E5 if its files are there already,
            ``multilingual`` fetches them if need be (a log message says so first), ``none`` does without.
            ``minilm`` takes MiniLM, for English, likewise, and the weights that were fitted with it.
        second_look: whether passages in doubt are read again, where the head was trained for it.

    Raises:
        InputError: for a setting that is not among these.
        ProbeMismatch: if the weights were trained for another proxy, embedder, template or list of features.
    """

    name: ClassVar[str] = "evidence"
    needs_proxy: ClassVar[bool] = True
    makes_vectors: ClassVar[bool] = True
    takes_evidence_embedder: ClassVar[bool] = True

    def __init__(
        self,
        *,
        proxy: Proxy,
        probe: ProbeWeights | Path | str | None = None,
        read: Read = "gated",
        embedder: str | TokenEmbedder = "auto",
        second_look: bool = True,
    ) -> None:
        if read not in get_args(Read):
            raise InputError(f"read must be one of {', '.join(get_args(Read))}, got {read!r}")
        if isinstance(embedder, str) and embedder not in _EMBEDDERS:
            raise InputError(f"embedder must be one of {', '.join(_EMBEDDERS)}, got {embedder!r}")
        if probe is None:
            probe = probes.shipped_for(proxy.info, self.name, embedder=fitted_with(embedder))
        elif not isinstance(probe, ProbeWeights):
            probe = probes.load(Path(probe))
        self.proxy, self.probe, self.read, self.embedder = proxy, probe, read, embedder
        self._template = Template()
        probe.check(proxy.info, self._template, self.name)
        self.second_look = second_look
        self._recipe = probe.numbers("second_look", Recipe) if probe.card.get("second_look") else None
        self._opinion = AttentionProbe.load(probe, proxy.info.n_heads)
        self.n_layers = max(probe.n_layers, self._opinion.n_layers if self._opinion else 0)
        self._check_weights()
        if not second_look:
            self._recipe = None
        self._gate = probe.numbers("gate", gate.Gate)
        self._lock, self._windows = threading.Lock(), WindowCache(_CACHED_BYTES)
        self._loaded: TokenEmbedder | None = None
        if not isinstance(embedder, str):
            self._loaded = _checked(embedder, probe)

    def _check_weights(self) -> None:
        """Whether the weights read what this version makes, and are as many as it needs."""
        probe, names = self.probe, {"rows": ROWS, "signals": signals.NAMES, "features": surroundings.NAMES}
        per_row = len(PER_HEAD) * probe.n_layers * self.proxy.info.n_heads
        n_signals, n_features = len(signals.NAMES), len(surroundings.NAMES)
        shapes = shapes_of(probe.arrays, CHEAP, n_signals) | shapes_of(probe.arrays, MAIN, n_features)
        looks = {"": len(ROWS)}
        if self._recipe:
            names["second_features"] = second_look.NAMES
            shapes |= shapes_of(probe.arrays, second_look.NETWORK, len(second_look.NAMES))
            looks[SECOND] = len(ROWS) + 1
        for look, n_rows in looks.items():
            shapes[f"{look}look.weight"] = (len(EXPERTS), n_rows * per_row)
            shapes[f"{look}look.bias"] = (len(EXPERTS),)
        for key, own in names.items():
            _check_names(probe.card, key, own)
        probe.check_shapes(shapes)

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score the sentences."""
        return self._scores(self.look(question, segmentation, progress=progress))

    def score_within(
        self, question: str, segmentation: Segmentation, *, bounds: Bounds, progress: Progress | None = None
    ) -> Scores:
        """Score the sentences; the most promising passages are read, while there is time."""
        return self._scores(self.look(question, segmentation, progress=progress, bounds=bounds))

    def _scores(self, found: Reading) -> Scores:
        details = {
            "passages": len(found.passages),
            "passages_read": len(found.read),
            "passages_read_again": len(found.looks[1].read) if len(found.looks) > 1 else 0,
            "stopped_early": found.stopped_early,
            "vectors": found.vectors is not None,
            "sentences_without_vectors": found.n_without_vectors,
        }
        return Scores(
            found.values,
            self.name,
            calibrated=True,
            settings=self._settings(),
            details=details,
            vectors=found.vectors,
            strongest=found.strongest,
        )

    def look(
        self,
        question: str,
        segmentation: Segmentation,
        *,
        progress: Progress | None = None,
        bounds: Bounds = UNBOUNDED,
    ) -> Reading:
        """Score the sentences, and keep what each signal said.

        Args:
            question: what the reader will be asked.
            segmentation: the documents and their sentences.
            progress: called with passages read, and passages that are to be read.
            bounds: how far passages are read, and vectors made.

        Raises:
            InputError: if question and longest passage do not fit into the proxy together.
        """
        passages = cut_passages(self.proxy.tokenizer, self._template, segmentation, self.probe.passage_tokens)
        ranks = signals.ranks_of(segmentation)
        anchors = find_anchors(segmentation)
        vectors = self._vectors(question, segmentation, bounds, ranks, anchors)
        own = signals.signals(question, segmentation, vectors, ranks, anchors)
        weights = np.zeros(len(own))
        if self._opinion and len(own):
            weights = self._opinion.weights(passages, segmentation)
        asked = Asked(question, segmentation, passages, vectors, own, weights, bounds.until)
        cheap = network_logits(self.probe.arrays, CHEAP, own)
        wanted: Sequence[int] = range(len(passages))
        if self.read == "gated":
            wanted = gate.choose(probabilities(cheap), passages, self._gate, bounds.share)
        if bounds.until is not None:
            chosen_first = set(wanted)
            wanted = [p for p in gate.reading_order(probabilities(cheap), passages) if p in chosen_first]
        first = self._first_look(asked, cheap, wanted, progress)
        looks: tuple[Look, ...] = (first,)
        facts: tuple[int, ...] = ()
        in_time = len(first.read) == len(wanted)
        if self._recipe and in_time and len(own):
            parts = Parts.of(passages)
            chosen = choose(probabilities(first.logits)[parts.sentence], parts, self._recipe)
            second = chosen and self._second_look(asked, first, chosen, progress)
            if chosen and second:
                looks, facts = (first, second), chosen.facts
                in_time = len(second.read) == len(chosen.passages)
            elif chosen:
                in_time = not bounds.is_late()
        return Reading(
            passages=passages,
            signals=own,
            cheap_logits=cheap,
            looks=looks,
            facts=facts,
            vectors=None if vectors is None else vectors.sentences * vectors.there[:, None],
            stopped_early=not in_time,
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
        heads = (self.probe.n_layers, self.proxy.info.n_heads)
        return attribute(self.probe.arrays, found, sentence, heads)

    def _first_look(
        self, asked: Asked, cheap: FloatArray, wanted: Sequence[int], progress: Progress | None
    ) -> Look:
        """Read some passages, in order, while there is time; weigh what they and the cheap signals say."""
        tail = make_tail(self.proxy.tokenizer, self._template, asked.question)
        if wanted:
            self._check_length(asked.passages, tail)
        prompts = [join(asked.passages[p], tail) for p in wanted]
        read, attentions = _in_order(wanted, self._probe(asked, prompts, progress))
        attention = self._logits(asked, read, attentions)
        around = surroundings.surroundings(
            asked.question, asked.segmentation, attention, cheap, asked.signals, asked.vectors
        )
        own = network_logits(self.probe.arrays, MAIN, around)
        opinion = np.full(len(own), np.nan)
        if self._opinion and asked.weights.any() and read:
            opinion = self._opinion.look(asked, read, attentions)
        return Look(MAIN, read, attentions, attention[:, 0], around, own, opinion, asked.weights)

    def _second_look(
        self, asked: Asked, first: Look, chosen: Chosen, progress: Progress | None
    ) -> Look | None:
        """Read the chosen passages with the facts given; None where that is too long, or too late."""
        facts = fact_texts(asked.segmentation, chosen)
        tail = make_tail(self.proxy.tokenizer, self._template, asked.question, facts)
        prompts = [join(asked.passages[p], tail) for p in chosen.passages]
        if max(map(len, prompts)) > self.proxy.info.max_tokens:
            return None
        done = len(first.read)
        further = progress and (lambda n, total: progress(done + n, done + total))
        read, attentions = _in_order(chosen.passages, self._probe(asked, prompts, further))
        if not read:
            return None
        attention = self._logits(asked, read, attentions, SECOND)
        around = second_look.features(
            asked.question, asked.segmentation, attention, first.own, asked.signals, chosen, asked.vectors
        )
        network = second_look.NETWORK
        own = second_look.combine(first.own, network_logits(self.probe.arrays, network, around))
        opinion = first.opinion
        if self._opinion and asked.weights.any():
            opinion = self._opinion.look_again(asked, Chosen(chosen.facts, read), attentions, first)
        return Look(network, read, attentions, attention[:, 0], around, own, opinion, asked.weights)

    def _check_length(self, passages: Sequence[Passage], tail: Tail) -> None:
        longest = max(p.spans[0][0] for p in passages) + self.probe.passage_tokens + len(tail)
        if longest > self.proxy.info.max_tokens:
            raise InputError(
                f"the question ({len(tail)} tokens with its instruction) and the longest title leave no "
                f"room for passages of {self.probe.passage_tokens} tokens; {self.proxy.info.name} reads "
                f"{self.proxy.info.max_tokens}: shorten them"
            )

    def _logits(
        self, asked: Asked, read: Sequence[int], attentions: Sequence[Attention], prefix: str = ""
    ) -> FloatArray:
        """Logits (S, E) of the regressions on attention; NaN in sentences that were not read."""
        result = np.full((len(asked.segmentation.sentences), len(EXPERTS)), -np.inf)
        # A sentence that was too long for one prompt counts as its best part.
        parts = [i for p in read for i in asked.passages[p].sentences]
        seen = first_layers(attentions, self.probe.n_layers)
        np.maximum.at(result, parts, attention_logits(self.probe.arrays, seen, prefix))
        return np.where(np.isfinite(result), result, np.nan)

    def _probe(self, asked: Asked, prompts: Sequence[Prompt], progress: Progress | None) -> list[Attention]:
        """Attention in the prompts, in order; only the first of them where there is a time to stop at."""
        until, n_layers = asked.until, self.n_layers if asked.weights.any() else self.probe.n_layers
        if until is None or not prompts:
            return self.proxy.probe(prompts, n_layers=n_layers, progress=progress)
        found: list[Attention] = []
        now, took = time.monotonic(), 0.0
        # What took as long as the last few would end too late is not begun.
        while len(found) < len(prompts) and now + took < until:
            some = prompts[len(found) : len(found) + _TOGETHER]
            found += self.proxy.probe(some, n_layers=n_layers)
            if progress:
                progress(len(found), len(prompts))
            took, now = time.monotonic() - now, time.monotonic()
        return found

    def _vectors(
        self,
        question: str,
        segmentation: Segmentation,
        bounds: Bounds,
        ranks: FloatArray | None,
        anchors: Sequence[Sequence[int]],
    ) -> Vectors | None:
        """How question and sentences compare; None without an embedder."""
        embedder = self._ready_embedder()
        if embedder is None or bounds.is_late():
            return None
        return compare(
            question,
            segmentation,
            embedder,
            cache=self._windows,
            bounds=bounds,
            ranks=ranks,
            anchors=anchors,
        )

    def _ready_embedder(self) -> TokenEmbedder | None:
        if self.embedder == "none":
            return None
        with self._lock:
            if self._loaded is None:
                try:
                    loaded = for_evidence(self.embedder)(download=self.embedder != "auto")
                except ModelNotFound:
                    if self.embedder == "auto":
                        return None  # the head does without, and the settings say so
                    raise
                self._loaded = _checked(loaded, self.probe)
            return self._loaded

    def _settings(self) -> dict[str, object]:
        return {
            **self.proxy.info.settings(),
            "n_layers": self.n_layers,
            "passage_tokens": self.probe.passage_tokens,
            "probe": self.probe.fingerprint(),
            "read": self.read,
            "second_look": self._recipe is not None,
        }


_EMBEDDERS = ("auto", *EMBEDDER_NAMES, "none")
_CACHED_BYTES = 64 << 20  # of the embedder's states: some 80,000 tokens
_TOGETHER = 4  # passages read between two looks at the clock


def _in_order(
    wanted: Sequence[int], attentions: Sequence[Attention]
) -> tuple[tuple[int, ...], tuple[Attention, ...]]:
    """The first of the wanted passages, for which there is attention, ascending."""
    order = sorted(range(len(attentions)), key=lambda k: wanted[k])
    return tuple(wanted[k] for k in order), tuple(attentions[k] for k in order)


def _checked(embedder: TokenEmbedder, probe: ProbeWeights) -> TokenEmbedder:
    """The embedder, if it is the one that the weights were fitted with, or they don't name one."""
    if (fitted := probe.card.get("embedder", embedder.name)) != embedder.name:
        raise ProbeMismatch(
            f"the evidence model was fitted with vectors of {fitted}, not of {embedder.name}; train it anew "
            "with: ragcompress train --scorer evidence"
        )
    return embedder


def _check_names(card: Mapping[str, object], key: str, names: Sequence[str]) -> None:
    if (trained := card.get(key)) != list(names):
        raise ProbeMismatch(
            f"the evidence model reads the {key} {trained}, this version makes {list(names)}; train it anew "
            "with: ragcompress train --scorer evidence"
        )
