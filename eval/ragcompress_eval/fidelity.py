"""What do fewer bits cost? The proxy in int8, and keys and values kept in fewer bytes, against float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from ragcompress import Attention, Budget, BudgetTooSmall, Compressor, Proxy, load_proxy, scorers
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import ProxyName
from ragcompress.data import Progress
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy import packing
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.proxy.reuse import MemoryStore
from ragcompress.training.examples import Example

from .bench import options
from .bench.metrics import recall
from .bench.provenance import provenance
from .report import page as report

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


def read_all(
    examples: Sequence[Example],
    *,
    scorer: str,
    proxy: str,
    ratios: Sequence[float],
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Reading]]:
    """Read every question with every variant; readings by variant, in the order of the examples."""
    found: dict[str, list[Reading]] = {name: [] for name in VARIANTS}
    whole = _compressor(scorer, load_proxy(proxy, precision="int8", reuse_bytes=0))
    store = _Coarse()
    exact = _compressor(scorer, load_proxy(proxy, precision="float32", store=store))
    for number, example in enumerate(examples):
        store.exact = MemoryStore(_ENDLESS)
        for name in VARIANTS:
            store.precision = name.removeprefix(_KEPT) if name.startswith(_KEPT) else "float32"
            found[name].append(_read(example, whole if name == "int8" else exact, ratios))
        progress(number + 1, len(examples))
    return found


def summarise(examples: Sequence[Example], readings: Mapping[str, Sequence[Reading]]) -> list[dict[str, Any]]:
    """One result per data set, variant and ratio, ready for JSON.

    ``distance``: how far the attention of the prompt's last token on the sentences is from float32's: L1,
    mean over passages, layers and heads, in [0, 2]. ``overlap``: share of the sentences kept in float32 that
    are kept too, mean over questions. ``evidence_recall`` is over the questions with evidence.
    """
    results = []
    for dataset in dict.fromkeys(e.dataset for e in examples):
        chosen = [i for i, e in enumerate(examples) if e.dataset == dataset]
        reference = readings[VARIANTS[0]]
        for name in readings:
            pairs = [(reference[i], readings[name][i]) for i in chosen]
            for ratio in reference[chosen[0]].kept:
                told = [i for i in chosen if examples[i].gold]
                recalls = [recall(examples[i].gold, readings[name][i].kept[ratio]) for i in told]
                results.append(
                    {
                        "dataset": dataset,
                        "variant": name,
                        "ratio": ratio,
                        "n": len(chosen),
                        "distance": float(np.mean([_distance(a, b) for a, b in pairs])),
                        "overlap": float(np.mean([_overlap(a.kept[ratio], b.kept[ratio]) for a, b in pairs])),
                        "evidence_recall": float(np.mean(recalls)) if recalls else None,
                        "n_evidence": len(recalls),
                    }
                )
    return results


def table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out results of ``summarise``."""
    result = Table(box=box.SIMPLE_HEAD)
    for heading in ("dataset", "variant"):
        result.add_column(heading)
    for heading in ("ratio", "n", "distance", "overlap", "evidence recall"):
        result.add_column(heading, justify="right")
    for r in results:
        found = "–" if r["evidence_recall"] is None else f"{r['evidence_recall']:.3f}"
        numbers = (f"{r['ratio']:g}", str(r["n"]), f"{r['distance']:.3f}", f"{r['overlap']:.3f}", found)
        result.add_row(r["dataset"], r["variant"], *numbers)
    return result


def fidelity_command(
    files: options.Files,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help="One that reads the proxy.")
    ] = scorers.DEFAULT,
    ratio: options.Ratios = [],  # noqa: B006 - typer copies it
    limit: options.Limit = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", callback=options.check_output, metavar="OUT", help="Write here.")
    ] = None,
    proxy: ProxyName = DEFAULT_PROXY,
) -> None:
    """What do fewer bits cost? Attention, kept sentences and evidence, against the proxy in float32."""
    options.check_json(json_file, files, resume=False)
    (scorer,) = options.check_scorers([scorer])
    if not scorers.load(scorer).needs_proxy:
        raise typer.BadParameter(f"the scorer {scorer} reads no proxy")
    read, examples = options.read_examples(files, limit=limit, on_bad=options.OnBad.stop)
    with count_bar("reading questions") as progress:
        readings = read_all(examples, scorer=scorer, proxy=proxy, ratios=ratio or [0.2], progress=progress)
    results = summarise(examples, readings)
    if json_file:
        settings = {"scorer": scorer, "proxy": proxy}
        about = provenance(read, limit=limit, seed=0, settings=settings)
        del about["bootstrap"]  # Nothing is resampled here.
        report.write_json(json_file, {"results": results, "provenance": about})
    out().print(table(results))


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
