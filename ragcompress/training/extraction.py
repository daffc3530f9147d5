"""The attention that a proxy pays to labeled sentences, extracted once and kept on disk for training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragcompress import Attention
from ragcompress.prompts.parts import Parts
from ragcompress.prompts.passages import ROWS, Passage, Template, cut_passages, join, make_tail
from ragcompress.proxy.base import Proxy
from ragcompress.scorers.passage_probe.scorer import probe_passages
from ragcompress.scorers.passage_probe.second_look import Chosen, Recipe, choose, fact_texts

from .examples import Example
from .store import key, load_or_read

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for one question: its passages and the attention in each, in order."""

    example: Example
    passages: tuple[Passage, ...]
    attentions: tuple[Attention, ...]

    @property
    def parts(self) -> Parts:
        """The N parts of the passages."""
        return Parts.of(self.passages)


def extract(
    examples: Sequence[Example],
    proxy: Proxy,
    *,
    n_layers: int,
    passage_tokens: int,
    store: Path | None = None,
    advance: Advance = lambda done, total: None,
) -> list[Reading]:
    """Read every example's passages.

    Args:
        examples: questions with their sentences.
        proxy: the model to probe.
        n_layers: layers to read, from the first.
        passage_tokens: longest passage.
        store: folder of one file per question; what is there from an earlier, interrupted run is not read
            again. A file is bound to question, documents, proxy and its precision, template, layers and
            passage length.
        advance: called with (questions done, questions in all).

    Raises:
        DataError: if the store can't be written.
    """
    readings = []
    for done, example in enumerate(examples, 1):
        readings.append(_read(example, proxy, n_layers, passage_tokens, store))
        advance(done, len(examples))
    return readings


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What was read again for one question.

    Attributes:
        first: the first reading.
        probabilities: (N,) of its parts, from which was chosen.
        chosen: facts and passages.
        attentions: in the chosen passages, in order.
    """

    first: Reading
    probabilities: NDArray[np.float64]
    chosen: Chosen
    attentions: tuple[Attention, ...]


def extract_again(
    readings: Sequence[Reading],
    probabilities: Sequence[NDArray[np.float64]],
    proxy: Proxy,
    recipe: Recipe,
    *,
    n_layers: int,
    store: Path | None = None,
    advance: Advance = lambda done, total: None,
) -> list[SecondReading]:
    """Read passages again as the second look does; questions in which nothing is chosen are left out.

    Args:
        probabilities: (N,) of each reading's parts after the first look.
        store: as for ``extract``.
    """
    found = []
    for done, (reading, own) in enumerate(zip(readings, probabilities, strict=True), 1):
        chosen = choose(own, reading.parts, recipe)
        attentions = chosen and _read_again(reading, chosen, proxy, n_layers, store)
        if chosen and attentions:
            found.append(SecondReading(reading, own, chosen, attentions))
        advance(done, len(readings))
    return found


def _read_again(
    reading: Reading, chosen: Chosen, proxy: Proxy, n_layers: int, store: Path | None
) -> tuple[Attention, ...] | None:
    example, passages = reading.example, [reading.passages[p] for p in chosen.passages]
    tail = make_tail(proxy.tokenizer, Template(), example.question, fact_texts(example.segmentation, chosen))
    if max(len(join(p, tail)) for p in passages) > proxy.info.max_tokens:
        return None

    def probe() -> Sequence[Attention]:
        return proxy.probe([join(p, tail) for p in passages], n_layers=n_layers)

    name = key(*_about(proxy, n_layers), tail.ids, [[p.prefix, p.spans] for p in passages])
    return _load_or_probe(store and store / "again", name, passages, (proxy, tail.row_names), probe)


def _read(example: Example, proxy: Proxy, n_layers: int, passage_tokens: int, store: Path | None) -> Reading:
    template, parts = Template(), example.segmentation

    def probe() -> Sequence[Attention]:
        return probe_passages(
            proxy, template, example.question, parts, n_layers=n_layers, passage_tokens=passage_tokens
        )[1]

    passages = cut_passages(proxy.tokenizer, template, parts, passage_tokens)
    text = [[d.title, d.text] for d in parts.documents]
    spans = [[s.document, s.start_char, s.end_char] for s in parts.sentences]
    name = key(*_about(proxy, n_layers), passage_tokens, example.question, text, spans)
    return Reading(example, passages, _load_or_probe(store, name, passages, (proxy, ROWS), probe))


def _about(proxy: Proxy, n_layers: int) -> list[object]:
    """What all attention depends on."""
    return [proxy.info.fingerprint, proxy.info.precision, Template().fingerprint(), n_layers]


def _load_or_probe(
    store: Path | None,
    name: str,
    passages: Sequence[Passage],
    model: tuple[Proxy, tuple[str, ...]],
    probe: Callable[[], Sequence[Attention]],
) -> tuple[Attention, ...]:
    """The attention in passages, as it was stored or read now.

    Args:
        model: the proxy, and the rows that are read.
    """

    def read() -> dict[str, NDArray[np.float32]]:
        return {"mass": np.concatenate([a.mass for a in probe()], axis=-1).astype(np.float32)}

    (proxy, rows), mass = model, load_or_read(store, name, read)["mass"]
    ends = list(accumulate(len(p.spans) for p in passages))
    return tuple(
        Attention(mass[..., end - len(p.spans) : end], Parts.of([p]).n_tokens, rows, proxy.info.fingerprint)
        for p, end in zip(passages, ends, strict=True)
    )
