"""A probe on the proxy's attention, one passage per prompt.

After Sentinel (arXiv 2505.23277, section 3: a logistic regression over all heads of a frozen proxy), with
five changes that were measured to help:

- one passage per prompt instead of all in one: linear cost, no position bias between passages, reusable keys
  and values;
- the rows of the question's tokens besides the last token's;
- logarithms of attention per layer and head instead of renormalized means;
- how much the question looks at the passage as a whole (``features``);
- a second look at the passages in doubt with the best sentences given (``second_look``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ... import probes
from ...data import Attention, Progress, Scores, Segmentation
from ...errors import InputError, ProbeMismatch
from ...probes import ProbeWeights
from ...prompts.parts import Parts
from ...prompts.passages import ROWS, Passage, Template, cut_passages, join, make_tail
from ...proxy.base import Proxy
from .attribution import Attribution, attribute
from .context import NAMES
from .features import PER_HEAD
from .head import SECOND, Head, head_shapes
from .looks import Look, first_look
from .second_look import SECOND_NAMES, Chosen, Recipe, best_of, choose, fact_texts, second_look


class Scorer:
    """Probability that the question needs a sentence.

    Args:
        proxy: the model that is probed.
        probe: weights, or a path to them; None: the shipped probe for this proxy.
        second_look: whether passages in doubt are read again, where the probe was trained for it.

    Raises:
        ProbeMismatch: if the probe was trained on another proxy, template or features.
        DataError: if it holds more or fewer numbers than are read.
    """

    name: ClassVar[str] = "passage-probe"
    needs_proxy: ClassVar[bool] = True

    def __init__(
        self, *, proxy: Proxy, probe: ProbeWeights | Path | str | None = None, second_look: bool = True
    ) -> None:
        if probe is None:
            probe = probes.shipped_for(proxy.info)
        elif not isinstance(probe, ProbeWeights):
            probe = probes.load(Path(probe))
        self.proxy, self.probe, self.template = proxy, probe, Template()
        probe.check(proxy.info, self.template)
        self._check_features("rows", ROWS)
        self._check_features("context_features", NAMES)
        self._check_shapes("", len(ROWS), len(NAMES))
        self.second_look, self._recipe = second_look, None
        self._heads = [Head.load(probe.arrays)]
        if second_look and probe.card.get("second_look"):
            self._check_features("second_context_features", SECOND_NAMES)
            self._check_shapes(SECOND, len(ROWS) + 1, len(SECOND_NAMES))
            self._recipe = probe.numbers("second_look", Recipe)
            self._heads.append(Head.load(probe.arrays, SECOND))

    def _check_features(self, key: str, names: Sequence[str]) -> None:
        if (trained := self.probe.card.get(key)) != list(names):
            raise ProbeMismatch(
                f"the probe reads the {key.replace('_', ' ')} {trained}, this version makes {list(names)}; "
                "train it again with: ragcompress train"
            )

    def _check_shapes(self, stage: str, n_rows: int, n_context: int) -> None:
        n_features = len(PER_HEAD) * n_rows * self.probe.n_layers * self.proxy.info.n_heads
        self.probe.check_shapes(head_shapes(self.probe.arrays, stage, n_features, n_context))

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score the sentences: a look at every passage, and a second one at those in doubt."""
        parts, looks = self._looks(question, segmentation, progress)
        # A sentence that was too long for one prompt counts as its best part.
        values = parts.best_of_sentences(best_of(looks), len(segmentation.sentences), least=0.0)
        return Scores(values, self.name, calibrated=True, settings=self._settings())

    def attribute(
        self,
        question: str,
        segmentation: Segmentation,
        sentence: int,
        *,
        progress: Progress | None = None,
    ) -> Attribution:
        """Tell what carried the decision about one sentence; the passages are read again.

        Raises:
            InputError: if there is no such sentence.
        """
        if not 0 <= sentence < len(segmentation.sentences):
            raise InputError(f"there is no sentence {sentence}: there are {len(segmentation.sentences)}")
        parts, looks = self._looks(question, segmentation, progress)
        members = np.flatnonzero(parts.sentence == sentence)
        best = int(members[np.argmax(best_of(looks)[members])])
        decided = max(looks, key=lambda look: look.probabilities[best])
        read = decided if decided.was_read[best] else looks[0]
        return attribute(read, decided, best, sentence, (self.probe.n_layers, self.proxy.info.n_heads))

    def _looks(
        self, question: str, segmentation: Segmentation, progress: Progress | None
    ) -> tuple[Parts, list[Look]]:
        """The parts, and what the first look at them came to, and the second where there was one."""
        passages, attentions = probe_passages(
            self.proxy,
            self.template,
            question,
            segmentation,
            n_layers=self.probe.n_layers,
            passage_tokens=self.probe.passage_tokens,
            progress=progress,
        )
        parts = Parts.of(passages)
        first = first_look(self._heads[0], attentions, parts, segmentation, question)
        chosen = self._recipe and choose(first.probabilities, parts, self._recipe)
        if not chosen:
            return parts, [first]
        done = len(passages)
        again = probe_again(
            self.proxy,
            self.template,
            question,
            segmentation,
            passages,
            chosen,
            n_layers=self.probe.n_layers,
            progress=progress and (lambda n, total: progress(done + n, done + total)),
        )
        if again is None:
            return parts, [first]
        second = second_look(self._heads[1], again, first, chosen, parts, segmentation, question)
        return parts, [first, second]

    def _settings(self) -> dict[str, object]:
        info = self.proxy.info
        return {
            "proxy": info.name,
            "backend": info.backend,
            "precision": info.precision,
            "n_layers": self.probe.n_layers,
            "passage_tokens": self.probe.passage_tokens,
            "probe": self.probe.fingerprint(),
            "second_look": self.second_look,
        }


def probe_passages(
    proxy: Proxy,
    template: Template,
    question: str,
    segmentation: Segmentation,
    *,
    n_layers: int,
    passage_tokens: int,
    progress: Progress | None = None,
) -> tuple[tuple[Passage, ...], list[Attention]]:
    """Cut the documents into passages and read each; the same for scoring and for training.

    Raises:
        InputError: if question and longest passage do not fit into the proxy together.
    """
    tail = make_tail(proxy.tokenizer, template, question)
    passages = cut_passages(proxy.tokenizer, template, segmentation, passage_tokens)
    head = max((p.spans[0][0] for p in passages), default=0)
    if head + passage_tokens + len(tail) > proxy.info.max_tokens:
        raise InputError(
            f"the question ({len(tail)} tokens with its instruction) and the longest title ({head}) "
            f"leave no room for passages of {passage_tokens} tokens; {proxy.info.name} reads "
            f"{proxy.info.max_tokens}: shorten them"
        )
    prompts = [join(p, tail) for p in passages]
    return passages, proxy.probe(prompts, n_layers=n_layers, progress=progress)


def probe_again(
    proxy: Proxy,
    template: Template,
    question: str,
    segmentation: Segmentation,
    passages: Sequence[Passage],
    chosen: Chosen,
    *,
    n_layers: int,
    progress: Progress | None = None,
) -> list[Attention] | None:
    """Read the chosen passages with the facts given; None where one would be longer than the proxy reads."""
    tail = make_tail(proxy.tokenizer, template, question, fact_texts(segmentation, chosen))
    prompts = [join(passages[p], tail) for p in chosen.passages]
    if max(map(len, prompts)) > proxy.info.max_tokens:
        return None
    return proxy.probe(prompts, n_layers=n_layers, progress=progress)
