"""The attention that a proxy pays to labelled sentences, extracted once and kept on disk for training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragcompress import Attention, DataError
from ragcompress.data import Progress
from ragcompress.prompts.passages import Passage, Prompt, Template, cut_passages, join, make_tail
from ragcompress.proxy.base import Proxy
from ragcompress.scorers.passage_probe.scorer import probe_again, probe_passages
from ragcompress.scorers.passage_probe.second_look import Chosen, Recipe, choose, told

from .examples import Example

FORMAT = 2
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for one question: its passages and the attention in each, in order."""

    example: Example
    passages: tuple[Passage, ...]
    attentions: tuple[Attention, ...]


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
    template = Template()
    readings = []
    for done, example in enumerate(examples, 1):
        path = None
        if store is not None:
            path = store / f"{_key(example, proxy, template, n_layers, passage_tokens)}.npz"
        readings.append(_read(example, proxy, template, n_layers, passage_tokens, path))
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
        store: as for ``extract``; here a file per passage.
    """
    found = []
    for done, (reading, own) in enumerate(zip(readings, probabilities, strict=True), 1):
        chosen = choose(own, reading.passages, recipe)
        attentions = chosen and _read_again(reading, chosen, proxy, n_layers, store)
        if chosen and attentions:
            found.append(SecondReading(reading, own, chosen, tuple(attentions)))
        advance(done, len(readings))
    return found


def _read_again(
    reading: Reading, chosen: Chosen, proxy: Proxy, n_layers: int, store: Path | None
) -> list[Attention] | None:
    example, passages = reading.example, [reading.passages[p] for p in chosen.passages]
    tail = make_tail(proxy.tokenizer, Template(), example.question, told(example.segmentation, chosen))
    parts = [FORMAT, proxy.info.fingerprint, proxy.info.precision, n_layers, tail.ids]
    keys = [hashlib.sha256(repr([*parts, p.prefix, p.spans]).encode()).hexdigest()[:32] for p in passages]
    paths = [store and store / "again" / f"{key}.npz" for key in keys]
    if all(path is not None and path.exists() for path in paths):
        return [a for path, p in zip(paths, passages, strict=True) if path for a in _load(path, [p], proxy)]
    attentions = probe_again(
        proxy,
        Template(),
        example.question,
        example.segmentation,
        reading.passages,
        chosen,
        n_layers=n_layers,
    )
    for path, attention in zip(paths, attentions or (), strict=False):
        if path is not None:
            _save(path, [attention])
    return attentions


class Recalling:
    """A proxy that reads no prompt twice, nor those that ``extract`` has read.

    Attributes:
        last: what it gave for the latest first look.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self.info, self.tokenizer = proxy, proxy.info, proxy.tokenizer
        self._known: dict[tuple[Prompt, int], Attention] = {}
        self.last: list[Attention] = []

    def learn(self, example: Example, *, n_layers: int, passage_tokens: int, store: Path | None) -> None:
        """Forget all else, and know one question's passages; arguments as for ``extract``."""
        (reading,) = extract(
            [example], self._proxy, n_layers=n_layers, passage_tokens=passage_tokens, store=store
        )
        tail = make_tail(self.tokenizer, Template(), example.question)
        prompts = [_place_free(join(p, tail)) for p in reading.passages]
        self._known = {(p, n_layers): a for p, a in zip(prompts, reading.attentions, strict=True)}

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""
        keys = [(_place_free(p), n_layers) for p in prompts]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            read = self._proxy.probe([prompts[i] for i in new], n_layers=n_layers, progress=progress)
            self._known |= {keys[i]: a for i, a in zip(new, read, strict=True)}
        found = [self._known[key] for key in keys]
        if all("facts" not in p.row_names for p in prompts):
            self.last = found
        return found


def _place_free(prompt: Prompt) -> Prompt:
    """The prompt, wherever its sentences stand among those of a question."""
    return replace(prompt, sentences=tuple(range(len(prompt.sentences))))


def _read(
    example: Example, proxy: Proxy, template: Template, n_layers: int, passage_tokens: int, path: Path | None
) -> Reading:
    if path is not None and path.exists():
        passages = cut_passages(proxy.tokenizer, template, example.segmentation, passage_tokens)
        return Reading(example, passages, tuple(_load(path, passages, proxy)))
    passages, attentions = probe_passages(
        proxy,
        template,
        example.question,
        example.segmentation,
        n_layers=n_layers,
        passage_tokens=passage_tokens,
    )
    if path is not None:
        _save(path, attentions)
    return Reading(example, passages, tuple(attentions))


def _key(example: Example, proxy: Proxy, template: Template, n_layers: int, passage_tokens: int) -> str:
    text = [[d.title, d.text] for d in example.segmentation.documents]
    spans = [[s.document, s.start_char, s.end_char] for s in example.segmentation.sentences]
    parts = [
        FORMAT, proxy.info.fingerprint, proxy.info.precision, template.fingerprint(), n_layers, passage_tokens
    ]  # fmt: skip
    whole = json.dumps([*parts, example.question, text, spans])
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _save(path: Path, attentions: Sequence[Attention]) -> None:
    mass = np.concatenate([a.mass for a in attentions], axis=-1)
    temporary = path.with_suffix(".tmp.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, mass=mass.astype(np.float32), rows=np.array(attentions[0].rows))
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"the attention can't be stored in {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _load(path: Path, passages: Sequence[Passage], proxy: Proxy) -> Iterator[Attention]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            mass: NDArray[np.float32] = stored["mass"]
            rows = tuple(str(r) for r in stored["rows"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and run again") from error
    start = 0
    for passage in passages:
        stop = start + len(passage.spans)
        n_tokens = np.array([end - begin for begin, end in passage.spans], dtype=np.int64)
        yield Attention(mass[..., start:stop], n_tokens, rows, proxy.info.fingerprint)
        start = stop
