"""Is the answer likely in here at all? Signals against questions whose gold documents were removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from ragcompress import Attention, Proxy, RagCompressError, Scores, Segmentation, __version__, load_proxy
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import Backend, ProxyName
from ragcompress.data import Progress
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Recalling

from .bench import options
from .bench.bootstrap import LEVEL, N_RESAMPLES, pooled_auc, resample
from .bench.journal import Journal, beside, fingerprint
from .bench.provenance import provenance, session
from .report import page as report

REMOVED = ("all", "one")
SIGNALS = ("highest", "expected", "any", "second", "mass", "row focus", "passage focus")
Signals = dict[str, float]


def signals(scores: Scores, attentions: Sequence[Attention]) -> Signals:
    """What a scorer has to say, each the larger the likelier the answer is in the documents.

    ``highest``, ``second``: of the probabilities p of all sentences. ``expected``: their sum, the number of
    needed sentences that the scorer expects. ``any``: 1 - Π (1 - p), if sentences were independent. From the
    question's row of each passage, mean over layers and heads: ``mass``, the largest share of it that falls
    on a passage; ``row focus`` and ``passage focus``, 1 - entropy ÷ log n of how it divides up among all
    sentences and among the passages, in [0, 1].
    """
    p = np.sort(scores.values)[::-1]
    rows = [a.mass[a.rows.index("question")].astype(np.float64).mean((0, 1)) for a in attentions]
    passages = np.array([r.sum() for r in rows])
    return {
        "highest": float(p[0]),
        "expected": float(p.sum()),
        "any": float(1 - np.prod(1 - p)),
        "second": float(p[1]) if len(p) > 1 else 0.0,
        "mass": float(passages.max()),
        "row focus": _focus(np.concatenate(rows)),
        "passage focus": _focus(passages),
    }


def _focus(weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """1 - entropy ÷ log n of weights that are made to sum to 1; 1 where there is one."""
    if len(weights) < 2:
        return 1.0
    shares = weights[weights > 0] / weights.sum()
    return float(1 + (shares * np.log(shares)).sum() / np.log(len(weights)))


def without_gold(example: Example, removed: str) -> Segmentation | None:
    """The documents without those that hold evidence (``all``), or without the last of them (``one``).

    None where there is no evidence, nothing else would be left, or ``one`` is all there are.
    """
    parts = example.segmentation
    gold = sorted({parts.sentences[i].document for i in example.gold})
    gone = gold if removed == "all" else gold[-1:] if len(gold) > 1 else []
    stay = [d for d in range(len(parts.documents)) if d not in gone]
    place = {d: n for n, d in enumerate(stay)}
    sentences = tuple(replace(s, document=place[s.document]) for s in parts.sentences if s.document in place)
    return Segmentation(tuple(parts.documents[d] for d in stay), sentences) if gone and sentences else None


def measure(example: Example, scorer: Scorer, proxy: Recalling) -> dict[str, Signals]:
    """Signals with everything, and by what was removed: the other passages are read alike without it."""

    def read(parts: Segmentation) -> Signals:
        scores = scorer.score(example.question, parts)
        return signals(scores, proxy.last)

    others = {r: parts for r in REMOVED if (parts := without_gold(example, r)) is not None}
    if not others:
        return {}
    return {"nothing": read(example.segmentation), **{r: read(parts) for r, parts in others.items()}}


def run(
    examples: Sequence[Example],
    scorer: Scorer,
    proxy: Proxy,
    *,
    store: Path | None = None,
    journal: Journal,
    progress: Progress = lambda done, total: None,
) -> dict[str, list[dict[str, Signals]]]:
    """Signals of each question by data set; questions without evidence that can be removed are left out.

    Args:
        scorer: of this proxy.
        store: see ``extraction.extract``.
    """
    recalling, probe = Recalling(proxy), scorer.probe
    scorer = Scorer(proxy=recalling, probe=probe)
    found: dict[str, list[dict[str, Signals]]] = {e.dataset: [] for e in examples}
    for done, example in enumerate(examples, 1):
        key = (example.id, fingerprint(example))
        if key not in journal.rows:
            recalling.learn(
                example, n_layers=probe.n_layers, passage_tokens=probe.passage_tokens, store=store
            )
            journal.add(key, {"signals": measure(example, scorer, recalling)})
        if journal.rows[key]["signals"]:
            found[example.dataset].append(journal.rows[key]["signals"])
        progress(done, len(examples))
    return found


def summarise(found: Mapping[str, Sequence[Mapping[str, Signals]]], *, seed: int) -> list[dict[str, Any]]:
    """One result per data set, kind of removal and signal, ready for JSON.

    ``auc``: how often a question with all its documents has a higher signal than one (the same or another)
    without; ``whole`` and ``removed`` are quartiles of the signal.
    """
    results = []
    for dataset, questions in found.items():
        for removed in REMOVED:
            both = [q for q in questions if removed in q]
            for name in SIGNALS if both else ():
                values = np.array([[q["nothing"][name], q[removed][name]] for q in both])
                kinds = [np.array([True, False])] * len(both)
                estimate = pooled_auc(list(values), kinds, resample(len(both), seed=seed))
                whole, gone = np.quantile(values, [0.25, 0.5, 0.75], axis=0).T.tolist()
                results.append(
                    {
                        "dataset": dataset,
                        "removed": removed,
                        "signal": name,
                        "n": len(both),
                        "auc": estimate.value,
                        "ci": list(estimate.interval()),
                        "whole": whole,
                        "without": gone,
                    }
                )
    return results


def table(results: Sequence[Mapping[str, Any]], *, seed: int) -> Table:
    """Lay out results of ``summarise``."""
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
        "\nwhole, without: quartiles of the signal, with all documents and with the gold ones removed"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("dataset", "gold removed", "signal"):
        result.add_column(heading)
    for heading in ("n", "AUC", "whole", "without"):
        result.add_column(heading, justify="right")
    previous = None
    for r in results:
        group = (r["dataset"], r["removed"])
        if previous not in (None, group):
            result.add_section()
        previous = group
        low, high = r["ci"]
        quartiles = [" ".join(f"{v:.3f}" for v in r[key]) for key in ("whole", "without")]
        cells = (str(r["n"]), f"{r['auc']:.3f} [{low:.2f}, {high:.2f}]", *quartiles)
        result.add_row(*group, r["signal"], *cells)
    return result


def sufficiency_command(
    files: options.Files,
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    resume: options.Resume = False,
    store: options.Store = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: options.Seed = 0,
) -> None:
    """Does a signal tell that the gold documents are not there? AUC of what the default scorer knows."""
    options.check_json(json_file, files, resume=resume)
    read, examples = options.read_examples(files, limit=limit, on_bad=options.OnBad.stop)
    model = load_proxy(proxy, backend=backend)
    scorer = Scorer(proxy=model)
    settings = {"scorer": scorer.name, **model.info.settings()}
    rests_on = {"command": "sufficiency", "version": __version__, **settings}
    rows = beside(json_file) if json_file else None
    with (
        Journal(rows, settings=rests_on, session=session(), resume=resume) as journal,
        count_bar("reading questions") as progress,
    ):
        found = run(examples, scorer, model, store=store, journal=journal, progress=progress)
        results = summarise(found, seed=seed)
        if not results:
            raise RagCompressError("no question has evidence that can be removed")
        if json_file:
            about = provenance(read, limit=limit, seed=seed, settings=settings, sessions=journal.sessions)
            report.write_json(json_file, {"results": results, "provenance": about})
            journal.finish()
    out().print(table(results, seed=seed))
