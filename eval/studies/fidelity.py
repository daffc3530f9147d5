"""What do fewer bits cost? The proxy in int8, and keys and values kept in fewer bytes, against float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from ragcompress import Attention, Budget, BudgetTooSmall, Compressor, Proxy, load_proxy, scorers
from ragcompress.cli.options import ProxyName
from ragcompress.data import Progress
from ragcompress.probes import DEFAULT_SCORER
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy import packing
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.proxy.reuse import MemoryStore
from ragcompress.training.examples import Example
from ragcompress_eval.bench import options
from ragcompress_eval.bench.metrics import recall
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Row, Study, mean, plain

METRICS = (
    plain("distance", "distance", better="lower"),
    plain("overlap", "overlap", better="higher"),
    mean("evidence_recall", "evidence recall"),
)
_ENDLESS = 1 << 40
_KEPT = "kept-"
VARIANTS = ("float32", "int8", *(f"{_KEPT}{p}" for p in packing.PRECISIONS if p != "float32"))
"""The reference; the proxy in int8; keys and values of float32 kept in fewer bytes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One question as one variant reads it.

    Attributes:
        attention: of every passage, at the first look; what a second one reads depends on the first's scores.
        kept: for each ratio, the sentences that were kept.
    """

    attention: tuple[Attention, ...]
    kept: Mapping[float, frozenset[int]]


@dataclass(slots=True)
class _Coarse:
    """A store that keeps all exactly, and hands it out as one of ``precision`` would."""

    precision: str = "float32"
    exact: MemoryStore = field(default_factory=lambda: MemoryStore(_ENDLESS))

    def get(self, key: str) -> NDArray[np.float32] | None:
        found = self.exact.get(key)
        return None if found is None else packing.unpack(packing.pack(found, self.precision))

    def put(self, key: str, array: NDArray[np.float32]) -> None:
        self.exact.put(key, array)


class _Watched:
    """A proxy whose answers to the first call are noted."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self.info, self.tokenizer = proxy, proxy.info, proxy.tokenizer
        self.read: list[Attention] = []

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        found = self._proxy.probe(prompts, n_layers=n_layers, progress=progress)
        self.read = self.read or list(found)
        return found


def study(read: Callable[[Example], Mapping[str, Reading]], ratios: Sequence[float]) -> Study:
    """Variants × ratios, each beside float32.

    ``distance``: how far the attention of the prompt's last token on the sentences is from float32's: L1,
    mean over passages, layers and heads, in [0, 2]. ``overlap``: share of the sentences kept in float32 that
    are kept too. ``evidence_recall`` is over the questions with evidence.

    Args:
        read: a question by every variant.
    """
    conditions = tuple(
        Condition(f"{name}, {ratio}", {"variant": name, "ratio": ratio})
        for name, ratio in product(VARIANTS, ratios)
    )
    now: dict[str, tuple[Example, Mapping[str, Reading]]] = {}

    def measure(example: Example, condition: Condition) -> Row:
        if "" not in now or now[""][0] is not example:
            now[""] = example, read(example)
        readings, ratio = now[""][1], condition.labels["ratio"]
        assert isinstance(ratio, float)
        reference, own = readings[VARIANTS[0]], readings[str(condition.labels["variant"])]
        return Row({
            "distance": _distance(reference, own),
            "overlap": _overlap(reference.kept[ratio], own.kept[ratio]),
            "evidence_recall": recall(example.gold, own.kept[ratio]) if example.gold else None,
        })  # fmt: skip

    return Study("fidelity", "What do fewer bits cost?", conditions, measure, METRICS)


def reader(scorer: str, proxy: str, ratios: Sequence[float]) -> Callable[[Example], Mapping[str, Reading]]:
    """What reads a question with every variant, one after the other."""
    whole = _compressor(scorer, load_proxy(proxy, precision="int8", reuse_bytes=0))
    store = _Coarse()
    exact = _compressor(scorer, load_proxy(proxy, precision="float32", store=store))

    def read(example: Example) -> dict[str, Reading]:
        store.exact = MemoryStore(_ENDLESS)
        found = {}
        for name in VARIANTS:
            store.precision = name.removeprefix(_KEPT) if name.startswith(_KEPT) else "float32"
            found[name] = _read(example, whole if name == "int8" else exact, ratios)
        return found

    return read


@study_command
def fidelity_command(
    run: Run,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help="One that reads the proxy.")
    ] = DEFAULT_SCORER,
    ratio: options.Ratios = [],  # noqa: B006 - typer copies it
    proxy: ProxyName = DEFAULT_PROXY,
) -> None:
    """What do fewer bits cost? Attention, kept sentences and evidence, against the proxy in float32."""
    (scorer,) = options.check_scorers([scorer])
    if not scorers.load(scorer).needs_proxy:
        raise typer.BadParameter(f"the scorer {scorer} reads no proxy")
    questions, ratios = run.read(), ratio or [0.2]
    run.carry_out(study(reader(scorer, proxy, ratios), ratios), questions, {"scorer": scorer, "proxy": proxy})


def _compressor(scorer: str, proxy: Proxy) -> Compressor:
    return Compressor(scorers.make(scorer, proxy=lambda: _Watched(proxy)), counter=proxy.tokenizer)


def _read(example: Example, compressor: Compressor, ratios: Sequence[float]) -> Reading:
    watched = getattr(compressor.scorer, "proxy")  # noqa: B009 - not every scorer has one
    watched.read.clear()
    scores = compressor.scorer.score(example.question, example.segmentation)
    kept = {}
    for ratio in ratios:
        try:
            context = compressor(
                example.question, example.segmentation, budget=Budget(ratio=ratio), scores=scores
            )
            kept[ratio] = frozenset(context.selection.kept)
        except BudgetTooSmall:
            kept[ratio] = frozenset()
    return Reading(tuple(watched.read), kept)


def _distance(left: Reading, right: Reading) -> float:
    pairs = zip(left.attention, right.attention, strict=True)
    return float(np.mean([np.abs(a.mass[0] - b.mass[0]).sum(-1) for a, b in pairs]))


def _overlap(reference: frozenset[int], kept: frozenset[int]) -> float:
    return len(reference & kept) / len(reference) if reference else 1.0
